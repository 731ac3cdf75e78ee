import Evaluation
import Foundation
import Multimodal
public import Records

extension Audit {
  /// What has changed from one table to another, with 95 % intervals.
  ///
  /// Where both are of the same samples by their ids, every draw of the bootstrap takes the same samples of both, so that
  /// differences are paired; else each is drawn by itself.
  ///
  /// - Throws: `Diagnosis` where the two cannot be compared.
  public static func changes(
    from old: PredictionTable, to new: PredictionTable, options: AuditOptions = AuditOptions()
  ) throws -> AuditChange {
    try comparable(old, new)
    var notes: [String] = []
    var (old, new) = (old, new)
    let isPaired: Bool
    if let aligned = try aligned(new, as: old) {
      (old, new, isPaired) = (aligned.old, aligned.new, true)
      if let note = aligned.note { notes.append(note) }
    } else {
      isPaired = false
      notes.append("the two are of different samples: differences are not taken sample by sample")
    }
    let hasLabels = old.labels != nil && new.labels != nil
    let metric = options.metric
    let measures = try [old, new].map { table in
      try measure(comparing: Audited(hasLabels ? table : table.unlabelled(), metric: metric))
    }
    let differences = differences(measures, [old, new], paired: isPaired, options)
    return AuditChange(
      modalities: old.modalities, samples: [old.rows, new.rows], paired: isPaired,
      metric: hasLabels ? metric.rawValue : nil, differences: differences, notes: notes)
  }

  private static func comparable(_ old: PredictionTable, _ new: PredictionTable) throws {
    let numbers = old.classes.indices.map { "\($0)" }
    // Where nobody names classes they are numbered, in the same order.
    let areNumbered = old.classes.count == new.classes.count && [old.classes, new.classes].contains(numbers)
    for (name, one, other) in [
      ("modalities", old.modalities, new.modalities), ("classes", old.classes, areNumbered ? old.classes : new.classes),
    ] where one != other {
      throw Diagnosis(
        "the two audits have other \(name)",
        found: [
          "old: \(one.prefix(12).joined(separator: ", "))", "new: \(other.prefix(12).joined(separator: ", "))",
        ], remedy: "compare audits of the same task", exitStatus: .input)
    }
    guard old.task == new.task else {
      throw Diagnosis("one audit has several labels a sample, and the other one", exitStatus: .input)
    }
  }

  /// The numbers that are compared: scores, swaps, shares and leaning.
  private static func measure(comparing audited: Audited) throws -> Measure {
    let names = audited.modalities
    let measures = [
      try ScoreMeasures(audited).measure, try ModalityShares(audited)?.measure,
      SwapTests.measure(try names.compactMap { try SwapTests(audited, $0) }, names),
    ].compactMap { $0 }
    return Measure { weights in
      var found: [String: Double] = [:]
      for measure in measures { found.merge(measure.values(weights), uniquingKeysWith: { first, _ in first }) }
      // What the new lean stands on: scores lost with each modality another's; else with each missing.
      let lost = names.compactMap { found["swap.\($0).drop"] ?? found["lost.\($0)"] }
      if lost.count == names.count, names.count > 1 {
        for (place, name) in names.enumerated() {
          let others = (lost.reduce(0, +) - lost[place]) / Double(names.count - 1)
          found["lean.\(name)"] = lost[place] - others
        }
      }
      return found.filter { path, _ in
        ["scores", "swap", "shares", "lean"].contains { path.hasPrefix("\($0).") }
      }
    }
  }

