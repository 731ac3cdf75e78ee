package import Foundation
import Multimodal
import Records

/// The files that samples are read from.
struct RawSource {
  /// One of them.
  struct Table {
    let url: URL
    /// The split that its name says; nil where rows say theirs.
    var split: RawSplit?
    /// Its name in messages, where there are several.
    var name: String?
    /// Where its paths are meant from, relative to the folder of the source.
    var base = ""

    /// Whether its values are those of JSON.
    var isJSON: Bool { ["jsonl", "ndjson", "json"].contains(url.pathExtension.lowercased()) }
  }

  /// What paths are relative to.
  let folder: URL
  /// The only table, or the folder of several.
  let file: URL
  let tables: [Table]
  /// A table of labels by id besides.
  let labels: URL?
  var notes: [String] = []

  /// A file whose paths are relative to a folder that is not its own.
  init(table: URL, in folder: URL) {
    self.folder = folder
    file = table
    tables = [Table(url: table)]
    labels = nil
  }

  /// Names of tables that say by themselves that they hold samples, the usual first.
  static let usualNames = ["samples.csv", "samples.jsonl", "samples.tsv", "samples.json", "samples.ndjson"]

  /// Finds the tables of a folder, or takes a file.
  ///
  /// A folder has one table with a usual name; or one for each split (`train.csv`, `test.csv`), in it or in folders of their
  /// own (`train/metadata.csv`); or one table at all.
  /// - Throws: ``RawDatasetError``, or Foundation's error where there is nothing.
  init(at location: URL, _ settings: RawDatasetSettings) throws {
    var isFolder: ObjCBool = false
    let path = location.path(percentEncoded: false)
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw CocoaError(.fileReadNoSuchFile, userInfo: [NSFilePathErrorKey: path])
    }
    labels = try Self.labels(
      settings.labels, beside: isFolder.boolValue ? location : location.deletingLastPathComponent())
    guard isFolder.boolValue else {
      guard (RawTable.endings + ["txt"]).contains(location.pathExtension.lowercased()) else {
        throw RawDatasetError(place: path, faults: [.unknownFileKind])
      }
      folder = location.deletingLastPathComponent()
      file = location
      tables = [Table(url: location)]
      return
    }
    folder = location
    let listing = SourceListing(location, without: labels)
    let usual = listing.tables.filter(Self.usualNames.contains)
    guard usual.count < 2 else { throw RawDatasetError(place: path, faults: [.twoSampleFiles(usual)]) }
    if let name = usual.first {
      file = location.appending(path: name)
      tables = [Table(url: file)]
      return
    }
    guard !listing.isFeatureSet else {
      throw RawDatasetError(place: path, faults: [.noSampleFile(isFeatureSet: true, "")])
    }
    let bySplit = listing.bySplit()
    if !bySplit.isEmpty {
      file = location
      tables = bySplit
      notes = ["the samples are in \(bySplit.compactMap(\.name).joined(separator: ", ")), whose names say the splits"]
      return
    }
    let candidates = listing.tables.isEmpty ? listing.lists() : listing.tables
    guard candidates.count < 2 else { throw RawDatasetError(place: path, faults: [.severalTables(candidates)]) }
    if let name = candidates.first {
      file = location.appending(path: name)
      notes = ["the samples are in '\(name)', the only table in the folder"]
    } else if let labels {
      file = labels
    } else {
      throw RawDatasetError(place: path, faults: [.noSampleFile(isFeatureSet: listing.isFeatureSet, listing.words)])
    }
    tables = [Table(url: file)]
  }

  /// The second table, as it is named from here or within the folder.
  private static func labels(_ name: String, beside folder: URL) throws -> URL? {
    guard !name.isEmpty else { return nil }
    for url in [URL(filePath: name), folder.appending(path: name)]
    where FileManager.default.fileExists(atPath: url.path(percentEncoded: false)) { return url }
    throw Diagnosis("there is no file of labels '\(name)'", place: "--labels", exitStatus: .usage)
  }
}

