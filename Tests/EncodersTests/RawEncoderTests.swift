import Encoders
import Foundation
import Multimodal
import Records
import Synchronization
import Testing

@Suite struct RawEncoderTests {
  /// An encoder with fixed weights: the length of a text.
  private struct Length: RawEncoder {
    static let name = "length"
    static let version = 1
    static let kind = RawInput.Kind.text
    static let summary = "the length of a text"

    init() {}
    init(restoring state: EncoderState) {}

    var width: Int { 1 }

    func prepare(_ input: RawInput) throws -> PreparedInput {
      guard case .text(let text) = input else { throw EncoderError.otherKind(encoder: Self.name, expected: .text) }
      return PreparedInput(values: [Float(text.count)])
    }
    func encode(_ inputs: [PreparedInput], threads: Int) -> [Float] { inputs.flatMap(\.values) }
    func state() -> EncoderState { EncoderState(json: Data()) }
  }

  private struct Unreadable: Error, Equatable {
    let index: Int
  }

  @Test("inputs are read as they are needed: no more than a batch at a time")
  func streams() throws {
    let alive = Mutex((now: 0, most: 0))
    let inputs = RawInputs(count: 100) { index in
      alive.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      return .text(String(repeating: "x", count: index))
    }
    var steps: [Int] = []
    let rows = try Length().encode(inputs, batch: 30) { done in
      steps.append(done)
      alive.withLock { $0.now = 0 }
    }
    #expect(rows == (0..<100).map(Float.init))
    #expect(steps == [30, 60, 90, 100])
    #expect(alive.withLock { $0.most } == 30)
  }

  @Test("an encoder that does not learn reads nothing when it is fitted")
  func noFit() throws {
    var encoder = Length()
    try encoder.fit(on: RawInputs(count: 5) { throw Unreadable(index: $0) })
    #expect(!Length.learns)
  }

  @Test("an input that cannot be read stops encoding with its own error, the first one's", arguments: [1, 4])
  func failures(threads: Int) {
    let inputs = RawInputs(count: 50) { index in
      if index % 20 == 19 { throw Unreadable(index: index) }
      return .text("")
    }
    #expect(throws: Unreadable(index: 19)) { try Length().encode(inputs, threads: threads) }
  }

  @Test("encoding stops where the progress report throws")
  func interruption() {
    let inputs = RawInputs(count: 50) { _ in .text("") }
    #expect(throws: CancellationError.self) {
      try Length().encode(inputs, batch: 10) { if $0 == 20 { throw CancellationError() } }
    }
  }

  @Test("a limit on what is learnt from draws the same rows every time")
  func limit() throws {
    func encoder(limit: Int, seed: UInt64) throws -> EncoderState {
      var settings = HashedNGramSettings()
      (settings.buckets, settings.components) = (64, 0)
      var encoder = try HashedNGramEncoder(settings)
      let seen = Mutex(0)
      let inputs = RawInputs(count: 30) { index in
        seen.withLock { $0 += 1 }
        return .text("word\(index)")
      }
      try encoder.fit(on: inputs, limit: limit, seed: seed)
      #expect(seen.withLock { $0 } == min(limit, 30))
      return try encoder.state()
    }
    #expect(try encoder(limit: 10, seed: 0) == encoder(limit: 10, seed: 0))
    #expect(try encoder(limit: 10, seed: 0) != encoder(limit: 10, seed: 1))
    #expect(try encoder(limit: 30, seed: 0) == encoder(limit: 99, seed: 1))
  }

  @Test("every kind of input has a default encoder, and names are its own")
  func registry() throws {
    for kind in RawInput.Kind.allCases {
      let encoder = try EncoderRegistry.encoder(of: kind)
      #expect(encoder.kind == kind)
      #expect(try EncoderRegistry.encoder(named: encoder.name, of: kind).name == encoder.name)
      _ = try encoder.init()
    }
    #expect(Set(EncoderRegistry.all.map { $0.name }).count == EncoderRegistry.all.count)
  }

  @Test("an unknown encoder is refused with the names there are")
  func unknown() {
    do {
      _ = try EncoderRegistry.encoder(named: "hog-color", of: .image)
      Issue.record("an error was expected")
    } catch {
      let diagnosis = (error as? EncoderError)?.diagnosis
      #expect(diagnosis?.what == "no image encoder is called 'hog-color'")
      #expect(diagnosis?.remedy == "did you mean 'hog-colour'?")
    }
  }

  /// An encoder whose network fails at long texts, and refuses empty ones before.
  private struct Picky: RawEncoder {
    static let name = "picky"
    static let version = 1
    static let kind = RawInput.Kind.text
    static let summary = "short texts"

    init() {}
    init(restoring state: EncoderState) {}

    var width: Int { 1 }

    func prepare(_ input: RawInput) throws -> PreparedInput {
      guard case .text(let text) = input else { throw EncoderError.otherKind(encoder: Self.name, expected: .text) }
      guard !text.isEmpty else { throw EncoderError.refused(encoder: Self.name, reason: "nothing in it") }
      return PreparedInput(values: [Float(text.count)])
    }
    func encode(_ inputs: [PreparedInput], threads: Int) throws -> [Float] {
      guard inputs.allSatisfy({ $0.values[0] < 5 }) else {
        throw ScriptError.failed(file: "net.pt", reason: "too long")
      }
      return inputs.flatMap(\.values)
    }
    func state() -> EncoderState { EncoderState(json: Data()) }
  }

  @Test("where a network fails at some inputs, those are refused and the others encoded")
  func refusedInputs() throws {
    let encoder = Picky()
    let inputs = try ["a", "", "abcdef", "abc"].map { try encoder.prepared(.text($0)) }
    let made = try encoder.encoded(inputs, threads: 1)
    #expect(made.rows == [1, 3])
    #expect(made.results.map { (try? $0.get()) != nil } == [true, false, false, true])
    guard case .failure(.refused(_, let reason)) = made.results[2] else {
      Issue.record("\(made.results[2])")
      return
    }
    #expect(reason == "the module failed: too long")
    // One that fails at everything is at fault itself.
    let long = try ["abcdef", "ghijkl"].map { try encoder.prepared(.text($0)) }
    #expect(throws: ScriptError.self) { try encoder.encoded(long, threads: 1) }
    #expect(throws: EncoderError.otherKind(encoder: "picky", expected: .text)) {
      try encoder.prepared(.missing(.image))
    }
  }
}
