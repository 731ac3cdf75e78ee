/// A word, a punctuation mark or another sign of a text, and where it stands.
///
/// Words are runs of letters, digits and marks; an ideograph, a kana or an emoji is a word of its own. White space is
/// between tokens.
public struct TextToken: Sendable, Equatable {
  public let range: Range<String.Index>
  /// False for punctuation and ASCII signs.
  public let isWord: Bool

  /// The tokens of a text, in order.
  public static func tokens(of text: String) -> [TextToken] {
    var tokens: [TextToken] = []
    var start: String.Index?
    var position = text.startIndex
    while position < text.endIndex {
      let character = text[position]
      let next = text.index(after: position)
      let kind = Kind(character)
      if kind == .letter {
        start = start ?? position
      } else {
        if let begun = start { tokens.append(TextToken(range: begun..<position, isWord: true)) }
        start = nil
        if kind != .space { tokens.append(TextToken(range: position..<next, isWord: kind == .wholeWord)) }
      }
      position = next
    }
    if let begun = start { tokens.append(TextToken(range: begun..<position, isWord: true)) }
    return tokens
  }

  private enum Kind {
    case space, letter, wholeWord, punctuation

    init(_ character: Character) {
      if let ascii = character.asciiValue {
        self =
          switch ascii {
          case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: .letter
          case 0...0x20, 0x7F: .space
          default: .punctuation
          }
      } else if character.isWhitespace {
        self = .space
      } else if character.isLetter || character.isNumber {
        self = character.unicodeScalars.first.map(Self.isUnspaced) ?? false ? .wholeWord : .letter
      } else {
        self = character.isPunctuation ? .punctuation : .wholeWord
      }
    }

    // Scripts written without spaces whose single signs carry meaning.
    private static func isUnspaced(_ scalar: Unicode.Scalar) -> Bool {
      switch scalar.value {
      case 0x3040...0x30FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF: true
      default: false
      }
    }
  }
}
