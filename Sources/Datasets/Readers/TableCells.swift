#if READS_PARQUET
  import Foundation
  import Records

  /// Pictures and sounds in cells of Parquet and Arrow files: `train.parquet:0:17:image`, row 17 of row group 0.
  ///
  /// Cells are asked for nearly in the order of their rows. What was read last is kept, some 256 MB; a row that lies behind
  /// is read from the beginning of its group again.
  final class TableCells: StoredInputs, @unchecked Sendable {
    private struct Cell {
      let file: DataFiles.File
      let group: Int
      let row: Int
      let column: String
      /// The number of a picture where the cell has several.
      let element: Int?
    }

    private struct Group: Hashable {
      let file: String
      let number: Int
    }

    /// A batch that is kept.
    private struct Kept {
      let group: Group
      let rows: Range<Int>
      let array: ArrowArray
    }

    /// Where reading of a group stands.
    private final class Cursor {
      let group: Group
      let reader: ArrowFile.Reader
      var next = 0
      /// Why nothing behind can be read.
      var failure: Diagnosis?

      init(_ group: Group, _ reader: ArrowFile.Reader) {
        self.group = group
        self.reader = reader
      }
    }

    private let files: [String: DataFiles.File]
    private let columns: [String]
    private let lock = NSLock()
    private var kept: [Kept] = []
    private var keptBytes = 0
    private var open: [(name: String, file: ArrowFile)] = []
    private var cursors: [Cursor] = []

    private let mostKept: Int
    private static let mostOpen = 4
    private static let batch = 32

    init(_ files: [DataFiles.File], columns: [TableColumns.Column], mostKept: Int = 256 << 20) {
      self.files = Dictionary(files.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      self.columns = columns.map(\.name)
      self.mostKept = mostKept
    }

    // MARK: Names

    private func cell(_ name: String) -> Cell? {
      var rest = name
      var element: Int?
      if rest.hasSuffix("]"), let mark = rest.lastIndex(of: "["), let number = Int(rest[mark...].dropFirst().dropLast())
      {
        element = number
        rest = String(rest[..<mark])
      }
      let parts = rest.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      // The names of files and columns may have colons in them too.
      for place in parts.indices.dropFirst().dropLast(2) {
        let column = parts[(place + 2)...].joined(separator: ":")
        guard columns.contains(column), let group = Int(parts[place]), let row = Int(parts[place + 1]),
          let file = files[parts[..<place].joined(separator: ":")]
        else { continue }
        return Cell(file: file, group: group, row: row, column: column, element: element)
      }
      return nil
    }

    func holds(_ name: String) -> Bool { cell(name) != nil }

    func stamp(of name: String) -> String { cell(name)?.file.stamp ?? "" }

    // MARK: Bytes

    func bytes(of name: String, limit: Int) throws -> Data {
      guard let cell = cell(name) else {
        throw Diagnosis("there is no such cell", place: name, exitStatus: .input)
      }
      let (batch, row) = try lock.withLock { try located(cell) }
      guard var array = batch[cell.column] else {
        throw Diagnosis("there is no column '\(cell.column)'", place: name, exitStatus: .input)
      }
      var place = row
      if let element = cell.element {
        let range = array.range(row)
        guard element < range.count, let values = array.children.first?.array else {
          throw Diagnosis("the cell has \(range.count) elements", place: name, exitStatus: .input)
        }
        (array, place) = (values, range.lowerBound + element)
      }
      if !array.isNull(place), let bytes = array["bytes"] { array = bytes }
      guard !array.isNull(place) else { throw Diagnosis("the cell is empty", place: name, exitStatus: .input) }
      let count = array.bytes(place).count
      guard count <= limit else {
        throw Diagnosis(
          "the cell is too long: \(count) bytes, where at most \(limit) are read", place: name, exitStatus: .input)
      }
      return array.data(place)
    }

    /// The batch with a row, and the row's place in it.
    private func located(_ cell: Cell) throws -> (ArrowArray, Int) {
      let group = Group(file: cell.file.name, number: cell.group)
      if let place = kept.lastIndex(where: { $0.group == group && $0.rows.contains(cell.row) }) {
        let found = kept[place]
        return (found.array, cell.row - found.rows.lowerBound)
      }
      let cursor = try cursor(group, at: cell)
      if let failure = cursor.failure { throw failure }
      do {
        while let batch = try cursor.reader.next() {
          let rows = cursor.next..<(cursor.next + batch.count)
          cursor.next = rows.upperBound
          keep(Kept(group: group, rows: rows, array: batch))
          if rows.contains(cell.row) { return (batch, cell.row - rows.lowerBound) }
        }
        cursor.failure = Diagnosis(
          "the group ends before row \(cell.row)", place: cell.file.place, exitStatus: .input)
      } catch { cursor.failure = Diagnosis(describing: error) }
      throw cursor.failure ?? Diagnosis("the row cannot be read", place: cell.file.place, exitStatus: .input)
    }

    /// A cursor of the group that has not passed the row.
    private func cursor(_ group: Group, at cell: Cell) throws -> Cursor {
      if let place = cursors.firstIndex(where: { $0.group == group }) {
        let cursor = cursors.remove(at: place)
        if cursor.next <= cell.row {
          cursors.append(cursor)
          return cursor
        }
      }
      let reader = try file(cell.file).read(columns, in: cell.group, rows: Self.batch)
      let made = Cursor(group, reader)
      cursors.append(made)
      if cursors.count > Self.mostOpen { cursors.removeFirst() }
      return made
    }

    private func file(_ file: DataFiles.File) throws -> ArrowFile {
      if let place = open.firstIndex(where: { $0.name == file.name }) {
        open.append(open.remove(at: place))
      } else {
        open.append((file.name, try ArrowFile(file.place)))
        if open.count > Self.mostOpen { open.removeFirst() }
      }
      return open[open.count - 1].file
    }

    private func keep(_ batch: Kept) {
      kept.append(batch)
      keptBytes += batch.array.heldBytes
      while keptBytes > mostKept, kept.count > 1 { keptBytes -= kept.removeFirst().array.heldBytes }
      // Batches of a mapped file take no memory, but looking through them takes time.
      while kept.count > 4096 { keptBytes -= kept.removeFirst().array.heldBytes }
    }
  }
#endif
