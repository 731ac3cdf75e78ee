/// Texts that are one token wherever they stand, such as `[SEP]` or `<mask>`.
struct AddedTokens: Sendable {
  struct Entry: Sendable, Equatable {
    var content: String
    var token: Int
    /// Taken only where no letter or digit is beside it.
    var isSingleWord = false
    /// Takes the white space on its left with it.
    var stripsLeft = false
    var stripsRight = false
    /// Looked for after the text was normalized, and normalized itself.
    var isNormalized = false
  }

  /// A token, or a stretch of text between tokens.
  enum Part {
    case token(Int)
    case text([Unicode.Scalar])
  }

  private var byFirst: [Unicode.Scalar: [(content: [Unicode.Scalar], entry: Entry)]] = [:]

  init(_ entries: [Entry], normalizer: TextNormalizer? = nil) {
    for entry in entries {
      let plain = Array(entry.content.unicodeScalars)
      let content = normalizer.map { $0(plain) } ?? plain
      guard let first = content.first else { continue }
      byFirst[first, default: []].append((content, entry))
    }
    // The longest match wins; of equals the first that was named.
    for first in byFirst.keys {
      byFirst[first] = byFirst[first]?.enumerated()
        .sorted { ($1.element.content.count, $0.offset) < ($0.element.content.count, $1.offset) }.map(\.element)
    }
  }

  func parts(of text: [Unicode.Scalar]) -> [Part] {
    guard !byFirst.isEmpty else { return text.isEmpty ? [] : [.text(text)] }
    var parts: [Part] = []
    var start = 0
    var at = 0
    while at < text.count {
      guard let (content, entry) = byFirst[text[at]]?.first(where: { text[at...].starts(with: $0.content) }) else {
        at += 1
        continue
      }
      var end = at + content.count
      let touches =
        (at > 0 && ScalarClasses.isWordCharacter(text[at - 1]))
        || (end < text.count && ScalarClasses.isWordCharacter(text[end]))
      if entry.isSingleWord && touches {
        at = end
        continue
      }
      var from = at
      if entry.stripsLeft { while from > start, ScalarClasses.isSpace(text[from - 1]) { from -= 1 } }
      if entry.stripsRight { while end < text.count, ScalarClasses.isSpace(text[end]) { end += 1 } }
      if from > start { parts.append(.text(Array(text[start..<from]))) }
      parts.append(.token(entry.token))
      start = end
      at = end
    }
    if start < text.count { parts.append(.text(Array(text[start...]))) }
    return parts
  }
}
