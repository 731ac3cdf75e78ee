public import Torch

/// The rows of a table, `weight` [rows, width], at whole numbers.
public struct Embedding {
  public let weight: Parameter

  public init(
    _ scope: Scope, rows: Int, width: Int, weight start: Initializer = .normal(standardDeviation: 0.02)
  ) throws(TorchError) {
    weight = try scope.parameter("weight", [rows, width], start)
  }

  public var width: Int { weight.shape[1] }

  /// [.., width] of numbers [..].
  public func callAsFunction(_ numbers: Tensor, _ pass: ForwardPass? = nil) throws(TorchError) -> Tensor {
    try weight.numbers(pass).embedding(numbers)
  }

  /// The first rows, [count, width].
  package func first(_ count: Int, _ pass: ForwardPass? = nil) throws(TorchError) -> Tensor {
    try weight.numbers(pass).narrowed(0, from: 0, length: count)
  }
}
