public import Multimodal
public import Records
import Torch
import TorchNN

/// MMPareto: each branch follows the fused and its unimodal gradient where they agree, and what both allow where not.
///
///     g = ∇ L_T,  u = ∇ Lₘ   on branch θₘ
///     a_g = a_u = 1/2                                    if ⟨g, u⟩ ≥ 0
///     (a_g, a_u) = argmin ‖a_g g + a_u u‖, a_g + a_u = 1   otherwise
///     h = 2 a_g g + 2 a_u u,   κ = ‖g + u‖ / ‖h‖
///     θₘ : γ · max(κ, 1) · h       f_T : ∇ L_T       fₘ : ∇ Lₘ
///
/// The direction is found on the branch as a whole and its length restored tensor by tensor, as in the authors' code, or
/// on the whole branch (`magnitude`); γ is ``Configuration/gamma``. Since each Lₘ reaches one branch alone, one gradient
/// of their sum is enough. Where g and u cancel to rounding there is no length to restore, and h is followed as it is.
public struct MMPareto: BalancingMethod, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    public var gamma = 1.5
    public var magnitude = Magnitude.tensor
    public init() {}
  }
  public enum Magnitude: String, SettingChoice { case tensor, branch }

  public static let card = MethodCard(
    name: "mmpareto", title: "MMPareto",
    citation: Citation(
      authors: ["Yake Wei", "Di Hu"],
      title: "MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance", venue: "ICML", year: 2024),
    stage: .objective,
    summary:
      "Adds the unimodal losses, and where one works against the fused loss on its branch takes the shortest mix "
      + "of both, at full length.",
    needs: ["unimodal classifiers", "two gradients a step"],
    departures: [
      "The length is restored tensor by tensor, as in the authors' code; the paper speaks of the whole (`magnitude`).",
      "The weights of two opposed gradients are exact, where the authors' solver keeps them within 0.001 and 0.999.",
    ],
    settings: settings([
      SettingNote("gamma", "Stretches the gradient of every branch", range: .positive),
      SettingNote(
        "magnitude", "Restore the length of each tensor, or of the branch as a whole", allowed: Magnitude.allowed),
    ]))

  public static let requirements = MethodRequirements(scalesGradients: true, trainedEncoders: true)

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let outputs = try session.forward(batch)
    let fused = try session.loss(outputs.logits, batch)
    let losses = try outputs.unimodal().map { try session.loss($1, batch) }
    var report = StepReport(losses: ["fused": try fused.scalar()])
    let target = try session.gradients(of: fused, keepingGraph: true)
    let unimodal = try session.gradients(of: Tensor.stack(losses.values).sum())

    try session.note("target", target)
    try session.note("unimodal", unimodal)
    let update = try combined(target, unimodal, session.model, &report)
    for (modality, loss) in losses { report.losses[modality.name] = try loss.scalar() }
    try session.update(along: update)
    return report
  }

  /// The fused and the unimodal gradient as one direction.
  func combined(
    _ target: Gradients, _ unimodal: Gradients, _ model: MultimodalModel, _ report: inout StepReport
  ) throws -> Gradients {
    let pair = GradientPair(target, unimodal)
    var update = try target + unimodal
    var conflicts = 0.0
    for modality in model.modalities {
      let branch = model.branch(modality)
      let products = try pair.products([branch])
      let (gg, gu, uu) = (products[0][0], products[0][1], products[1][1])
      let weight = gu < 0 ? MinimumNorm.weight(gg, gu, uu) : 0.5
      if gu < 0 { conflicts += 1 }
      update = try combined(pair, weight, branch, sum: update)
      report.scalars["weight.\(modality.name)"] = weight
      report.scalars["cosine.\(modality.name)"] = gg > 0 && uu > 0 ? gu / (gg.squareRoot() * uu.squareRoot()) : 0
    }
    report.scalars["conflict"] = conflicts / Double(model.modalities.count)
    return update
  }

  /// `sum`, g + u, with γ · max(κ, 1) · h in its place on a branch.
  private func combined(
    _ pair: GradientPair, _ weight: Double, _ branch: [Int], sum: Gradients
  ) throws -> Gradients {
    let both = pair.shared(branch)
    // With equal weights h is the sum itself.
    guard weight != 0.5 else { return try sum.scaled(by: configuration.gamma, within: both) }
    let mix = try pair.mixed(2 * weight, 2 - 2 * weight, within: both)
    var result = sum
    for group in configuration.magnitude == .branch ? [both] : both.map({ [$0] }) {
      let (long, short) = (try sum.norm(within: group), try mix.norm(within: group))
      let stretch = short > 1e-6 * long ? max(long / short, 1) : 1
      result = try result.replacing(group, by: mix).scaled(by: configuration.gamma * stretch, within: group)
    }
    return result
  }
}
