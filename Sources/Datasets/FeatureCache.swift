public import Foundation
import Records

/// What a row of features was made of: a digest of the input's bytes and of what was done to them.
public struct RowKey: Hashable, Sendable {
  /// 128 bits of SHA-256.
  let bits: SIMD2<UInt64>

  /// - Parameters:
  ///   - input: the digest of the picture's or the text's bytes; nothing for what is not there.
  ///   - condition: what was done to the input before it was encoded, with all that this depends on.
  public init(_ input: InputDigest?, condition: String) {
    var hash = SHA256()
    hash.update(data: Data(condition.utf8))
    hash.update(data: [0 as UInt8])
    if let input { withUnsafeBytes(of: input.bytes) { hash.update(bufferPointer: $0) } }
    bits = hash.finalize().withUnsafeBytes { $0.loadUnaligned(as: SIMD2<UInt64>.self) }
  }

  /// In hexadecimal.
  public var words: String { String(bits.x, radix: 16) + "-" + String(bits.y, radix: 16) }

  init(_ bytes: UnsafeRawBufferPointer) { bits = bytes.loadUnaligned(as: SIMD2<UInt64>.self) }
}

/// The SHA-256 of some bytes.
public struct InputDigest: Hashable, Sendable {
  let bytes: SIMD4<UInt64>

  public init(of data: some DataProtocol) {
    bytes = SHA256.hash(data: data).words
  }
}

/// The rows of one encoder that were made before, in a folder.
///
/// Each process that adds rows has a file of its own, which only grows; so several may add at a time, and folders of
/// several machines are merged by copying their files into one. A file is portions of rows, each behind its number of
/// rows; a row is its key, a digest of key and numbers, and the numbers (float32, little-endian). What of a file is not
/// whole, and every row whose digest does not fit, counts as not there.
public final class FeatureCache {
  public let folder: URL
  /// The numbers in a row.
  public let width: Int
  private var files: [RowFile] = []
  /// The numbers of rows, which count on from portion to portion.
  private var index = RowIndex()
  private var portions: [Portion] = []
  private let prefix: String
  private var growing: RowFile?
  /// Rows that are there, as far as is known before they are read.
  public private(set) var count = 0

  /// Rows that follow each other in a file.
  private struct Portion {
    let first: Int
    let file: Int
    let offset: Int
  }

  /// Bytes in memory for all rows together.
  var bytesInMemory: Int { index.bytesInMemory + portions.capacity * MemoryLayout<Portion>.stride }

  /// Looks through a folder, which may be missing, for rows of that width.
  ///
  /// - Parameter prefix: how the name of a file begins that this one adds; of a row that is there twice, the first by name
  ///   is taken.
  public init(_ folder: URL, width: Int, prefix: String = "") throws {
    self.folder = folder
    self.width = width
    self.prefix = prefix
    guard FileManager.default.fileExists(atPath: folder.path) else { return }
    try Diagnosis.placing(folder) {
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      for name in names.filter({ $0.hasSuffix(Self.ending) }).sorted() {
        guard let file = try RowFile(reading: folder.appending(path: name), width: width) else { continue }
        files.append(file)
        file.forEachPortion { keys, offset in add(keys, at: offset) }
      }
    }
  }

  private static let ending = ".rows"

  /// Adds rows of the last file to the index.
  private func add(_ keys: [RowKey], at offset: Int) {
    portions.append(Portion(first: index.count, file: files.count - 1, offset: offset))
    for key in keys {
      // Twice where two machines had the same input, or a row was damaged.
      let isKnown = index.candidates(key).contains { number in
        let place = place(of: number)
        return place.file.key(at: place.offset) == key
      }
      index.append(key)
      if !isKnown { count += 1 }
    }
  }

  private func place(of number: Int) -> (file: RowFile, offset: Int) {
    var (low, high) = (0, portions.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if portions[middle].first <= number { low = middle } else { high = middle }
    }
    let file = files[portions[low].file]
    return (file, portions[low].offset + (number - portions[low].first) * file.stride)
  }

