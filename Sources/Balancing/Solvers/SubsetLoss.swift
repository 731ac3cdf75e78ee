import Multimodal
import Torch

/// The mean over sets of loss(z_S, y) + β KL(sg p_all ‖ p_S), over the rows that count; of a regression β (sg z_all − z_S)²,
/// the divergence of normal distributions whose negative log-likelihood is the squared error.
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
  ///   - counted: of the S · B rows of z_S, those that count; nil counts all.
  /// - Returns: nil where none counts.
  func callAsFunction(
    _ others: Tensor, _ logits: Tensor, counting counted: [Int]?, _ report: inout StepReport
  ) throws -> Tensor? {
    let target = try logits.detached()
    guard let counted else { return try loss(others, target, batch.labels, &report) }
    if counted.isEmpty { return nil }
    let (rows, classes) = (others.shape[1], others.shape[2])
    let place = try Tensor(counted).to(on: others.device)
    let sample = try Tensor(counted.map { $0 % rows }).to(on: others.device)
    return try loss(
      others.reshaped([-1, classes]).indexed(0, by: place).unsqueezed(0), target.indexed(0, by: sample),
      batch.labels.indexed(0, by: sample), &report)
  }

  /// - Parameters:
  ///   - others: [S, R, C].
  ///   - logits: of everything, [R, C].
  ///   - labels: [R] or [R, C].
  private func loss(_ others: Tensor, _ logits: Tensor, _ labels: Tensor, _ report: inout StepReport) throws -> Tensor {
    let task = session.model.task
    if task == .multiLabel || !task.hasClasses || session.classWeights != nil || session.focus > 0 {
      return try apart(others, logits, labels, &report)
    }
    // Both terms are linear in log p_S, so that one product with the labels and β p_all together has them all.
    let target = try logits.logSoftmax(-1)
    let p = try target.exp()
    let truth = try labels.oneHot(logits.shape[1]).to(p.elementType)
    let found = try others.logSoftmax(-1)
    let rows = Double(others.shape[0] * others.shape[1])
    let entropy = try (p * target).sum().scalar() / Double(others.shape[1])
    try withoutGradients {
      report.losses["subsets"] = -(try (found * truth).sum().scalar()) / rows
      if distillation > 0 { report.scalars["divergence"] = entropy - (try (found * p).sum().scalar()) / rows }
    }
    let weights = try distillation > 0 ? truth + p * distillation : truth
    return try (found * weights).sum() * (-1 / rows) + distillation * entropy
  }

  private func apart(_ others: Tensor, _ logits: Tensor, _ labels: Tensor, _ report: inout StepReport) throws -> Tensor
  {
    let (task, shape) = (session.model.task, others.shape)
    let labels = try Tensor.cat(Array(repeating: labels, count: shape[0]), 0)
    let fit = try task.loss(
      others.reshaped([shape[0] * shape[1], shape[2]]), labels, classWeights: session.classWeights,
      focus: session.focus)
    report.losses["subsets"] = try fit.scalar()
    guard distillation > 0 else { return fit }
    let divergence: Tensor
    if task.hasClasses {
      let target = try task.logProbabilities(logits)
      // Over classes, or over yes and no of each label, whose mean is taken as the loss takes it.
      divergence = try (target.exp() * (target - task.logProbabilities(others))).sum(-1).mean()
    } else {
      divergence = try (logits - others).square().mean()
    }
    report.scalars["divergence"] = try divergence.scalar()
    return try fit + divergence * distillation
  }
}
