public import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A safetensors file: named tensors behind a JSON header.
///
/// Reading maps the file, so that a tensor costs memory only where it is touched. The header is checked before any
/// tensor is handed out: known types, offsets within the file, sizes that match the shapes, no overlap and no gap.
public struct SafeTensors {
  /// One tensor's place in the file.
  public struct Entry: Equatable, Sendable {
    public let name: String
    public let type: ElementType
    public let shape: [Int]
    let offset: Int

    var byteCount: Int { shape.reduce(type.byteCount, *) }
  }

  /// The path it was read from.
  public let path: String
  /// The header's free strings.
  public let metadata: [String: String]
  /// The tensors in the order of their bytes.
  public let entries: [Entry]

  let file: MappedFile
  /// In `entries`, by name.
  private let places: [String: Int]

  public var names: [String] { entries.map(\.name) }

  /// Maps and checks a file.
  public init(reading url: URL) throws(SafeTensorsError) {
    path = url.path
    file = try MappedFile(path)
    let bytes = file.bytes
    guard bytes.count >= 8 else { throw SafeTensorsError(path, .truncated(expected: 8, found: bytes.count)) }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= Self.largestHeader else {
      throw SafeTensorsError(path, .malformed("its first eight bytes ask for a header of \(length) bytes"))
    }
    let start = 8 + Int(length)
    guard start <= bytes.count else { throw SafeTensorsError(path, .truncated(expected: start, found: bytes.count)) }
    let header: SafeTensorsHeader
    do {
      header = try SafeTensorsHeader(UnsafeRawBufferPointer(rebasing: bytes[8..<start]))
    } catch { throw SafeTensorsError(path, .malformed(error.what)) }

    var entries: [(entry: Entry, end: Int)] = []
    entries.reserveCapacity(header.tensors.count)
    for (name, fields) in header.tensors {
      entries.append(try Self.entry(name, fields, path: path, dataStart: start))
    }
    entries.sort { ($0.entry.offset, $0.end, $0.entry.name) < ($1.entry.offset, $1.end, $1.entry.name) }
    var position = start
    for (entry, end) in entries {
      guard entry.offset == position else {
        throw SafeTensorsError(
          path, .malformed("tensor '\(entry.name)' does not begin where the one before it ends"))
      }
      position = end
    }
    guard position <= bytes.count else {
      throw SafeTensorsError(path, .truncated(expected: position, found: bytes.count))
    }
    guard position == bytes.count else {
      throw SafeTensorsError(path, .malformed("\(bytes.count - position) bytes follow the last tensor"))
    }
    metadata = header.metadata
    self.entries = entries.map(\.entry)
    places = Dictionary(entries.enumerated().map { ($1.entry.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The tensor of that name, over the mapped bytes.
  public func tensor(_ name: String) throws -> Tensor {
    guard let entry = entry(name) else { throw SafeTensorsError(path, .noTensor(name, found: names)) }
    guard entry.byteCount > 0, let base = file.bytes.baseAddress else {
      return try Tensor.empty(entry.shape, entry.type)
    }
    let address = base + entry.offset
    if entry.type == .bool {
      // A byte that is neither 0 nor 1 is no truth value to Swift; converting makes one of it.
      return try Tensor.wrapping(address, shape: entry.shape, type: .uint8, keeping: file).to(.bool)
    }
    if Int(bitPattern: address) % entry.type.byteCount == 0 {
      return try Tensor.wrapping(address, shape: entry.shape, type: entry.type, keeping: file)
    }
    return try Tensor.wrapping(address, shape: [entry.byteCount], type: .uint8, keeping: file)
      .cloned().viewed(as: entry.type, shape: entry.shape)
  }

  public func entry(_ name: String) -> Entry? { places[name].map { entries[$0] } }

  /// A tensor to be written, of which no more than a portion need be in memory.
  package struct Portions {
    let name: String
    let type: ElementType
    let shape: [Int]
    /// Hands over all bytes, in order.
    let each: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void

    package init(
      _ name: String, _ type: ElementType, _ shape: [Int],
      each: @escaping ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) {
      self.name = name
      self.type = type
      self.shape = shape
      self.each = each
    }

    /// Of a tensor, which may be mapped and larger than memory.
    package init(_ name: String, _ tensor: Tensor) {
      self.init(name, tensor.elementType, tensor.shape) { body in
        let rows = tensor.rank > 0 ? tensor.shape[0] : 1
        let portion = max(1, (64 << 20) * rows / max(tensor.count * tensor.elementType.byteCount, 1))
        for start in stride(from: 0, to: rows, by: portion) {
          let part =
            portion < rows ? try tensor.narrowed(0, from: start, length: min(portion, rows - start)) : tensor
          try part.bytes().withUnsafeBytes(body)
        }
      }
    }
  }

  /// Writes tensors in the given order; the file appears whole or not at all.
  public static func write(_ tensors: [(String, Tensor)], metadata: [String: String] = [:], to url: URL) throws {
    try write(portions: tensors.map { Portions($0.0, $0.1) }, metadata: metadata, to: url)
  }

  /// Writes tensors portion by portion; the file appears whole or not at all.
  package static func write(portions tensors: [Portions], metadata: [String: String] = [:], to url: URL) throws {
    var header = "{"
    if !metadata.isEmpty {
      header += try "\"__metadata__\":\(json(metadata)),"
    }
    var offset = 0
    for tensor in tensors {
      let end = offset + tensor.shape.reduce(tensor.type.byteCount, *)
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      header += try "\(json(tensor.name)):{\"dtype\":\"\(tensor.type.safeTensorsName)\",\"shape\":[\(shape)],"
      header += "\"data_offsets\":[\(offset),\(end)]},"
      offset = end
    }
    if header.hasSuffix(",") { header.removeLast() }
    header += "}"
    header += String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)

    let folder = url.deletingLastPathComponent()
    let temporary = folder.appending(path: ".\(url.lastPathComponent).\(UUID().uuidString.prefix(8)).part")
    let descriptor = open(temporary.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw SafeTensorsError.unwritable(url.path) }
    do {
      try withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { try writeAll($0, descriptor, url) }
      try Array(header.utf8).withUnsafeBytes { try writeAll($0, descriptor, url) }
      for tensor in tensors {
        var rest = tensor.shape.reduce(tensor.type.byteCount, *)
        try tensor.each { bytes in
          rest -= bytes.count
          try writeAll(bytes, descriptor, url)
        }
        precondition(rest == 0, "the bytes of '\(tensor.name)' do not fit its shape")
      }
      guard fsync(descriptor) == 0, rename(temporary.path, url.path) == 0 else {
        throw SafeTensorsError.unwritable(url.path)
      }
      close(descriptor)
    } catch {
      close(descriptor)
      unlink(temporary.path)
      throw error
    }
    // The name is on disk once the folder is.
    let names = open(folder.path, O_RDONLY | O_CLOEXEC)
    if names >= 0 {
      fsync(names)
      close(names)
    }
  }

  // MARK: Parts

  /// The format's own limit.
  private static let largestHeader: UInt64 = 100_000_000

  private static func entry(
    _ name: String, _ fields: SafeTensorsHeader.Fields, path: String, dataStart: Int
  ) throws(SafeTensorsError) -> (Entry, Int) {
    func malformed(_ what: String) -> SafeTensorsError {
      SafeTensorsError(path, .malformed("tensor '\(name)' \(what)"))
    }
    let (typeName, shape, offsets) = (fields.type, fields.shape, fields.offsets)
    guard let type = ElementType(safeTensorsName: typeName) else { throw malformed("has the type '\(typeName)'") }
    // Also what a dimension of zero hides must fit, for strides are computed from it.
    var most = type.byteCount
    for extent in shape {
      let (product, overflow) = most.multipliedReportingOverflow(by: max(extent, 1))
      guard extent >= 0, !overflow else { throw malformed("has the shape \(shape)") }
      most = product
    }
    let size = shape.contains(0) ? 0 : most
    let (start, tooFar) = dataStart.addingReportingOverflow(offsets[0])
    let (end, tooFarToo) = dataStart.addingReportingOverflow(offsets[1])
    guard offsets[0] >= 0, offsets[1] >= offsets[0], !tooFar, !tooFarToo, end - start == size else {
      throw malformed("of shape \(shape) and type \(typeName) does not fit its offsets \(offsets)")
    }
    return (Entry(name: name, type: type, shape: shape, offset: start), end)
  }

  private static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  private static func writeAll(_ bytes: UnsafeRawBufferPointer, _ descriptor: Int32, _ url: URL) throws {
    var written = 0
    while written < bytes.count {
      let count = systemWrite(descriptor, bytes.baseAddress.unsafelyUnwrapped + written, bytes.count - written)
      if count < 0 {
        if errno == EINTR { continue }
        throw SafeTensorsError.unwritable(url.path)
      }
      written += count
    }
  }
}

/// The system's `write`, under a name that the methods above do not hide.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
