import Encoders
import Foundation
import Records

/// An input that is there and holds nothing.
struct EmptyInput: Error {}

extension PredictionInput {
  /// The modalities that are there as pictures, texts and sounds themselves.
  var given: [String] {
    [("image", image != nil), ("text", text != nil), ("audio", audio != nil)].filter(\.1).map(\.0)
  }

  /// Whether its text spells out a missing value, which encoding takes for no text.
  func isMissing(_ kind: RawInput.Kind) -> Bool {
    kind == .text && text.map { MissingValue.isMissing($0) } ?? false
  }

  /// How many inputs of a kind there are.
  func count(of kind: RawInput.Kind) -> Int { kind == .image ? 1 + frames.count : 1 }

  /// - Parameter number: of its pictures, the first is 0.
  func read(_ kind: RawInput.Kind, _ number: Int) throws -> RawInput {
    switch kind {
    case .image:
      try (number == 0 ? image : frames[number - 1]).map { url in
        .image(try bytes.map { try RGBImage(decoding: $0(url)) } ?? RGBImage(contentsOf: url))
      } ?? .missing(kind)
    case .text: .text(text ?? "")
    case .audio:
      try audio.map { url in .audio(try bytes.map { try Waveform(decoding: $0(url)) } ?? Waveform(contentsOf: url)) }
        ?? .missing(kind)
    }
  }
}
