import Evaluation
import Multimodal
import Testing

@Suite struct ReplacedSamplesTests {
  @Test("so many samples are replaced, by noise as loud as the sound; the others stay")
  func share() {
    let sound = Waveform(rate: 8000, samples: (0..<20_000).map { $0 % 2 == 0 ? 0.5 : -0.5 })
    var numbers = SeededNumbers(seed: 1, stream: "audio-noisy/a")
    let noisy = ReplacedSamples(ratio: 0.3).impaired(sound, using: &numbers)
    let changed = sound.samples.indices.filter { noisy.samples[$0] != sound.samples[$0] }
    #expect(abs(Double(changed.count) / 20_000 - 0.3) < 0.02)
    let energy =
      changed.reduce(0) { $0 + Double(noisy.samples[$1]) * Double(noisy.samples[$1]) } / Double(changed.count)
    #expect(abs(energy.squareRoot() - 0.5) < 0.02)
    var again = SeededNumbers(seed: 1, stream: "audio-noisy/a")
    #expect(ReplacedSamples(ratio: 0.3).impaired(sound, using: &again) == noisy)
  }

  @Test("silence stays silent, and what is no sound passes unchanged")
  func nothing() throws {
    var numbers = SeededNumbers(seed: 1, stream: "x")
    let impairment = ImpairmentSettings().impairment(.noisy, of: .audio)
    #expect(try impairment.impaired(.audio(.silence), using: &numbers) == .audio(.silence))
    #expect(try impairment.impaired(.text("word"), using: &numbers) == .text("word"))
    var wrong = ImpairmentSettings()
    wrong.noisySamples = 1.5
    #expect(throws: ImpairmentSettingsError(found: ["'noisy_samples' is 1.5"])) { try wrong.check() }
  }
}
