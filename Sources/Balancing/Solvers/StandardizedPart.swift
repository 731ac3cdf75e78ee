import Multimodal
import Records
import Torch
import TorchNN

/// A modality's columns for a regression, and their mean and spread over the training split.
struct StandardizedPart {
  let modality: Modality
  /// Whether the regression is on the outputs of its embedding layer, which stays.
  let isFrozen: Bool
  /// [1, D] each; no column has a deviation of 0.
  var mean: Tensor
  var deviation: Tensor

  init(_ modality: Modality, _ context: TrainingContext) throws {
    let model = context.model
    self.modality = modality
    let layer = model.embeddings[modality]
    isFrozen = !layer.weight.tensor.requiresGradient || !layer.bias.tensor.requiresGradient
    let (width, inputs) = (layer.weight.shape[0], layer.weight.shape[1])
    func refuse(_ what: String, _ remedy: String? = nil) -> Diagnosis {
      Diagnosis(what, place: "method.name", remedy: remedy, exitStatus: .usage)
    }
    if model.encoders[modality] != nil {
      throw refuse("'logistic' is a regression on features, and the encoder of '\(modality)' is trained with the model")
    }
    if !isFrozen, width < model.classes {
      throw refuse(
        "'logistic' needs embeddings as wide as there are classes: \(width) and \(model.classes)",
        "--set model.embedding_width=\(model.classes)")
    }
    let classifier = model.store.indices(within: "fusion.classifier").map { model.store.parameters[$0] }
    if classifier.contains(where: { !$0.tensor.requiresGradient }) {
      throw refuse("'logistic' writes the fused classifier, and that is frozen", "leave it out of training.frozen")
    }
    if isFrozen, classifier.contains(where: { $0.shape.count == 2 && $0.shape[1] == width }), model.modalities.count > 1
    {
      throw refuse(
        "'logistic' cannot add features up of which some embedding layers are frozen",
        "--set model.fusion=concatenation")
    }
    let columns = isFrozen ? width : inputs
    (mean, deviation) = (try .zeros([1, columns], .float64), try .zeros([1, columns], .float64))
    let count = Double(max(context.training.count, 1))
    try withoutGradients {
      try context.forEachBatch(of: context.training) { mean = try mean + raw($0, model).sum(0, keeping: true) / count }
      try context.forEachBatch(of: context.training) {
        deviation = try deviation + (raw($0, model) - mean).square().sum(0, keeping: true) / count
      }
      deviation = try deviation.squareRoot()
      // A column that never changes tells nothing, whatever it is divided by.
      let still = try 1 - deviation.greater(than: 1e-12).to(.float64)
      deviation = try deviation + still
    }
  }

  /// The features before they are standardized, [B, D].
  func raw(_ batch: Batch, _ model: MultimodalModel) throws -> Tensor {
    let input = batch.inputs[modality]
    return try (isFrozen ? model.embeddings[modality](input) : input).to(on: .cpu).to(.float64)
  }
}
