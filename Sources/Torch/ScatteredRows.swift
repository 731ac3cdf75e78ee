#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif
import Foundation

/// Files that rows lie in, each mapped when the first of its rows is asked for.
package final class RowFiles: @unchecked Sendable {
  private let paths: [String]
  private let lock = NSLock()
  private var mapped: [MappedFile?]

  package init(_ paths: [String]) {
    self.paths = paths
    mapped = paths.map { _ in nil }
  }

  package var count: Int { paths.count }

  /// A file by its number.
  func file(_ number: Int) throws(SafeTensorsError) -> MappedFile {
    lock.lock()
    defer { lock.unlock() }
    if let file = mapped[number] { return file }
    let file = try MappedFile(paths[number])
    mapped[number] = file
    return file
  }

  /// Bytes of a file, which live as long as the files.
  package func bytes(at place: Int64, count: Int) throws(SafeTensorsError) -> UnsafeRawBufferPointer {
    let (number, offset) = Self.parts(of: place)
    guard place >= 0, number < paths.count else {
      throw SafeTensorsError("rows", .malformed("a row lies in file \(number) of \(paths.count)"))
    }
    let bytes = try file(number).bytes
    guard offset + count <= bytes.count else {
      throw SafeTensorsError(paths[number], .truncated(expected: offset + count, found: bytes.count))
    }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)])
  }

  /// Where a row begins, as one number: of the file, and of the byte in it.
  package static func place(file: Int, offset: Int) -> Int64 { Int64(file) << offsetBits | Int64(offset) }

  /// The number of the file, and the byte in it.
  package static func parts(of place: Int64) -> (file: Int, offset: Int) {
    (Int(place >> offsetBits), Int(place & (1 << offsetBits - 1)))
  }

  /// A file has a terabyte at most.
  private static let offsetBits: Int64 = 40
}

/// Rows that lie in several files, in any order.
struct ScatteredRows: Sendable {
  /// Bytes of a row.
  let size: Int
  private let files: RowFiles
  /// The file that has the places, eight bytes a row, and where they begin.
  private let index: MappedFile
  private let start: Int

  /// - Parameter entry: the places, [N] int64.
  init(size: Int, places entry: SafeTensors.Entry, in index: SafeTensors, of files: RowFiles) {
    self.size = size
    self.files = files
    self.index = index.file
    start = entry.offset
  }

  private func place(_ row: Int) -> Int64 {
    Int64(littleEndian: index.bytes.loadUnaligned(fromByteOffset: start + row * 8, as: Int64.self))
  }

  /// The bytes of a row, which live as long as the files.
  func bytes(_ row: Int) throws(SafeTensorsError) -> UnsafeRawBufferPointer {
    try files.bytes(at: place(row), count: size)
  }

  /// Ranges of bytes that some rows lie in, those that follow each other closely as one.
  func ranges(_ rows: Range<Int>, _ body: (MappedFile, Range<Int>) -> Void) {
    var current: (number: Int, range: Range<Int>)?
    func end() {
      if let current, let file = try? files.file(current.number) { body(file, current.range) }
    }
    for row in rows {
      let (number, offset) = RowFiles.parts(of: place(row))
      guard number < files.count else { continue }
      if let (known, range) = current, known == number, offset >= range.lowerBound,
        offset < range.upperBound + Self.gap
      {
        current = (number, range.lowerBound..<max(range.upperBound, offset + size))
      } else {
        end()
        current = (number, offset..<(offset + size))
      }
    }
    end()
  }

  /// Bytes between two rows that are read along with them.
  private static let gap = 1 << 14
}
