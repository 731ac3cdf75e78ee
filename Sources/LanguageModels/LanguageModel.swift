public import Foundation
public import Multimodal
public import Torch
public import TorchNN

/// A language model, most with a tower for pictures, from a checkpoint folder.
///
/// B sequences are a batch: shorter ones are filled up at the end, and nothing looks at what was filled up. Gradients are
/// recorded unless the caller says `withoutGradients`; the weights are frozen, so that they reach embeddings and adapters.
public protocol LanguageModel: AnyObject {
  /// The `model_type`: `llava`, `idefics3`, `qwen2_vl`, `llama`, …
  var family: String { get }
  var folder: URL { get }
  /// The width of an embedding.
  var width: Int { get }
  /// The number of the decoder's layers.
  var layerCount: Int { get }
  /// The number of tokens that have a logit.
  var vocabulary: Int { get }
  /// What it computes in.
  var elementType: ElementType { get }
  /// Whether it can be shown pictures.
  var seesPictures: Bool { get }
  /// The token that holds a place for a row of a picture; nil where pictures stand beside the text (`blip`), and where there
  /// are none.
  var imageToken: Int? { get }
  /// The token that an answer begins with, where the tokenizer has none such; nil but of `blip`.
  var answerStart: Int? { get }
  /// The decoder whose layers can be run in ranges; nil of `blip`.
  var decoder: LanguageDecoder? { get }

  /// The linear maps between the tower and the decoder by their names in a checkpoint, for adapters; none of `blip` and of
  /// models that see no pictures.
  var projector: [(name: String, map: FrozenLinear)] { get }

  /// A picture as the tower wants it.
  ///
  /// - Throws: a ``LanguageModelError`` where the model sees no pictures, or cannot see one of that shape.
  func prepare(_ picture: RGBImage) throws -> PreparedPicture

  /// What stands in a prompt for a picture of that layout.
  func text(for picture: PreparedPicture) -> [PictureText]

  /// The rows of a picture, [``PreparedPicture/tokenCount``, width], after tower and projector. They depend on nothing else
  /// and may be kept.
  func rows(of picture: PreparedPicture) throws -> Tensor

  /// What ``projector`` is given of a picture, which depends on frozen weights alone and may be kept while the projector is
  /// trained; ``rows(of:)`` itself where there is no projector.
  func features(of picture: PreparedPicture) throws -> Tensor

  /// The rows that ``rows(of:)`` gives, from the picture's features.
  func rows(from features: Tensor, of picture: PreparedPicture) throws -> Tensor

  /// A prompt with the position of each token.
  ///
  /// - Throws: a ``LanguageModelError`` where the placeholders are not as many as the pictures' tokens, where a role and a
  ///   token contradict each other, and where a token is none of the model's.
  func sequence(_ ids: [Int], roles: [TokenRole], pictures: [PreparedPicture]) throws -> TokenSequence

  /// What the decoder's first layer is given, [B, L, width]: the tokens' embeddings, and at placeholders the pictures' rows.
  ///
  /// - Parameter rows: of each sequence the rows of each of its pictures, where they are known already.
  func embed(_ sequences: [TokenSequence], rows: [[Tensor]]?) throws -> Tensor

  /// Runs prompts through the decoder.
  ///
  /// - Parameters:
  ///   - embeddings: what ``embed(_:rows:)`` gave or what has been made of it; nil: the sequences' own.
  ///   - view: who may look at whom; a cache remembers it for later steps.
  ///   - cache: an empty one, which holds the prompts' keys and values afterwards, so that ``step(_:cache:observer:)`` can
  ///     go on.
  func prefill(
    _ sequences: [TokenSequence], embeddings: Tensor?, view: AttentionView, cache: KeyValueCache?,
    observer: PassObserver?
  ) throws -> DecoderOutput

  /// The same where the pictures' rows are known.
  ///
  /// - Parameter rows: of each sequence the rows of each of its pictures; nil: the model makes them.
  func prefill(
    _ sequences: [TokenSequence], rows: [[Tensor]]?, view: AttentionView, cache: KeyValueCache?, observer: PassObserver?
  ) throws -> DecoderOutput

  /// Runs further tokens of role ``TokenRole/answer`` after what the cache holds: of each of its B rows at least one. Where
  /// rows have different numbers of tokens, shorter ones are filled up, in the cache too.
  func step(_ ids: [[Int]], cache: KeyValueCache, observer: PassObserver?) throws -> DecoderOutput

  /// Logits [.., vocabulary] of rows [.., width] of ``DecoderOutput/hidden``; float32, or float64 of such a model.
  func logits(of hidden: Tensor) throws -> Tensor
}

extension LanguageModel {
  public var projector: [(name: String, map: FrozenLinear)] { [] }
  public var answerStart: Int? { nil }
  public func features(of picture: PreparedPicture) throws -> Tensor { try rows(of: picture) }
  public func rows(from features: Tensor, of picture: PreparedPicture) throws -> Tensor { features }
  public func embed(_ sequences: [TokenSequence]) throws -> Tensor { try embed(sequences, rows: nil) }
  public func prefill(
    _ sequences: [TokenSequence], view: AttentionView = AttentionView(), cache: KeyValueCache? = nil,
    observer: PassObserver? = nil
  ) throws -> DecoderOutput {
    try prefill(sequences, embeddings: nil, view: view, cache: cache, observer: observer)
  }
  public func prefill(
    _ sequences: [TokenSequence], rows: [[Tensor]]?, view: AttentionView, cache: KeyValueCache?, observer: PassObserver?
  ) throws -> DecoderOutput {
    try prefill(
      sequences, embeddings: rows.map { try embed(sequences, rows: $0) }, view: view, cache: cache, observer: observer)
  }
  public func step(_ ids: [[Int]], cache: KeyValueCache) throws -> DecoderOutput {
    try step(ids, cache: cache, observer: nil)
  }
}

/// What a decoder has made of a batch.
public struct DecoderOutput {
  /// After the last norm, [B, L, width].
  public let hidden: Tensor
  /// How many tokens of each row are its own; the others were filled up.
  public let lengths: [Int]

  public init(hidden: Tensor, lengths: [Int]) {
    self.hidden = hidden
    self.lengths = lengths
  }

  /// The row of the last token of each, [B, width].
  public func last() throws -> Tensor {
    let parts = try lengths.enumerated().map { row, length in
      try hidden.narrowed(0, from: row, length: 1).selected(1, length - 1)
    }
    return parts.count == 1 ? parts[0] : try Tensor.cat(parts, 0)
  }
}
