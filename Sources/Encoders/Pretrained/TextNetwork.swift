import Records
import Torch
import TorchNN

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
  func rows(_ batch: TokenBatch, _ pass: ForwardPass, observe: (Tensor) throws -> Void) throws -> Tensor
  /// The network's own poolings, ``Pooling/pooler`` and ``Pooling/projected``.
  func pooled(_ rows: Tensor, _ batch: TokenBatch, _ pass: ForwardPass, by pooling: Pooling) throws -> Tensor
}

extension TextNetwork {
  var fixedLength: Int? { nil }

  /// One row a text by each of the poolings, side by side; and the type of the rows that are pooled.
  func features(
    _ batch: TokenBatch, _ pass: ForwardPass = ForwardPass(), by poolings: [Pooling]
  ) throws -> (features: Tensor, type: ElementType) {
    let rows = try rows(batch, pass) { _ in }
    let pooled = try poolings.map { try $0(rows, lengths: batch.lengths) ?? self.pooled(rows, batch, pass, by: $0) }
    return (pooled.count == 1 ? pooled[0] : try Tensor.cat(pooled, 1), rows.elementType)
  }
}

/// BERT, RoBERTa, DistilBERT and the text encoder of BLIP: embeddings, layers that normalize what they give, a pooler.
struct BERT: TextNetwork {
  let widths: [Pooling: Int]
  let standard = Pooling.cls
  let vocabulary: Int
  let places: Int
  private let words: Embedding
  private let positions: Embedding
  /// Of which the first row is added to every token, for being of the first sentence.
  private let segments: Embedding?
  private let norm: LayerNorm
  private let stack: TransformerEncoder
  private let pooler: Linear?
  private let projection: Linear?
  let dropout: DropoutPlaces?
  private let dropping: Dropout
  /// RoBERTa counts places from one after its padding token, and skips padding.
  private let padding: Int?

  enum Family { case bert, roberta, distilbert, blip }

  init(
    _ scope: Scope, _ configuration: CheckpointConfiguration, _ names: CheckpointNames, _ family: Family
  ) throws {
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

    let root = try names.rooted(at: "words.weight", by: isDistilled ? .distilBERT : .bert)
    let (outer, scope) = (scope.named(by: names), scope.named(by: root))
    words = try Embedding(scope / "words", rows: vocabulary, width: width)
    positions = try Embedding(scope / "positions", rows: rows, width: width)
    segments =
      family == .bert || family == .roberta
      ? try Embedding(
        scope / "segments", rows: configuration.count("type_vocab_size", default: 2), width: width) : nil
    dropping = Dropout(dropout.embedded)
    norm = try shape.norm(scope / "norm")
    stack = try TransformerEncoder(scope / "layers", shape)
    padding = family == .roberta ? try configuration.token("pad_token_id", default: 1) : nil
    places = rows - (padding.map { $0 + 1 } ?? 0)

    var widths: [Pooling: Int] = [.cls: width, .mean: width, .max: width, .meanRoot: width, .last: width]
    if !isDistilled, root.has("pooler.weight") {
      pooler = try shape.linear(scope / "pooler", in: width, out: width)
      widths[.pooler] = width
    } else {
      pooler = nil
    }
    if family == .blip, pooler != nil, let size = names.shape(of: "text_projection.weight")?.first {
      projection = try shape.linear(outer / "text_projection", in: width, out: size, hasBias: false)
    } else if family == .blip, let size = names.shape(of: "text_proj.weight")?.first {
      projection = try shape.linear(outer / "text_proj", in: width, out: size)
    } else {
      projection = nil
    }
    widths[.projected] = projection?.outputs
    self.widths = widths
  }

  func rows(_ batch: TokenBatch, _ pass: ForwardPass, observe: (Tensor) throws -> Void) throws -> Tensor {
    var embedded = try words(batch.tokens, pass)
    if let segments { embedded = try embedded + pass[segments.weight].selected(0, 0) }
    if let padding {
      let numbers = batch.rows.flatMap { row in
        var seen = padding
        let counted = row.map { token in
          if token != padding { seen += 1 }
          return token == padding ? padding : seen
        }
        return counted + [Int](repeating: padding, count: batch.length - row.count)
      }
      let places = try Tensor(numbers, shape: [batch.rows.count, batch.length]).to(on: embedded.device)
      embedded = try embedded + positions(places, pass)
    } else {
      let first = try positions.first(batch.length, pass)
      embedded = try embedded + first.reshaped([1, batch.length, positions.width])
    }
    return try stack(dropping(norm(embedded, pass), pass), pass, mask: batch.mask, observe: observe)
  }

  func pooled(_ rows: Tensor, _ batch: TokenBatch, _ pass: ForwardPass, by pooling: Pooling) throws -> Tensor {
    let first = try rows.selected(1, 0)
    let pooled = try pooler?(first, pass).tanh() ?? first
    guard pooling == .projected, let projection else { return pooled }
    // BLIP for retrieval projects the first token itself, and has a bias there.
    return try projection(projection.hasBias ? first : pooled, pass)
  }
}

