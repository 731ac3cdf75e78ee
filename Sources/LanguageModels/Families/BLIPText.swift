import Encoders
import Records
import Torch
import TorchNN

/// BLIP's text network: BERT's layers with cross-attention to a memory, each part normed after it is added.
///
///     x ← LN(W_o A + x);   x ← LN(W_o′ A′ + x), where there is a memory;   x ← LN(W_2 gelu(W_1 x) + x)
struct BLIPText {
  struct Attention {
    let query: FrozenLinear
    let key: FrozenLinear
    let value: FrozenLinear
    let output: FrozenLinear
    let norm: LayerNorm
  }

  struct Layer {
    let own: Attention
    let cross: Attention
    let up: FrozenLinear
    let down: FrozenLinear
    let norm: LayerNorm
  }

  struct Shape {
    let vocabulary: Int
    let width: Int
    let inner: Int
    let layers: Int
    let heads: Int
    let places: Int
    let epsilon: Double
    let activation: Activation
    /// Of the memory's rows.
    let memory: Int

    /// - Parameter memory: the width of the tower.
    init(_ configuration: CheckpointConfiguration, memory: Int) throws {
      vocabulary = try configuration.count("vocab_size", default: 30524)
      width = try configuration.count("hidden_size", default: 768)
      inner = try configuration.count("intermediate_size", default: 3072)
      layers = try configuration.count("num_hidden_layers", default: 12)
      heads = try configuration.heads("num_attention_heads", default: 8, width: width)
      places = try configuration.count("max_position_embeddings", default: 512)
      epsilon = try configuration.number("layer_norm_eps", default: 1e-12)
      activation = try configuration.activation("hidden_act", default: "gelu")
      self.memory = memory
    }
  }

  let shape: Shape
  /// [vocabulary, width].
  let words: Tensor
  private let places: Tensor
  private let norm: LayerNorm
  let layers: [Layer]

  /// The weights stand below the given place.
  init(_ shape: Shape, _ weights: CheckpointWeights) throws {
    self.shape = shape
    let width = shape.width
    words = try weights.tensor("embeddings.word_embeddings.weight", [shape.vocabulary, width])
    places = try weights.tensor("embeddings.position_embeddings.weight", [shape.places, width])
    norm = try Self.norm("embeddings.LayerNorm", weights, shape)
    layers = try (0..<shape.layers).map { index in
      let path = "encoder.layer.\(index)"
      func attention(_ name: String, from inputs: Int) throws -> Attention {
        Attention(
          query: try Self.linear("\(name).self.query", weights, width, width),
          key: try Self.linear("\(name).self.key", weights, inputs, width),
          value: try Self.linear("\(name).self.value", weights, inputs, width),
          output: try Self.linear("\(name).output.dense", weights, width, width),
          norm: try Self.norm("\(name).output.LayerNorm", weights, shape))
      }
      return Layer(
        own: try attention("\(path).attention", from: width),
        cross: try attention("\(path).crossattention", from: shape.memory),
        up: try Self.linear("\(path).intermediate.dense", weights, width, shape.inner),
        down: try Self.linear("\(path).output.dense", weights, shape.inner, width),
        norm: try Self.norm("\(path).output.LayerNorm", weights, shape))
    }
  }

  static func linear(
    _ name: String, _ weights: CheckpointWeights, _ inputs: Int, _ outputs: Int
  ) throws -> FrozenLinear {
    FrozenLinear(
      weight: try weights.tensor("\(name).weight", [outputs, inputs]),
      bias: try weights.tensor("\(name).bias", [outputs]))
  }

  static func norm(_ name: String, _ weights: CheckpointWeights, _ shape: Shape) throws -> LayerNorm {
    LayerNorm(
      weight: try weights.tensor("\(name).weight", [shape.width]),
      bias: try weights.tensor("\(name).bias", [shape.width]), epsilon: shape.epsilon)
  }

  /// Words [B, L, width] with their places, normed.
  ///
  /// - Parameter positions: of each row, of each token.
  func placed(_ words: Tensor, _ positions: [[Int]]) throws -> Tensor {
    let numbers = try Tensor(positions.flatMap { $0 }, shape: [positions.count, positions.first?.count ?? 0])
    return try norm(words + places.embedding(numbers.to(on: places.device)))
  }

  /// The keys and values of a memory [B, n, width] in each layer, [B, heads, n, e].
  func memory(_ rows: Tensor) throws -> [(key: Tensor, value: Tensor)] {
    try layers.map { (try heads($0.cross.key(rows)), try heads($0.cross.value(rows))) }
  }

  /// What the layers make of placed words [B, L, width].
  ///
  /// - Parameters:
  ///   - memory: nil: cross-attention is left out.
  ///   - memoryMask: boolean [B, 1, 1, n]; nil: all is seen.
  ///   - attend: of the layer's number, queries, keys and values [B, heads, L, e] what each token takes from the others.
  func callAsFunction(
    _ x: Tensor, memory: [(key: Tensor, value: Tensor)]?, memoryMask: Tensor?, tokens: ForwardPass? = nil,
    observe: (Int, Tensor) throws -> Void = { _, _ in },
    attend: (Int, Tensor, Tensor, Tensor) throws -> Tensor
  ) throws -> Tensor {
    func merged(_ heads: Tensor, _ x: Tensor, _ part: Attention) throws -> Tensor {
      try part.norm(part.output(heads.transposed(1, 2).reshaped(x.shape), tokens) + x)
    }
    try observe(0, x)
    return try layers.enumerated().reduce(x) { x, entry in
      let (index, layer) = entry
      let own = try attend(
        index, heads(layer.own.query(x, tokens)), heads(layer.own.key(x, tokens)), heads(layer.own.value(x, tokens)))
      var y = try merged(own, x, layer.own)
      if let memory {
        let seen = try heads(layer.cross.query(y, tokens))
          .attention(key: memory[index].key, value: memory[index].value, mask: memoryMask)
        y = try merged(seen, y, layer.cross)
      }
      let fed = try layer.norm(layer.down(shape.activation(layer.up(y, tokens)), tokens) + y)
      try observe(index + 1, fed)
      return fed
    }
  }

  private func heads(_ x: Tensor) throws -> Tensor {
    try x.reshaped([x.shape[0], x.shape[1], shape.heads, shape.width / shape.heads]).transposed(1, 2)
  }
}
