import Records
import Torch

/// Some texts as tokens, padded to one length.
struct TokenBatch {
  /// The tokens of each text, without padding.
  let rows: [[Int]]
  /// [B, L], whole numbers.
  let tokens: Tensor
  /// True at tokens, false at padding, [B, 1, 1, L]; nil where all texts are equally long.
  let mask: Tensor?

  var lengths: [Int] { rows.map(\.count) }
  /// L, that of the longest text, or more where that was asked for.
  let length: Int

  init(_ rows: [[Int]], padding: Int, atLeast least: Int = 0, on device: Device = .cpu) throws {
    self.rows = rows
    let length = rows.reduce(least) { Swift.max($0, $1.count) }
    self.length = length
    let padded = rows.flatMap { $0 + [Int](repeating: padding, count: length - $0.count) }
    tokens = try Tensor(padded, shape: [rows.count, length]).to(on: device)
    guard rows.contains(where: { $0.count < length }) else {
      mask = nil
      return
    }
    let flags = rows.flatMap {
      [Bool](repeating: true, count: $0.count) + [Bool](repeating: false, count: length - $0.count)
    }
    mask = try Tensor(flags, shape: [rows.count, 1, 1, length]).to(on: device)
  }
}

/// A network over tokens.
protocol TextNetwork {
  /// The width of a row under each pooling that there is.
  var widths: [Pooling: Int] { get }
  /// What is pooled by where nothing else is asked for.
  var standard: Pooling { get }
  /// How many tokens there are rows for, and how many places.
  var vocabulary: Int { get }
  var places: Int { get }
  /// How long every text is made by padding that is read like any token; nil where texts keep their length.
  var fixedLength: Int? { get }
  /// Where it has dropout while it is trained; nil where nobody knows it.
  var dropout: DropoutPlaces? { get }

  /// The last layer's rows, [B, L, width]; `observe` is shown the embeddings and each layer's rows.
  func rows(_ batch: TokenBatch, observe: (Tensor) throws -> Void) throws -> Tensor
  /// The network's own poolings, ``Pooling/pooler`` and ``Pooling/projected``.
  func pooled(_ rows: Tensor, _ batch: TokenBatch, by pooling: Pooling) throws -> Tensor
}

extension TextNetwork {
  var fixedLength: Int? { nil }
  func features(_ batch: TokenBatch, by pooling: Pooling) throws -> Tensor {
    let rows = try rows(batch) { _ in }
    return try pooling(rows, lengths: batch.lengths) ?? pooled(rows, batch, by: pooling)
  }
}

/// BERT, RoBERTa, DistilBERT and the text encoder of BLIP: embeddings, layers that normalize what they give, a pooler.
struct BERT: TextNetwork {
  let widths: [Pooling: Int]
  let standard = Pooling.cls
  let vocabulary: Int
  let places: Int
  private let words: Tensor
  private let positions: Tensor
  /// The row that is added to every token for being of the first sentence.
  private let segment: Tensor?
  private let norm: Normalization
  private let stack: TransformerStack
  private let pooler: Affine?
  private let projection: Affine?
  let dropout: DropoutPlaces?
  private let dropping: Dropping
  /// RoBERTa counts places from one after its padding token, and skips padding.
  private let padding: Int?

  enum Family { case bert, roberta, distilbert, blip }

  init(_ configuration: CheckpointConfiguration, _ weights: CheckpointWeights, _ family: Family) throws {
    try configuration.requireOrdinary()
    // BLIP's text encoder is told to be a decoder and, reading texts alone, is none.
    if family != .blip {
      try configuration.require("is_decoder", .bool(false))
      try configuration.require("add_cross_attention", .bool(false))
    }
    try configuration.require("position_embedding_type", .string("absolute"))
    let isDistilled = family == .distilbert
    let width = try configuration.count(isDistilled ? "dim" : "hidden_size", default: 768)
    var dropout = try DropoutPlaces(
      configuration, attention: isDistilled ? "attention_dropout" : "attention_probs_dropout_prob",
      hidden: isDistilled ? "dropout" : "hidden_dropout_prob", default: family == .blip ? 0 : 0.1)
    if isDistilled { dropout.attended = nil }
    self.dropout = dropout
    let shape = TransformerShape(
      width: width,
      inner: try configuration.count(isDistilled ? "hidden_dim" : "intermediate_size", default: 3072),
      heads: try configuration.heads(
        isDistilled ? "n_heads" : "num_attention_heads", default: family == .blip ? 8 : 12, width: width),
      layers: try configuration.count(isDistilled ? "n_layers" : "num_hidden_layers", default: 12),
      activation: try configuration.activation(isDistilled ? "activation" : "hidden_act", default: "gelu"),
      epsilon: isDistilled ? 1e-12 : try configuration.number("layer_norm_eps", default: 1e-12),
      normalizesFirst: false, dropout: dropout)
    vocabulary = try configuration.count("vocab_size", default: family == .blip ? 30524 : 30522)
    let rows = try configuration.count("max_position_embeddings", default: 512)

    let root = try weights.rooted(at: "embeddings.word_embeddings.weight")
    words = try root.tensor("embeddings.word_embeddings.weight", [vocabulary, width])
    positions = try root.tensor("embeddings.position_embeddings.weight", [rows, width])
    if family == .bert || family == .roberta {
      let types = try configuration.count("type_vocab_size", default: 2)
      segment = try root.tensor("embeddings.token_type_embeddings.weight", [types, width]).selected(0, 0)
    } else {
      segment = nil
    }
    dropping = root.dropping(dropout.embedded)
    norm = try Normalization(root, "embeddings.LayerNorm", width: width, epsilon: shape.epsilon)
    stack = try TransformerStack(root, shape) { index in
      isDistilled
        ? ("transformer.layer.\(index).", Self.distilled) : ("encoder.layer.\(index).", Self.names)
    }
    padding = family == .roberta ? try configuration.token("pad_token_id", default: 1) : nil
    places = rows - (padding.map { $0 + 1 } ?? 0)

    var widths: [Pooling: Int] = [.cls: width, .mean: width, .max: width, .meanRoot: width, .last: width]
    if !isDistilled, root.has("pooler.dense.weight") {
      pooler = try Affine(root, "pooler.dense", from: width, to: width)
      widths[.pooler] = width
    } else {
      pooler = nil
    }
    if family == .blip, pooler != nil, let size = weights.shape(of: "text_projection.weight")?.first {
      projection = try Affine(weights, "text_projection", from: width, to: size, bias: false)
    } else if family == .blip, let size = weights.shape(of: "text_proj.weight")?.first {
      projection = try Affine(weights, "text_proj", from: width, to: size)
    } else {
      projection = nil
    }
    widths[.projected] = projection?.weight.shape[0]
    self.widths = widths
  }

