import Encoders
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

/// Sounds that `scripts/reference/sounds.py` wrote.
@Suite("FLAC, Ogg, MP3, AIFF and compressed WAVE", .enabled(if: SoundLibrary.version != nil))
struct SoundLibraryTests {
  private func bytes(_ ending: String) throws -> Data {
    try Data(contentsOf: Conditions.golden("sounds/tone.\(ending)"))
  }

  @Test("samples are those of the reference, channels their mean", arguments: ["flac", "ogg", "mp3", "aiff", "wav"])
  func samples(_ ending: String) throws {
    let golden: Tree = try Tree.read(from: Conditions.golden("sounds/expected.json"))
    let expected = try #require(golden[path: ending])
    let sound = try Waveform(decoding: bytes(ending))
    #expect(sound.rate == expected[path: "rate"]?.intValue && sound.samples.count == expected[path: "count"]?.intValue)
    let wanted = expected[path: "samples"]?.listValue?.compactMap(\.numberValue) ?? []
    #expect(wanted.count > 10)
    for (number, value) in wanted.enumerated() { #expect(abs(Double(sound.samples[number * 97]) - value) < 1e-4) }
  }

  @Test(
    "what is cut off or damaged is refused with a sentence, never a crash", arguments: ["flac", "ogg", "mp3", "aiff"])
  func damaged(_ ending: String) throws {
    let whole = try bytes(ending)
    for count in [5, 40, 200, whole.count / 2] {
      do { _ = try Waveform(decoding: whole.prefix(count)) } catch { #expect(error.diagnosis.exitStatus == .input) }
    }
    var numbers = SeededNumbers(seed: 1, stream: ending)
    for _ in 0..<200 {
      var bytes = [UInt8](whole)
      for _ in 0..<4 { bytes[numbers.uniform(below: bytes.count)] = UInt8(numbers.uniform(below: 256)) }
      do { _ = try Waveform(decoding: Data(bytes)) } catch { #expect(error.diagnosis.exitStatus == .input) }
    }
    // Half of a FLAC file is no whole sound.
    if ending == "flac" { #expect(throws: AudioError.self) { try Waveform(decoding: whole.prefix(whole.count / 2)) } }
  }
}
