import Evaluation
import Foundation
import Multimodal
import Testing

@Suite("Impairments of sounds")
struct SoundImpairmentTests {
  private static let sound = Waveform(rate: 8000, samples: (0..<8200).map { Float(sin(Double($0) / 9) / 2 + 0.1) })

  private func seen(_ impairment: any RawImpairment, _ sound: Waveform, _ stream: String = "a") throws -> [Float] {
    var numbers = SeededNumbers(seed: 4, stream: stream)
    guard case .audio(let found) = try impairment.impaired(.audio(sound), using: &numbers) else {
      throw CancellationError()
    }
    #expect(found.rate == sound.rate && found.samples.count == sound.samples.count)
    return found.samples
  }

  @Test("noise is normal and so many decibels below the sound", arguments: [-10.0, 0, 20])
  func noise(_ decibels: Double) throws {
    let found = try seen(AddedNoise(decibels: decibels), Self.sound)
    var (signal, noise) = (0.0, 0.0)
    for (a, b) in zip(Self.sound.samples, found) {
      signal += Double(a) * Double(a)
      noise += (Double(b) - Double(a)) * (Double(b) - Double(a))
    }
    #expect(abs(10 * log10(signal / noise) - decibels) < 0.3)
    var numbers = SeededNumbers(seed: 4, stream: "a")
    let deviation = (signal / 8200 / pow(10, decibels / 10)).squareRoot()
    #expect(abs(Double(found[0]) - Double(Self.sound.samples[0]) - deviation * numbers.normal()) < 1e-5)
    #expect(try seen(AddedNoise(decibels: decibels), .silence) == Waveform.silence.samples)
  }

  @Test("parts of a tenth of a second are silent or as they were")
  func silence() throws {
    var silent = 0
    for sample in 0..<40 {
      let found = try seen(SilentParts(ratio: 0.3), Self.sound, "\(sample)")
      var numbers = SeededNumbers(seed: 4, stream: "\(sample)")
      for start in stride(from: 0, to: 8200, by: 800) {
        let range = start..<min(start + 800, 8200)
        let isSilent = numbers.uniform() < 0.3
        #expect(
          Array(found[range])
            == (isSilent ? [Float](repeating: 0, count: range.count) : Array(Self.sound.samples[range])))
        if isSilent { silent += 1 }
      }
    }
    #expect(abs(Double(silent) / 440 - 0.3) < 0.09)
    let short = Waveform(rate: 8000, samples: [0.5, 0.25])
    #expect(try seen(SilentParts(ratio: 0.999), short) == short.samples)
    #expect(try seen(SilentParts(ratio: 1), short) == [0, 0])
  }

  @Test("clipping cuts off what is louder than a share of the largest amplitude")
  func clipping() throws {
    let sound = Waveform(rate: 10, samples: [0.1, -0.8, 0.3, -0.2, 0])
    #expect(try seen(Clipping(ratio: 0.25), sound) == [0.1, -0.2, 0.2, -0.2, 0])
    #expect(try seen(Clipping(ratio: 1), sound) == sound.samples)
    #expect(try seen(Clipping(ratio: 0), sound).allSatisfy { $0 == 0 })
  }

  @Test("every impairment changes a sound, passes other kinds, and gives the same for the same seed")
  func all() throws {
    for impairment in NamedImpairment.all where impairment.kind == .audio {
      let raw = impairment(impairment.usual)
      #expect(try seen(raw, Self.sound) != Self.sound.samples, "\(impairment.name)")
      #expect(try seen(raw, Self.sound) == seen(raw, Self.sound))
      #expect(try raw.impaired(.text("x"), sample: "", condition: "", seed: 0) == .text("x"))
    }
  }
}
