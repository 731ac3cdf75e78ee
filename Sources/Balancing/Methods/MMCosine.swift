public import Multimodal
public import Records
public import Torch
import TorchNN

/// MMCosine: the fused logits as a sum of cosines, so that no modality can win by the length of its weights or
/// features.
///
///     z_c = s · Σₘ ⟨wₘ_c, eₘ⟩ / (‖wₘ_c‖ ‖eₘ‖),   L = loss(z, y)
///
/// where s is ``Configuration/scale``, eₘ a modality's feature and wₘ_c the fused classifier's weights between eₘ and
/// class c; its bias is not used. The prediction is z as trained, unlike in the authors' validation code, which falls
/// back to the inner product with bias. A modality that is known to be absent is left out of the sum: a cosine would
/// count what is left of it, the embedding's bias, in full.
public struct MMCosine: ObjectiveMethod, AnswersAbsence {
  public struct Configuration: Settings {
    @Setting("s, what multiplies the cosines", .positive) public var scale = 10.0
    public init() {}
  }

  public static let card = MethodCard(
    name: "mmcosine", title: "MMCosine",
    citation: Citation(
      authors: ["Ruize Xu", "Ruoxuan Feng", "Shi-Xiong Zhang", "Di Hu"],
      title: "MMCosine: Multi-Modal Cosine Loss Towards Balanced Audio-Visual Fine-Grained Learning", venue: "ICASSP",
      year: 2023, url: "https://arxiv.org/abs/2303.05338"),
    stage: .objective,
    summary: "Classifies by cosines, modality by modality, so that longer weights or features win nothing.",
    needs: ["one linear classifier over the features side by side"],
    departures: [
      "Predicts with the cosines it was trained with; the authors' validation code uses inner products and a bias.",
      "Leaves a modality that is known to be absent out of the sum.",
    ],
    settings: settings)

  public static let requirements = MethodRequirements(
    additiveFusion: true, concatenation: true,
    needsClasses: "its logits are cosines with the weights of each class")

  private let scale: Double

  public init(_ configuration: Configuration) { scale = configuration.scale }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let weights = try Self.classWeights(outputs)
    let cosines = try cosines(outputs, weights)
    let loss = try session.loss(Tensor.total(cosines.values), batch)
    report.losses["fused"] = try loss.scalar()
    try withoutGradients {
      for (modality, cosine) in cosines {
        report.losses[modality.name] = try session.loss(cosine, batch).scalar()
        report.scalars["norm.feature.\(modality.name)"] = try Self.meanLength(outputs.features[modality])
        report.scalars["norm.weight.\(modality.name)"] = try Self.meanLength(weights[modality])
      }
    }
    return loss
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    let all = try cosines(outputs, Self.classWeights(outputs))
    let present = all.filter { !absent.contains($0.0) }.map(\.1)
    return try Tensor.total(present.isEmpty ? all.values : present)
  }

  /// s · cos(wₘ_c, eₘ), [B, C] for each modality.
  private func cosines(_ outputs: Outputs, _ weights: PerModality<Tensor>) throws -> PerModality<Tensor> {
    try outputs.features.map { try $1.unitRows().linear(weights[$0].unitRows(), nil) * scale }
  }

  /// wₘ, [C, H]: the columns of the fused classifier that belong to each modality.
  private static func classWeights(_ outputs: Outputs) throws -> PerModality<Tensor> {
    guard let fusion = outputs.model.fusion as? Concatenation else {
      throw Diagnosis(
        "mmcosine needs one linear classifier over the features side by side",
        remedy: "use --set model.fusion=concatenation", exitStatus: .usage)
    }
    var column = 0
    return try outputs.features.map { _, feature in
      let width = feature.shape[feature.rank - 1]
      defer { column += width }
      return try fusion.classifier.weight.tensor.narrowed(1, from: column, length: width)
    }
  }

  private static func meanLength(_ rows: Tensor) throws -> Double {
    try rows.square().sum(-1).squareRoot().mean().scalar()
  }
}
