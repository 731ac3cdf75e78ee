public import Torch

/// y = x Wᵀ + b with weights that are not trained, and what an adapter adds.
///
/// Weights may lie in a mapped file. Without an adapter nothing is computed beyond the product.
public final class FrozenLinear {
  /// [out, in].
  public let weight: Tensor
  /// [out].
  public let bias: Tensor?
  public var adapter: (any LinearAdapter)?

  public init(weight: Tensor, bias: Tensor? = nil) {
    self.weight = weight
    self.bias = bias
  }

  public var inputs: Int { weight.shape[1] }
  public var outputs: Int { weight.shape[0] }

  /// y [.., out] of x [.., in].
  ///
  /// - Parameter pass: of the tokens; nil where there are none, as in a tower for pictures.
  public func callAsFunction(_ x: Tensor, _ pass: ForwardPass? = nil) throws -> Tensor {
    let y = try x.frozenLinear(weight, bias)
    guard let adapter else { return y }
    return try adapter.adapted(y, of: x, pass ?? ForwardPass())
  }
}

/// A small trained map beside a frozen one.
public protocol LinearAdapter: AnyObject {
  /// What the map gives with the adapter: `output` is what it gives without.
  ///
  /// - Parameters:
  ///   - output: [B, L, out].
  ///   - input: [B, L, in].
  func adapted(_ output: Tensor, of input: Tensor, _ pass: ForwardPass) throws -> Tensor
}
