import Foundation
import Records

/// What is done to a text before it is cut.
indirect enum TextNormalizer: Sendable, Equatable {
  case bert(BERTNormalization)
  case nfc, nfd, nfkc, nfkd
  case lowercase
  case stripAccents
  case strip(left: Bool, right: Bool)
  case prepend(String)
  case replace(String, with: String)
  /// Runs of white space become one text.
  case replaceSpaces(with: String)
  case replaceMatches(ScalarPattern, with: String)
  /// SentencePiece's table.
  case precompiled(PrecompiledMap)
  case sequence([TextNormalizer])

  struct BERTNormalization: Sendable, Equatable {
    var cleansText = true
    var separatesIdeographs = true
    var stripsAccents = true
    var lowercases = true
  }

  func callAsFunction(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    switch self {
    case .bert(let rules): return Self.bert(text, rules)
    case .nfc: return ScalarClasses.normalized(text, \.precomposedStringWithCanonicalMapping)
    case .nfd: return ScalarClasses.normalized(text, \.decomposedStringWithCanonicalMapping)
    // In two steps: what a bold letter stands for takes the accent behind it.
    case .nfkc: return TextNormalizer.nfc(TextNormalizer.nfkd(text))
    case .nfkd: return ScalarClasses.normalized(text, \.decomposedStringWithCompatibilityMapping)
    case .lowercase: return Self.lowercased(text)
    case .stripAccents: return text.filter { !ScalarClasses.isAccent($0) }
    case .strip(let left, let right):
      let start = left ? text.firstIndex { !ScalarClasses.isSpace($0) } ?? text.endIndex : text.startIndex
      let end = right ? text.lastIndex { !ScalarClasses.isSpace($0) }.map { $0 + 1 } ?? start : text.endIndex
      return Array(text[start..<max(start, end)])
    case .prepend(let prefix): return text.isEmpty ? text : Array(prefix.unicodeScalars) + text
    case .replace(let pattern, let content):
      return Self.replacing(Array(pattern.unicodeScalars), with: Array(content.unicodeScalars), in: text)
    case .replaceSpaces(let content):
      var out: [Unicode.Scalar] = []
      for (i, scalar) in text.enumerated() {
        if !ScalarClasses.isSpace(scalar) {
          out.append(scalar)
        } else if i == 0 || !ScalarClasses.isSpace(text[i - 1]) {
          out += content.unicodeScalars
        }
      }
      return out
    case .replaceMatches(let pattern, let content):
      return pattern.replacing(in: text, with: Array(content.unicodeScalars))
    case .precompiled(let map): return map(text)
    case .sequence(let steps): return steps.reduce(text) { $1($0) }
    }
  }

  /// How many times as long a text may become.
  var growth: Double {
    switch self {
    case .replace(let pattern, let content):
      max(1, Double(content.unicodeScalars.count) / Double(max(pattern.unicodeScalars.count, 1)))
    case .replaceSpaces(let content): max(1, Double(content.unicodeScalars.count))
    case .sequence(let steps): steps.reduce(1) { $0 * $1.growth }
    default: 1
    }
  }

  private static func bert(_ text: [Unicode.Scalar], _ rules: BERTNormalization) -> [Unicode.Scalar] {
    var out: [Unicode.Scalar] = []
    out.reserveCapacity(text.count)
    for scalar in text {
      if rules.cleansText {
        if scalar.value == 0 || (ScalarClasses.isControl(scalar) && !["\t", "\n", "\r"].contains(scalar)) { continue }
        if ScalarClasses.isSpace(scalar) {
          out.append(" ")
          continue
        }
      }
      if rules.separatesIdeographs, ScalarClasses.isIdeograph(scalar) {
        out += [" ", scalar, " "]
      } else {
        out.append(scalar)
      }
    }
    if rules.stripsAccents {
      out = ScalarClasses.normalized(out, \.decomposedStringWithCanonicalMapping)
      out.removeAll(where: ScalarClasses.isAccent)
    }
    return rules.lowercases ? lowercased(out) : out
  }

  // Scalar by scalar: a final sigma stays a sigma, as in the reference.
  private static func lowercased(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var out: [Unicode.Scalar] = []
    out.reserveCapacity(text.count)
    for scalar in text {
      if scalar.isASCII {
        let upper = (0x41...0x5A).contains(scalar.value)
        out.append(upper ? Unicode.Scalar(UInt8(scalar.value) | 0x20) : scalar)
      } else {
        out += scalar.properties.lowercaseMapping.unicodeScalars
      }
    }
    return out
  }

  static func replacing(
    _ pattern: [Unicode.Scalar], with content: [Unicode.Scalar], in text: [Unicode.Scalar]
  ) -> [Unicode.Scalar] {
    var out: [Unicode.Scalar] = []
    var at = 0
    while at < text.count {
      if !pattern.isEmpty, text[at...].starts(with: pattern) {
        out += content
        at += pattern.count
      } else {
        out.append(text[at])
        at += 1
      }
    }
    return out
  }
}
