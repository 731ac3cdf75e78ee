/// Rows in a file, numbers or whole pictures, of which some are read without mapping it into memory.
package struct StoredRows: Sendable {
  package let type: ElementType
  /// [N, D], or [N, …] where a row is more than a line of numbers.
  package let shape: [Int]
  private let file: MappedFile
  private let offset: Int
  /// Nil: through the system's page cache.
  private var pastCache: UncachedFile?

  init(_ entry: SafeTensors.Entry, in file: MappedFile) {
    type = entry.type
    shape = entry.shape
    offset = entry.offset
    self.file = file
  }

  /// The bytes of one row.
  package var rowBytes: Int { shape.dropFirst().reduce(type.byteCount, *) }

  /// The same rows, read past the system's page cache where that can be.
  package func uncached() -> StoredRows {
    var copy = self
    copy.pastCache = file.uncached()
    return copy
  }

  /// Reads rows and copies each to its place in a buffer, if it has one.
  ///
  /// - Parameter space: what they are read into first.
  package func read(
    _ rows: Range<Int>, through space: ReadingSpace, into buffer: RowBuffer, at place: (Int) -> Int?
  ) throws(SafeTensorsError) {
    let range = bytes(of: rows)
    let found =
      if let pastCache { try pastCache.read(range, into: space) } else { try file.read(range, into: space) }
    let size = rowBytes
    for (number, row) in rows.enumerated() {
      guard let place = place(row) else { continue }
      UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[(place * size)..<((place + 1) * size)])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: found[(number * size)..<((number + 1) * size)]))
    }
  }

  /// Says that rows will be read soon, so that the disk works on many places at once.
  package func prepare(_ rows: Range<Int>) {
    // What comes past the cache cannot be there before.
    if pastCache == nil { file.prepare(bytes(of: rows)) }
  }

  /// Gives back the memory that looking at the mapped rows took.
  package func forget(_ rows: Range<Int>) { file.forget(bytes(of: rows)) }

  private func bytes(of rows: Range<Int>) -> Range<Int> {
    (offset + rows.lowerBound * rowBytes)..<(offset + rows.upperBound * rowBytes)
  }
}

/// Memory that rows are copied into; no place by two threads at a time.
package final class RowBuffer: @unchecked Sendable {
  let bytes: UnsafeMutableRawBufferPointer

  /// Room for so many rows of a matrix.
  package init(_ rows: Int, of stored: StoredRows) {
    bytes = .allocate(byteCount: rows * stored.rowBytes, alignment: 64)
  }

  deinit { bytes.deallocate() }

  /// The first rows as a tensor over this memory, which shows whatever is read into it later.
  package func tensor(_ rows: Int, of stored: StoredRows) throws -> Tensor {
    try .wrapping(
      UnsafeRawPointer(bytes.baseAddress.unsafelyUnwrapped), shape: [rows] + stored.shape.dropFirst(),
      type: stored.type, keeping: self)
  }
}

extension SafeTensors {
  /// The rows of that name; nil where there are none.
  package func rows(_ name: String) -> StoredRows? {
    guard let entry = entry(name), entry.shape.count >= 2, entry.byteCount > 0 else { return nil }
    return StoredRows(entry, in: file)
  }
}
