import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@testable import Auditing

struct PointwiseBitsTests {
  /// Rows of two fair bits, with embeddings of them that carry noise.
  private func table(
    rows: Int = 400, label: (Int, Int) -> Int, alone: [(Int, Int) -> Double], full: (Int, Int) -> Double,
    widths: [Int] = [6, 3], groups: [String]? = nil, embedded: Bool = true
  ) throws -> PredictionTable {
    var numbers = SeededNumbers(seed: 1, stream: "test/pointwise")
    let bits = (0..<rows).map { _ in (numbers.uniform() < 0.5 ? 0 : 1, numbers.uniform() < 0.5 ? 0 : 1) }
    func scores(_ right: ((Int, Int)) -> Double) throws -> AnswerTable {
      try AnswerTable(
        rows: rows, classes: 2,
        values: bits.flatMap { pair -> [Double] in
          let believed = right(pair)
          return label(pair.0, pair.1) == 0 ? [believed, 1 - believed] : [1 - believed, believed]
        })
    }
    let embeddings = widths.enumerated().map { place, width in
      PredictionTable.Embedding(
        width: width,
        values: bits.flatMap { pair in
          (0..<width).map { column in
            Float((place == 0 ? pair.0 : pair.1) * (column == 0 ? 4 : 0)) + Float(numbers.normal())
          }
        })
    }
    return try PredictionTable(
      classes: ["no", "yes"], modalities: ["image", "text"], labels: .classes(bits.map { label($0.0, $0.1) }),
      groups: groups,
      conditions: ["full": try scores(full), "alone:image": try scores(alone[0]), "alone:text": try scores(alone[1])],
      prior: [0.5, 0.5], embeddings: embedded ? ["image": embeddings[0], "text": embeddings[1]] : [:])
  }

