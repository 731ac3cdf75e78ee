import Multimodal
import Records
import Torch
import TorchNN

/// What CRMT reads of a pass: each modality by rows of unit length, and weights for each class.
struct UnitRowClassifier {
  let model: MultimodalModel
  /// Ŵₘ, [C, H].
  let rows: PerModality<Tensor>
  /// oₘ, [B, C].
  let outputs: PerModality<Tensor>
  /// aₘ, [C].
  let weights: PerModality<Tensor>
  let bias: Tensor

  init(_ outputs: Outputs) throws {
    guard let fusion = outputs.model.fusion as? Concatenation else {
      throw Diagnosis(
        "'crmt' needs one linear classifier over the features side by side",
        remedy: "use --set model.fusion=concatenation", exitStatus: .usage)
    }
    model = outputs.model
    bias = fusion.classifier.bias.tensor
    var column = 0
    let rows = try outputs.features.map { _, feature in
      defer { column += feature.shape[1] }
      return try fusion.classifier.weight.tensor.narrowed(1, from: column, length: feature.shape[1]).unitRows()
    }
    self.rows = rows
    self.outputs = try outputs.features.map { try $1.linear(rows[$0], nil) }
    weights = try PerModality(outputs.modalities) { try outputs.model.methodTensor("weight", $0.name) }
  }

  /// z of some modalities, [B, C].
  func logits(of modalities: [Modality]) throws -> Tensor {
    try Tensor.total(modalities.map { try outputs[$0] * weights[$0] }) + bias
  }

  /// r, [B], or [B, C] for several labels; with a gradient to the weights alone.
  func radii(_ logits: Tensor, _ labels: Tensor) throws -> Tensor {
    // aₘ_c ŵₘ_c Hₘ, [C, D]: what a class is read by from the features that enter.
    let maps = try model.modalities.map { modality in
      try rows[modality].detached().matmul(model.embeddings[modality].weight.tensor.detached())
        * weights[modality].unsqueezed(1)
    }
    let scores = try Tensor.total(model.modalities.map { try outputs[$0].detached() * weights[$0] }) + bias.detached()
    if model.task == .multiLabel {
      let signs = try labels.to(scores.elementType) * 2 - 1
      let squares = try Tensor.total(maps.map { try $0.square().sum(1) })
      return try scores * signs / squares.clamped(min: 1e-24).squareRoot()
    }
    let truth = try labels.oneHot(scores.shape[1]).greater(than: 0)
    let other = try logits.maskedFill(truth, -1e30).argmax(1)
    func of(_ labels: Tensor) throws -> Tensor { try scores.gathered(1, by: labels.unsqueezed(1)).squeezed(1) }
    let squares = try Tensor.total(
      maps.map { try ($0.indexed(0, by: labels) - $0.indexed(0, by: other)).square().sum(1) })
    return try (of(labels) - of(other)) / squares.clamped(min: 1e-24).squareRoot()
  }
}
