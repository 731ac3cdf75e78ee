import Foundation
public import Multimodal
public import Records
public import Torch

/// The best prediction that is the same for every sample, by the classes' shares in training: what a score must beat.
///
/// Which is best depends on the metric. By accuracy and F1 of one label it is the most frequent class; by accuracy of several
/// labels each that more than half of the samples have; by macro-F1 of several labels every label that occurs, as a label
/// with the share s then has 2s/(1 + s) and else 0. By AUROC all constants are one: 1/2. Of a regression it is the mean of
/// the training targets, whose R² is 0 at most.
public struct ConstantPrediction: Sendable, Equatable {
  public let task: PredictionTask
  public let metric: Metric
  /// Of each class or label in training, 0…1; empty of a regression.
  public let shares: [Double]
  /// Of a regression, the mean of the training targets.
  public let mean: Double?
  /// The classes that every sample is given.
  public let given: [Int]

  public init(task: PredictionTask, metric: Metric, shares: [Double]) {
    self.task = task
    self.metric = metric
    self.shares = shares
    mean = nil
    switch (task, metric) {
    case (.multiLabel, .macroF1): given = shares.indices.filter { shares[$0] > 0 }
    case (.multiLabel, _): given = shares.indices.filter { shares[$0] > 0.5 }
    default: given = shares.indices.max { (shares[$0], $1) < (shares[$1], $0) }.map { [$0] } ?? []
    }
  }

  /// Of a regression.
  public init(mean: Double) {
    (task, metric, shares, given) = (.regression, .r2, [], [])
    self.mean = mean
  }

  /// The mean for every sample.
  ///
  /// - Parameter targets: as ``Predictions/targets``.
  public func predictions(ofTargets targets: [Double]) throws -> Predictions {
    try Predictions(targets: targets, answers: targets.map { _ in mean ?? 0 })
  }

  /// The same for every sample: the classes' shares as probabilities, and of them those predicted that ``given`` says.
  ///
  /// - Parameter truth: as ``Predictions/truth``.
  public func predictions(_ truth: [Int]) throws -> Predictions {
    let count = task == .multiLabel ? truth.count / max(shares.count, 1) : truth.count
    return try Predictions(
      task: task, classes: shares.count, truth: truth, probabilities: (0..<count).flatMap { _ in shares },
      thresholds: shares.indices.map { given.contains($0) ? -1 : 1 })
  }

  /// Its score on the labels of a split; nil where the metric has none.
  public func score(_ labels: Tensor) throws -> Double? {
    guard task.hasClasses else {
      let targets: [Double] = try labels.array()
      return WeightedScore(try predictions(ofTargets: targets), metric: metric)(targets.map { _ in 1 })
    }
    return try score(labels.array(of: Int.self))
  }

  /// Its score; nil where the metric has none.
  public func score(_ truth: [Int]) throws -> Double? {
    let predictions = try predictions(truth)
    return WeightedScore(predictions, metric: metric)([Double](repeating: 1, count: predictions.count))
  }

  /// What it says: `always 'cat'`, `every label`.
  public func words(_ classes: [String]) -> String {
    if let mean { return "always \(String(format: "%.4g", mean)), the mean of the training targets" }
    if metric == .auroc { return "the same for every sample" }
    guard task == .multiLabel else { return "always '\(given.first.map { classes[$0] } ?? "")'" }
    switch given.count {
    case 0: return "no label"
    case classes.count: return "every label"
    case ...3: return "always \(given.map { "'\(classes[$0])'" }.joined(separator: ", "))"
    default: return "\(given.count) of \(classes.count) labels"
    }
  }
}
