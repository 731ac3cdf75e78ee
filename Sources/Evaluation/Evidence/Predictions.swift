public import Multimodal
public import Records
public import Torch

/// What a model says of a split's samples under one condition, beside the truth; on plain arrays.
public struct Predictions: Sendable, Equatable {
  public let task: PredictionTask
  public let classes: Int
  /// A class number a sample; of several labels 0 and 1, samples × classes, flat; empty of a regression.
  public let truth: [Int]
  /// Of each class, samples × classes, flat; of a regression what is predicted of each sample, in the target's own unit.
  public let probabilities: [Double]
  /// Of a regression the target of each sample, in its own unit; else empty.
  public let targets: [Double]
  /// Of several labels, the probability above which each is predicted, [C]; nil: one half.
  public let thresholds: [Double]?
  public let count: Int

  /// - Throws: ``MetricError`` where the tables do not fit each other, or a probability is not a number.
  public init(
    task: PredictionTask, classes: Int, truth: [Int], probabilities: [Double], thresholds: [Double]? = nil
  ) throws {
    if let thresholds { try Metrics.same(thresholds.count, classes) }
    self.thresholds = task == .multiLabel ? thresholds : nil
    count = try Metrics.rows(probabilities.count, classes: classes)
    try Metrics.same(truth.count, task == .multiLabel ? probabilities.count : count)
    let most = task == .multiLabel ? 2 : classes
    for (place, label) in truth.enumerated() where !(0..<most).contains(label) {
      throw MetricError.labelOutOfRange(
        row: task == .multiLabel ? place / classes : place, label: label, classes: most)
    }
    if let place = probabilities.firstIndex(where: \.isNaN) { throw MetricError.notANumber(row: place / classes) }
    self.task = task
    self.classes = classes
    self.truth = truth
    self.probabilities = probabilities
    targets = []
  }

  /// Of a regression, in the target's own unit.
  ///
  /// - Throws: ``MetricError`` where there are not as many, or one is not finite.
  public init(targets: [Double], answers: [Double]) throws {
    try Metrics.same(targets.count, answers.count)
    if let row = answers.firstIndex(where: { !$0.isFinite }) { throw MetricError.notANumber(row: row) }
    (task, classes, truth, thresholds) = (.regression, 1, [], nil)
    (count, probabilities, self.targets) = (targets.count, answers, targets)
  }

  /// Of a regression: outputs [N, 1] of the standardized target, and targets [N] in their own unit.
  public init(outputs: Tensor, targets: Tensor, scale: TargetScale) throws {
    try self.init(
      targets: targets.array(), answers: outputs.to(.float64).array(of: Double.self).map(scale.original))
  }

  /// Of logits [N, C] and labels as the task has them.
  public init(task: PredictionTask, logits: Tensor, labels: Tensor, thresholds: [Double]? = nil) throws {
    try self.init(
      task: task, classes: logits.shape[1], truth: labels.array(),
      probabilities: task.probabilities(logits.to(.float64)).array(), thresholds: thresholds)
  }

  /// Whether a label is predicted of a sample, where there may be several.
  public func isGiven(_ row: Int, _ label: Int) -> Bool {
    probabilities[row * classes + label] > (thresholds?[label] ?? 0.5)
  }

  /// The classes that a sample has.
  public func labels(of row: Int) -> [Int] {
    task == .multiLabel ? (0..<classes).filter { truth[row * classes + $0] == 1 } : [truth[row]]
  }

  /// The classes that are predicted: the most probable, the first of equals; of several labels all above their thresholds.
  public func predicted(_ row: Int) -> [Int] {
    let base = row * classes
    if task == .multiLabel { return (0..<classes).filter { isGiven(row, $0) } }
    var best = 0
    for column in 1..<max(classes, 1) where probabilities[base + column] > probabilities[base + best] { best = column }
    return [best]
  }

  /// Whether exactly the sample's classes are predicted.
  public func isRight(_ row: Int) -> Bool { predicted(row) == labels(of: row) }

  /// The probability that is given to the truth; of several labels its mean over them.
  public func trueProbability(_ row: Int) -> Double {
    guard task == .multiLabel else { return probabilities[row * classes + truth[row]] }
    let places = (row * classes)..<((row + 1) * classes)
    return places.reduce(0) { $0 + (truth[$1] == 1 ? probabilities[$1] : 1 - probabilities[$1]) } / Double(classes)
  }

  /// What the samples' worths, whose mean Shapley's values divide, say of each: the probability that is given to the truth;
  /// of a regression 1 − (y − ŷ)² over the variance of the targets, whose mean is R².
  public var worths: [Double] {
    guard task == .regression else { return (0..<count).map(trueProbability) }
    let mean = targets.reduce(0, +) / Double(count)
    let variance = targets.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
    return zip(targets, probabilities).map { 1 - ($0 - $1) * ($0 - $1) / variance }
  }

  /// The probability of what is predicted; of several labels the mean of each label's own yes or no.
  public func confidence(_ row: Int) -> Double {
    let base = row * classes
    guard task == .multiLabel else { return probabilities[base + predicted(row)[0]] }
    return (0..<classes).reduce(0) { $0 + max(probabilities[base + $1], 1 - probabilities[base + $1]) }
      / Double(classes)
  }

  /// Confidence of each decision and whether it was right: one a sample, or one for each of its labels.
  public var decisions: [(confidence: Double, isRight: Bool)] {
    guard task == .multiLabel else { return (0..<count).map { (confidence($0), isRight($0)) } }
    return zip(truth, probabilities).map { (max($1, 1 - $1), ($1 > 0.5) == ($0 == 1)) }
  }

  /// nil of a regression, which has no confidence.
  public var reliability: Reliability? {
    guard task.hasClasses else { return nil }
    let decisions = decisions
    return Reliability(confidences: decisions.map(\.confidence), correct: decisions.map(\.isRight))
  }

  /// Rows are the truth; nil where a sample may have several labels, or none.
  public var confusion: ConfusionMatrix? {
    guard task != .multiLabel, task.hasClasses else { return nil }
    return ConfusionMatrix(truth: truth, predictions: (0..<count).map { predicted($0)[0] }, classes: classes)
  }

  /// Of each label; nil where a sample has one.
  public var labelCounts: [LabelCounts]? {
    guard task == .multiLabel else { return nil }
    return (0..<classes).map { label in
      func count(_ isTrue: Bool, _ isGiven: Bool) -> Int {
        (0..<self.count).count { (truth[$0 * classes + label] == 1) == isTrue && self.isGiven($0, label) == isGiven }
      }
      return LabelCounts(
        truePositives: count(true, true), falsePositives: count(false, true), falseNegatives: count(true, false),
        trueNegatives: count(false, false))
    }
  }

  /// What an evidence file keeps of a condition.
  public func evidence(_ condition: String, score: Double) -> RunEvidence.UnderCondition {
    RunEvidence.UnderCondition(
      condition: condition, score: score, confusion: confusion, labelCounts: labelCounts, reliability: reliability)
  }
}
