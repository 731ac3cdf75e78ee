import Encoders
import Foundation
import Multimodal
import Records

/// Makes a row of a record, once it is known which column is what.
struct RowReader {
  /// How texts are to be had.
  struct Form {
    /// Texts are files, which ``idColumn`` names.
    var textsAreFiles = false
    var idColumn: String?
  }

  let columns: RawColumns
  let form: Form
  let files: RawFileFinder
  let texts: RawFileFinder
  let table: RawSource.Table
  let settings: RawDatasetSettings
  /// What gives the bytes of pictures and sounds that are written as base64; nil where no line can be read again.
  let lines: LineInputs?
  /// What gives the frames of clips.
  let clips: VideoClips

  func isUsed(_ name: String) -> Bool { columns.columns.values.contains { $0.contains(name) } }

  /// Cells that spell out a missing value, by column.
  func missing(in record: RawRecord) -> [(column: String, word: String)] {
    columns.columns.values.joined().compactMap { name in
      guard let text = record.cells[name]?.stringValue, MissingValue.isMissing(text) else { return nil }
      let word = RawRows.trimmed(text)
      return word.isEmpty ? nil : (name, word)
    }
  }

  func row(_ record: RawRecord) -> RawRows.Row {
    var row = RawRows.Row(number: record.number)
    row.file = table.name
    row.split = table.split?.rawValue
    row.fault = record.fault
    if row.fault == nil, let name = columns.columns.values.joined().sorted().first(where: record.unreadable.contains) {
      row.fault = "'\(name)' is not UTF-8"
    }
    // Of a row that cannot be used the class still tells what is lost with it.
    readLabels(record, &row)
    guard row.fault == nil else { return row }
    row.id = joined(.id, "-", record, &row)
    if row.id == nil, let name = table.name { row.id = "\(name):\(record.number)" }
    row.group = joined(.group, "-", record, &row)
    if let name = columns[.split].first {
      row.split = row.text(record.cells[name], name).map(RawRows.trimmed).flatMap(RawRows.present) ?? row.split ?? ""
    }
    readPictures(record, &row)
    if let name = columns[.audio].first {
      row.audio = RawRows.present(row.text(record.cells[name], name).map(RawRows.trimmed)).flatMap { path in
        if EncodedInput.isOne(path) { return encoded(record, name, nil, &row) }
        let file = located(path, .audio, &row)
        // A clip without sound is a sample without one.
        return isClip(file) && !clips.streams(of: file).hasSound ? nil : file
      }
    }
    readText(record, &row)
    return row
  }

  /// The words of several columns, put together; nil where all are missing.
  private func joined(_ role: RawRole, _ sign: String, _ record: RawRecord, _ row: inout RawRows.Row) -> String? {
    let words = columns[role].compactMap { RawRows.present(row.word(record.cells[$0], $0).map(RawRows.trimmed)) }
    return words.isEmpty ? nil : words.joined(separator: sign)
  }

  /// The name of an input that is written as base64.
  private func encoded(_ record: RawRecord, _ name: String, _ element: Int?, _ row: inout RawRows.Row) -> String {
    let file = table.name ?? table.url.lastPathComponent
    if let lines {
      lines.add(file, table.url)
    } else {
      row.fault = row.fault ?? "'\(name)' is written as base64, which is read from JSON lines in UTF-8 alone"
    }
    return LineInputs.name(file, record.number, name, element)
  }

  private func located(_ path: String, _ kind: RawInput.Kind, _ row: inout RawRows.Row) -> String {
    let found = files.path(path, kind)
    row.fault = row.fault ?? found.fault
    return found.path
  }

  /// Whether a path is of a video file that may be read.
  private func isClip(_ path: String) -> Bool { VideoLibrary.isVideo(path) && mayRead(path, in: files) }

  /// Whether a file lies where files may.
  private func mayRead(_ path: String, in finder: RawFileFinder) -> Bool {
    let url = finder.folder.appending(path: path)
    return !RawFileFinder.leadsOut(path) && FileManager.default.fileExists(atPath: url.path(percentEncoded: false))
      && (settings.followLinks || RawChecks.truePath(url).hasPrefix(RawChecks.truePath(finder.folder) + "/"))
  }

  /// A picture, or the frames of a clip.
  private func pictures(of path: String) -> [String] {
    guard isClip(path) else { return [path] }
    return clips.streams(of: path).hasPictures ? VideoClips.frames(of: path, settings.frames) : []
  }

