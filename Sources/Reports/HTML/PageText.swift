import Foundation
import Records

/// Text from data, made safe to show on a page.
enum PageText {
  /// Without what could reorder, hide or end the text around it: controls and overrides of direction become U+FFFD.
  ///
  /// Line breaks stay; every other white-space control is a space.
  static func clean(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { replacement(of: $0) != nil }) else { return text }
    var out = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { out.append(replacement(of: scalar) ?? scalar) }
    return String(out)
  }

  private static func replacement(of scalar: Unicode.Scalar) -> Unicode.Scalar? {
    switch scalar.value {
    case 0x0A: nil
    case 0x09, 0x0B, 0x0C, 0x0D, 0x85: " "
    case 0x2028, 0x2029: "\n"
    case 0..<0x20, 0x7F...0x9F: "\u{FFFD}"
    // Embeddings, overrides and isolates would turn what follows them.
    case 0x202A...0x202E, 0x2066...0x2069: "\u{FFFD}"
    case 0xFEFF, 0xFFF9...0xFFFB: "\u{FFFD}"
    case let value where value & 0xFFFE == 0xFFFE || (0xFDD0...0xFDEF).contains(value): "\u{FFFD}"
    default: nil
    }
  }

  /// Text whose signs mean nothing to HTML and XML.
  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in clean(text).unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  /// Text for Plotly's labels, which understand a few tags and entities; on one line, and no longer than it helps.
  static func label(_ text: String, longest: Int = 200) -> String {
    let line = clean(text).replacing("\n", with: " ")
    let short = line.count > longest ? String(line.prefix(longest - 1)) + "…" : line
    return short.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
  }

  /// A value as JSON that cannot end the script element around it.
  static func json(_ value: some Encodable) throws -> String {
    embedded(try Tree(encoding: value, keys: .asNamed).json())
  }

  /// JSON text with every sign escaped that means something to HTML or to old readers of scripts.
  static func embedded(_ json: String) -> String {
    var out = String.UnicodeScalarView()
    for scalar in json.unicodeScalars {
      switch scalar {
      case "<", ">", "&", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        out.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).unicodeScalars)
      default: out.append(scalar)
      }
    }
    return String(out)
  }

  /// Four significant digits: what is drawn needs no more.
  static func drawn(_ value: Double) -> Double {
    guard value.isFinite, value != 0 else { return value }
    let scale = pow(10, 3 - log10(abs(value)).rounded(.down))
    return scale.isFinite && scale > 0 ? (value * scale).rounded() / scale : value
  }

  /// A `p` as it is spoken of.
  static func probability(_ p: Double) -> String { p < 0.001 ? "< 0.001" : fixed(p, 3) }

  /// With its sign, and a minus that is one.
  static func signed(_ text: String) -> String {
    if text.hasPrefix("-") { return "−" + text.dropFirst() }
    return text.allSatisfy { "0.".contains($0) } ? text : "+" + text
  }

  /// A sentence as it is set: a number stays with its per cent sign, and a minus is one.
  static func typeset(_ sentence: String) -> String {
    var out = ""
    var before: Character = " "
    let characters = Array(sentence.replacing(" %", with: "\u{A0}%"))
    for (place, character) in characters.enumerated() {
      let isMinus =
        character == "-" && " (\u{A0}".contains(before) && place + 1 < characters.count
        && characters[place + 1].isASCII && characters[place + 1].isNumber
      out.append(isMinus ? "−" : character)
      before = character
    }
    return out
  }

  /// `a`, `a and b`, `a, b and c`.
  static func list(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " and " + last
  }

  /// `0.4 s`, `36 s`, `2 min 5 s`, `1 h 3 min`.
  static func duration(_ seconds: Double) -> String {
    if seconds < 9.95 { return fixed(max(seconds, 0), 1) + " s" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return whole % 60 == 0 ? "\(whole / 60) min" : "\(whole / 60) min \(whole % 60) s" }
    let minutes = Int((seconds / 60).rounded())
    return minutes % 60 == 0 ? "\(minutes / 60) h" : "\(minutes / 60) h \(minutes % 60) min"
  }
}
