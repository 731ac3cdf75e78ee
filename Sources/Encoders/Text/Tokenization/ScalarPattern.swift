/// The few regular expressions that tokenizers replace by: a letter or a set of letters, one or a run of them.
struct ScalarPattern: Sendable, Equatable {
  private var scalars: Set<Unicode.Scalar> = []
  private var hasSpaces = false
  /// The least length of a run; nil where each letter is replaced on its own.
  private var least: Int?

  /// Reads `x`, `\s`, `[xyz]` and `[a-z]`, and any of these with `+` or `{2,}` behind it; nil for all else.
  init?(_ pattern: String) {
    var rest = Array(pattern.unicodeScalars)[...]
    guard let first = rest.popFirst() else { return nil }
    if first == "[" {
      guard rest.first != "^" else { return nil }
      while let scalar = rest.popFirst(), scalar != "]" {
        guard scalar != "[", let from = Self.letter(scalar, &rest, &hasSpaces) else { return nil }
        guard let low = from else { continue }
        guard rest.first == "-", rest.count > 1, rest[rest.startIndex + 1] != "]" else {
          scalars.insert(low)
          continue
        }
        rest.removeFirst()
        var isSpace = false
        guard let end = rest.popFirst(), let to = Self.letter(end, &rest, &isSpace), let high = to, low <= high,
          high.value - low.value < 0x1000
        else { return nil }
        scalars.formUnion((low.value...high.value).compactMap(Unicode.Scalar.init))
      }
      // Ended by its bracket.
      guard pattern.unicodeScalars.dropLast(rest.count).last == "]" else { return nil }
    } else {
      guard !".^$*+?()|{}]".unicodeScalars.contains(first), let letter = Self.letter(first, &rest, &hasSpaces) else {
        return nil
      }
      if let letter { scalars.insert(letter) }
    }
    switch String(String.UnicodeScalarView(rest)) {
    case "": least = nil
    case "+", "{1,}": least = 1
    case "{2,}": least = 2
    default: return nil
    }
  }

  /// A letter, perhaps behind a backslash; nil inside for `\s`, nil outside for what is not known.
  private static func letter(
    _ scalar: Unicode.Scalar, _ rest: inout ArraySlice<Unicode.Scalar>, _ hasSpaces: inout Bool
  ) -> Unicode.Scalar?? {
    guard scalar == "\\" else { return .some(scalar) }
    guard let escaped = rest.popFirst() else { return nil }
    switch escaped {
    case "s":
      hasSpaces = true
      return .some(nil)
    case "n": return .some("\n")
    case "t": return .some("\t")
    case "r": return .some("\r")
    case _ where escaped.properties.isAlphabetic || ("0"..."9").contains(escaped): return nil
    default: return .some(escaped)
    }
  }

  private func contains(_ scalar: Unicode.Scalar) -> Bool {
    scalars.contains(scalar) || (hasSpaces && ScalarClasses.isSpace(scalar))
  }

  /// The text with every match replaced.
  func replacing(in text: [Unicode.Scalar], with content: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var out: [Unicode.Scalar] = []
    out.reserveCapacity(text.count)
    var at = 0
    while at < text.count {
      var end = at
      while end < text.count, contains(text[end]) { end += 1 }
      if end == at {
        out.append(text[at])
        at += 1
      } else if let least, end - at < least {
        out += text[at..<end]
        at = end
      } else {
        for _ in 0..<(least == nil ? end - at : 1) { out += content }
        at = end
      }
    }
    return out
  }
}
