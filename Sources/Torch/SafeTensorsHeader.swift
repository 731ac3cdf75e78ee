import Foundation

/// A safetensors header, read in one pass.
///
/// It knows only what the format has: strings, whole numbers and one table in another. So there is no depth to exhaust,
/// a name given twice is seen, and memory stays in proportion to the text.
struct SafeTensorsHeader {
  struct Fields {
    var type: String
    var shape: [Int]
    var offsets: [Int]
  }

  /// What is wrong, as a phrase.
  struct Fault: Error {
    let what: String
  }

  private(set) var metadata: [String: String] = [:]
  /// In the order of the text.
  private(set) var tensors: [(name: String, fields: Fields)] = []

  /// More dimensions than any tensor of libtorch's has.
  static let highestRank = 64

  init(_ bytes: UnsafeRawBufferPointer) throws(Fault) {
    var reader = HeaderReader(bytes: bytes)
    // Unlike a String, bytes tell apart what only looks alike.
    var names: Set<[UInt8]> = []
    var metadata: [String: String] = [:]
    var tensors: [(name: String, fields: Fields)] = []
    try reader.table { reader, name throws(Fault) in
      guard names.insert(Array(name.utf8)).inserted else { throw Fault(what: "'\(name)' is there twice") }
      if name == "__metadata__" {
        guard reader.peek == UInt8(ascii: "{") else { throw Fault(what: "'__metadata__' must map strings to strings") }
        try reader.table { reader, key throws(Fault) in
          guard reader.peek == UInt8(ascii: "\"") else {
            throw Fault(what: "'__metadata__' must map strings to strings")
          }
          metadata[key] = try reader.string()
        }
      } else {
        tensors.append((name, try Self.fields(name, &reader)))
      }
    }
    try reader.end()
    self.metadata = metadata
    self.tensors = tensors
  }

  private static func fields(_ name: String, _ reader: inout HeaderReader) throws(Fault) -> Fields {
    let incomplete = Fault(
      what: "tensor '\(name)' needs dtype, shape (of at most \(highestRank) dimensions) and data_offsets, once each")
    var type: String?
    var shape: [Int]?
    var offsets: [Int]?
    guard reader.peek == UInt8(ascii: "{") else { throw incomplete }
    try reader.table { reader, key throws(Fault) in
      switch key {
      case "dtype" where type == nil && reader.peek == UInt8(ascii: "\""): type = try reader.string()
      case "shape" where shape == nil: shape = reader.numbers(most: highestRank)
      case "data_offsets" where offsets == nil: offsets = reader.numbers(most: 2)
      default: throw incomplete
      }
      // What is nil here is of another kind.
      if (key == "shape" && shape == nil) || (key == "data_offsets" && offsets == nil) { throw incomplete }
    }
    guard let type, let shape, let offsets, offsets.count == 2 else { throw incomplete }
    return Fields(type: type, shape: shape, offsets: offsets)
  }
}

/// The part of JSON that headers are written in.
private struct HeaderReader {
  typealias Fault = SafeTensorsHeader.Fault

  let bytes: UnsafeRawBufferPointer
  var at = 0

  private static let notJSON = Fault(what: "its header is not a JSON object")

  /// The next byte that is no space.
  var peek: UInt8? {
    mutating get {
      while at < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[at]) { at += 1 }
      return at < bytes.count ? bytes[at] : nil
    }
  }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek == UInt8(ascii: character) else { return false }
    at += 1
    return true
  }

  mutating func end() throws(Fault) { if peek != nil { throw Self.notJSON } }

  /// A table; `value` reads what stands behind each key.
  mutating func table(_ value: (inout HeaderReader, String) throws(Fault) -> Void) throws(Fault) {
    guard take("{") else { throw Self.notJSON }
    if take("}") { return }
    while true {
      let key = try string()
      guard take(":") else { throw Self.notJSON }
      try value(&self, key)
      if take("}") { return }
      guard take(",") else { throw Self.notJSON }
    }
  }

  /// A list of whole numbers; nil for anything else.
  mutating func numbers(most: Int) -> [Int]? {
    guard take("[") else { return nil }
    var numbers: [Int] = []
    if take("]") { return numbers }
    while numbers.count < most, let next = number() {
      numbers.append(next)
      if take("]") { return numbers }
      guard take(",") else { return nil }
    }
    return nil
  }

  private mutating func number() -> Int? {
    let isNegative = take("-")
    let start = at
    var value = 0
    while at < bytes.count, (0x30...0x39).contains(bytes[at]) {
      let (tens, tooFar) = value.multipliedReportingOverflow(by: 10)
      let (sum, tooFarToo) = tens.addingReportingOverflow(Int(bytes[at] - 0x30))
      guard !tooFar, !tooFarToo else { return nil }
      value = sum
      at += 1
    }
    guard at > start else { return nil }
    return isNegative ? -value : value
  }

  mutating func string() throws(Fault) -> String {
    guard take("\"") else { throw Self.notJSON }
    let start = at
    while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
      at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard at < bytes.count else { throw Self.notJSON }
    let text = UnsafeRawBufferPointer(rebasing: bytes[start..<at])
    at += 1
    if !text.contains(UInt8(ascii: "\\")), !text.contains(where: { $0 < 0x20 }) {
      guard let plain = String(validating: text, as: UTF8.self) else { throw Self.notJSON }
      return plain
    }
    // Escapes are rare, and Foundation knows them all.
    let quoted = Data([UInt8(ascii: "\"")] + text + [UInt8(ascii: "\"")])
    guard let escaped = try? JSONDecoder().decode(String.self, from: quoted) else { throw Self.notJSON }
    return escaped
  }
}
