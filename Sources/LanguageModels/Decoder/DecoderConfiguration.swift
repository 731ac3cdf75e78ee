public import TorchNN

/// How a decoder of the Llama family is built.
public struct DecoderConfiguration: Sendable {
  public var vocabulary: Int
  /// d, the width of an embedding.
  public var width: Int
  /// The width between the gated feed-forward part's maps.
  public var inner: Int
  public var layers: Int
  /// H, the number of queries' heads.
  public var heads: Int
  /// K, the number of keys' heads, which divides H.
  public var keyHeads: Int
  /// e, the width of a head.
  public var headWidth: Int
  public var epsilon: Double
  /// nil: positions are embedded otherwise.
  public var rotary: RotaryEmbedding?
  /// Whether the maps to queries, keys and values have biases.
  public var hasAttentionBiases = false
  public var hasOutputBias = false
  public var hasFeedForwardBiases = false
  /// The number of tokens that a token may look back at; nil: all.
  ///
  /// Longer sequences are refused.
  public var window: Int?

  public init(
    vocabulary: Int, width: Int, inner: Int, layers: Int, heads: Int, keyHeads: Int, headWidth: Int, epsilon: Double,
    rotary: RotaryEmbedding?
  ) {
    self.vocabulary = vocabulary
    self.width = width
    self.inner = inner
    self.layers = layers
    self.heads = heads
    self.keyHeads = keyHeads
    self.headWidth = headWidth
    self.epsilon = epsilon
    self.rotary = rotary
  }
}
