import Evaluation
import Foundation
import Multimodal
import Records

/// What a model says, decision by decision: one a row, or of several labels one for each of them, no or yes.
///
/// Decisions of a row lie side by side: decision d belongs to row d / perRow. Measures that are made of right and wrong
/// answers are made of decisions, so that both kinds of task go one way.
struct Answers: Sendable {
  let perRow: Int
  /// Of a decision: those of the table, or two.
  let classes: Int
  /// decisions × classes, row by row.
  let probabilities: [Double]
  /// The most probable class, the first of equals.
  let predicted: [Int]

  var count: Int { predicted.count }

  init(_ scores: AnswerTable, severalLabels: Bool) {
    self.init(
      probabilities: scores.probabilities(severalLabels: severalLabels), classes: scores.classes,
      severalLabels: severalLabels)
  }

  init(probabilities given: [Double], classes labels: Int, severalLabels: Bool) {
    perRow = severalLabels ? labels : 1
    let classes = severalLabels ? 2 : labels
    self.classes = classes
    let all = severalLabels ? given.flatMap { [1 - $0, $0] } : given
    probabilities = all
    predicted = stride(from: 0, to: all.count, by: classes).map { base in
      var best = 0
      for column in 1..<classes where all[base + column] > all[base + best] { best = column }
      return best
    }
  }

  func probability(_ decision: Int, _ label: Int) -> Double { probabilities[decision * classes + label] }

  /// Bits of surprise at a class, the probability clipped from below.
  func surprise(_ decision: Int, _ label: Int, smallest: Double = Self.smallest) -> Double {
    -log2(max(probability(decision, label), smallest))
  }

  /// The logarithm of a smaller probability says more of rounding than of the model.
  static let smallest = 1e-6

  /// The two most probable classes, the first of equals first; the same twice where there is one.
  func topTwo(_ decision: Int) -> (Int, Int) {
    let base = decision * classes
    let first = predicted[decision]
    var second = first == 0 ? min(1, classes - 1) : 0
    for column in 0..<classes where column != first && probabilities[base + column] > probabilities[base + second] {
      second = column
    }
    return (first, second)
  }

  /// The Jensen–Shannon divergence of two decisions, bits in 0…1.
  static func divergence(_ a: Answers, _ i: Int, _ b: Answers, _ j: Int) -> Double {
    var sum = 0.0
    for label in 0..<a.classes {
      let (p, q) = (a.probability(i, label), b.probability(j, label))
      // Equal answers give 0 exactly.
      if p == q { continue }
      let middle = (p + q) / 2
      if p > 0 { sum += p * log2(p / middle) / 2 }
      if q > 0 { sum += q * log2(q / middle) / 2 }
    }
    return min(max(sum, 0), 1)
  }
}

/// A table made ready to be measured.
struct Audited: Sendable {
  let table: PredictionTable
  let metric: Metric
  /// By condition.
  let answers: [String: Answers]
  /// The class of every decision; nil without labels.
  let truth: [Int]?
  /// The frequency of each class, of several labels that of each one's yes; nil without labels and without a prior.
  let prior: [Double]?

  init(_ table: PredictionTable, metric: Metric) throws {
    self.table = table
    self.metric = metric
    let several = table.severalLabels
    if metric == .auroc && (several || table.classes.count != 2) || metric == .weightedF1 && several {
      throw Diagnosis(
        "the metric '\(metric.rawValue)' does not fit \(several ? "several labels a row" : "\(table.classes.count) classes")",
        remedy: metric == .auroc ? "choose accuracy or macro-f1" : "choose macro-f1", exitStatus: .usage)
    }
    answers = table.conditions.mapValues { Answers($0, severalLabels: several) }
    truth = table.labels.map(Self.decisions)
    prior = table.prior ?? table.labels.map { Self.frequencies($0, classes: table.classes.count) }
  }

  var modalities: [String] { table.modalities }
  var perRow: Int { table.severalLabels ? table.classes.count : 1 }
  var full: Answers { answers[PredictionTable.full] ?? Answers(probabilities: [], classes: 1, severalLabels: false) }

  static func decisions(_ labels: PredictionTable.Labels) -> [Int] {
    switch labels {
    case .classes(let numbers): numbers
    case .several(let given): given.map { $0 ? 1 : 0 }
    }
  }

  static func frequencies(_ labels: PredictionTable.Labels, classes: Int) -> [Double] {
    var counts = [Double](repeating: 0, count: classes)
    var rows = 0
    switch labels {
    case .classes(let numbers):
      rows = numbers.count
      for label in numbers { counts[label] += 1 }
    case .several(let given):
      rows = given.count / classes
      for (place, isGiven) in given.enumerated() where isGiven { counts[place % classes] += 1 }
    }
    return counts.map { $0 / Double(max(rows, 1)) }
  }

  /// Whether each decision under a condition is right; nil without labels or without the condition.
  func right(_ condition: String) -> [Bool]? {
    guard let truth, let found = answers[condition] else { return nil }
    return zip(found.predicted, truth).map { $0 == $1 }
  }

  /// A score that samples can be weighted in.
  func score(_ probabilities: [Double], rows: [Int]? = nil) throws -> WeightedScore? {
    guard let truth else { return nil }
    let chosen = rows.map { rows in
      rows.flatMap { row in truth[(row * perRow)..<((row + 1) * perRow)] }
    }
    return WeightedScore(
      try Predictions(
        task: table.task, classes: table.classes.count, truth: chosen ?? truth, probabilities: probabilities),
      metric: metric)
  }

  /// The condition under which the audited model sees exactly these modalities, not being told of others: `missing` before
  /// `only`, and `absent` where neither is there.
  func present(_ members: Set<String>) -> String? {
    if members.count == modalities.count { return PredictionTable.full }
    let rest = Set(modalities).subtracting(members)
    func first(_ kind: String, _ named: Set<String>) -> String? {
      table.conditions.keys.sorted().first { $0.hasPrefix("\(kind):") && table.named(in: $0) == named }
    }
    if members.isEmpty { return table.conditions["none"] == nil ? first("missing", rest) : "none" }
    return first("missing", rest) ?? first("only", members) ?? first("absent", rest)
  }

  /// The model of exactly these modalities, made for them.
  func alone(_ members: Set<String>) -> String? {
    table.conditions.keys.sorted().first { $0.hasPrefix("alone:") && table.named(in: $0) == members }
  }

  func others(_ name: String) -> Set<String> { Set(modalities).subtracting([name]) }

  /// The mean over decisions, weighted by row; nil where nothing counts.
  func mean(_ values: [Double], _ weights: [Double]) -> Double? {
    var (sum, total) = (0.0, 0.0)
    for (place, value) in values.enumerated() {
      let weight = weights[place / perRow]
      sum += weight * value
      total += weight
    }
    return total > 0 ? sum / total : nil
  }
}
