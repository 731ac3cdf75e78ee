package import Torch

/// Every place takes from all that it may look at: softmax(q kᵀ / √width) v in each head, and a linear layer over the heads
/// (Vaswani et al., 2017).
package struct MultiHeadAttention {
  private enum Projections {
    case apart(query: Linear, key: Linear, value: Linear)
    /// One matrix for all three.
    case joint(Linear)
  }

  private let projections: Projections
  private let output: Linear
  private let shape: TransformerShape
  private let dropout: Dropout

  init(_ scope: Scope, _ shape: TransformerShape) throws(TorchError) {
    let width = shape.width
    self.shape = shape
    dropout = Dropout(shape.dropout.attention)
    func projection(_ name: String, _ outputs: Int) throws(TorchError) -> Linear {
      try shape.linear(scope / name, in: width, out: outputs, hasBias: shape.biased)
    }
    projections =
      shape.isJoint
      ? .joint(try projection("joint", 3 * width))
      : .apart(
        query: try projection("query", width), key: try projection("key", width), value: try projection("value", width))
    output = try shape.linear(scope / "output", in: width, out: width)
  }

  /// - Parameters:
  ///   - x: [B, L, width].
  ///   - mask: boolean, [B, 1, 1, L], true at what may be looked at.
  package func callAsFunction(
    _ x: Tensor, _ pass: ForwardPass, mask: Tensor?, causal: Bool
  ) throws(TorchError) -> Tensor {
    let size = x.shape
    func heads(_ projected: Tensor) throws(TorchError) -> Tensor {
      try projected.reshaped([size[0], size[1], shape.heads, shape.width / shape.heads]).transposed(1, 2)
    }
    let query: Tensor
    let key: Tensor
    let value: Tensor
    switch projections {
    case .apart(let ofQueries, let ofKeys, let ofValues):
      query = try heads(ofQueries(x, pass))
      key = try heads(ofKeys(x, pass))
      value = try heads(ofValues(x, pass))
    case .joint(let all):
      query = try heads(all.part(0, of: 3, x, pass))
      key = try heads(all.part(1, of: 3, x, pass))
      value = try heads(all.part(2, of: 3, x, pass))
    }
    let seen =
      dropout.isActive(pass)
      ? try dropout(Self.weights(query, key, mask, causal), pass).matmul(value)
      : try query.attention(key: key, value: value, mask: mask, causal: causal)
    return try output(seen.transposed(1, 2).reshaped(size), pass)
  }

  /// How much each place takes of each other, [B, heads, L, L]: softmax(query · keyᵀ / √width) over those that it may look at.
  private static func weights(
    _ query: Tensor, _ key: Tensor, _ mask: Tensor?, _ causal: Bool
  ) throws(TorchError) -> Tensor {
    let length = query.shape[2]
    var scores = try query.matmul(key.transposed(2, 3)) / Double(query.shape[3]).squareRoot()
    if let mask { scores = try scores.maskedFill(mask.logicalNot(), -.infinity) }
    if causal {
      let places = try Tensor.arange(0..<length, on: query.device)
      let later = try places.reshaped([1, length]).greater(than: places.reshaped([length, 1]))
      scores = try scores.maskedFill(later, -.infinity)
    }
    return try scores.softmax(-1)
  }
}
