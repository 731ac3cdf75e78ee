import Foundation

/// Bytes of an open file at a place, all of them or none; a call that a signal broke off goes on.
enum PlacedBytes {
  /// Whether the buffer was filled from `offset` on.
  static func read(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Bool {
    guard let base = buffer.baseAddress else { return true }
    return all(buffer.count) { pread(descriptor, base + $0, buffer.count - $0, off_t(offset + $0)) }
  }

  /// Whether the bytes were written from `offset` on; `errno` says why not.
  static func write(_ bytes: [UInt8], to descriptor: Int32, at offset: Int) -> Bool {
    bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return true }
      return all(bytes.count) { pwrite(descriptor, base + $0, bytes.count - $0, off_t(offset + $0)) }
    }
  }

  /// - Parameter call: moves some bytes behind those that are done, and says how many.
  private static func all(_ count: Int, _ call: (_ done: Int) -> Int) -> Bool {
    var done = 0
    while done < count {
      let moved = call(done)
      if moved < 0, errno == EINTR { continue }
      guard moved > 0 else { return false }
      done += moved
    }
    return true
  }
}
