import Foundation
import Records

/// The files that a data set lies in, tables or archives, by the split that their names tell.
///
/// Known are a single file; the folder of a repository of the Hugging Face hub (`data/train-00000-of-00002.parquet`,
/// `train/0000.parquet`, `train.parquet`); and what `save_to_disk` of the library `datasets` leaves (`dataset_dict.json`,
/// `state.json`, `data-00000-of-00001.arrow`).
struct DataFiles {
  struct File {
    /// Relative to the folder.
    let name: String
    /// What Arrow opens: a path or an address.
    let place: String
    /// `train`, `validation` or `test`; nil where no file's name says one.
    var split: String?
    /// What is different once the file may be.
    let stamp: String
  }

  /// What paths in cells are relative to.
  let folder: URL
  private(set) var files: [File] = []
  private(set) var notes: [String] = []
  private(set) var faults: [RawDatasetFault] = []

  /// What kind of files is looked for.
  enum Kind {
    /// Parquet and Arrow.
    case tables
    /// Tar archives in the manner of WebDataset.
    case archives

    fileprivate var endings: [String] {
      switch self {
      case .tables: ["parquet", "arrow", "feather"]
      case .archives: ["tar", "tar.gz", "tgz", "tar.zst", "tar.xz", "tar.bz2"]
      }
    }

    func has(_ name: String) -> Bool { endings.contains { name.lowercased().hasSuffix("." + $0) } }
  }

  private let kind: Kind

  /// The files at a place; nil where there are none.
  init?(_ kind: Kind, at location: URL) throws {
    self.kind = kind
    let isFile = kind.has(location.lastPathComponent)
    folder = isFile ? location.deletingLastPathComponent() : location
    if location.isFileURL {
      var isFolder: ObjCBool = false
      guard
        FileManager.default.fileExists(atPath: location.path(percentEncoded: false), isDirectory: &isFolder),
        isFile || isFolder.boolValue
      else { return nil }
      if isFile, !isFolder.boolValue {
        let path = location.path(percentEncoded: false)
        files = [File(name: location.lastPathComponent, place: path, split: nil, stamp: FileStamp(path).words)]
        return
      }
    }
    let found = try location.isFileURL ? local(location) : remote(location)
    guard !found.isEmpty else { return nil }
    if !location.isFileURL, isFile {
      files = found
      return
    }
    let saved = location.isFileURL && kind == .tables ? savedToDisk(location) : nil
    divide(saved ?? found)
  }

  // MARK: Finding

  private func local(_ folder: URL) throws -> [File] {
    let root = folder.path(percentEncoded: false)
    guard let paths = FileManager.default.enumerator(atPath: root) else { return [] }
    var names: [String] = []
    var seen = 0
    while let name = paths.nextObject() as? String {
      seen += 1
      // A folder of pictures is not searched to its end for tables that would lie at its front.
      if seen > 100_000 || paths.level > 8 { break }
      let parts = name.split(separator: "/")
      guard kind.has(name), !parts.contains(where: { $0.hasPrefix(".") }) else { continue }
      // What the library keeps of its own computations.
      guard parts.last?.hasPrefix("cache-") != true else { continue }
      names.append(name)
    }
    return names.sorted().map { name in
      let path = folder.appending(path: name).path(percentEncoded: false)
      return File(name: name, place: path, split: nil, stamp: FileStamp(path).words)
    }
  }

  private func remote(_ location: URL) throws -> [File] {
    #if READS_PARQUET
      let address = location.absoluteString
      guard kind == .tables else { return [] }
      let (base, query) = Self.split(address)
      return try ArrowListing.files(at: address).filter { $0.name.isEmpty || kind.has($0.name) }.map { file in
        let name = file.name.isEmpty ? location.lastPathComponent : file.name
        let place = file.name.isEmpty ? address : "\(base)/\(file.name)\(query)"
        return File(name: name, place: place, split: nil, stamp: "\(file.size) \(file.time)")
      }
    #else
      guard kind == .tables else { return [] }
      throw Diagnosis(
        "this build cannot read remote files", place: location.absoluteString, remedy: SampleReaders.noParquet,
        exitStatus: .input)
    #endif
  }

  /// An address before its `?`, without a slash at its end, and from there on.
  private static func split(_ address: String) -> (base: String, query: String) {
    let mark = address.firstIndex(of: "?") ?? address.endIndex
    var base = address[..<mark]
    while base.hasSuffix("/") { base.removeLast() }
    return (String(base), String(address[mark...]))
  }

