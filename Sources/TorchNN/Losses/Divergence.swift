import Foundation
public import Torch

/// Divergences between two predictions, as the mean over samples.
///
/// Predictions are given as logarithms of probabilities, [B, …]: all dimensions but the first belong to one sample, so
/// [B, C] are distributions over classes and [B, C, 2] are C independent yes-or-no answers, whose divergences add up.
public enum Divergence {
  /// D_KL(p ‖ q) = (1/B) Σᵢ Σ_c p·(log p − log q).
  public static func kullbackLeibler(_ logP: Tensor, _ logQ: Tensor) throws(TorchError) -> Tensor {
    try meanOverSamples(logP.exp() * (logP - logQ))
  }

  /// Jensen–Shannon: the mean of both divergences from the mixture m = (p + q)/2.
  public static func jensenShannon(_ logP: Tensor, _ logQ: Tensor) throws(TorchError) -> Tensor {
    // By logarithms, since a class that both exclude has the probability 0, and 0 · (log p − log 0) is no number.
    let logM = try Tensor.stack([logP, logQ]).logSumExp(0) - log(2)
    return try (kullbackLeibler(logP, logM) + kullbackLeibler(logQ, logM)) * 0.5
  }

  /// The sum over each sample's numbers, and its mean over samples.
  public static func meanOverSamples(_ values: Tensor) throws(TorchError) -> Tensor {
    let samples = values.shape.first ?? 1
    return try values.sum() / Double(max(samples, 1))
  }
}
