import Encoders
import Foundation
import Multimodal
import Testing

@Suite("Sounds: WAVE files, rates and spectrograms")
struct AudioTests {
  private func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 0xFF) } }

  /// A WAVE file of some bytes of samples.
  private func wave(
    _ samples: [UInt8], code: Int = 1, channels: Int = 1, rate: Int = 16_000, bits: Int = 16, before: [UInt8] = []
  ) -> Data {
    let size = bits / 8 * channels
    let format =
      Array("fmt ".utf8) + little(16, 4) + little(code, 2) + little(channels, 2) + little(rate, 4)
      + little(rate * size, 4) + little(size, 2) + little(bits, 2)
    let data = Array("data".utf8) + little(samples.count, 4) + samples
    let body = Array("WAVE".utf8) + format + before + data
    return Data(Array("RIFF".utf8) + little(body.count, 4) + body)
  }

  @Test("whole numbers of every size and floats become amplitudes, and channels their mean")
  func samples() throws {
    let sixteen = try Waveform(decoding: wave(little(0x4000, 2) + little(0x8000, 2) + little(0, 2), rate: 8000))
    #expect(sixteen == Waveform(rate: 8000, samples: [0.5, -1, 0]))
    #expect(try Waveform(decoding: wave([128, 192, 0], bits: 8)).samples == [0, 0.5, -1])
    #expect(try Waveform(decoding: wave(little(0xC0_0000, 3) + little(1, 3), bits: 24)).samples == [-0.5, 0x1p-23])
    #expect(try Waveform(decoding: wave(little(0x4000_0000, 4), bits: 32)).samples == [0.5])
    #expect(try Waveform(decoding: wave(little(Int(Float(0.25).bitPattern), 4), code: 3, bits: 32)).samples == [0.25])
    let double = (0..<8).map { UInt8(truncatingIfNeeded: Double(-0.75).bitPattern >> (8 * $0)) }
    #expect(try Waveform(decoding: wave(double, code: 3, bits: 64)).samples == [-0.75])
    #expect(try Waveform(decoding: wave(little(0x4000, 2) + little(0, 2), channels: 2)).samples == [0.25])
    // A chunk of another kind, of odd length and so padded, may stand before the samples.
    let list = Array("LIST".utf8) + little(3, 4) + [1, 2, 3, 0]
    #expect(try Waveform(decoding: wave(little(0x4000, 2), before: list)).samples == [0.5])
  }

  @Test(
    "a length that a program could not know when it wrote to a pipe stands for the rest of the file",
    arguments: [
      0xFFFF_FFFF, 0xFFFF_FFFF - 36, 0x7FFF_F000, 0x7FFF_FFFF, 0x7FFF_FFFF - 36, 0x8000_0000, 0x7FFF_0000, 0,
    ])
  func placeholders(length: Int) throws {
    var file = wave(little(0x4000, 2) + little(0x8000, 2))
    file.replaceSubrange(40..<44, with: little(length, 4))
    file.replaceSubrange(4..<8, with: little(max(length, 36) & 0xFFFF_FFFF, 4))
    #expect(try Waveform(decoding: file).samples == [0.5, -1])
    // Half of a last sample is none.
    #expect(try Waveform(decoding: file + [1]).samples == [0.5, -1])
    #expect(throws: AudioError.empty) { try Waveform(decoding: file.prefix(44)) }
  }

  @Test("a length that a file may have, and has not, means that it was cut off")
  func cutOff() throws {
    var file = wave(little(0x4000, 2) + little(0x8000, 2))
    file.replaceSubrange(40..<44, with: little(0x7FFE_FFFF, 4))
    #expect(throws: AudioError.damaged("it ends before its samples do")) { try Waveform(decoding: file) }
  }

  @Test("what is no such file is refused, cut off at any byte or not")
  func refused() throws {
    let whole = wave(little(1, 2) + little(2, 2))
    for count in 0..<whole.count { #expect(throws: AudioError.self) { try Waveform(decoding: whole.prefix(count)) } }
    #expect(throws: AudioError.notWAVE) { try Waveform(decoding: Data("MThd and much more".utf8)) }
    #expect(throws: AudioError.unsupported("WAVE with the code 2")) { try Waveform(decoding: wave([1, 2], code: 2)) }
    #expect(throws: AudioError.unsupported("12 bits a sample")) { try Waveform(decoding: wave([1, 2], bits: 12)) }
    #expect(throws: AudioError.damaged("0 channels of 16000 samples a second")) {
      try Waveform(decoding: wave([1, 2], channels: 0))
    }
    let long = wave([UInt8](repeating: 128, count: 601_000), rate: 1000, bits: 8)
    #expect(throws: AudioError.tooLong(seconds: 601, limit: 600)) { try Waveform(decoding: long) }
    let nan = wave(little(Int(Float.nan.bitPattern), 4), code: 3, bits: 32)
    #expect(throws: AudioError.damaged("samples that are no numbers, or louder than any sound")) {
      try Waveform(decoding: nan)
    }
  }

  private func tone(_ frequency: Double, rate: Int, count: Int) -> Waveform {
    Waveform(rate: rate, samples: (0..<count).map { Float(sin(2 * .pi * frequency * Double($0) / Double(rate))) })
  }

  @Test(
    "a tone stays that tone at another rate, up or down",
    arguments: [(16_000, 22_050), (44_100, 22_050), (48_000, 22_050)])
  func resampled(_ from: Int, _ to: Int) {
    let sound = tone(440, rate: from, count: from / 4).resampled(to: to)
    let exact = tone(440, rate: to, count: sound.samples.count)
    #expect(sound.rate == to && abs(sound.samples.count - to / 4) <= 1)
    // The ends lack neighbours on one side.
    for place in 200..<sound.samples.count - 200 {
      #expect(abs(sound.samples[place] - exact.samples[place]) < 2e-3)
    }
  }

  @Test("a tone above half the lower rate vanishes rather than come back as another")
  func aliasing() {
    let sound = tone(18_000, rate: 48_000, count: 12_000).resampled(to: 22_050)
    #expect(sound.samples[200..<sound.samples.count - 200].allSatisfy { abs($0) < 5e-3 })
  }

  private struct Golden: Decodable {
    let frames: Int
    let bins: Int
    let rows: [String: [Double]]
  }

  @Test("the log spectrogram is that of torch.stft")
  func spectrogram() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Golden/spectrogram.json")
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
    let samples = (0..<4000).map { place -> Float in
      let n = Double(place)
      return Float(0.5 * sin(2 * .pi * 440 * n / 22_050) + 0.25 * sin(0.3 * n + 1e-5 * n * n))
    }
    let found = LogSpectrogram(samples, size: 512, hop: 353)
    #expect(found.frames == golden.frames && found.bins == golden.bins)
    for (frame, row) in golden.rows {
      let start = try #require(Int(frame)) * found.bins
      for (bin, value) in row.enumerated() {
        #expect(abs(Double(found.values[start + bin]) - value) < 1e-4, "window \(frame), bin \(bin)")
      }
    }
  }

  @Test("the encoder tells high from low tones it has not heard, and is restored from its state")
  func encoder() throws {
    var settings = LogSpectrogramSettings()
    (settings.rate, settings.window, settings.hop, settings.bands, settings.parts) = (8000, 128, 64, 12, 3)
    settings.components = 4
    var encoder = try LogSpectrogramEncoder(settings)
    func tones(_ offset: Double) -> RawInputs {
      RawInputs(
        (0..<12).map { .audio(tone(($0 % 2 == 0 ? 300 : 2500) + offset + Double($0), rate: 8000, count: 1600)) })
    }
    try encoder.fit(on: tones(0))
    let (train, test) = (try encoder.encode(tones(0)), try encoder.encode(tones(40)))
    let width = encoder.width
    func distance(_ a: Int, _ b: Int) -> Float {
      (0..<width).reduce(0) {
        $0 + (test[a * width + $1] - train[b * width + $1]) * (test[a * width + $1] - train[b * width + $1])
      }
    }
    for index in 0..<12 {
      let nearest = try #require((0..<12).min { distance(index, $0) < distance(index, $1) })
      #expect(nearest % 2 == index % 2)
    }
    let restored = try LogSpectrogramEncoder(restoring: encoder.state())
    #expect(try restored.encode(tones(40)) == test)
    // Silence and a sound shorter than a window have features too.
    #expect(try encoder.encode(.missing(.audio)).allSatisfy(\.isFinite))
    #expect(try encoder.encode(.audio(Waveform(rate: 8000, samples: [1]))).allSatisfy(\.isFinite))
    #expect(throws: EncoderError.self) { try encoder.encode(.text("no sound")) }
    settings.window = 100
    #expect(throws: EncoderError.self) { try LogSpectrogramEncoder(settings) }
  }
}
