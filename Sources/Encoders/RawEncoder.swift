public import Foundation
public import Multimodal
import Records

/// Something that turns pictures or texts into rows of numbers, and is not trained further.
///
/// The work is in two steps. ``prepare(_:)`` makes of one input what the encoder really needs of it (a small picture,
/// counts of words, tokens); it runs on several threads and forgets the input. ``encode(_:threads:)`` turns some of
/// these into features. An encoder that learns from the training split does so in ``fit(_:threads:)``; one with
/// pretrained weights leaves that empty.
public protocol RawEncoder: Sendable {
  /// The name at the prompt.
  static var name: String { get }
  /// Raised whenever the features of an input change, so that older caches are not taken for new.
  static var version: Int { get }
  /// What it reads.
  static var kind: RawInput.Kind { get }
  /// One sentence for a list of encoders.
  static var summary: String { get }
  /// Whether it must see the training split before it encodes.
  static var learns: Bool { get }

  /// The encoder that ``state()`` described.
  ///
  /// - Throws: ``EncoderError/unreadableState(encoder:reason:)``.
  init(restoring state: EncoderState) throws

  /// The number of features of an input; 0 before an encoder that learns has learnt.
  var width: Int { get }

  /// What an input becomes: features, or what an encoder that is trained with the model reads.
  var form: InputForm { get }
  /// Name, version and all else that features depend on besides the input; equal for equal features.
  var identity: String { get }
  /// How many inputs are prepared and encoded at a time.
  var chunk: Int { get }

  /// What the encoder needs of one input.
  func prepare(_ input: RawInput) throws -> PreparedInput
  /// Learns from the training split.
  mutating func fit(_ inputs: [PreparedInput], threads: Int) throws
  /// The features of some inputs: `inputs.count * width` numbers, row by row.
  ///
  /// The row of an input must not depend on the others, but for rounding.
  func encode(_ inputs: [PreparedInput], threads: Int) throws -> [Float]
  /// All that ``init(restoring:)`` needs.
  func state() throws -> EncoderState
}

/// An encoder that needs nothing but its name: one that comes with Seesaw, or is registered (``EncoderRegistry/register(_:)``).
public protocol BuiltInEncoder: RawEncoder {
  /// The encoder with its default settings, not fitted.
  init() throws
}

/// What an encoder keeps of an input between its two steps; the layout is the encoder's own.
public struct PreparedInput: Sendable, Equatable {
  /// Numbers, such as pixels or weights.
  public var values: [Float]
  /// Whole numbers, such as tokens or the places of the values.
  public var indices: [Int32]

  public init(values: [Float] = [], indices: [Int32] = []) {
    self.values = values
    self.indices = indices
  }
}

/// An encoder as it is stored: settings as JSON, and arrays of numbers.
public struct EncoderState: Sendable, Equatable {
  public var json: Data
  public var arrays: [String: EncoderArray]

  public init(json: Data, arrays: [String: EncoderArray] = [:]) {
    self.json = json
    self.arrays = arrays
  }
}

extension EncoderState {
  /// The state of an encoder whose only other facts are its settings; equal settings give equal bytes.
  package init(settings: some Encodable, arrays: [String: EncoderArray]) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    self.init(json: try encoder.encode(settings), arrays: arrays)
  }
}

/// Numbers with a shape, in row-major order.
public struct EncoderArray: Sendable, Equatable {
  public let shape: [Int]
  public let values: [Float]

  /// An array whose shape must agree with the number of values.
  public init(shape: [Int], values: [Float]) {
    precondition(shape.reduce(1, *) == values.count, "the shape of an array must agree with its values")
    self.shape = shape
    self.values = values
  }
}

extension RawEncoder {
  public static var learns: Bool { false }

  public var form: InputForm { .features(width: width) }
  public var identity: String { "\(Self.name) \(Self.version)" }
  public var chunk: Int { 256 }

  public mutating func fit(_ inputs: [PreparedInput], threads: Int) throws {}

