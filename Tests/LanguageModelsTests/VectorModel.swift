import Foundation
@testable import LanguageModels
import Multimodal
import Torch

/// ``tinyDecoder()`` as a model: its pictures are tokens, and a picture's text is any number of token 0.
final class VectorModel: LanguageModel {
  let family = "vectors"
  let folder = URL(filePath: "/nowhere")
  let width = 6
  let layerCount = 2
  let vocabulary: Int
  let elementType = ElementType.float64
  let seesPictures = true
  let imageToken: Int? = 0
  let inner: LanguageDecoder
  var decoder: LanguageDecoder? { inner }

  init(_ decoder: LanguageDecoder? = nil) throws {
    inner = try decoder ?? tinyDecoder()
    vocabulary = inner.configuration.vocabulary
  }

  /// The vectors' prompt: two tokens of a picture, one of a text, two others.
  func prompt(_ ids: [Int] = [3, 1, 4, 1, 5]) throws -> TokenSequence {
    let roles: [TokenRole] = [.image, .image, .sampleText, .instruction, .template]
    return try sequence(ids, roles: roles, pictures: [])
  }

  func prepare(_ picture: RGBImage) throws -> PreparedPicture {
    PreparedPicture(values: [0], shape: [1], layout: .single, tokenCount: picture.width)
  }

  func text(for picture: PreparedPicture) -> [PictureText] { [.image(picture.tokenCount)] }

  func rows(of picture: PreparedPicture) throws -> Tensor { try Tensor.zeros([picture.tokenCount, width], .float64) }

  func sequence(_ ids: [Int], roles: [TokenRole], pictures: [PreparedPicture]) throws -> TokenSequence {
    TokenSequence(ids: ids, roles: roles, pictures: pictures, positions: TokenPositions(count: ids.count))
  }

  func embed(_ sequences: [TokenSequence], rows: [[Tensor]]?) throws -> Tensor { try inner.embed(sequences.map(\.ids)) }

  func prefill(
    _ sequences: [TokenSequence], embeddings: Tensor?, view: AttentionView, cache: KeyValueCache?,
    observer: PassObserver?
  ) throws -> DecoderOutput {
    let pass = try inner.pass(for: sequences, view: view, cache: cache, observer: observer)
    return try inner.read(embeddings ?? embed(sequences), pass, cache)
  }

  func step(_ ids: [[Int]], cache: KeyValueCache, observer: PassObserver?) throws -> DecoderOutput {
    let pass = try inner.pass(continuing: cache, with: ids.map(\.count), observer: observer)
    return try inner.read(inner.embed(ids), pass, cache)
  }

  func logits(of hidden: Tensor) throws -> Tensor { try inner.logits(of: hidden) }
}

/// Whether numbers are those expected.
func near(_ found: [Double], _ expected: [Double], _ tolerance: Double = 1e-6) -> Bool {
  found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) < tolerance }
}
