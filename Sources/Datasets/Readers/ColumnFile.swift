package import Foundation
import Records

#if READS_PARQUET
  import CArrow
#endif

/// A Parquet or Arrow file as columns of numbers and texts, each read whole when it is asked for; used by one thread.
package final class ColumnFile {
  /// The values of a column, one for each row.
  package enum Values {
    /// NaN where there is none.
    case numbers([Double], isWhole: Bool)
    case texts([String])
    /// Lists of numbers that are all as long, or structs of numbers, whose names are ``fields``; row by row.
    case rows([Double], width: Int, fields: [String]?)
    case textLists([[String]])
    /// Lists of lists of numbers; nil where a row has none.
    case grids([[[Double]]?])
  }

  package let names: [String]
  private let place: String
  #if READS_PARQUET
    private let file: ArrowFile
    private let rows: Int
  #endif

  /// Numbers and texts of a column at most.
  private static let most = 200_000_000

  /// - Throws: a `Diagnosis` where it cannot be opened, or this build has no Arrow.
  package init(at url: URL) throws {
    place = url.relativePath
    #if READS_PARQUET
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), !isFolder.boolValue else {
        throw Diagnosis("no such file", place: place, exitStatus: .input)
      }
      file = try ArrowFile(url.path)
      names = try file.schema().children.map(\.name)
      let counts = (0..<file.groups).compactMap(file.rows)
      rows = counts.count == file.groups ? counts.reduce(0, +) : 0
      guard rows <= Self.most else { throw Self.tooLarge(place) }
      if let twice = Dictionary(grouping: names, by: { $0 }).filter({ $1.count > 1 }).keys.min() {
        throw Diagnosis(
          "there are several columns '\(twice.escapedForTerminal.clipped(60))'", place: place, exitStatus: .input)
      }
    #else
      throw Diagnosis(
        "this build reads no Parquet or Arrow files", place: place,
        remedy: "\(SampleReaders.noParquet), or write .npz, .safetensors or .jsonl", exitStatus: .input)
    #endif
  }

  private static func tooLarge(_ place: String) -> Diagnosis {
    Diagnosis("a column has more than \(most / 1_000_000) million values", place: place, exitStatus: .input)
  }

  /// A text that stands beside the schema.
  package func metadata(_ key: String) -> String? {
    #if READS_PARQUET
      return file.metadata(key)
    #else
      return nil
    #endif
  }

  /// All values of a column.
  ///
  /// - Parameter allowingEmpty: whether a text that is not there is an empty one, and a list that is not there is passed over.
  /// - Throws: a `Diagnosis` that names the column and the row.
  package func values(_ name: String, allowingEmpty: Bool = false) throws -> Values {
    #if READS_PARQUET
      var column = Column(name: name, place: place, allowsEmpty: allowingEmpty)
      for group in 0..<file.groups {
        let reader = try file.read([name], in: group, rows: 1 << 14)
        while let batch = try reader.next() {
          guard let array = batch[name] else { continue }
          try column.append(array)
          guard column.count <= Self.most else { throw Self.tooLarge(place) }
        }
      }
      return try column.values()
    #else
      return .texts([])
    #endif
  }
}