  /// Learns from inputs that are read one after the other.
  ///
  /// - Parameters:
  ///   - limit: the number of inputs to learn from; of more, so many are drawn with the seed.
  ///   - threads: 0 takes one a core; the outcome is the same for any number.
  public mutating func fit(on inputs: RawInputs, limit: Int = 20_000, seed: UInt64 = 0, threads: Int = 0) throws {
    guard Self.learns else { return }
    guard inputs.count > 0 else { throw EncoderError.nothingToLearnFrom(encoder: Self.name) }
    var chosen = Array(0..<inputs.count)
    if chosen.count > limit {
      var numbers = SeededNumbers(seed: seed, stream: "encoder-fit/\(Self.name)")
      chosen = numbers.sample(limit, of: chosen.count).sorted()
    }
    let encoder = self
    let prepared = try parallelMap(chosen.count, threads: threads) { [chosen] in
      try encoder.prepare(inputs[chosen[$0]])
    }
    try fit(prepared, threads: threads)
  }

  /// The features of inputs that are read as they are needed: `inputs.count * width` numbers, row by row.
  ///
  /// - Parameters:
  ///   - batch: how many prepared inputs are held at a time; the encoder's ``chunk`` where it is not said.
  ///   - threads: 0 takes one a core; the outcome is the same for any number.
  ///   - progress: called with the number of inputs done; may throw to stop.
  /// - Throws: ``EncoderError/notFitted(encoder:)``, or what reading an input throws: that of the first that failed.
  public func encode(
    _ inputs: RawInputs, batch: Int? = nil, threads: Int = 0, progress: (Int) throws -> Void = { _ in }
  ) throws -> [Float] {
    guard width > 0 else { throw EncoderError.notFitted(encoder: Self.name) }
    var rows: [Float] = []
    rows.reserveCapacity(inputs.count * width)
    var start = 0
    while start < inputs.count {
      let from = start
      let end = min(start + max(batch ?? chunk, 1), inputs.count)
      let prepared = try parallelMap(end - start, threads: threads) { try prepare(inputs[from + $0]) }
      rows += try encode(prepared, threads: threads)
      start = end
      try progress(end)
    }
    return rows
  }

  /// The features of one input that is in memory.
  public func encode(_ input: RawInput) throws -> [Float] {
    guard width > 0 else { throw EncoderError.notFitted(encoder: Self.name) }
    return try encode([prepare(input)], threads: 1)
  }

  /// What the encoder needs of one input, or why it can make nothing of it.
  ///
  /// - Throws: what is no fault of the input.
  package func prepared(_ input: RawInput) throws -> Result<PreparedInput, EncoderError> {
    do { return .success(try prepare(input)) } catch let error as EncoderError {
      guard case .refused = error else { throw error }
      return .failure(error)
    }
  }

  /// The features of those that were prepared, row by row, and for each input whether it is among them.
  ///
  /// Where the encoder's own network fails, the inputs are tried one by one: those at which it fails alone are refused.
  /// - Throws: what it throws at every input of several.
  package func encoded(
    _ inputs: [Result<PreparedInput, EncoderError>], threads: Int
  ) throws -> (rows: [Float], results: [Result<Void, EncoderError>]) {
    let taken = inputs.compactMap { try? $0.get() }
    guard !taken.isEmpty else { return ([], inputs.map { $0.map { _ in } }) }
    do { return (try encode(taken, threads: threads), inputs.map { $0.map { _ in } }) } catch let error as ScriptError {
      var rows: [Float] = []
      let results = inputs.map { input in
        input.flatMap { one -> Result<Void, EncoderError> in
          do {
            rows += try encode([one], threads: threads)
            return .success(())
          } catch {
            let diagnosis = Diagnosis(describing: error)
            let words = ([diagnosis.what] + diagnosis.found).joined(separator: ": ")
            return .failure(.refused(encoder: Self.name, reason: words))
          }
        }
      }
      guard taken.count == 1 || !rows.isEmpty else { throw error }
      return (rows, results)
    }
  }
}
