public import Foundation

/// Scalars over steps in TensorBoard's event format, beside the records of a run: `tensorboard --logdir runs` shows them.
///
/// A file is a chain of TFRecords, each a protocol-buffer message `Event`; of its fields five are written. Where a run goes
/// on, what it has to do again is cut off, so that no step is there twice. One thread at a time.
public final class EventFile {
  /// One scalar at one step.
  public struct Scalar: Equatable, Sendable {
    public var tag: String
    public var value: Float
    public var step: Int
    /// Seconds since 1970.
    public var time: Double

    public init(_ tag: String, _ value: Float, step: Int, time: Double) {
      self.tag = tag
      self.value = value
      self.step = step
      self.time = time
    }
  }

  private let file: GrowingFile

  private static let prefix = "events.out.tfevents."
  private static let suffix = ".seesaw"

  /// Begins a file in a folder, or goes on with the one that is there, of which steps from `limit` on are cut off.
  ///
  /// - Parameter limit: 0 begins anew.
  public init(in folder: URL, keepingStepsBelow limit: Int, time: Double = Date().timeIntervalSince1970) throws {
    let found = Self.files(in: folder)
    var url = folder.appendingPathComponent("\(Self.prefix)\(String(format: "%010d", Int(time)))\(Self.suffix)")
    var length = 0
    if limit > 0, let last = found.last {
      url = last
      length = Self.length(of: try Diagnosis.placing(last) { try Data(contentsOf: last) }, stepsBelow: limit)
    }
    // TensorBoard reads all files of a folder as one run.
    for old in found where old.lastPathComponent != url.lastPathComponent {
      try Diagnosis.placing(old) { try FileManager.default.removeItem(at: old) }
    }
    file = try GrowingFile(url, after: length)
    if length == 0 {
      try file.append(TFRecord.framed(EventMessage(time: time, step: 0, version: "brain.Event:2").encoded))
      try flush()
    }
  }

  /// The event files of ours in a folder, oldest first.
  public static func files(in folder: URL) -> [URL] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(suffix) }.sorted().map {
      folder.appendingPathComponent($0)
    }
  }

  /// Adds scalars of one step; what is not finite stands in the file as it is.
  public func append(
    _ values: [(tag: String, value: Double)], step: Int, time: Double = Date().timeIntervalSince1970
  )
    throws
  {
    guard !values.isEmpty else { return }
    try file.append(
      TFRecord.framed(EventMessage(time: time, step: step, values: values.map { ($0.tag, Float($0.value)) }).encoded))
  }

  /// Hands what is waiting to the system, so that TensorBoard can read it.
  public func flush() throws { try file.flush() }

  /// Writes the rest and closes; nothing may be appended after.
  public func close() throws { try file.close(synchronizing: false) }

  /// Every scalar of a file, in order; a last record that was never finished is passed over.
  ///
  /// - Throws: a `Diagnosis` where the file is none, or a checksum is wrong.
  public static func read(_ url: URL) throws -> [Scalar] {
    let bytes = try Diagnosis.placing(url) { try Data(contentsOf: url) }
    do {
      return try TFRecord.records(in: bytes).flatMap { record in
        let event = try EventMessage(decoding: record.data)
        return event.values.map { Scalar($0.tag, $0.value, step: event.step, time: event.time) }
      }
    } catch let error as Diagnosis { throw error.placed(in: url.relativePath) }
  }

  /// The bytes before the first event whose step is not below a limit, or that is not whole.
  private static func length(of bytes: Data, stepsBelow limit: Int) -> Int {
    var length = 0
    for record in (try? TFRecord.records(in: bytes, strict: false)) ?? [] {
      guard let event = try? EventMessage(decoding: record.data), event.step < limit || event.version != nil else {
        break
      }
      length = record.end
    }
    return length
  }
}

