import Foundation
import Records

/// The labels of all rows of a table, which only together tell what they mean: whether lists of 0 and 1 say of each class
/// whether it is there, whether a sign separates labels, and which names are the same number.
struct LabelColumn {
  /// Names that stand in lists.
  private var names = Names()
  /// Texts that may hold several labels, and how often each occurs.
  private var cells = Names()
  private var cellCounts: [Int] = []
  /// Rows whose list is all 0 and 1, by its length.
  private var vectors: [Int: Int] = [:]
  private var hasRepeats = false
  private var listed = 0

  // What is decided once all rows are there.
  private var labelsOfCell: [[String]] = []
  private var spelling: [String: String] = [:]
  /// How many classes a list of 0 and 1 speaks of; nil where lists hold names.
  private var width: Int?

  /// The numbers that stand for a row's labels.
  mutating func numbers(of row: RawRows.Row) -> [Int] {
    if let cell = row.labelCell {
      let number = cells.number(cell)
      if number == cellCounts.count { cellCounts.append(0) }
      cellCounts[number] += 1
      return [1, number]
    }
    guard let labels = row.labels else { return [0] }
    count(labels)
    return [labels.count + 2] + labels.map { names.number($0) }
  }

  private mutating func count(_ labels: [String], times: Int = 1) {
    guard !labels.isEmpty else { return }
    listed += times
    guard labels.count > 1, labels.allSatisfy({ LabelCell.flag($0) != nil }) else { return }
    vectors[labels.count, default: 0] += times
    hasRepeats = hasRepeats || Set(labels).count < labels.count
  }

  /// Gives a row its labels back.
  ///
  /// - Parameter next: the next of its ``numbers(of:)``.
  func read(into row: inout RawRows.Row, _ next: () -> Int) {
    let count = next()
    switch count {
    case 0: return
    case 1:
      let number = next()
      guard number < labelsOfCell.count else {
        row.labelCell = cells.names[number]
        return
      }
      row.labels = labelsOfCell[number]
    default: row.labels = (2..<count).map { _ in names.names[next()] }
    }
    guard let labels = row.labels, !labels.isEmpty else { return }
    if let width {
      let flags = labels.map(LabelCell.flag)
      if flags.contains(nil) {
        row.fault = row.fault ?? "its label is no list of 0 and 1, which other rows have"
      } else if flags.count != width {
        row.fault =
          row.fault ?? "its label is a list of \(flags.count) numbers, where other rows have \(width)"
      } else {
        row.labels = flags.indices.filter { flags[$0] == true }.map(String.init)
      }
    } else if !spelling.isEmpty {
      row.labels = labels.map { spelling[$0] ?? $0 }
    }
  }

  /// Stands for a separator where each cell is a number that is predicted, and nothing is to be made of how cells look.
  static let ofNumbers = "\0"

