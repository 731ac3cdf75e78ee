import Foundation
import Multimodal
import Torch
import TorchNN

/// A decoder that reads text, and pictures in the place of tokens where it has a tower.
final class DecoderLanguageModel: LanguageModel {
  let family: String
  let folder: URL
  let imageToken: Int?
  private let model: LanguageDecoder
  private let tower: (any PictureTower)?

  init(_ folder: LanguageModelFolder, _ decoder: LanguageDecoder, tower: (any PictureTower)?, imageToken: Int?) {
    family = folder.family
    self.folder = folder.url
    model = decoder
    self.tower = tower
    self.imageToken = imageToken
  }

  var decoder: LanguageDecoder? { model }
  var width: Int { model.configuration.width }
  var layerCount: Int { model.layers.count }
  var vocabulary: Int { model.configuration.vocabulary }
  var elementType: ElementType { model.elementType }
  var seesPictures: Bool { tower != nil }

  var projector: [(name: String, map: FrozenLinear)] { tower?.projector ?? [] }

  private func seeing() throws -> any PictureTower {
    guard let tower else { throw LanguageModelError.seesNoPictures(family: family, in: folder.path) }
    return tower
  }

  func prepare(_ picture: RGBImage) throws -> PreparedPicture { try seeing().prepare(picture) }
  func text(for picture: PreparedPicture) -> [PictureText] { tower?.text(for: picture) ?? [] }

  func features(of picture: PreparedPicture) throws -> Tensor { try seeing().features(of: picture) }

  func rows(of picture: PreparedPicture) throws -> Tensor { try rows(from: features(of: picture), of: picture) }

  func rows(from features: Tensor, of picture: PreparedPicture) throws -> Tensor {
    let rows = try seeing().rows(from: features, of: picture)
    guard rows.shape == [picture.tokenCount, width] else {
      throw LanguageModelError.placeholders(found: picture.tokenCount, expected: rows.shape[0])
    }
    return rows
  }

  func sequence(_ ids: [Int], roles: [TokenRole], pictures: [PreparedPicture]) throws -> TokenSequence {
    guard !ids.isEmpty, ids.count == roles.count else {
      throw LanguageModelError.sequence("\(ids.count) tokens have \(roles.count) roles")
    }
    if !pictures.isEmpty { _ = try seeing() }
    for (id, role) in zip(ids, roles) where (id == imageToken) != (role == .image) {
      throw LanguageModelError.sequence("token \(id) has the role of \(role == .image ? "an image" : "text")")
    }
    if let id = zip(ids, roles).first(where: { $1 != .image && !(0..<vocabulary).contains($0) })?.0 {
      throw LanguageModelError.sequence("token \(id) is none of the model's \(vocabulary)")
    }
    let (found, expected) = (roles.count { $0 == .image }, pictures.map(\.tokenCount).reduce(0, +))
    guard found == expected else { throw LanguageModelError.placeholders(found: found, expected: expected) }
    let positions = tower?.positions(roles, pictures) ?? TokenPositions(count: ids.count)
    return TokenSequence(ids: ids, roles: roles, pictures: pictures, positions: positions)
  }

  func embed(_ sequences: [TokenSequence], rows: [[Tensor]]?) throws -> Tensor {
    let words = try model.embed(
      sequences.map { sequence in zip(sequence.ids, sequence.roles).map { $1 == .image ? 0 : $0 } })
    let seen = try rows?.flatMap { $0 } ?? sequences.flatMap { try $0.pictures.map(self.rows(of:)) }
    if seen.isEmpty { return words }
    let (batch, length) = (words.shape[0], words.shape[1])
    // Each place takes a row of the words or, where it is a placeholder, the next row of the pictures.
    var next = batch * length
    let sources = sequences.enumerated().flatMap { index, sequence in
      (0..<length).map { place in
        guard place < sequence.count, sequence.roles[place] == .image else { return index * length + place }
        next += 1
        return next - 1
      }
    }
    let table = try Tensor.cat([words.reshaped([batch * length, width])] + seen, 0)
    guard table.shape[0] == next else {
      throw LanguageModelError.placeholders(found: next - batch * length, expected: table.shape[0] - batch * length)
    }
    return try table.indexed(0, by: Tensor(sources).to(on: table.device)).reshaped([batch, length, width])
  }

  func prefill(
    _ sequences: [TokenSequence], embeddings: Tensor?, view: AttentionView, cache: KeyValueCache?,
    observer: PassObserver?
  ) throws -> DecoderOutput {
    guard !sequences.isEmpty, cache.map({ $0.batch == 0 }) ?? true else {
      throw LanguageModelError.sequence("prompts are read once, into an empty cache")
    }
    let pass = try model.pass(for: sequences, view: view, cache: cache, observer: observer)
    return try model.read(embeddings ?? embed(sequences, rows: nil), pass, cache)
  }

  func step(_ ids: [[Int]], cache: KeyValueCache, observer: PassObserver?) throws -> DecoderOutput {
    guard ids.count == cache.batch, ids.allSatisfy({ !$0.isEmpty }) else {
      throw LanguageModelError.sequence("\(ids.count) rows of tokens for a cache of \(cache.batch)")
    }
    if let id = ids.joined().first(where: { !(0..<vocabulary).contains($0) }) {
      throw LanguageModelError.sequence("token \(id) is none of the model's \(vocabulary)")
    }
    let pass = try model.pass(continuing: cache, with: ids.map(\.count), observer: observer)
    return try model.read(model.embed(ids), pass, cache)
  }

  func logits(of hidden: Tensor) throws -> Tensor { try model.logits(of: hidden) }
}
