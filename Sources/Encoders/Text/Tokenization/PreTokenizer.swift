import Records

/// How a normalized text is cut into words, before words are cut into tokens.
indirect enum PreTokenizer: Sendable, Equatable {
  /// White space goes, punctuation stands alone.
  case bert
  /// White space goes.
  case spaces
  /// Bytes as letters; words by GPT-2's pattern, which keeps one space before a word.
  case byteLevel(prefixesSpace: Bool, splits: Bool)
  /// CLIP's patterns: letters, single digits, other signs; white space goes.
  case clip(WordPattern)
  /// SentencePiece's: spaces become a letter, and each word begins with its own.
  case metaspace(letter: Unicode.Scalar, prefix: SpacePrefix, splits: Bool)
  case sequence([PreTokenizer])

  /// Which words get a space before them that have none.
  enum SpacePrefix: String, Sendable {
    case always, never
    /// That with which a text begins.
    case first
  }

  /// - Parameter isFirst: whether nothing stands before the text.
  func callAsFunction(_ text: [Unicode.Scalar], isFirst: Bool = true) -> [[Unicode.Scalar]] {
    switch self {
    case .bert:
      return Self.pieces(of: text) { ScalarClasses.isPunctuation($0) }
    case .spaces:
      return Self.pieces(of: text) { _ in false }
    case .byteLevel(let prefixesSpace, let splits):
      let text = prefixesSpace && text.first != " " ? [" "] + text : text
      return (splits ? WordPattern.gpt2.words(of: text) : [text]).map(ByteLetters.letters)
    case .clip(let pattern): return pattern.words(of: text)
    case .metaspace(let letter, let prefix, let splits):
      var text = text.map { $0 == " " ? letter : $0 }
      guard let first = text.first else { return [] }
      if first != letter, prefix == .always || (prefix == .first && isFirst) { text.insert(letter, at: 0) }
      guard splits else { return [text] }
      let starts = text.indices.filter { $0 == 0 || text[$0] == letter } + [text.count]
      return zip(starts, starts.dropFirst()).map { Array(text[$0..<$1]) }
    case .sequence(let steps):
      return steps.reduce([text]) { words, step in
        // Whose first letter went is not first any more.
        let begins = isFirst && words.first?.first == text.first
        return words.enumerated().flatMap { step($1, isFirst: begins && $0 == 0) }
      }
    }
  }

  private static func pieces(
    of text: [Unicode.Scalar], standingAlone: (Unicode.Scalar) -> Bool
  ) -> [[Unicode.Scalar]] {
    var pieces: [[Unicode.Scalar]] = []
    var word: [Unicode.Scalar] = []
    func end() {
      if !word.isEmpty { pieces.append(word) }
      word = []
    }
    for scalar in text {
      if ScalarClasses.isSpace(scalar) {
        end()
      } else if standingAlone(scalar) {
        end()
        pieces.append([scalar])
      } else {
        word.append(scalar)
      }
    }
    end()
    return pieces
  }
}

/// The patterns that byte-level checkpoints cut words by.
enum WordPattern: String, Sendable {
  case gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
  case clip =
    #"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"#
  /// As the published checkpoints of CLIP have it.
  case clipWithoutMarks = #"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"#

  private static let endings = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }
  private static let marks = ["<|startoftext|>", "<|endoftext|>"].map { Array($0.unicodeScalars) }

  private enum Kind { case letter, number, space, other }

  private static func kind(_ scalar: Unicode.Scalar) -> Kind {
    if ScalarClasses.isLetter(scalar) { return .letter }
    if ScalarClasses.isSpace(scalar) { return .space }
    return ScalarClasses.isNumber(scalar) ? .number : .other
  }

  /// The matches, in order; what CLIP's patterns do not match, which is white space, is left out.
  func words(of text: [Unicode.Scalar]) -> [[Unicode.Scalar]] {
    let kinds = text.map(Self.kind)
    var words: [[Unicode.Scalar]] = []
    var at = 0
    while at < text.count {
      let end = self == .gpt2 ? endOfGPT2(text, kinds, at) : endOfCLIP(text, kinds, at)
      if self == .gpt2 || kinds[at] != .space { words.append(Array(text[at..<end])) }
      at = end
    }
    return words
  }

  private func endOfGPT2(_ text: [Unicode.Scalar], _ kinds: [Kind], _ at: Int) -> Int {
    if let ending = Self.literal(Self.endings, text, at) { return ending }
    let start = text[at] == " " && at + 1 < text.count && kinds[at + 1] != .space ? at + 1 : at
    let end = Self.endOfRun(kinds, start)
    // The last space before a word belongs to the word, if it is a plain one, and else stands alone.
    return kinds[start] == .space && end < text.count && end - start > 1 ? end - 1 : end
  }

  private func endOfCLIP(_ text: [Unicode.Scalar], _ kinds: [Kind], _ at: Int) -> Int {
    (self == .clip ? Self.literal(Self.marks, text, at) : nil) ?? Self.literal(Self.endings, text, at)
      ?? (kinds[at] == .number ? at + 1 : Self.endOfRun(kinds, at))
  }

  private static func endOfRun(_ kinds: [Kind], _ start: Int) -> Int {
    var end = start + 1
    while end < kinds.count, kinds[end] == kinds[start] { end += 1 }
    return end
  }

  private static func literal(_ candidates: [[Unicode.Scalar]], _ text: [Unicode.Scalar], _ at: Int) -> Int? {
    guard text[at] == "'" || text[at] == "<" else { return nil }
    return candidates.first { text[at...].starts(with: $0) }.map { at + $0.count }
  }
}

/// A printable letter for every byte, as byte-level vocabularies spell them.
enum ByteLetters {
  private static let table: [Unicode.Scalar] = {
    var spare: UInt32 = 0x100
    return (0..<256).map { byte in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(UInt8(byte))
      default:
        defer { spare += 1 }
        return Unicode.Scalar(spare) ?? " "
      }
    }
  }()

  static func letters(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    text.flatMap { UTF8.encode($0).map { $0.map { table[Int($0)] } } ?? [] }
  }
}
