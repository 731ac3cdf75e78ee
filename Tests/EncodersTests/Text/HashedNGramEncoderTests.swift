import Encoders
import Foundation
import Multimodal
import Testing

@Suite struct HashedNGramEncoderTests {
  private func settings(components: Int = 5) -> HashedNGramSettings {
    var settings = HashedNGramSettings()
    (settings.buckets, settings.components) = (512, components)
    return settings
  }

  private let texts: [RawInput] = [
    "a red fox runs", "the fox is red", "foxes run fast", "a quick red fox", "fox and hound run",
    "stock prices fell", "the price of stock", "prices of stocks rose", "a falling stock market", "market prices rise",
  ].map { .text($0) }

  private func fitted(components: Int = 5, threads: Int = 2) throws -> HashedNGramEncoder {
    var encoder = try HashedNGramEncoder(settings(components: components))
    try encoder.fit(on: RawInputs(texts), threads: threads)
    return encoder
  }

  private func cosine(_ a: [Float], _ b: [Float]) -> Float {
    func dot(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
    return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
  }

  @Test("texts about one thing are nearer than texts about another", arguments: [0, 5])
  func separates(components: Int) throws {
    let encoder = try fitted(components: components)
    #expect(encoder.width == (components == 0 ? 512 : components))
    let (fox, market) = (try encoder.encode(.text("red fox")), try encoder.encode(.text("stock price")))
    #expect(try cosine(fox, encoder.encode(.text("fox runs"))) > cosine(fox, market) + 0.2)
  }

  @Test("rows have a mean square of 1, and rare words weigh more")
  func weights() throws {
    let encoder = try fitted(components: 0)
    let row = try encoder.encode(.text("a red fox runs"))
    #expect(abs(row.reduce(0) { $0 + $1 * $1 } / Float(row.count) - 1) < 1e-5)
    func weight(_ word: String) throws -> Float {
      var plain = HashedNGramSettings()
      (plain.buckets, plain.components, plain.words, plain.shortest, plain.longest) = (1 << 16, 0, 1, 16, 16)
      var encoder = try HashedNGramEncoder(plain)
      try encoder.fit(on: RawInputs(texts))
      let alone = try encoder.encode(.text(word))
      let both = try encoder.encode(.text("\(word) hound"))
      guard let place = alone.firstIndex(where: { $0 != 0 }) else { return 0 }
      return abs(both[place])
    }
    #expect(try weight("fox") < weight("quick"))
  }

  @Test("the empty text is a row of zeros", arguments: [0, 5])
  func empty(components: Int) throws {
    #expect(try fitted(components: components).encode(.missing(.text)).allSatisfy { $0 == 0 })
  }

  @Test("features of the training split have a mean square of 1")
  func scale() throws {
    let rows = try fitted().encode(RawInputs(texts))
    #expect(abs(rows.reduce(0) { $0 + $1 * $1 } / Float(rows.count) - 1) < 0.01)
  }

  @Test("the number of threads and the size of batches change no bit")
  func threads() throws {
    let reference = try fitted(threads: 1).encode(RawInputs(texts), threads: 1)
    for threads in [2, 7] {
      #expect(try fitted(threads: threads).encode(RawInputs(texts), batch: 3, threads: threads) == reference)
    }
  }

  @Test("an encoder restored from its state encodes as before", arguments: [0, 5])
  func state(components: Int) throws {
    let encoder = try fitted(components: components)
    let restored = try HashedNGramEncoder(restoring: encoder.state())
    #expect(restored.settings == encoder.settings)
    #expect(try restored.encode(RawInputs(texts)) == encoder.encode(RawInputs(texts)))
    #expect(try restored.state() == encoder.state())
  }

  @Test("a state with anything missing or out of shape is refused")
  func damagedState() throws {
    let state = try fitted().state()
    for name in ["rarity", "gain"] {
      var damaged = state
      damaged.arrays[name] = nil
      #expect(throws: EncoderError.self) { try HashedNGramEncoder(restoring: damaged) }
    }
    var damaged = state
    damaged.arrays["directions"] = EncoderArray(shape: [1, 1], values: [1])
    #expect(throws: EncoderError.self) { try HashedNGramEncoder(restoring: damaged) }
    damaged = state
    damaged.json = Data("{".utf8)
    #expect(throws: EncoderError.self) { try HashedNGramEncoder(restoring: damaged) }
  }

  @Test("training texts without a word leave nothing to project on")
  func wordless() throws {
    var encoder = try HashedNGramEncoder(settings())
    #expect(throws: EncoderError.nothingToLearnFrom(encoder: "hashed-ngrams")) {
      try encoder.fit(on: RawInputs([.text(""), .text("!")]))
    }
  }

  @Test("settings that do not fit together are refused")
  func settingsChecked() {
    var wrong = HashedNGramSettings()
    wrong.buckets = 0
    #expect(throws: EncoderError.self) { try HashedNGramEncoder(wrong) }
    wrong = HashedNGramSettings()
    wrong.longest = 2
    #expect(throws: EncoderError.self) { try HashedNGramEncoder(wrong) }
  }
}
