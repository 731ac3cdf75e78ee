import CZlib
import Foundation

/// The list of a `.npz` archive, and what it takes to unpack an entry.
///
/// Nothing of an entry's name is ever used as a path. Source: PKWARE's APPNOTE 6.3, sections 4.3 and 4.5.3.
struct NumPyArchive: Sendable {
  struct Entry: Sendable, Equatable {
    /// Without `.npy`.
    let name: String
    let isPacked: Bool
    let checksum: UInt32
    let packedSize: Int
    /// Unpacked.
    let size: Int
    /// Of the entry's own header.
    let offset: Int
  }

  /// The arrays.
  let entries: [Entry]
  /// The names of what else is in the archive and passed over, the first of them.
  let others: [String]
  private let file: ZipBytes
  /// Where the list begins and the entries end.
  private let listOffset: Int

  init(_ data: Data) throws(NumPyFault) {
    file = ZipBytes(data: data)
    let list = try file.list()
    listOffset = list.offset
    var entries: [Entry] = []
    var others: [String] = []
    var names: Set<String> = []
    var position = list.offset
    for _ in 0..<list.count {
      guard position < list.end else { throw .init(.malformed("its list of entries is shorter than it says")) }
      let (entry, name, next) = try Self.entry(file, at: position, listEnd: list.end)
      position = next
      guard let entry else {
        if others.count < 64 { others.append(name) }
        continue
      }
      guard entry.packedSize <= listOffset, entry.offset <= listOffset else {
        throw .init(.truncated("'\(entry.name)' lies beyond the archive's list"))
      }
      guard names.insert(entry.name).inserted else { throw .init(.malformed("'\(entry.name)' is in it twice")) }
      entries.append(entry)
    }
    guard position == list.end else { throw .init(.malformed("its list of entries is longer than it says")) }
    // Entries that share their bytes can unpack to far more than 1032 times the file.
    var end = 0
    for entry in entries.sorted(by: { $0.offset < $1.offset }) {
      guard entry.offset >= end else { throw .init(.malformed("'\(entry.name)' lies over another entry")) }
      end = entry.offset + Self.headerSize + entry.packedSize
    }
    self.entries = entries
    self.others = others
  }

  /// The bytes of an entry, checked against its checksum.
  func unpacked(_ name: String, limit: Int) throws(NumPyFault) -> Data {
    guard let entry = entries.first(where: { $0.name == name }) else {
      throw .init(.noArray(found: entries.map(\.name)))
    }
    guard try file.u32(entry.offset) == 0x0403_4B50 else {
      throw .init(.malformed("its entry is not where the list says"))
    }
    let start =
      entry.offset + Self.headerSize + Int(try file.u16(entry.offset + 26)) + Int(try file.u16(entry.offset + 28))
    guard start <= listOffset, entry.packedSize <= listOffset - start else {
      throw .init(.truncated("\(entry.packedSize) packed bytes do not fit before the archive's list"))
    }
    let packed = file.slice(start, entry.packedSize)
    let bytes: Data
    if entry.isPacked {
      guard entry.size <= limit else { throw .init(.tooLarge(bytes: entry.size, limit: limit)) }
      bytes = try Self.inflated(packed, size: entry.size)
    } else {
      bytes = packed
    }
    guard Self.checksum(bytes) == entry.checksum else {
      throw .init(.malformed("its checksum does not match, so its bytes have changed"))
    }
    return bytes
  }

  // MARK: Parts

  /// Of an entry, before its name.
  private static let headerSize = 30

  /// The entry at a place of the list, nil where it is no array, its name, and where the next begins.
  private static func entry(
    _ file: ZipBytes, at start: Int, listEnd: Int
  ) throws(NumPyFault) -> (Entry?, name: String, next: Int) {
    guard try file.u32(start) == 0x0201_4B50 else { throw .init(.malformed("its list of entries is broken")) }
    let flags = try file.u16(start + 8)
    let method = try file.u16(start + 10)
    let checksum = try file.u32(start + 16)
    var packedSize = Int(try file.u32(start + 20))
    var size = Int(try file.u32(start + 24))
    let nameLength = Int(try file.u16(start + 28))
    let extraLength = Int(try file.u16(start + 30))
    let commentLength = Int(try file.u16(start + 32))
    var offset = Int(try file.u32(start + 42))
    let extra = start + 46 + nameLength
    let end = extra + extraLength + commentLength
    guard end <= listEnd else { throw .init(.truncated("its list of entries is cut off")) }

    // Sizes that do not fit into 32 bits stand in an extra field, in this order, each only where it is needed.
    var field = extra
    while field + 4 <= extra + extraLength {
      let kind = try file.u16(field)
      let fieldEnd = field + 4 + Int(try file.u16(field + 2))
      guard fieldEnd <= extra + extraLength else { throw .init(.malformed("its list of entries is broken")) }
      if kind == 1 {
        var value = field + 4
        func large(_ small: Int) throws(NumPyFault) -> Int {
          guard small == 0xFFFF_FFFF else { return small }
          guard value + 8 <= fieldEnd else { throw .init(.malformed("an entry's sizes are cut off")) }
          defer { value += 8 }
          return try file.u64(value)
        }
        size = try large(size)
        packedSize = try large(packedSize)
        offset = try large(offset)
      }
      field = fieldEnd
    }

    let fullName = String(decoding: file.slice(start + 46, nameLength), as: UTF8.self)
    guard fullName.hasSuffix(".npy") else { return (nil, fullName, end) }
    let name = String(fullName.dropLast(".npy".count))
    guard flags & 1 == 0 else { throw .init(.malformed("'\(name)' is encrypted")) }
    guard method == 0 || method == 8 else {
      throw .init(.malformed("'\(name)' is packed by the method \(method), only stored and deflated entries are read"))
    }
    // Deflate packs at most 258 bytes into 2 bits.
    let most = packedSize.multipliedReportingOverflow(by: 1032)
    guard method == 8 ? most.overflow || size <= most.partialValue : size == packedSize else {
      throw .init(.malformed("'\(name)' claims \(size) bytes, which \(packedSize) packed bytes cannot hold"))
    }
    let entry = Entry(
      name: name, isPacked: method == 8, checksum: checksum, packedSize: packedSize, size: size, offset: offset)
    return (entry, fullName, end)
  }