  /// Whether a row is there and undamaged.
  public func contains(_ key: RowKey) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: width * 4, alignment: 16) { read(key, into: $0) }
  }

  /// Reads a row; of a damaged one another copy, where there is one.
  ///
  /// - Parameter buffer: of `width` × 4 bytes.
  /// - Returns: whether it was there and undamaged.
  public func read(_ key: RowKey, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    index.candidates(key).contains { number in
      let place = place(of: number)
      return place.file.read(key, at: place.offset, into: buffer)
    }
  }

  /// Reads a row as ``read(_:into:)`` does, and says where its numbers begin; nil where it is not there or damaged.
  ///
  /// - Returns: the name of the file in the folder, and the byte in it.
  public func locate(_ key: RowKey, into buffer: UnsafeMutableRawBufferPointer) -> (file: String, offset: Int)? {
    for number in index.candidates(key) {
      let place = place(of: number)
      if place.file.read(key, at: place.offset, into: buffer) {
        return (place.file.name, place.offset + RowFile.rowHead)
      }
    }
    return nil
  }

  /// Adds rows, which are there as a whole or not at all if the process is killed.
  ///
  /// - Parameter rows: `keys.count * width` numbers.
  public func append(_ keys: [RowKey], _ rows: [Float]) throws {
    precondition(rows.count == keys.count * width, "the rows of a cache must be as wide as it says")
    guard !keys.isEmpty else { return }
    try Diagnosis.placing(folder) {
      if growing == nil {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let name = "\(prefix)\(UUID().uuidString.prefix(13).lowercased())\(Self.ending)"
        let file = try RowFile(creating: folder.appending(path: name), width: width)
        growing = file
        files.append(file)
      }
      guard let growing else { return }
      add(keys, at: try growing.append(keys, rows))
    }
  }

  /// Forces what was added to the disk.
  public func synchronize() throws { try Diagnosis.placing(folder) { try growing?.synchronize() } }
}

/// Rows by their keys: a table of numbers, eight bytes for each at most twice over.
///
/// Of a key it has 32 bits, so that it names candidates, of which nearly always the first is the one.
struct RowIndex {
  private struct Slot {
    var tag: UInt32
    /// From 1; 0 is a free slot.
    var number: UInt32
  }

  private var slots = [Slot](repeating: Slot(tag: 0, number: 0), count: 16)
  private(set) var count = 0

  var bytesInMemory: Int { slots.capacity * MemoryLayout<Slot>.stride }

  /// Adds a key, whose number is how many there were before.
  mutating func append(_ key: RowKey) {
    precondition(count < UInt32.max - 1, "more rows than 32 bits can count")
    if count * 5 >= slots.count * 4 { grow() }
    count += 1
    put(Slot(tag: Self.tag(key), number: UInt32(count)))
  }

  /// The numbers of rows that the key may be of, the first added first.
  func candidates(_ key: RowKey) -> [Int] {
    var found: [Int] = []
    let tag = Self.tag(key)
    var place = place(of: tag)
    while slots[place].number > 0 {
      if slots[place].tag == tag { found.append(Int(slots[place].number) - 1) }
      place = (place + 1) & (slots.count - 1)
    }
    return found.count < 2 ? found : found.sorted()
  }

  private static func tag(_ key: RowKey) -> UInt32 { UInt32(truncatingIfNeeded: key.bits.x) }

  private func place(of tag: UInt32) -> Int { Int(tag) & (slots.count - 1) }

  private mutating func put(_ slot: Slot) {
    var place = place(of: slot.tag)
    while slots[place].number > 0 { place = (place + 1) & (slots.count - 1) }
    slots[place] = slot
  }

  private mutating func grow() {
    let old = slots
    slots = [Slot](repeating: Slot(tag: 0, number: 0), count: old.count * 2)
    for slot in old where slot.number > 0 { put(slot) }
  }
}

/// A file of rows.
private final class RowFile {
  let name: String
  private let descriptor: Int32
  private let width: Int
  private var end: Int

  /// "seesaw-rows/1", padded, and the width.
  private static func head(_ width: Int) -> [UInt8] {
    var head = Array("seesaw-rows/1".utf8)
    head += [UInt8](repeating: 0, count: 24 - head.count)
    return head + withUnsafeBytes(of: UInt64(width).littleEndian, Array.init)
  }

  /// What stands before a portion's number of rows.
  private static let portionMark = Array("portion:".utf8)
  private static let portionHead = 16
  /// Key and digest.
  static let rowHead = 32

