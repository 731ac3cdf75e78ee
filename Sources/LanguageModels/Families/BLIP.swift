import Encoders
public import Foundation
public import Multimodal
import Records
public import Torch
import TorchNN

/// BLIP for captions and for questions: a text decoder with cross-attention to a picture, or to a question that was read with
/// the picture.
///
/// Li et al. 2022, in the form of transformers: a question keeps its first token, where Salesforce's code puts [ENC].
///
/// A caption's prompt is [DEC] and the words it begins with. A question's prompt is the question, which the encoder reads,
/// then [DEC] and the words the answer begins with. Pictures have no placeholders: a prompt has one picture or none, without
/// which cross-attention to it is left out.
public final class BLIP: LanguageModel {
  public let family: String
  public let folder: URL
  /// Whether a question is read before the answer is written.
  public var answersQuestions: Bool { encoder != nil }
  /// [DEC], with which a caption and an answer begin.
  public let startToken: Int
  /// [SEP], with which they end.
  public let endToken: Int

  /// What only a model that answers questions has.
  static let questionEmbedding = "text_encoder.embeddings.word_embeddings.weight"

  private let tower: VisionTransformer
  private let processor: ImageProcessor
  private let pictureRows: Int
  private let encoder: BLIPText?
  private let text: BLIPText
  private let transform: FrozenLinear
  private let transformNorm: LayerNorm
  private let head: FrozenLinear
  public let elementType: ElementType

  init(_ folder: LanguageModelFolder, _ weights: CheckpointWeights) throws {
    let configuration = folder.configuration
    family = folder.family
    self.folder = folder.url
    elementType = weights.type
    let vision = configuration.nested("vision_config")
    tower = try VisionTransformer(vision, weights.within("vision_model."), .blip)
    let size = try vision.size("image_size", default: 384)
    let patch = try vision.size("patch_size", default: 16)
    pictureRows = size.height / patch.height * (size.width / patch.width) + 1
    guard let processor = try ImageProcessor.found(in: folder.url) else {
      throw CheckpointError.noFile("preprocessor_config.json", in: folder.url.path)
    }
    guard let made = processor.size, made == size else {
      throw CheckpointError.unsupported(
        key: "size", value: processor.size.map { "\($0.height) x \($0.width)" } ?? "any", in: folder.url.path,
        supported: "pictures of the tower's \(size.height) x \(size.width) pixels")
    }
    self.processor = processor

    let words = configuration.nested("text_config")
    let width = try vision.count("hidden_size", default: 768)
    let decoderShape = try BLIPText.Shape(words, memory: width)
    startToken = try words.token("bos_token_id", default: 30522) ?? 30522
    endToken = try words.token("sep_token_id", default: 102) ?? 102
    encoder =
      weights.has(Self.questionEmbedding)
      ? try BLIPText(decoderShape, weights.within("text_encoder.")) : nil
    // The decoder looks at the question's rows where there is a question.
    let shape = try encoder == nil ? decoderShape : BLIPText.Shape(words, memory: decoderShape.width)
    text = try BLIPText(shape, weights.within("text_decoder.bert."))
    let last = weights.within("text_decoder.cls.predictions.")
    transform = try BLIPText.linear("transform.dense", last, shape.width, shape.width)
    transformNorm = try BLIPText.norm("transform.LayerNorm", last, shape)
    head = FrozenLinear(
      weight: last.has("decoder.weight")
        ? try last.tensor("decoder.weight", [shape.vocabulary, shape.width]) : text.words,
      bias: try last.tensor("bias", [shape.vocabulary]))
  }

  public var width: Int { text.shape.width }
  public var layerCount: Int { text.layers.count }
  public var vocabulary: Int { text.shape.vocabulary }
  public var seesPictures: Bool { true }
  public var imageToken: Int? { nil }
  public var answerStart: Int? { startToken }
  public var decoder: LanguageDecoder? { nil }

  public func prepare(_ picture: RGBImage) throws -> PreparedPicture {
    if let reason = processor.objection(to: picture) { throw LanguageModelError.picture(reason) }
    let (height, width, values) = processor(picture)
    return PreparedPicture(
      values: values, shape: [1, 3, height, width], layout: .single, tokenCount: pictureRows)
  }

  /// Nothing: the picture stands beside the text.
  public func text(for picture: PreparedPicture) -> [PictureText] { [] }

  /// The tower's rows [n, width of the tower] after its last norm, the class token's first.
  public func rows(of picture: PreparedPicture) throws -> Tensor {
    try tower.rows(Tensor(picture.values, shape: picture.shape).to(elementType)) { _ in }.selected(0, 0)
  }

