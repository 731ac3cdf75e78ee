import Foundation
import Records
import Testing

struct SweepTableTests {
  static let modalities = ["image", "text"]
  static let conditions = ["image-missing", "text-missing", "image-noisy"]

  static func curve(_ name: String, _ image: [Double], _ text: [Double]) -> SweepTable.Curve {
    SweepTable.Curve(
      name: name,
      scores: ["image-missing": image, "text-missing": text, "image-noisy": image.map { $0 / 2 }],
      modalities: modalities)
  }

  static func table(_ curves: [SweepTable.Curve]) -> SweepTable {
    SweepTable(
      dataset: "emoji", metric: "accuracy", modalities: modalities, ratios: [0, 0.5, 1], conditions: conditions,
      curves: curves)
  }

  @Test("gap and average follow from the scores, where every modality was impaired so")
  func following() throws {
    let curve = Self.curve("a", [0.75, 0.5, 0.25], [0.75, 0.625, 0.5])
    #expect(curve.gap == ["missing": [0, 0.125, 0.25]])
    #expect(curve.average == ["missing": [0.75, 0.5625, 0.375]])
    #expect(curve.runs == 1)
  }

  @Test("the mean of runs has the mean of their scores, averages and gaps")
  func means() throws {
    let tables = [
      Self.table([Self.curve("seed 0", [0.75, 0.5, 0.25], [0.75, 0.75, 0.75])]),
      Self.table([Self.curve("seed 1", [0.25, 0.5, 0.75], [0.25, 0.25, 0.25])]),
    ]
    let mean = try #require(SweepTable.mean(of: tables, named: "joint"))
    #expect(mean.name == "joint")
    #expect(mean.runs == 2)
    #expect(mean.scores["image-missing"] == [0.5, 0.5, 0.5])
    #expect(mean.scores["text-missing"] == [0.5, 0.5, 0.5])
    #expect(mean.average["missing"] == [0.5, 0.5, 0.5])
    // One run leans on the image, the other on the text: their gaps do not cancel.
    #expect(mean.gap["missing"] == [0, 0.25, 0.5])
  }

  @Test("a mean of one run is that run")
  func one() throws {
    let curve = Self.curve("a", [0.75, 0.5, 0.25], [0.75, 0.625, 0.5])
    #expect(SweepTable.mean(of: [Self.table([curve])], named: "a") == curve)
  }

  @Test("there is no mean of nothing")
  func nothing() {
    #expect(SweepTable.mean(of: [], named: "a") == nil)
    #expect(SweepTable.mean(of: [Self.table([])], named: "a") == nil)
  }

  @Test("a condition that a run lacks has no mean")
  func holes() throws {
    let lacking = SweepTable.Curve(name: "b", scores: ["image-missing": [1, 1, 1]], modalities: Self.modalities)
    let tables = [Self.table([Self.curve("a", [0, 0, 0], [0, 0, 0])]), Self.table([lacking])]
    let mean = try #require(SweepTable.mean(of: tables, named: "a"))
    #expect(mean.scores == ["image-missing": [0.5, 0.5, 0.5]])
    #expect(mean.gap.isEmpty)
  }

  @Test("a table survives its file, whose keys come in the order of reading")
  func file() throws {
    let table = Self.table([Self.curve("joint", [0.75, 0.5, 0.25], [0.75, 0.625, 0.5])])
    let text = try table.json()
    #expect(try JSONDecoder().decode(SweepTable.self, from: Data(text.utf8)) == table)
    let keys = ["dataset", "metric", "modalities", "ratios", "conditions", "curves", "name", "runs", "scores"]
    let places = try keys.map { try #require(text.range(of: "\"\($0)\":")).lowerBound }
    #expect(places == places.sorted())
    let rows = try Self.conditions.map { try #require(text.range(of: "\"\($0)\":")).lowerBound }
    #expect(rows == rows.sorted())
  }
}
