import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// The small model of ``ReadoutTrial``: a decoder with learnt positions, and a projector of two maps for patches.
final class ReadoutModel: LanguageModel {
  /// Tokens: ten digits, an unreadable one, the question's word, and the cells' numbers.
  static let unreadable = 10
  static let question = 11
  static let firstCell = 12
  static let cells = 4
  static let patch = 64

  let family = "readout"
  let folder = URL(filePath: "readout")
  let width = 64
  let layerCount = 2
  let vocabulary = ReadoutModel.firstCell + ReadoutModel.cells
  let elementType = ElementType.float32
  let seesPictures = true
  let imageToken: Int? = nil
  let inner: LanguageDecoder
  var decoder: LanguageDecoder? { inner }
  /// [10, width].
  private let positions: Tensor
  private let up: FrozenLinear
  private let down: FrozenLinear
  var projector: [(name: String, map: FrozenLinear)] {
    [("multi_modal_projector.linear_1", up), ("multi_modal_projector.linear_2", down)]
  }

  private static let configuration = DecoderConfiguration(
    vocabulary: firstCell + cells, width: 64, inner: 128, layers: 2, heads: 4, keyHeads: 4, headWidth: 16,
    epsilon: 1e-6, rotary: nil)
  private static let length = 2 * cells + 2

  /// What a language model of that shape begins with.
  static func store(_ random: RandomSource) throws -> ParameterStore {
    let store = ParameterStore(random: random)
    _ = try LanguageDecoder(configuration, head: nil) { name, shape in
      let first: Initializer =
        shape.count == 1
        ? .ones : name == "embed_tokens.weight" ? .normal(standardDeviation: 0.1) : .uniform(fanIn: shape[1])
      return try store.make(ParameterPath(name), shape, first).tensor
    }
    _ = try store.make("positions", [length, configuration.width], .normal(standardDeviation: 0.1))
    _ = try store.flat()
    return store
  }

  /// - Parameters:
  ///   - store: of the language model.
  ///   - isFrozen: whether its weights stay as they are.
  ///   - random: of the projector, which is new.
  init(_ store: ParameterStore, isFrozen: Bool, random: RandomSource) throws {
    func tensor(_ name: String) throws -> Tensor {
      guard let parameter = store[ParameterPath(name)] else { throw LanguageModelError.sequence("no '\(name)'") }
      return isFrozen ? try parameter.tensor.detached() : parameter.tensor
    }
    inner = try LanguageDecoder(Self.configuration, head: nil) { name, _ in try tensor(name) }
    positions = try tensor("positions")
    let fresh = ParameterStore(random: random)
    func linear(_ name: String, _ inputs: Int) throws -> FrozenLinear {
      let scope = fresh.root / name
      return FrozenLinear(
        weight: try scope.parameter("weight", [64, inputs], .uniform(fanIn: inputs)).tensor.detached(),
        bias: try scope.parameter("bias", [64], .uniform(fanIn: inputs)).tensor.detached())
    }
    up = try linear("linear_1", Self.patch)
    down = try linear("linear_2", 64)
  }

  /// Logits of the answer, [B, vocabulary].
  ///
  /// - Parameters:
  ///   - patches: [B, cells, patch].
  ///   - words: of each row the text's tokens, the question's word and the cell's number.
  ///   - view: what is hidden from whom; positions stay.
  func logits(patches: Tensor, words: [[Int]], _ view: AttentionView) throws -> Tensor {
    let rows = try down(up(patches).gelu())
    let texts = try inner.embed(words)
    let roles =
      [TokenRole](repeating: .image, count: Self.cells) + [TokenRole](repeating: .sampleText, count: Self.cells)
      + [.instruction, .instruction]
    let sequences = words.map { own in
      TokenSequence(
        ids: [Int](repeating: 0, count: Self.cells) + own, roles: roles, pictures: [],
        positions: TokenPositions(count: roles.count))
    }
    let embeddings = try Tensor.cat([rows, texts], 1) + positions
    return try logits(
      of: prefill(sequences, embeddings: embeddings, view: view, cache: nil, observer: nil).hidden
        .selected(1, Self.length - 1))
  }

  // MARK: What a model of pictures and texts does

  func prepare(_ picture: RGBImage) throws -> PreparedPicture { throw LanguageModelError.picture("it reads patches") }
  func text(for picture: PreparedPicture) -> [PictureText] { [] }
  func rows(of picture: PreparedPicture) throws -> Tensor { throw LanguageModelError.picture("it reads patches") }
  func sequence(_ ids: [Int], roles: [TokenRole], pictures: [PreparedPicture]) throws -> TokenSequence {
    TokenSequence(ids: ids, roles: roles, pictures: pictures, positions: TokenPositions(count: ids.count))
  }
  func embed(_ sequences: [TokenSequence], rows: [[Tensor]]?) throws -> Tensor { try inner.embed(sequences.map(\.ids)) }

  func prefill(
    _ sequences: [TokenSequence], embeddings: Tensor?, view: AttentionView, cache: KeyValueCache?,
    observer: PassObserver?
  ) throws -> DecoderOutput {
    let pass = try inner.pass(for: sequences, view: view, cache: cache, observer: observer)
    return try inner.read(embeddings ?? embed(sequences, rows: nil), pass, cache)
  }

  func step(_ ids: [[Int]], cache: KeyValueCache, observer: PassObserver?) throws -> DecoderOutput {
    throw LanguageModelError.sequence("it answers with one token")
  }

  func logits(of hidden: Tensor) throws -> Tensor { try inner.logits(of: hidden) }
}