/// The framing of records in TensorFlow's files.
///
/// Length (8 bytes, little-endian), its masked CRC-32C, the data, and the data's masked CRC-32C.
enum TFRecord {
  static func framed(_ data: Data) -> Data {
    var out = Data(capacity: data.count + 16)
    let length = withUnsafeBytes(of: UInt64(data.count).littleEndian) { Data($0) }
    out += length
    withUnsafeBytes(of: CRC32C.masked(length).littleEndian) { out.append(contentsOf: $0) }
    out += data
    withUnsafeBytes(of: CRC32C.masked(data).littleEndian) { out.append(contentsOf: $0) }
    return out
  }

  /// The whole records, each with the place where it ends.
  ///
  /// - Parameter strict: whether a wrong checksum is an error, rather than the end.
  static func records(in bytes: Data, strict: Bool = true) throws -> [(data: Data, end: Int)] {
    let bytes = [UInt8](bytes)
    func number(_ start: Int, _ count: Int) -> UInt64 {
      (0..<count).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
    }
    var records: [(Data, Int)] = []
    var start = 0
    while start + 12 <= bytes.count {
      let length = Data(bytes[start..<(start + 8)])
      let size = number(start, 8)
      guard number(start + 8, 4) == UInt64(CRC32C.masked(length)), size < 1 << 40 else {
        if strict { throw Diagnosis("this is no event file, or it is damaged at byte \(start)", exitStatus: .input) }
        break
      }
      let end = start + 16 + Int(size)
      guard end <= bytes.count else { break }
      let data = Data(bytes[(start + 12)..<(end - 4)])
      guard number(end - 4, 4) == UInt64(CRC32C.masked(data)) else {
        if strict { throw Diagnosis("the event file is damaged at byte \(start)", exitStatus: .input) }
        break
      }
      records.append((data, end))
      start = end
    }
    return records
  }
}

/// Castagnoli's cyclic redundancy check.
enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
  }

  static func checksum(_ data: Data) -> UInt32 {
    ~data.reduce(~UInt32(0)) { crc, byte in table[Int((crc ^ UInt32(byte)) & 0xFF)] ^ crc >> 8 }
  }

  /// Turned and shifted, as TensorFlow keeps it, so that a checksum of data with checksums in it says something.
  static func masked(_ data: Data) -> UInt32 {
    let crc = checksum(data)
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }
}

/// The five fields of TensorFlow's `Event` that scalars need.
///
///     message Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
///     message Summary { repeated Value value = 1; }
///     message Value { string tag = 1; float simple_value = 2; }
struct EventMessage: Equatable {
  var time: Double
  var step: Int
  var version: String?
  var values: [(tag: String, value: Float)] = []

  static func == (a: EventMessage, b: EventMessage) -> Bool {
    a.time == b.time && a.step == b.step && a.version == b.version && a.values.elementsEqual(b.values, by: ==)
  }

  init(time: Double, step: Int, version: String? = nil, values: [(tag: String, value: Float)] = []) {
    self.time = time
    self.step = step
    self.version = version
    self.values = values
  }

  var encoded: Data {
    var out = ProtocolBuffer()
    out.fixed(1, time.bitPattern)
    if step != 0 { out.number(2, UInt64(bitPattern: Int64(step))) }
    if let version { out.bytes(3, Data(version.utf8)) }
    if !values.isEmpty {
      var summary = ProtocolBuffer()
      for (tag, value) in values {
        var entry = ProtocolBuffer()
        entry.bytes(1, Data(tag.utf8))
        entry.fixed(2, value.bitPattern)
        summary.bytes(1, entry.data)
      }
      out.bytes(5, summary.data)
    }
    return out.data
  }

