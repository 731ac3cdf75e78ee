import Foundation

/// How the learning rate changes over training, as a factor of its first value.
public enum Schedule: Equatable, Sendable {
  case constant
  /// Times `gamma` every `size` epochs.
  case step(size: Int, gamma: Double)
  /// ½(1 + cos πτ), from 1 to 0 over training.
  case cosine
  /// 1 − τ.
  case linear

  /// The factor at step `step` of `steps`, in epoch `epoch`, rising linearly over the first `warmup` steps.
  ///
  /// τ = (step − warmup) / (steps − warmup) runs from 0 to 1, and stays there where training takes more steps than that.
  public func factor(step: Int, of steps: Int, epoch: Int, warmup: Int = 0) -> Double {
    if step < warmup { return Double(step + 1) / Double(warmup + 1) }
    let progress = min(Double(step - warmup) / Double(max(steps - warmup, 1)), 1)
    return switch self {
    case .constant: 1
    case .step(let size, let gamma): pow(gamma, Double(epoch / max(size, 1)))
    case .cosine: 0.5 * (1 + cos(.pi * progress))
    case .linear: 1 - progress
    }
  }
}
