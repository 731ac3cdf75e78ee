import Datasets
import Encoders
import Foundation
import Multimodal
import Records

/// One input of a sample: its text, its sound, or one of its pictures.
struct RawInputReference: Sendable {
  let sample: RawSample
  let kind: RawInput.Kind
  /// Of its pictures, the first is 0.
  let number: Int

  /// The inputs of a modality: one, or as many as the sample has pictures.
  static func all(of sample: RawSample, _ kind: RawInput.Kind) -> [RawInputReference] {
    (0...(kind == .image ? sample.frames.count : 0)).map { RawInputReference(sample: sample, kind: kind, number: $0) }
  }

  /// The name of its own stream of random numbers; that of a single picture is its sample's.
  var stream: String { number == 0 ? sample.id : "\(sample.id)#\(number)" }

  /// The path of the picture or sound; nil where the sample has none.
  var path: String? {
    switch kind {
    case .image: number == 0 ? sample.image : sample.frames[number - 1]
    case .audio: sample.audio
    case .text: nil
    }
  }

  /// Among the sample's files.
  var fileNumber: Int { kind == .audio ? sample.pictureCount : number }

  var text: String? { kind == .text ? sample.text : nil }

  /// The bytes of its file.
  func read() throws -> Data {
    guard let path else { return Data() }
    return try sample.bytes(of: path)
  }

  /// What the bytes of its file say.
  func decoded(_ bytes: Data) throws -> RawInput {
    kind == .audio ? .audio(try Waveform(decoding: bytes)) : .image(try RGBImage(decoding: bytes))
  }
}

extension RawSample {
  /// The paths of its pictures and sound.
  var files: [String] { (image.map { [$0] } ?? []) + frames + (audio.map { [$0] } ?? []) }

  fileprivate var pictureCount: Int { (image == nil ? 0 : 1) + frames.count }

  /// Reads its pictures and sound, to see whether that can be done.
  func open() throws {
    for look in [RawInput.Kind.image, .audio].flatMap({ RawInputReference.all(of: self, $0) }) where look.path != nil {
      _ = try look.decoded(look.read())
    }
  }
}