  /// Decides what the labels of all rows together mean; what a person should know of it, a sentence each.
  ///
  /// - Parameter separator: what stands between several labels of a cell; empty finds out, `none` is nothing.
  mutating func settle(separator: String) -> [String] {
    if separator == Self.ofNumbers {
      labelsOfCell = cells.names.map { [$0] }
      return []
    }
    var notes: [String] = []
    labelsOfCell = split(separator, &notes)
    for (number, labels) in labelsOfCell.enumerated() where labels.count > 1 {
      count(labels, times: cellCounts[number])
    }
    let single = labelsOfCell.indices.reduce(0) { $0 + (labelsOfCell[$1].count == 1 ? cellCounts[$1] : 0) }
    if let (length, rows) = vectors.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }), rows * 2 > listed + single,
      hasRepeats || rows == listed + single
    {
      width = length
      notes.append("labels are lists of 0 and 1: the classes are named by their places, 0 to \(length - 1)")
      return notes
    }
    let all = Set(names.names).union(labelsOfCell.joined())
    spelling = Self.spellings(of: all)
    if !spelling.isEmpty {
      let words = spelling.sorted { $0.key < $1.key }.prefix(5).map { "'\($0.key)' is '\($0.value)'" }
      notes.append(
        "the same number in several spellings is one class: \(words.joined(separator: ", "))"
          + (spelling.count > 5 ? ", …" : ""))
    }
    for name in all.filter(MissingValue.isLike).sorted() {
      notes.append("the class '\(name)' looks like a missing value, and is taken as a class")
    }
    return notes
  }

  // MARK: Separators

  private func split(_ separator: String, _ notes: inout [String]) -> [[String]] {
    switch separator.lowercased() {
    case "none": return cells.names.map { [$0] }
    case "":
      if let sign = ["|", ";"].first(where: separates) {
        let several = cells.names.indices.filter { cells.names[$0].contains(sign) }
        let rows = several.reduce(0) { $0 + cellCounts[$1] }
        notes.append(
          "'\(sign)' separates labels: \(rows == 1 ? "1 row has" : "\(rows) rows have") several, as "
            + "'\(cells.names[several[0]].prefix(60))'; --label-separator none takes such a text as one name")
        return cells.names.map { Self.parts($0, sign) }
      }
      for sign in [";", ","] where recurs(sign) || (sign == ";" && cells.names.contains { $0.contains(sign) }) {
        let example = cells.names.first { $0.contains(sign) } ?? ""
        notes.append(
          "the class '\(example.prefix(60))' is taken as one name; --label-separator '\(sign)' makes several of it")
        break
      }
      return cells.names.map { [$0] }
    default:
      let sign = separator.lowercased() == "tab" ? "\t" : separator
      return cells.names.map { Self.parts(Self.unwrapped($0), sign).map(Self.unwrapped) }
    }
  }

  private static func parts(_ cell: String, _ sign: String) -> [String] {
    cell.components(separatedBy: sign).map(RawRows.trimmed).filter { $0.isEmpty || !MissingValue.isMissing($0) }
  }

  /// Without the brackets or quotes around it.
  private static func unwrapped(_ text: String) -> String {
    guard let first = text.first, let last = text.last, text.count > 1 else { return text }
    switch (first, last) {
    case ("[", "]"), ("(", ")"), ("{", "}"), ("'", "'"), ("\"", "\""):
      return RawRows.trimmed(String(text.dropFirst().dropLast()))
    default: return text
    }
  }

  /// A bar is there for nothing else; a semicolon where what it separates occurs in other cells too.
  private func separates(_ sign: String) -> Bool {
    sign == "|" ? cells.names.contains { $0.contains(sign) } : recurs(sign)
  }

  /// Whether the parts of cells make up fewer names than the cells do, and some part stands in two cells.
  private func recurs(_ sign: String) -> Bool {
    var cellOfPart: [String: Int] = [:]
    var isShared = false
    var several = 0
    for (number, cell) in cells.names.enumerated() {
      let parts = Set(Self.parts(cell, sign))
      if parts.count > 1 { several += 1 }
      for part in parts where cellOfPart.updateValue(number, forKey: part) != nil { isShared = true }
    }
    return several > 0 && isShared && cellOfPart.count <= cells.names.count + several
  }

  // MARK: Numbers

  /// Names that are written otherwise than the shortest spelling of the same number, and that spelling.
  static func spellings(of names: Set<String>) -> [String: String] {
    var values: [String: Double] = [:]
    for name in names {
      // Beyond 2^53 numbers that differ are the same to a double.
      guard name.utf8.count <= 15, name.utf8.allSatisfy({ "+-.eE0123456789".utf8.contains($0) }) else { continue }
      if let value = Double(name), value.isFinite { values[name] = value }
    }
    // 007 is a code rather than a number, unless all others are numbers.
    if values.count < names.count { values = values.filter { !isCode($0.key) } }
    var spelling: [String: String] = [:]
    for group in Dictionary(grouping: values.keys, by: { values[$0] == 0 ? 0 : values[$0] ?? 0 }).values
    where group.count > 1 {
      guard let best = group.min(by: { ($0.utf8.count, $0) < ($1.utf8.count, $1) }) else { continue }
      for name in group where name != best { spelling[name] = best }
    }
    return spelling
  }

  private static func isCode(_ name: String) -> Bool {
    name.utf8.count > 1 && name.hasPrefix("0") && !name.hasPrefix("0.") && !name.lowercased().hasPrefix("0e")
  }
}

/// Texts that occur again and again, by their numbers.
struct Names {
  private(set) var names: [String] = []
  private var numbers: [String: Int] = [:]

  mutating func number(_ name: String) -> Int {
    if let number = numbers[name] { return number }
    numbers[name] = names.count
    names.append(name)
    return names.count - 1
  }
}
