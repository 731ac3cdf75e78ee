import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file's bytes, mapped into memory and read by the system as they are touched.
///
/// Nothing in it changes after it is made.
final class MappedFile: @unchecked Sendable {
  let bytes: UnsafeRawBufferPointer
  private let path: String
  private let descriptor: Int32

  init(_ path: String) throws(SafeTensorsError) {
    // A pipe would otherwise be waited for before it is refused.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw SafeTensorsError(path, .unreadable(String(cString: strerror(errno)))) }
    var isKept = false
    defer { if !isKept { close(descriptor) } }
    self.path = path
    self.descriptor = descriptor
    var information = stat()
    guard fstat(descriptor, &information) == 0, (information.st_mode & S_IFMT) == S_IFREG else {
      throw SafeTensorsError(path, .unreadable("not a regular file"))
    }
    let size = Int(information.st_size)
    if size == 0 {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      isKept = true
      return
    }
    guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
      throw SafeTensorsError(path, .unreadable(String(cString: strerror(errno))))
    }
    bytes = UnsafeRawBufferPointer(start: address, count: size)
    isKept = true
  }

  deinit {
    if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    close(descriptor)
  }

  /// The bytes in `range`, in one large read instead of page by page, in memory of the reader's, which must live as long as
  /// they are looked at.
  func read(_ range: Range<Int>, into space: ReadingSpace) throws(SafeTensorsError) -> UnsafeRawBufferPointer {
    let target = space.holding(range.count)
    try PlacedRead(descriptor: descriptor, path: path).fill(target, needing: range.count, at: range.lowerBound)
    return UnsafeRawBufferPointer(target)
  }

  /// The same file, to be read past the system's page cache; nil where the system or the disk cannot.
  func uncached() -> UncachedFile? { UncachedFile(path, descriptor) }

  /// Has the system begin to fetch bytes that will be read: many places at once, instead of one after the other, and with
  /// nothing around them.
  func prepare(_ range: Range<Int>) {
    #if os(Linux)
      posix_fadvise(descriptor, off_t(range.lowerBound), off_t(range.count), Int32(POSIX_FADV_WILLNEED))
    #elseif canImport(Darwin)
      var advice = radvisory(ra_offset: off_t(range.lowerBound), ra_count: Int32(clamping: range.count))
      _ = fcntl(descriptor, F_RDADVISE, &advice)
    #endif
  }

  /// Gives back the memory of pages that were touched; they are read again where they are touched again.
  func forget(_ range: Range<Int>) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let (start, end) = (range.lowerBound / page * page, min(range.upperBound, bytes.count))
    guard let base = bytes.baseAddress, start < end else { return }
    madvise(UnsafeMutableRawPointer(mutating: base + start), end - start, MADV_DONTNEED)
  }
}
