import Foundation
import Multimodal

/// Finds the files that cells of a table name, also where the table says it a little otherwise than the disk.
///
/// Used from one thread.
final class RawFileFinder {
  let folder: URL
  /// The folder that paths are meant from, relative to ``folder``; "" is the folder itself.
  var root = ""

  init(_ folder: URL, root: String = "") {
    self.folder = folder
    self.root = RawSample.plain(root)
  }

  /// How a path came to be another.
  enum Way: Hashable {
    /// `img/1.jpg` is `img/1.png`; also where the cell has no ending at all.
    case otherEnding
    /// Upper and lower case, or the form of accents.
    case otherSpelling
    case backslashes
    case absolute
    case inRoot
  }

  /// What was found otherwise than it is written, how often, and the first of each way.
  private(set) var ways: [Way: (count: Int, from: String, to: String)] = [:]

  /// A path, relative to the folder, of what a cell names; the cell itself where there is no such file, and why.
  func path(_ cell: String, _ kind: RawInput.Kind = .image) -> (path: String, fault: String?) {
    guard !cell.contains("://"), !cell.contains("\0") else { return (cell, nil) }
    if !root.isEmpty, let found = locate(Self.join(root, cell), kind) {
      note(found.way ?? .inRoot, cell, found.path)
      return (found.path, found.fault)
    }
    guard let found = locate(cell, kind) else { return (cell, nil) }
    if let way = found.way { note(way, cell, found.path) }
    return (found.path, found.fault)
  }

  private func note(_ way: Way, _ from: String, _ to: String) {
    let known = ways[way]
    ways[way] = ((known?.count ?? 0) + 1, known?.from ?? from, known?.to ?? to)
  }

  /// What was found otherwise, a sentence each.
  var notes: [String] {
    func words(_ way: Way, _ verb: (one: String, many: String), _ rest: String) -> String? {
      ways[way].map { count, from, to in
        "\(count) \(count == 1 ? "file \(verb.one)" : "files \(verb.many)") \(rest): '\(from)' is '\(to)'"
      }
    }
    return [
      words(.otherEnding, ("has", "have"), "another ending than the table says, or it says none"),
      words(.otherSpelling, ("is", "are"), "spelt otherwise than in the table (case, or the form of accents)"),
      words(.backslashes, ("is", "are"), "written with \\ in the table"),
      words(.absolute, ("has", "have"), "an absolute path that lies in the folder"),
    ].compactMap { $0 }
  }

  // MARK: Looking

