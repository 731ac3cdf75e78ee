import Seesaw

/// Tilt: the unimodal losses beside the fused one, the larger of them the heavier.
///
///     L = L_T + λ Σₘ wₘ Lₘ,   wₘ = Lₘ / Σⱼ Lⱼ
///
/// where λ is ``Configuration/strength`` and no gradient goes through wₘ.
public struct Tilt: ObjectiveMethod, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    @Setting("λ, of the unimodal losses together", .nonNegative) public var strength = 1.0
    public init() {}
  }

  public static let card = MethodCard(
    name: "tilt", title: "Tilt", stage: .objective,
    summary: "Adds the unimodal losses, each weighted by its share of their sum.", needs: ["unimodal classifiers"],
    settings: settings)

  private let strength: Double

  public init(_ configuration: Configuration) { strength = configuration.strength }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    var total = try session.loss(outputs.logits, batch)
    report.losses["fused"] = try total.scalar()
    let losses = try outputs.unimodal().map { try session.loss($1, batch) }
    let values = try losses.values.map { try $0.scalar() }
    let sum = values.reduce(0, +)
    for ((modality, loss), value) in zip(losses, values) {
      let weight = sum > 0 ? value / sum : 0
      report.losses[modality.name] = value
      report.scalars["weight.\(modality.name)"] = weight
      total = try total + loss * (strength * weight)
    }
    return total
  }
}
