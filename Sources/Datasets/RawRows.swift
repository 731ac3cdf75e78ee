import Foundation
import Multimodal
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
    /// A cell of which only the whole column tells how many labels it holds; `nil` once that is known.
    var labelCell: String?
    var fault: String?
  }

  var rows = PackedRows()
  var notes: [String] = []
  /// What makes the whole file unreadable.
  var faults: [RawDatasetFault] = []
  /// Which column was taken for what, in words: `image: file_name`.
  private(set) var roles: [String] = []
  /// What the rows depend on besides the one file, so that its digest alone does not name them.
  private(set) var isComposed = false
  /// What the bytes of rows that are no UTF-8 seem to be.
  private(set) var guessedEncoding: String?

  /// `line 7`, or `train.jsonl:7`.
  static func place(_ number: Int, in file: String?) -> String {
    file.map { "\($0):\(number)" } ?? "line \(number)"
  }

  /// What holds pictures and sounds that are in no files of their own.
  var store: InputStore?

  /// Rows that were read elsewhere.
  init(_ rows: PackedRows, notes: [String], store: InputStore? = nil) {
    self.store = store
    self.rows = rows
    self.notes = notes
  }

  /// Reads the files of a source.
  ///
  /// - Parameter needsLabels: whether tables without a column of labels are refused.
  init(_ source: RawSource, _ settings: RawDatasetSettings, needsLabels: Bool = true) throws {
    notes = source.notes
    isComposed = source.tables.count > 1 || source.labels != nil
    var work = try RawReading(source, settings, needsLabels: needsLabels)
    for table in source.tables {
      try work.read(table)
      guard work.faults.isEmpty else { break }
    }
    work.finish(separator: settings.cellSeparator)
    rows = work.rows
    notes += work.notes
    faults = work.faults
    roles = work.roles
    isComposed = isComposed || work.readsTexts
    guessedEncoding = work.guessedEncoding
    if let note = work.clips.note { notes.append(note) }
    let inputs: [any StoredInputs] = (work.lines.isEmpty ? [] : [work.lines]) + (work.clips.isEmpty ? [] : [work.clips])
    if let first = inputs.first { store = InputStore(inputs: inputs.count == 1 ? first : JoinedInputs(inputs)) }
  }

  static func trimmed(_ text: String) -> String { text.trimmingCharacters(in: .whitespacesAndNewlines) }

  /// The text, unless there is nothing in it, or it spells out a missing value.
  static func present(_ text: String?) -> String? { MissingValue.present(text) }

  static func reason(_ error: any Error) -> String {
    let diagnosis = Diagnosis(describing: error)
    // The line is known; within it only the column tells anything.
    let place = diagnosis.place.map { $0.hasPrefix("line 1, ") ? String($0.dropFirst(8)) : $0 }
    return place.map { "\(diagnosis.what) (\($0))" } ?? diagnosis.what
  }

  static func listed(_ names: [String]) -> String {
    names.prefix(40).joined(separator: ", ") + (names.count > 40 ? " and \(names.count - 40) more" : "")
  }
}

/// Rows of tables as they are read, one table after the other.
private struct RawReading {
  let rows = PackedRows()
  var notes: [String] = []
  var faults: [RawDatasetFault] = []
  var roles: [String] = []
  /// Whether texts are files of their own.
  private(set) var readsTexts = false
  private(set) var guessedEncoding: String?

  private let source: RawSource
  private let settings: RawDatasetSettings
  private let choice: RawColumns.Choice
  private let needsLabels: Bool
  private var labels: LabelsFile?
  /// Spelt-out missing values, by what they stand in.
  private var missing: [String: (word: String, count: Int)] = [:]
  private var ignored: Set<String> = []
  private var isJSON = false
  /// Gives the bytes of what is written as base64.
  let lines = LineInputs()
  /// Gives the frames of clips.
  let clips: VideoClips

  /// Records that tell which column is what.
  private static let head = 200
  /// A key of its own in every row must not gather without end.
  private static let mostKeys = 10_000

  init(_ source: RawSource, _ settings: RawDatasetSettings, needsLabels: Bool) throws {
    self.source = source
    self.settings = settings
    self.needsLabels = needsLabels
    clips = VideoClips(source.folder, frames: settings.frames)
    choice = try RawColumns.Choice(settings.columns)
    if let url = source.labels { labels = try LabelsFile(url, settings) }
  }

