public import Multimodal
import Records
import Torch
import TorchNN

/// BalGrad: reweighted mutual divergence, and the target gradient projected off it where the two conflict.
///
///     g_kl = s(t) · [wᵐ · ∇ Kₘ  on each branch θₘ],   Kₘ = D_KL(sg(p_other) ‖ pₘ)                (eq. 2–4)
///     wᵐ   = Lₘ / Σⱼ Lⱼ                                                                         (eq. 3)
///     g_T⊥ = g_T − min(0, ⟨g_T, g_kl⟩) / ‖g_kl‖² · g_kl                                         (eq. 6)
///     θₘ  : g_T⊥ + ∇ Lₘ + g_kl      f_T : g_T      fₘ : ∇ Lₘ (+ g_kl)                           (figure 3)
///
/// where s is `ramp`, w `weight`, K the choice of `kl`, and the inner product runs over the branches of all modalities
/// (`projection.scope`). The divergence does not depend on f_T, so that projecting there would change nothing.
///
/// For M > 2, Kₘ is the mean over the other modalities and wᵐ = (M/2) · Lₘ/Σⱼ Lⱼ, which is eq. 3 at M = 2; written
/// with sums over modalities, so that the cost grows linearly in M (`js` alone takes all pairs). The paper leaves M > 2 open. With `kl.partner` =
/// consensus the target is instead one distribution, qₘ = Σⱼ≠ₘ aⱼpⱼ / Σⱼ≠ₘ aⱼ with aⱼ = 1/Lⱼ: a modality learns from
/// the others in the measure in which they have converged. At M = 2 both are the same.
///
/// Departures: the paper's ramp and its constant are not known to us; ours is linear from 0.1 to 1.
public struct BalGrad: BalancingMethod, Checkpointed, TrainsUnimodalClassifiers {
  let configuration: Configuration
  private var convergence = ConvergenceMemory()

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let model = session.model
    let outputs = try session.forward(batch)
    let unimodal = try outputs.unimodal()
    let fusedLoss = try session.loss(outputs.logits, batch)
    let unimodalLosses = try unimodal.map { try session.loss($1, batch) }
    let lossValues = try unimodalLosses.values.map { try $0.scalar() }
    let divergences = try mutualDivergences(unimodal, lossValues, task: model.task)
    let weights = try weights(unimodal, lossValues, batch, session)
    let ramp = ramp(session.clock)

    let weighted = try zip(weights, divergences.values).map { try $1 * factor($0, ramp, session.clock) }
    let target = try session.gradients(of: fusedLoss, keepingGraph: true)
    let fullBalance = try session.gradients(of: Tensor.stack(weighted).sum(), keepingGraph: true)
    let own = try session.gradients(of: Tensor.stack(unimodalLosses.values).sum())

    let branches = model.branches
    let balance = configuration.heads.update == .cePlusKL ? fullBalance : fullBalance.within(branches)
    let aimed =
      configuration.projection.target == .fused ? target : try target.adding(own, scale: 1, within: branches)
    let rest = configuration.projection.target == .fused ? own : own.within(headIndices(model))
    let (projected, conflict) = try projected(aimed, awayFrom: balance, model)

    try session.note("target", target)
    try session.note("balance", balance)
    try session.note("unimodal", own)
    try session.note("projected", projected)
    try session.update(along: projected + rest + balance)