#if READS_PARQUET
  /// A column's values so far.
  private struct Column {
    let name: String
    let place: String
    private let allowsEmpty: Bool
    private var rows = 0
    private var kind: Kind?
    private var numbers: [Double] = []
    private var isWhole = true
    private var width: Int?
    private var fields: [String]?
    private var texts: [String] = []
    private var lists: [[String]] = []
    private var grids: [[[Double]]?] = []
    /// Numbers in them.
    private var inGrids = 0

    private enum Kind { case numbers, texts, rows, lists, grids }

    init(name: String, place: String, allowsEmpty: Bool) {
      self.name = name
      self.place = place
      self.allowsEmpty = allowsEmpty
    }

    /// Numbers and texts so far.
    var count: Int { max(rows, numbers.count + inGrids) + texts.count }

    private func refusal(_ what: String, row: Int? = nil) -> Diagnosis {
      Diagnosis(
        "'\(name.escapedForTerminal.clipped(60))' \(what)" + (row.map { " in row \($0)" } ?? ""), place: place,
        exitStatus: .input)
    }

    private static func isNumeric(_ array: ArrowArray) -> Bool {
      // What Arrow prints may be a number: a decimal, or one of half precision.
      [CARROW_INT, CARROW_DOUBLE, CARROW_BOOL, CARROW_NULL, CARROW_OTHER].contains(array.kind)
    }

    private func kind(of array: ArrowArray) throws -> Kind {
      switch array.kind {
      case CARROW_TEXT: return .texts
      case CARROW_STRUCT:
        guard !array.children.isEmpty, array.children.allSatisfy({ Self.isNumeric($0.array) }) else { break }
        return .rows
      case CARROW_LIST:
        guard let within = array.children.first?.array else { break }
        if within.kind == CARROW_TEXT { return .lists }
        if within.kind == CARROW_LIST, within.children.first.map({ Self.isNumeric($0.array) }) ?? false {
          return .grids
        }
        if Self.isNumeric(within) { return .rows }
      default:
        if Self.isNumeric(array) { return .numbers }
      }
      throw refusal("holds neither numbers nor texts, nor lists or structs of numbers")
    }

    mutating func append(_ array: ArrowArray) throws {
      let kind = try self.kind ?? kind(of: array)
      self.kind = kind
      for row in 0..<array.count {
        switch kind {
        case .numbers: try numbers.append(number(array, row))
        case .texts:
          guard let text = array.isNull(row) && allowsEmpty ? "" : array.text(row) else {
            throw refusal(array.isNull(row) ? "has no value" : "is not UTF-8", row: rows)
          }
          texts.append(text)
        case .rows: try appendRow(array, row)
        case .lists:
          guard !array.isNull(row), let within = array.children.first?.array else {
            throw refusal("has no value", row: rows)
          }
          lists.append(
            try array.range(row).map { place in
              guard let text = within.text(place) else { throw refusal("holds an empty name", row: rows) }
              return text
            })
        case .grids: try appendGrid(array, row)
        }
        rows += 1
      }
    }

    private mutating func number(_ array: ArrowArray, _ row: Int) throws -> Double {
      guard !array.isNull(row) else { return .nan }
      guard array.kind == CARROW_OTHER else {
        if array.kind == CARROW_DOUBLE { isWhole = false }
        return array.number(row)
      }
      guard let value = array.text(row).flatMap(Double.init) else {
        throw refusal(
          "holds '\((array.text(row) ?? "").escapedForTerminal.clipped(40))', which is no number,", row: rows)
      }
      isWhole = isWhole && value == value.rounded()
      return value
    }

    private mutating func appendRow(_ array: ArrowArray, _ row: Int) throws {
      guard !array.isNull(row) else {
        if allowsEmpty { return }
        throw refusal("has no value", row: rows)
      }
      if array.kind == CARROW_STRUCT {
        fields = array.children.map(\.name)
        width = array.children.count
        for child in array.children { try numbers.append(number(child.array, row)) }
        return
      }
      guard let within = array.children.first?.array else { return }
      let range = array.range(row)
      guard width ?? range.count == range.count, !range.isEmpty else {
        throw refusal("has \(range.count) numbers\(width.map { ", and \($0) before," } ?? "")", row: rows)
      }
      width = range.count
      for place in range { try numbers.append(number(within, place)) }
    }

    private mutating func appendGrid(_ array: ArrowArray, _ row: Int) throws {
      guard !array.isNull(row), let cells = array.children.first?.array, let within = cells.children.first?.array else {
        grids.append(nil)
        return
      }
      let grid = try array.range(row).map { cell in try cells.range(cell).map { try number(within, $0) } }
      inGrids += grid.reduce(0) { $0 + $1.count }
      grids.append(grid)
    }

    func values() throws -> ColumnFile.Values {
      switch kind {
      case .numbers: return .numbers(numbers, isWhole: isWhole)
      case .texts: return .texts(texts)
      case .rows: return .rows(numbers, width: width ?? 0, fields: fields)
      case .lists: return .textLists(lists)
      case .grids: return .grids(grids)
      case nil: throw Diagnosis("the file has no rows", place: place, exitStatus: .input)
      }
    }
  }
#endif
