import Foundation
import Records

/// An audit for a terminal: its sentences, then what each modality is worth in figures.
struct AuditAnswer {
  let record: AuditRecord

  init(_ record: AuditRecord) { self.record = record }

  var words: [String] { record.words }

  func text(width: Int) -> String {
    var lines = words.flatMap { Self.wrapped($0, width: width) }
    if !lines.isEmpty { lines.append("") }
    lines.append(
      "  \(Words.plural(record.samples, "sample")), \(Words.plural(record.classes.count, "class"))"
        .replacing("classs", with: "classes"))
    lines.append("")
    lines.append(scores)
    if let modalities {
      lines.append("")
      lines.append(modalities)
    }
    let untold = record.untold.filter { !$0.needs.isEmpty }
    if !untold.isEmpty {
      lines.append("")
      lines += Self.wrapped(
        "Not told: "
          + untold.map { "\($0.measure) (needs \($0.needs.joined(separator: ", ")))" }.joined(separator: "; "),
        width: width)
    }
    for note in record.notes { lines += Self.wrapped("Note: \(note)", width: width) }
    return lines.joined(separator: "\n")
  }

  /// Scores by condition, in the order of a table.
  private var scores: String {
    let kinds = ["full", "missing", "absent", "only", "alone"]
    func rank(_ condition: String) -> Int {
      kinds.firstIndex(of: String(condition.prefix { $0 != ":" })) ?? kinds.count
    }
    func place(_ condition: String) -> Int {
      record.modalities.firstIndex { condition.hasSuffix(":\($0)") } ?? record.modalities.count
    }
    let conditions = record.scores.keys.sorted { (rank($0), place($0), $0) < (rank($1), place($1), $1) }
    let rows = conditions.compactMap { condition in
      record.scores[condition].map { [condition, Self.percent($0.value), Self.interval($0.interval95)] }
    }
    return Columns.text([["condition", record.metric, "95 % interval"]] + rows, right: [1], indent: 2)
  }

  /// What each modality is worth; nil where no measure says.
  private var modalities: String? {
    func row(_ title: String, _ path: (String) -> String, _ value: (String) -> Double?, bits: Bool = false) -> [String]?
    {
      let cells = record.modalities.map { name in
        value(name).map { number in
          let figure = bits ? Words.fixed(number, 3) : Self.percent(number)
          let interval = record.interval95[path(name)].map {
            bits
              ? " (\(Words.fixed($0.low, 3)) to \(Words.fixed($0.high, 3)))"
              : " (\(Self.percent($0.low)) to \(Self.percent($0.high)))"
          }
          return figure + (interval ?? "")
        }
      }
      return cells.contains { $0 != nil } ? [title] + cells.map { $0 ?? "–" } : nil
    }
    let rows = [
      row("lost where it is another sample's, points", { "swap.\($0).drop" }, { record.swap[$0]?.drop }),
      row("answers moved by that, bits", { "swap.\($0).divergence" }, { record.swap[$0]?.divergence }, bits: true),
      row("followed where the two disagree, %", { "swap.\($0).follow" }, { record.swap[$0]?.follow }),
      row("of what its logits vary with, %", { "emap.shares.\($0)" }, { record.emap?.shares[$0] }),
      row("of what speaks for its answers, %", { "shares.\($0)" }, { record.shares[$0] }),
      row("bits available", { "usable.available.\($0)" }, { record.usable?.available[$0] }, bits: true),
      row("bits used", { "usable.used.\($0)" }, { record.usable?.used[$0] }, bits: true),
    ].compactMap { $0 }
    guard !rows.isEmpty else { return nil }
    return Columns.text([[""] + record.modalities] + rows, indent: 2)
  }

  private static func percent(_ value: Double) -> String { Words.percent(value) }

  private static func interval(_ interval: Interval?) -> String {
    interval.map { "\(percent($0.low)) to \(percent($0.high))" } ?? ""
  }

  /// A change from one audit to another.
  static func text(_ change: AuditChange, width: Int) -> String {
    let order = change.differences.sorted { $0.key < $1.key }
    let rows = order.map { path, one in
      let isBits = path.hasSuffix("divergence")
      func figure(_ value: Double) -> String { isBits ? Words.fixed(value, 3) : percent(value) }
      return [
        path, figure(one.old), figure(one.new), figure(one.difference.value),
        one.difference.interval95.map { "\(figure($0.low)) to \(figure($0.high))" } ?? "",
      ]
    }
    let table = Columns.text(
      [["", "old", "new", "difference", "95 % interval"]] + rows, right: [1, 2, 3], indent: 2)
    let words = change.words.flatMap { wrapped($0, width: width) }
    let notes = change.notes.flatMap { wrapped("Note: \($0)", width: width) }
    return (words + ["", table] + notes).joined(separator: "\n")
  }

  /// Lines no wider than a page, where words allow it.
  static func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + word.count + 1 > max(width - 2, 20) {
        lines.append("  " + line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    if !line.isEmpty { lines.append("  " + line) }
    return lines
  }
}
