package import Foundation

/// Files that others wrote, read without trust in their size or kind.
package enum BoundedFile {
  /// All bytes of a file.
  ///
  /// - Parameter limit: in bytes; a longer file is refused before it is read.
  /// - Throws: a ``Diagnosis``, also for what is no regular file: a device never ends, and a pipe may never begin.
  package static func read(_ url: URL, limit: Int) throws -> Data {
    try Diagnosis.placing(url) {
      let (handle, size) = try open(url, limit: limit)
      // What is added to it from now on is not read.
      return try handle.read(upToCount: size) ?? Data()
    }
  }

  /// A regular file, to be read; closed with the handle.
  ///
  /// - Parameter limit: in bytes; a longer file is refused.
  package static func open(_ url: URL, limit: Int) throws -> (handle: FileHandle, size: Int) {
    let file = try open(url)
    guard file.size <= limit else {
      throw Diagnosis(
        "the file is too long: \(file.size) bytes, where at most \(limit) are read", place: url.relativePath,
        exitStatus: .input)
    }
    return file
  }

  /// A regular file, to be read; closed with the handle.
  ///
  /// - Throws: a ``Diagnosis``, also for what stands in the place of a file that Git LFS has not fetched.
  static func open(_ url: URL) throws -> (handle: FileHandle, size: Int) {
    let descriptor = Foundation.open(url.path(percentEncoded: false), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw PlainFile.lastError() }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var information = stat()
    guard fstat(descriptor, &information) == 0 else { throw PlainFile.lastError() }
    switch information.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw POSIXError(.EISDIR)
    default: throw Diagnosis("not a regular file", place: url.relativePath, exitStatus: .input)
    }
    let size = Int(information.st_size)
    if size > 0, size <= GitLFSPointer.largest {
      var head = [UInt8](repeating: 0, count: 64)
      let count = pread(descriptor, &head, head.count, 0)
      if GitLFSPointer.begins(head.prefix(max(count, 0))) {
        throw GitLFSPointer.diagnosis(place: url.relativePath)
      }
    }
    return (handle, size)
  }

  /// What a file of samples may take: a quarter of the machine's memory, for its rows take several times as much.
  package static let largestTable = Int(clamping: ProcessInfo.processInfo.physicalMemory / 4)
  /// What a record, a manifest or a comparison may take.
  package static let largestRecord = 256 << 20
  /// What a picture may take.
  package static let largestPicture = 512 << 20
}
