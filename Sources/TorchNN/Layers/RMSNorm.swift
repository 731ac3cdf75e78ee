public import Torch

/// w · x / √(mean(x²) + ε) over the last dimension (Zhang and Sennrich 2019); the mean is taken in float32 at least.
public struct RMSNorm {
  /// [width].
  public let weight: Tensor
  public let epsilon: Double

  public init(weight: Tensor, epsilon: Double) {
    self.weight = weight
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    let isHalf = x.elementType == .bfloat16 || x.elementType == .float16
    let exact = isHalf ? try x.to(.float32) : x
    let unit = try exact * (exact.square().mean(-1, keeping: true) + epsilon).reciprocalSquareRoot()
    return try weight * (isHalf ? unit.to(x.elementType) : unit)
  }
}
