import Torch

extension Tensor {
  /// Each row divided by its length, rows shorter than 10⁻¹² by that.
  func unitRows() throws(TorchError) -> Tensor {
    // The square is bounded before its root is taken: the root's slope at zero is infinite.
    try self * square().sum(-1, keeping: true).clamped(min: 1e-24).reciprocalSquareRoot()
  }

  /// The sum of one or more tensors of one shape; of one, itself.
  static func total(_ tensors: [Tensor]) throws(TorchError) -> Tensor {
    var total = tensors[0]
    for tensor in tensors.dropFirst() { total = try total + tensor }
    return total
  }
}
