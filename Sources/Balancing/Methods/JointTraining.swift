public import Multimodal
public import Records
public import Torch

/// Joint training: the fused loss and nothing else.
///
///     θ ← θ − η ∇ L_T,   L_T = loss(z, y)
public struct JointTraining: ObjectiveMethod {
  public struct Configuration: Settings {
    public init() {}
  }

  public static let card = MethodCard(
    name: "joint", title: "Joint training", stage: .baseline,
    summary: "Descends the fused loss alone: what everybody does first, and what the other methods are compared with.")

  public init(_ configuration: Configuration) {}

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let loss = try session.loss(outputs.logits, batch)
    report.losses["fused"] = try loss.scalar()
    return loss
  }
}