  /// zlib counts in 32 bits.
  private static let portion = 1 << 30

  private static func checksum(_ bytes: Data) -> UInt32 {
    bytes.withUnsafeBytes { bytes in
      var sum = crc32(0, nil, 0)
      for start in stride(from: 0, to: bytes.count, by: portion) {
        let part = bytes[start..<min(start + portion, bytes.count)]
        sum = part.withMemoryRebound(to: UInt8.self) { crc32(sum, $0.baseAddress, uInt($0.count)) }
      }
      return UInt32(truncatingIfNeeded: sum)
    }
  }

  /// Exactly `size` bytes; anything else is an error.
  private static func inflated(_ packed: Data, size: Int) throws(NumPyFault) -> Data {
    // zlib remembers the address, so it must not move.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer { stream.deallocate() }
    guard inflateInit2_(stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw .init(.malformed("zlib would not begin"))
    }
    defer { inflateEnd(stream) }

    var output = Data(count: size)
    var status = Z_OK
    var consumed = 0
    var produced = 0
    var spare: UInt8 = 0
    packed.withUnsafeBytes { source in
      output.withUnsafeMutableBytes { target in
        withUnsafeMutablePointer(to: &spare) { spare in
          repeat {
            let input = min(source.count - consumed, portion)
            // One byte beyond the claim shows whether there is more than was claimed.
            let room = produced < size ? min(size - produced, portion) : 1
            stream.pointee.next_in = source.baseAddress.map {
              UnsafeMutableRawPointer(mutating: $0 + consumed).assumingMemoryBound(to: Bytef.self)
            }
            stream.pointee.avail_in = uInt(input)
            stream.pointee.next_out =
              produced < size
              ? target.baseAddress.map { ($0 + produced).assumingMemoryBound(to: Bytef.self) } : spare
            stream.pointee.avail_out = uInt(room)
            status = inflate(stream, Z_NO_FLUSH)
            consumed += input - Int(stream.pointee.avail_in)
            produced += room - Int(stream.pointee.avail_out)
          } while status == Z_OK && produced <= size
        }
      }
    }
    guard produced <= size else { throw .init(.malformed("it unpacks to more than the \(size) bytes it claims")) }
    guard status == Z_STREAM_END else {
      let isShort = status == Z_BUF_ERROR
      throw .init(isShort ? .truncated("its packed bytes end early") : .malformed("its packed bytes are broken"))
    }
    guard produced == size, consumed == packed.count else {
      throw .init(.malformed("it unpacks to \(produced) bytes and claims \(size)"))
    }
    return output
  }
}

/// Numbers in an archive, never read beyond its end.
private struct ZipBytes: Sendable {
  let data: Data

  func u16(_ offset: Int) throws(NumPyFault) -> UInt16 { try integer(offset) }
  func u32(_ offset: Int) throws(NumPyFault) -> UInt32 { try integer(offset) }

  /// A number of 64 bits that is a size or a place, so never beyond the signed ones.
  func u64(_ offset: Int) throws(NumPyFault) -> Int {
    guard let value = Int(exactly: try integer(offset) as UInt64) else {
      throw .init(.malformed("a size is larger than any file"))
    }
    return value
  }

  /// `offset` and `length` lie within the file.
  func slice(_ offset: Int, _ length: Int) -> Data { data.dropFirst(offset).prefix(length) }

  private func integer<Value: FixedWidthInteger>(_ offset: Int) throws(NumPyFault) -> Value {
    guard offset >= 0, offset <= data.count - MemoryLayout<Value>.size else {
      throw .init(.truncated("the archive is cut off"))
    }
    return data.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
  }

  /// Where the list of entries lies, and how many there are.
  func list() throws(NumPyFault) -> (offset: Int, end: Int, count: Int) {
    let end = try endRecord()
    var count = Int(try u16(end + 10))
    var size = Int(try u32(end + 12))
    var offset = Int(try u32(end + 16))
    var listEnd = end
    if end >= 20, try u32(end - 20) == 0x0706_4B50 {
      let large = try u64(end - 12)
      guard large <= end - 20 - 56, try u32(large) == 0x0606_4B50 else {
        throw .init(.malformed("the end of the archive is broken"))
      }
      count = try u64(large + 32)
      size = try u64(large + 40)
      offset = try u64(large + 48)
      listEnd = large
    }
    guard offset <= listEnd, size == listEnd - offset else {
      throw .init(.malformed("its list of entries is not where its end says"))
    }
    return (offset, listEnd, count)
  }

  /// The record at the very end, behind which only a comment may stand.
  private func endRecord() throws(NumPyFault) -> Int {
    let last = data.count - 22
    for offset in stride(from: last, through: max(0, last - 0xFFFF), by: -1) {
      guard try u32(offset) == 0x0605_4B50 else { continue }
      if Int(try u16(offset + 20)) == last - offset { return offset }
    }
    throw .init(.truncated("the archive has no end, so it was not written or copied as a whole"))
  }
}
