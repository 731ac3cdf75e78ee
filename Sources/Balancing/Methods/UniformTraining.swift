public import Multimodal
public import Records
public import Torch

/// The uniform baseline: the fused loss plus every unimodal loss, all with weight one.
///
///     L = L_T + Σₘ Lₘ,   Lₘ = loss(fₘ(eₘ), y)
///
/// The name is that of Wei & Hu (ICML 2024), who compare with it.
public struct UniformTraining: ObjectiveMethod, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    public init() {}
  }

  public static let card = MethodCard(
    name: "uniform", title: "Joint + unimodal losses",
    citation: Citation(
      authors: ["Yake Wei", "Di Hu"],
      title: "MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance", venue: "ICML", year: 2024),
    stage: .baseline,
    summary: "Adds each unimodal classifier's loss to the fused one: the strongest of the cheap baselines.",
    needs: ["unimodal classifiers"])

  public init(_ configuration: Configuration) {}

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    var total = try session.loss(outputs.logits, batch)
    report.losses["fused"] = try total.scalar()
    for (modality, logits) in try outputs.unimodal() {
      let loss = try session.loss(logits, batch)
      report.losses[modality.name] = try loss.scalar()
      total = try total + loss
    }
    return total
  }
}
