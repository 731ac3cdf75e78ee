import Auditing
import Foundation
import Multimodal
import Records
import Reports
import Testing

@Suite("Awkward tables")
struct AwkwardTableTests {
  /// Every number of the record is finite, and the words can be made.
  private func measure(_ table: PredictionTable, _ metric: Metric = .accuracy) throws -> AuditRecord {
    let record = try Audit.measure(table, options: AuditOptions(metric: metric, replicates: 20, permutations: 10))
    let text = AuditText(record)
    #expect(!text.paragraphs.isEmpty && !text.text().contains("nan") && !text.text().contains("inf"))
    for (path, interval) in record.interval95 {
      #expect(interval.low.isFinite && interval.high.isFinite && interval.low <= interval.high, Comment(rawValue: path))
    }
    #expect(try !record.json().contains("null"))
    return record
  }

  private func table(
    _ rows: Int, classes: Int = 2, modalities: [String] = ["image", "text"], labels: (Int) -> Int,
    answer: (Int) -> [Double]
  ) throws -> PredictionTable {
    let scores = try AnswerTable(rows: rows, classes: classes, values: (0..<rows).flatMap(answer))
    var conditions = ["full": scores]
    for name in modalities {
      conditions["alone:\(name)"] = scores
      conditions["probe:\(name)"] = scores
      if modalities.count > 1 { conditions["missing:\(name)"] = scores }
    }
    let index = (0..<rows).map { ($0 + 1) % rows }
    let cells = min(rows, 4)
    return try PredictionTable(
      classes: (0..<classes).map { "c\($0)" }, modalities: modalities, labels: .classes((0..<rows).map(labels)),
      conditions: conditions,
      swaps: modalities.map { PredictionTable.Swap(modality: $0, k: 0, index: index, scores: scores) },
      grid: modalities.count == 2 && cells > 1
        ? PredictionTable.Grid(
          index: Array(0..<cells),
          scores: try AnswerTable(
            rows: cells * cells, classes: classes, values: (0..<(cells * cells)).flatMap { _ in answer(0) }))
        : nil)
  }

  @Test("one row, rows of one class, answers that are all the same, and answers that are all wrong are measured")
  func few() throws {
    _ = try measure(table(1, labels: { _ in 0 }, answer: { _ in [1, 0] }))
    let same = try measure(table(20, labels: { _ in 1 }, answer: { _ in [0, 1] }))
    #expect(same.findings.contains(.learnedNothing) && same.swap["text"]?.divergence == 0)
    let flat = try measure(table(20, labels: { $0 % 2 }, answer: { _ in [0.5, 0.5] }))
    #expect(flat.emap?.shares.isEmpty == true && flat.leaning["variance"] == nil)
    let wrong = try measure(table(20, labels: { $0 % 2 }, answer: { $0 % 2 == 0 ? [0, 1] : [1, 0] }))
    #expect(wrong.scores["full"]?.value == 0 && wrong.swap["text"]?.drop != nil && wrong.utilisation.isEmpty)
  }

  @Test("one modality leaves nothing to lean on, and says so")
  func one() throws {
    let found = try measure(
      table(20, modalities: ["text"], labels: { $0 % 2 }, answer: { $0 % 2 == 0 ? [0.8, 0.2] : [0.2, 0.8] }))
    #expect(found.untold.map(\.measure) == ["modalities"] && found.routing == nil && found.pid == nil)
  }

  @Test("many classes are set one against the rest, and two are scored by the area under the curve")
  func classes() throws {
    let many = try measure(
      table(60, classes: 12, labels: { $0 % 12 }, answer: { row in (0..<12).map { $0 == row % 12 ? 0.45 : 0.05 } }))
    #expect((many.pid?.redundant ?? 0) > 0.1 && many.pid?.unique.values.allSatisfy { abs($0) < 0.01 } == true)
    let binary = try measure(
      table(40, labels: { $0 % 2 }, answer: { $0 % 2 == 0 || $0 % 10 == 1 ? [0.7, 0.3] : [0.2, 0.8] }), .auroc)
    #expect(binary.metric == "auroc" && (binary.scores["full"]?.value ?? 0) > 0.85 && binary.chance == 0.5)
  }
}
