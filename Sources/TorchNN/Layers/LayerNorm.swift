public import Torch

/// (x − mean) / √(variance + ε) over the last dimension, times `weight`, plus `bias`, [width] each.
public struct LayerNorm {
  public let weight: Parameter
  public let bias: Parameter
  public let epsilon: Double

  public init(_ scope: Scope, width: Int, epsilon: Double) throws(TorchError) {
    weight = try scope.parameter("weight", [width], .ones)
    bias = try scope.parameter("bias", [width], .zeros)
    self.epsilon = epsilon
  }

  /// Over tensors that are not trained.
  public init(weight: Tensor, bias: Tensor, epsilon: Double) {
    self.weight = Parameter(constant: weight)
    self.bias = Parameter(constant: bias)
    self.epsilon = epsilon
  }

  public func callAsFunction(_ x: Tensor, _ pass: ForwardPass? = nil) throws(TorchError) -> Tensor {
    try x.layerNorm(weight.numbers(pass), bias.numbers(pass), epsilon: epsilon)
  }
}
