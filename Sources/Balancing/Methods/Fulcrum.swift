public import Multimodal
import Records
public import Torch
public import TorchNN

/// Fulcrum: one model that is trained for every set of modalities that may be there, at about the price of joint training.
///
///     L = loss(z_all, y) + M w/|F| Σ_{S ∈ F} [loss(z_S, y) + β KL(sg p_all ‖ p_S)] + λ Σₘ loss(fₘ(eₘ), y)
///
/// where z_S are the logits with what is outside of S missing, and a says how far each modality is trusted
/// (`SubsetPass`); F are the sets of `SubsetFamily`, w is ``Configuration/subsets``, β ``Configuration/distillation`` and
/// λ ``Configuration/unimodal``. A share ``Configuration/views`` of the rows of each modality are noisy. It is modality
/// dropout with its expectation taken exactly, with what a missing input really encodes to in place of what is hidden.
public struct Fulcrum: BalancingMethod, AnswersAbsence, AddsParameters, SeesImpairedInputs, TellsReliance,
  TrainsUnimodalClassifiers
{
  private let configuration: Configuration
  public var viewShare: Double { configuration.views }

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public func addParameters(_ scope: Scope, for model: MultimodalModel) throws {
    guard configuration.gate > 0 else { return }
    let (count, width) = (model.modalities.count, model.embeddings.values.reduce(0) { $0 + $1.weight.shape[0] })
    _ = try (scope / "gate").parameter("weight", [count, width], .zeros)
    _ = try (scope / "gate").parameter("bias", [count], .zeros)
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    var report = StepReport(losses: [:])
    let (full, subsets) = try losses(batch, session, &report)
    guard let subsets else {
      try session.update(along: session.gradients(of: full))
      return report
    }
    guard configuration.projection else {
      try session.update(along: session.gradients(of: full + subsets))
      return report
    }
    let target = try session.gradients(of: full, keepingGraph: true)
    var others = try session.gradients(of: subsets)
    try session.note("target", target)
    try session.note("subsets", others)
    for modality in session.model.modalities {
      let branch = session.model.branch(modality)
      let coefficient = try conflictCoefficient(others, target, within: branch)
      report.scalars["conflict.\(modality.name)"] = coefficient < 0 ? 1 : 0
      if coefficient < 0 { others = try others.adding(target, scale: -coefficient, within: branch) }
    }
    try session.note("projected", others)
    try session.update(along: target + others)
    return report
  }

  /// The loss with everything there, with the unimodal ones, and that of the sets; nil where there is none.
  private func losses(
    _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> (full: Tensor, subsets: Tensor?) {
    let (model, modalities) = (session.model, session.model.modalities)
    let family = configuration.subsets > 0 ? SubsetFamily.sets(modalities.count) : []
    guard !family.isEmpty || configuration.gate > 0 else {
      let outputs = try session.forward(batch)
      let unimodal = configuration.unimodal > 0 ? try outputs.unimodal().values : []
      return (try fit(outputs.logits, unimodal, batch, session, &report), nil)
    }
    let isDrawn = configuration.form == .sampled && !family.isEmpty
    let sets =
      isDrawn
      ? SubsetFamily.drawn(family, by: try session.random("subset").uniform([batch.count], .float64).array()) : family
    let features = try session.featuresAndMissing(batch)
    let pass = SubsetPass(model: model, features: features, gate: try gate(model))
    let (all, reliance, unimodal) = try pass(
      SubsetFamily.members(sets, oneForEachRow: isDrawn, of: modalities.count, like: features.values[0]),
      withUnimodal: configuration.unimodal > 0)
    if let shares: [Double] = try reliance?.selected(0, 0).detached().mean(0).array() {
      for (modality, share) in zip(modalities, shares) { report.scalars["reliance.\(modality.name)"] = share }
    }
    let logits = try all.selected(0, 0)
    let full = try fit(logits, unimodal, batch, session, &report)
    guard !sets.isEmpty else { return (full, nil) }
    let others = try all.narrowed(0, from: 1, length: all.shape[0] - 1)
    let counted = self.counted(batch, sets, oneForEachRow: isDrawn, modalities)
    let total = try SubsetLoss(session, batch, distillation: configuration.distillation)(
      others, logits, counting: counted, &report)
    return (full, try total.map { try $0 * (configuration.subsets * Double(modalities.count)) })
  }
  /// The loss with everything there, and the unimodal ones of rows that are as they are.
  private func fit(
    _ logits: Tensor, _ unimodal: [Tensor], _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    var total = try session.loss(logits, batch)
    report.losses["fused"] = try total.scalar()
    for (modality, own) in zip(session.model.modalities, unimodal) {
      var loss: Tensor
      if let counted = counted(batch, [[true]], oneForEachRow: false, [modality]) {
        if counted.isEmpty { continue }
        let index = try Tensor(counted).to(on: own.device)
        loss = try session.model.task.loss(
          own.indexed(0, by: index), batch.labels.indexed(0, by: index), classWeights: session.classWeights,
          focus: session.focus)
      } else {
        loss = try session.loss(own, batch)
      }
      report.losses[modality.name] = try loss.scalar()
      total = try total + loss * configuration.unimodal
    }
    return total
  }

  /// Of the rows of z_S, set after set, those in which all that is there is as it is; nil: all.
  ///
  /// A modality is missing or noisy, and seldom one while another is the other: noise is for the loss with everything there.
  private func counted(
    _ batch: Batch, _ sets: [[Bool]], oneForEachRow: Bool, _ modalities: [Modality]
  ) -> [Int]? {
    guard configuration.noise == .full, batch.impaired.contains(where: { !$0.isEmpty }) else { return nil }
    func isClean(_ row: Int, _ set: [Bool]) -> Bool {
      zip(modalities, set).allSatisfy { !$1 || !batch.impaired[row].contains($0) }
    }
    if oneForEachRow { return sets.indices.filter { isClean($0, sets[$0]) } }
    return sets.enumerated().flatMap { place, set in
      (0..<batch.count).filter { isClean($0, set) }.map { place * batch.count + $0 }
    }
  }

  private func gate(_ model: MultimodalModel) throws -> Gate? {
    guard configuration.gate > 0 else { return nil }
    return Gate(
      reach: configuration.gate, weight: try model.methodTensor("gate", "weight"),
      bias: try model.methodTensor("gate", "bias"))
  }

  // MARK: Prediction

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    guard let shares = try gate(outputs.model)?.shares(outputs.features, absent: absent) else { return outputs.logits }
    let count = Double(outputs.modalities.count)
    return try outputs.model.outputs(
      ofFeatures: outputs.features.map { try $1 * (shares[$0] * count).unsqueezed(1) }
    ).logits
  }

  public func reliance(_ outputs: Outputs, missing: Outputs, absent: Set<Modality>) throws -> PerModality<Tensor> {
    let shares = try gate(outputs.model)?.shares(outputs.features, absent: absent)
    return try shares ?? Reliance.shares(outputs, missing: missing, absent: absent)
  }
}
