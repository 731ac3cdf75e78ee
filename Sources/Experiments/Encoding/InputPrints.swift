import Datasets
import Encoders
import Foundation
import Multimodal
import Records
import Synchronization

/// What the first picture and the sound of samples look like from afar, each file decoded once; asked for by several threads.
final class InputPrints: Sendable {
  private struct Key: Hashable {
    let kind: RawInput.Kind
    let path: String
  }

  private let known = Mutex<[Key: Result<GuardedSamples.Print, Diagnosis>]>([:])

  /// The print of a sample's file, or why it cannot be read; nil where the sample has none.
  func print(of sample: RawSample, _ kind: RawInput.Kind) -> Result<GuardedSamples.Print, Diagnosis>? {
    guard let look = RawInputReference.all(of: sample, kind).first, let path = look.path else { return nil }
    let key = Key(kind: kind, path: path)
    if let found = known.withLock({ $0[key] }) { return found }
    let made = Result { try Self.made(look) }.mapError { Diagnosis(describing: $0) }
    known.withLock { $0[key] = made }
    return made
  }

  private static func made(_ look: RawInputReference) throws -> GuardedSamples.Print {
    let bytes = try look.read()
    let content = ContentDigest(bytes)
    switch try look.decoded(bytes) {
    case .image(let image):
      let print = PerceptualPrint(of: image)
      return .init(content: content, steps: print.steps, isMissing: print.isBlack || print.isBlank)
    case .audio(let sound):
      let print = SoundPrint(of: sound)
      return .init(content: content, steps: print.steps, isMissing: print.isBlank)
    case .text: throw Diagnosis("a text has no print", exitStatus: .defect)
    }
  }
}
