public import Torch

/// (x − mean) / √(variance + ε) over the last dimension, times `weight`, plus `bias`, [width] each.
public struct LayerNorm {
  public let weight: Tensor
  public let bias: Tensor
  public let epsilon: Double

  public init(weight: Tensor, bias: Tensor, epsilon: Double) {
    self.weight = weight
    self.bias = bias
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try x.layerNorm(weight, bias, epsilon: epsilon)
  }
}
