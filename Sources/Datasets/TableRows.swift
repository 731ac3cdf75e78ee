package import Foundation
import Multimodal
import Records

/// The rows of a table as they lie there, for whoever asks a model about each: none is left out.
package struct TableRows {
  /// A row, or why it cannot be read.
  package struct Row {
    /// The line on which it begins; of a reader of other files its number there.
    package let line: Int
    /// Where it is, as errors name it.
    package let place: String
    /// What it says of its split.
    package let split: String?
    /// What the row is called, where it says so.
    package let id: String?
    package let images: [URL]
    package let text: String?
    package let audio: URL?
    package let fault: String?
    /// Gives the bytes of those inputs that are in no files of their own; nil where all are files.
    package let bytes: (@Sendable (URL) throws -> Data)?
  }

  package let notes: [String]
  private let rows: PackedRows
  private let folder: URL
  private let store: InputStore?

  /// Reads a file or a folder as encoding does; labels need not be there.
  ///
  /// - Parameter folder: what paths are relative to, where it is not the table's own.
  package init(at location: URL, settings: RawDatasetSettings, folder: URL? = nil) throws {
    if folder == nil, let read = try SampleReaders.read(at: location, settings, needsLabels: false) {
      guard read.faults.isEmpty else { throw RawDatasetError(place: location.relativePath, faults: read.faults) }
      rows = read.rows
      notes = read.notes
      self.folder = read.folder
      store = read.inputs.map { InputStore(inputs: $0) }
      return
    }
    let source = try folder.map { RawSource(table: location, in: $0) } ?? RawSource(at: location, settings)
    let read = try RawRows(source, settings, needsLabels: false)
    guard read.faults.isEmpty else {
      throw RawDatasetError(place: source.file.relativePath, faults: read.faults)
    }
    store = read.store
    rows = read.rows
    notes = read.notes
    self.folder = source.folder
  }

  package var count: Int { rows.count }

  package subscript(place: Int) -> Row {
    let row = rows[place]
    // What is asked about may lie anywhere.
    func url(_ path: String) -> URL { path.hasPrefix("/") ? URL(filePath: path) : folder.appending(path: path) }
    let zero = (row.pictures + [row.audio ?? ""]).contains { $0.contains("\0") }
    return Row(
      line: row.number, place: RawRows.place(row.number, in: row.file), split: row.split, id: row.id,
      images: zero ? [] : row.pictures.map(url), text: row.text,
      audio: zero ? nil : row.audio.map(url), fault: row.fault ?? (zero ? "a zero byte in the path of a file" : nil),
      bytes: bytes(of: row, url))
  }

  private func bytes(of row: RawRows.Row, _ url: (String) -> URL) -> (@Sendable (URL) throws -> Data)? {
    guard let inputs = store?.inputs else { return nil }
    let names = Dictionary(
      (row.pictures + [row.audio].compactMap { $0 }).map { (url($0), $0) }, uniquingKeysWith: { first, _ in first })
    return { url in
      guard let name = names[url], inputs.holds(name) else {
        return try BoundedFile.read(url, limit: BoundedFile.largestPicture)
      }
      return try inputs.bytes(of: name, limit: BoundedFile.largestPicture)
    }
  }

  /// Whether the first line of a text names columns that hold inputs.
  package static func isHeader(_ line: String) -> Bool {
    let bytes = Array(line.utf8)
    var names: [String] = []
    _ = RawCSV.read(bytes, delimiter: RawCSV.delimiter(of: bytes), limit: 1) { record in
      names = record.fields.map { RawRows.trimmed(String(decoding: $0, as: UTF8.self)) }
    }
    return names.contains { RawColumns.role(of: $0)?.kind != nil }
  }

  /// The usual role of a key that no input is called by: `image` for `file_name`.
  package static func role(of name: String) -> String? { RawColumns.role(of: name)?.rawValue }

  /// What is asked for by `--columns`, by role.
  package static func columns(_ choice: String) throws -> [String: [String]] {
    Dictionary(uniqueKeysWithValues: try RawColumns.Choice(choice).columns.map { ($0.key.rawValue, $0.value) })
  }
}
