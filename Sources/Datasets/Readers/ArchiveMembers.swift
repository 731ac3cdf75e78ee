import Foundation
import Records

/// Pictures and sounds that are members of tar archives: `train-000.tar@1536:dog/1.jpg`, the member whose header is there.
///
/// A plain archive is entered at the place. A compressed one is read from its front; members that were passed on the way are
/// kept, some 256 MB, and one that lies behind is reached from the front again.
final class ArchiveMembers: StoredInputs, @unchecked Sendable {
  private let files: [String: DataFiles.File]
  private let compressed: Set<String>
  private let lock = NSLock()
  private var kept: [String: Data] = [:]
  private var keptBytes = 0
  /// Names of what is kept, the first read first; those before the place are kept no more.
  private var order: [String] = []
  private var firstKept = 0
  private var cursors: [Cursor] = []

  private struct Cursor {
    let file: String
    let archive: Archive
    /// What is behind it begins before this.
    var next = 0
  }

  private static let mostKept = 256 << 20
  private static let mostOpen = 4

  init(_ files: [DataFiles.File], compressed: Set<String>) {
    self.files = Dictionary(files.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    self.compressed = compressed
  }

  static func name(of member: Archive.Member, in file: DataFiles.File) -> String {
    "\(file.name)@\(member.position):\(member.name)"
  }

  private func parts(_ name: String) -> (file: DataFiles.File, position: Int, member: String)? {
    var start = name.startIndex
    // The names of archives and members may have these signs in them too.
    while let mark = name[start...].firstIndex(of: "@") {
      let rest = name[name.index(after: mark)...]
      if let file = files[String(name[..<mark])], let end = rest.firstIndex(of: ":"), let position = Int(rest[..<end]) {
        return (file, position, String(rest[rest.index(after: end)...]))
      }
      start = name.index(after: mark)
    }
    return nil
  }

  func holds(_ name: String) -> Bool { parts(name) != nil }

  func stamp(of name: String) -> String { parts(name)?.file.stamp ?? "" }

  func bytes(of name: String, limit: Int) throws -> Data {
    guard let (file, position, member) = parts(name) else {
      throw Diagnosis("there is no such member", place: name, exitStatus: .input)
    }
    if compressed.contains(file.name) {
      return try lock.withLock { try passing(file, position, name, limit) }
    }
    let archive = try Archive(file.place, at: position)
    guard let found = try archive.next(), found.name == member else {
      throw Diagnosis("the archive changed since it was looked through", place: name, exitStatus: .input)
    }
    return try archive.data(of: found, limit: limit)
  }

  private func passing(_ file: DataFiles.File, _ position: Int, _ name: String, _ limit: Int) throws -> Data {
    if let known = kept[name] { return known }
    let at = cursors.firstIndex { $0.file == file.name }
    var cursor = try at.map { cursors.remove(at: $0) } ?? Cursor(file: file.name, archive: Archive(file.place))
    if cursor.next > position { cursor = Cursor(file: file.name, archive: try Archive(file.place)) }
    while let member = try cursor.archive.next() {
      cursor.next = member.position + 1
      guard member.isFile, ArchiveReader.Name(member.name) != nil, member.size <= limit else { continue }
      let data = try cursor.archive.data(of: member, limit: limit)
      let passed = ArchiveMembers.name(of: member, in: file)
      keep(data, passed)
      if passed == name {
        cursors.append(cursor)
        if cursors.count > Self.mostOpen { cursors.removeFirst() }
        return data
      }
    }
    throw Diagnosis("the archive changed since it was looked through", place: name, exitStatus: .input)
  }

  private func keep(_ data: Data, _ name: String) {
    guard kept.updateValue(data, forKey: name) == nil else { return }
    order.append(name)
    keptBytes += data.count
    while keptBytes > Self.mostKept, kept.count > 1 {
      keptBytes -= kept.removeValue(forKey: order[firstKept])?.count ?? 0
      firstKept += 1
    }
    if firstKept > 4096 {
      order.removeFirst(firstKept)
      firstKept = 0
    }
  }
}
