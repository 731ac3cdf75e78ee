package import Torch

/// Where a transformer has dropout, with the probability of each place; nil: nowhere there.
package struct DropoutPlaces {
  /// Of attention's weights.
  package var attention: Double?
  /// Of what attention gives, before its input is added.
  package var attended: Double?
  /// Of what the two linear layers give, before their input is added.
  package var fed: Double?
  /// Of the embeddings.
  package var embedded: Double?

  package init(attention: Double?, hidden: Double?) {
    (self.attention, attended, fed, embedded) = (attention, hidden, hidden, hidden)
  }

  package var all: [Double] { [attention, attended, fed, embedded].compactMap { $0 } }
}

/// How a stack of transformer layers is built.
package struct TransformerShape {
  package let width: Int
  package let inner: Int
  package let heads: Int
  package let layers: Int
  package let activation: Activation
  package let epsilon: Double
  /// Whether a layer normalizes what goes in (ViT, CLIP) or what comes out (BERT).
  package let normalizesFirst: Bool
  package var dropout: DropoutPlaces
  /// Whether queries, keys and values have a bias.
  package var biased = true
  /// Whether queries, keys and values are one matrix, under each other.
  package var isJoint = false

  package init(
    width: Int, inner: Int, heads: Int, layers: Int, activation: Activation, epsilon: Double, normalizesFirst: Bool,
    dropout: DropoutPlaces
  ) {
    (self.width, self.inner, self.heads, self.layers) = (width, inner, heads, layers)
    (self.activation, self.epsilon, self.normalizesFirst) = (activation, epsilon, normalizesFirst)
    self.dropout = dropout
  }

  /// A linear layer, begun as the authors of ViT and BERT have it.
  package func linear(
    _ scope: Scope, in inputs: Int, out outputs: Int, hasBias: Bool = true
  ) throws(TorchError) -> Linear {
    try Linear(
      scope, in: inputs, out: outputs, weight: .normal(standardDeviation: 0.02), bias: .zeros, hasBias: hasBias)
  }

  package func norm(_ scope: Scope) throws(TorchError) -> LayerNorm {
    try LayerNorm(scope, width: width, epsilon: epsilon)
  }
}

/// Layers one after the other, each in a scope of its number.
package struct TransformerEncoder {
  private let layers: [TransformerEncoderLayer]

  package init(_ scope: Scope, _ shape: TransformerShape) throws(TorchError) {
    var layers: [TransformerEncoderLayer] = []
    for index in 0..<shape.layers { layers.append(try TransformerEncoderLayer(scope / "\(index)", shape)) }
    self.layers = layers
  }

  /// - Parameter observe: is shown what goes into the first layer, and what each gives.
  package func callAsFunction(
    _ x: Tensor, _ pass: ForwardPass, mask: Tensor? = nil, causal: Bool = false, observe: (Tensor) throws -> Void
  ) throws -> Tensor {
    try observe(x)
    return try layers.reduce(x) { x, layer in
      let y = try layer(x, pass, mask: mask, causal: causal)
      try observe(y)
      return y
    }
  }
}

/// Attention, then two linear layers, each added to its input.
///
/// Its parameters are `query`, `key` and `value` (or `joint`), `output`, `attention_norm`, `up`, `down` and `feed_forward_norm`.
private struct TransformerEncoderLayer {
  private let attention: MultiHeadAttention
  private let up: Linear
  private let down: Linear
  private let attentionNorm: LayerNorm
  private let feedForwardNorm: LayerNorm
  private let shape: TransformerShape
  private let attended: Dropout
  private let fed: Dropout

  init(_ scope: Scope, _ shape: TransformerShape) throws(TorchError) {
    self.shape = shape
    attention = try MultiHeadAttention(scope, shape)
    up = try shape.linear(scope / "up", in: shape.width, out: shape.inner)
    down = try shape.linear(scope / "down", in: shape.inner, out: shape.width)
    attentionNorm = try shape.norm(scope / "attention_norm")
    feedForwardNorm = try shape.norm(scope / "feed_forward_norm")
    (attended, fed) = (Dropout(shape.dropout.attended), Dropout(shape.dropout.fed))
  }

  /// - Parameters:
  ///   - x: [B, L, width].
  ///   - mask: boolean, [B, 1, 1, L], true at what may be looked at.
  func callAsFunction(_ x: Tensor, _ pass: ForwardPass, mask: Tensor?, causal: Bool) throws(TorchError) -> Tensor {
    func attend(_ x: Tensor) throws(TorchError) -> Tensor {
      try attended(attention(x, pass, mask: mask, causal: causal), pass)
    }
    func feed(_ x: Tensor) throws(TorchError) -> Tensor {
      try fed(down(up(x, then: shape.activation, pass), pass), pass)
    }
    if shape.normalizesFirst {
      let seen = try attend(attentionNorm(x, pass)) + x
      return try feed(feedForwardNorm(seen, pass)) + seen
    }
    let seen = try attentionNorm(attend(x) + x, pass)
    return try feedForwardNorm(feed(seen) + seen, pass)
  }
}
