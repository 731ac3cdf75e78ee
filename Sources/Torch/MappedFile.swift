import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file's bytes, mapped into memory and read by the system as they are touched.
final class MappedFile {
  let bytes: UnsafeRawBufferPointer

  init(_ path: String) throws(SafeTensorsError) {
    // A pipe would otherwise be waited for before it is refused.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw SafeTensorsError(path, .unreadable(String(cString: strerror(errno)))) }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0, (information.st_mode & S_IFMT) == S_IFREG else {
      throw SafeTensorsError(path, .unreadable("not a regular file"))
    }
    let size = Int(information.st_size)
    if size == 0 {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
      throw SafeTensorsError(path, .unreadable(String(cString: strerror(errno))))
    }
    bytes = UnsafeRawBufferPointer(start: address, count: size)
  }

  deinit {
    if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
  }
}
