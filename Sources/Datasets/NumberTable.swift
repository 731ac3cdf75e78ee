package import Foundation
import Records

/// An array that is written as text: one row a line, separated by commas, semicolons, tabs or spaces, with a line of names
/// or without.
package struct NumberTable {
  package let rows: Int
  package let columns: Int
  /// Row by row; nil where some cell is no number.
  ///
  /// A missing cell is NaN.
  package let numbers: [Double]?
  /// Row by row, as they stand there.
  package let texts: [String]
  /// What a person should know of how it was read.
  package let notes: [String]

  /// The endings of files that are read so.
  package static let endings: Set<String> = ["csv", "tsv", "txt"]

  /// - Parameter role: what the array is (`labels`): a single first cell of that name is a heading.
  /// - Throws: a `Diagnosis` that names the line.
  package init(_ url: URL, role: String) throws {
    let bytes = try FileWindow(url, limit: BoundedFile.largestTable)
    let found = RawCSV.delimiter(of: bytes)
    var records: [(line: Int, cells: [String])] = []
    var fault: String?
    let unclosed = RawCSV.read(bytes, delimiter: found) { record in
      if let what = record.fault { fault = fault ?? "line \(record.line): \(what)" }
      var cells = record.fields.map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespaces) }
      // As numpy.savetxt writes them.
      if cells.count == 1, !cells[0].isEmpty {
        let words = cells[0].split(whereSeparator: \.isWhitespace).map(String.init)
        if words.count > 1, words.allSatisfy({ Double($0) != nil }) { cells = words }
      }
      records.append((record.line, cells))
    }
    func refuse(_ what: String, _ remedy: String? = nil) -> Diagnosis {
      Diagnosis(what, place: url.relativePath, remedy: remedy, exitStatus: .input)
    }
    if let failure = bytes.failure { throw failure }
    if let unclosed { throw refuse("a quote opened on line \(unclosed) is never closed") }
    if let fault { throw refuse(fault) }
    guard let first = records.first else { throw refuse("there are no rows") }

    var notes: [String] = []
    var names: [String]?
    if Self.isHeading(first.cells, before: records.dropFirst().first?.cells, role) {
      names = first.cells
      records.removeFirst()
      notes.append("'\(url.lastPathComponent)': the first line holds names, not numbers")
    }
    guard let width = records.first?.cells.count else { throw refuse("there are no rows below the names") }
    if let other = records.first(where: { $0.cells.count != width }) {
      throw refuse(
        "line \(other.line) has \(other.cells.count) columns, the first row has \(width)",
        "every row needs as many; an empty cell is a missing number")
    }
    // What pandas writes unless it is told not to.
    let isNumbered = width > 1 && names.map { $0[0].isEmpty || $0[0] == "Unnamed: 0" } ?? false
    if isNumbered {
      notes.append("'\(url.lastPathComponent)': the first column has no name and numbers the rows: left out")
    }
    columns = isNumbered ? width - 1 : width
    rows = records.count
    let cells = records.flatMap { $0.cells.dropFirst(isNumbered ? 1 : 0) }
    let values = cells.map { MissingValue.isMissing($0) ? .nan : Double($0) }
    texts = cells
    numbers = values.contains { $0 == nil } ? nil : values.map { $0 ?? .nan }
    self.notes = notes
  }

  /// Whether the first line holds names: something that is no number above one, or the one word that says what it is.
  private static func isHeading(_ cells: [String], before next: [String]?, _ role: String) -> Bool {
    if cells.count == 1 {
      let names: Set<String> = ["label", "labels", "class", "target", "y", "split", "id", "ids", "group", role]
      if names.contains(cells[0].lowercased()) { return true }
    }
    guard let next, next.count == cells.count else { return false }
    return zip(cells, next).contains { Double($0) == nil && !MissingValue.isMissing($0) && Double($1) != nil }
  }
}
