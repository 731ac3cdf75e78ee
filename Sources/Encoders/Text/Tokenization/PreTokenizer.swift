import Records

/// How a normalized text is cut into words, before words are cut into tokens.
indirect enum PreTokenizer: Sendable, Equatable {
  /// White space goes, punctuation stands alone.
  case bert
  /// White space goes.
  case spaces
  /// Bytes as letters; words by GPT-2's pattern, which keeps one space before a word.
  case byteLevel(prefixesSpace: Bool, splits: Bool)
  /// A pattern's matches: CLIP's leave white space out, the others' are the whole text.
  case split(WordPattern)
  /// Numbers stand by themselves, or each of their digits does.
  case digits(alone: Bool)
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
    case .split(let pattern): return pattern.words(of: text)
    case .digits(let alone):
      var words: [[Unicode.Scalar]] = []
      var last: Bool?
      for scalar in text {
        let isNumber = ScalarClasses.isNumber(scalar)
        if isNumber == last, !(isNumber && alone) {
          words[words.count - 1].append(scalar)
        } else {
          words.append([scalar])
        }
        last = isNumber
      }
      return words
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

  /// Whether bytes are spelt as letters.
  var isByteLevel: Bool {
    switch self {
    case .byteLevel: true
    case .sequence(let steps): steps.contains(where: \.isByteLevel)
    default: false
    }
  }

  /// Whether every letter of a text is in one of its words.
  var keepsEverything: Bool {
    switch self {
    case .bert, .spaces: false
    case .split(let pattern): !pattern.isOfCLIP
    case .sequence(let steps): steps.allSatisfy(\.keepsEverything)
    case .byteLevel, .digits, .metaspace: true
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
  /// Llama 3's: numbers of up to three digits, and line ends stay with the signs before them.
  case llama3 =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// Qwen 2's: digits stand alone.
  case qwen2 =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  var isOfCLIP: Bool { self == .clip || self == .clipWithoutMarks }

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
      let end =
        switch self {
        case .gpt2: endOfGPT2(text, kinds, at)
        case .clip, .clipWithoutMarks: endOfCLIP(text, kinds, at)
        case .llama3: endOfLlama3(text, kinds, at, digits: 3)
        case .qwen2: endOfLlama3(text, kinds, at, digits: 1)
        }
      if !isOfCLIP || kinds[at] != .space { words.append(Array(text[at..<end])) }
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

  private func endOfLlama3(_ text: [Unicode.Scalar], _ kinds: [Kind], _ at: Int, digits: Int) -> Int {
    if let ending = Self.ending(text, at) { return ending }
    let isLine = Self.isLineEnd(text[at])
    // One sign or space before a word belongs to it.
    if kinds[at] == .letter { return Self.endOfRun(kinds, at) }
    if kinds[at] != .number, !isLine, at + 1 < text.count, kinds[at + 1] == .letter {
      return Self.endOfRun(kinds, at + 1)
    }
    if kinds[at] == .number { return min(Self.endOfRun(kinds, at), at + digits) }
    let start = text[at] == " " && at + 1 < text.count && kinds[at + 1] == .other ? at + 1 : at
    var end = Self.endOfRun(kinds, start)
    if kinds[start] == .other {
      while end < text.count, Self.isLineEnd(text[end]) { end += 1 }
      return end
    }
    // White space up to its last line end; else the last space before a word belongs to the word.
    if let last = text[at..<end].lastIndex(where: Self.isLineEnd) { return last + 1 }
    return end < text.count && end - at > 1 ? end - 1 : end
  }

  private static func isLineEnd(_ scalar: Unicode.Scalar) -> Bool { scalar == "\n" || scalar == "\r" }

  /// The end of `'s`, `'LL` and the like; the long s is an s there.
  private static func ending(_ text: [Unicode.Scalar], _ at: Int) -> Int? {
    guard text[at] == "'" else { return nil }
    return endings.first { ending in
      at + ending.count <= text.count
        && zip(text[at...], ending).allSatisfy {
          $0 == $1 || ($0.isASCII && $0.properties.lowercaseMapping.unicodeScalars.first == $1)
            || ($0 == "\u{17F}" && $1 == "s")
        }
    }.map { at + $0.count }
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
  private static let bytes = Dictionary(uniqueKeysWithValues: table.enumerated().map { ($1, UInt8($0)) })

  /// The bytes that letters spell; nil where one spells none.
  static func bytes(of letters: [Unicode.Scalar]) -> [UInt8]? {
    let spelt = letters.compactMap { bytes[$0] }
    return spelt.count == letters.count ? spelt : nil
  }

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
