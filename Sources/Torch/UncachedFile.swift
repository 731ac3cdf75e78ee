#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that is read past the system's page cache, from the disk straight into the reader's memory, by whole pages.
///
/// What is larger than memory is not in the cache any more when it is read again: to keep it costs a copy, and others their
/// place.
final class UncachedFile: Sendable {
  private static let page = 4096
  private let reading: PlacedRead

  /// - Parameter descriptor: of the same file, open.
  init?(_ path: String, _ descriptor: Int32) {
    #if canImport(Darwin)
      let own = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
      guard own >= 0 else { return nil }
      let isUncached = fcntl(own, F_NOCACHE, 1) == 0
    #else
      // Linux's O_DIRECT, which the system's headers hide from Swift.
      #if arch(x86_64)
        let direct: Int32 = 0o40000
      #elseif arch(arm64)
        let direct: Int32 = 0o200000
      #else
        return nil
      #endif
      // The open file, whatever its name stands for by now.
      let own = open("/proc/self/fd/\(descriptor)", O_RDONLY | O_CLOEXEC | direct)
      guard own >= 0 else { return nil }
      let isUncached = true
    #endif
    reading = PlacedRead(descriptor: own, path: path)
    // Some file systems refuse only when they are read.
    guard isUncached, (try? read(0..<1, into: ReadingSpace())) != nil else { return nil }
  }

  deinit { close(reading.descriptor) }

  /// The bytes in `range`, in memory of the reader's, which must live as long as they are looked at.
  func read(_ range: Range<Int>, into space: ReadingSpace) throws(SafeTensorsError) -> UnsafeRawBufferPointer {
    let start = range.lowerBound / Self.page * Self.page
    let pages = (range.upperBound - start + Self.page - 1) / Self.page
    let target = space.holding(pages * Self.page)
    try reading.fill(target, needing: range.upperBound - start, at: start)
    return UnsafeRawBufferPointer(rebasing: target[(range.lowerBound - start)..<(range.upperBound - start)])
  }
}

/// Memory that is read into, grown to what it must hold; one thread at a time.
package final class ReadingSpace {
  private var bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  package init() {}

  deinit { bytes.deallocate() }

  /// So many bytes from the beginning of a page on; what was there is gone.
  func holding(_ count: Int) -> UnsafeMutableRawBufferPointer {
    if bytes.count < count {
      bytes.deallocate()
      bytes = .allocate(byteCount: count, alignment: 4096)
    }
    return UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
  }
}

/// Reads an open file from a place on, however many calls that takes.
struct PlacedRead {
  let descriptor: Int32
  let path: String

  /// Fills `target`, as far as the file goes but at least with the bytes that are needed.
  func fill(_ target: UnsafeMutableRawBufferPointer, needing needed: Int, at offset: Int) throws(SafeTensorsError) {
    var done = 0
    while done < needed, let base = target.baseAddress {
      let count = pread(descriptor, base + done, target.count - done, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let reason = count == 0 ? "it has become shorter" : String(cString: strerror(errno))
        throw SafeTensorsError(path, .unreadable(reason))
      }
      done += count
    }
  }
}
