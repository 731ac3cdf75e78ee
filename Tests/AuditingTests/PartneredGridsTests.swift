import Auditing
import Foundation
import Multimodal
import Records
import Testing

/// Addition or interaction of three modalities: what is planted, and against all combinations.
@Suite("Grids of more than two modalities")
struct PartneredGridsTests {
  private static let names = ["a", "b", "c"]

  /// A table whose model is a function of one symbol of each modality, with grids over all rows.
  private func table(
    rows: Int, seed: UInt64, symbols: Int = 2, labels: ([Int]) -> Int = { ($0[0] + $0[1] + $0[2]) % 2 },
    _ logits: ([Int]) -> [Double]
  ) throws -> PredictionTable {
    var numbers = SeededNumbers(seed: seed, stream: "planted/three")
    let seen = Self.names.map { _ in (0..<rows).map { _ in numbers.uniform(below: symbols) } }
    let orders = Self.names.map { _ in numbers.permutation(rows) }
    let partners = (0..<rows).map { draw in orders.map { $0[draw] } }
    func scores(_ combinations: [[Int]]) throws -> AnswerTable {
      let values = combinations.map { rows in logits(rows.enumerated().map { seen[$0][$1] }) }
      return try AnswerTable(
        rows: values.count, classes: values[0].count, kind: .logits, values: values.flatMap { $0 })
    }
    var grids: [String: AnswerTable] = [:]
    for (place, name) in Self.names.enumerated() {
      grids[name] = try scores(
        (0..<rows).flatMap { row in
          partners.map { draw in
            var own = draw
            own[place] = row
            return own
          }
        })
    }
    let truth = (0..<rows).map { row in labels(seen.map { $0[row] }) }
    let full = try scores((0..<rows).map { [$0, $0, $0] })
    return try PredictionTable(
      classes: (0..<full.classes).map { "\($0)" }, modalities: Self.names, labels: .classes(truth),
      conditions: ["full": full], grids: .init(index: Array(0..<rows), partners: partners, scores: grids))
  }

  private func emap(_ table: PredictionTable, replicates: Int = 0) throws -> AuditRecord.Additivity {
    try #require(try Audit.measure(table, options: AuditOptions(replicates: replicates)).emap)
  }

  @Test("a model that is a sum of three has a gap of 0 and nothing together, exactly, in every draw of rows")
  func sum() throws {
    func logits(_ seen: [Int]) -> [Double] {
      [3 * Double(seen[0]), 2 * Double(seen[1] * seen[1]), 9 * Double(seen[2]) - 1]
    }
    // What the model says, so that it is right.
    let table = try table(
      rows: 60, seed: 1, symbols: 5,
      labels: { seen in
        let all = logits(seen)
        return all.indices.reduce(0) { all[$1] > all[$0] ? $1 : $0 }
      }, logits)
    let record = try Audit.measure(table, options: AuditOptions(replicates: 40))
    let emap = try #require(record.emap)
    #expect(emap.gap == 0 && emap.shares["together"] == 0 && emap.rows == 60 && !emap.byConstruction)
    #expect(abs(emap.shares.values.reduce(0, +) - 1) < 1e-12)
    #expect(record.interval95["emap.gap"] == Interval(low: 0, high: 0))
    #expect(record.interval95["emap.shares.together"] == Interval(low: 0, high: 0))
    #expect(record.findings.contains(.addsUp) && !record.untold.contains { $0.measure == "emap" })
  }

  @Test("of a sum each share is its part's share of the variance over rows")
  func shares() throws {
    var seen: [Double] = []
    let table = try table(rows: 50, seed: 2, symbols: 4) { symbols in
      seen = symbols.map(Double.init)
      return [2 * seen[0] - seen[1] + 0.5 * seen[2], 0]
    }
    let emap = try emap(table)
    let full = try #require(table.conditions["full"])
    // The variance of the sum's three parts, by the rows' own symbols.
    var numbers = SeededNumbers(seed: 2, stream: "planted/three")
    let parts = [2.0, -1, 0.5].map { factor in
      (0..<50).map { _ in factor * Double(numbers.uniform(below: 4)) }
    }
    #expect((0..<50).allSatisfy { row in abs(full.values[2 * row] - parts.reduce(0) { $0 + $1[row] }) < 1e-12 })
    let variances = parts.map { part in
      let mean = part.reduce(0, +) / 50
      return part.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 50
    }
    for (name, variance) in zip(Self.names, variances) {
      #expect(abs((emap.shares[name] ?? 0) - variance / variances.reduce(0, +)) < 1e-10)
    }
  }

  @Test("of a three-way XOR all is together, the sum is at chance, and it is said that the model combines")
  func exclusiveOr() throws {
    let table = try table(rows: 80, seed: 3) { seen in
      (seen[0] + seen[1] + seen[2]) % 2 == 0 ? [3, 0] : [0, 3]
    }
    let record = try Audit.measure(table, options: AuditOptions(replicates: 60))
    let emap = try #require(record.emap)
    #expect((emap.shares["together"] ?? 0) > 0.97 && (emap.gap ?? 0) > 0.3 && (emap.score ?? 1) < 0.7)
    #expect(record.findings.contains(.combines))
    #expect((record.interval95["emap.gap"]?.low ?? 0) > 0.1)
  }

  @Test("shares agree with those over all combinations, on average over the draws")
  func unbiased() throws {
    // One bit each, ±1: 1 · a + 0.5 · b + 1 · a b c has variances 1, 0.25, 0 and 1.
    let expected = ["a": 1 / 2.25, "b": 0.25 / 2.25, "c": 0, "together": 1 / 2.25]
    var means: [String: Double] = [:]
    for seed in 0..<12 {
      let table = try table(rows: 60, seed: 100 + UInt64(seed)) { seen in
        let bits = seen.map { Double(2 * $0 - 1) }
        return [bits[0] + 0.5 * bits[1] + bits[0] * bits[1] * bits[2], 0]
      }
      for (name, share) in try emap(table).shares { means[name, default: 0] += share / 12 }
    }
    for (name, share) in expected { #expect(abs((means[name] ?? -1) - share) < 0.03, "\(name) \(means[name] ?? -1)") }
  }

  @Test("grids that do not fit the table are refused by the array's name")
  func refused() throws {
    let whole = try table(rows: 3, seed: 1) { _ in [0, 1] }
    let grids = try #require(whole.grids)
    func refusal(_ changed: PredictionTable.Grids, modalities: [String] = PartneredGridsTests.names) -> Diagnosis? {
      do {
        _ = try PredictionTable(
          classes: whole.classes, modalities: modalities, labels: whole.labels, conditions: whole.conditions,
          grids: changed)
        return nil
      } catch { return Diagnosis(describing: error) }
    }
    let short = PredictionTable.Grids(index: [0, 1, 2], partners: [[0, 1, 2]], scores: grids.scores)
    #expect(refusal(short)?.what.contains("does not have 3 draws of 3 rows") == true)
    let outside = PredictionTable.Grids(
      index: [0, 1, 2], partners: [[0, 1, 2], [1, 2, 0], [2, 0, 7]], scores: grids.scores)
    #expect(refusal(outside)?.what.contains("names the row 7") == true)
    var scores = grids.scores
    scores["b"] = nil
    let lacking = PredictionTable.Grids(index: grids.index, partners: grids.partners, scores: scores)
    #expect(refusal(lacking)?.what == "there is no 'grid:b'")
    #expect(refusal(grids, modalities: ["a", "b"])?.what.contains("need more than two") == true)
  }
}