  private func readPictures(_ record: RawRecord, _ row: inout RawRows.Row) {
    var paths: [String] = []
    for name in columns[.image] {
      let list = record.cells[name]?.listValue
      for (number, element) in (list ?? [record.cells[name] ?? .null]).enumerated() {
        // An id that pictures are called by may be a number.
        let text = columns[.id].contains(name) ? row.word(element, name) : row.text(element, name)
        guard let path = RawRows.present(text.map(RawRows.trimmed)) else { continue }
        if EncodedInput.isOne(path) {
          paths.append(encoded(record, name, list == nil ? nil : number, &row))
        } else if settings.pictureSeparator.isEmpty {
          paths += pictures(of: located(path, .image, &row))
        } else {
          paths += path.split(separator: settings.pictureSeparator).compactMap { part in
            RawRows.present(RawRows.trimmed(String(part))).map { located($0, .image, &row) }
          }.flatMap(pictures)
        }
      }
    }
    row.image = paths.first
    row.frames = Array(paths.dropFirst())
  }

  private func readText(_ record: RawRecord, _ row: inout RawRows.Row) {
    guard form.textsAreFiles, let column = form.idColumn else {
      let parts = columns[.text].compactMap { RawRows.present(row.text(record.cells[$0], $0)) }
      row.text = parts.isEmpty ? nil : parts.count == 1 ? parts[0] : parts.joined(separator: "\n")
      return
    }
    guard let name = RawRows.present(row.word(record.cells[column], column).map(RawRows.trimmed)) else { return }
    let found = texts.path(name, .text)
    row.fault = row.fault ?? found.fault
    let url = texts.folder.appending(path: found.path)
    guard !RawFileFinder.leadsOut(found.path), FileManager.default.fileExists(atPath: url.path(percentEncoded: false))
    else { return }
    guard settings.followLinks || RawChecks.truePath(url).hasPrefix(RawChecks.truePath(texts.folder) + "/") else {
      row.fault = row.fault ?? "'\(found.path)' leads out of the folder by a symbolic link; --follow-links allows it"
      return
    }
    do {
      let bytes = try BoundedFile.read(url, limit: LineReader.limit)
      let encoding = try TableEncoding(named: settings.encoding) ?? .utf8
      guard let text = encoding.utf8(bytes) else {
        row.fault = row.fault ?? "'\(found.path)' is not \(encoding == .utf8 ? "UTF-8" : encoding.name)"
        return
      }
      row.text = RawRows.present(RawRows.trimmed(String(decoding: text, as: UTF8.self)))
    } catch { row.fault = row.fault ?? Diagnosis(describing: error).what }
  }

  private func readLabels(_ record: RawRecord, _ row: inout RawRows.Row) {
    let names = columns[.label]
    if names.count > 1 {
      let cells = names.map { record.cells[$0] ?? .null }
      let flags = cells.map { LabelCell.flag(RawRows.trimmed($0.stringValue ?? ($0 == .null ? "" : $0.json()))) }
      // A column for each class, or several that each hold one.
      if flags.contains(where: { $0 != nil }),
        zip(flags, cells).allSatisfy({ $0 != nil || RawRows.present($1.stringValue ?? $1.json()) == nil })
      {
        row.labels = zip(names, flags).filter { $1 == true }.map(\.0)
      } else {
        let found = zip(names, cells).compactMap { name, cell in
          RawRows.present(row.word(cell, name).map(RawRows.trimmed))
        }
        row.labels = found.isEmpty ? nil : found
      }
      return
    }
    guard let name = names.first, let tree = record.cells[name] else { return }
    // In JSON a text is one name, and a list says that there are several.
    row.read(label: tree, isCell: !table.isJSON || !settings.labelSeparator.isEmpty)
  }
}

extension RawRows.Row {
  /// Takes the label that a value says.
  ///
  /// - Parameter isCell: whether a bar in a text separates labels, as it does in a cell of separated values.
  mutating func read(label: Tree, isCell: Bool) {
    switch label {
    case .null: labels = nil
    case .list(let elements):
      labels = elements.compactMap { RawRows.present(word($0, "label").map(RawRows.trimmed)) }
    case .table(let flags):
      let known = flags.mapValues { LabelCell.flag($0.json()) }
      guard !flags.isEmpty, known.values.allSatisfy({ $0 != nil }) else {
        _ = word(label, "label")
        return
      }
      labels = known.filter { $0.value == true }.keys.sorted()
    case .string(let text):
      switch LabelCell(text) {
      case .missing: labels = nil
      case .list(let found): labels = found
      case .text(let text) where isCell || !text.contains("|"): labelCell = text
      case .text(let text): labels = [text]
      }
    default: labels = RawRows.present(word(label, "label").map(RawRows.trimmed)).map { [$0] }
    }
  }

  mutating func text(_ tree: Tree?, _ key: String) -> String? {
    switch tree {
    case nil, .null: return nil
    case .string(let text): return text
    case .some(let other):
      fault = fault ?? "'\(key)' is \(other.described) where a text belongs"
      return nil
    }
  }

  /// A name, which may be written as a number or a truth value.
  mutating func word(_ tree: Tree?, _ key: String) -> String? {
    switch tree {
    case .int, .number, .bool: tree?.json()
    default: text(tree, key)
    }
  }
}
