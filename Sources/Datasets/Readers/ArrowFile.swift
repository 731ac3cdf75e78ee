#if READS_PARQUET
  import CArrow
  import Foundation
  import Records

  /// A Parquet file, or an Arrow file or stream; used by one thread at a time.
  final class ArrowFile {
    private let handle: carrow_file
    let place: String

    /// - Throws: a `Diagnosis` where it cannot be opened or is of another kind.
    init(_ place: String) throws {
      ArrowRemote.prepare(for: place)
      self.place = place
      var made: carrow_file?
      guard carrow_open(place, &made) == 0, let made else { throw Self.failure(place) }
      handle = made
    }

    deinit { carrow_close(handle) }

    static func failure(_ place: String) -> Diagnosis {
      if GitLFSPointer.stands(at: URL(filePath: place)) { return GitLFSPointer.diagnosis(place: place) }
      let words = String(cString: carrow_error()).split(separator: "\n").joined(separator: " ")
      return Diagnosis("the file cannot be read", place: place, found: [words], exitStatus: .input)
    }

    /// The library's version.
    static var version: String { String(cString: carrow_version()) }

    var isParquet: Bool { carrow_is_parquet(handle) }
    var groups: Int { Int(carrow_group_count(handle)) }

    /// Rows of a group; nil where only reading tells.
    func rows(in group: Int) -> Int? {
      let count = carrow_group_rows(handle, Int32(group))
      return count < 0 ? nil : Int(count)
    }

    /// A text that stands beside the schema.
    func metadata(_ key: String) -> String? { carrow_metadata(handle, key).map { String(cString: $0) } }

    /// The columns, without rows.
    func schema() throws -> ArrowArray {
      var made: carrow_array?
      guard carrow_schema(handle, &made) == 0, let made else { throw Self.failure(place) }
      return try ArrowArray(made)
    }

    /// How many values of a leaf are null in a row group; nil where the file does not say.
    func nulls(_ path: [String], in group: Int) -> Int? {
      let count = withCStrings(path) { carrow_null_count(handle, Int32(group), $0, Int32(path.count)) }
      return count < 0 ? nil : Int(count)
    }

    /// - Parameters:
    ///   - light: without leaves called `bytes` where there is a `path` beside.
    ///   - rows: of a batch.
    func read(_ columns: [String], in group: Int, light: Bool = false, rows: Int) throws -> Reader {
      var made: carrow_reader?
      let status = withCStrings(columns) {
        carrow_read(handle, Int32(group), $0, Int32(columns.count), light, Int64(rows), &made)
      }
      guard status == 0, let made else { throw Self.failure(place) }
      return Reader(made, of: self)
    }

    /// Batches of a group, one after the other.
    final class Reader {
      private let handle: carrow_reader
      private let file: ArrowFile

      fileprivate init(_ handle: carrow_reader, of file: ArrowFile) {
        self.handle = handle
        self.file = file
      }

      deinit { carrow_reader_close(handle) }

      /// The next batch; nil at the end.
      func next() throws -> ArrowArray? {
        var made: carrow_array?
        guard carrow_next(handle, &made) == 0 else { throw ArrowFile.failure(file.place) }
        return try made.map { try ArrowArray($0) }
      }
    }
  }

  /// A column of a batch, or an array below one; several threads may read it.
  final class ArrowArray: @unchecked Sendable {
    private let handle: carrow_array
    let kind: carrow_kind
    let count: Int
    /// The fields of a struct, or the values of a list under an empty name.
    let children: [(name: String, array: ArrowArray)]

    init(_ handle: carrow_array) throws {
      self.handle = handle
      kind = carrow_array_kind(handle)
      count = Int(carrow_length(handle))
      do {
        children = try (0..<carrow_child_count(handle)).map { index in
          var made: carrow_array?
          guard carrow_child(handle, index, &made) == 0, let made else { throw ArrowFile.failure("a column") }
          return (carrow_child_name(handle, index).map { String(cString: $0) } ?? "", try ArrowArray(made))
        }
      } catch {
        carrow_array_release(handle)
        throw error
      }
    }

    deinit { carrow_array_release(handle) }

    /// Bytes of memory that a batch keeps.
    var heldBytes: Int { Int(carrow_held_bytes(handle)) }

    subscript(name: String) -> ArrowArray? { children.first { $0.name == name }?.array }

    /// What values are, whatever lists they are in.
    var leaf: ArrowArray { kind == CARROW_LIST ? children.first?.array.leaf ?? self : self }

    func isNull(_ row: Int) -> Bool { carrow_is_null(handle, Int64(row)) }

    /// The places of a list's values in the array below it.
    func range(_ row: Int) -> Range<Int> {
      var (start, count) = (Int64(0), Int64(0))
      if !isNull(row) { carrow_list_range(handle, Int64(row), &start, &count) }
      return Int(start)..<Int(start + count)
    }

    /// A text or bytes, which live as long as the array.
    func bytes(_ row: Int) -> UnsafeRawBufferPointer {
      let value = carrow_value(handle, Int64(row))
      return UnsafeRawBufferPointer(start: value.bytes, count: Int(value.count))
    }

    /// A text; nil where the bytes are none.
    func text(_ row: Int) -> String? {
      isNull(row) ? nil : String(validating: bytes(row), as: UTF8.self)
    }

    /// A number, or 0 and 1 of a yes or no.
    func number(_ row: Int) -> Double {
      kind == CARROW_DOUBLE ? carrow_double(handle, Int64(row)) : Double(carrow_int(handle, Int64(row)))
    }

    /// The bytes of a value, without a copy.
    func data(_ row: Int) -> Data {
      let bytes = bytes(row)
      guard let base = bytes.baseAddress, !bytes.isEmpty else { return Data() }
      return Data(
        bytesNoCopy: UnsafeMutableRawPointer(mutating: base), count: bytes.count,
        deallocator: .custom { [self] _, _ in withExtendedLifetime(self) {} })
    }

    /// A value as a tree; bytes are their text where they are one.
    ///
    /// - Returns: nil for what no tree is made of.
    func tree(_ row: Int) -> Tree? {
      guard !isNull(row) else { return .null }
      switch kind {
      case CARROW_BOOL: return .bool(carrow_int(handle, Int64(row)) != 0)
      case CARROW_INT: return .int(Int(carrow_int(handle, Int64(row))))
      case CARROW_DOUBLE:
        let value = carrow_double(handle, Int64(row))
        return value.isNaN ? .null : .number(value)
      case CARROW_TEXT, CARROW_BYTES, CARROW_OTHER: return text(row).map(Tree.string)
      case CARROW_LIST:
        guard let values = children.first?.array else { return nil }
        let elements = range(row).compactMap(values.tree)
        return elements.count == range(row).count ? .list(elements) : nil
      default: return nil
      }
    }
  }

  /// What lies in a folder that is not on this machine.
  enum ArrowListing {
    static func files(at address: String) throws -> [(name: String, size: Int, time: Int)] {
      ArrowRemote.prepare(for: address)
      var made: carrow_list?
      guard carrow_list_open(address, &made) == 0, let list = made else { throw ArrowFile.failure(address) }
      defer { carrow_list_close(list) }
      return (0..<carrow_list_count(list)).map { index in
        (
          String(cString: carrow_list_name(list, index)), Int(carrow_list_size(list, index)),
          Int(carrow_list_time(list, index))
        )
      }
    }
  }

  /// File systems that lie in a library of their own.
  private enum ArrowRemote {
    private static let loaded: Void = {
      // Beside libarrow, which the program is linked to.
      for name in ["libarrow_s3.so", "libarrow_s3.dylib"] where carrow_load_file_system(name) == 0 { return }
    }()

    static func prepare(for place: String) { if place.hasPrefix("s3:") { _ = loaded } }
  }

  private func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) throws -> Result
  ) rethrows -> Result {
    let copies = texts.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    let pointers = copies.map { UnsafePointer($0) } + [nil]
    return try pointers.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("an array with an element has an address") }
      return try body(base)
    }
  }
#endif
