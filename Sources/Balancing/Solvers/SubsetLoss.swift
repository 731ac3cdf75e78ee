import Multimodal
import Torch

/// The mean over sets of loss(z_S, y) + β KL(sg p_all ‖ p_S).
struct SubsetLoss {
  private let session: TrainingSession
  private let batch: Batch
  private let distillation: Double

  init(_ session: TrainingSession, _ batch: Batch, distillation: Double) {
    self.session = session
    self.batch = batch
    self.distillation = distillation
  }

  /// - Parameters:
  ///   - others: z_S, [S, B, C].
  ///   - logits: z_all, [B, C].
  func callAsFunction(_ others: Tensor, _ logits: Tensor, _ report: inout StepReport) throws -> Tensor {
    let task = session.model.task
    if task == .multiLabel || session.classWeights != nil { return try apart(others, logits, &report) }
    // Both terms are linear in log p_S, so that one product with the labels and β p_all together has them all.
    let target = try logits.detached().logSoftmax(-1)
    let p = try target.exp()
    let labels = try batch.labels.oneHot(logits.shape[1]).to(p.elementType)
    let found = try others.logSoftmax(-1)
    let rows = Double(others.shape[0] * others.shape[1])
    let entropy = try (p * target).sum().scalar() / Double(others.shape[1])
    try withoutGradients {
      report.losses["subsets"] = -(try (found * labels).sum().scalar()) / rows
      if distillation > 0 { report.scalars["divergence"] = entropy - (try (found * p).sum().scalar()) / rows }
    }
    let weights = try distillation > 0 ? labels + p * distillation : labels
    return try (found * weights).sum() * (-1 / rows) + distillation * entropy
  }

  private func apart(_ others: Tensor, _ logits: Tensor, _ report: inout StepReport) throws -> Tensor {
    let (task, shape) = (session.model.task, others.shape)
    let labels = try Tensor.cat(Array(repeating: batch.labels, count: shape[0]), 0)
    let fit = try task.loss(
      others.reshaped([shape[0] * shape[1], shape[2]]), labels, classWeights: session.classWeights)
    report.losses["subsets"] = try fit.scalar()
    guard distillation > 0 else { return fit }
    let target = try task.logProbabilities(logits.detached())
    // Over classes, or over yes and no of each label, whose mean is taken as the loss takes it.
    let divergence = try (target.exp() * (target - task.logProbabilities(others))).sum(-1).mean()
    report.scalars["divergence"] = try divergence.scalar()
    return try fit + divergence * distillation
  }
}
