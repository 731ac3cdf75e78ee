public import Torch

/// y = x Wᵀ + b, with `weight` [out, in] and `bias` [out], begun as PyTorch begins them.
public struct Linear {
  public let weight: Parameter
  private let summand: Parameter?

  /// - Parameter start: how the bias begins; nil: as PyTorch's.
  public init(_ scope: Scope, in inputs: Int, out outputs: Int, bias start: Initializer? = nil) throws(TorchError) {
    try self.init(scope, in: inputs, out: outputs, weight: nil, bias: start, hasBias: true)
  }

  /// The same of a network whose layers may have no bias.
  ///
  /// - Parameter first: how the weight begins; nil: as PyTorch's.
  package init(
    _ scope: Scope, in inputs: Int, out outputs: Int, weight first: Initializer? = nil, bias start: Initializer? = nil,
    hasBias: Bool
  ) throws(TorchError) {
    weight = try scope.parameter("weight", [outputs, inputs], first ?? .uniform(fanIn: inputs))
    summand = hasBias ? try scope.parameter("bias", [outputs], start ?? .uniform(fanIn: inputs)) : nil
  }

  package var hasBias: Bool { summand != nil }
  public var outputs: Int { weight.shape[0] }

  /// b, which every layer of a model has; not one that was made without (`hasBias`).
  public var bias: Parameter {
    guard let summand else { preconditionFailure("the layer '\(weight.path)' has no bias") }
    return summand
  }

  /// y; its product is taken in the store's product type where a graph is recorded.
  public func callAsFunction(_ input: Tensor, _ pass: ForwardPass? = nil) throws(TorchError) -> Tensor {
    if weight.isConstant { return try input.frozenLinear(weight.tensor, summand?.tensor) }
    return try weight.product(input, summand, pass) { (x, weight, bias) throws(TorchError) in
      try x.linear(weight, bias)
    }
  }

  /// What comes out, bent.
  package func callAsFunction(
    _ input: Tensor, then activation: Activation, _ pass: ForwardPass? = nil
  ) throws(TorchError) -> Tensor {
    switch activation {
    case .gelu where weight.isConstant: try input.frozenLinear(weight.tensor, summand?.tensor, then: .exact)
    case .geluTanh where weight.isConstant: try input.frozenLinear(weight.tensor, summand?.tensor, then: .byTanh)
    default: try activation(self(input, pass))
    }
  }

  /// The outputs of one of several equal parts that the layer's rows are.
  func part(
    _ number: Int, of parts: Int, _ input: Tensor, _ pass: ForwardPass? = nil
  ) throws(TorchError) -> Tensor {
    let length = outputs / parts
    func cut(_ tensor: Tensor) throws(TorchError) -> Tensor {
      try tensor.narrowed(0, from: number * length, length: length)
    }
    return try weight.product(input, summand, pass) { (x, weight, bias) throws(TorchError) in
      let bias = if let bias { try cut(bias) } else { nil as Tensor? }
      return self.weight.isConstant ? try x.frozenLinear(cut(weight), bias) : try x.linear(cut(weight), bias)
    }
  }
}
