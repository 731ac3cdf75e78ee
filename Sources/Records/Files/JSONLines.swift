public import Foundation

/// Appends rows to a file, a line of JSON each.
///
/// Rows are gathered and written in portions; ``flush()`` writes what is waiting. One thread at a time.
public final class JSONLinesWriter {
  private let file: GrowingFile

  /// Begins the file anew.
  public init(_ url: URL) throws { file = try GrowingFile(url, after: 0) }

  /// Goes on with a file: keeps its rows up to the first whose `key` is not below `limit`, or that is not whole.
  ///
  /// A missing file is begun.
  public init(resuming url: URL, where key: String, isBelow limit: Int) throws {
    let isThere = FileManager.default.fileExists(atPath: url.path)
    let bytes = try Diagnosis.placing(url) { isThere ? try Data(contentsOf: url, options: .mappedIfSafe) : Data() }
    file = try GrowingFile(url, after: JSONLines.beginning(of: bytes, where: key, isBelow: limit).length)
  }

  public func append(_ row: some Encodable) throws {
    try append(Tree(encoding: row, keys: .asNamed))
  }

  /// A step's row, of which there are many: past the encoder, which would cost as much as a small step.
  public func append(_ row: StepRow) throws { try append(row.tree) }

  private func append(_ row: Tree) throws { try file.append(Data((row.json() + "\n").utf8)) }

  /// Hands what is waiting to the system, so that another process can read it.
  public func flush() throws { try file.flush() }

  /// Writes what is waiting and forces it to disk.
  public func synchronize() throws { try file.synchronize() }

  /// Writes the rest, forces it to disk and closes; nothing may be appended after.
  public func close() throws { try file.close(synchronizing: true) }
}

/// Reads files of one JSON value a line.
public enum JSONLines {
  /// The rows of a file; a last line without its newline, left by a crash, is passed over.
  ///
  /// - Throws: a ``Diagnosis`` with file and line.
  public static func read<Row: Decodable>(_ type: Row.Type = Row.self, from url: URL) throws -> [Row] {
    let data = try BoundedFile.read(url, limit: BoundedFile.largestTable)
    var rows: [Row] = []
    try forEach(of: data) { number, line in
      do { rows.append(try Tree(json: line).decode(type, keys: .asNamed)) } catch {
        var diagnosis = Diagnosis(describing: error)
        diagnosis.place = "\(url.relativePath):\(number)"
        diagnosis.exitStatus = .input
        throw diagnosis
      }
      return true
    }
    return rows
  }

  /// Whether a file begins with the rows 0, 1, … `count` − 1 by `key`, each whole.
  public static func holds(_ count: Int, by key: String, in url: URL) -> Bool {
    guard count > 0 else { return true }
    guard let bytes = try? Data(contentsOf: url, options: .mappedIfSafe) else { return false }
    return beginning(of: bytes, where: key, isBelow: count).rows == count
  }

  /// How many rows come before the first whose `key` is not below `limit`, or that is not whole; and their bytes.
  static func beginning(of bytes: Data, where key: String, isBelow limit: Int) -> (rows: Int, length: Int) {
    var (rows, length) = (0, 0)
    forEach(of: bytes) { _, line in
      guard let row = try? Tree(json: line), let number = row[path: key]?.intValue, number < limit else { return false }
      rows += 1
      length += line.utf8.count + 1
      return true
    }
    return (rows, length)
  }

  /// Gives `body` each whole line with its number, from 1, until it answers false; one line is in memory at a time.
  fileprivate static func forEach(of data: Data, _ body: (Int, String) throws -> Bool) rethrows {
    var rest = data[...]
    var number = 0
    // After the last newline comes nothing, or a line that was never finished.
    while let newline = rest.firstIndex(of: 0x0A) {
      number += 1
      guard try body(number, String(decoding: rest[..<newline], as: UTF8.self)) else { return }
      rest = rest[(newline + 1)...]
    }
  }
}