  private static func differences(
    _ measures: [Measure], _ tables: [PredictionTable], paired: Bool, _ options: AuditOptions
  ) -> [String: AuditChange.Difference] {
    let plain = zip(measures, tables).map { $0.values([Double](repeating: 1, count: $1.rows)) }
    let common = plain[0].keys.filter { plain[1][$0]?.isFinite == true && plain[0][$0]?.isFinite == true }
    let draws = tables.map { RowDraws(rows: $0.rows, groups: $0.groups) }
    var found: [String: [Double]] = [:]
    var numbers = ["old", "new"].map { SeededNumbers(seed: options.seed, stream: "audit/changes/\($0)") }
    for _ in 0..<options.replicates {
      let first = draws[0].weights(&numbers[0])
      let second = paired ? first : draws[1].weights(&numbers[1])
      let (old, new) = (measures[0].values(first), measures[1].values(second))
      for path in common {
        if let one = old[path], let other = new[path], (other - one).isFinite {
          found[path, default: []].append(other - one)
        }
      }
    }
    return Dictionary(
      uniqueKeysWithValues: common.map { path in
        let (old, new) = (plain[0][path] ?? .nan, plain[1][path] ?? .nan)
        var interval: Interval?
        if let drawn = found[path]?.sorted(), drawn.count > 1, drawn.count * 2 > options.replicates {
          interval = Interval(low: Statistics.quantile(drawn, 0.025), high: Statistics.quantile(drawn, 0.975))
        }
        return (path, .init(old: old, new: new, difference: Estimate(new - old, interval95: interval)))
      })
  }

  // MARK: Alignment

  /// Both tables over the same samples in the same order; nil where their ids have little in common.
  private static func aligned(
    _ new: PredictionTable, as old: PredictionTable
  ) throws -> (old: PredictionTable, new: PredictionTable, note: String?)? {
    if old.ids == new.ids, Set(old.ids).count == old.rows {
      try sameLabels(old, new)
      return (old, new, nil)
    }
    guard Set(old.ids).count == old.rows, Set(new.ids).count == new.rows else { return nil }
    let places = Dictionary(uniqueKeysWithValues: new.ids.enumerated().map { ($1, $0) })
    let common = old.ids.indices.filter { places[old.ids[$0]] != nil }
    // Less than half is chance, as of numbered rows.
    guard common.count * 2 > max(old.rows, new.rows), common.count > 1 else { return nil }
    let (one, other) = (try old.rows(common), try new.rows(common.compactMap { places[old.ids[$0]] }))
    try sameLabels(one, other)
    let without = old.rows - common.count + new.rows - common.count
    return (one, other, without > 0 ? "\(without) samples that only one of the two has are left out" : nil)
  }

  private static func sameLabels(_ old: PredictionTable, _ new: PredictionTable) throws {
    guard let one = old.labels, let other = new.labels, one != other else { return }
    let place = zip(Audited.decisions(one), Audited.decisions(other)).enumerated().first { $1.0 != $1.1 }?.offset ?? 0
    let row = place / (old.severalLabels ? old.classes.count : 1)
    throw Diagnosis(
      "the two audits have other labels for the same samples", found: ["first at '\(old.ids[row])'"],
      remedy: "compare audits whose ids name the same samples", exitStatus: .input)
  }
}

extension PredictionTable {
  /// Some rows, in that order; swaps whose partners are not among them, and the grid, are left out.
  func rows(_ chosen: [Int]) throws -> PredictionTable {
    var places = [Int](repeating: -1, count: rows)
    for (place, row) in chosen.enumerated() { places[row] = place }
    func some(_ scores: AnswerTable) -> AnswerTable {
      AnswerTable(
        unchecked: chosen.flatMap { scores.values[($0 * scores.classes)..<(($0 + 1) * scores.classes)] },
        rows: chosen.count, classes: scores.classes, kind: scores.kind)
    }
    let labels = labels.map { labels -> Labels in
      switch labels {
      case .classes(let numbers): .classes(chosen.map { numbers[$0] })
      case .several(let given):
        .several(chosen.flatMap { given[($0 * classes.count)..<(($0 + 1) * classes.count)] })
      }
    }
    let kept = swaps.filter { swap in chosen.allSatisfy { places[swap.index[$0]] >= 0 } }
    return try PredictionTable(
      ids: chosen.map { ids[$0] }, classes: classes, modalities: modalities, labels: labels, task: task,
      groups: groups.map { groups in chosen.map { groups[$0] } }, conditions: conditions.mapValues(some),
      swaps: kept.map { swap in
        Swap(
          modality: swap.modality, k: swap.k, index: chosen.map { places[swap.index[$0]] }, scores: some(swap.scores))
      }, prior: prior)
  }

  /// The same without labels.
  func unlabelled() throws -> PredictionTable {
    try PredictionTable(
      ids: ids, classes: classes, modalities: modalities, labels: nil, task: task, groups: groups,
      conditions: conditions, swaps: swaps, grid: grid)
  }
}
