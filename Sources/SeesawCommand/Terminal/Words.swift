import Experiments
import Foundation
import Records

/// The sentences and figures of the command, as plain functions.
enum Words {
  /// Columns of the word before a sentence.
  static let column = 9

  /// `     Data  emoji · 1,128 train`; a word that does not fit stands before its sentence.
  static func phase(_ word: String, _ sentence: String) -> String {
    let indent = String(repeating: " ", count: max(0, column - word.count))
    return sentence.isEmpty ? indent + word : "\(indent)\(word)  \(sentence)"
  }

  /// A number with commas: `8,500`.
  static func count(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    var out = ""
    for (place, digit) in digits.enumerated() {
      if place > 0, (digits.count - place) % 3 == 0 { out.append(",") }
      out.append(digit)
    }
    return number < 0 ? "-" + out : out
  }

  /// `0.4 s`, `36 s`, `2 min 5 s`, `1 h 3 min`.
  static func duration(_ seconds: Double) -> String {
    guard seconds >= 9.95 else { return fixed(max(seconds, 0), 1) + " s" }
    let whole = Int(seconds.rounded())
    switch whole {
    case ..<60: return "\(whole) s"
    case ..<3600: return whole % 60 == 0 ? "\(whole / 60) min" : "\(whole / 60) min \(whole % 60) s"
    default:
      let minutes = Int((seconds / 60).rounded())
      return minutes % 60 == 0 ? "\(minutes / 60) h" : "\(minutes / 60) h \(minutes % 60) min"
    }
  }

  /// `1 sample`, `2,000 samples`.
  static func plural(_ number: Int, _ noun: String) -> String { "\(count(number)) \(noun)\(number == 1 ? "" : "s")" }

  /// `80.3` for 0.803.
  static func percent(_ fraction: Double) -> String { fixed(100 * fraction, 1) }

  /// So many decimals; no minus before a zero.
  static func fixed(_ value: Double, _ decimals: Int) -> String {
    let text = String(format: "%.\(decimals)f", value)
    return text.allSatisfy { "-0.".contains($0) } ? text.replacing("-", with: "") : text
  }

  /// Six significant digits; `–` for what is not a number.
  static func figure(_ value: Double) -> String { value.isNaN ? "–" : String(format: "%.6g", value) }

  /// `a`, `a and b`, `a, b and c`.
  static func list(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " and " + last
  }

  // MARK: What was made

  /// Files and how long they took: `runs/demo/results.json, runs/demo/table.md   36 s`.
  static func made(_ files: [String], seconds: Double? = nil) -> String {
    files.joined(separator: ", ") + (seconds.map { "   \(duration($0))" } ?? "")
  }

  /// What encoding or importing left behind.
  static func made(_ summary: EncodeSummary) -> String {
    if summary.alreadyDone { return "already done: \(summary.folder), --again to repeat" }
    return made([summary.folder], seconds: summary.seconds)
  }

  /// The contents of a feature set: `1,128 train, 317 test · image 128, text 256 wide · image-missing`; pixels and tokens
  /// as `image 64 × 64 pixels`.
  static func contents(_ summary: EncodeSummary) -> String {
    let order = ["train", "validation", "test"]
    let splits = summary.counts.sorted {
      (order.firstIndex(of: $0.key) ?? order.count, $0.key) < (order.firstIndex(of: $1.key) ?? order.count, $1.key)
    }
    let counts = splits.map { "\(count($0.value)) \($0.key)" }.joined(separator: ", ")
    let others = summary.forms ?? [:]
    let features = summary.widths.filter { others[$0.key] == nil }.sorted { $0.key < $1.key }
    let widths = features.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    let forms = others.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    let inputs = ((widths.isEmpty ? [] : ["\(widths) wide"]) + forms).joined(separator: ", ")
    let conditions = summary.conditions.filter { $0 != Condition.full }.joined(separator: ", ")
    return [counts, inputs, conditions].filter { !$0.isEmpty }.joined(separator: " · ")
  }

  /// How much of the work was known: `1,601 encoded, 20 known · kept in my-data.cache`; nil where none was to be done.
  static func rows(_ summary: EncodeSummary) -> String? {
    guard let rows = summary.rows, let cache = summary.cache else { return nil }
    let shard = summary.shard.map { "shard \($0): " } ?? ""
    return "\(shard)\(count(rows.encoded)) encoded, \(count(rows.known)) known · kept in \(cache)"
  }

  /// What was left out, or nil.
  static func quarantined(_ summary: EncodeSummary) -> String? {
    guard summary.quarantined > 0 else { return nil }
    return "\(plural(summary.quarantined, "sample")) left out: \(summary.folder)/quarantine.jsonl says which and why"
  }
}
