import Yams

/// YAML that may come from an enemy.
enum SafeYAML {
  /// The document's node; nil where there is none.
  ///
  /// Aliases share what they stand for, so that a document of them is small, and who walks it must count. But keys are
  /// hashed while the document is read, as often as their aliases multiply: so keys are plain where there are aliases.
  static func compose(_ text: String) throws -> Node? {
    if text.utf8.contains(UInt8(ascii: "*")), hasKeysOfMoreThanAWord(Array(text.utf8)) {
      throw Diagnosis("a key that is no word cannot be read together with aliases", exitStatus: .usage)
    }
    return try Yams.compose(yaml: text)
  }

  /// Whether something in the text could be such a key: `? …`, `*a :`, `[…] :` or `{…} :`.
  private static func hasKeysOfMoreThanAWord(_ bytes: [UInt8]) -> Bool {
    func isSpace(_ place: Int) -> Bool { place >= bytes.count || [0x20, 0x09, 0x0A, 0x0D].contains(bytes[place]) }
    func colonFollows(_ place: Int) -> Bool {
      var place = place
      while place < bytes.count, isSpace(place) { place += 1 }
      return place < bytes.count && bytes[place] == UInt8(ascii: ":")
    }
    /// Where the alias's name that begins there ends; nil where none begins.
    func nameEnd(_ start: Int) -> Int? {
      let end = bytes[start...].firstIndex { !isNamePart($0) } ?? bytes.count
      return end > start ? end : nil
    }
    return bytes.indices.contains { place in
      switch bytes[place] {
      case UInt8(ascii: "?"):
        isSpace(place + 1) && (place == 0 || isSpace(place - 1) || "[{,-:?".utf8.contains(bytes[place - 1]))
      case UInt8(ascii: "]"), UInt8(ascii: "}"): colonFollows(place + 1)
      case UInt8(ascii: "*"): nameEnd(place + 1).map(colonFollows) ?? false
      default: false
      }
    }
  }

  private static func isNamePart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
