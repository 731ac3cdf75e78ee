public import Foundation
public import Records

/// How a published data set lies on a disk.
///
/// A type each: what it is, how to know its folder, and how its files become rows.
protocol DatasetLayout: Sendable {
  static var card: DatasetCard { get }
  /// Whether the folder holds files that only this data set has.
  static func recognises(_ files: LayoutFiles) -> Bool
  /// Adds the rows, and says what stands in their way.
  static func read(_ reading: inout LayoutReading)
}

/// What is in a folder; paths are relative to it.
struct LayoutFiles {
  let folder: URL

  func url(_ path: String) -> URL { path.isEmpty ? folder : folder.appending(path: path) }

  func has(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: url(path).path(percentEncoded: false))
  }

  func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: url(path).path(percentEncoded: false), isDirectory: &isFolder)
      && isFolder.boolValue
  }

  /// What is in a folder, sorted, without hidden files; nothing where it cannot be listed.
  func names(in path: String = "") -> [String] {
    let found = try? FileManager.default.contentsOfDirectory(atPath: url(path).path(percentEncoded: false))
    return (found ?? []).filter { !$0.hasPrefix(".") }.sorted()
  }

  func folders(in path: String = "") -> [String] {
    names(in: path).filter { isFolder(Self.join(path, $0)) }
  }

  /// The pictures of a folder.
  func pictures(in path: String) -> [String] {
    names(in: path).filter { name in
      let name = name.lowercased()
      return Self.pictureEndings.contains { name.hasSuffix(".\($0)") }
    }
  }

  static let pictureEndings = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]

  /// The first of some subfolders, or the folder itself, that holds all of these; "" is the folder itself.
  func root(_ candidates: [String] = [], holding paths: [String]) -> String? {
    ([""] + candidates).first { root in paths.allSatisfy { has(Self.join(root, $0)) } }
  }

  static func join(_ folder: String, _ name: String) -> String { folder.isEmpty ? name : "\(folder)/\(name)" }
}

/// The rows of a layout as they are read, and what was found on the way.
struct LayoutReading {
  typealias Row = RawRows.Row

  let files: LayoutFiles
  let variant: String
  let settings: RawDatasetSettings
  let rows = PackedRows()
  /// What a person should know about how it was read, a sentence each.
  var notes: [String] = []
  /// What makes it unreadable.
  var faults: [RawDatasetFault] = []
  /// The names of the classes in order, where the data set has an order of its own.
  var classes: [String] = []

  /// Remembers that files are not there.
  mutating func miss(_ paths: [String]) {
    if case .missingFiles(let others) = faults.last {
      faults[faults.count - 1] = .missingFiles(others + paths)
    } else {
      faults.append(.missingFiles(paths))
    }
  }

  /// The bytes of a file; without it, or where it cannot be read, that is a fault.
  mutating func bytes(of path: String) -> [UInt8]? {
    guard files.has(path) else {
      miss([path])
      return nil
    }
    do {
      let data = try BoundedFile.read(files.url(path), limit: BoundedFile.largestTable)
      return [UInt8](data.starts(with: [0xEF, 0xBB, 0xBF]) ? data.dropFirst(3) : data)
    } catch {
      faults.append(.unreadableFile(path, reason: Diagnosis(describing: error).what))
      return nil
    }
  }

  /// A line of a file; its text is nil where it is no UTF-8.
  struct Line {
    let number: Int
    let text: String?
  }

