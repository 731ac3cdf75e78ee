import Records

/// What one cell of a table says of labels.
enum LabelCell: Equatable {
  case missing
  /// A list that is written as one, in whatever spelling.
  case list([String])
  /// A text, of which only the whole column tells whether it holds several labels.
  case text(String)

  /// Reads a cell: `cat`, `["a", "b"]` of JSON, `['a', 'b']` of Python, `['a' 'b']` of NumPy, `[0 1 0]`, `0,1,0`.
  ///
  /// Brackets around words without quotes are part of a name: `[sad]`.
  init(_ cell: String) {
    let text = RawRows.trimmed(cell)
    if MissingValue.isMissing(text) {
      self = .missing
    } else if let list = Self.list(text) ?? Self.flags(text) {
      self = .list(list)
    } else {
      self = .text(text)
    }
  }

  /// Whether a label is one of the two numbers of a row that says of each class whether it is there.
  static func flag(_ label: String) -> Bool? {
    switch label {
    case "0", "0.0", "false", "False", "FALSE": false
    case "1", "1.0", "true", "True", "TRUE": true
    default: nil
    }
  }

  /// Nothing but 0 and 1 with spaces or commas between them.
  private static func flags(_ text: String) -> [String]? {
    guard text.utf8.count >= 3, text.utf8.allSatisfy({ "01 ,;\t".utf8.contains($0) }) else { return nil }
    let parts = text.split { " ,;\t".contains($0) }.map(String.init)
    return parts.count > 1 && parts.allSatisfy { flag($0) != nil } ? parts : nil
  }

  private static func list(_ text: String) -> [String]? {
    var text = Substring(text)
    for name in ["array(", "tensor(", "set("] where text.hasPrefix(name) && text.hasSuffix(")") {
      text = text.dropFirst(name.count).dropLast()
      if text.isEmpty { return [] }
      // array([0, 1], dtype=float32)
      if text.hasPrefix("["), let end = text.lastIndex(of: "]") { text = text[...end] }
    }
    guard let first = text.first, let last = text.last, text.count > 1 else { return nil }
    switch (first, last) {
    case ("[", "]"): break
    case ("(", ")"), ("{", "}"): break
    default: return nil
    }
    guard let items = ListScanner.items(of: text.dropFirst().dropLast()) else { return nil }
    // A name may stand in round brackets, and so may a number.
    if first != "[", !items.isEmpty, !items.contains(where: \.isQuoted), items.count < 2 { return nil }
    if first == "{", items.isEmpty { return nil }
    return items.compactMap(\.label)
  }
}

/// Takes the inside of a list apart as Python, JSON and NumPy write it.
private struct ListScanner {
  struct Item {
    let text: String
    let isQuoted: Bool

    /// nil where it is a missing value.
    var label: String? {
      let text = RawRows.trimmed(text)
      return MissingValue.isMissing(text) ? nil : text
    }
  }

  private let characters: [Character]
  private var place = 0

  /// The items; nil where the text is no list but, say, words in brackets.
  static func items(of text: Substring) -> [Item]? {
    var scanner = ListScanner(characters: Array(text))
    return scanner.items()
  }

  private mutating func items() -> [Item]? {
    var found: [Item] = []
    var hasCommas = false
    skipSpace()
    while place < characters.count {
      guard let item = characters[place] == "\"" || characters[place] == "'" ? quoted() : bare() else { return nil }
      found.append(item)
      let hadSpace = skipSpace()
      guard place < characters.count else { break }
      if characters[place] == "," {
        hasCommas = true
        place += 1
        skipSpace()
      } else if !hadSpace || hasCommas {
        return nil
      }
    }
    return found
  }

  @discardableResult
  private mutating func skipSpace() -> Bool {
    let start = place
    while place < characters.count, characters[place].isWhitespace { place += 1 }
    return place > start
  }

  private mutating func quoted() -> Item? {
    let quote = characters[place]
    var text = ""
    place += 1
    while place < characters.count, characters[place] != quote {
      if characters[place] == "\\", place + 1 < characters.count {
        place += 1
        switch characters[place] {
        case "n": text.append("\n")
        case "t": text.append("\t")
        case "u", "x", "U": text.append(code())
        case let other: text.append(other)
        }
      } else {
        text.append(characters[place])
      }
      place += 1
    }
    guard place < characters.count else { return nil }
    place += 1
    return Item(text: text, isQuoted: true)
  }

  /// A character by its number in hexadecimal digits: `\u00e9`, `\xe9`.
  private mutating func code() -> Character {
    let count = characters[place] == "x" ? 2 : characters[place] == "u" ? 4 : 8
    let digits = characters[min(place + 1, characters.count)..<min(place + 1 + count, characters.count)]
    guard digits.count == count, let number = UInt32(String(digits), radix: 16), let scalar = Unicode.Scalar(number)
    else { return characters[place] }
    place += count
    return Character(scalar)
  }

  /// A number, a truth value, or a missing value; anything else makes the whole a name.
  private mutating func bare() -> Item? {
    let start = place
    while place < characters.count, characters[place] != ",", !characters[place].isWhitespace { place += 1 }
    var word = String(characters[start..<place])
    switch word {
    case "True", "False", "true", "false": return Item(text: word.lowercased(), isQuoted: false)
    case "": return nil
    default: break
    }
    if MissingValue.isMissing(word) { return Item(text: word, isQuoted: false) }
    guard word.utf8.allSatisfy({ "+-.eE0123456789".utf8.contains($0) }) else { return nil }
    // As NumPy writes whole numbers of its floating-point arrays.
    if word.hasSuffix(".") { word += "0" }
    return Double(word) == nil ? nil : Item(text: word, isQuoted: false)
  }
}