/// What lies in a folder, as far as it could hold samples.
package struct SourceListing {
  private let files: LayoutFiles
  /// Tables by their endings.
  let tables: [String]

  init(_ folder: URL, without labels: URL?) {
    files = LayoutFiles(folder: folder)
    let files = files
    let other = labels?.standardizedFileURL.path
    // What commands of Seesaw leave is no data.
    let isOurs = ["run.json", "results.json", "evaluation.json", "diagnosis.json", "audit.json"].contains(
      where: files.has)
    tables = (isOurs ? [] : files.names()).filter { name in
      let ending = name.split(separator: ".").last.map { $0.lowercased() } ?? ""
      // What other programs keep beside data is none.
      return RawTable.endings.contains(ending) && !["dataset.json", "dataset_info.json", "state.json"].contains(name)
        && !files.isFolder(name) && files.url(name).standardizedFileURL.path != other
    }
  }

  /// What lies in a folder, in words; nil for a file, and where there is nothing.
  package static func words(of place: URL) -> String? {
    guard LayoutFiles(folder: place).isFolder("") else { return nil }
    let words = SourceListing(place, without: nil).words
    return words.isEmpty ? nil : words
  }

  var isFeatureSet: Bool { files.has("dataset.json") }

  /// What lies here instead, in words: `folders: a, b; files: 12 .jpg, 3 .txt`.
  var words: String {
    let folders = files.folders()
    var endings: [String: Int] = [:]
    for name in files.names() where !folders.contains(name) {
      let ending = name.contains(".") ? "." + String(name.split(separator: ".").last ?? "") : "without ending"
      endings[ending, default: 0] += 1
    }
    let usual = endings.sorted { a, b in a.value == b.value ? a.key < b.key : a.value > b.value }
    let kinds: [String] = usual.prefix(6).map { "\($0.value) \($0.key)" }
    var words: [String] = []
    let shown: String = folders.prefix(8).joined(separator: ", ")
    if !folders.isEmpty { words.append("folders: \(shown)\(folders.count > 8 ? ", …" : "")") }
    if !kinds.isEmpty { words.append("files: \(kinds.joined(separator: ", "))") }
    return words.joined(separator: "; ")
  }

  /// Tables that are one for each split; none where their names do not say so.
  func bySplit() -> [RawSource.Table] {
    var found: [(rest: String, table: RawSource.Table)] = []
    for name in tables {
      guard let (split, rest) = Self.split(of: name) else { continue }
      found.append((rest, .init(url: files.url(name), split: split, name: name)))
    }
    if found.isEmpty {
      for folder in files.folders() {
        guard let split = RawSplit(named: folder) else { continue }
        let inside = SourceListing(files.url(folder), without: nil).tables
        guard inside.count == 1, let name = inside.first else { continue }
        found.append(
          (name, .init(url: files.url("\(folder)/\(name)"), split: split, name: "\(folder)/\(name)", base: folder)))
      }
    }
    // Of several families, such as train.csv beside captions_train.csv, nobody knows which is meant.
    var families: [[RawSource.Table]] = []
    for members in Dictionary(grouping: found, by: { $0.rest }).values {
      let tables: [RawSource.Table] = members.map { $0.table }
      let splits = Set(tables.compactMap { $0.split })
      if tables.count > 1, splits.count == tables.count, splits.contains(.train) { families.append(tables) }
    }
    guard families.count == 1 else { return [] }
    return RawSplit.allCases.compactMap { split in families[0].first { $0.split == split } }
  }

  /// The split that a name says, and what else it says.
  private static func split(of name: String) -> (split: RawSplit, rest: String)? {
    let words = name.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
    let splits = words.compactMap { RawSplit(named: $0) }
    guard splits.count == 1 else { return nil }
    return (splits[0], words.filter { RawSplit(named: $0) == nil }.joined(separator: " "))
  }

  /// Plain texts that are tables: lines of an id and a class, where pictures or texts of these names lie.
  func lists() -> [String] {
    files.names().filter { name in
      guard name.lowercased().hasSuffix(".txt"), !files.isFolder(name),
        let table = try? RawTable(files.url(name), .init())
      else { return false }
      guard table.header.count > 1 else { return false }
      let finder = RawFileFinder(files.folder)
      var ids: [String] = []
      table.read(limit: 20) { record in
        if let id = record.cells[table.header[0]]?.stringValue { ids.append(RawRows.trimmed(id)) }
      }
      guard !ids.isEmpty else { return false }
      return 2 * finder.count(of: ids, .image) >= ids.count || finder.commonRoot(of: ids, .image) != nil
    }
  }
}
