import Balancing
import Datasets
import Evaluation
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// A linear classifier, or a linear regression, on a model's embedding of one modality, which stays as it is: what of the modality the model kept.
///
/// Embeddings are brought to mean 0 and standard deviation 1 over the training split. It is trained with Adam for as many
/// epochs, in batches of the size, that the run had; the epoch is chosen by validation loss where there is such a split.
struct LinearProbe {
  let trial: ModelEvaluation
  let modality: Modality

  private static let learningRate = 0.01

  /// What it says of the test split, and of the validation split where there is one.
  func predictions() throws -> ModelTable.Probed {
    let builder = trial.builder
    let set = trial.set
    guard let test = set.test else { throw MetricError.noSamples }
    let training = builder.configuration.training
    let raw = try embeddings(set.train)
    let mean = try raw.mean(0, keeping: true)
    let spread = try ((raw - mean) * (raw - mean)).mean(0, keeping: true).squareRoot() + 1e-6
    func standardized(_ split: FeatureSplit) throws -> Tensor { try (embeddings(split) - mean) / spread }
    let inputs = try (raw - mean) / spread
    let labels = set.train.batchLabels
    let task = set.manifest.task

    let store = ParameterStore(random: builder.random, elementType: builder.elementType)
    let layer = try Linear(
      store.root / "probe" / modality.name, in: inputs.shape[1], out: set.manifest.outputs)
    _ = try store.flat()
    let optimizer = try Adam(store)
    let held = try set.validation.map { (try standardized($0), $0.batchLabels) }
    var best: (loss: Double, weights: Tensor)?
    for epoch in 0..<training.epochs {
      let plan = SamplingPlan.shuffled(set.train.count, builder.random, epoch: epoch)
      for visits in plan.batches(of: training.batchSize) {
        let index = try Tensor(visits.map(\.sample))
        let loss = try task.loss(layer(inputs.indexed(0, by: index)), labels.indexed(0, by: index))
        try optimizer.step(Gradients(of: loss, store), learningRate: Self.learningRate)
      }
      guard let held else { continue }
      let loss = try withoutGradients { try task.loss(layer(held.0), held.1).scalar() }
      if loss < best?.loss ?? .infinity { best = (loss, try store.snapshot()) }
    }
    if let best { try store.restore(best.weights) }
    let logits = try withoutGradients { try layer(standardized(test)) }
    let thresholds = try held.flatMap { held in
      try withoutGradients {
        try Thresholds.fitted(layer(held.0), held.1, task: task, metric: set.manifest.metric)
      }
    }
    let onValidation = try held.map { held in
      let probabilities: [Double] = try withoutGradients {
        try task.probabilities(layer(held.0).to(.float64)).array()
      }
      return probabilities
    }
    return ModelTable.Probed(
      test: try set.targets.map { try Predictions(outputs: logits, targets: test.labels, scale: $0) }
        ?? Predictions(task: task, logits: logits, labels: test.labels, thresholds: thresholds),
      validation: onValidation)
  }

  /// eₘ of every sample, [N, H], on the host.
  private func embeddings(_ split: FeatureSplit) throws -> Tensor {
    try trial.builder.evaluator.allLogits(
      trial.model, trial.builder.prepared(split)
    ) { [try $0.features[modality]] }.logits[0]
  }
}
