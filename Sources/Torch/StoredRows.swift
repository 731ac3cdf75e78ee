#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Rows in a file, numbers or whole pictures, of which some are read without mapping it into memory.
package struct StoredRows: Sendable {
  package let type: ElementType
  /// [N, D], or [N, …] where a row is more than a line of numbers.
  package let shape: [Int]
  private let file: MappedFile
  private let offset: Int

  init(_ entry: SafeTensors.Entry, in file: MappedFile) {
    type = entry.type
    shape = entry.shape
    offset = entry.offset
    self.file = file
  }

  /// The bytes of one row.
  package var rowBytes: Int { shape.dropFirst().reduce(type.byteCount, *) }

  /// Reads rows into a buffer, behind the rows before `place`.
  package func read(_ rows: Range<Int>, into buffer: RowBuffer, at place: Int) throws(SafeTensorsError) {
    let bytes = rowBytes
    let target = UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[(place * bytes)..<((place + rows.count) * bytes)])
    try file.read(target, at: offset + rows.lowerBound * bytes)
  }

  /// Says that rows will be read soon, so that the disk works on many places at once.
  package func prepare(_ rows: Range<Int>) {
    file.prepare((offset + rows.lowerBound * rowBytes)..<(offset + rows.upperBound * rowBytes))
  }

  /// Gives back the memory that looking at the mapped rows took.
  package func forget(_ rows: Range<Int>) {
    file.forget((offset + rows.lowerBound * rowBytes)..<(offset + rows.upperBound * rowBytes))
  }
}

/// Memory that rows are read into; one thread at a time.
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
