import Datasets
import Evaluation
import Foundation
import Multimodal
import Records
import Torch

extension FeatureSet {
  /// The share of each class, or label, among the labels of a split.
  func shares(of labels: Tensor) throws -> [Double] {
    if manifest.task == .multiLabel { return try labels.to(.float64).mean(0).array() }
    let numbers: [Int] = try labels.array()
    var counts = [Int](repeating: 0, count: manifest.classes.count)
    for number in numbers where counts.indices.contains(number) { counts[number] += 1 }
    return counts.map { Double($0) / Double(max(numbers.count, 1)) }
  }

  /// The best constant prediction by the classes' shares in training, or by the targets' mean.
  func constant() throws -> ConstantPrediction {
    if let targets { return ConstantPrediction(mean: targets.mean) }
    return ConstantPrediction(task: manifest.task, metric: manifest.metric, shares: try shares(of: train.labels))
  }

  /// What it says of the test split.
  func constantPredictions() throws -> Predictions {
    guard let test else { throw MetricError.noSamples }
    if targets != nil { return try constant().predictions(ofTargets: test.labels.array()) }
    return try constant().predictions(test.labels.array())
  }

  /// What a comparison and a diagnosis must say where the test split has other shares of the classes; nil where it has not.
  ///
  /// It is told where the best constant prediction by the test split's own shares would score 5 points more.
  func shiftNote() throws -> String? {
    guard let test else { return nil }
    if let targets { return try shiftNote(targets, test) }
    let (own, other) = (try constant(), try shares(of: test.labels))
    let truth: [Int] = try test.labels.array()
    let best = ConstantPrediction(task: manifest.task, metric: manifest.metric, shares: other)
    guard let score = try own.score(truth), let bestScore = try best.score(truth), bestScore - score >= 0.05,
      let moved = other.indices.max(by: { abs(other[$0] - own.shares[$0]) < abs(other[$1] - own.shares[$1]) })
    else { return nil }
    func percent(_ share: Double) -> String { String(format: "%.1f %%", 100 * share) }
    return "classes are distributed differently in the test split: '\(manifest.classes[moved])' is "
      + "\(percent(own.shares[moved])) of training and \(percent(other[moved])) there. The constant prediction of the "
      + "training split scores \(percent(score)), the best one of the test split \(percent(bestScore))"
  }
}

extension FeatureSet {
  /// The same of a regression, where the mean of the training targets has an R² below −5 %.
  private func shiftNote(_ scale: TargetScale, _ test: FeatureSplit) throws -> String? {
    guard let score = try constant().score(test.labels), score <= -0.05 else { return nil }
    let mean = try test.labels.to(.float64).mean().scalar()
    return
      "the target is distributed differently in the test split: its mean is \(String(format: "%.4g", scale.mean)) in "
      + "training and \(String(format: "%.4g", mean)) there. The constant prediction of the training split has an R² of "
      + String(format: "%.1f %%", 100 * score)
  }
}

extension Experiment {
  /// Enters the row of the constant prediction into a comparison, and what must be said of the classes' shares.
  static func enterConstant(_ results: inout ComparisonResults, _ set: FeatureSet) throws {
    guard let test = set.test else { return }
    let constant = try set.constant()
    if let score = try constant.score(test.labels) {
      results.enter(Constant(score: score, says: constant.words(set.manifest.classes)))
    }
    if let note = try set.shiftNote() { results.notes.append(note) }
  }

  /// A run's scores on the validation split; measured where an earlier version did not keep them.
  static func validation(of run: RunSummary, _ data: LoadedData) throws -> ValidationScores? {
    if run.evaluation.validation != nil || data.set.validation == nil { return run.evaluation.validation }
    let (builder, model, method) = try finishedRun(run.folder, data: data, events: { _ in })
    return try ModelEvaluation(builder, model, method).validation()
  }
}
