public import Foundation
import Multimodal
public import Records
import Torch

/// What a checkpoint's network computes in.
public enum EncoderPrecision: String, Sendable, Codable, CaseIterable {
  case float32, bfloat16

  /// What somebody who has chosen this should know of this machine; nil where there is nothing.
  package func note(multipliesBFloat16: Bool = Runtime.multipliesBFloat16(on: .cpu)) -> String? {
    guard self == .bfloat16, !multipliesBFloat16 else { return nil }
    return "this processor does not multiply bfloat16 numbers: weights are rounded to bfloat16 and computed with in "
      + "float32, which is no faster than --precision float32"
  }
}

/// How a network's numbers are held and computed with.
struct NetworkArithmetic: Equatable {
  /// What weights are rounded to; nil where they are not.
  let rounding: ElementType?
  /// What is computed in.
  let type: ElementType

  init(_ type: ElementType) {
    rounding = nil
    self.type = type
  }

  /// bfloat16 is computed in where the processor multiplies it; elsewhere it would be slower than float32 where it works
  /// at all, and products of rounded weights are taken in float32.
  init(_ precision: EncoderPrecision, multipliesBFloat16: Bool = Runtime.multipliesBFloat16(on: .cpu)) {
    rounding = precision == .bfloat16 ? .bfloat16 : nil
    type = precision == .bfloat16 && multipliesBFloat16 ? .bfloat16 : .float32
  }

  func callAsFunction(_ weight: Tensor) throws(TorchError) -> Tensor {
    try (rounding.map { (type) throws(TorchError) in try weight.to(type) } ?? weight).to(type)
  }
}

/// What may be chosen of an encoder that is read from a checkpoint.
public struct PretrainedSettings: Settings {
  /// How rows become one; what the checkpoint says where it is not chosen.
  public var pooling: Pooling?
  /// bfloat16 is faster on processors that multiply it, and keeps about three digits.
  public var precision = EncoderPrecision.float32
  /// Whether each row is stretched to a root mean square of 1, as the built-in encoders' rows are.
  public var rescales = false

  public init() {}
}

/// An encoder whose weights lie in a folder, as Hugging Face lays it out.
///
/// A stored encoder holds no weights: it names the folder and the digest of its files, and is refused where they are
/// gone or changed.
public protocol PretrainedEncoder: ProvenEncoder {
  /// The `model_type`s that are read.
  static var architectures: [String] { get }

  /// Reads the checkpoint.
  ///
  /// - Throws: ``CheckpointError``.
  init(folder: URL, settings: PretrainedSettings) throws
  var settings: PretrainedSettings { get }
}

/// An encoder over a checkpoint folder that is named behind a word and a colon, `mllm:FOLDER`, of a part that stands on this one.
public protocol PrefixedEncoder: PretrainedEncoder {
  /// The word before the colon.
  static var prefix: String { get }
}

/// An encoder whose network is from elsewhere.
public protocol ProvenEncoder: RawEncoder {
  /// What the features say of where they are from.
  var provenance: EncoderProvenance { get }
}

extension PretrainedEncoder {
  /// Inputs in their order, cut into portions: another one joins where `joins` says so of the portion's first, of it and
  /// of how many there are.
  static func portions(
    _ order: [Int], ofAtMost most: Int, where joins: (_ first: Int, _ next: Int, _ count: Int) -> Bool
  ) -> [[Int]] {
    var portions: [[Int]] = []
    for index in order {
      if let last = portions.last, last.count < most, joins(last[0], index, last.count) {
        portions[portions.count - 1].append(index)
      } else {
        portions.append([index])
      }
    }
    return portions
  }

  /// The rows of all inputs, of which each is in one portion; a portion is computed by one thread, `features` [members, width].
  ///
  /// Where each portion is a thread's own, threads need not meet after every operation, nor share what they have in the cache.
  func rows(_ portions: [[Int]], _ features: @escaping @Sendable ([Int]) throws -> Tensor) throws -> [Float] {
    let computed = try Runtime.parallelFor(portions.count) { index -> [Float] in
      try features(portions[index]).to(.float32).array()
    }
    var rows = [Float](repeating: 0, count: portions.reduce(0) { $0 + $1.count } * width)
    for (portion, numbers) in zip(portions, computed) {
      for (place, member) in portion.enumerated() {
        rows.replaceSubrange(
          member * width..<(member + 1) * width, with: numbers[place * width..<(place + 1) * width])
      }
    }
    return settings.finished(rows, width: width)
  }
}

/// Where an encoder's weights are from.
public struct EncoderProvenance: Sendable, Codable, Equatable {
  public let folder: String
  /// The file in it that is the network and runs; nil for weights.
  public internal(set) var file: String?
  /// SHA-256 over the digests of all files that were read.
  public let sha256: String
  public let architecture: String
  public let pooling: String
  public let precision: String
  public let rescales: Bool
}

extension EncoderProvenance {
  /// Of an encoder with these settings over files that were stamped.
  package init(_ stamp: CheckpointStamp, _ architecture: String, pooling: String, _ settings: PretrainedSettings) {
    self.init(
      folder: stamp.folder, sha256: stamp.digest, architecture: architecture, pooling: pooling,
      precision: settings.precision.rawValue, rescales: settings.rescales)
  }
}

/// What is stored of a pretrained encoder.
package struct PretrainedState: Codable {
  package let stamp: CheckpointStamp
  package let settings: PretrainedSettings

  package init(stamp: CheckpointStamp, settings: PretrainedSettings) {
    self.stamp = stamp
    self.settings = settings
  }

  /// The state, whose folder is as it was.
  package init(checking state: EncoderState, encoder: String) throws {
    guard let found = try? JSONDecoder().decode(Self.self, from: state.json) else {
      throw EncoderError.unreadableState(encoder: encoder, reason: "its settings are incomplete")
    }
    self = found
    try stamp.check()
  }
}

extension PretrainedSettings {
  /// Rows of so many numbers as they are handed out.
  package func finished(_ rows: [Float], width: Int) -> [Float] {
    guard rescales else { return rows }
    return stride(from: 0, to: rows.count, by: width).flatMap { unitRMS(Array(rows[$0..<$0 + width])) }
  }

  /// What of them features depend on.
  package var identity: String { "\(precision.rawValue)\(rescales ? " rescaled" : "")" }
}

/// The `model_type` of a checkpoint; the empty text where it says none.
func modelType(_ configuration: CheckpointConfiguration) throws -> String {
  try configuration.text("model_type", default: "")
}
