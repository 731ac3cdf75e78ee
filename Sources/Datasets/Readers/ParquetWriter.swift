package import Foundation
import Records

#if READS_PARQUET
  import CArrow
#endif

/// A Parquet file that is written row by row; pandas, pyarrow and the library `datasets` read it.
package final class ParquetWriter {
  /// What a column holds; any cell may be empty.
  package enum Kind { case text, whole, number, texts }

  package enum Cell {
    case null
    case text(String)
    case whole(Int)
    case number(Double)
    case texts([String])
  }

  private let place: String
  #if READS_PARQUET
    private var handle: carrow_writer?
  #endif
  /// Rows since the last row group.
  private var waiting = 0
  private static let group = 65_536

  /// - Throws: a `Diagnosis` where the file cannot be made, or this build has no Arrow.
  package init(_ url: URL, columns: [(name: String, kind: Kind)], about: String) throws {
    place = url.path(percentEncoded: false)
    #if READS_PARQUET
      let names = columns.map { strdup($0.name) }
      defer { names.forEach { free($0) } }
      let kinds = columns.map { column in
        switch column.kind {
        case .text: CARROW_TEXT
        case .whole: CARROW_INT
        case .number: CARROW_DOUBLE
        case .texts: CARROW_LIST
        }
      }
      let status = names.map { UnsafePointer($0) }.withUnsafeBufferPointer { names in
        kinds.withUnsafeBufferPointer { kinds in
          carrow_writer_open(
            place, names.baseAddress, kinds.baseAddress, Int32(columns.count), "seesaw", about, &handle)
        }
      }
      try check(status)
    #else
      throw Diagnosis(
        "this build writes no Parquet files", place: url.relativePath,
        remedy: "\(SampleReaders.noParquet), or end the name in .jsonl", exitStatus: .usage)
    #endif
  }

  deinit {
    #if READS_PARQUET
      if let handle { carrow_writer_discard(handle) }
    #endif
  }

  /// Adds a row of one cell a column, each of its column's kind or empty.
  package func append(_ row: [Cell]) throws {
    #if READS_PARQUET
      guard let handle else { return }
      for (number, cell) in row.enumerated() {
        let column = Int32(number)
        switch cell {
        case .null: try check(carrow_write_null(handle, column))
        case .whole(let value): try check(carrow_write_int(handle, column, Int64(value)))
        case .number(let value): try check(carrow_write_double(handle, column, value))
        case .text(let text): try write(text, column)
        case .texts(let texts):
          try check(carrow_write_list(handle, column))
          for text in texts { try write(text, column) }
        }
      }
      waiting += 1
      if waiting == Self.group {
        try check(carrow_writer_flush(handle))
        waiting = 0
      }
    #endif
  }

  /// Writes the end of the file; nothing can be added any more.
  package func close() throws {
    #if READS_PARQUET
      guard let handle else { return }
      self.handle = nil
      try check(carrow_writer_close(handle))
    #endif
  }

  #if READS_PARQUET
    private func write(_ text: String, _ column: Int32) throws {
      var text = text
      try text.withUTF8 { bytes in
        try bytes.withMemoryRebound(to: CChar.self) {
          try check(carrow_write_text(handle, column, $0.baseAddress, Int64($0.count)))
        }
      }
    }

    private func check(_ status: carrow_status) throws {
      guard status == 0 else {
        let words = String(cString: carrow_error())
        // The disk's own words come through Arrow's.
        let isFull = words.contains("No space left")
        throw Diagnosis(
          isFull ? "the disk is full" : "the file cannot be written", place: place, found: isFull ? [] : [words],
          remedy: isFull ? "free some space and try again" : nil)
      }
    }
  #endif
}
