import Evaluation
import Multimodal
import Records

/// What happens where one modality comes from another row.
///
///     drop            = A − mean over repetitions of A(swapped)                    perceptual score, Gat et al. 2021
///     dropWithinClass = the same over pairs of one label                           what the pairing itself is worth
///     follow, rest    = P(ĉ = class of the modality's row), P(ĉ = class of the others' row), where the two differ
///     lean            = (follow − rest) / (follow + rest)
///     divergence      = mean JSD(p(real) ‖ p(swapped)), bits                       label-free, arXiv 2411.07335
///
/// Disagreeing pairs count for `follow` only where each side is right on its own, as the models of one modality say; where
/// there are none, all count. A permutation that keeps the class in every row is a class-kept swap and counts for
/// `dropWithinClass` alone; without such, pairs of one label among the others do, weighted so that classes count as they
/// are frequent. (Gat et al., NeurIPS 2021, arXiv 2110.14375; conflict following as in arXiv 2509.25831.)
struct SwapTests {
  /// One repetition.
  private struct Repetition {
    /// Of the pairs: the row that everything else, and the one that the modality comes from.
    let rows: [Int]
    let sources: [Int]
    let answers: Answers
    let score: WeightedScore?
    /// The model's own answers on the same rows.
    let own: WeightedScore?
    let keepsClass: Bool
  }

  /// What is kept of a decision of a pair; sums over repetitions.
  private struct Sums {
    var divergence: [Double]
    var pairs: [Double]
    var follow: [Double]
    var rest: [Double]
    var topTwo: [Double]
    var decisions: [Double]
    var withinReal: [Double]
    var withinSwapped: [Double]
    var within: [Double]
  }

  private let name: String
  private let perRow: Int
  private let repetitions: [Repetition]
  private let sums: Sums
  private let fullScore: WeightedScore?
  /// Whether only decidable pairs were counted, and how many pairs there are.
  let decidable: Bool
  let pairs: Int

  /// Swaps that a grid holds: repetitions of shifts, so that each row takes part once in each.
  private static let mostShifts = 20

  /// nil where there are neither swaps of this modality nor a grid.
  init?(_ audited: Audited, _ name: String) throws {
    let table = audited.table
    let several = table.severalLabels
    var found: [(rows: [Int], sources: [Int], scores: AnswerTable)] = table.swaps.filter { $0.modality == name }
      .sorted { $0.k < $1.k }.map { (Array(0..<table.rows), $0.index, $0.scores) }
    if found.isEmpty, let grid = table.grid { found = Self.shifts(grid, first: name == table.modalities.first) }
    guard !found.isEmpty else { return nil }
    self.name = name
    perRow = audited.perRow
    let full = audited.full
    let ownProbabilities =
      full.perRow == 1
      ? full.probabilities : table.conditions[PredictionTable.full]?.probabilities(severalLabels: true) ?? []
    let classes = table.classes.count
    repetitions = try found.map { rows, sources, scores in
      let all = rows.count == table.rows
      return Repetition(
        rows: rows, sources: sources, answers: Answers(scores, severalLabels: several),
        score: try audited.score(scores.probabilities(severalLabels: several), rows: all ? nil : rows),
        own: all
          ? nil
          : try audited.score(
            rows.flatMap { ownProbabilities[($0 * classes)..<(($0 + 1) * classes)] }, rows: rows),
        keepsClass: Self.keepsClass(rows, sources, audited.truth, audited.perRow))
    }
    fullScore = try audited.score(ownProbabilities)
    let sides = Self.sides(audited, name)
    decidable = sides != nil
    sums = Self.sums(audited, repetitions, sides)
    pairs = Int(sums.pairs.reduce(0, +))
  }

  /// Off-diagonal cells of a grid as repetitions.
  private static func shifts(
    _ grid: PredictionTable.Grid, first: Bool
  ) -> [(rows: [Int], sources: [Int], scores: AnswerTable)] {
    let n = grid.index.count
    let classes = grid.scores.classes
    var numbers = SeededNumbers(seed: 0, stream: "audit/grid-shifts")
    return numbers.sample(min(mostShifts, n - 1), of: n - 1).sorted().map { $0 + 1 }.map { shift in
      var values: [Double] = []
      values.reserveCapacity(n * classes)
      for j in 0..<n {
        // The modality from place i, everything else from place j.
        let i = (j + shift) % n
        let cell = first ? i * n + j : j * n + i
        values += grid.scores.values[(cell * classes)..<((cell + 1) * classes)]
      }
      return (
        grid.index, (0..<n).map { grid.index[($0 + shift) % n] },
        AnswerTable(unchecked: values, rows: n, classes: classes, kind: grid.scores.kind)
      )
    }
  }

  private static func keepsClass(_ rows: [Int], _ sources: [Int], _ truth: [Int]?, _ perRow: Int) -> Bool {
    // Where all rows have one label, any permutation keeps it.
    guard let truth, let first = truth.first, truth.contains(where: { $0 != first }) else { return false }
    return zip(rows, sources).allSatisfy { row, source in
      (0..<perRow).allSatisfy { truth[row * perRow + $0] == truth[source * perRow + $0] }
    }
  }

  /// Whether each decision is right by this modality alone, and by the others; nil where no model says.
  private static func sides(_ audited: Audited, _ name: String) -> (own: [Bool], rest: [Bool])? {
    guard let own = audited.right("alone:\(name)") else { return nil }
    if let condition = audited.alone(audited.others(name)), let rest = audited.right(condition) { return (own, rest) }
    let others = audited.modalities.filter { $0 != name }.compactMap { audited.right("alone:\($0)") }
    guard others.count == audited.modalities.count - 1, !others.isEmpty else { return nil }
    // Of more than one other, one that is right is a side that is right.
    return (own, own.indices.map { place in others.contains { $0[place] } })
  }

