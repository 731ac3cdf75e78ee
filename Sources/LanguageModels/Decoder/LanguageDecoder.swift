public import Torch
public import TorchNN

/// A decoder of the Llama family, whose layers can be run in ranges.
///
/// ``LanguageModel/prefill(_:embeddings:view:cache:observer:)`` is all of ``pass(for:view:cache:observer:)``,
/// ``run(_:layers:pass:cache:)`` and ``normed(_:)``; who merges states in the middle calls them one by one and
/// `KeyValueCache.note(_:)` at the end.
public final class LanguageDecoder {
  public let configuration: DecoderConfiguration
  public let layers: [DecoderLayer]
  public let norm: RMSNorm
  /// The table of tokens, [vocabulary, d].
  public let embedding: Tensor
  /// Of which logits are products, [vocabulary, d]; the embedding where the two are tied.
  public let head: FrozenLinear

  /// - Parameter tensor: the tensor of a name and a shape; the names are those below `model.`.
  /// - Parameter head: nil where it is tied.
  public init(
    _ configuration: DecoderConfiguration, head: Tensor?, tensor: (String, [Int]) throws -> Tensor
  ) throws {
    self.configuration = configuration
    embedding = try tensor("embed_tokens.weight", [configuration.vocabulary, configuration.width])
    layers = try (0..<configuration.layers).map { index in
      try DecoderLayer(configuration) { try tensor("layers.\(index).\($0)", $1) }
    }
    norm = RMSNorm(weight: try tensor("norm.weight", [configuration.width]), epsilon: configuration.epsilon)
    self.head = FrozenLinear(weight: head ?? embedding)
  }

  public var elementType: ElementType { embedding.elementType }

  /// Every linear map of every layer by its name in a checkpoint, `layers.3.self_attn.q_proj`, for adapters.
  public var linears: [(name: String, map: FrozenLinear)] {
    layers.enumerated().flatMap { index, layer in layer.linears.map { ("layers.\(index).\($0.name)", $0.map) } }
  }

  /// The embeddings of tokens [B, L, d]; shorter rows are filled up at the end.
  public func embed(_ ids: [[Int]]) throws -> Tensor {
    let length = ids.map(\.count).max() ?? 0
    let filled = ids.flatMap { $0 + Array(repeating: 0, count: length - $0.count) }
    return try embedding.embedding(Tensor(filled, shape: [ids.count, length]).to(on: embedding.device))
  }

  /// The pass of prompts through the layers.
  ///
  /// - Throws: ``LanguageModelError`` where a sequence is longer than the decoder can look back.
  public func pass(
    for sequences: [TokenSequence], view: AttentionView = AttentionView(), cache: KeyValueCache? = nil,
    observer: PassObserver? = nil
  ) throws -> DecoderPass {
    let length = sequences.map(\.count).max() ?? 0
    let rows = sequences.map(\.positions.rows.count).max() ?? 1
    return try pass(
      roles: sequences.map { Self.filled($0.roles, length) },
      positions: (0..<rows).map { row in
        sequences.map { sequence in
          let own = sequence.positions.rows[min(row, sequence.positions.rows.count - 1)]
          return own + Array(repeating: 0, count: length - own.count)
        }
      }, next: sequences.map(\.positions.next), view: view, cache: cache, observer: observer)
  }

  /// The pass of further tokens after what a cache holds.
  public func pass(
    continuing cache: KeyValueCache, with counts: [Int], role: TokenRole = .answer, observer: PassObserver? = nil
  ) throws -> DecoderPass {
    let length = counts.max() ?? 0
    return try pass(
      roles: counts.map { Self.filled(Array(repeating: role, count: $0), length) },
      positions: [cache.next.map { Array($0..<$0 + length) }], next: zip(cache.next, counts).map { $0 + $1 },
      view: cache.view, cache: cache, observer: observer)
  }

  private func pass(
    roles: [[TokenRole?]], positions: [[[Int]]], next: [Int], view: AttentionView, cache: KeyValueCache?,
    observer: PassObserver?
  ) throws -> DecoderPass {
    let length = (cache?.length ?? 0) + (roles.first?.count ?? 0)
    if let window = configuration.window, length > window {
      throw LanguageModelError.tooLong(tokens: length, limit: window)
    }
    return try DecoderPass(
      roles: roles, positions: positions, next: next, view: view, cache: cache, rotary: configuration.rotary,
      type: elementType, device: embedding.device, observer: observer)
  }

  private static func filled(_ roles: [TokenRole], _ length: Int) -> [TokenRole?] {
    roles + Array(repeating: nil, count: length - roles.count)
  }

  /// What some of the layers make of rows [B, L, d]; no last norm.
  ///
  /// - Parameter layers: nil: all.
  public func run(
    _ x: Tensor, layers range: Range<Int>? = nil, pass: DecoderPass, cache: KeyValueCache? = nil
  ) throws -> Tensor {
    let range = range ?? layers.indices
    if range.lowerBound == 0 { try pass.observe(0, x) }
    return try range.reduce(x) { x, index in
      let y = try layers[index](x, index, configuration, pass, cache)
      try pass.observe(index + 1, y)
      return y
    }
  }

  /// The last hidden state of what the last layer gives.
  public func normed(_ x: Tensor) throws -> Tensor { try norm(x) }

  /// Reads embeddings [B, L, d] through all layers and the last norm; the cache holds them afterwards.
  func read(_ embeddings: Tensor, _ pass: DecoderPass, _ cache: KeyValueCache?) throws -> DecoderOutput {
    let hidden = try normed(run(embeddings, pass: pass, cache: cache))
    cache?.note(pass)
    return DecoderOutput(hidden: hidden, lengths: pass.lengths)
  }

  /// The logits of hidden rows, [.., vocabulary]; float32 at least.
  public func logits(of hidden: Tensor) throws -> Tensor {
    let logits = try head(hidden)
    return logits.elementType == .float64 ? logits : try logits.to(.float32)
  }
}
