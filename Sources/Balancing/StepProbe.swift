public import Multimodal
public import Records
package import Torch
import TorchNN

/// Looks at training steps without taking part in them.
///
/// For every method alike: the loss of each modality's own classifier, the angle between the gradient of the fused loss
/// and that of the divergence between modalities, and how well first-order analysis predicts what a step does. Where a
/// method trains no unimodal classifiers, the probe trains its own on the features as they come, and no gradient of
/// theirs reaches the model.
public final class StepProbe {
  private let form: ProbeForm
  private let every: Int
  private let stepLength: Double
  private let ownHeads: PerModality<Linear>?
  private let headStore: ParameterStore
  private let headOptimizer: Adam

  /// - Parameter stepLength: η of the step whose effect is predicted.
  public init(
    _ settings: ProbeSettings, model: MultimodalModel, method: any BalancingMethod, stepLength: Double
  ) throws {
    form = settings.form
    every = settings.every
    self.stepLength = stepLength
    let store = ParameterStore(
      random: model.store.random, elementType: model.store.elementType, device: model.store.device)
    ownHeads =
      method is any TrainsUnimodalClassifiers
      ? nil
      : try model.heads.map { modality, head in
        try Linear(store.root / "probe" / modality.name, in: head.weight.shape[1], out: head.weight.shape[0])
      }
    _ = try store.flat()
    headStore = store
    headOptimizer = try Adam(store)
  }

  /// What a batch shows before the method's own step, as scalars whose names begin with `probe.`.
  func measure(_ batch: Batch, _ session: TrainingSession) throws -> [String: Double] {
    guard form != .none else { return [:] }
    let isLooked = session.clock.step % every == 0
    guard isLooked || ownHeads != nil else { return [:] }
    let model = session.model
    // Not the session's forward pass, which measures what the method does.
    let outputs = try session.withoutDropout { try session.outputs(batch.inputs) }
    try trainOwnHeads(outputs, batch, session)
    guard isLooked else { return [:] }

    var found: [String: Double] = [:]
    let logits = try unimodal(outputs)
    for (modality, logits) in logits {
      found["probe.loss.\(modality.name)"] = try session.loss(logits, batch).scalar()
    }
    let fusedLoss = try session.loss(outputs.logits, batch)
    let divergence = try self.divergence(from: logits, to: logits, model.task)
    let target = try session.gradients(of: fusedLoss, keepingGraph: true)
    let balance = try session.gradients(of: divergence, keepingGraph: true)
    let branches = model.branches
    let dot = try target.dot(balance, within: branches)
    let lengths = try target.norm(within: branches) * balance.norm(within: branches)
    found["probe.cosine"] = lengths > 0 ? dot / lengths : 0
    found["probe.conflict"] = dot < 0 ? 1 : 0
    if form == .firstOrder {
      found.merge(try firstOrder(outputs, batch, session, fusedLoss, divergence, target, balance)) { own, _ in own }
    }
    return found
  }

  /// What a checkpoint must keep: the probe's own classifiers.
  package func state() throws -> [(String, Tensor)] {
    guard ownHeads != nil else { return [] }
    return [("heads", try headStore.flat())] + (try headOptimizer.state())
  }

  /// Takes up what `state` gave.
  package func restore(_ state: (String) throws -> Tensor) throws {
    guard ownHeads != nil else { return }
    try headStore.restore(state("heads"))
    try headOptimizer.restore(state)
  }

  // MARK: Unimodal classifiers

  private func unimodal(_ outputs: Outputs) throws -> PerModality<Tensor> {
    guard let ownHeads else { return try outputs.unimodal() }
    return try ownHeads.map { try $1(outputs.features[$0]) }
  }

  private func trainOwnHeads(_ outputs: Outputs, _ batch: Batch, _ session: TrainingSession) throws {
    guard let ownHeads else { return }
    let losses = try ownHeads.map { try session.loss($1(outputs.features[$0].detached()), batch) }
    let direction = try Gradients(of: Tensor.stack(losses.values).sum(), headStore)
    try headOptimizer.step(direction, learningRate: 1e-3)
  }

