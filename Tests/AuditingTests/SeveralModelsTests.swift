import Auditing
import Foundation
import Multimodal
import Records
import Testing

/// One audit of the models of several seeds.
@Suite("Audits of several models")
struct SeveralModelsTests {
  /// Planted data, of which a model's share of wrong answers is its own.
  private func table(_ right: Double, model: UInt64) throws -> PredictionTable {
    var planted = Planted.hints([0.85, 0.6], used: [true, true], rows: 120, seed: 5)
    let whole = planted.model
    var numbers = SeededNumbers(seed: model, stream: "several")
    planted.model = { seen in
      let scores = whole(seen)
      return numbers.uniform() < right ? scores : scores.reversed()
    }
    return try planted.table(seed: 5)
  }

  @Test("of one model the audit is that of its table, number for number")
  func one() throws {
    let table = try table(1, model: 0)
    let options = AuditOptions(replicates: 30, permutations: 20)
    #expect(try Audit.measure([table], options: options) == Audit.measure(table, options: options))
  }

  @Test("numbers are means over the models, and intervals are wider than over rows alone where models differ")
  func several() throws {
    let options = AuditOptions(replicates: 60, permutations: 10)
    let tables = try [(1.0, 1), (0.8, 2), (0.6, 3)].map { try table($0, model: UInt64($1)) }
    let each = try tables.map { try Audit.measure($0, options: options) }
    let joint = try Audit.measure(tables, options: options)
    func mean(_ value: (AuditRecord) -> Double?) -> Double { each.compactMap(value).reduce(0, +) / 3 }
    #expect(abs((joint.scores["full"]?.value ?? 0) - mean { $0.scores["full"]?.value }) < 1e-12)
    for name in joint.modalities {
      #expect(abs((joint.swap[name]?.drop ?? 9) - mean { $0.swap[name]?.drop }) < 1e-12)
      #expect(abs((joint.usable?.used[name] ?? 9) - mean { $0.usable?.used[name] }) < 1e-12)
    }
    #expect(abs((joint.emap?.gap ?? 9) - mean { $0.emap?.gap }) < 1e-12)
    // Student's half width over three models of s / √3, and on top what rows do.
    let scores = each.compactMap { $0.scores["full"]?.value }
    let middle = scores.reduce(0, +) / 3
    let spread = (scores.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / 2 / 3).squareRoot()
    let interval = try #require(joint.interval95["scores.full"])
    #expect(interval.high - middle > 4.302 * spread && middle - interval.low > 4.302 * spread)
    #expect(interval.high - middle < 4.304 * spread + 0.15)
    // Models that are alike add nothing.
    let alike = try Audit.measure([tables[0], tables[0], tables[0]], options: options)
    #expect(alike.interval95["scores.full"] == each[0].interval95["scores.full"])
  }

  @Test("tables of other rows are refused")
  func otherRows() throws {
    let one = try table(1, model: 0)
    let other = try Planted.copies(seed: 1).table(seed: 1)
    #expect(throws: Diagnosis.self) { try Audit.measure([one, other]) }
  }
}
