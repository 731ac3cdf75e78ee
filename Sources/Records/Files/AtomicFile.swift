public import Foundation

/// Files that are there whole or not at all.
public enum AtomicFile {
  /// Writes data under a temporary name in the same folder, forces it to disk and renames it.
  ///
  /// - Throws: a ``Diagnosis`` that names the file: no permission, disk full, read-only.
  public static func write(_ data: Data, to url: URL) throws {
    try replace(url) { temporary in
      let file = try PlainFile(creating: temporary)
      try file.append(data)
      try file.finish(synchronizing: true)
    }
  }

  /// Lets `body` make the file under a temporary name, forces it to disk and renames it; removes it where `body` throws.
  public static func replace(_ url: URL, with body: (URL) throws -> Void) throws {
    let temporary = url.deletingLastPathComponent()
      .appendingPathComponent(".\(url.lastPathComponent).\(UUID().uuidString.prefix(8))\(unfinished)")
    do {
      try Diagnosis.placing(url) {
        try body(temporary)
        try PlainFile(opening: temporary).finish(synchronizing: true)
        try rename(temporary, to: url)
      }
    } catch {
      try? FileManager.default.removeItem(at: temporary)
      throw error
    }
  }

  /// Gives a file that is on disk another name, and takes that from whichever had it.
  package static func rename(_ url: URL, to name: URL) throws {
    guard Foundation.rename(url.path, name.path) == 0 else { throw PlainFile.lastError() }
    synchronize(name.deletingLastPathComponent())
  }

  /// How the names of files end that are being written; they begin with a dot.
  private static let unfinished = ".part"

  /// Removes from a folder what a killed process had begun to write; for whoever has the folder's lock.
  public static func removeUnfinished(in folder: URL) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    for name in names where name.hasPrefix(".") && name.hasSuffix(unfinished) {
      try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
    }
  }

  /// Forces a folder's names to disk; some file systems refuse this, and then they are as safe as they are.
  static func synchronize(_ folder: URL) {
    guard let folder = try? PlainFile(opening: folder, forWriting: false) else { return }
    try? folder.finish(synchronizing: true)
  }
}

/// Folders that are there whole or not at all.
public enum AtomicFolder {
  /// Puts a folder that was made beside `url` in its place; what was there goes once the new one is there.
  ///
  /// Killed between the two, it leaves nothing under the name, and both whole beside it: ``recover(_:)`` puts the old one
  /// back, or the same call ends what was begun.
  public static func replace(_ url: URL, with made: URL) throws {
    let files = FileManager.default
    let old = replaced(url)
    try Diagnosis.placing(url) {
      AtomicFile.synchronize(made)
      if files.fileExists(atPath: url.path) {
        if files.fileExists(atPath: old.path) { try files.removeItem(at: old) }
        guard rename(url.path, old.path) == 0 else { throw PlainFile.lastError() }
      }
      guard rename(made.path, url.path) == 0 else {
        let error = PlainFile.lastError()
        _ = rename(old.path, url.path)
        throw error
      }
    }
    AtomicFile.synchronize(url.deletingLastPathComponent())
    try? files.removeItem(at: old)
  }

  /// Puts back what was being replaced when a process was killed; for whoever has the lock.
  public static func recover(_ url: URL) {
    let old = replaced(url)
    if rename(old.path, url.path) != 0 { try? FileManager.default.removeItem(at: old) }
  }

  private static func replaced(_ url: URL) -> URL {
    url.deletingLastPathComponent().appendingPathComponent(".\(url.lastPathComponent).replaced")
  }
}

/// A file descriptor that is closed once.
final class PlainFile {
  private var descriptor: Int32

  private init(_ descriptor: Int32) throws {
    guard descriptor >= 0 else { throw Self.lastError() }
    self.descriptor = descriptor
  }

  convenience init(creating url: URL) throws {
    try self.init(open(url.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644))
  }

  convenience init(opening url: URL, forWriting: Bool = true) throws {
    try self.init(open(url.path, (forWriting ? O_WRONLY : O_RDONLY) | O_CLOEXEC))
  }

  /// Opens for writing at the end of the first `length` bytes; what follows them is cut off.
  convenience init(appendingTo url: URL, after length: Int) throws {
    try self.init(open(url.path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644))
    guard ftruncate(descriptor, off_t(length)) == 0, lseek(descriptor, 0, SEEK_END) >= 0 else { throw Self.lastError() }
  }

  deinit { if descriptor >= 0 { _ = close(descriptor) } }

  static func lastError() -> any Error {
    POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
  }

  func append(_ data: Data) throws {
    try data.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let part = UnsafeRawBufferPointer(rebasing: rest)
        let count = write(descriptor, part.baseAddress, part.count)
        if count < 0 {
          if errno == EINTR { continue }
          throw Self.lastError()
        }
        rest = rest.dropFirst(count)
      }
    }
  }

  func synchronize() throws { guard fsync(descriptor) == 0 else { throw Self.lastError() } }

  func finish(synchronizing: Bool) throws {
    guard descriptor >= 0 else { return }
    if synchronizing { try synchronize() }
    let closing = descriptor
    descriptor = -1
    guard close(closing) == 0 else { throw Self.lastError() }
  }
}

/// A file that grows at its end, in portions.
///
/// What is appended waits until there is enough of it. One thread at a time.
final class GrowingFile {
  private let url: URL
  private let file: PlainFile
  private var waiting = Data()

  private static let portion = 1 << 16

  /// Goes on after the first `length` bytes, of a file that may be missing; what follows them is cut off.
  init(_ url: URL, after length: Int) throws {
    self.url = url
    file = try Diagnosis.placing(url) { try PlainFile(appendingTo: url, after: length) }
  }

  deinit { try? flush() }

  func append(_ data: Data) throws {
    waiting += data
    if waiting.count >= Self.portion { try flush() }
  }

  /// Hands what is waiting to the system, so that another process can read it.
  func flush() throws {
    guard !waiting.isEmpty else { return }
    let data = waiting
    waiting = Data()
    try Diagnosis.placing(url) { try file.append(data) }
  }

  /// Writes what is waiting and forces it to disk.
  func synchronize() throws {
    try flush()
    try Diagnosis.placing(url) { try file.synchronize() }
  }

  /// Writes the rest and closes; nothing may be appended after.
  func close(synchronizing: Bool) throws {
    try flush()
    try Diagnosis.placing(url) { try file.finish(synchronizing: synchronizing) }
  }
}
