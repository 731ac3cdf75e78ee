public import Multimodal

/// Words in another order: some change places with each other, the signs between them stay where they are.
public struct WordShuffle: TokenImpairment, Equatable {
  /// The probability that a word takes part, in 0…1.
  public let ratio: Double

  public init(ratio: Double = 1) {
    self.ratio = ratio
  }

  public var kind: RawInput.Kind { .text }

  /// For each of so many places, whose word comes there.
  public func order(of count: Int, using numbers: inout SeededNumbers) -> [Int] {
    let moving = (0..<count).filter { _ in numbers.chance(ratio) }
    var order = Array(0..<count)
    for (place, number) in numbers.permutation(moving.count).enumerated() { order[moving[place]] = moving[number] }
    return order
  }

  public func impaired(_ tokens: [Int32], using numbers: inout SeededNumbers) -> [Int32] {
    order(of: tokens.count, using: &numbers).map { tokens[$0] }
  }

  /// The shuffled text; anything else passes unchanged.
  public func impaired(_ input: RawInput, using numbers: inout SeededNumbers) -> RawInput {
    guard case .text(let text) = input else { return input }
    return .text(impaired(text, using: &numbers))
  }

  /// The shuffled text.
  public func impaired(_ text: String, using numbers: inout SeededNumbers) -> String {
    let words = TextToken.tokens(of: text).filter(\.isWord).map(\.range)
    let order = order(of: words.count, using: &numbers)
    var shuffled = ""
    var end = text.startIndex
    for (place, range) in words.enumerated() {
      shuffled += text[end..<range.lowerBound] + text[words[order[place]]]
      end = range.upperBound
    }
    return shuffled + text[end...]
  }
}