  public func sequence(_ ids: [Int], roles: [TokenRole], pictures: [PreparedPicture]) throws -> TokenSequence {
    guard ids.count == roles.count, !roles.contains(.image), pictures.count <= 1 else {
      throw LanguageModelError.sequence("BLIP reads tokens of text, and one picture or none")
    }
    if let id = ids.first(where: { !(0..<vocabulary).contains($0) }) {
      throw LanguageModelError.sequence("token \(id) is none of the model's \(vocabulary)")
    }
    let start = answersQuestions ? ids.firstIndex(of: startToken) ?? ids.count : 0
    guard start < ids.count, !answersQuestions || start > 0 else {
      throw LanguageModelError.sequence("a prompt is a question, token \(startToken), and what the answer begins with")
    }
    for count in [start, ids.count - start] where count > text.shape.places {
      throw LanguageModelError.tooLong(tokens: count, limit: text.shape.places)
    }
    return TokenSequence(
      ids: ids, roles: roles, pictures: pictures,
      positions: TokenPositions(rows: [Array(0..<start) + Array(0..<ids.count - start)], next: ids.count - start))
  }

  /// How many of a prompt's tokens are the question.
  private func questionLength(_ sequence: TokenSequence) -> Int {
    answersQuestions ? sequence.ids.firstIndex(of: startToken) ?? 0 : 0
  }

  /// The words' embeddings of what the decoder reads, [B, L, width], before positions are added; a question is not among it.
  public func embed(_ sequences: [TokenSequence], rows: [[Tensor]]?) throws -> Tensor {
    try embedded(sequences.map { Array($0.ids[questionLength($0)...]) }, text)
  }

  private func embedded(_ ids: [[Int]], _ network: BLIPText) throws -> Tensor {
    try network.words.embedding(Tensor(Self.filled(ids, 0).flatMap { $0 }, shape: [ids.count, Self.length(ids)]))
  }

  private static func length<Element>(_ rows: [[Element]]) -> Int { rows.map(\.count).max() ?? 0 }

  private static func filled<Element>(_ rows: [[Element]], _ filler: Element) -> [[Element]] {
    let length = length(rows)
    return rows.map { $0 + Array(repeating: filler, count: length - $0.count) }
  }

  public func prefill(
    _ sequences: [TokenSequence], embeddings: Tensor?, view: AttentionView, cache: KeyValueCache?,
    observer: PassObserver?
  ) throws -> DecoderOutput {
    try prefill(
      sequences, embeddings: embeddings, pictureRows: nil, view: view, cache: cache, observer: observer)
  }

  public func prefill(
    _ sequences: [TokenSequence], rows: [[Tensor]]?, view: AttentionView, cache: KeyValueCache?, observer: PassObserver?
  ) throws -> DecoderOutput {
    let given = rows.map { $0.flatMap { $0 } } ?? []
    guard given.isEmpty || given.count == sequences.count else {
      throw LanguageModelError.sequence("of the prompts in one batch all have a picture, or none")
    }
    return try prefill(
      sequences, embeddings: nil, pictureRows: given.isEmpty ? nil : Tensor.stack(given), view: view, cache: cache,
      observer: observer)
  }

  /// The same with the pictures' rows given.
  ///
  /// - Parameter pictureRows: [B, n, width of the tower]: what ``rows(of:)`` gives or what has been made of it; nil: the
  ///   pictures' own.
  public func prefill(
    _ sequences: [TokenSequence], embeddings: Tensor?, pictureRows: Tensor?, view: AttentionView,
    cache: KeyValueCache?, observer: PassObserver?
  ) throws -> DecoderOutput {
    guard !sequences.isEmpty, cache.map({ $0.batch == 0 }) ?? true else {
      throw LanguageModelError.sequence("prompts are read once, into an empty cache")
    }
    guard view.knockouts.isEmpty else {
      throw LanguageModelError.sequence("BLIP's pictures are no tokens, so that no edges to them can be cut by layer")
    }
    let starts = sequences.map(questionLength)
    let roles = zip(sequences, starts).map { Array($0.roles[$1...]) }
    var seen = try view.hidden.contains(.image) ? nil : pictureRows ?? memory(sequences)
    var mask: Tensor?
    if let encoder {
      let questions = zip(sequences, starts).map { (ids: Array($0.ids[..<$1]), roles: Array($0.roles[..<$1])) }
      (seen, mask) = try read(questions, encoder, seen, view)
    }
    let pass = try DecoderPass(
      roles: Self.filled(roles.map { $0.map(Optional.some) }, nil), positions: [],
      next: sequences.map(\.positions.next), view: view, cache: cache, rotary: nil, type: elementType,
      device: text.words.device, observer: observer)
    let held = try seen.map(text.memory)
    cache?.hold(held, mask)
    let words = try embeddings ?? embed(sequences, rows: nil)
    return try finish(words, pass, from: sequences.map { _ in 0 }, (held, mask), cache)
  }

