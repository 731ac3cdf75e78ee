import Foundation

/// Classes of scalars as the reference tokenizers know them.
///
/// Checkpoints are trained on what the reference library cuts, and it reads two frozen tables: categories of Unicode 8 for
/// BERT's rules, normalization of Unicode 12.1, whose compatibility forms are of 11. A scalar that is younger has no class
/// there.
enum ScalarClasses {
  /// Where words end: the property White_Space.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII ? scalar == " " || (0x09...0x0D).contains(scalar.value) : scalar.properties.isWhitespace
  }

  /// What BERT's cleaning removes: controls and formats, private use, U+FFFD.
  static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return (scalar.value < 0x20 && !isSpace(scalar)) || [0x0B, 0x0C, 0x7F].contains(scalar.value) }
    switch scalar.properties.generalCategory {
    case .control, .privateUse: return true
    case .format: return isOld(scalar)
    default: return scalar == "\u{FFFD}"
    }
  }

  /// What BERT takes as a word of its own: punctuation, and ASCII's other signs.
  static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII {
      return switch scalar.value {
      case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
      default: false
      }
    }
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      return isOld(scalar)
    default:
      // Of another category since.
      return scalar.value == 0x166D || scalar.value == 0x111C9
    }
  }

  /// What is taken off letters: nonspacing marks.
  static func isAccent(_ scalar: Unicode.Scalar) -> Bool {
    guard scalar.value >= 0x300 else { return false }
    // Spacing marks since.
    if scalar.value == 0x1734 || scalar.value == 0x1171E { return true }
    guard scalar.properties.generalCategory == .nonspacingMark else { return false }
    // Letters, a spacing mark and punctuation before they became marks.
    return isOld(scalar) && ![0x1885, 0x1886, 0xA9BD, 0x111C9].contains(scalar.value)
  }

  /// Ideographs that BERT cuts one by one.
  static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x2A6DF, 0x2A700...0x2B81F, 0x2B920...0x2CEAF,
      0x2F800...0x2FA1F:
      true
    default: false
    }
  }

  static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return (0x41...0x5A).contains(scalar.value & 0xDF) }
    return switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  static func isNumber(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return (0x30...0x39).contains(scalar.value) }
    return switch scalar.properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: true
    default: false
    }
  }

  /// What `\w` takes.
  static func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool {
    isLetter(scalar) || isNumber(scalar) || scalar.properties.isAlphabetic || scalar == "_"
      || [.nonspacingMark, .spacingMark, .enclosingMark, .connectorPunctuation].contains(
        scalar.properties.generalCategory)
  }

  private static func isOld(_ scalar: Unicode.Scalar) -> Bool {
    guard let age = scalar.properties.age else { return false }
    return age.major <= 8
  }

  /// A text in a normal form; scalars younger than the reference's tables are left as they are.
  static func normalized(_ text: [Unicode.Scalar], _ form: (String) -> String) -> [Unicode.Scalar] {
    if text.allSatisfy(\.isASCII) { return text }
    var out: [Unicode.Scalar] = []
    out.reserveCapacity(text.count)
    var run = String.UnicodeScalarView()
    func end() {
      // Foundation sorts a mark that comes out of a decomposition only when it meets it again.
      out += form(String(run).decomposedStringWithCanonicalMapping).unicodeScalars
      run.removeAll()
    }
    for scalar in text {
      // The two of Unicode 12 that stand for others stand for themselves in the reference.
      let isKnown =
        scalar.isASCII
        || scalar != "\u{32FF}" && scalar != "\u{1F16C}" && scalar.properties.age.map { $0.major <= 12 } ?? false
      if isKnown && !standsAlone(scalar) {
        run.append(scalar)
      } else {
        end()
        out += isKnown ? Array(form(String(Character(scalar))).unicodeScalars) : [scalar]
      }
    }
    end()
    return out
  }

  /// Whether nothing is composed with a scalar: Foundation joins U+1004D and an accent as if it were `M`.
  private static func standsAlone(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value > 0xFFFF && !(0x11000...0x11FFF).contains(scalar.value)
      && scalar.properties.canonicalCombiningClass == .notReordered
  }
}