  var stride: Int { Self.rowHead + width * 4 }

  /// Nil for a file of another kind or width.
  ///
  /// - Throws: where the process may not open as many files: its rows are there, and must not be made again.
  init?(reading url: URL, width: Int) throws {
    name = url.lastPathComponent
    self.width = width
    end = 0
    descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      if errno == EMFILE || errno == ENFILE { throw Self.lastError() }
      return nil
    }
    var information = stat()
    guard fstat(descriptor, &information) == 0, (information.st_mode & S_IFMT) == S_IFREG else { return nil }
    end = Int(information.st_size)
    let head = Self.head(width)
    guard bytes(head.count, at: 0) == head else { return nil }
  }

  init(creating url: URL, width: Int) throws {
    name = url.lastPathComponent
    self.width = width
    end = 0
    descriptor = open(url.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Self.lastError() }
    try write(Self.head(width))
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The keys of all whole portions, and where their first rows are.
  func forEachPortion(_ body: ([RowKey], Int) -> Void) {
    var place = Self.head(width).count
    while let head = bytes(Self.portionHead, at: place), Array(head.prefix(8)) == Self.portionMark {
      let count = head.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) }
      place += Self.portionHead
      // Cut short, or damaged.
      guard count <= UInt64((end - place) / stride) else { return }
      let keys = (0..<Int(count)).compactMap { key(at: place + $0 * stride) }
      guard keys.count == Int(count) else { return }
      body(keys, place)
      place += keys.count * stride
    }
  }

  /// The key of the row there.
  func key(at offset: Int) -> RowKey? { bytes(16, at: offset).map { $0.withUnsafeBytes(RowKey.init) } }

  func read(_ key: RowKey, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: stride, alignment: 16) { row in
      guard fill(row, at: offset) else { return false }
      let numbers = UnsafeRawBufferPointer(rebasing: row[Self.rowHead...])
      let kept = row.loadUnaligned(fromByteOffset: 16, as: SIMD2<UInt64>.self)
      guard row.loadUnaligned(as: SIMD2<UInt64>.self) == key.bits, Self.digest(key, numbers) == kept else {
        return false
      }
      buffer.copyMemory(from: numbers)
      return true
    }
  }

  /// Adds a portion in one piece, and says where its first row is.
  func append(_ keys: [RowKey], _ rows: [Float]) throws -> Int {
    var portion = Self.portionMark + withUnsafeBytes(of: UInt64(keys.count).littleEndian, Array.init)
    portion.reserveCapacity(portion.count + keys.count * stride)
    let first = end + Self.portionHead
    rows.withUnsafeBytes { rows in
      for (number, key) in keys.enumerated() {
        let numbers = UnsafeRawBufferPointer(rebasing: rows[(number * width * 4)..<((number + 1) * width * 4)])
        withUnsafeBytes(of: key.bits) { portion += $0 }
        withUnsafeBytes(of: Self.digest(key, numbers)) { portion += $0 }
        portion += numbers
      }
    }
    try write(portion)
    return first
  }

  func synchronize() throws { guard fsync(descriptor) == 0 else { throw Self.lastError() } }

  private static func digest(_ key: RowKey, _ numbers: UnsafeRawBufferPointer) -> SIMD2<UInt64> {
    var hash = SHA256()
    withUnsafeBytes(of: key.bits) { hash.update(bufferPointer: $0) }
    hash.update(bufferPointer: numbers)
    return hash.finalize().withUnsafeBytes { $0.loadUnaligned(as: SIMD2<UInt64>.self) }
  }

  private func bytes(_ count: Int, at offset: Int) -> [UInt8]? {
    guard offset + count <= end else { return nil }
    var bytes = [UInt8](repeating: 0, count: count)
    return bytes.withUnsafeMutableBytes { fill($0, at: offset) } ? bytes : nil
  }

  private func fill(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Bool {
    PlacedBytes.read(descriptor, into: buffer, at: offset)
  }

  private func write(_ bytes: [UInt8]) throws {
    guard PlacedBytes.write(bytes, to: descriptor, at: end) else { throw Self.lastError() }
    end += bytes.count
  }

  private static func lastError() -> POSIXError { POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
}
