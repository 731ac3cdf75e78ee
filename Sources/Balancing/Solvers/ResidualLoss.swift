import Multimodal
import Torch

/// The mean of (fit − reduction · q(y)) loss(z, y): a loss that counts less where others give the truth the probability q(y).
///
/// q carries no gradient; with several labels each label has its own. Class weights weigh samples as in a task's loss.
///
/// - Parameters:
///   - own: z, [B, C].
///   - others: the logits of q, [B, C].
func residualLoss(
  _ own: Tensor, beside others: Tensor, _ labels: Tensor, _ task: PredictionTask, fit: Double, reduction: Double,
  classWeights: Tensor?
) throws(TorchError) -> Tensor {
  switch task {
  case .singleLabel, .binary:
    let known = try task.trueProbability(others, labels).detached()
    let losses = try (fit - reduction * known) * task.losses(own, labels)
    guard let weights = try classWeights?.indexed(0, by: labels) else { return try losses.mean() }
    return try (losses * weights).sum() / weights.sum()
  case .regression: preconditionFailure("a regression has no probability of the truth")
  case .multiLabel:
    let y = try labels.to(own.elementType)
    let p = try others.detached().sigmoid()
    let known = try y * p + (1 - y) * (1 - p)
    let losses = try (fit - reduction * known) * own.binaryCrossEntropy(y, mean: false)
    return try (classWeights.map { (weights) throws(TorchError) in try losses * weights } ?? losses).mean()
  }
}
