public import Torch

/// How a linear layer reads several features.
public enum Combination: Sendable {
  /// Side by side: the layer's weight is [out, ΣH].
  case concatenated
  /// Summed: the features are of one width H, and the weight is [out, H].
  case sum

  /// The features as one, [B, ΣH] or [B, H].
  public func callAsFunction(_ features: [Tensor]) throws(TorchError) -> Tensor {
    switch self {
    case .concatenated: try Tensor.cat(features, -1)
    case .sum: try Tensor.stack(features).sum(0)
    }
  }
}
