import Foundation
public import Multimodal
import Records
public import Torch
public import TorchNN

/// AMCo: what the model depends on is masked, more and more, while every modality keeps a loss of its own.
///
///     z = A Σₘ z̃ₘ + a,   L = loss(z, y) + Σₘ loss(z̃ₘ, y)
///     z̃ₘ = zₘ of the feature eₘ with ⌊p dₘ⌋ of its dₘ numbers set to zero, where m is depended on; else zₘ
///     p = sin(½π · min(1, ℓ/ε))
///
/// where zₘ is what a modality adds to the fused logits and A, a are an added layer of C × C. A modality is depended on
/// if, in the batch before, its share of softmax([z₁; …; z_M]) was above ``Configuration/threshold`` in the mean;
/// nothing is at the start of an epoch. ε is ``Configuration/ramp`` and ℓ the fraction of training that is done.
///
/// Only the abstract of the paper is open to us, and there is no code by its authors: the equations are those of a
/// later benchmark. That masks logits instead of features (`target: logits`, dₘ = C), and has ℓ start at 0 in every
/// epoch and grow by epoch/10 with each batch (`growth: batch`), which masks everything after three batches of the
/// second epoch.
public struct AMCo: ObjectiveMethod, PredictsItsOwnWay, AddsParameters, Checkpointed {
  private let configuration: Configuration
  private var memory = Memory()

  /// What the batches of this epoch have shown.
  private struct Memory: Codable {
    var epoch = 0
    var batches = 0
    var shares: [String: Double] = [:]
  }

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public func addParameters(_ scope: Scope, for model: MultimodalModel) throws {
    _ = try Linear(scope / "output", in: model.classes, out: model.classes)
  }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    if memory.epoch != session.clock.epoch { memory = Memory(epoch: session.clock.epoch) }
    let plain = try Self.parts(outputs)
    let strength = Self.strength(configuration, session.clock, batches: memory.batches)
    let parts = try masked(outputs, plain, strength, session, &report)

    let fused = try session.loss(Self.output(parts, session.model), batch)
    report.losses["fused"] = try fused.scalar()
    var total = fused
    for (modality, logits) in parts {
      let loss = try session.loss(logits, batch)
      report.losses[modality.name] = try loss.scalar()
      total = try total + loss
    }
    let shares = try Self.shares(plain.values)
    memory.batches += 1
    for (modality, share) in zip(plain.modalities, shares) {
      memory.shares[modality.name] = share
      report.scalars["share.\(modality.name)"] = share
    }
    report.scalars["strength"] = strength
    return total
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    try Self.output(Self.parts(outputs), outputs.model)
  }

  // MARK: Parts

  private func masked(
    _ outputs: Outputs, _ plain: PerModality<Tensor>, _ strength: Double, _ session: TrainingSession,
    _ report: inout StepReport
  ) throws -> PerModality<Tensor> {
    let dependent = Set(plain.modalities.filter { memory.shares[$0.name, default: 0] > configuration.threshold })
    for modality in plain.modalities {
      report.scalars["masked.\(modality.name)"] = dependent.contains(modality) ? 1 : 0
    }
    guard !dependent.isEmpty, strength > 0 else { return plain }

    func mask(_ modality: Modality, _ values: Tensor) throws -> Tensor {
      guard dependent.contains(modality) else { return values }
      let width = values.shape[1]
      let order = try session.random("mask/\(modality)").permutation(width)
      let hidden = try order.less(than: Double(Self.maskedCount(width, strength)))
      return try values.maskedFill(hidden.to(on: values.device).unsqueezed(0), 0)
    }
    switch configuration.target {
    case .logits: return try plain.map { try mask($0, $1) }
    case .features:
      return try Self.parts(session.model.outputs(ofFeatures: outputs.features.map { try mask($0, $1) }))
    }
  }

  /// p.
  static func strength(_ configuration: Configuration, _ clock: TrainingClock, batches: Int) -> Double {
    let level =
      switch configuration.growth {
      case .training: clock.progress
      case .batch: Double(batches * clock.epoch) / 10
      }
    return sin(.pi / 2 * min(1, level / configuration.ramp))
  }

  /// ⌊p d⌋, a hair's breadth of rounding allowed.
  static func maskedCount(_ width: Int, _ strength: Double) -> Int { Int(strength * Double(width) + 1e-9) }

  /// Each modality's share of one softmax over the logits of all, the mean over the batch.
  static func shares(_ logits: [Tensor]) throws -> [Double] {
    try withoutGradients {
      let (samples, classes) = (logits[0].shape[0], logits[0].shape[1])
      return try Tensor.stack(logits, 1).reshaped([samples, -1]).softmax(-1)
        .reshaped([samples, logits.count, classes]).sum(-1).mean(0).array()
    }
  }

  private static func parts(_ outputs: Outputs) throws -> PerModality<Tensor> {
    guard let parts = try outputs.contributions() else {
      throw Diagnosis(
        "amco needs a fusion that is a sum over modalities", remedy: "use --set model.fusion=concatenation",
        exitStatus: .usage)
    }
    return parts
  }

  private static func output(_ parts: PerModality<Tensor>, _ model: MultimodalModel) throws -> Tensor {
    try Tensor.total(parts.values).linear(
      model.methodTensor("output", "weight"), model.methodTensor("output", "bias"))
  }

  // MARK: State

  public func state() throws -> MethodState { MethodState(numbers: try Tree(encoding: memory)) }

  public mutating func restore(_ state: MethodState) throws { memory = try state.numbers.decode(Memory.self) }
}
