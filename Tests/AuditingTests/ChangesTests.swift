import Auditing
import Multimodal
import Records
import Testing

/// What has changed from one audit to another.
@Suite("Changes between audits")
struct ChangesTests {
  /// A model that is sure of the class that the modality of `heeds` shows, where that one is right so often.
  private func table(
    _ rows: Int, heeds: String, right: Double, seed: UInt64, ids: [String]? = nil
  ) throws
    -> PredictionTable
  {
    var numbers = SeededNumbers(seed: seed, stream: "changes")
    let labels = (0..<rows).map { $0 % 4 }
    let said = labels.map { numbers.chance(right) ? $0 : ($0 + 1) % 4 }
    func scores(_ classes: [Int]) throws -> AnswerTable {
      try AnswerTable(
        rows: rows, classes: 4,
        values: classes.flatMap { own in (0..<4).map { $0 == own ? 0.91 : 0.03 } })
    }
    var swaps: [PredictionTable.Swap] = []
    for modality in ["image", "text"] {
      for k in 0..<3 {
        var partners = SeededNumbers(seed: 9, stream: "\(modality)/\(k)")
        let index = partners.permutation(rows)
        swaps.append(
          .init(
            modality: modality, k: k, index: index,
            scores: try scores(modality == heeds ? index.map { said[$0] } : said)))
      }
    }
    return try PredictionTable(
      ids: ids, classes: ["a", "b", "c", "d"], modalities: ["image", "text"], labels: .classes(labels),
      conditions: ["full": try scores(said)], swaps: swaps)
  }

  @Test("a table and itself differ by nothing, exactly")
  func same() throws {
    let table = try table(120, heeds: "text", right: 0.8, seed: 1)
    let change = try Audit.changes(from: table, to: table)
    #expect(change.paired)
    #expect(!change.differences.isEmpty)
    for (path, one) in change.differences {
      #expect(one.difference.value == 0 && one.difference.interval95 == Interval(low: 0, high: 0), "\(path)")
    }
    #expect(change.words.contains { $0.contains("leans on") && $0.contains("as before") })
  }

  @Test("a model that heeds another modality leans clearly more on it, and its intervals hold the truth")
  func leaning() throws {
    let old = try table(400, heeds: "image", right: 0.8, seed: 1)
    let new = try table(400, heeds: "text", right: 0.8, seed: 1)
    let change = try Audit.changes(from: old, to: new)
    let lean = try #require(change.differences["lean.text"])
    #expect(lean.isClear && lean.difference.value > 1)
    // The score is the same: both follow what is right equally often.
    #expect(change.differences["scores.full"]?.isClear == false)
    #expect(change.words.contains { $0.contains("more on text") }, "\(change.words)")
    let silent = try #require(change.differences["swap.image.divergence"])
    #expect(silent.new == 0 && silent.isClear)
    #expect(change.words.contains { $0.contains("the image has fallen nearly silent") }, "\(change.words)")
  }

  @Test("rows in another order are matched by their ids, and rows that only one has are left out")
  func order() throws {
    let names = (0..<60).map { "row \($0)" }
    let old = try table(60, heeds: "text", right: 0.7, seed: 3, ids: names)
    let values = try #require(old.conditions["full"]?.values)
    var backwards: [Double] = []
    for row in (0..<60).reversed() { backwards += values[(4 * row)..<(4 * row + 4)] }
    let labels = (0..<60).map { (59 - $0) % 4 }
    let reversed = try PredictionTable(
      ids: names.reversed(), classes: old.classes, modalities: old.modalities, labels: .classes(labels),
      conditions: ["full": try AnswerTable(rows: 60, classes: 4, values: backwards)])
    let change = try Audit.changes(from: old, to: reversed)
    #expect(change.paired)
    #expect(change.differences["scores.full"]?.difference.interval95 == Interval(low: 0, high: 0))
  }

  @Test("without labels use can be compared, over other samples too")
  func unlabelled() throws {
    let old = try table(200, heeds: "image", right: 0.8, seed: 1)
    let stream = try table(160, heeds: "text", right: 0.8, seed: 5, ids: (0..<160).map { "new \($0)" })
    let bare = try PredictionTable(
      ids: stream.ids, classes: stream.classes, modalities: stream.modalities, labels: nil,
      conditions: stream.conditions, swaps: stream.swaps)
    let change = try Audit.changes(from: old, to: bare)
    #expect(!change.paired && change.metric == nil)
    #expect(change.differences["scores.full"] == nil)
    #expect(change.differences["swap.image.divergence"]?.isClear == true)
    #expect(change.words.contains { $0.contains("the image has fallen nearly silent") }, "\(change.words)")
  }

  @Test("other classes, other modalities and other labels are refused")
  func refused() throws {
    let one = try table(40, heeds: "image", right: 0.8, seed: 1)
    let labels = try PredictionTable(
      ids: one.ids, classes: one.classes, modalities: one.modalities, labels: .classes((0..<40).map { ($0 + 1) % 4 }),
      conditions: one.conditions)
    #expect(throws: Diagnosis.self) { try Audit.changes(from: one, to: labels) }
    let classes = try PredictionTable(
      ids: one.ids, classes: ["a", "b", "c", "e"], modalities: one.modalities, labels: one.labels,
      conditions: one.conditions)
    #expect(throws: Diagnosis.self) { try Audit.changes(from: one, to: classes) }
  }
}
