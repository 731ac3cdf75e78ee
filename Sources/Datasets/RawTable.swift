import Foundation
import Records

/// One record of a table, before anybody knows which column is what.
struct RawRecord {
  /// The line on which it begins, or its number in a list; from 1.
  let number: Int
  /// By column; of CSV all are texts.
  var cells: [String: Tree] = [:]
  /// Columns whose bytes are no text; their cells hold what could be read of it.
  var unreadable: [String] = []
  /// What these bytes seem to be written in.
  var guess: String?
  /// Why its cells cannot be trusted.
  var fault: String?
}

/// A file of samples: separated values, JSON lines, or JSON as one list or table.
struct RawTable {
  enum Form: Equatable {
    case separated(delimiter: UInt8, hasQuotes: Bool)
    case lines
    /// A list of objects, each taken apart on its own.
    case list
    /// Records that had to be read as one.
    case records
  }

  /// Files that are tables by their ending.
  static let endings = ["csv", "tsv", "jsonl", "ndjson", "json"]

  let url: URL
  private(set) var form: Form
  /// What a person should know about how it is read.
  private(set) var notes: [String] = []
  /// What makes it unreadable.
  private(set) var faults: [RawDatasetFault] = []
  /// The first row of separated values, which names the columns; empty where there is none, or in JSON.
  private(set) var header: [String] = []
  /// Whether the bytes that are read are not those of the file.
  private(set) var isRecoded = false
  private let bytes: FileWindow
  /// Of ``Form/records``.
  private var records: [RawRecord] = []
  /// Whether the first row is one like the others.
  private var hasHeader = true
  /// The longest row in bytes; a longer one is put aside.
  private static let longest = LineReader.limit
  private static let tooLong = "is longer than \(LineReader.limit >> 20) MiB"

  /// Opens a file.
  ///
  /// - Throws: a `Diagnosis` where it cannot be read, or a setting makes no sense.
  init(_ url: URL, _ settings: RawDatasetSettings) throws {
    self.url = url
    form = .lines
    let asked = try TableEncoding(named: settings.encoding)
    let plain = try FileWindow(url, limit: BoundedFile.largestTable)
    let isUTF16 = plain.count > 1 && [[0xFF, 0xFE], [0xFE, 0xFF]].contains([plain[0], plain[1]])
    let encoding = asked ?? (isUTF16 ? .utf16 : .utf8)
    if encoding == .utf8 {
      bytes = plain
    } else {
      let data = try BoundedFile.read(url, limit: BoundedFile.largestTable)
      guard let text = encoding.utf8(data) else {
        bytes = FileWindow([])
        faults = [.otherEncoding("no text in \(encoding.name)")]
        return
      }
      bytes = FileWindow(text)
      isRecoded = true
      if asked == nil { notes.append("the file is written in UTF-16") }
    }
    if ["jsonl", "ndjson", "json"].contains(url.pathExtension.lowercased()) {
      try readForm()
    } else {
      try readHeader(settings.delimiter)
    }
    if let failure = bytes.failure { throw failure }
  }

  // MARK: Separated values

  private mutating func readHeader(_ asked: String) throws {
    let delimiter = try Self.delimiter(named: asked) ?? usualDelimiter()
    var hasQuotes = true
    // Tweets and the like hold quotes that nobody closes, or not at the end of a field; a tab needs none around it.
    if delimiter == UInt8(ascii: "\t") {
      var fault: Int?
      let unclosed = RawCSV.read(bytes, delimiter: delimiter) { record in
        if record.fault != nil { fault = fault ?? record.line }
      }
      if let line = fault ?? unclosed {
        hasQuotes = false
        notes.append("quotes do not enclose fields, as on line \(line): they are taken as signs of the text")
      }
    }
    form = .separated(delimiter: delimiter, hasQuotes: hasQuotes)
    let unclosed = RawCSV.read(bytes, delimiter: delimiter, hasQuotes: hasQuotes, limit: 1) { record in
      header = record.fields.map { RawRows.trimmed(String(decoding: $0, as: UTF8.self)) }
    }
    if header.isEmpty { faults.append(unclosed.map { .unclosedQuote(line: $0) } ?? .noRows) }
  }

  /// What stands between the columns of the first line.
  private func usualDelimiter() -> UInt8 {
    if url.pathExtension.lowercased() == "tsv" { return UInt8(ascii: "\t") }
    let found = RawCSV.delimiter(of: bytes)
    guard url.pathExtension.lowercased() == "txt" else { return found }
    // A list may have nothing but spaces.
    var place = 0
    var hasSpace = false
    while place < bytes.count, bytes[place] != UInt8(ascii: "\n") {
      if bytes[place] == found { return found }
      hasSpace = hasSpace || bytes[place] == UInt8(ascii: " ")
      place += 1
    }
    return hasSpace ? UInt8(ascii: " ") : found
  }

