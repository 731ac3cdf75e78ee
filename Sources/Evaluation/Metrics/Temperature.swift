import Foundation
public import Multimodal
public import Torch

/// The temperature that makes probabilities fit what happened: the least log-loss of logits / T.
public enum Temperature {
  /// The best temperature, from 1/50 to 50.
  ///
  /// The loss is convex in β = 1/T, so that a search by the golden section finds its least. As in Platt's scaling, each
  /// label is believed by (N + 1)/(N + 2) only; otherwise a split on which all is right would want T = 0.
  ///
  /// - Parameters:
  ///   - logits: [N, C].
  ///   - labels: as the task has them.
  public static func fitted(_ logits: Tensor, _ labels: Tensor, task: PredictionTask) throws -> Double {
    let logits = try logits.to(.float64)
    let doubt = 1 / Double(labels.shape[0] + 2)
    let targets: Tensor
    if task == .multiLabel {
      targets = try labels.to(.float64) * (1 - 2 * doubt) + doubt
    } else {
      // What each logarithm of a probability counts, so that they are taken once.
      let truth = try labels.unsqueezed(1).equal(to: Tensor((0..<logits.shape[1]).map { $0 }).unsqueezed(0))
      let count = Double(max(labels.shape[0], 1))
      targets = try truth.to(.float64) * ((doubt - 1) / count) - doubt / (count * Double(logits.shape[1]))
    }
    func loss(_ logOfBeta: Double) throws -> Double {
      let scaled = try logits * exp(logOfBeta)
      if task == .multiLabel { return try scaled.binaryCrossEntropy(targets).scalar() }
      return try (task.logProbabilities(scaled) * targets).sum().scalar()
    }
    let ratio = (5.0.squareRoot() - 1) / 2
    var (low, high) = (-log(50.0), log(50.0))
    var (left, right) = (high - ratio * (high - low), low + ratio * (high - low))
    var (leftLoss, rightLoss) = (try loss(left), try loss(right))
    while high - low > 1e-6 {
      if leftLoss < rightLoss {
        (high, right, rightLoss) = (right, left, leftLoss)
        left = high - ratio * (high - low)
        leftLoss = try loss(left)
      } else {
        (low, left, leftLoss) = (left, right, rightLoss)
        right = low + ratio * (high - low)
        rightLoss = try loss(right)
      }
    }
    return exp(-(low + high) / 2)
  }
}

extension Predictions {
  /// The same predictions with probabilities of logits / T.
  ///
  /// Logits are found again from probabilities: log p for one class, log p − log(1 − p) for each of several labels.
  public func tempered(_ temperature: Double) throws -> Predictions {
    func logarithm(_ value: Double) -> Double { log(max(value, .leastNormalMagnitude)) }
    let logits = probabilities.map { p in
      (task == .multiLabel ? logarithm(p) - logarithm(1 - p) : logarithm(p)) / temperature
    }
    let found = try task.probabilities(Tensor(logits, shape: [count, classes]))
    return try Predictions(task: task, classes: classes, truth: truth, probabilities: found.array())
  }
}