  private static let names = LayerNames(
    projections: .apart(query: "attention.self.query", key: "attention.self.key", value: "attention.self.value"),
    output: "attention.output.dense", up: "intermediate.dense", down: "output.dense",
    attentionNorm: "attention.output.LayerNorm", feedForwardNorm: "output.LayerNorm")

  private static let distilled = LayerNames(
    projections: .apart(query: "attention.q_lin", key: "attention.k_lin", value: "attention.v_lin"),
    output: "attention.out_lin", up: "ffn.lin1", down: "ffn.lin2",
    attentionNorm: "sa_layer_norm", feedForwardNorm: "output_layer_norm")

  func rows(_ batch: TokenBatch, observe: (Tensor) throws -> Void) throws -> Tensor {
    let width = words.shape[1]
    var embedded = try words.embedding(batch.tokens)
    if let segment { embedded = try embedded + segment }
    if let padding {
      let numbers = batch.rows.flatMap { row in
        var seen = padding
        let counted = row.map { token in
          if token != padding { seen += 1 }
          return token == padding ? padding : seen
        }
        return counted + [Int](repeating: padding, count: batch.length - row.count)
      }
      let places = try Tensor(numbers, shape: [batch.rows.count, batch.length]).to(on: positions.device)
      embedded = try embedded + positions.embedding(places)
    } else {
      embedded = try embedded + positions.narrowed(0, from: 0, length: batch.length).reshaped([1, batch.length, width])
    }
    return try stack(dropping(norm(embedded)), mask: batch.mask, observe: observe)
  }

  func pooled(_ rows: Tensor, _ batch: TokenBatch, by pooling: Pooling) throws -> Tensor {
    let first = try rows.selected(1, 0)
    let pooled = try pooler?(first).tanh() ?? first
    guard pooling == .projected, let projection else { return pooled }
    // BLIP for retrieval projects the first token itself, and has a bias there.
    return try projection(projection.bias == nil ? pooled : first)
  }
}

/// The text tower of CLIP: a place sees only those before it, and the end token stands for the text.
struct CLIPText: TextNetwork {
  let widths: [Pooling: Int]
  let dropout: DropoutPlaces?
  let standard: Pooling
  let vocabulary: Int
  let places: Int
  private let words: Tensor
  private let positions: Tensor
  private let stack: TransformerStack
  private let norm: Normalization
  private let projection: Affine?
  /// The end token; nil where the checkpoint is older than its name, and the largest token is meant.
  private let end: Int?

  init(_ configuration: CheckpointConfiguration, _ weights: CheckpointWeights) throws {
    try configuration.requireOrdinary()
    let shape = try TransformerShape(clip: configuration, width: 512, inner: 2048, heads: 8, layers: 12)
    dropout = shape.dropout
    vocabulary = try configuration.count("vocab_size", default: 49408)
    places = try configuration.count("max_position_embeddings", default: 77)
    let end = try configuration.token("eos_token_id", default: 49407)
    self.end = end == 2 ? nil : end
    let root = try weights.rooted(at: "embeddings.token_embedding.weight")
    words = try root.tensor("embeddings.token_embedding.weight", [vocabulary, shape.width])
    positions = try root.tensor("embeddings.position_embedding.weight", [places, shape.width])
    stack = try TransformerStack(root, shape) { ("encoder.layers.\($0).", .clip) }
    norm = try Normalization(root, "final_layer_norm", width: shape.width, epsilon: shape.epsilon)
    projection = try Affine(clipProjection: "text_projection", weights, width: shape.width)
    widths = Dictionary(uniqueKeysWithValues: Pooling.allCases.map { ($0, shape.width) })
      .merging([.projected: projection?.weight.shape[0] ?? 0]) { $1 }.filter { $0.value > 0 }
    standard = projection == nil ? .pooler : .projected
  }

