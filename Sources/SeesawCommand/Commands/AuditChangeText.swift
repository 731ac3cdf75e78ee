import Foundation
import Records

/// What has changed from one audit to another, for a terminal.
enum AuditChangeText {
  static func text(_ change: AuditChange, width: Int) -> String {
    let rows = change.differences.sorted { $0.key < $1.key }.map { path, one in
      let isBits = path.hasSuffix("divergence")
      func figure(_ value: Double) -> String { isBits ? Words.fixed(value, 3) : Words.percent(value) }
      return [
        path, figure(one.old), figure(one.new), figure(one.difference.value),
        one.difference.interval95.map { "\(figure($0.low)) to \(figure($0.high))" } ?? "",
      ]
    }
    let table = Columns.text(
      [["", "old", "new", "difference", "95 % interval"]] + rows, right: [1, 2, 3], indent: 2)
    let words = change.words.flatMap { wrapped($0, width: width) }
    let notes = change.notes.flatMap { wrapped("note: \($0)", width: width) }
    return (words + ["", table] + notes).joined(separator: "\n")
  }

  /// Lines no wider than a page, where words allow it.
  static func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + word.count + 1 > max(min(width, 100) - 2, 20) {
        lines.append("  " + line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    if !line.isEmpty { lines.append("  " + line) }
    return lines
  }
}
