public import Multimodal
public import Records
public import Torch
import TorchNN

/// MBSD: sample by sample, the modality that is nearer to the truth teaches the other.
///
///     L = loss(z, y) + α Σₘ loss(zₘ, y) + (2/(M(M−1))) Σ_{a<b} (β RS_ab + γ KL_ab)
///     RS_ab = (1/B) Σᵢ wᵢ (1/C) ‖z_a − z_b‖²
///     KL_ab = (1/B) Σᵢ wᵢ D_KL(sg(p_strong) ‖ p_weak),   strong = the one of a and b with the larger pᵢ(y)
///     wᵢ = |p_a(y) − p_b(y)| where a or b predicts y, else 0
///
/// where zₘ is what a modality adds to the fused logits, pₘ its probabilities, α ``Configuration/unimodal``, β
/// ``Configuration/similarity`` and γ ``Configuration/distillation``.
///
/// The authors have no public code, and their model is a pre-trained transformer; the equations are those by which the
/// method is known in benchmarks of balanced learning, corrected: w is a number, not a path for gradients, and the
/// divergence is one. `variant: benchmark` has a gradient through w, KL = w · p_weak(y) (log p_weak(y) − p_strong(y)),
/// of the true class alone and with a probability in the place of its logarithm, and for M > 2 compares probabilities
/// in RS.
public struct MBSD: ObjectiveMethod {
  public struct Configuration: Settings {
    public var variant = Variant.corrected
    public var unimodal = 1.0
    public var similarity = 1.0
    public var distillation = 1.0
    public init() {}
  }
  public enum Variant: String, SettingChoice { case corrected, benchmark }

  public static let card = MethodCard(
    name: "mbsd", title: "MBSD",
    citation: Citation(
      authors: ["Shilei Liu", "Lin Li", "Jun Song", "Yonghua Yang", "Xiaoyi Zeng"],
      title: "Multimodal Pre-Training with Self-Distillation for Product Understanding in E-Commerce", venue: "WSDM",
      year: 2023, url: "https://doi.org/10.1145/3539597.3570423"),
    stage: .objective,
    summary:
      "For each sample, the modality that is nearer to the truth teaches the other, harder the further apart they "
      + "are.",
    needs: ["what each modality adds to the fused logits, or a pass for each"], modalities: .several,
    departures: [
      "The paper pre-trains a transformer; the loss is the one by which benchmarks know the method, with the "
        + "divergence made one and no gradient through the weights (`variant`).",
      "For more than two modalities, the mean over all pairs.",
    ],
    settings: settings([
      SettingNote("variant", "The corrected loss, or the benchmarks'", allowed: Variant.allowed),
      SettingNote("unimodal", "α, of the unimodal losses", range: .nonNegative),
      SettingNote("similarity", "β, of the distance between logits", range: .nonNegative),
      SettingNote("distillation", "γ, of the divergence from the stronger modality", range: .nonNegative),
    ]))

  public static let requirements = MethodRequirements(
    needsClasses: "it distils from the modality that gives the true class the larger probability")

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    var total = try session.loss(outputs.logits, batch)
    report.losses["fused"] = try total.scalar()
    let parts = try ModalityScores.logits(outputs, batch, session)
    for (modality, logits) in parts {
      let loss = try session.loss(logits, batch)
      report.losses[modality.name] = try loss.scalar()
      if configuration.unimodal > 0 { total = try total + loss * configuration.unimodal }
    }
    var pairs: [Pair] = []
    for a in parts.values.indices {
      for b in parts.values.indices where b > a {
        pairs.append(
          try Self.pair(
            parts.values[a], parts.values[b], batch.labels, session.model.task, configuration.variant,
            comparingProbabilities: configuration.variant == .benchmark && parts.count > 2))
      }
    }
    guard !pairs.isEmpty else { return total }
    let similarity = try Tensor.stack(pairs.map(\.similarity)).mean()
    let distillation = try Tensor.stack(pairs.map(\.distillation)).mean()
    if configuration.similarity > 0 { total = try total + similarity * configuration.similarity }
    if configuration.distillation > 0 { total = try total + distillation * configuration.distillation }
    report.scalars["similarity"] = try similarity.scalar()
    report.scalars["distillation"] = try distillation.scalar()
    report.scalars["weight"] = try Tensor.stack(pairs.map(\.weight)).mean().scalar()
    return total
  }

  /// w [B], RS and KL of two modalities.
  struct Pair {
    let weight: Tensor
    let similarity: Tensor
    let distillation: Tensor
  }

  static func pair(
    _ a: Tensor, _ b: Tensor, _ labels: Tensor, _ task: PredictionTask, _ variant: Variant,
    comparingProbabilities: Bool = false
  ) throws(TorchError) -> Pair {
    let (truthA, truthB) = (try task.trueProbability(a, labels), try task.trueProbability(b, labels))
    let someRight = try Certainty.right(a, labels, task).maximum(Certainty.right(b, labels, task))
    let open = try (truthA - truthB).abs() * someRight
    let weight = variant == .corrected ? try open.detached() : open

    let (x, y) = comparingProbabilities ? (try task.probabilities(a), try task.probabilities(b)) : (a, b)
    let similarity = try (weight * (x - y).square().mean(-1)).mean()

    let distances: Tensor
    switch variant {
    case .corrected:
      let logA = try task.logProbabilities(a).reshaped([a.shape[0], -1])
      let logB = try task.logProbabilities(b).reshaped([b.shape[0], -1])
      let first = try truthA.greater(than: truthB).unsqueezed(1)
      let strong = try first.choose(logA, logB).detached()
      distances = try (strong.exp() * (strong - first.choose(logB, logA))).sum(-1)
    case .benchmark:
      let (strong, weak) = (try truthA.maximum(truthB), try truthA.minimum(truthB))
      distances = try weak * (weak.clamped(min: 1e-30).log() - strong)
    }
    return Pair(weight: weight, similarity: similarity, distillation: try (weight * distances).mean())
  }
}
