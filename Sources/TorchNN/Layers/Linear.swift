public import Torch

/// y = x Wᵀ + b, with `weight` [out, in] and `bias` [out], begun as PyTorch begins them.
public struct Linear {
  public let weight: Parameter
  public let bias: Parameter

  /// - Parameter start: how the bias begins; nil: as PyTorch's.
  public init(_ scope: Scope, in inputs: Int, out outputs: Int, bias start: Initializer? = nil) throws(TorchError) {
    weight = try scope.parameter("weight", [outputs, inputs], .uniform(fanIn: inputs))
    bias = try scope.parameter("bias", [outputs], start ?? .uniform(fanIn: inputs))
  }

  /// y; its product is taken in the store's product type where a graph is recorded.
  public func callAsFunction(_ input: Tensor) throws(TorchError) -> Tensor {
    guard let type = weight.productType, Autograd.isRecording else {
      return try input.linear(weight.tensor, bias.tensor)
    }
    return try input.to(type).linear(weight.tensor.to(type), bias.tensor.to(type)).to(input.elementType)
  }
}