  /// The files that `state.json` of each split lists.
  private mutating func savedToDisk(_ location: URL) -> [File]? {
    let files = LayoutFiles(folder: location)
    var parts: [(folder: String, split: String?)] = []
    var reading = LayoutReading(files: files, variant: "", settings: RawDatasetSettings())
    if files.has("dataset_dict.json") {
      let names = reading.json(of: "dataset_dict.json")?[path: "splits"]?.listValue?.compactMap(\.stringValue) ?? []
      if names.isEmpty, reading.faults.isEmpty {
        faults.append(.unreadableFile("dataset_dict.json", reason: "there is no list 'splits'"))
      }
      // A name with a slash would lead elsewhere.
      parts = names.filter { !$0.contains("/") && !$0.hasPrefix(".") }.map { ($0, $0) }
    } else if files.has("state.json") {
      parts = [("", nil)]
    }
    guard !parts.isEmpty || !faults.isEmpty || !reading.faults.isEmpty else { return nil }
    var found: [File] = []
    for (folder, split) in parts {
      let place = LayoutFiles.join(folder, "state.json")
      guard let state = reading.json(of: place) else { continue }
      let names = state[path: "_data_files"]?.listValue?.compactMap { $0[path: "filename"]?.stringValue }
      guard let names, !names.isEmpty else {
        faults.append(.unreadableFile(place, reason: "there is no list '_data_files'"))
        continue
      }
      if state[path: "_indices_data_files"]?.listValue?.isEmpty == false {
        faults.append(
          .unsupported(
            "'\(place)' lists rows that were chosen and not written",
            remedy: "write them: dataset.flatten_indices().save_to_disk(…)"))
      }
      for name in names.filter({ !$0.contains("/") }) {
        let name = LayoutFiles.join(folder, name)
        guard files.has(name) else {
          reading.miss([name])
          continue
        }
        let path = files.url(name).path(percentEncoded: false)
        found.append(File(name: name, place: path, split: split, stamp: FileStamp(path).words))
      }
    }
    faults += reading.faults
    return found
  }

  // MARK: Splits

  private mutating func divide(_ found: [File]) {
    let configurations = Set(found.map { Self.configuration($0.name) })
    guard configurations.count <= 1 else {
      let names = configurations.map { $0.isEmpty ? "." : $0 }.sorted()
      faults.append(
        .unsupported(
          "the folder holds \(names.count) data sets: \(names.prefix(10).joined(separator: ", "))",
          remedy: "name the folder of one of them"))
      return
    }
    var parts = found.map { file in (file: file, told: Self.split(named: file.split, or: file.name)) }
    checkShards(found)
    let some = parts.contains { if case .known = $0.told { true } else { false } }
    if some {
      let passed = parts.filter { if case .known = $0.told { false } else { true } }
      if !passed.isEmpty {
        let names = passed.map { "'\($0.file.name)'" }
        notes.append(
          "not read, since no split is in the name: \(names.prefix(5).joined(separator: ", "))"
            + (names.count > 5 ? " and \(names.count - 5) more" : ""))
      }
      parts = parts.filter { if case .known = $0.told { true } else { false } }
    }
    if parts.allSatisfy({ $0.told == .known(.train) }) {
      // As most sets on the hub come: with nothing to test on.
      parts = parts.map { ($0.file, .unknown) }
    }
    let order = RawSplit.allCases.map(\.rawValue)
    files = parts.map { part in
      var file = part.file
      if case .known(let split) = part.told { file.split = split.rawValue } else { file.split = nil }
      return file
    }
    // Training first, as the library gives them; files of a split by name.
    files.sort {
      let places = [$0, $1].map { file in file.split.flatMap(order.firstIndex(of:)) ?? order.count }
      return (places[0], $0.name) < (places[1], $1.name)
    }
  }

  enum Told: Equatable {
    case known(RawSplit)
    case unknown
  }

  static func split(named name: String?, or path: String) -> Told {
    if let name { return split(named: name).map(Told.known) ?? .unknown }
    let parts = path.split(separator: "/").map(String.init)
    for folder in parts.dropLast().reversed() { if let split = split(named: folder) { return .known(split) } }
    let stem = parts.last.map { ($0 as NSString).deletingPathExtension } ?? ""
    if let shard = stem.firstMatch(of: /^(.+)-\d{5}-of-\d{5}/) {
      return split(named: String(shard.1)).map(Told.known) ?? .unknown
    }
    let words = stem.split { !$0.isLetter }.compactMap { split(named: String($0)) }
    return Set(words).count == 1 ? .known(words[0]) : .unknown
  }

  private static func split(named name: String) -> RawSplit? {
    ["eval", "evaluation"].contains(name.lowercased()) ? .test : RawSplit(named: name)
  }

  /// The folders that neither say a split nor are the usual `data`: one data set of several in a repository.
  private static func configuration(_ name: String) -> String {
    name.split(separator: "/").dropLast().map(String.init).filter { $0 != "data" && split(named: $0) == nil }
      .joined(separator: "/")
  }

  /// Refuses sets of which a part is lacking: `-00000-of-00003` without its others.
  private mutating func checkShards(_ found: [File]) {
    var groups: [String: (count: Int, numbers: Set<Int>)] = [:]
    for file in found {
      guard let match = file.name.firstMatch(of: /^(.*)-(\d{5})-of-(\d{5})(?:-[0-9a-f]{16})?(\.[^\/]*)$/),
        let number = Int(match.2), let count = Int(match.3)
      else { continue }
      groups["\(match.1)-*-of-\(match.3)\(match.4)", default: (count, [])].numbers.insert(number)
    }
    for (name, group) in groups.sorted(by: { $0.key < $1.key }) {
      let missing = (0..<group.count).filter { !group.numbers.contains($0) }
      guard !missing.isEmpty else { continue }
      let names = missing.prefix(5).map { name.replacing("*", with: String(format: "%05d", $0)) }
      faults.append(
        .unsupported(
          "\(missing.count) of \(group.count) files are not here: \(names.joined(separator: ", "))"
            + (missing.count > 5 ? ", …" : ""), remedy: "fetch them, or name single files"))
    }
  }
}