  /// The rows of the pictures of a batch, [B, n, width]; nil where no prompt has any.
  private func memory(_ sequences: [TokenSequence]) throws -> Tensor? {
    let shown = sequences.flatMap(\.pictures)
    if shown.isEmpty { return nil }
    guard shown.count == sequences.count else {
      throw LanguageModelError.sequence("of the prompts in one batch all have a picture, or none")
    }
    return try Tensor.stack(shown.map(rows(of:)))
  }

  /// The rows of questions, and which of them the decoder may see.
  private func read(
    _ questions: [(ids: [Int], roles: [TokenRole])], _ encoder: BLIPText, _ seen: Tensor?, _ view: AttentionView
  ) throws -> (rows: Tensor, mask: Tensor) {
    let roles = Self.filled(questions.map { $0.roles.map(Optional.some) }, nil)
    let edges = AttentionEdges(before: roles.map { _ in [] }, roles: roles, view: view, looksAhead: true)
    let mask = try edges.mask(on: encoder.words.device)
    let length = roles.first?.count ?? 0
    let placed = try encoder.placed(embedded(questions.map(\.ids), encoder), roles.map { _ in Array(0..<length) })
    let rows = try encoder(placed, memory: seen.map(encoder.memory), memoryMask: nil) { _, query, key, value in
      try query.attention(key: key, value: value, mask: mask)
    }
    let visible = roles.map { $0.map { role in role.map { !view.hidden.contains($0) } ?? false } }
    guard visible.allSatisfy({ $0.contains(true) }) else {
      throw LanguageModelError.sequence("everything in a question is hidden")
    }
    return (rows, try Tensor(visible.flatMap { $0 }, shape: [roles.count, 1, 1, length]).to(on: rows.device))
  }

  public func step(_ ids: [[Int]], cache: KeyValueCache, observer: PassObserver?) throws -> DecoderOutput {
    guard ids.count == cache.batch, ids.allSatisfy({ !$0.isEmpty }) else {
      throw LanguageModelError.sequence("\(ids.count) rows of tokens for a cache of \(cache.batch)")
    }
    if let id = ids.joined().first(where: { !(0..<vocabulary).contains($0) }) {
      throw LanguageModelError.sequence("token \(id) is none of the model's \(vocabulary)")
    }
    let roles = Self.filled(ids.map { $0.map { _ in Optional(TokenRole.answer) } }, nil)
    let pass = try DecoderPass(
      roles: roles, positions: [], next: zip(cache.next, ids).map { $0 + $1.count }, view: cache.view, cache: cache,
      rotary: nil, type: elementType, device: text.words.device, observer: observer)
    return try finish(embedded(ids, text), pass, from: cache.next, cache.held(layerCount), cache)
  }

  /// - Parameter starts: where the first token of each row stands.
  private func finish(
    _ words: Tensor, _ pass: DecoderPass, from starts: [Int],
    _ memory: (rows: [(key: Tensor, value: Tensor)]?, mask: Tensor?), _ cache: KeyValueCache?
  ) throws -> DecoderOutput {
    let length = words.shape[1]
    if let most = starts.max(), most + length > text.shape.places {
      throw LanguageModelError.tooLong(tokens: most + length, limit: text.shape.places)
    }
    let placed = try text.placed(words, starts.map { Array($0..<$0 + length) })
    let hidden = try text(
      placed, memory: memory.rows, memoryMask: memory.mask, tokens: pass.tokens, observe: pass.observe
    ) { layer, query, key, value in
      let (keys, values) = try cache?.append(key, value, layer: layer) ?? (key, value)
      return try pass.attention(query, keys, values, layer: layer)
    }
    cache?.note(pass)
    return DecoderOutput(hidden: hidden, lengths: pass.lengths)
  }

  public func logits(of hidden: Tensor) throws -> Tensor {
    let logits = try head(transformNorm(text.shape.activation(transform(hidden))))
    return logits.elementType == .float64 ? logits : try logits.to(.float32)
  }
}
