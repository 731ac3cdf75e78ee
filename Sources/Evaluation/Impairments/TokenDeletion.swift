public import Multimodal

/// Tokens of a text left out.
///
/// Tokens are words and punctuation marks (`TextToken`). An encoder with its own tokens asks for ``kept(of:using:)``.
public struct TokenDeletion: TokenImpairment, Equatable {
  /// The share of tokens that are deleted, in 0…1.
  public let ratio: Double
  /// Whether exactly `round(ratio · tokens)` are deleted, instead of each with probability `ratio`.
  public let exactCount: Bool

  public init(ratio: Double = 0.15, exactCount: Bool = false) {
    self.ratio = ratio
    self.exactCount = exactCount
  }

  public var kind: RawInput.Kind { .text }

  /// Which of so many tokens stay; at least one does.
  public func kept(of count: Int, using numbers: inout SeededNumbers) -> [Bool] {
    guard count > 0 else { return [] }
    if exactCount {
      var kept = [Bool](repeating: true, count: count)
      let deleted = min(Int((ratio * Double(count)).rounded()), count - 1)
      for index in numbers.sample(deleted, of: count) { kept[index] = false }
      return kept
    }
    var kept = (0..<count).map { _ in !numbers.chance(ratio) }
    if !kept.contains(true) { kept[numbers.uniform(below: count)] = true }
    return kept
  }

  /// The tokens that stay.
  public func impaired(_ tokens: [Int32], using numbers: inout SeededNumbers) -> [Int32] {
    zip(tokens, kept(of: tokens.count, using: &numbers)).compactMap { $1 ? $0 : nil }
  }

  /// The shortened text; a picture passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .text(let text) = input else { return input }
    return .text(impaired(text, using: &numbers))
  }

  /// The shortened text; white space before a deleted token goes with it.
  public func impaired(_ text: String, using numbers: inout SeededNumbers) -> String {
    let tokens = TextToken.tokens(of: text)
    let kept = kept(of: tokens.count, using: &numbers)
    guard kept.contains(false) else { return text }
    var shortened = ""
    var end = text.startIndex
    for (token, stays) in zip(tokens, kept) {
      if stays {
        if !shortened.isEmpty { shortened += text[end..<token.range.lowerBound] }
        shortened += text[token.range]
      }
      end = token.range.upperBound
    }
    return shortened
  }
}