  /// `,`, `;`, `|`, or `tab`; nil where none is given.
  private static func delimiter(named name: String) throws -> UInt8? {
    switch name.lowercased() {
    case "": return nil
    case "tab", "\\t", "\t": return UInt8(ascii: "\t")
    case "comma": return UInt8(ascii: ",")
    case "semicolon": return UInt8(ascii: ";")
    default:
      guard name.utf8.count == 1, let sign = name.utf8.first, sign != UInt8(ascii: "\""), sign > 31 else {
        throw Diagnosis(
          "'\(name)' cannot stand between columns", found: ["it is one sign such as , ; or |, or 'tab'"],
          exitStatus: .usage)
      }
      return sign
    }
  }

  /// Takes the first row for one like the others; columns are known by their numbers then, from 1.
  mutating func takeHeaderAsRow() {
    hasHeader = false
    header = header.indices.map { "\($0 + 1)" }
  }

  private func readSeparated(
    _ delimiter: UInt8, _ hasQuotes: Bool, _ limit: Int, _ columns: Set<String>?, _ body: (RawRecord) -> Void
  ) -> Int? {
    var places: [(name: String, place: Int)] = []
    var seen: Set<String> = []
    for (place, name) in header.enumerated() where !name.isEmpty && columns?.contains(name) != false {
      if seen.insert(name).inserted { places.append((name, place)) }
    }
    var isFirst = hasHeader
    return RawCSV.read(bytes, delimiter: delimiter, hasQuotes: hasQuotes, limit: limit == .max ? .max : limit + 1) {
      record in
      guard !isFirst else {
        isFirst = false
        return
      }
      body(Self.record(record, width: header.count, places))
    }
  }

  private static func record(
    _ found: RawCSV.Record, width: Int, _ places: [(name: String, place: Int)]
  ) -> RawRecord {
    var record = RawRecord(number: found.line)
    record.fault = found.fault
    if found.fields.reduce(0, { $0 + $1.count }) > longest { record.fault = tooLong }
    if record.fault == nil, found.fields.count < width || found.fields.dropFirst(width).contains(where: { !$0.isEmpty })
    {
      record.fault = "has \(found.fields.count) fields where the header has \(width)"
    }
    guard record.fault == nil else { return record }
    for (name, place) in places {
      if let text = String(validating: found.fields[place], as: UTF8.self) {
        record.cells[name] = .string(text)
      } else {
        record.unreadable.append(name)
        record.guess = record.guess ?? TableEncoding.guess(found.fields[place])
        record.cells[name] = .string(String(decoding: found.fields[place], as: UTF8.self))
      }
    }
    return record
  }

  // MARK: JSON

  /// The first byte that is no space, at or after a place; nil at the end.
  private func firstSign(from start: Int = 0) -> Int? {
    var place = start
    while place < bytes.count {
      if ![0x20, 0x09, 0x0A, 0x0D].contains(bytes[place]) { return place }
      place += 1
    }
    return nil
  }

  private mutating func readForm() throws {
    guard let first = firstSign() else {
      faults.append(.noRows)
      return
    }
    if bytes[first] == UInt8(ascii: "[") {
      form = .list
      notes.append("the file is one JSON list: its elements are counted from 1, as lines")
      return
    }
    // One object over several lines; or one whose line holds the whole file.
    guard bytes[first] == UInt8(ascii: "{"), url.pathExtension.lowercased() == "json" else { return }
    var line = 0
    readLines(limit: 1) { record in if record.fault == nil { line = record.number } }
    var end = first
    while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
    if line > 0, firstSign(from: end) != nil { return }
    let data = try BoundedFile.read(url, limit: BoundedFile.largestRecord)
    let tree = try Tree(json: String(decoding: data, as: UTF8.self), place: url.relativePath, keepsDigits: true)
    guard let found = Self.records(of: tree.tableValue ?? [:]) else {
      faults.append(.jsonTable(keys: (tree.tableValue ?? [:]).keys.sorted()))
      return
    }
    form = .records
    records = found.records
    notes.append(found.note)
  }