/// The text tower of CLIP: a place sees only those before it, and the end token stands for the text.
struct CLIPText: TextNetwork {
  let widths: [Pooling: Int]
  let dropout: DropoutPlaces?
  let standard: Pooling
  let vocabulary: Int
  let places: Int
  private let words: Embedding
  private let positions: Embedding
  private let stack: TransformerEncoder
  private let norm: LayerNorm
  private let projection: Linear?
  /// The end token; nil where the checkpoint is older than its name, and the largest token is meant.
  private let end: Int?

  init(_ scope: Scope, _ configuration: CheckpointConfiguration, _ names: CheckpointNames) throws {
    try configuration.requireOrdinary()
    let shape = try TransformerShape(clip: configuration, width: 512, inner: 2048, heads: 8, layers: 12)
    dropout = shape.dropout
    vocabulary = try configuration.count("vocab_size", default: 49408)
    places = try configuration.count("max_position_embeddings", default: 77)
    let end = try configuration.token("eos_token_id", default: 49407)
    self.end = end == 2 ? nil : end
    let root = try names.rooted(at: "words.weight", by: .clipText)
    let (outer, scope) = (scope.named(by: names), scope.named(by: root))
    words = try Embedding(scope / "words", rows: vocabulary, width: shape.width)
    positions = try Embedding(scope / "positions", rows: places, width: shape.width)
    stack = try TransformerEncoder(scope / "layers", shape)
    norm = try shape.norm(scope / "norm")
    projection = try names.shape(of: "text_projection.weight")?.first.map {
      try shape.linear(outer / "text_projection", in: shape.width, out: $0, hasBias: false)
    }
    widths = Dictionary(uniqueKeysWithValues: Pooling.allCases.map { ($0, shape.width) })
      .merging([.projected: projection?.outputs ?? 0]) { $1 }.filter { $0.value > 0 }
    standard = projection == nil ? .pooler : .projected
  }

  func rows(_ batch: TokenBatch, _ pass: ForwardPass, observe: (Tensor) throws -> Void) throws -> Tensor {
    let embedded = try words(batch.tokens, pass) + positions.first(batch.length, pass)
    // Padding comes last, where no token that counts can see it.
    return try norm(stack(embedded, pass, causal: true, observe: observe), pass)
  }

  func pooled(_ rows: Tensor, _ batch: TokenBatch, _ pass: ForwardPass, by pooling: Pooling) throws -> Tensor {
    let picked = try batch.rows.enumerated().map { index, tokens in
      let place = tokens.firstIndex(of: end ?? tokens.max() ?? 0) ?? 0
      return try rows.selected(0, index).selected(0, place)
    }
    let pooled = try Tensor.stack(picked)
    return pooling == .projected ? try projection?(pooled, pass) ?? pooled : pooled
  }
}

/// The text tower of SigLIP: every place sees all others, padding included, and the last stands for the text.
struct SigLIPText: TextNetwork {
  let widths: [Pooling: Int]
  let dropout: DropoutPlaces?
  let standard = Pooling.pooler
  let vocabulary: Int
  let places: Int
  private let words: Embedding
  private let positions: Embedding
  private let stack: TransformerEncoder
  private let norm: LayerNorm
  private let head: Linear

  /// It was trained on texts padded to this, and never told which tokens are padding.
  var fixedLength: Int? { places }

  init(_ scope: Scope, _ configuration: CheckpointConfiguration, _ names: CheckpointNames) throws {
    try configuration.requireOrdinary()
    let shape = try TransformerShape(
      clip: configuration, width: 768, inner: 3072, heads: 12, layers: 12, activation: "gelu_pytorch_tanh",
      epsilon: 1e-6)
    dropout = shape.dropout
    vocabulary = try configuration.count("vocab_size", default: 32000)
    places = try configuration.count("max_position_embeddings", default: 64)
    let scope = scope.named(by: try names.rooted(at: "words.weight", by: .clipText))
    words = try Embedding(scope / "words", rows: vocabulary, width: shape.width)
    positions = try Embedding(scope / "positions", rows: places, width: shape.width)
    stack = try TransformerEncoder(scope / "layers", shape)
    norm = try shape.norm(scope / "norm")
    let size = try configuration.count("projection_size", default: shape.width)
    head = try shape.linear(scope / "head", in: shape.width, out: size)
    var widths = Dictionary(uniqueKeysWithValues: Pooling.allCases.map { ($0, shape.width) })
    widths[.pooler] = size
    widths[.projected] = nil
    self.widths = widths
  }

  func rows(_ batch: TokenBatch, _ pass: ForwardPass, observe: (Tensor) throws -> Void) throws -> Tensor {
    let embedded = try words(batch.tokens, pass) + positions.first(batch.length, pass)
    return try norm(stack(embedded, pass, observe: observe), pass)
  }

  func pooled(_ rows: Tensor, _ batch: TokenBatch, _ pass: ForwardPass, by pooling: Pooling) throws -> Tensor {
    try head(rows.selected(1, rows.shape[1] - 1), pass)
  }
}
