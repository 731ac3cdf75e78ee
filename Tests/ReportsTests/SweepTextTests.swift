import Records
import Testing

@testable import Reports

struct SweepTextTests {
  static func table(
    _ curves: [(String, [String: [Double]])], conditions: [String], modalities: [String] = ["image", "text"]
  ) -> SweepTable {
    SweepTable(
      dataset: "emoji", metric: "macro-f1", modalities: modalities, ratios: [0, 0.25, 1], conditions: conditions,
      curves: curves.map { SweepTable.Curve(name: $0.0, scores: $0.1, modalities: modalities) })
  }

  static let two = table(
    [
      ("joint", ["image-missing": [0.86, 0.85, 0.828], "text-missing": [0.86, 0.75, 0.524]]),
      ("balgrad", ["image-missing": [0.863, 0.86, 0.842], "text-missing": [0.863, 0.8, 0.579]]),
    ], conditions: ["image-missing", "text-missing"])

  @Test("for a terminal: a block for each kind, the shares across")
  func text() {
    #expect(
      SweepText(Self.two, titles: ["balgrad": "BalGrad"]).text == """
        emoji · macro F1 in % against the share of impaired test samples

        share missing           0.00  0.25  1.00
        joint: image missing    86.0  85.0  82.8
        joint: text missing     86.0  75.0  52.4
        joint: gap              0.0   10.0  30.4
        BalGrad: image missing  86.3  86.0  84.2
        BalGrad: text missing   86.3  80.0  57.9
        BalGrad: gap            0.0   6.0   26.3
        """)
  }

  @Test("for a page, with names that mean nothing to Markdown")
  func markdown() {
    let table = Self.table([("a|b", ["text-noisy": [0.5, 0.4, 0.3]])], conditions: ["text-noisy"])
    #expect(
      SweepText(table).markdown == """
        | share noisy | 0.00 | 0.25 | 1.00 |
        | :-- | --: | --: | --: |
        | a\\|b: text noisy | 50.0 | 40.0 | 30.0 |

        """)
  }

  @Test("every kind has its block, also one that no gap can be told of, and one whose name ends like another's")
  func kinds() {
    let table = Self.table(
      [
        (
          "a",
          [
            "image-missing": [1, 1, 1], "text-missing": [1, 1, 0.5], "text-very-missing": [1, 0.5, 0],
            "text-late": [1, 0.5, 0.25],
          ]
        )
      ], conditions: ["image-missing", "text-missing", "text-very-missing", "text-late"])
    #expect(
      SweepText(table).text == """
        emoji · macro F1 in % against the share of impaired test samples

        share missing     0.00   0.25   1.00
        a: image missing  100.0  100.0  100.0
        a: text missing   100.0  100.0  50.0
        a: gap            0.0    0.0    50.0

        share very-missing    0.00   0.25  1.00
        a: text very-missing  100.0  50.0  0.0

        share late    0.00   0.25  1.00
        a: text late  100.0  50.0  25.0
        """)
  }
}
