import Encoders
import Foundation
import Multimodal
import Testing

@Suite struct HOGColourEncoderTests {
  /// Small enough for a debug build.
  private var settings: HOGColourSettings {
    var settings = HOGColourSettings()
    (settings.side, settings.cell, settings.thumbnail, settings.components) = (16, 8, 4, 6)
    return settings
  }

  /// Pictures of two kinds: stripes that stand and stripes that lie, in random colours.
  private func stripes(_ count: Int, stream: String) -> [RawInput] {
    (0..<count).map { number in
      var numbers = SeededNumbers(seed: 0, stream: "\(stream)/\(number)")
      let colours = (0..<2).map { _ in (0..<3).map { _ in UInt8(numbers.uniform(below: 256)) } }
      let width = 2 + numbers.uniform(below: 3)
      let pixels = (0..<400).flatMap { place in colours[(number % 2 == 0 ? place % 20 : place / 20) / width % 2] }
      return .image(RGBImage(width: 20, height: 20, pixels: pixels))
    }
  }

  private func fitted(threads: Int = 2) throws -> HOGColourEncoder {
    var encoder = try HOGColourEncoder(settings)
    try encoder.fit(on: RawInputs(stripes(40, stream: "train")), threads: threads)
    return encoder
  }

  @Test("features tell standing from lying stripes that were not seen in training")
  func separates() throws {
    let encoder = try fitted()
    #expect(encoder.width == 6)
    let train = try encoder.encode(RawInputs(stripes(40, stream: "train")))
    let test = try encoder.encode(RawInputs(stripes(20, stream: "test")))
    func row(_ rows: [Float], _ index: Int) -> [Float] { Array(rows[index * 6..<index * 6 + 6]) }
    func distance(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
    let right = (0..<20).count { index in
      let nearest = (0..<40).min {
        distance(row(train, $0), row(test, index)) < distance(row(train, $1), row(test, index))
      }
      return (nearest ?? -1) % 2 == index % 2
    }
    #expect(right >= 18)
    // Every row has the same length, so that an unusual picture does not drown the others.
    for index in 0..<40 { #expect(abs(row(train, index).reduce(0) { $0 + $1 * $1 } / 6 - 1) < 1e-5) }
  }

  @Test("the number of threads and the size of batches change no bit")
  func threads() throws {
    let inputs = RawInputs(stripes(30, stream: "test"))
    let reference = try fitted(threads: 1).encode(inputs, threads: 1)
    for threads in [2, 5] {
      #expect(try fitted(threads: threads).encode(inputs, batch: 7, threads: threads) == reference)
    }
  }

  @Test("an encoder restored from its state encodes as before")
  func state() throws {
    let encoder = try fitted()
    let restored = try HOGColourEncoder(restoring: encoder.state())
    #expect(restored.settings == encoder.settings)
    for input in stripes(3, stream: "test") + [.missing(.image)] {
      #expect(try restored.encode(input) == encoder.encode(input))
    }
  }

  @Test("a state with anything missing or out of shape is refused")
  func damagedState() throws {
    let state = try fitted().state()
    for name in state.arrays.keys {
      var damaged = state
      damaged.arrays[name] = nil
      #expect(throws: EncoderError.self) { try HOGColourEncoder(restoring: damaged) }
      damaged.arrays[name] = EncoderArray(shape: [0], values: [])
      #expect(throws: EncoderError.self) { try HOGColourEncoder(restoring: damaged) }
    }
    var damaged = state
    damaged.json = Data("{}".utf8)
    #expect(throws: EncoderError.self) { try HOGColourEncoder(restoring: damaged) }
  }

  @Test("the missing picture has finite features of ordinary size")
  func missing() throws {
    let row = try fitted().encode(.missing(.image))
    #expect(row.count == 6)
    #expect(row.allSatisfy { abs($0) < 30 })
  }

  @Test("fewer training rows than components give fewer features, equal rows give none")
  func fewRows() throws {
    var encoder = try HOGColourEncoder(settings)
    try encoder.fit(on: RawInputs(stripes(3, stream: "train")))
    #expect((1...3).contains(encoder.width))
    let equal = RawInputs([RawInput](repeating: .missing(.image), count: 4))
    #expect(throws: EncoderError.nothingToLearnFrom(encoder: "hog-colour")) { try encoder.fit(on: equal) }
  }

  @Test("an encoder that has not learnt, has nothing to learn from or is given a text says so")
  func misuse() throws {
    var encoder = try HOGColourEncoder()
    #expect(encoder.width == 0)
    #expect(throws: EncoderError.notFitted(encoder: "hog-colour")) { try encoder.encode(.missing(.image)) }
    #expect(throws: EncoderError.notFitted(encoder: "hog-colour")) { try encoder.state() }
    #expect(throws: EncoderError.nothingToLearnFrom(encoder: "hog-colour")) { try encoder.fit(on: RawInputs([])) }
    #expect(throws: EncoderError.otherKind(encoder: "hog-colour", expected: .image)) {
      try encoder.prepare(.text("a"))
    }
  }

  @Test("settings that do not fit together are refused")
  func settingsChecked() {
    var wrong = HOGColourSettings()
    wrong.cell = 7
    #expect(throws: EncoderError.self) { try HOGColourEncoder(wrong) }
    wrong = HOGColourSettings()
    wrong.levels = 0
    #expect(throws: EncoderError.self) { try HOGColourEncoder(wrong) }
  }
}