  private static func sums(
    _ audited: Audited, _ repetitions: [Repetition], _ sides: (own: [Bool], rest: [Bool])?
  ) -> Sums {
    let full = audited.full
    let perRow = audited.perRow
    let zeros = [Double](repeating: 0, count: full.count)
    var sums = Sums(
      divergence: zeros, pairs: zeros, follow: zeros, rest: zeros, topTwo: zeros, decisions: zeros, withinReal: zeros,
      withinSwapped: zeros, within: zeros)
    let hasClassKept = repetitions.contains(where: \.keepsClass)
    let frequency = audited.truth.map { truth -> [Double] in
      var counts = [Double](repeating: 0, count: full.classes)
      for label in truth { counts[label] += 1 }
      return counts
    }
    for repetition in repetitions {
      for (place, (row, source)) in zip(repetition.rows, repetition.sources).enumerated() {
        for label in 0..<perRow {
          let (real, swapped, other) = (row * perRow + label, place * perRow + label, source * perRow + label)
          let answer = repetition.answers.predicted[swapped]
          if !repetition.keepsClass {
            sums.divergence[real] += Answers.divergence(full, real, repetition.answers, swapped)
            sums.decisions[real] += 1
          }
          guard let truth = audited.truth, row != source else { continue }
          if truth[real] == truth[other] {
            guard repetition.keepsClass || !hasClassKept else { continue }
            let weight = repetition.keepsClass ? 1 : 1 / max(frequency?[truth[real]] ?? 1, 1)
            sums.within[real] += weight
            if full.predicted[real] == truth[real] { sums.withinReal[real] += weight }
            if answer == truth[real] { sums.withinSwapped[real] += weight }
          } else {
            if let sides, !sides.own[other] || !sides.rest[real] { continue }
            sums.pairs[real] += 1
            if answer == truth[other] { sums.follow[real] += 1 }
            if answer == truth[real] { sums.rest[real] += 1 }
            let top = repetition.answers.topTwo(swapped)
            if [top.0, top.1].contains(truth[other]), [top.0, top.1].contains(truth[real]) { sums.topTwo[real] += 1 }
          }
        }
      }
    }
    return sums
  }

  /// Of all modalities together, so that they can be set against each other.
  static func measure(_ tests: [SwapTests], _ names: [String]) -> Measure {
    Measure { weights in
      var out: [String: Double] = [:]
      for test in tests { out.merge(test.values(weights), uniquingKeysWith: { first, _ in first }) }
      let found = out
      // Half, as one modality's lean is the other's with the sign turned.
      addLeads("conflict", names, scale: 0.5, to: &out) { found["swap.\($0).lean"] }
      addLeads("swap", names, to: &out) { found["swap.\($0).drop"] }
      addLeads("divergence", names, to: &out) { found["swap.\($0).divergence"] }
      return out
    }
  }

  func values(_ weights: [Double]) -> [String: Double] {
    var out: [String: Double] = [:]
    let prefix = "swap.\(name)"
    func sum(_ values: [Double]) -> Double {
      var sum = 0.0
      for (decision, value) in values.enumerated() where value != 0 { sum += weights[decision / perRow] * value }
      return sum
    }
    let decisions = sum(sums.decisions)
    if decisions > 0 { out["\(prefix).divergence"] = sum(sums.divergence) / decisions }
    if let full = fullScore?(weights) {
      var drops: [Double] = []
      for repetition in repetitions where !repetition.keepsClass {
        let own = repetition.own == nil ? weights : repetition.rows.map { weights[$0] }
        guard let swapped = repetition.score?(own) else { continue }
        drops.append((repetition.own == nil ? full : repetition.own?(own) ?? .nan) - swapped)
      }
      if let drop = Statistics.mean(drops) {
        out["\(prefix).drop"] = drop
        if full > 0 { out["\(prefix).dropByModel"] = drop / full }
      }
    }
    let within = sum(sums.within)
    if within > 0 { out["\(prefix).dropWithinClass"] = (sum(sums.withinReal) - sum(sums.withinSwapped)) / within }
    let pairs = sum(sums.pairs)
    if pairs > 0 {
      let (follow, rest) = (sum(sums.follow) / pairs, sum(sums.rest) / pairs)
      out["\(prefix).follow"] = follow
      out["\(prefix).rest"] = rest
      out["\(prefix).bothInTopTwo"] = sum(sums.topTwo) / pairs
      if follow + rest > 0 { out["\(prefix).lean"] = (follow - rest) / (follow + rest) }
    }
    return out
  }

  /// - Parameter models: the tests of each.
  static func record(_ values: [String: Double], _ name: String, _ models: [SwapTests?]) -> AuditRecord.Swap? {
    let tests = models.compactMap { $0 }
    guard tests.count == models.count, !tests.isEmpty else { return nil }
    var found = AuditRecord.Swap()
    func value(_ key: String) -> Double? { values["swap.\(name).\(key)"] }
    found.drop = value("drop")
    found.dropByModel = value("dropByModel")
    found.dropWithinClass = value("dropWithinClass")
    found.follow = value("follow")
    found.rest = value("rest")
    found.lean = value("lean")
    found.bothInTopTwo = value("bothInTopTwo")
    found.divergence = value("divergence")
    if found.follow != nil {
      found.pairs = tests.reduce(0) { $0 + $1.pairs } / tests.count
      found.decidable = tests.allSatisfy(\.decidable)
    }
    return found
  }
}
