import Foundation
public import Multimodal
public import Records
public import Torch

/// TCMax: scores each sample's own features and label above features and labels that do not belong together.
///
///     L = −(1/B) Σᵢ z(e₁ᵢ, …, e_Mᵢ)[yᵢ] + log( 1/(B^M C) Σ over j₁ … j_M and c of exp z(e₁ⱼ₁, …, e_Mⱼ_M)[c] )
///
/// −L is the Donsker–Varadhan bound of the total correlation of features and label, in nats, with a uniform label in the
/// product. Where z = Σₘ zₘ is a sum over modalities, the sum over tuples is exact at the cost B C M:
///
///     log Z = log Σ_c exp Σₘ log Σⱼ exp zₘ(eₘⱼ)[c] − M log B − log C
///
/// Elsewhere all B^M tuples are taken if they are at most ``Configuration/samples``, and so many random ones if they are more.
/// The prediction is z. With several labels L is the mean over labels, each with its two answers, scored z_c / 2 and −z_c / 2,
/// in place of the C classes. Class weights weigh the samples of both terms.
public struct TCMax: ObjectiveMethod {
  public struct Configuration: Settings {
    @Setting("The most tuples of features that a step compares, where the fused logits are no sum", .atLeast(1)) public
      var samples = 4096
    public init() {}
  }

  public static let requirements = MethodRequirements(
    crossEntropy: true,
    needsClasses: "its loss is the total correlation of features with classes")

  public static let card = MethodCard(
    name: "tcmax", title: "TCMax",
    citation: Citation(
      authors: ["Feng Yu", "Xiangyu Wu", "Yang Yang", "Jianfeng Lu"],
      title: "Multimodal Classification via Total Correlation Maximization", venue: "ICLR", year: 2026,
      url: "https://arxiv.org/abs/2602.13015"),
    stage: .objective,
    summary: "Scores each sample's own features and label above features and labels that do not belong together.",
    needs: ["batches of about four samples a class or more: fewer bias the loss"],
    departures: [
      "Where the fused logits are a sum over modalities, all tuples are summed exactly at the cost B C M; the authors' code "
        + "makes all B² C scores.",
      "Scores are summed by log-sum-exp; the authors' code takes off the mean instead of the largest, which overflows.",
      "For any number of modalities and any fusion; the authors' code is for two, and fails for gates when it samples.",
      "The authors' shared classifier is `model.fusion=addition`. Prediction is by the sum of logits that is trained; "
        + "their code halves it: the same classes with other confidences.",
      "With several labels, for which the paper has no loss: the mean over labels of the same loss with yes and no as classes.",
      "Class weights, which the authors do not have, weigh the samples of both terms.",
    ],
    settings: settings)

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let task = session.model.task
    // The logarithm of each sample's share, [B, 1, 1].
    let shares = try Self.logShares(batch, session, like: outputs.logits)
    let (own, partition): (Tensor, Tensor)
    if let parts = try outputs.contributions() {
      let sums = try parts.values.map { try (Self.scores($0, task) + shares).logSumExp(0) }
      (own, partition) = (try .total(parts.values), try .total(sums))
    } else {
      let tuples = try tuples(batch.count, session)
      let features = try outputs.features.map { try $1.indexed(0, by: tuples[$0].to(on: $1.device)) }
      let scores = try Self.scores(session.outputs(ofFeatures: features).logits, task)
      let weights = try Tensor.total(tuples.values.map { try shares.indexed(0, by: $0.to(on: shares.device)) })
      // The shares of drawn tuples do not add up to 1.
      (own, partition) = (outputs.logits, try (scores + weights - weights.logSumExp(0)).logSumExp(0))
    }
    let truths = try Self.truths(own, batch.labels, task)
    let answers = task == .multiLabel ? 2 : own.shape[1]
    var losses = try partition.logSumExp(-1) - log(Double(answers)) - (truths * shares.squeezed(2).exp()).sum(0)
    if task == .multiLabel, let weights = session.classWeights { losses = try losses * weights }
    let loss = try losses.mean()
    try withoutGradients { report.losses["fused"] = try session.loss(outputs.logits, batch).scalar() }
    let value = try loss.scalar()
    report.scalars["method.bound"] = -value
    report.scalars["method.loss"] =
      value + Double(outputs.modalities.count - 1) * log(Double(batch.count)) + log(Double(answers))
    return loss
  }

  // MARK: Parts

  /// log wᵢ / Σ w, [B, 1, 1], of the weights of the samples' classes; −log B where all count alike.
  private static func logShares(_ batch: Batch, _ session: TrainingSession, like logits: Tensor) throws -> Tensor {
    let shape = [batch.count, 1, 1]
    guard session.model.task != .multiLabel, let weights = session.classWeights else {
      return try .full(shape, -log(Double(batch.count)), logits.elementType, on: logits.device)
    }
    let own = try weights.indexed(0, by: batch.labels).to(logits.elementType)
    return try (own.log() - own.sum().log()).reshaped(shape)
  }

  /// The score of each answer: of C classes [N, 1, C], of yes and no to each of several labels [N, C, 2].
  static func scores(_ logits: Tensor, _ task: PredictionTask) throws(TorchError) -> Tensor {
    task == .multiLabel ? try Tensor.stack([logits * 0.5, logits * -0.5], -1) : try logits.unsqueezed(1)
  }

  /// The scores of the true answers: [B, 1], or [B, C] with several labels.
  private static func truths(_ logits: Tensor, _ labels: Tensor, _ task: PredictionTask) throws -> Tensor {
    guard task == .multiLabel else { return try logits.gathered(1, by: labels.unsqueezed(1)) }
    return try logits * (labels.to(logits.elementType) - 0.5)
  }

  /// Which sample each modality of a tuple is taken from, [S] each: all tuples, or random ones where those are too many.
  private func tuples(_ count: Int, _ session: TrainingSession) throws -> PerModality<Tensor> {
    let modalities = session.model.modalities
    var all = 1
    for _ in modalities where all <= configuration.samples { all *= count }
    guard all > configuration.samples else {
      var step = 1
      return try PerModality(modalities) { _ in
        defer { step *= count }
        return try Tensor((0..<all).map { $0 / step % count })
      }
    }
    return try PerModality(modalities) { modality in
      let numbers = try session.random("tuples/\(modality)").uniform([configuration.samples], .float64)
      return try (numbers * Double(count)).to(.int64)
    }
  }
}
