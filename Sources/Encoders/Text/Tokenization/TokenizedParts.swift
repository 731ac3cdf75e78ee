/// A token of a text that was given in parts, and of which of them its letters are.
public struct PartToken: Sendable, Equatable {
  public var token: Int
  /// From the part of its first letter to that of its last.
  public var parts: ClosedRange<Int>
}

extension Tokenizer {
  /// The tokens before and after every text.
  public var ends: (before: [Int], after: [Int]) { (prefix, suffix) }

  /// The token that has a spelling, such as `<image>` or `</s>`; nil where none has.
  public func token(named name: String) -> Int? { addedByContent[name] ?? model.vocabulary[name] }

  /// The tokens of a text as it stands: without tokens at its ends, without a limit, and without a look for added tokens,
  /// so that `<image>` within it is seven letters.
  public func plainTokens(of text: String, beginsText: Bool = true) -> [Int] {
    tokens(ofParts: [text], beginsText: beginsText).map(\.token)
  }

  /// The tokens of a text that comes in parts, cut as one text: a token may be of the end of one and the start of the next.
  ///
  /// Models that cut words by white space (WordPiece), and unigram models, cut each part alone.
  /// - Parameter beginsText: whether nothing stands before the text; where something does, tokenizers that put a space
  ///   before a text's first word may not.
  public func tokens(ofParts parts: [String], beginsText: Bool = true) -> [PartToken] {
    let scalars = parts.map { Array($0.unicodeScalars) }
    guard let model = model as? BytePairEncoding, preTokenizer.keepsEverything else {
      return eachAlone(scalars, beginsText)
    }
    let whole = Array(scalars.joined())
    guard !whole.isEmpty else { return [] }
    let text = normalizer.map { $0(whole) } ?? whole
    let words = preTokenizer(text, isFirst: beginsText)
    let ends = partEnds(scalars, of: text)
    // Of the letters of the words, one may have been put before the first.
    let surplus = words.reduce(0) { $0 + $1.count } - (ends.last ?? 0)
    guard (0...1).contains(surplus) else { return eachAlone(scalars, beginsText) }
    func part(_ letter: Int) -> Int { ends.firstIndex { max(letter - surplus, 0) < $0 } ?? parts.count - 1 }
    var tokens: [PartToken] = []
    var at = 0
    for word in words {
      for span in model.spans(of: word) {
        let first = span.length == 0 ? max(at - 1, 0) : at
        at += span.length
        tokens.append(PartToken(token: span.token, parts: part(first)...part(max(at - 1, first))))
      }
    }
    return tokens
  }

  /// How many letters, as words are spelt in, there are up to the end of each part.
  private func partEnds(_ parts: [[Unicode.Scalar]], of text: [Unicode.Scalar]) -> [Int] {
    var letters = [0]
    letters.reserveCapacity(text.count + 1)
    let isByteLevel = preTokenizer.isByteLevel
    for scalar in text { letters.append(letters[letters.count - 1] + (isByteLevel ? UTF8.width(scalar) : 1)) }
    var before: [Unicode.Scalar] = []
    var ends: [Int] = []
    for (place, part) in parts.enumerated() {
      before += part
      // What is normalized up to a border is, but for marks that join a letter before it, the start of the whole.
      let count = place == parts.count - 1 ? text.count : normalizer.map { $0(before).count } ?? before.count
      ends.append(max(ends.last ?? 0, letters[min(count, text.count)]))
    }
    return ends
  }

  private func eachAlone(_ parts: [[Unicode.Scalar]], _ beginsText: Bool) -> [PartToken] {
    var tokens: [PartToken] = []
    for (place, part) in parts.enumerated() where !part.isEmpty {
      let text = normalizer.map { $0(part) } ?? part
      let words = preTokenizer(text, isFirst: beginsText && tokens.isEmpty)
      tokens += words.flatMap { model.tokens(of: $0) }.map { PartToken(token: $0, parts: place...place) }
    }
    return tokens
  }
}
