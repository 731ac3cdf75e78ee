import Datasets
import Encoders
import Evaluation
import Foundation
import Multimodal
import Records

/// What an input has become before it is encoded.
enum InputView: Sendable {
  case clean
  /// Left and right exchanged.
  case flipped
  /// The condition's name, and what it does.
  case noisy(String, any RawImpairment)
}

/// Raw samples as encoders read them, and what names their rows; used from several threads.
struct EncodingInputs: Sendable {
  /// The digests of pictures and sounds, sample after sample.
  private var digests: [InputDigest] = []
  /// Where those of a sample begin, by its number.
  private var starts: [Int32] = []
  /// Where damage is drawn from.
  let seed: UInt64

  static let clean = "clean"
  static let missing = "missing"

  init(seed: UInt64) { self.seed = seed }

  /// Keeps the digests of a sample's files.
  mutating func add(_ sample: RawSample, _ files: [InputDigest]) {
    while starts.count <= sample.number { starts.append(-1) }
    starts[sample.number] = Int32(digests.count)
    digests += files
  }

  /// Whether the sample's files were read.
  func has(_ sample: RawSample) -> Bool { sample.number < starts.count && starts[sample.number] >= 0 }

  private func digest(_ look: RawInputReference) -> InputDigest? {
    guard has(look.sample) else { return nil }
    return digests[Int(starts[look.sample.number]) + look.fileNumber]
  }

  /// What names the row of an input.
  func key(_ look: RawInputReference, _ view: InputView) -> RowKey {
    let digest = look.path == nil ? look.text.map { InputDigest(of: Data($0.utf8)) } : digest(look)
    guard let digest else { return RowKey(nil, condition: Self.missing) }
    switch view {
    case .clean: return RowKey(digest, condition: Self.clean)
    case .flipped: return RowKey(digest, condition: "flipped")
    case .noisy(let name, let impairment):
      // The damage is drawn from a stream of the condition and the input.
      return RowKey(digest, condition: "\(name)/\(look.stream) \(seed) \(impairment)")
    }
  }

  func input(_ look: RawInputReference, _ view: InputView) throws -> RawInput {
    // What is not there cannot be flipped or noisy.
    guard look.path != nil || look.text != nil else { return .missing(look.kind) }
    let plain = try plain(look)
    switch (view, plain) {
    case (.flipped, .image(let image)): return .image(image.flipped())
    case (.noisy(let name, let impairment), _):
      return try impairment.impaired(plain, sample: look.stream, condition: name, seed: seed)
    default: return plain
    }
  }

  private func plain(_ look: RawInputReference) throws -> RawInput {
    guard let path = look.path else { return .text(look.text ?? "") }
    let bytes = try look.read()
    guard InputDigest(of: bytes) == digest(look) else {
      throw Diagnosis(
        "the file changed while it was encoded", place: look.sample.words(of: path),
        remedy: "the same command goes on", exitStatus: .input)
    }
    return try look.decoded(bytes)
  }
}

/// Which rows were made before, for threads to ask.
final class KnownRows: @unchecked Sendable {
  private let caches: [RawInput.Kind: FeatureCache]
  /// A cache forgets what it finds damaged.
  private let lock = NSLock()

  init(_ caches: [RawInput.Kind: FeatureCache]) { self.caches = caches }

  func contain(_ key: RowKey, of kind: RawInput.Kind) -> Bool {
    lock.withLock { caches[kind]?.contains(key) ?? false }
  }
}
