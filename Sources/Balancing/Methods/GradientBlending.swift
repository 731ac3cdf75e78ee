public import Multimodal
import Records
public import Torch
import TorchNN

/// Gradient-Blending: every loss is weighed by how much of what it teaches holds on samples that were not trained on.
///
///     L = w_T L_T + Σₘ wₘ Lₘ,   w_k ∝ max(0, G_k) / ΔO_k²,   the sum of all w being 1
///     G_k = L_k^val(before) − L_k^val(after),   ΔO_k = O_k(after) − O_k(before),   O_k = L_k^val − L_k^train
///
/// where *before* and *after* are the ends of a trial: a copy of the model trained on L_k alone. `mode: offline` holds
/// one trial from the first weights over all epochs before training begins; `mode: online` holds one every
/// ``Configuration/interval`` of training, from the weights as they are. All losses are means over the samples of a split,
/// weighted where classes are: Σ wᵢ lᵢ / Σ wᵢ over all of them, whichever batches they come in.
///
/// The unimodal losses have no parameter in common, so one copy serves for all their trials and a second for the fused
/// loss: that is what the trials cost. A loss that gained nothing has weight 0; some later code takes |G_k|, which
/// rewards it for getting worse, and compares sums over splits of different size.
public struct GradientBlending: ObjectiveMethod, PreparesBeforeTraining, ActsBetweenEpochs, Checkpointed,
  TrainsUnimodalClassifiers
{
  private let configuration: Configuration
  private var weights: LossValues?

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func prepare(_ context: TrainingContext) throws {
    guard context.validation != nil else {
      throw Diagnosis(
        "g-blending needs a validation split", remedy: "set some of the training samples aside", exitStatus: .usage)
    }
    if configuration.mode == .offline {
      weights = try blend(context, epochs: context.session.clock.epochs)
    }
  }

  public mutating func epochWillBegin(_ epoch: Int, _ context: TrainingContext) throws {
    let epochs = context.session.clock.epochs
    let interval = max(1, Int((configuration.interval * Double(epochs)).rounded()))
    guard configuration.mode == .online, epoch % interval == 0 else { return }
    weights = try blend(context, epochs: min(interval, epochs - epoch))
  }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let unimodal = try outputs.unimodal()
    let equal = 1 / Double(unimodal.count + 1)
    let fused = try session.loss(outputs.logits, batch)
    report.losses["fused"] = try fused.scalar()
    report.scalars["weight.fused"] = weights?.fused ?? equal
    var total = try fused * (weights?.fused ?? equal)
    for (modality, logits) in unimodal {
      let loss = try session.loss(logits, batch)
      let weight = weights?.unimodal[modality.name] ?? equal
      report.losses[modality.name] = try loss.scalar()
      report.scalars["weight.\(modality.name)"] = weight
      total = try total + loss * weight
    }
    return total
  }

  // MARK: Trials

  /// The weights that trials of some epochs lead to.
  private func blend(_ context: TrainingContext, epochs: Int) throws -> LossValues {
    let alone = try context.fork()
    let (before, trainedBefore) = try measure(alone, context)
    try train(alone, context, epochs) { outputs, batch in
      try Tensor.total(outputs.unimodal().values.map { try alone.loss($0, batch) })
    }
    var (after, trainedAfter) = try measure(alone, context)
    let joint = try context.fork()
    try train(joint, context, epochs) { outputs, batch in try joint.loss(outputs.logits, batch) }
    let (fused, trainedFused) = try measure(joint, context)
    (after.fused, trainedAfter.fused) = (fused.fused, trainedFused.fused)

    let gains = zip(before.inOrder, after.inOrder).map { $0 - $1 }
    let overfits = zip(
      zip(after.inOrder, trainedAfter.inOrder).map { $0 - $1 },
      zip(before.inOrder, trainedBefore.inOrder).map { $0 - $1 }
    ).map { $0 - $1 }
    return LossValues(Self.weights(gains: gains, overfits: overfits), names: before.unimodal.keys)
  }

  /// w, from G and ΔO.
  static func weights(gains: [Double], overfits: [Double]) -> [Double] {
    let raw = zip(gains, overfits).map { $0 > 0 ? $0 / max($1 * $1, 1e-8) : 0 }
    let total = raw.reduce(0, +)
    return total > 0 && total.isFinite ? raw.map { $0 / total } : raw.map { _ in 1 / Double(raw.count) }
  }

  private func train(
    _ session: TrainingSession, _ context: TrainingContext, _ epochs: Int, _ loss: (Outputs, Batch) throws -> Tensor
  ) throws {
    let first = session.clock.epoch
    try context.train(session, epochs: first..<(first + epochs)) { batch in
      try session.update(along: session.gradients(of: loss(session.forward(batch), batch)))
    }
  }

  /// The mean losses over the validation and the training samples.
  private func measure(
    _ session: TrainingSession, _ context: TrainingContext
  ) throws -> (validation: LossValues, training: LossValues) {
    (
      try .means(session, context, over: context.validation ?? context.training),
      try .means(session, context, over: context.training)
    )
  }

  // MARK: State

  public func state() throws -> MethodState {
    MethodState(numbers: try weights.map { try Tree(encoding: $0) } ?? .table([:]))
  }

  public mutating func restore(_ state: MethodState) throws {
    weights = state.numbers.leafPaths.isEmpty ? nil : try state.numbers.decode(LossValues.self)
  }
}