  /// The lines of a file that are not blank.
  mutating func lines(of path: String) -> [Line]? {
    guard let bytes = bytes(of: path) else { return nil }
    var lines: [Line] = []
    for (place, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
    where line.contains(where: { $0 != 32 && $0 != 9 && $0 != 13 }) {
      let text = String(validating: line, as: UTF8.self).map { $0.trimmingSuffix("\r") }
      lines.append(Line(number: place + 1, text: text))
    }
    return lines
  }

  /// The lines of a file as two words each: all before the first space, and all behind it.
  ///
  /// Lines of another form become faults, at most one for the file.
  mutating func pairs(of path: String) -> [(line: Int, key: String, value: String)]? {
    guard let lines = lines(of: path) else { return nil }
    var pairs: [(line: Int, key: String, value: String)] = []
    for line in lines {
      let parts = (line.text ?? "").split(separator: " ", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      guard parts.count == 2, !parts[1].isEmpty else {
        faults.append(.unreadableFile(path, reason: "line \(line.number) is not two words"))
        return nil
      }
      pairs.append((line.number, parts[0], parts[1]))
    }
    return pairs
  }

  /// A text file whatever its encoding, without the spaces around it; nil where it is not there or empty.
  func text(of path: String) -> String? {
    guard let data = try? BoundedFile.read(files.url(path), limit: LineReader.limit) else { return nil }
    let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    return text.isEmpty ? nil : text
  }

  /// A JSON file.
  mutating func json(of path: String) -> Tree? {
    guard let bytes = bytes(of: path) else { return nil }
    do {
      return try Tree(json: String(decoding: bytes, as: UTF8.self))
    } catch {
      faults.append(.unreadableFile(path, reason: RawRows.reason(error)))
      return nil
    }
  }

  /// What a file of rows says under a header: the header's names with their places, and the records behind it.
  mutating func table(of path: String, columns: [String]) -> (places: [String: Int], records: [RawCSV.Record])? {
    guard let bytes = bytes(of: path) else { return nil }
    let csv = RawCSV(bytes, delimiter: UInt8(ascii: ","))
    if let line = csv.unclosedQuote {
      faults.append(.unreadableFile(path, reason: "a quote opened on line \(line) is never closed"))
      return nil
    }
    let header = (csv.records.first?.fields ?? []).map { String(decoding: $0, as: UTF8.self) }
    let places = Dictionary(header.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    let absent = columns.filter { places[$0] == nil }
    guard absent.isEmpty else {
      let names = absent.map { "'\($0)'" }.joined(separator: ", ")
      faults.append(
        .unreadableFile(
          path, reason: "no column \(names); there is \(header.map { "'\($0)'" }.joined(separator: ", "))"))
      return nil
    }
    return (places, Array(csv.records.dropFirst()))
  }

  /// At most so many pictures of a folder as the settings say, taken evenly from beginning to end.
  func frames(in folder: String) -> [String] {
    let all = files.pictures(in: folder)
    let count = max(settings.frames, 1)
    guard all.count > count else { return all.map { LayoutFiles.join(folder, $0) } }
    let step = all.count / count
    return (0..<count).map { LayoutFiles.join(folder, all[$0 * step + step / 2]) }
  }

  /// A class of a data set with known ones: its label, or the row's fault.
  static func label(_ name: String, of classes: [String], in row: inout Row) {
    row.labels = [name]
    if !classes.contains(name) {
      row.fault = row.fault ?? "the label '\(name)' is not one of \(classes.joined(separator: ", "))"
    }
  }
}

extension String {
  /// Without so many of these at its end.
  fileprivate func trimmingSuffix(_ character: Character) -> String {
    var text = self
    while text.last == character { text.removeLast() }
    return text
  }
}

/// All published layouts, a line each.
public enum DatasetLayouts {
  static let all: [any DatasetLayout.Type] = [
    UPMCFood101.self,
    HatefulMemes.self,
    MMIMDb.self,
    Memotion.self,
    CUB200.self,
    CREMAD.self,
    KineticsSounds.self,
  ]

  /// What is known of each, in the order of the list.
  public static var cards: [DatasetCard] { all.map { $0.card } }

  /// The card of that name.
  ///
  /// - Throws: a `Diagnosis` where none has it.
  public static func card(named name: String) throws -> DatasetCard { try layout(named: name).card }

  /// The names of the layouts that a folder could be.
  public static func recognised(in folder: URL) -> [String] {
    let files = LayoutFiles(folder: folder)
    return all.filter { $0.recognises(files) }.map { $0.card.name }
  }

  static func layout(named name: String) throws -> any DatasetLayout.Type {
    if let found = all.first(where: { $0.card.name.tolerantKey == name.tolerantKey }) { return found }
    let names = all.map { $0.card.name }
    throw Diagnosis(
      "no data set is called '\(name)'", found: ["there is \(names.joined(separator: ", "))"],
      remedy: (nearest(to: name, in: names) ?? names.first { $0.tolerantKey.contains(name.tolerantKey) })
        .map { "did you mean '\($0)'?" }, exitStatus: .usage)
  }

  /// The variant of that name, or the first for an empty one.
  static func variant(named name: String, of card: DatasetCard) throws -> String {
    let names = card.variants.map(\.name)
    guard !name.isEmpty else { return names.first ?? "" }
    if let found = names.first(where: { $0.tolerantKey == name.tolerantKey }) { return found }
    throw Diagnosis(
      "'\(card.name)' has no variant '\(name)'",
      found: [names.isEmpty ? "it has none" : "it has \(names.joined(separator: ", "))"],
      remedy: nearest(to: name, in: names).map { "did you mean '\($0)'?" }, exitStatus: .usage)
  }
}
