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
      .appendingPathComponent(".\(url.lastPathComponent).\(UUID().uuidString.prefix(8)).part")
    do {
      try Diagnosis.placing(url) {
        try body(temporary)
        try PlainFile(opening: temporary).finish(synchronizing: true)
        guard rename(temporary.path, url.path) == 0 else { throw PlainFile.lastError() }
      }
    } catch {
      try? FileManager.default.removeItem(at: temporary)
      throw error
    }
    // The name itself is on disk once the folder is; some file systems refuse this, and then it is as safe as they are.
    if let folder = try? PlainFile(opening: url.deletingLastPathComponent(), forWriting: false) {
      try? folder.finish(synchronizing: true)
    }
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
