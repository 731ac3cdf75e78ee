public import Multimodal
public import Records
public import Torch
import TorchNN

/// Scores a model's predictions on a split.
public struct Evaluator {
  public let task: PredictionTask
  public let metric: Metric
  public let batchSize: Int
  /// Of a regression, the mean and the standard deviation that targets and outputs are standardized by.
  public let targets: TargetScale?

  public init(task: PredictionTask, metric: Metric, batchSize: Int = 1024, targets: TargetScale? = nil) {
    self.targets = targets
    self.task = task
    self.metric = metric
    self.batchSize = batchSize
  }

  /// Logits [N, C] of every sample of a split, in order, on the host.
  ///
  /// - Parameter logits: how a prediction is made of a forward pass; the fused logits as a rule.
  public func logits(
    _ model: MultimodalModel, _ split: any BatchSource, _ logits: (Outputs) throws -> Tensor = { $0.logits }
  ) throws -> (logits: Tensor, labels: Tensor) {
    let (all, labels) = try allLogits(model, split) { [try logits($0)] }
    return (all[0], labels)
  }

  /// Several predictions of every sample from one pass over a split: [N, C] each, in order, on the host.
  ///
  /// - Parameter predictions: what is made of a forward pass; as many for every batch.
  public func allLogits(
    _ model: MultimodalModel, _ split: any BatchSource, _ predictions: (Outputs) throws -> [Tensor]
  ) throws -> (logits: [Tensor], labels: Tensor) {
    try withoutGradients {
      var parts: [[Tensor]] = []
      var labels: [Tensor] = []
      let feed = try split.feed(SamplingPlan.inOrder(split.count).batches(of: batchSize), from: 0)
      let graph = FactoredGraph(predicting: split.count)
      while let batch = try feed.next() {
        parts.append(
          try predictions(graph.recording { () throws(TorchError) in try model(batch.inputs) }).map {
            try $0.to(on: .cpu)
          })
        labels.append(try batch.labels.to(on: .cpu))
      }
      let count = parts.first?.count ?? 0
      return (
        try (0..<count).map { index in try Tensor.cat(parts.map { $0[index] }, 0) }, try Tensor.cat(labels, 0)
      )
    }
  }

  /// Every metric of logits [N, C] that the task has, by name; `loss` is the mean loss.
  ///
  /// Of a regression `mae` and `rmse` are in the target's own unit, and `loss` is of the standardized target.
  ///
  /// A metric that is not defined on these samples (AUROC with one class only) is left out, unless it is the one asked
  /// for: then its error is thrown.
  ///
  /// - Parameter thresholds: of several labels, the probability above which each is predicted; nil: one half.
  public func metrics(
    _ logits: Tensor, _ labels: Tensor, thresholds: [Double]? = nil
  ) throws -> [String: Double] {
    guard task.hasClasses else { return try metrics(ofNumbers: logits, labels) }
    let classes = logits.shape[1]
    let probabilities: [Double] = try task.probabilities(logits.to(.float64)).array()
    let truth: [Int] = try labels.array()
    var found = ["loss": try task.loss(logits.to(.float64), labels).scalar()]
    func add(_ metric: Metric, _ value: () throws -> Double) throws {
      do { found[metric.rawValue] = try value() } catch { if metric == self.metric { throw error } }
    }
    if task == .multiLabel {
      let predictions = probabilities.enumerated().map { $1 > (thresholds?[$0 % classes] ?? 0.5) ? 1 : 0 }
      try add(.macroF1) { try Metrics.multiLabelMacroF1(truth: truth, predictions: predictions, classes: classes) }
      try add(.accuracy) {
        Double(zip(truth, predictions).count { $0 == $1 }) / Double(max(truth.count, 1))
      }
    } else {
      let predictions = try Metrics.argmax(probabilities, classes: classes)
      try add(.accuracy) { try Metrics.accuracy(truth: truth, predictions: predictions) }
      try add(.macroF1) { try Metrics.macroF1(truth: truth, predictions: predictions) }
      try add(.weightedF1) { try Metrics.weightedF1(truth: truth, predictions: predictions) }
      if classes == 2 {
        try add(.auroc) {
          try Metrics.auroc(truth: truth, scores: Metrics.margins(probabilities), noise: Metrics.scoreNoise)
        }
      }
    }
    return found
  }

  private func metrics(ofNumbers outputs: Tensor, _ labels: Tensor) throws -> [String: Double] {
    let (outputs, labels) = (try outputs.to(.float64), try labels.to(.float64))
    let scale = targets ?? TargetScale(mean: 0, deviation: 1)
    let predictions = try outputs.array(of: Double.self).map(scale.original)
    let truth = try labels.array(of: Double.self).map(scale.original)
    if let row = predictions.firstIndex(where: { !$0.isFinite }) { throw MetricError.notANumber(row: row) }
    guard let r2 = Metrics.r2(targets: truth, predictions: predictions) else {
      throw truth.first.map(MetricError.oneTargetOnly) ?? .noSamples
    }
    var found = [
      "loss": try task.loss(outputs, labels).scalar(), Metric.r2.rawValue: r2,
      "mae": try Metrics.meanAbsoluteError(targets: truth, predictions: predictions),
      "rmse": try Metrics.rootMeanSquaredError(targets: truth, predictions: predictions),
    ]
    found["pearson"] = Metrics.pearson(targets: truth, predictions: predictions)
    return found
  }

  /// The score by the chosen metric.
  public func score(_ metrics: [String: Double]) throws -> Double {
    guard let score = metrics[metric.rawValue] else {
      throw Diagnosis("the metric '\(metric.rawValue)' does not go with a \(task.rawValue) task", exitStatus: .usage)
    }
    return score
  }
}
