import Foundation
import Multimodal
import TestSupport
import Testing

@testable import Encoders

@Suite("Prints of sounds")
struct SoundPrintTests {
  /// Two and a half seconds of a few tones, each rising or falling through its own span, with pauses.
  private func sound(_ seed: UInt64, rate: Int = 22_050) -> Waveform {
    let choices = numbers(24, seed: seed, in: 0...1)
    let seconds = 2.5
    var samples = [Float](repeating: 0, count: Int(seconds * Double(rate)))
    for tone in 0..<6 {
      let (start, length) = (choices[4 * tone] * 2, 0.2 + choices[4 * tone + 1])
      let (low, high) = (120 + 1500 * choices[4 * tone + 2], 120 + 3000 * choices[4 * tone + 3])
      for place in samples.indices {
        let time = Double(place) / Double(rate) - start
        guard time > 0, time < length else { continue }
        let phase = 2 * Double.pi * (low * time + (high - low) * time * time / (2 * length))
        samples[place] += Float(0.25 * sin(phase) * sin(.pi * time / length))
      }
    }
    return Waveform(rate: rate, samples: samples)
  }

  private func cosine(_ a: Waveform, _ b: Waveform) -> Double { cosine(SoundPrint(of: a), SoundPrint(of: b)) }

  private func cosine(_ a: SoundPrint, _ b: SoundPrint) -> Double {
    let (a, b) = (a.steps, b.steps)
    func dot(_ x: [Float], _ y: [Float]) -> Double { Double(zip(x, y).map { $0 * $1 }.reduce(0, +)) }
    return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
  }

  @Test("a copy that is softer, at another rate or in fewer bits has the same print")
  func copies() {
    for seed in 1...3 as ClosedRange<UInt64> {
      let original = sound(seed)
      let softer = Waveform(rate: original.rate, samples: original.samples.map { $0 * 0.1 })
      #expect(cosine(original, softer) > 0.99)
      #expect(cosine(original, original.resampled(to: 16_000)) > 0.9)
      let coarse = Waveform(rate: original.rate, samples: original.samples.map { ($0 * 128).rounded() / 128 })
      #expect(cosine(original, coarse) > 0.85)
    }
  }

  @Test("other sounds have other prints; silence has none")
  func others() {
    let prints = (1...7).map { SoundPrint(of: sound($0)) }
    for (place, one) in prints.enumerated() {
      for other in prints[(place + 1)...] { #expect(cosine(one, other) < 0.7, "\(place)") }
    }
    #expect(SoundPrint(of: .silence).isBlank && !prints[0].isBlank)
    #expect(SoundPrint(of: .silence).steps.count == SoundPrint.count)
    #expect(prints[0].steps.count == SoundPrint.count)
    // Shorter than its parts are many.
    #expect(SoundPrint(of: Waveform(rate: 8000, samples: [1, -1, 1])).steps.count == SoundPrint.count)
  }
}
