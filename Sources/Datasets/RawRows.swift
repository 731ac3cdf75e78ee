import Foundation
import Records

/// The rows of a sample file before anything is known to be true of them.
struct RawRows {
  /// What one row says, or why it says nothing.
  struct Row {
    let number: Int
    /// The file that the number counts in, where there are several.
    var file: String?
    var id: String?
    var image: String?
    /// Further pictures of the same sample, such as frames of a clip.
    var frames: [String] = []
    var text: String?
    var audio: String?
    var split: String?
    var group: String?
    /// Empty for an explicit empty list; `nil` where nothing is said.
    var labels: [String]?
    var fault: String?
  }

  var rows = PackedRows()
  /// Which of the known columns occur.
  var columns: Set<String> = []
  var notes: [String] = []
  /// What holds pictures and sounds that are in no files of their own.
  var store: InputStore?
  /// What makes the whole file unreadable.
  var faults: [RawDatasetFault] = []
  private var needsLabels = true

  /// `line 7`, or `train.jsonl:7`.
  static func place(_ number: Int, in file: String?) -> String {
    file.map { "\($0):\(number)" } ?? "line \(number)"
  }

  static let known = ["image", "text", "audio", "label", "id", "split", "group"]

  /// Rows that were read elsewhere.
  init(_ rows: PackedRows, notes: [String], store: InputStore? = nil) {
    self.store = store
    self.rows = rows
    self.notes = notes
  }

  /// - Parameter needsLabels: whether a file without a column of labels is refused.
  init(_ file: URL, needsLabels: Bool = true) throws {
    self.needsLabels = needsLabels
    let bytes = try FileWindow(file, limit: BoundedFile.largestTable)
    if bytes.count > 1, [[0xFF, 0xFE], [0xFE, 0xFF]].contains([bytes[0], bytes[1]]) {
      faults = [.otherEncoding("UTF-16")]
      return
    }
    if file.pathExtension.lowercased() == "csv" { readCSV(bytes) } else { readLines(bytes) }
    if let failure = bytes.failure { throw failure }
  }

  // MARK: CSV

  private mutating func readCSV(_ bytes: FileWindow) {
    var header: [String]?
    var places: [String: Int] = [:]
    var repeated: [RawDatasetFault] = []
    let read = PackedRows()
    let unclosed = RawCSV.read(bytes, delimiter: RawCSV.delimiter(of: bytes)) { record in
      if let header {
        read.append(Self.row(record, width: header.count, places: places))
        return
      }
      let names = record.fields.map { Self.trimmed(String(decoding: $0, as: UTF8.self)) }
      for (place, name) in names.enumerated() where Self.known.contains(name.lowercased()) {
        if places.updateValue(place, forKey: name.lowercased()) != nil {
          repeated.append(.repeatedColumn(name.lowercased()))
        }
      }
      header = names
    }
    if let unclosed { faults.append(.unclosedQuote(line: unclosed)) }
    guard let header else {
      if faults.isEmpty { faults.append(.noRows) }
      return
    }
    faults += repeated
    columns = Set(places.keys)
    checkColumns(header)
    guard faults.isEmpty else { return }
    let ignored = header.filter { !Self.known.contains($0.lowercased()) && !$0.isEmpty }
    if !ignored.isEmpty { notes.append("columns not used: \(Self.listed(ignored))") }
    rows = read
  }

  private static func row(_ record: RawCSV.Record, width: Int, places: [String: Int]) -> Row {
    var row = Row(number: record.line)
    row.fault = record.fault
    if record.fields.reduce(0, { $0 + $1.count }) > longest { row.fault = tooLong }
    if row.fault == nil, record.fields.count < width || record.fields.dropFirst(width).contains(where: { !$0.isEmpty })
    {
      row.fault = "has \(record.fields.count) fields where the header has \(width)"
    }
    guard row.fault == nil else { return row }
    var texts: [String: String] = [:]
    for (name, place) in places {
      guard let text = String(validating: record.fields[place], as: UTF8.self) else {
        row.fault = "'\(name)' is not UTF-8"
        continue
      }
      texts[name] = text
    }
    guard row.fault == nil else { return row }
    row.id = present(texts["id"].map(trimmed))
    row.image = present(texts["image"].map(trimmed))
    row.text = present(texts["text"])
    row.audio = present(texts["audio"].map(trimmed))
    row.split = texts["split"].map(trimmed)
    row.group = present(texts["group"].map(trimmed))
    if let label = present(texts["label"].map(trimmed)) {
      if label.hasPrefix("["), label.hasSuffix("]") {
        if let tree = try? Tree(json: label) {
          row.read(label: tree)
        } else {
          row.fault = "'label' looks like a list but is not JSON: \(label.prefix(40))"
        }
      } else {
        row.labels = label.split(separator: "|", omittingEmptySubsequences: false).map { trimmed(String($0)) }
      }
    }
    return row
  }