  // MARK: One table

  mutating func read(_ place: RawSource.Table) throws {
    var table = try RawTable(place.url, settings)
    notes += table.notes.filter { !notes.contains($0) }
    faults += table.faults
    guard faults.isEmpty else { return }
    let files = RawFileFinder(source.folder, root: place.base)
    let texts = RawFileFinder(source.folder, root: place.base)
    if table.header.first.map({ files.count(of: [$0], .image) == 1 }) == true, isBare(table.header) {
      table.takeHeaderAsRow()
      notes.append("the table has no header: its columns are called 1, 2, …")
    }
    var names = table.header
    var head: [RawRecord] = []
    table.read(limit: Self.head) { head.append($0) }
    if names.isEmpty { names = Set(head.flatMap(\.cells.keys)).sorted() }
    // With no readable object, the rows themselves are what is wrong.
    guard !head.isEmpty || !names.isEmpty else {
      faults.append(.noRows)
      return
    }
    isJSON = table.header.isEmpty
    var columns = RawColumns(
      named(choice, names), names: names, head: head, finder: files, needsLabels: needsLabels && labels == nil)
    let form = look(&columns, head, files, texts)
    if !(names.isEmpty && !head.isEmpty) { faults += columns.faults.filter { !faults.contains($0) } }
    let isAsked = faults.contains { fault in
      switch fault {
      case .noSuchColumn, .severalColumns, .picturesUnread: true
      default: false
      }
    }
    if !isAsked, columns.roles.isDisjoint(with: ["image", "text", "audio"]), !form.textsAreFiles, !names.isEmpty {
      faults.append(.noInputColumn(found: names))
    }
    guard faults.isEmpty else { return }
    notes += columns.notes.filter { !notes.contains($0) }
    tell(columns)
    var unclosed: Int?
    var wanted = Set(columns.columns.values.joined())
    if let column = form.idColumn { wanted.insert(column) }
    let reader = RowReader(
      columns: columns, form: form, files: files, texts: texts, table: place, settings: settings,
      lines: table.form == .lines && !table.isRecoded ? lines : nil, clips: clips)
    unclosed = table.read(columns: wanted) { record in add(reader.row(record), record, reader) }
    if let unclosed { faults.append(.unclosedQuote(line: unclosed)) }
    if let failure = table.failure { throw failure }
    notes += files.notes + texts.notes
    if rows.isEmpty, faults.isEmpty { faults.append(.noRows) }
  }

  /// Whether a first row names no column that anybody knows.
  private func isBare(_ header: [String]) -> Bool { header.allSatisfy { RawColumns.role(of: $0) == nil } }

  /// Of a table without header the usual meaning of its columns: a file, then a class; or a file, a text and a class.
  private func named(_ choice: RawColumns.Choice, _ names: [String]) -> RawColumns.Choice {
    guard !isJSON, names.first == "1", choice == (try? RawColumns.Choice("")), (2...3).contains(names.count) else {
      return choice
    }
    return (try? RawColumns.Choice(names.count == 2 ? "id=1,image=1,label=2" : "id=1,image=1,text=2,label=3")) ?? choice
  }

  /// What the files in the folder say about columns.
  private mutating func look(
    _ columns: inout RawColumns, _ head: [RawRecord], _ files: RawFileFinder, _ texts: RawFileFinder
  ) -> RowReader.Form {
    var form = RowReader.Form()
    if let root = columns.root { files.root = RawSample.plain(RawFileFinder.join(files.root, root)) }
    let ids = columns[.id].first.map { RawColumns.cells($0, head) } ?? []
    for (role, kind) in [(RawRole.image, RawInput.Kind.image), (.audio, .audio)] {
      guard let name = columns[role].first else { continue }
      let cells = RawColumns.cells(name, head)
      if columns.root == nil, files.root.isEmpty, 2 * files.count(of: cells, kind) < cells.count,
        let root = files.commonRoot(of: cells, kind)
      {
        files.root = root
        notes.append("the \(kind == .image ? "pictures" : "sounds") that '\(name)' names lie in '\(root)'")
      }
    }
    if columns.columns[.image] == nil { findPictures(&columns, head, ids, files) }
    // Texts are files of their own: named by the ids where no column holds texts, or by the column itself.
    let areNamedByID = columns.columns[.text] == nil
    if let name = (areNamedByID ? columns[.id] : columns[.text]).first, areNamedByID || columns[.text].count == 1 {
      let cells = areNamedByID ? ids : RawColumns.cells(name, head)
      if !cells.isEmpty, areNamedByID || cells.allSatisfy({ $0.lowercased().hasSuffix(".txt") }),
        let root = place(of: cells, .text, texts)
      {
        texts.root = root
        form.textsAreFiles = true
        form.idColumn = name
        readsTexts = true
        notes.append(
          areNamedByID
            ? "texts are read from the files that '\(name)' names: \(example(ids, .text, texts))"
            : "the column '\(name)' names files: texts are read from them")
      }
    }
    return form
  }