  /// - Throws: a `Diagnosis` where the bytes are no message; fields that are not known are passed over.
  init(decoding data: Data) throws {
    self.init(time: 0, step: 0)
    for field in try ProtocolBuffer.fields(of: data) {
      switch (field.number, field.value) {
      case (1, .eight(let bits)): time = Double(bitPattern: bits)
      case (2, .number(let value)): step = Int(Int64(bitPattern: value))
      case (3, .bytes(let bytes)): version = String(decoding: bytes, as: UTF8.self)
      case (5, .bytes(let summary)):
        for entry in try ProtocolBuffer.fields(of: summary) {
          guard entry.number == 1, case .bytes(let bytes) = entry.value else { continue }
          var (tag, value) = ("", Float(0))
          for part in try ProtocolBuffer.fields(of: bytes) {
            switch (part.number, part.value) {
            case (1, .bytes(let name)): tag = String(decoding: name, as: UTF8.self)
            case (2, .four(let bits)): value = Float(bitPattern: bits)
            default: break
            }
          }
          values.append((tag, value))
        }
      default: break
      }
    }
  }
}

/// The wire format of protocol buffers, as far as it is needed.
package struct ProtocolBuffer {
  enum Value {
    case number(UInt64)
    case four(UInt32)
    case eight(UInt64)
    case bytes(Data)
  }

  package private(set) var data = Data()

  package init() {}

  private mutating func plain(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      data.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    data.append(UInt8(rest))
  }

  package mutating func number(_ field: UInt64, _ value: UInt64) {
    plain(field << 3)
    plain(value)
  }

  package mutating func fixed(_ field: UInt64, _ bits: UInt64) {
    plain(field << 3 | 1)
    withUnsafeBytes(of: bits.littleEndian) { data.append(contentsOf: $0) }
  }

  package mutating func fixed(_ field: UInt64, _ bits: UInt32) {
    plain(field << 3 | 5)
    withUnsafeBytes(of: bits.littleEndian) { data.append(contentsOf: $0) }
  }

  package mutating func bytes(_ field: UInt64, _ bytes: Data) {
    plain(field << 3 | 2)
    plain(UInt64(bytes.count))
    data += bytes
  }

  static func fields(of data: Data) throws -> [(number: UInt64, value: Value)] {
    let bytes = [UInt8](data)
    var place = 0
    let damaged = Diagnosis("an event cannot be read", exitStatus: .input)
    func plain() throws -> UInt64 {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 70, by: 7) {
        guard place < bytes.count else { throw damaged }
        let byte = bytes[place]
        place += 1
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
      }
      throw damaged
    }
    func fixed(_ count: Int) throws -> UInt64 {
      guard place + count <= bytes.count else { throw damaged }
      defer { place += count }
      return (0..<count).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64(8 * $1) }
    }
    var fields: [(UInt64, Value)] = []
    while place < bytes.count {
      let key = try plain()
      switch key & 7 {
      case 0: fields.append((key >> 3, .number(try plain())))
      case 1: fields.append((key >> 3, .eight(try fixed(8))))
      case 5: fields.append((key >> 3, .four(UInt32(try fixed(4)))))
      case 2:
        let count = try plain()
        guard count <= UInt64(bytes.count - place) else { throw damaged }
        fields.append((key >> 3, .bytes(Data(bytes[place..<(place + Int(count))]))))
        place += Int(count)
      default: throw damaged
      }
    }
    return fields
  }
}

extension StepRow {
  /// Its numbers as TensorBoard groups them: `loss/image`, `step/cosine`.
  public var scalarsByTag: [(tag: String, value: Double)] {
    losses.sorted { $0.key < $1.key }.map { ("loss/\($0.key)", $0.value) }
      + scalars.sorted { $0.key < $1.key }.map { ("step/\($0.key)", $0.value) }
  }
}

extension EpochRow {
  /// Its numbers as TensorBoard groups them: `validation/accuracy`, `epoch/loss.image`.
  public var scalarsByTag: [(tag: String, value: Double)] {
    validation.sorted { $0.key < $1.key }.map { ("validation/\($0.key)", $0.value) }
      + train.sorted { $0.key < $1.key }.map { ("epoch/\($0.key)", $0.value) } + [("epoch/seconds", seconds)]
  }
}
