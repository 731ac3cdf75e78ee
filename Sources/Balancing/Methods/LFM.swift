import Foundation
public import Multimodal
import Records
public import Torch
import TorchNN

/// LFM: at first the modalities learn to agree, later to classify, and the balance of the two moves over training.
///
///     z = (1/M) Σₘ zₘ,   L = 2 (k · loss(z, y) + (1 − k) · A),   A = the mean over pairs of modalities of A_ab
///
///     contrastive  A_ab = ½ [CE(S, i) + CE(Sᵀ, i)],   S_ij = ⟨e_a,i, e_b,j⟩ / (τ ‖e_a,i‖ ‖e_b,j‖)
///     js           A_ab = ½ [D_KL(p_a ‖ m) + D_KL(p_b ‖ m)],   m = ½ (p_a + p_b)
///     js_code      A_ab = ½ [D_KL(m ‖ p_a) + D_KL(m ‖ p_b)]
///
/// where zₘ are the unimodal classifiers' logits, pₘ their probabilities, eₘ the features and τ
/// ``Configuration/temperature``. The prediction is z; there is no fused classifier.
///
/// k by ``Configuration/schedule``: `polynomial` is the authors' fit of degree five over 200 epochs, here over all of
/// training, from 0.2 to 1; `constant` is ``Configuration/constant``; `learned` begins at 0.05 and moves before each
/// later epoch against the slope of the held-out loss,
///
///     1 − k ← clip(1 − k − ρ h, 0.05, 0.95),   h = −⟨∇ loss_held-out, ∇ A − ∇ loss⟩
///
/// where ρ is ``Learning/rate``, halved every tenth of training, and the second gradients are those of training
/// samples. The authors' code takes for h the mean of (∂²L/∂θ²) ∇ loss over the first tensor of parameters alone, on
/// half a held-out batch (`learning.slope: code`), and `js_code`, where the paper has the contrastive loss.
public struct LFM: ObjectiveMethod, ActsBetweenEpochs, AnswersAbsence, Checkpointed, TrainsUnimodalClassifiers {
  let configuration: Configuration
  /// 1 − k of the learned schedule.
  private(set) var agreement = 0.95

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func epochWillBegin(_ epoch: Int, _ context: TrainingContext) throws {
    guard configuration.schedule == .learned else { return }
    guard let validation = context.validation else {
      throw Diagnosis(
        "lfm learns its balance on a validation split, and there is none",
        remedy: "use --set method.schedule=polynomial", exitStatus: .usage)
    }
    if configuration.learning.slope == .code, context.model.store.group != nil, !context.model.encoders.isEmpty {
      throw Diagnosis(
        "lfm's shortcut differentiates encoders twice, which several processes cannot do together",
        remedy: "use --set method.learning.slope=held, or --alone", exitStatus: .usage)
    }
    guard epoch > 0 else { return }
    let heldOut = try batch(of: validation, "held-out/\(epoch)", context)
    let h =
      switch configuration.learning.slope {
      case .held:
        try heldOutSlope(heldOut, try batch(of: context.training, "training/\(epoch)", context), context.session)
      case .code: try codeSlope(heldOut, context.session)
      }
    let halvings = floor(10 * Double(epoch) / Double(max(context.session.clock.epochs, 1)))
    agreement = min(max(agreement - configuration.learning.rate * pow(0.5, halvings) * h, 0.05), 0.95)
  }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let (target, gap, unimodal) = try parts(outputs, batch, session)
    let k = balance(session.clock)
    report.losses["fused"] = try target.scalar()
    try withoutGradients {
      for (modality, logits) in unimodal { report.losses[modality.name] = try session.loss(logits, batch).scalar() }
    }
    report.scalars["alignment"] = try gap.scalar()
    report.scalars["weight.classification"] = k
    return try (target * k + gap * (1 - k)) * 2
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    let all = try outputs.unimodal()
    let present = all.filter { !absent.contains($0.0) }.map(\.1)
    return try Tensor.stack(present.isEmpty ? all.values : present).mean(0)
  }

  // MARK: The loss

  /// The loss of the mean logits, A, and the unimodal logits.
  func parts(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession
  ) throws -> (target: Tensor, gap: Tensor, unimodal: PerModality<Tensor>) {
    let unimodal = try outputs.unimodal()
    let target = try session.loss(Tensor.stack(unimodal.values).mean(0), batch)
    let logits = unimodal.values
    var gaps: [Tensor] = []
    for a in logits.indices {
      for b in logits.indices where b > a {
        switch configuration.align {
        case .contrastive:
          let features = try outputs.features.values
          gaps.append(try Self.contrast(features[a], features[b], temperature: configuration.temperature))
        case .js, .jsCode:
          let task = session.model.task
          gaps.append(
            try Self.divergence(
              task.logProbabilities(logits[a]), task.logProbabilities(logits[b]),
              swapped: configuration.align == .jsCode))
        }
      }
    }
    return (target, gaps.isEmpty ? try target * 0 : try Tensor.stack(gaps).mean(), unimodal)
  }

  /// How hard it is to tell each sample's other half among the batch's.
  static func contrast(_ a: Tensor, _ b: Tensor, temperature: Double) throws -> Tensor {
    guard a.shape == b.shape else {
      throw Diagnosis(
        "lfm's contrastive loss needs embeddings of one width", found: ["\(a.shape[1]) and \(b.shape[1])"],
        remedy: "use --set method.align=js", exitStatus: .usage)
    }
    let similarity = try a.unitRows().matmul(b.unitRows().transposed()) / temperature
    let own = try Tensor.arange(0..<a.shape[0], on: a.device)
    return try (similarity.crossEntropy(own) + similarity.transposed().crossEntropy(own)) * 0.5
  }

  static func divergence(_ logA: Tensor, _ logB: Tensor, swapped: Bool) throws(TorchError) -> Tensor {
    guard swapped else { return try Divergence.jensenShannon(logA, logB) }
    let logM = try ((logA.exp() + logB.exp()) * 0.5).log()
    return try (Divergence.kullbackLeibler(logM, logA) + Divergence.kullbackLeibler(logM, logB)) * 0.5
  }

  // MARK: State

  public func state() throws -> MethodState { MethodState(numbers: .table(["agreement": .number(agreement)])) }

  public mutating func restore(_ state: MethodState) throws {
    agreement = state.numbers[path: "agreement"]?.numberValue ?? agreement
  }
}
