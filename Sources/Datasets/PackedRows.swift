import Foundation

/// The rows of a sample file, packed one behind the other.
///
/// Few bytes of each stay in memory, however long its text is: the place where it begins. The rest lies in a temporary
/// file without a name once it is more than a few megabytes; where the temporary folder takes none, it stays in memory.
/// After the last row is added, several threads may read.
final class PackedRows: @unchecked Sendable {
  /// Where rows end.
  private var ends: [Int] = []
  /// What is not in the file.
  private var waiting: [UInt8] = []
  private var written = 0
  private var descriptor: Int32 = -1
  private var hasFile = true
  private var files = Names()
  private var labels = LabelColumn()
  /// Whether a row says which split it belongs to.
  private(set) var haveSplits = false
  /// What rows say of their split, up to some more than anybody has.
  private(set) var splitNames: Set<String> = []
  /// Ids and groups that rows are given later, as of several rows with one id.
  private var renamed: [Int: (id: String, group: String?)] = [:]

  /// Bytes that wait before they are written.
  private let portion: Int

  init(_ rows: some Sequence<RawRows.Row> = [], portion: Int = 4 << 20) {
    self.portion = portion
    for row in rows { append(row) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Bytes in memory for all rows together, but for names of files and labels, which rows share.
  var bytesInMemory: Int { ends.capacity * MemoryLayout<Int>.stride + waiting.capacity }

  func append(_ row: RawRows.Row) {
    if let split = row.split, !split.isEmpty {
      haveSplits = true
      if splitNames.count < Self.mostSplitNames { splitNames.insert(split) }
    }
    var packed = Packed(bytes: [])
    packed.put(row.number)
    packed.put(row.file.map { files.number($0) + 1 } ?? 0)
    for text in [row.id, row.image, row.text, row.audio, row.split, row.group, row.fault] { packed.put(text) }
    packed.put(row.frames.count)
    for frame in row.frames { packed.put(frame) }
    for number in labels.numbers(of: row) { packed.put(number) }
    waiting += packed.bytes
    ends.append(written + waiting.count)
    if waiting.count >= portion, hasFile { write() }
  }

  private func unpack(_ bytes: UnsafeRawBufferPointer) -> RawRows.Row {
    var reader = Unpacking(bytes: bytes)
    var row = RawRows.Row(number: reader.number())
    let file = reader.number()
    if file > 0 { row.file = files.names[file - 1] }
    row.id = reader.text()
    row.image = reader.text()
    row.text = reader.text()
    row.audio = reader.text()
    row.split = reader.text()
    row.group = reader.text()
    row.fault = reader.text()
    row.frames = (0..<reader.number()).compactMap { _ in reader.text() }
    labels.read(into: &row) { reader.number() }
    return row
  }

  /// Decides what the labels of all rows together mean, as ``LabelColumn/settle(separator:)``; no row may be added after.
  func settleLabels(separator: String) -> [String] { labels.settle(separator: separator) }

  /// Gives a row another id and a group.
  func rename(_ number: Int, id: String, group: String?) { renamed[number] = (id, group) }

  private static let mostSplitNames = 1000

  // MARK: The file

  private func write() {
    if descriptor < 0 { descriptor = Self.unnamedFile() }
    hasFile = descriptor >= 0 && PlacedBytes.write(waiting, to: descriptor, at: written)
    guard hasFile else { return }
    written += waiting.count
    waiting.removeAll(keepingCapacity: true)
  }

  private static func unnamedFile() -> Int32 {
    var path = Array(FileManager.default.temporaryDirectory.appending(path: "seesaw-rows-XXXXXX").path.utf8CString)
    let descriptor = mkstemp(&path)
    guard descriptor >= 0 else { return -1 }
    unlink(path)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    return descriptor
  }

  /// Fills the buffer from the file.
  private func fill(_ buffer: UnsafeMutableRawBufferPointer, at offset: Int) {
    // Nobody else can reach the file: only a broken disk gets here, as it would under memory.
    precondition(
      PlacedBytes.read(descriptor, into: buffer, at: offset),
      "the disk does not give back what was written to a temporary file")
  }
}

extension PackedRows: RandomAccessCollection {
  var startIndex: Int { 0 }
  var endIndex: Int { ends.count }

  subscript(place: Int) -> RawRows.Row {
    var row = packed(place)
    if let other = renamed[place] { (row.id, row.group) = (other.id, other.group) }
    return row
  }

  private func packed(_ place: Int) -> RawRows.Row {
    let start = place == 0 ? 0 : ends[place - 1]
    let count = ends[place] - start
    guard start < written else {
      return waiting.withUnsafeBytes {
        unpack(UnsafeRawBufferPointer(rebasing: $0[(start - written)..<(start - written + count)]))
      }
    }
    return withUnsafeTemporaryAllocation(byteCount: count, alignment: 1) { buffer in
      fill(buffer, at: start)
      return unpack(UnsafeRawBufferPointer(buffer))
    }
  }
}

private struct Packed {
  var bytes: [UInt8]

  /// Seven bits a byte, the lowest first.
  mutating func put(_ number: Int) {
    var rest = number
    while rest > 127 {
      bytes.append(UInt8(rest & 127) | 128)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  mutating func put(_ text: String?) {
    guard let text else { return put(0) }
    put(text.utf8.count + 1)
    bytes += text.utf8
  }
}

private struct Unpacking {
  let bytes: UnsafeRawBufferPointer
  var place = 0

  mutating func number() -> Int {
    var number = 0
    var shift = 0
    while true {
      let byte = bytes[place]
      place += 1
      number |= Int(byte & 127) << shift
      if byte < 128 { return number }
      shift += 7
    }
  }

  mutating func text() -> String? {
    let count = number()
    guard count > 0 else { return nil }
    defer { place += count - 1 }
    return String(decoding: bytes[place..<(place + count - 1)], as: UTF8.self)
  }
}
