public import Foundation
public import Multimodal
import Records

/// No encoder, but what an encoder that is trained with the model reads: pictures of one size, as bytes.
///
/// The size is a square that pictures are fitted into without distortion, the rest white; or what the processor of a
/// checkpoint makes of them, before its numbers are scaled.
public struct PixelPreprocessor: RawEncoder {
  public static let name = "pixels"
  public static let version = 1
  public static let kind = RawInput.Kind.image
  public static let summary = "pixels:64 or pixels:FOLDER: bytes for an encoder that is trained with the model"

  private let side: Int
  private let processor: ImageProcessor?
  private let stamp: CheckpointStamp?
  private let size: (height: Int, width: Int)

  /// What is stored.
  private struct State: Codable {
    var side: Int
    var stamp: CheckpointStamp?
  }

  /// Squares of `side` pixels.
  public init(side: Int = 64) throws {
    guard (8...1024).contains(side) else {
      throw EncoderError.settings(encoder: Self.name, reason: "the side is \(side), not in 8 to 1024")
    }
    self.side = side
    processor = nil
    stamp = nil
    size = (side, side)
  }

  /// What the processor of a checkpoint cuts.
  public init(folder: URL) throws { try self.init(folder: folder, stamp: nil) }

  private init(folder: URL, stamp: CheckpointStamp?) throws {
    let modules = try SentenceModules(in: folder, as: NetworkArithmetic(.float32))
    let place = SentenceModules.place(of: modules, in: folder)
    guard let processor = try ImageProcessor.found(in: place) else {
      throw CheckpointError.noFile("preprocessor_config.json", in: place.path)
    }
    let prefix = place == folder ? "" : "\(modules?.transformer ?? "")/"
    guard let size = processor.size else {
      throw EncoderError.settings(
        encoder: folder.path, reason: "its pictures keep their proportions: no batch could be made of them")
    }
    side = 0
    self.processor = processor
    self.size = size
    self.stamp =
      try stamp
      ?? CheckpointStamp(
        folder: folder, names: ["preprocessor_config.json", "processor_config.json"].map { prefix + $0 })
  }

  public init(restoring state: EncoderState) throws {
    guard let found = try? JSONDecoder().decode(State.self, from: state.json) else {
      throw EncoderError.unreadableState(encoder: Self.name, reason: "its settings are incomplete")
    }
    guard let stamp = found.stamp else {
      try self.init(side: found.side)
      return
    }
    try stamp.check()
    try self.init(folder: URL(filePath: stamp.folder), stamp: stamp)
  }

  public var form: InputForm { .pixels(height: size.height, width: size.width) }
  public var width: Int { form.count }
  public var identity: String { "\(Self.name) \(Self.version) \(stamp?.digest ?? "\(side)")" }
  public var chunk: Int { 64 }

  public func prepare(_ input: RawInput) throws -> PreparedInput {
    guard case .image(let image) = input else {
      throw EncoderError.otherKind(encoder: Self.name, expected: Self.kind)
    }
    guard let processor else {
      let planes = Planes(fitting: image, side: side)
      return PreparedInput(values: planes.channels.flatMap { $0.map { ($0 * 255).rounded() } })
    }
    if let objection = processor.objection(to: image) {
      throw EncoderError.refused(encoder: stamp?.folder ?? Self.name, reason: objection)
    }
    let cut = processor.cut(image)
    let count = cut.width * cut.height
    return PreparedInput(
      values: (0..<3).flatMap { channel in (0..<count).map { Float(cut.pixels[3 * $0 + channel]) } })
  }

  public func encode(_ inputs: [PreparedInput], threads: Int) throws -> [Float] { inputs.flatMap(\.values) }

  public func state() throws -> EncoderState {
    try EncoderState(settings: State(side: side, stamp: stamp), arrays: [:])
  }
}
