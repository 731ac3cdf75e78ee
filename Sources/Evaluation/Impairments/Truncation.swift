public import Multimodal

/// A text that breaks off: its last tokens are missing.
///
/// Tokens are words and punctuation marks (`TextToken`); at least one stays.
public struct Truncation: TokenImpairment, Equatable {
  /// The share of tokens that are cut off, in 0…1; of five, 0.5 cuts off two.
  public let ratio: Double

  public init(ratio: Double = 0.5) {
    self.ratio = ratio
  }

  public var kind: RawInput.Kind { .text }

  /// How many of so many tokens stay.
  public func kept(of count: Int) -> Int { max(min(count, 1), count - Int(ratio * Double(count) + 1e-9)) }

  public func impaired(_ tokens: [Int32], using numbers: inout SeededNumbers) -> [Int32] {
    Array(tokens.prefix(kept(of: tokens.count)))
  }

  /// What is left of the text; anything else passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .text(let text) = input else { return input }
    let tokens = TextToken.tokens(of: text)
    let kept = kept(of: tokens.count)
    guard kept < tokens.count else { return input }
    return .text(String(text[..<tokens[kept - 1].range.upperBound]))
  }
}