  /// The records of a JSON table: of pandas (by column, then row), by id, or as the only list of objects in it.
  private static func records(of table: [String: Tree]) -> (records: [RawRecord], note: String)? {
    let lists = table.filter { $0.value.listValue?.first?.tableValue != nil }
    if let list = lists.first, lists.count == 1 {
      let records = (list.value.listValue ?? []).enumerated().map { place, element in
        var record = RawRecord(number: place + 1, cells: element.tableValue ?? [:])
        if element.tableValue == nil { record.fault = "is not a JSON object" }
        return record
      }
      return (records, "the file is one JSON table: the samples are the list '\(list.key)'")
    }
    let tables = table.compactMapValues(\.tableValue)
    guard tables.count == table.count, !tables.isEmpty else { return nil }
    if tables.keys.contains(where: { RawColumns.role(of: $0) != nil }),
      Set(tables.values.map { Set($0.keys) }).count == 1, let keys = tables.first?.value.keys
    {
      let ordered = keys.sorted { (Int($0) ?? .max, $0) < (Int($1) ?? .max, $1) }
      let records = ordered.enumerated().map { place, key in
        RawRecord(number: place + 1, cells: tables.compactMapValues { $0[key] })
      }
      return (records, "the file is one JSON table of columns, as pandas writes one")
    }
    let records = tables.sorted { $0.key < $1.key }.enumerated().map { place, row in
      RawRecord(number: place + 1, cells: row.value.merging(["id": .string(row.key)]) { own, _ in own })
    }
    return (records, "the file is one JSON table: its keys are the samples' ids")
  }

  private func readLines(limit: Int, _ body: (RawRecord) -> Void) {
    var number = 0
    var given = 0
    var place = 0
    var line: [UInt8] = []
    while place < bytes.count, given < limit {
      line.removeAll(keepingCapacity: true)
      while place < bytes.count, bytes[place] != UInt8(ascii: "\n") {
        // One byte too many says that it is too long.
        if line.count <= Self.longest { line.append(bytes[place]) }
        place += 1
      }
      place += 1
      number += 1
      guard line.contains(where: { $0 != 32 && $0 != 9 && $0 != 13 }) else { continue }
      given += 1
      body(Self.record(line, number))
    }
  }

  private static func record(_ object: [UInt8], _ number: Int) -> RawRecord {
    var record = RawRecord(number: number)
    if object.count > longest {
      record.fault = tooLong
    } else if let text = String(validating: object, as: UTF8.self) {
      do {
        guard case .table(let table) = try Tree(json: text, keepsDigits: true) else {
          throw Diagnosis("is not a JSON object")
        }
        record.cells = table
      } catch {
        record.fault = RawRows.reason(error)
      }
    } else {
      record.fault = "is not UTF-8"
      record.guess = TableEncoding.guess(object)
      // What class it is of tells what would be lost without it.
      let tree = try? Tree(json: String(decoding: object, as: UTF8.self), keepsDigits: true)
      record.cells = tree?.tableValue ?? [:]
    }
    return record
  }

  /// Each element of the list, found by its brackets, so that a broken one costs only itself.
  private func readList(limit: Int, _ body: (RawRecord) -> Void) {
    guard var place = firstSign() else { return }
    place += 1
    var number = 0
    while let start = firstSign(from: place), number < limit {
      if bytes[start] == UInt8(ascii: "]") { return }
      if bytes[start] == UInt8(ascii: ",") {
        place = start + 1
        continue
      }
      number += 1
      var element: [UInt8] = []
      place = Self.endOfElement(bytes, from: start) { if element.count <= Self.longest { element.append($0) } }
      body(Self.record(element, number))
    }
    // The list never ended: whatever was to come is not there.
    if number < limit { body(RawRecord(number: number + 1, fault: "the list ends too early")) }
  }

  /// The place after an element of a list.
  private static func endOfElement(_ bytes: FileWindow, from start: Int, _ take: (UInt8) -> Void) -> Int {
    var (place, depth) = (start, 0)
    var (inText, isEscaped) = (false, false)
    while place < bytes.count {
      let byte = bytes[place]
      if inText {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          inText = false
        }
      } else {
        switch byte {
        case UInt8(ascii: "\""): inText = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "]") where depth == 0: return place
        // One too many belongs to the element, which it breaks.
        case UInt8(ascii: "}"), UInt8(ascii: "]"): depth = max(depth - 1, 0)
        case UInt8(ascii: ",") where depth == 0: return place
        default: break
        }
      }
      take(byte)
      place += 1
    }
    return place
  }

  // MARK: All

  /// Hands over one record after the other.
  ///
  /// - Parameters:
  ///   - limit: no more than so many.
  ///   - columns: of separated values, which are wanted; nil is all.
  /// - Returns: the line of a quote that nothing closes.
  @discardableResult
  func read(limit: Int = .max, columns: Set<String>? = nil, _ body: (RawRecord) -> Void) -> Int? {
    switch form {
    case .separated(let delimiter, let hasQuotes): return readSeparated(delimiter, hasQuotes, limit, columns, body)
    case .lines: readLines(limit: limit, body)
    case .list: readList(limit: limit, body)
    case .records: records.prefix(limit).forEach(body)
    }
    return nil
  }

  /// What stood in the way of reading.
  var failure: (any Error)? { bytes.failure }
}
