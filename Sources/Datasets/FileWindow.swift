import Foundation
import Records

/// Bytes by their places.
protocol IndexedBytes {
  var count: Int { get }
  subscript(place: Int) -> UInt8 { get }
}

extension [UInt8]: IndexedBytes {}

/// The bytes of a file, of which a window is in memory: made for reading from front to back.
final class FileWindow: IndexedBytes {
  let count: Int
  /// nil where all bytes are in memory.
  private let handle: FileHandle?
  /// Bytes at the front that are passed over, such as a byte-order mark.
  private let skipped: Int
  private var window: [UInt8] = []
  private var start = 0
  /// What stood in the way of reading; zeros stand for what was not read.
  private(set) var failure: (any Error)?

  private static let width = 1 << 20

  /// - Parameter limit: in bytes; a longer file is refused.
  init(_ url: URL, limit: Int) throws {
    let (handle, size) = try Diagnosis.placing(url) { try BoundedFile.open(url, limit: limit) }
    self.handle = handle
    let head = try handle.read(upToCount: Self.width).map { [UInt8]($0) } ?? []
    skipped = head.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    window = Array(head.dropFirst(skipped))
    count = max(size - skipped, 0)
  }

  /// Bytes that are in memory already.
  init(_ bytes: [UInt8]) {
    handle = nil
    skipped = 0
    window = bytes
    count = bytes.count
  }

  subscript(place: Int) -> UInt8 {
    if place < start || place >= start + window.count { load(place) }
    return window[place - start]
  }

  private func load(_ place: Int) {
    // A byte before, for who looks back.
    start = max(place - 1, 0)
    guard let handle else { return }
    do {
      try handle.seek(toOffset: UInt64(start + skipped))
      window = try handle.read(upToCount: Self.width).map { [UInt8]($0) } ?? []
    } catch { failure = failure ?? error }
    let missing = place - start + 1 - window.count
    if missing > 0 {
      failure = failure ?? CocoaError(.fileReadUnknown)
      window += [UInt8](repeating: 0, count: missing)
    }
  }
}
