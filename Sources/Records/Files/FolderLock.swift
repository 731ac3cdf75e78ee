public import Foundation

/// The right to write in a folder, which one process at a time has.
///
/// The kernel keeps it (`flock` on a small file) and ends it with the process, however that ends: what a killed process
/// leaves behind stops nobody. A file system that knows no locks is worked on without one; across machines it holds as far
/// as the file system carries it (`Documentation/reliability.md`).
public final class FolderLock {
  /// Who has a lock, as its file says.
  public struct Holder: Codable, Equatable, Sendable {
    public var pid: Int32
    public var host: String
    /// ISO 8601, UTC.
    public var since: String

    /// As a sentence goes on: `process 4711 on argo, since 2026-03-01T12:00:00Z`.
    public var words: String { "process \(pid) on \(host), since \(since)" }

    package static var here: Holder {
      var name = [CChar](repeating: 0, count: 256)
      let isNamed = gethostname(&name, name.count - 1) == 0
      let host = isNamed ? String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self) : "?"
      return Holder(pid: getpid(), host: host, since: RunRecord.timestamp())
    }
  }

  private let file: URL
  private var descriptor: Int32

  /// Locks a folder that stays where it is, and makes it where it is missing.
  ///
  /// - Parameter waiting: asked again and again while somebody else has the lock, and may throw; nil refuses at once.
  /// - Throws: a ``Diagnosis`` that names the holder.
  public convenience init(inside folder: URL, waiting: ((Holder?) throws -> Void)? = nil) throws {
    try Diagnosis.placing(folder) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    try self.init(Self.file(inside: folder), of: folder, waiting)
  }

  /// Locks the name of a folder that is made elsewhere and moved here when it is whole.
  public convenience init(beside folder: URL, waiting: ((Holder?) throws -> Void)? = nil) throws {
    let parent = folder.standardizedFileURL.deletingLastPathComponent()
    try Diagnosis.placing(folder) {
      try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    }
    try self.init(Self.file(beside: folder), of: folder, waiting)
  }

  private init(_ file: URL, of folder: URL, _ waiting: ((Holder?) throws -> Void)?) throws {
    self.file = file
    descriptor = -1
    var tries = 0
    while true {
      let opened = open(file.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
      guard opened >= 0 else { throw Diagnosis(describing: PlainFile.lastError()).placed(in: folder.relativePath) }
      if flock(opened, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK {
        // Whoever had it last has removed the file: then this is a lock on nothing, and the next try is on its heir.
        if Self.isStill(file, opened) {
          descriptor = opened
          break
        }
        close(opened)
        continue
      }
      let holder = Self.read(opened)
      close(opened)
      tries += 1
      // Somebody who only looks has the lock for an instant.
      if tries > 3 {
        guard let waiting else { throw Self.refusal(folder, holder) }
        try waiting(holder)
      }
      usleep(tries > 3 ? 100_000 : 10_000)
    }
    let words = (try? Tree(encoding: Holder.here, keys: .asNamed).json()) ?? ""
    _ = ftruncate(descriptor, 0)
    _ = words.withCString { write(descriptor, $0, strlen($0)) }
  }

  /// Lets go.
  public func release() {
    guard descriptor >= 0 else { return }
    // Removed while it is held, so that nobody else's is.
    if Self.isStill(file, descriptor) { unlink(file.path) }
    close(descriptor)
    descriptor = -1
  }

  deinit { release() }

  // MARK: Looking

  /// Who is at work inside a folder; nil where nobody is.
  public static func holder(inside folder: URL) -> Holder? { holder(file(inside: folder)) }

  private static func holder(_ file: URL) -> Holder? {
    let opened = open(file.path, O_RDONLY | O_CLOEXEC)
    guard opened >= 0 else { return nil }
    defer { close(opened) }
    guard flock(opened, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK else { return nil }
    return read(opened) ?? Holder(pid: 0, host: "?", since: "?")
  }

  // MARK: Parts

  /// The file's name inside a folder.
  static let name = ".lock"

  private static func file(inside folder: URL) -> URL { folder.appendingPathComponent(name) }

  private static func file(beside folder: URL) -> URL {
    let url = folder.standardizedFileURL
    return url.deletingLastPathComponent().appendingPathComponent(".\(url.lastPathComponent)\(name)")
  }

  private static func isStill(_ file: URL, _ descriptor: Int32) -> Bool {
    var (named, opened) = (stat(), stat())
    return stat(file.path, &named) == 0 && fstat(descriptor, &opened) == 0 && named.st_ino == opened.st_ino
      && named.st_dev == opened.st_dev
  }

  private static func read(_ descriptor: Int32) -> Holder? {
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    return try? Tree(json: String(decoding: bytes.prefix(count), as: UTF8.self)).decode(keys: .asNamed)
  }

  private static func refusal(_ folder: URL, _ holder: Holder?) -> Diagnosis {
    Diagnosis(
      "somebody else is writing here", place: folder.relativePath, found: [holder?.words ?? "another process"],
      remedy: "wait for its end (--wait does), or choose another --out")
  }
}