  func rows(_ batch: TokenBatch, observe: (Tensor) throws -> Void) throws -> Tensor {
    let embedded = try words.embedding(batch.tokens) + positions.narrowed(0, from: 0, length: batch.length)
    // Padding comes last, where no token that counts can see it.
    return try norm(stack(embedded, causal: true, observe: observe))
  }

  func pooled(_ rows: Tensor, _ batch: TokenBatch, by pooling: Pooling) throws -> Tensor {
    let picked = try batch.rows.enumerated().map { index, tokens in
      let place = tokens.firstIndex(of: end ?? tokens.max() ?? 0) ?? 0
      return try rows.selected(0, index).selected(0, place)
    }
    let pooled = try Tensor.stack(picked)
    return pooling == .projected ? try projection?(pooled) ?? pooled : pooled
  }
}

/// The text tower of SigLIP: every place sees all others, padding included, and the last stands for the text.
struct SigLIPText: TextNetwork {
  let widths: [Pooling: Int]
  let dropout: DropoutPlaces?
  let standard = Pooling.pooler
  let vocabulary: Int
  let places: Int
  private let words: Tensor
  private let positions: Tensor
  private let stack: TransformerStack
  private let norm: Normalization
  private let head: Affine

  /// It was trained on texts padded to this, and never told which tokens are padding.
  var fixedLength: Int? { places }

  init(_ configuration: CheckpointConfiguration, _ weights: CheckpointWeights) throws {
    try configuration.requireOrdinary()
    let shape = try TransformerShape(
      clip: configuration, width: 768, inner: 3072, heads: 12, layers: 12, activation: "gelu_pytorch_tanh",
      epsilon: 1e-6)
    dropout = shape.dropout
    vocabulary = try configuration.count("vocab_size", default: 32000)
    places = try configuration.count("max_position_embeddings", default: 64)
    let root = try weights.rooted(at: "embeddings.token_embedding.weight")
    words = try root.tensor("embeddings.token_embedding.weight", [vocabulary, shape.width])
    positions = try root.tensor("embeddings.position_embedding.weight", [places, shape.width])
    stack = try TransformerStack(root, shape) { ("encoder.layers.\($0).", .clip) }
    norm = try Normalization(root, "final_layer_norm", width: shape.width, epsilon: shape.epsilon)
    let size = try configuration.count("projection_size", default: shape.width)
    head = try Affine(root, "head", from: shape.width, to: size)
    var widths = Dictionary(uniqueKeysWithValues: Pooling.allCases.map { ($0, shape.width) })
    widths[.pooler] = size
    widths[.projected] = nil
    self.widths = widths
  }

  func rows(_ batch: TokenBatch, observe: (Tensor) throws -> Void) throws -> Tensor {
    let embedded = try words.embedding(batch.tokens) + positions.narrowed(0, from: 0, length: batch.length)
    return try norm(stack(embedded, observe: observe))
  }

  func pooled(_ rows: Tensor, _ batch: TokenBatch, by pooling: Pooling) throws -> Tensor {
    try head(rows.selected(1, rows.shape[1] - 1))
  }
}

extension TransformerShape {
  /// The shape of a tower of CLIP, under the keys that CLIP, SigLIP and BLIP share.
  init(
    clip configuration: CheckpointConfiguration, width: Int, inner: Int, heads: Int, layers: Int,
    activation: String = "quick_gelu", epsilon: Double = 1e-5
  ) throws {
    let width = try configuration.count("hidden_size", default: width)
    self.init(
      width: width, inner: try configuration.count("intermediate_size", default: inner),
      heads: try configuration.heads("num_attention_heads", default: heads, width: width),
      layers: try configuration.count("num_hidden_layers", default: layers),
      activation: try configuration.activation("hidden_act", default: activation),
      epsilon: try configuration.number("layer_norm_eps", default: epsilon), normalizesFirst: true,
      dropout: try DropoutPlaces(configuration, attention: "attention_dropout"))
  }
}

extension LayerNames {
  static let clip = LayerNames(
    projections: .apart(query: "self_attn.q_proj", key: "self_attn.k_proj", value: "self_attn.v_proj"),
    output: "self_attn.out_proj", up: "mlp.fc1", down: "mlp.fc2", attentionNorm: "layer_norm1",
    feedForwardNorm: "layer_norm2")
}

extension Affine {
  /// A projection into the space that both towers share; nil where the checkpoint has none.
  init?(clipProjection name: String, _ weights: CheckpointWeights, width: Int) throws {
    guard let size = weights.shape(of: "\(name).weight")?.first else { return nil }
    try self.init(weights, name, from: width, to: size, bias: false)
  }
}