  /// Σₘ ½ · mean over the others of D_KL(pⱼ ‖ pₘ), with fixed targets pⱼ: the divergence with equal weights; of a regression
  /// of (zⱼ − zₘ)².
  private func divergence(
    from targets: PerModality<Tensor>, to students: PerModality<Tensor>, _ task: PredictionTask
  ) throws -> Tensor {
    guard task.hasClasses else {
      guard students.count > 1 else { return try students.values[0].sum() * 0 }
      let fixed = try targets.values.map { try $0.detached() }
      return try Tensor.stack(meanSquaredDifferences(from: fixed, to: students.values)).sum() * 0.5
    }
    let students = try students.values.map { try task.logProbabilities($0) }
    guard students.count > 1 else { return try students[0].sum() * 0 }
    let targets = try targets.values.map { try task.logProbabilities($0.detached()) }
    return try Tensor.stack(meanDivergences(from: targets, to: students)).sum() * 0.5
  }

  // MARK: First order

  /// Predicted and actual change of the loss for one plain gradient step of length η on this batch.
  ///
  ///     ΔL_T ≈ −η ‖g_T‖²,   of which 2⟨g_Tᵛ, g_Tˡ⟩ is the cross term of the fused classifier     (eq. 1)
  ///     Δ(L_T + L_kl) ≈ −η ‖g_T + g_kl‖²,   of which 2⟨g_T, g_kl⟩ is the cross term              (eq. 5)
  private func firstOrder(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ fusedLoss: Tensor, _ divergence: Tensor,
    _ target: Gradients, _ balance: Gradients
  ) throws -> [String: Double] {
    let model = session.model
    var found: [String: Double] = [:]
    found["probe.eq1.predicted"] = -stepLength * (try target.dot(target))
    found["probe.eq1.actual"] = try change(session, along: target) {
      try session.loss(model(batch.inputs).logits, batch)
    }
    if let cross = try crossTerm(outputs, batch, session) { found["probe.eq1.cross"] = -stepLength * cross }
    let both = try target + balance
    found["probe.eq5.predicted"] = -stepLength * (try both.dot(both))
    found["probe.eq5.cross"] = -stepLength * 2 * (try target.dot(balance))
    // The targets of the divergence stay where they were: that is what its gradient means.
    let fixed = try unimodal(outputs).map { try $1.detached() }
    found["probe.eq5.actual"] = try change(session, along: both) {
      let moved = try model(batch.inputs)
      let drift = try self.divergence(from: fixed, to: unimodal(moved), model.task)
      return try session.loss(moved.logits, batch) + drift
    }
    return found
  }

  /// loss(θ − η g) − loss(θ); the model is put back bit for bit.
  private func change(_ session: TrainingSession, along g: Gradients, _ loss: () throws -> Tensor) throws -> Double {
    let store = session.model.store
    return try withoutGradients {
      let before = try store.snapshot()
      let change = Result {
        let old = try loss().scalar()
        try store.flat().add(g.flat(), scale: -stepLength)
        return try loss().scalar() - old
      }
      try store.restore(before)
      return try change.get()
    }
  }

  /// 2 Σ_{v<l} ⟨g_Tᵛ, g_Tˡ⟩ over the fused classifier, where the fused logits are a sum over modalities; nil otherwise.
  private func crossTerm(_ outputs: Outputs, _ batch: Batch, _ session: TrainingSession) throws -> Double? {
    let model = session.model
    guard let parts = try outputs.contributions() else { return nil }
    // With the derivative at the logits held fixed, each part's share of the classifier's gradient stands alone.
    let logits = try outputs.logits.detached().cloned().requiringGradient()
    guard let derivative = try Torch.gradients(of: session.loss(logits, batch), withRespectTo: [logits])[0] else {
      return nil
    }
    let classifier = model.store.indices(within: "fusion")
    let shares = try parts.values.map {
      try session.gradients(of: ($0 * derivative).sum(), keepingGraph: true).within(classifier)
    }
    var sum = 0.0
    for v in shares.indices { for l in shares.indices where l > v { sum += try shares[v].dot(shares[l]) } }
    return 2 * sum
  }
}