  // MARK: JSON lines

  private mutating func readLines(_ bytes: FileWindow) {
    var number = 0
    var names: Set<String> = []
    var ignored: Set<String> = []
    var place = 0
    var line: [UInt8] = []
    while place < bytes.count {
      line.removeAll(keepingCapacity: true)
      while place < bytes.count, bytes[place] != UInt8(ascii: "\n") {
        // One byte too many says that it is too long.
        if line.count <= Self.longest { line.append(bytes[place]) }
        place += 1
      }
      place += 1
      number += 1
      guard let first = line.first(where: { $0 != 32 && $0 != 9 && $0 != 13 }) else { continue }
      if rows.isEmpty, first == UInt8(ascii: "[") {
        faults.append(.jsonList)
        return
      }
      var row = Row(number: number)
      if line.count > Self.longest {
        row.fault = Self.tooLong
      } else if let text = String(validating: line, as: UTF8.self) {
        do {
          guard case .table(let object) = try Tree(json: text) else { throw Diagnosis("is not a JSON object") }
          row.read(object)
          // A key of its own in every row must not gather without end.
          if names.count < Self.mostKeys {
            names.formUnion(object.keys)
            ignored.formUnion(object.keys.filter { !Self.known.contains($0) })
          } else {
            names.formUnion(object.keys.filter(Self.known.contains))
          }
        } catch {
          row.fault = Self.reason(error)
        }
      } else {
        row.fault = "is not UTF-8"
      }
      rows.append(row)
    }
    if rows.isEmpty {
      faults.append(.noRows)
      return
    }
    columns = names.intersection(Self.known)
    // With no readable object, the rows themselves are what is wrong.
    if !names.isEmpty { checkColumns(names.sorted()) }
    if !ignored.isEmpty { notes.append("keys not used: \(Self.listed(ignored.sorted()))") }
  }

  static func reason(_ error: any Error) -> String {
    let diagnosis = Diagnosis(describing: error)
    return diagnosis.place.map { "\(diagnosis.what) (\($0))" } ?? diagnosis.what
  }

  private static func listed(_ names: [String]) -> String {
    names.prefix(40).joined(separator: ", ") + (names.count > 40 ? " and \(names.count - 40) more" : "")
  }

  // MARK: Both

  /// The longest row in bytes; a longer one is put aside.
  private static let longest = LineReader.limit
  private static let mostKeys = 10_000
  private static let tooLong = "is longer than \(LineReader.limit >> 20) MiB"

  private mutating func checkColumns(_ found: [String]) {
    if needsLabels, !columns.contains("label") {
      let aliases = ["labels", "class", "classes", "category", "target", "y", "genre", "genres"]
      let meant = found.first { aliases.contains($0.lowercased()) } ?? nearest(to: "label", in: found)
      faults.append(.noLabelColumn(found: found, meant: meant))
    }
    if columns.isDisjoint(with: ["image", "text", "audio"]) { faults.append(.noInputColumn(found: found)) }
  }

  static func trimmed(_ text: String) -> String { text.trimmingCharacters(in: .whitespacesAndNewlines) }

  /// The text, unless there is nothing in it.
  static func present(_ text: String?) -> String? {
    text.flatMap { $0.allSatisfy(\.isWhitespace) ? nil : $0 }
  }
}

extension RawRows.Row {
  mutating func read(_ object: [String: Tree]) {
    id = RawRows.present(word(object["id"], "id").map(RawRows.trimmed))
    let pictures = (object["image"]?.listValue ?? [object["image"] ?? .null]).compactMap { path in
      RawRows.present(text(path, "image").map(RawRows.trimmed))
    }
    image = pictures.first
    frames = Array(pictures.dropFirst())
    text = RawRows.present(text(object["text"], "text"))
    audio = RawRows.present(text(object["audio"], "audio").map(RawRows.trimmed))
    split = text(object["split"], "split").map(RawRows.trimmed)
    group = RawRows.present(word(object["group"], "group").map(RawRows.trimmed))
    if let label = object["label"] { read(label: label) }
  }

  fileprivate mutating func read(label: Tree) {
    switch label {
    case .null: labels = nil
    case .list(let elements):
      labels = elements.compactMap { word($0, "label").map(RawRows.trimmed) }
    default: labels = RawRows.present(word(label, "label").map(RawRows.trimmed)).map { [$0] }
    }
  }

  private mutating func text(_ tree: Tree?, _ key: String) -> String? {
    switch tree {
    case nil, .null: return nil
    case .string(let text): return text
    case .some(let other):
      fault = fault ?? "'\(key)' is \(other.described) where a text belongs"
      return nil
    }
  }

  /// A name, which may be written as a number or a truth value.
  private mutating func word(_ tree: Tree?, _ key: String) -> String? {
    switch tree {
    case .int, .number, .bool: tree?.json()
    default: text(tree, key)
    }
  }
}
