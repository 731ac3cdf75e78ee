import Foundation
import Records

/// Labels that lie in a table of their own, by id.
struct LabelsFile {
  /// What a line of it says: labels, and the split where it says one.
  private struct Entry {
    var row: RawRows.Row
    var isUsed = false
  }

  private var entries: [String: Entry] = [:]
  private var unmatched = 0
  /// Lines of an id that was there before.
  private var repeated = 0
  private let name: String
  private var own: [String] = []

  /// Reads the table.
  ///
  /// The ids are the column `id`, or the first; the labels the column `label` or one of its usual names, or the only other.
  /// - Throws: ``RawDatasetError`` where it is no such table.
  init(_ url: URL, _ settings: RawDatasetSettings) throws {
    name = url.lastPathComponent
    let place = url.path(percentEncoded: false)
    // Whatever separates the samples, this is another file.
    var plain = settings
    plain.delimiter = ""
    let table = try RawTable(url, plain)
    guard table.faults.isEmpty else { throw RawDatasetError(place: place, faults: table.faults) }
    var head: [RawRecord] = []
    table.read(limit: 200) { head.append($0) }
    let names = table.header.isEmpty ? Set(head.flatMap(\.cells.keys)).sorted() : table.header
    let choice = try RawColumns.Choice("")
    let finder = RawFileFinder(url.deletingLastPathComponent())
    let columns = RawColumns(choice, names: names, head: head, finder: finder, needsLabels: false)
    let id = columns[.id].first ?? names.first ?? ""
    let others = names.filter {
      $0 != id && !$0.isEmpty && !columns[.split].contains($0) && !columns[.group].contains($0)
    }
    guard let label = columns[.label].first ?? (others.count == 1 ? others[0] : nil), label != id else {
      throw RawDatasetError(place: place, faults: [.noLabelColumn(found: names, meant: nil)])
    }
    own = ["labels are those of '\(name)': '\(label)' by '\(id)'"]
    let split = columns[.split].first
    let isJSON = table.header.isEmpty
    table.read { record in
      var row = RawRows.Row(number: record.number)
      guard let key = RawRows.present(row.word(record.cells[id], id).map(RawRows.trimmed)) else { return }
      row.fault = record.fault
      if let tree = record.cells[label] { row.read(label: tree, isCell: !isJSON) }
      if let split { row.split = row.text(record.cells[split], split).map(RawRows.trimmed) }
      // The first of several counts, as of rows.
      if entries[Self.key(key)] == nil { entries[Self.key(key)] = Entry(row: row) } else { repeated += 1 }
    }
  }

  /// An id as ids are compared: without the ending of a file, so that `12.jpg` is `12`.
  private static func key(_ id: String) -> String {
    guard let dot = id.lastIndex(of: "."), dot > id.startIndex else { return id }
    let ending = id[id.index(after: dot)...].lowercased()
    let isFile = RawFileFinder.pictureEndings.contains(ending) || ending == "txt"
    // A whole number that went through a column of fractions.
    return isFile || ending == "0" ? String(id[..<dot]) : id
  }

  /// Gives a row the label of its id.
  mutating func complete(_ row: inout RawRows.Row) {
    guard row.fault == nil else { return }
    let ids = [row.id, row.image.map { String($0.split(separator: "/").last ?? "") }].compactMap { $0 }
    guard let key = ids.map(Self.key).first(where: { entries[$0] != nil }), let found = entries[key]?.row else {
      if row.labels == nil, row.labelCell == nil { unmatched += 1 }
      return
    }
    entries[key]?.isUsed = true
    (row.labels, row.labelCell) = (found.labels, found.labelCell)
    row.fault = found.fault
    if (row.split ?? "").isEmpty, let split = found.split { row.split = split }
  }

  /// What a person should know, once all rows have been completed.
  var notes: [String] {
    let unused = entries.values.count { !$0.isUsed }
    return own
      + (repeated > 0
        ? [
          "\(repeated) \(repeated == 1 ? "line" : "lines") of '\(name)' \(repeated == 1 ? "repeats an id" : "repeat ids"): the first counts"
        ]
        : [])
      + (unused > 0
        ? ["\(unused) \(unused == 1 ? "id" : "ids") of '\(name)' \(unused == 1 ? "has" : "have") no row"] : [])
      + (unmatched > 0 ? ["\(unmatched) \(unmatched == 1 ? "row has" : "rows have") no label in '\(name)'"] : [])
  }
}