  private func isFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    let url = folder.appending(path: path)
    return FileManager.default.fileExists(atPath: url.path(percentEncoded: false), isDirectory: &isFolder)
      && !isFolder.boolValue
  }

  private func locate(_ cell: String, _ kind: RawInput.Kind) -> (path: String, way: Way?, fault: String?)? {
    if cell.hasPrefix("/") {
      guard let inside = inside(cell) else { return nil }
      return (inside, .absolute, nil)
    }
    guard !cell.hasPrefix("~"), !Self.leadsOut(cell) else { return nil }
    if isFile(cell) { return (cell, nil, nil) }
    if cell.contains("\\"), let found = locate(cell.replacing("\\", with: "/"), kind) {
      return (found.path, .backslashes, found.fault)
    }
    return alike(RawSample.plain(cell), kind)
  }

  static func leadsOut(_ path: String) -> Bool {
    var depth = 0
    for part in path.split(separator: "/") where part != "." {
      depth += part == ".." ? -1 : 1
      if depth < 0 { return true }
    }
    return false
  }

  /// Of an absolute path that lies within the folder, what it is from there.
  private func inside(_ path: String) -> String? {
    let parts = RawSample.plain(path)
    let plain = parts.hasPrefix("/") ? parts : "/" + parts
    let own = folder.standardizedFileURL.path(percentEncoded: false)
    let places = [own, RawChecks.truePath(folder)].map { $0.hasSuffix("/") ? $0 : $0 + "/" }
    for place in places where plain.hasPrefix(place) && isFile(String(plain.dropFirst(place.count))) {
      return String(plain.dropFirst(place.count))
    }
    return nil
  }

  /// What lies in a folder, by how it is spelt in small letters with composed accents, whole and without its ending.
  private struct Listing {
    var names: [String: [String]] = [:]
    var stems: [String: [String]] = [:]
  }

  private var listings: [String: Listing] = [:]

  private static func key(_ name: some StringProtocol) -> String {
    String(name).precomposedStringWithCanonicalMapping.lowercased()
  }

  private static func isOf(_ kind: RawInput.Kind, _ name: String) -> Bool {
    let ending = name.lowercased().split(separator: ".").last.map(String.init) ?? ""
    return switch kind {
    case .image: pictureEndings.contains(ending)
    case .audio: soundEndings.contains(ending)
    case .text: ending == "txt"
    }
  }

  static let pictureEndings: Set<String> = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "ppm", "pgm",
  ]
  static let soundEndings: Set<String> = ["wav", "wave", "flac", "mp3", "ogg", "aif", "aiff", "m4a", "opus"]

  private func listing(_ path: String) -> Listing {
    if let known = listings[path] { return known }
    var listing = Listing()
    for name in LayoutFiles(folder: folder).names(in: path) {
      listing.names[Self.key(name), default: []].append(name)
      let stem = name.lastIndex(of: ".").map { name[..<$0] } ?? name[...]
      listing.stems[Self.key(stem), default: []].append(name)
    }
    listings[path] = listing
    return listing
  }

  private func alike(_ path: String, _ kind: RawInput.Kind) -> (path: String, way: Way?, fault: String?)? {
    let parts = path.split(separator: "/", omittingEmptySubsequences: true)
    guard let name = parts.last.map(String.init) else { return nil }
    let parent = parts.dropLast().joined(separator: "/")
    let listing = listing(parent)
    var way = Way.otherSpelling
    var found = (listing.names[Self.key(name)] ?? []).filter { isFile(Self.join(parent, $0)) }
    if found.isEmpty {
      way = .otherEnding
      // A name may have dots of its own: first all of it is the stem, then what stands before the last.
      let stem = name.lastIndex(of: ".").map { name[..<$0] } ?? name[...]
      for candidate in [name[...], stem] where found.isEmpty {
        found = (listing.stems[Self.key(candidate)] ?? []).filter { Self.isOf(kind, $0) }
      }
    }
    guard let first = found.first else { return nil }
    guard found.count == 1 else {
      return (
        path, nil, "'\(path)' could be \(found.prefix(3).map { "'\($0)'" }.joined(separator: " or "))"
      )
    }
    return (Self.join(parent, first), way, nil)
  }

  static func join(_ folder: String, _ name: String) -> String { LayoutFiles.join(folder, name) }

  // MARK: Many at once

  /// Where the file of a cell lies, without a note; nil where there is none.
  func peek(_ cell: String, _ kind: RawInput.Kind) -> String? {
    locate(Self.join(root, cell), kind).flatMap { $0.fault == nil ? $0.path : nil }
  }

  /// Of some cells, how many name files.
  func count(of cells: [String], _ kind: RawInput.Kind, under root: String = "") -> Int {
    cells.count { cell in
      guard !cell.contains("://"), !cell.contains("\0") else { return false }
      return locate(Self.join(root, cell), kind).map { $0.fault == nil } ?? false
    }
  }

  /// The one folder below in which at least half of the cells name files, where there is exactly one.
  func commonRoot(of cells: [String], _ kind: RawInput.Kind) -> String? {
    let found = folders.filter { 2 * count(of: cells, kind, under: $0) >= cells.count }
    return cells.isEmpty || found.count != 1 ? nil : found[0]
  }

  /// The folders below, three levels deep; few, for who has more lays a table beside them.
  private lazy var folders: [String] = {
    let files = LayoutFiles(folder: folder)
    var all: [String] = []
    var level = [""]
    for _ in 0..<3 {
      level = level.flatMap { path in files.folders(in: path).map { Self.join(path, $0) } }
      all += level
      if all.count > 200 { break }
    }
    return Array(all.prefix(200))
  }()
}
