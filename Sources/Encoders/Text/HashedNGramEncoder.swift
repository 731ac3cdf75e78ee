import Foundation
public import Multimodal
public import Records

/// Settings of ``HashedNGramEncoder``.
public struct HashedNGramSettings: Settings {
  /// The longest run of words that is counted.
  public var words = 2
  /// The shortest run of characters within a word that is counted.
  public var shortest = 3
  /// The longest run of characters within a word that is counted.
  public var longest = 5
  /// The number of buckets that runs are hashed to.
  public var buckets = 4096
  /// The number of features, or fewer where there are fewer training rows; 0 leaves the buckets as they are.
  public var components = 384
  /// Where hashing and the randomised projection start.
  public var seed: UInt64 = 0

  public init() {}
}

/// Words and parts of words of a text, weighted by rarity and reduced to their main directions.
///
/// Needs no download and knows no language. Runs of words and of characters within words are hashed, their counts dampened,
/// weighted by inverse document frequency (of the training split) and scaled to length 1, then projected on the training
/// split's first singular directions. The empty text is a row of zeros.
public struct HashedNGramEncoder: BuiltInEncoder {
  public static let name = "hashed-ngrams"
  public static let version = 1
  public static let kind = RawInput.Kind.text
  public static let summary = "hashed words and character runs (TF-IDF), projected by truncated SVD; no download"
  public static let learns = true

  public let settings: HashedNGramSettings
  private var rarity: [Float] = []
  /// A row of features for each bucket; empty where nothing is projected.
  private var directions: [[Float]] = []
  private var gain: Float = 1

  public init() throws { try self.init(HashedNGramSettings()) }

  /// The encoder, not fitted.
  ///
  /// - Throws: ``EncoderError/settings(encoder:reason:)``.
  public init(_ settings: HashedNGramSettings) throws(EncoderError) {
    func check(_ holds: Bool, _ reason: String) throws(EncoderError) {
      if !holds { throw .settings(encoder: Self.name, reason: reason) }
    }
    try check((1...8).contains(settings.words), "'words' is \(settings.words), not in 1 to 8")
    try check((1...16).contains(settings.shortest), "'shortest' is \(settings.shortest), not in 1 to 16")
    try check(
      (settings.shortest...16).contains(settings.longest), "'longest' is \(settings.longest), not in 'shortest' to 16")
    try check(
      (1...1 << 24).contains(settings.buckets), "'buckets' is \(settings.buckets), not in 1 to \(1 << 24)")
    try check(settings.components >= 0, "'components' is \(settings.components), not 0 or more")
    self.settings = settings
  }

  public var width: Int { rarity.isEmpty ? 0 : directions.first?.count ?? settings.buckets }

  public func prepare(_ input: RawInput) throws -> PreparedInput {
    guard case .text(let text) = input else {
      throw EncoderError.otherKind(encoder: Self.name, expected: Self.kind)
    }
    return NGramHashing(
      words: 1...settings.words, characters: settings.shortest...settings.longest,
      buckets: settings.buckets, seed: settings.seed
    ).counts(of: text)
  }

  public mutating func fit(_ inputs: [PreparedInput], threads: Int) throws {
    guard !inputs.isEmpty else { throw EncoderError.nothingToLearnFrom(encoder: Self.name) }
    var texts = [Float](repeating: 0, count: settings.buckets)
    for input in inputs { for bucket in input.indices { texts[Int(bucket)] += 1 } }
    rarity = texts.map { log((1 + Float(inputs.count)) / (1 + $0)) + 1 }
    directions = []
    gain = 1
    guard settings.components > 0 else { return }
    let svd = try RandomizedSVD(
      of: LinearMap(sparse: inputs.map(weighted), columns: settings.buckets, threads: threads),
      rank: settings.components, seed: settings.seed)
    guard !svd.directions.isEmpty else {
      rarity = []
      throw EncoderError.nothingToLearnFrom(encoder: Self.name)
    }
    directions = (0..<settings.buckets).map { bucket in svd.directions.map { $0[bucket] } }
    gain = Projection.gain(values: svd.values, rows: inputs.count)
  }

  /// Counts weighted by rarity, with length 1.
  private func weighted(_ input: PreparedInput) -> PreparedInput {
    let values = zip(input.indices, input.values).map { rarity[Int($0)] * $1 }
    let length = dot(values, values).squareRoot()
    return PreparedInput(values: length > 0 ? values.map { $0 / length } : values, indices: input.indices)
  }

  public func encode(_ inputs: [PreparedInput], threads: Int) throws -> [Float] {
    guard width > 0 else { throw EncoderError.notFitted(encoder: Self.name) }
    return try parallelMap(inputs.count, threads: threads) { index in
      let input = weighted(inputs[index])
      var row = [Float](repeating: 0, count: width)
      for (bucket, value) in zip(input.indices, input.values) {
        if directions.isEmpty { row[Int(bucket)] = value } else { add(value * gain, directions[Int(bucket)], to: &row) }
      }
      return unitRMS(row)
    }.flatMap { $0 }
  }

  public func state() throws -> EncoderState {
    guard width > 0 else { throw EncoderError.notFitted(encoder: Self.name) }
    var arrays = ["rarity": EncoderArray(shape: [rarity.count], values: rarity)]
    if !directions.isEmpty {
      arrays["directions"] = EncoderArray(shape: [rarity.count, width], values: directions.flatMap { $0 })
      arrays["gain"] = EncoderArray(shape: [1], values: [gain])
    }
    return try EncoderState(settings: settings, arrays: arrays)
  }

  public init(restoring state: EncoderState) throws {
    guard let settings = try? JSONDecoder().decode(HashedNGramSettings.self, from: state.json) else {
      throw EncoderError.unreadableState(encoder: Self.name, reason: "its settings are incomplete")
    }
    try self.init(settings)
    guard let rarity = state.arrays["rarity"]?.values, rarity.count == settings.buckets, !rarity.isEmpty else {
      throw EncoderError.unreadableState(encoder: Self.name, reason: "its weights are missing")
    }
    self.rarity = rarity
    guard let directions = state.arrays["directions"] else { return }
    guard directions.shape.count == 2, directions.shape[0] == settings.buckets, directions.shape[1] > 0,
      let gain = state.arrays["gain"]?.values.first
    else { throw EncoderError.unreadableState(encoder: Self.name, reason: "its projection is incomplete") }
    let width = directions.shape[1]
    self.directions = (0..<settings.buckets).map { Array(directions.values[$0 * width..<($0 + 1) * width]) }
    self.gain = gain
  }
}
