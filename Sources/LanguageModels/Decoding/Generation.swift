import Foundation
import Multimodal
public import Torch

/// How a model writes.
public struct GenerationSettings: Sendable, Equatable {
  public enum Search: Sendable, Equatable {
    /// Always the most likely token.
    case greedy
    /// A token by chance, of softmax(logits / temperature); of `topP` < 1 only of the likeliest that hold that much together.
    case sampling(temperature: Double, topP: Double)
    /// The best of `width` texts at a time; sums are over (tokens)^lengthPenalty.
    case beam(width: Int, lengthPenalty: Double)
  }

  public var search = Search.greedy
  /// Tokens at most.
  public var maximumTokens = 48
  /// The tokens at which a text ends.
  public var ends: Set<Int> = []
  public var seed: UInt64 = 0
  /// Names the stream that sampling draws from, such as the sample's id.
  public var stream = "generate"

  public init() {}
}

/// What a model has written.
public struct GeneratedTokens: Sendable, Equatable {
  /// Without the token that ended it.
  public var tokens: [Int]
  /// Whether it ended by itself.
  public var hasEnded: Bool
  /// log p of what was written, the end included.
  public var logProbability: Double
}

extension DecodingMethod {
  /// What the model writes after a prompt.
  ///
  /// - Parameter cut: takes tokens out before one is chosen, such as `ContrastiveDecoding.plausible`.
  public func generate(
    _ input: PromptInput, _ settings: GenerationSettings, cut: ((Tensor) throws -> Tensor)? = nil
  ) throws -> GeneratedTokens {
    try withoutGradients {
      if case .beam(let width, let penalty) = settings.search {
        return try beam(input, settings, width: width, penalty: penalty, cut)
      }
      var numbers = SeededNumbers(seed: settings.seed, stream: settings.stream)
      var reading = try read(input)
      var written = GeneratedTokens(tokens: [], hasEnded: false, logProbability: 0)
      while written.tokens.count < settings.maximumTokens {
        let logs = try Self.logs(reading, row: 0, cut)
        let token = Self.choice(logs, settings.search, &numbers)
        written.logProbability += logs[token]
        if settings.ends.contains(token) {
          written.hasEnded = true
          break
        }
        written.tokens.append(token)
        if written.tokens.count < settings.maximumTokens { reading = try proceed(reading, [[token]]) }
      }
      return written
    }
  }

  /// log p of every token after the last one read.
  private static func logs(_ reading: Reading, row: Int, _ cut: ((Tensor) throws -> Tensor)?) throws -> [Double] {
    let last = try reading.logits.selected(0, row)
    let logits = try last.selected(0, last.shape[0] - 1).to(.float64)
    return try (cut.map { try $0(logits) } ?? logits).logSoftmax(0).array()
  }

  private static func choice(
    _ logs: [Double], _ search: GenerationSettings.Search, _ numbers: inout SeededNumbers
  ) -> Int {
    guard case .sampling(let temperature, let topP) = search, temperature > 0 else {
      return LabelLikelihood.prediction(logs)
    }
    let powers = LabelLikelihood.probabilities(logs.map { $0 / temperature })
    // Of equal ones the first, so that the same number draws the same token.
    let order = powers.indices.sorted { (-powers[$0], $0) < (-powers[$1], $1) }
    var kept: [Int] = []
    var mass = 0.0
    for token in order {
      if !kept.isEmpty, mass >= topP { break }
      kept.append(token)
      mass += powers[token]
    }
    let drawn = numbers.uniform() * mass
    var sum = 0.0
    for token in kept {
      sum += powers[token]
      if drawn < sum { return token }
    }
    return kept[kept.count - 1]
  }