  private func bits(_ table: PredictionTable) throws -> SampleBits {
    let found = try Audit.measured([table], options: AuditOptions(replicates: 0, permutations: 1)).samples
    return try #require(found)
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

  @Test("an exclusive or is told by the combination only, in every sample")
  func exclusiveOr() throws {
    let found = try bits(table(label: { $0 ^ $1 }, alone: [{ _, _ in 0.5 }, { _, _ in 0.5 }], full: { _, _ in 1 }))
    #expect(found.synergy.allSatisfy { abs($0 - 1) < 1e-9 })
    #expect(found.redundant.allSatisfy { abs($0) < 1e-9 })
    #expect(found.unique.allSatisfy { $0.allSatisfy { abs($0) < 1e-9 } })
  }

  @Test("what both tell alike is redundant, in every sample")
  func copies() throws {
    let found = try bits(table(label: { a, _ in a }, alone: [{ _, _ in 1 }, { _, _ in 1 }], full: { _, _ in 1 }))
    #expect(found.redundant.allSatisfy { abs($0 - 1) < 1e-9 })
    #expect(found.synergy.allSatisfy { abs($0) < 1e-9 })
  }

  @Test("what one modality tells is unique to it on average")
  func unique() throws {
    let found = try bits(table(label: { a, _ in a }, alone: [{ _, _ in 1 }, { _, _ in 0.5 }], full: { _, _ in 1 }))
    // The label is known, or not, of every row alike: the means are exact.
    #expect(abs(mean(found.unique[0]) - 1) < 1e-9 && abs(mean(found.unique[1])) < 1e-9)
    #expect(abs(mean(found.redundant)) < 1e-9 && abs(mean(found.synergy)) < 1e-9)
  }

  @Test("parts of a sample add up to what each modality and both tell")
  func sums() throws {
    let table = try table(
      label: { a, b in a & b }, alone: [{ a, _ in a == 0 ? 0.9 : 0.6 }, { _, b in b == 0 ? 0.8 : 0.7 }],
      full: { a, b in a == b ? 0.95 : 0.9 })
    let found = try bits(table)
    for row in 0..<table.rows {
      func told(_ condition: String) throws -> Double {
        let answers = Answers(try #require(table.conditions[condition]), severalLabels: false)
        guard case .classes(let labels)? = table.labels else { return .nan }
        return 1 - answers.surprise(row, labels[row])
      }
      #expect(abs(found.redundant[row] + found.unique[0][row] - (try told("alone:image"))) < 1e-9)
      #expect(abs(found.redundant[row] + found.unique[1][row] - (try told("alone:text"))) < 1e-9)
      let all = found.redundant[row] + found.unique[0][row] + found.unique[1][row] + found.synergy[row]
      #expect(abs(all - (try told("full"))) < 1e-9)
    }
  }

  @Test("the shift is that of the authors' rule")
  func shift() {
    #expect(PointwiseBits.shift([-1, 0], [[1], [1]], [0.25]) == 0.5)
    #expect(PointwiseBits.shift([1], [[1], [1]], [-0.25]) == 0.25)
    #expect(PointwiseBits.shift([0.5], [[-0.25], [1]], [0.5]) == -0.25)
    #expect(PointwiseBits.shift([0.5], [[0.5], [1]], [0.5]) == 0)
  }

  @Test("scaling an embedding, or columns that do not vary, change no bit beyond rounding")
  func units() throws {
    let table = try table(
      label: { a, _ in a }, alone: [{ _, _ in 0.9 }, { _, _ in 0.6 }], full: { _, _ in 0.95 })
    let plain = try bits(table)
    let image = try #require(table.embeddings["image"])
    let wider = PredictionTable.Embedding(
      width: image.width + 1,
      values: (0..<table.rows).flatMap { row in
        image.values[(row * image.width)..<((row + 1) * image.width)].map { 1000 * $0 } + [7]
      })
    let scaled = try bits(
      PredictionTable(
        classes: table.classes, modalities: table.modalities, labels: table.labels, conditions: table.conditions,
        prior: table.prior, embeddings: ["image": wider, "text": try #require(table.embeddings["text"])]))
    #expect(zip(plain.redundant, scaled.redundant).allSatisfy { abs($0 - $1) < 1e-3 })
  }

  @Test("the record names the samples of each kind, the most first, and nothing below zero")
  func ranking() throws {
    let table = try table(
      label: { a, b in a & b }, alone: [{ a, _ in a == 0 ? 0.9 : 0.4 }, { _, b in b == 0 ? 0.9 : 0.4 }],
      full: { _, _ in 0.97 })
    let (record, samples) = try Audit.measured([table], options: AuditOptions(replicates: 0, permutations: 1))
    let found = try #require(record.pointwise)
    let bits = try #require(samples)
    #expect(found.synergy.first?.bits == bits.synergy.max())
    for list in [found.redundant, found.synergy] + found.unique.values {
      #expect(list.count <= 10 && list.allSatisfy { $0.bits > 0 })
      #expect(list.map(\.bits) == list.map(\.bits).sorted(by: >))
    }
    #expect(!record.untold.contains { $0.measure == "pointwise" })
    try withTemporaryFolder { folder in
      try record.write(to: folder)
      #expect(try AuditRecord.read(from: folder).pointwise == found)
    }
  }

  @Test("what is lacking is named: embeddings, rows, or one label a sample")
  func lacking() throws {
    func untold(_ table: PredictionTable) throws -> AuditRecord.Untold? {
      try Audit.measure(table, options: AuditOptions(replicates: 0, permutations: 1)).untold.first {
        $0.measure == "pointwise"
      }
    }
    let label = { (a: Int, _: Int) in a }
    let alone: [(Int, Int) -> Double] = [{ _, _ in 0.9 }, { _, _ in 0.6 }]
    let without = try table(label: label, alone: alone, full: { _, _ in 0.9 }, embedded: false)
    #expect(try untold(without)?.needs == ["embedding:image", "embedding:text"])
    let few = try table(rows: 60, label: label, alone: alone, full: { _, _ in 0.9 })
    #expect(try untold(few)?.why?.contains("60 rows are too few") == true)
  }

  @Test("an embedding of other rows, of an unknown modality or with NaN is refused by its name")
  func refused() throws {
    func refusal(_ name: String, _ embedding: PredictionTable.Embedding) -> String {
      do {
        _ = try PredictionTable(
          classes: ["no", "yes"], modalities: ["image", "text"], labels: nil,
          conditions: ["full": AnswerTable(rows: 3, classes: 2, values: [1, 0, 0, 1, 1, 0])],
          embeddings: [name: embedding])
        return "accepted"
      } catch { return Diagnosis(describing: error).what }
    }
    #expect(refusal("image", .init(width: 2, values: [1, 2, 3, 4])).contains("'embedding:image' has 2 rows"))
    #expect(refusal("sound", .init(width: 1, values: [1, 2, 3])).contains("'embedding:sound' names a modality"))
    #expect(refusal("text", .init(width: 1, values: [1, .nan, 3])).contains("row 1 of 'embedding:text' holds nan"))
  }
}
