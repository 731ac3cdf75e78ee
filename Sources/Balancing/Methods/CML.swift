public import Multimodal
public import Records
public import Torch

/// CML: the prediction must not become surer when a modality is taken away.
///
///     S₀ = all, Sₖ₊₁ = Sₖ without one modality, in an order drawn for each step, down to one
///     L = (1/M) Σₖ loss(z_Sₖ, y) + λ Σₖ (1/B) Σᵢ σᵢ max(0, conf(z_Sₖ₊₁) − conf(z_Sₖ))
///
/// where λ is ``Configuration/weight``, conf the probability of the predicted class, B the batch and σᵢ the choice of
/// ``Configuration/samples``. A modality is taken away by setting its feature to zero, which for a linear fusion takes
/// its part out of the logits, or by setting its input to zero (``Configuration/removal``).
///
/// The authors' code sums over the batch, so that λ means another thing for every batch size; `reduction: sum` does
/// that. A later benchmark bounds the sum over the batch from below instead of each sample's term, so that samples that
/// obey make up for those that do not; we do not follow it.
public struct CML: ObjectiveMethod {
  public struct Configuration: Settings {
    public var weight = 1.0
    public var removal = Removal.features
    public var samples = Samples.all
    public var reduction = Reduction.mean
    public init() {}
  }
  public enum Removal: String, SettingChoice { case features, inputs }
  public enum Samples: String, SettingChoice {
    /// σᵢ = 1.
    case all
    /// Not those that fewer modalities get right and more get wrong.
    case notMisled = "not_misled"
    /// Those that more modalities get right; where both are wrong, only the surer prediction is pushed down.
    case right
  }
  public enum Reduction: String, SettingChoice { case mean, sum }

  public static let card = MethodCard(
    name: "cml", title: "CML",
    citation: Citation(
      authors: [
        "Huan Ma", "Qingyang Zhang", "Changqing Zhang", "Bingzhe Wu", "Huazhu Fu", "Joey Tianyi Zhou", "Qinghua Hu",
      ],
      title: "Calibrating Multimodal Learning", venue: "ICML", year: 2023, url: "https://arxiv.org/abs/2306.01265"),
    stage: .objective,
    summary: "Trains on growing sets of modalities and punishes predictions that become surer when one is removed.",
    needs: ["a pass through the fusion for each modality"], modalities: .several,
    departures: [
      "The penalty is a mean over the batch, the authors' a sum (`reduction`); the weight goes with that.",
      "For several labels, confidence is the mean over labels of the likelier answer's probability.",
    ],
    settings: settings([
      SettingNote("weight", "λ, of the penalty", range: .nonNegative),
      SettingNote("removal", "Set the feature or the input to zero", allowed: Removal.allowed),
      SettingNote("samples", "Which samples are punished", allowed: Samples.allowed),
      SettingNote("reduction", "Mean or sum of the penalty over the batch", allowed: Reduction.allowed),
    ]), sees: ["clean", "missing"])

  public static let requirements = MethodRequirements(
    needsClasses: "it ranks predictions by their confidence, the largest probability of a class")

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    // A stream for each modality's name, so that the order of the modalities decides nothing.
    let draws = try outputs.modalities.map {
      ($0, try session.random("removal/\($0)").uniform([1], .float64).scalar())
    }
    let order = draws.sorted { $0.1 < $1.1 }.map(\.0)
    return try objective(outputs, batch, session, removing: order.dropLast(), &report)
  }

  /// L for one order of removal, which leaves one modality.
  func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, removing order: [Modality],
    _ report: inout StepReport
  ) throws -> Tensor {
    let (task, modalities) = (session.model.task, outputs.modalities)
    var logits = [outputs.logits]
    for count in order.indices.map({ $0 + 1 }) {
      logits.append(try self.logits(outputs, batch, session, without: Set(order.prefix(count))))
    }
    let losses = try logits.map { try session.loss($0, batch) }
    let excesses = try zip(logits, logits.dropFirst()).map {
      try Self.excess($0, over: $1, batch.labels, task, configuration.samples)
    }

    report.losses["fused"] = try losses[0].scalar()
    if let last = modalities.first(where: { !order.contains($0) }), losses.count > 1 {
      report.losses[last.name] = try losses[losses.count - 1].scalar()
    }
    for modality in modalities {
      report.scalars["removed.\(modality.name)"] = Double((order.firstIndex(of: modality) ?? -1) + 1)
    }
    let target = try Tensor.stack(losses).mean()
    guard !excesses.isEmpty else { return target }
    let all = try Tensor.total(excesses)
    let penalty = configuration.reduction == .mean ? try all.mean() : try all.sum()
    report.scalars["penalty"] = try penalty.scalar()
    report.scalars["violations"] =
      try Tensor.stack(excesses).greater(than: 0).to(all.elementType).mean().scalar()
    report.scalars["confidence"] = try Certainty.confidence(logits[0], task).mean().scalar()
    return configuration.weight > 0 ? try target + penalty * configuration.weight : target
  }

  /// σ · max(0, conf(fewer) − conf(more)), [B].
  static func excess(
    _ more: Tensor, over fewer: Tensor, _ labels: Tensor, _ task: PredictionTask, _ samples: Samples
  ) throws(TorchError) -> Tensor {
    let before = try Certainty.confidence(more, task)
    let after = try Certainty.confidence(fewer, task)
    let excess = try (after - before).relu()
    guard samples != .all else { return excess }
    let moreRight = try Certainty.right(more, labels, task)
    let fewerRight = try Certainty.right(fewer, labels, task)
    if samples == .notMisled { return try excess * (1 - fewerRight * (1 - moreRight)) }
    let bothWrong = try (1 - moreRight) * (1 - fewerRight)
    return try moreRight * excess + bothWrong * (after - before.detached()).relu()
  }

  private func logits(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, without absent: Set<Modality>
  ) throws -> Tensor {
    guard configuration.removal == .features else { return try session.forward(batch, without: absent).logits }
    let kept = try outputs.features.map { absent.contains($0) ? try $1 * 0 : $1 }
    return try session.model.outputs(ofFeatures: kept).logits
  }
}