  /// n sums of log p at a time; a text that ends is kept with its sum over (tokens, the end included)^penalty.
  private func beam(
    _ input: PromptInput, _ settings: GenerationSettings, width: Int, penalty: Double,
    _ cut: ((Tensor) throws -> Tensor)?
  ) throws -> GeneratedTokens {
    var reading = try read(input)
    var open = [GeneratedTokens(tokens: [], hasEnded: false, logProbability: 0)]
    var ended: [(text: GeneratedTokens, score: Double)] = []
    func score(_ text: GeneratedTokens, _ length: Int) -> Double {
      text.logProbability / pow(Double(max(length, 1)), penalty)
    }
    for length in 1...max(settings.maximumTokens, 1) {
      let logs = try open.indices.map { try Self.logs(reading, row: $0, cut) }
      // Twice as many as are kept, since half of them at most may end.
      var candidates: [(row: Int, token: Int, sum: Double)] = []
      for (row, own) in logs.enumerated() {
        let best = own.indices.sorted { (-own[$0], $0) < (-own[$1], $1) }.prefix(2 * width)
        candidates += best.map { (row, $0, open[row].logProbability + own[$0]) }
      }
      candidates.sort { (-$0.sum, $0.row, $0.token) < (-$1.sum, $1.row, $1.token) }
      var next: [(row: Int, text: GeneratedTokens)] = []
      for (rank, candidate) in candidates.enumerated() where candidate.sum > -.infinity {
        var text = open[candidate.row]
        text.logProbability = candidate.sum
        if settings.ends.contains(candidate.token) {
          // An end that is not among the best n is none.
          guard rank < width else { continue }
          text.hasEnded = true
          ended.append((text, score(text, length)))
        } else {
          text.tokens.append(candidate.token)
          next.append((candidate.row, text))
        }
        if next.count == width { break }
      }
      ended.sort { $0.score > $1.score }
      ended = Array(ended.prefix(width))
      guard let best = next.first else { break }
      open = next.map(\.text)
      if ended.count == width, ended[width - 1].score >= score(best.text, length) { break }
      guard length < settings.maximumTokens else { break }
      reading = try proceed(reading.selecting(rows: next.map(\.row)), next.map { [$0.text.tokens.last ?? 0] })
    }
    if ended.count < width { ended += open.map { ($0, score($0, $0.tokens.count)) } }
    return ended.max { $0.score < $1.score }?.text ?? open[0]
  }

  /// The class that is written token by token, where only labels may be written.
  public func constrained(_ prompt: LabelledPrompt, rows: [Tensor]? = nil, contrast: [PromptInput] = []) throws -> Int {
    try withoutGradients {
      var reading = try read(PromptInput(prompt.prompt, rows: rows, contrast: contrast))
      var alive = Array(prompt.suffixes.indices)
      var place = 0
      while alive.count > 1 {
        let logs = try Self.logs(reading, row: 0, nil)
        // A label that is all of another's beginning has ended.
        let allowed = Set(alive.compactMap { prompt.suffixes[$0].count > place ? prompt.suffixes[$0][place] : nil })
        guard let token = allowed.sorted().max(by: { logs[$0] < logs[$1] }) else { break }
        alive = alive.filter { prompt.suffixes[$0].count > place && prompt.suffixes[$0][place] == token }
        place += 1
        if alive.count > 1 { reading = try proceed(reading, [[token]]) }
      }
      return alive[0]
    }
  }
}

/// Which class a text that a model has written names.
public enum WrittenLabel {
  /// The class, or nil where the text names none or several.
  public static func parse(_ text: String, classes: [String]) -> Int? {
    let own = words(text)
    if let exact = classes.firstIndex(where: { words($0) == own }) { return exact }
    let named = classes.indices.filter { contains(own, words(classes[$0])) }
    // A label within another that is named too is not meant.
    let outer = named.filter { one in
      !named.contains {
        $0 != one && words(classes[$0]).count > words(classes[one]).count
          && contains(words(classes[$0]), words(classes[one]))
      }
    }
    return outer.count == 1 ? outer[0] : nil
  }

  private static func words(_ text: String) -> [Substring] {
    text.lowercased().split { !$0.isLetter && !$0.isNumber }
  }

  private static func contains(_ text: [Substring], _ part: [Substring]) -> Bool {
    guard !part.isEmpty, part.count <= text.count else { return false }
    return (0...(text.count - part.count)).contains { text[$0..<($0 + part.count)].elementsEqual(part) }
  }
}