    var report = StepReport(losses: ["fused": try fusedLoss.scalar()])
    let dot = try aimed.dot(balance, within: branches)
    let targetNorm = try aimed.norm(within: branches)
    let balanceNorm = try balance.norm(within: branches)
    let lengths = targetNorm * balanceNorm
    report.scalars = [
      "ramp": ramp, "dot": dot, "cosine": lengths > 0 ? dot / lengths : 0, "norm.target": targetNorm,
      "norm.balance": balanceNorm, "conflict": conflict ? 1 : 0,
    ]
    // Nothing is decided by it, and it costs as much as the other two lengths.
    if session.isMeasured { report.scalars["norm.unimodal"] = try own.norm(within: branches) }
    for (position, modality) in model.modalities.enumerated() {
      report.losses[modality.name] = lossValues[position]
      report.scalars["weight.\(modality.name)"] = weights[position]
      report.scalars["divergence.\(modality.name)"] = try divergences.values[position].scalar()
    }
    return report
  }

  // MARK: Parts

  /// Kₘ for each modality, the mean over the others; sums over modalities keep the cost linear in their number, where
  /// the divergence is linear in one of its sides: not so Jensen–Shannon.
  private func mutualDivergences(
    _ logits: PerModality<Tensor>, _ losses: [Double], task: PredictionTask
  ) throws -> PerModality<Tensor> {
    let kl = configuration.kl
    guard task.hasClasses else { return try squaredDifferences(logits) }
    let students = try logits.map { try task.logProbabilities(kl.temperature == 1 ? $1 : $1 / kl.temperature) }
    let targets = kl.stopGrad ? try students.map { try $1.detached() } : students
    if kl.partner == .consensus { return try divergencesFromConsensus(students, targets, losses) }
    switch kl.direction {
    case .targetStudent:
      return try PerModality(logits.modalities, meanDivergences(from: targets.values, to: students.values))
    case .studentTarget: return try reversedDivergences(students, targets)
    case .js: return try jensenShannonDivergences(students, targets)
    }
  }

  /// wᵐ, whose mean over modalities is 1/2 where the form is normalised.
  private mutating func weights(
    _ logits: PerModality<Tensor>, _ losses: [Double], _ batch: Batch, _ session: TrainingSession
  ) throws -> [Double] {
    let form = configuration.weight.form
    guard configuration.reweighting else { return losses.map { _ in 0.5 } }
    if form == .fixed { return losses.map { _ in configuration.weight.value } }
    let measured = form == .confRatio ? try inverseConfidences(logits, batch, session) : losses
    let values = convergence.update(measured, epoch: session.clock.epoch, configuration.weight)
    let total = max(values.reduce(0, +), 1e-12)
    switch form {
    case .lossRatio, .confRatio: return values.map { Double(losses.count) / 2 * $0 / total }
    case .lossSoftmax, .lossQuotient, .fixed: return otherWeights(values, total: total)
    }
  }

  /// s(t).
  private func ramp(_ clock: TrainingClock) -> Double {
    let byEpoch = configuration.ramp.unit == .epoch
    return Self.ramp(
      configuration.ramp.form, configuration.ramp.lambda0, progress: byEpoch ? clock.epochProgress : clock.progress,
      count: byEpoch ? clock.epoch : clock.step)
  }

  /// The target without what points against the balance, as equation 6 has it, and whether anything does.
  private func projected(
    _ target: Gradients, awayFrom balance: Gradients, _ model: MultimodalModel
  ) throws -> (Gradients, conflict: Bool) {
    var result = target
    var conflict = false
    for parts in configuration.projection.scope.grouping.groups(of: model) {
      // In the store's order, in which sums are taken.
      let group = parts.flatMap { $0 }.sorted()
      let coefficient = try conflictCoefficient(target, balance, within: group)
      guard coefficient < 0 else { continue }
      conflict = true
      if configuration.projection.enabled { result = try result.adding(balance, scale: -coefficient, within: group) }
    }
    return (result, conflict)
  }

  private func headIndices(_ model: MultimodalModel) -> [Int] {
    model.modalities.flatMap { model.store.indices(within: $0.head) }
  }

  // MARK: State

  public func state() throws -> MethodState { MethodState(numbers: try Tree(encoding: convergence)) }

  public mutating func restore(_ state: MethodState) throws {
    convergence = try state.numbers.decode(ConvergenceMemory.self)
  }
}
