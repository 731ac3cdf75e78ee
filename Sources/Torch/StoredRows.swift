/// Rows in a file, numbers or whole pictures, of which some are read without mapping it into memory.
package struct StoredRows: Sendable {
  package let type: ElementType
  /// [N, D], or [N, …] where a row is more than a line of numbers.
  package let shape: [Int]
  /// Nil where the rows lie in several files.
  private let file: MappedFile?
  private let offset: Int
  private let scattered: ScatteredRows?
  /// Nil: through the system's page cache.
  private var pastCache: UncachedFile?

  init(_ entry: SafeTensors.Entry, in file: MappedFile) {
    type = entry.type
    shape = entry.shape
    offset = entry.offset
    self.file = file
    scattered = nil
  }

  private init(_ type: ElementType, _ shape: [Int], _ rows: ScatteredRows) {
    self.type = type
    self.shape = shape
    file = nil
    offset = 0
    scattered = rows
  }

  /// Rows that lie in several files.
  ///
  /// - Parameters:
  ///   - shape: of a row.
  ///   - name: of the tensor that has their places, as ``RowFiles/place(file:offset:)`` makes them; [N] int64.
  package init(
    _ type: ElementType, _ shape: [Int], places name: String, in index: SafeTensors, of files: RowFiles
  ) throws(SafeTensorsError) {
    guard let entry = index.entry(name) else { throw SafeTensorsError.missing(name, in: index) }
    guard entry.type == .int64, entry.shape.count == 1 else {
      throw SafeTensorsError(
        index.path, .malformed("'\(name)' has the shape \(entry.shape), expected places [N] of int64"))
    }
    var size = type.byteCount
    for extent in shape {
      let (product, overflow) = size.multipliedReportingOverflow(by: extent)
      guard extent > 0, !overflow else {
        throw SafeTensorsError(index.path, .malformed("rows of '\(name)' have the shape \(shape)"))
      }
      size = product
    }
    self.init(type, entry.shape + shape, ScatteredRows(size: size, places: entry, in: index, of: files))
  }

  /// Whether the rows lie in several files, and are in no tensor.
  package var isScattered: Bool { scattered != nil }

  /// The bytes of one row.
  package var rowBytes: Int { shape.dropFirst().reduce(type.byteCount, *) }

  /// The same rows, read past the system's page cache where that can be.
  package func uncached() -> StoredRows {
    var copy = self
    copy.pastCache = file?.uncached()
    return copy
  }

  /// Reads rows and copies each to its place in a buffer, if it has one.
  ///
  /// - Parameter space: what they are read into first.
  package func read(
    _ rows: Range<Int>, through space: ReadingSpace, into buffer: RowBuffer, at place: (Int) -> Int?
  ) throws(SafeTensorsError) {
    let size = rowBytes
    guard let file else {
      for row in rows {
        guard let place = place(row) else { continue }
        try copy(row, to: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[(place * size)..<((place + 1) * size)]))
      }
      return
    }
    let range = bytes(of: rows)
    let found =
      if let pastCache { try pastCache.read(range, into: space) } else { try file.read(range, into: space) }
    for (number, row) in rows.enumerated() {
      guard let place = place(row) else { continue }
      UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[(place * size)..<((place + 1) * size)])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: found[(number * size)..<((number + 1) * size)]))
    }
  }

  /// Says that rows will be read soon, so that the disk works on many places at once.
  package func prepare(_ rows: Range<Int>) {
    // What comes past the cache cannot be there before.
    if pastCache == nil { file?.prepare(bytes(of: rows)) }
    scattered?.ranges(rows) { $0.prepare($1) }
  }

  /// Gives back the memory that looking at the mapped rows took.
  package func forget(_ rows: Range<Int>) {
    file?.forget(bytes(of: rows))
    scattered?.ranges(rows) { $0.forget($1) }
  }

  /// The bytes of rows, one after the other; of those that lie in several files alone.
  package func forEach(_ rows: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard let scattered else { return }
    for row in rows { try body(scattered.bytes(row)) }
  }

  /// Some rows as a tensor of their own; of those that lie in several files alone.
  package func gathered(_ rows: some Collection<Int>) throws -> Tensor {
    guard !rows.isEmpty else { return try .empty([0] + shape.dropFirst(), type) }
    let buffer = RowBuffer(rows.count, of: self)
    let size = rowBytes
    for (place, row) in rows.enumerated() {
      try copy(row, to: UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[(place * size)..<((place + 1) * size)]))
    }
    return try buffer.tensor(rows.count, of: self)
  }

  private func copy(_ row: Int, to target: UnsafeMutableRawBufferPointer) throws(SafeTensorsError) {
    precondition(row >= 0 && row < shape[0], "there is no row \(row) of \(shape[0])")
    if let scattered { target.copyMemory(from: try scattered.bytes(row)) }
  }

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