  /// The folder in which at least half of the cells name files; "" is the table's own.
  private func place(of cells: [String], _ kind: RawInput.Kind, _ finder: RawFileFinder) -> String? {
    guard !cells.isEmpty else { return nil }
    if 2 * finder.count(of: cells, kind, under: finder.root) >= cells.count { return finder.root }
    return finder.root.isEmpty ? finder.commonRoot(of: cells, kind) : nil
  }

  private func example(_ cells: [String], _ kind: RawInput.Kind, _ finder: RawFileFinder) -> String {
    cells.lazy.map { finder.peek($0, kind) }.first { $0 != nil }?.map { "'\($0)'" } ?? ""
  }

  /// Where no column is one of pictures: those that ids name, or a column that names files and is called otherwise.
  private mutating func findPictures(
    _ columns: inout RawColumns, _ head: [RawRecord], _ ids: [String], _ files: RawFileFinder
  ) {
    if let name = columns[.id].first, let root = place(of: ids, .image, files) {
      files.root = root
      columns.take([name], for: .image)
      notes.append("pictures are found by '\(name)': \(example(ids, .image, files))")
      return
    }
    for name in columns.unused {
      let cells = RawColumns.cells(name, head)
      // A number that some file happens to be called is none of many different ones.
      guard cells.count > 1, 2 * Set(cells).count >= cells.count, let root = place(of: cells, .image, files) else {
        continue
      }
      faults.append(.picturesUnread(column: name, root: root, text: columns[.text].first))
      return
    }
  }

  private mutating func tell(_ columns: RawColumns) {
    for role in RawRole.allCases where !columns[role].isEmpty {
      let words = "\(role.rawValue): \(columns[role].joined(separator: " + "))"
      if !roles.contains(words) { roles.append(words) }
    }
    if !isJSON {
      let unused = columns.unused
      if !unused.isEmpty { notes.append("columns not used: \(RawRows.listed(unused))") }
    }
  }

  // MARK: One row

  private mutating func add(_ found: RawRows.Row, _ record: RawRecord, _ reader: RowReader) {
    var row = found
    for (column, word) in reader.missing(in: record) {
      missing[column] = (missing[column]?.word ?? word, (missing[column]?.count ?? 0) + 1)
    }
    guessedEncoding = guessedEncoding ?? record.guess
    if isJSON, ignored.count < Self.mostKeys {
      ignored.formUnion(record.cells.keys.filter { !reader.isUsed($0) })
    }
    labels?.complete(&row)
    rows.append(row)
  }

  mutating func finish(separator: String) {
    if let labels { notes += labels.notes }
    if isJSON, !ignored.isEmpty { notes.append("keys not used: \(RawRows.listed(ignored.sorted()))") }
    for (column, found) in missing.sorted(by: { $0.key < $1.key }) {
      notes.append(
        "\(found.count == 1 ? "1 row has" : "\(found.count) rows have") '\(found.word)' in '\(column)': read as missing"
      )
    }
    if let guessedEncoding {
      notes.append(
        "some rows are not UTF-8: the file seems to be written in \(guessedEncoding)"
          + (guessedEncoding == "Windows-1252" ? "; --encoding windows-1252 reads it" : "; --encoding names it"))
    }
    notes += rows.settleLabels(separator: separator)
  }
}
