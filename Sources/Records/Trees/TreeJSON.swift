import Foundation

/// How JSON text is laid out.
public enum JSONLayout: Sendable {
  /// One line, no spaces.
  case compact
  /// Two spaces a level.
  case pretty
}

extension Tree {
  /// The tree as JSON text with sorted keys; a number that is not finite is written as `null`.
  ///
  /// - Parameter order: keys that come before the others in every table, in this order; for files that people open.
  public func json(_ layout: JSONLayout = .compact, order: [String] = []) -> String {
    var text = JSONText()
    text.append(self, layout, order: order)
    return text.string
  }

  /// What the tree holds, in words for a message: `'abc'`, `0.5`, `a list`.
  package var described: String {
    switch self {
    case .null: "nothing"
    case .bool, .int, .number: json()
    case .string(let text): "'\(text)'"
    case .list, .floats: "a list"
    case .table: "a table"
    }
  }

  /// The tree that a JSON text describes.
  ///
  /// Python's `NaN`, which it writes for a value that is not there, is null; its `Infinity`, and a number that is too large
  /// for 64 bits, are numbers that are not finite.
  /// - Parameters:
  ///   - keepsDigits: gives whole numbers beyond 64 signed bits, such as hashes for ids, as the text of their digits; else
  ///     they are the nearest number.
  ///   - key: lists of plain numbers in a table under this key come as ``floats(_:)``, which takes a third of the time.
  /// - Throws: a ``Diagnosis`` with line and column; `place` names the text in it.
  public init(
    json text: some StringProtocol, place: String? = nil, keepsDigits: Bool = false, floatsUnder key: String? = nil
  ) throws {
    try self.init(json: Array(text.utf8), place: place, keepsDigits: keepsDigits, floatsUnder: key)
  }

  /// The same of the bytes of a text.
  public init(
    json bytes: [UInt8], place: String? = nil, keepsDigits: Bool = false, floatsUnder key: String? = nil
  ) throws {
    self = try bytes.withUnsafeBufferPointer {
      var reader = JSONReader(bytes: $0, place: place, keyOfFloats: key, keepsDigits: keepsDigits)
      return try reader.document()
    }
  }

  /// The tree that JSON text describes, where the tables under some keys ("" is the outermost) come as a list of
  /// `[key, value]`.
  ///
  /// For tables whose keys are data: a table here holds `é` once, however it is composed, a vocabulary twice.
  package init(json bytes: some Sequence<UInt8>, place: String? = nil, pairsUnder keys: Set<String>) throws {
    self = try Array(bytes).withUnsafeBufferPointer {
      var reader = JSONReader(bytes: $0, place: place, keysOfPairs: keys)
      return try reader.document()
    }
  }
}

extension Unicode.Scalar {
  /// A control character, or one that turns the direction of a line: a terminal obeys it where a person sees nothing.
  package var isHidden: Bool {
    switch value {
    case 0..<0x20, 0x7F...0x9F, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
    default: false
    }
  }
}

/// Reads JSON into a tree, keeping `1` and `1.0` apart, which Foundation's reader does not.
private struct JSONReader {
  let bytes: UnsafeBufferPointer<UInt8>
  let place: String?
  var keysOfPairs: Set<String> = []
  var keyOfFloats: String?
  var keepsDigits = false
  var at = 0

  static let deepest = 128

  mutating func document() throws -> Tree {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    let tree = try value(depth: 0, under: "")
    skipSpace()
    if at < bytes.count { throw wrong("something follows the end of the JSON") }
    return tree
  }

  func wrong(_ what: String) -> Diagnosis {
    let before = bytes[..<min(at, bytes.count)]
    let line = 1 + before.count { $0 == 0x0A }
    let column = 1 + (before.lastIndex(of: 0x0A).map { before.count - $0 - 1 } ?? before.count)
    return Diagnosis(
      what, place: place.map { "\($0):\(line):\(column)" } ?? "line \(line), column \(column)", exitStatus: .input)
  }

  mutating func skipSpace() {
    while at < bytes.count {
      switch bytes[at] {
      case 0x20, 0x09, 0x0A, 0x0D: at += 1
      default: return
      }
    }
  }

  mutating func take(_ byte: UInt8) -> Bool {
    guard at < bytes.count, bytes[at] == byte else { return false }
    at += 1
    return true
  }

  mutating func value(depth: Int, under parent: String? = nil) throws -> Tree {
    guard depth < Self.deepest else { throw wrong("JSON nested deeper than \(Self.deepest) levels") }
    skipSpace()
    guard at < bytes.count else { throw wrong("the JSON ends too early") }
    switch bytes[at] {
    case UInt8(ascii: "{"):
      let asPairs = parent.map(keysOfPairs.contains) ?? false
      if asPairs { return .list(try pairs(depth: depth).map { .list([.string($0), $1]) }) }
      return try table(depth: depth, ofFloats: parent != nil && parent == keyOfFloats)
    case UInt8(ascii: "["): return try list(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "N"): return try word("NaN", .null)
    case UInt8(ascii: "I"): return try word("Infinity", .number(.infinity))
    case UInt8(ascii: "-") where at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "I"):
      return try word("-Infinity", .number(-.infinity))
    default: return try number()
    }
  }

  mutating func word(_ word: String, _ tree: Tree) throws -> Tree {
    guard bytes[at...].starts(with: word.utf8) else { throw wrong("this is not JSON") }
    at += word.utf8.count
    return tree
  }

  mutating func list(depth: Int) throws -> Tree {
    at += 1
    var elements: [Tree] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return .list(elements) }
    while true {
      elements.append(try value(depth: depth + 1))
      skipSpace()
      if take(UInt8(ascii: "]")) { return .list(elements) }
      guard take(UInt8(ascii: ",")) else { throw wrong("a ',' or ']' is missing") }
    }
  }

  /// A list of numbers alone; nil, and nothing is read, where it is another value or no JSON.
  mutating func floats() -> Tree? {
    skipSpace()
    let start = at
    guard take(UInt8(ascii: "[")) else { return nil }
    var values: [Float] = []
    repeat {
      skipSpace()
      // Of what is none, nothing is thrown: that is for whoever reads it as something else.
      guard isAtNumber, let value = try? number().numberValue else {
        at = start
        return nil
      }
      values.append(Float(value))
      skipSpace()
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else {
      at = start
      return nil
    }
    return .floats(values)
  }

  private var isAtNumber: Bool {
    func isDigit(_ place: Int) -> Bool { place < bytes.count && (0x30...0x39).contains(bytes[place]) }
    return isDigit(at) || (at < bytes.count && bytes[at] == UInt8(ascii: "-") && isDigit(at + 1))
  }

  mutating func table(depth: Int, ofFloats: Bool) throws -> Tree {
    var entries: [String: Tree] = [:]
    try members(depth: depth, ofFloats: ofFloats) { reader, key, value in
      guard entries.updateValue(value, forKey: key) == nil else { throw reader.wrong("'\(key)' is there twice") }
    }
    return .table(entries)
  }

  mutating func pairs(depth: Int) throws -> [(String, Tree)] {
    var pairs: [(String, Tree)] = []
    try members(depth: depth) { pairs.append(($1, $2)) }
    return pairs
  }

  mutating func members(
    depth: Int, ofFloats: Bool = false, _ take: (JSONReader, String, Tree) throws -> Void
  ) throws {
    at += 1
    skipSpace()
    if self.take(UInt8(ascii: "}")) { return }
    while true {
      skipSpace()
      guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw wrong("a key in quotes is missing") }
      let key = try string()
      skipSpace()
      guard self.take(UInt8(ascii: ":")) else { throw wrong("a ':' is missing after '\(key)'") }
      let value = try (ofFloats ? floats() : nil) ?? value(depth: depth + 1, under: key)
      try take(self, key, value)
      skipSpace()
      if self.take(UInt8(ascii: "}")) { return }
      guard self.take(UInt8(ascii: ",")) else { throw wrong("a ',' or '}' is missing") }
    }
  }

  mutating func number() throws -> Tree {
    let start = at
    if let value = DecimalNumber.nearest(bytes, at: &at), at == bytes.count || !Self.isOfNumber(bytes[at]) {
      return .number(value)
    }
    while at < bytes.count, Self.isOfNumber(bytes[at]) { at += 1 }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    let digits = text.utf8.drop { $0 == UInt8(ascii: "-") }
    let isWhole = text.utf8.count - digits.count < 2 && digits.allSatisfy { (0x30...0x39).contains($0) }
    if isWhole, let whole = Int(text) { return .int(whole) }
    if isWhole, keepsDigits, !digits.isEmpty { return .string(text) }
    guard let value = Double(text), !value.isNaN, !text.hasPrefix("+"), !text.hasPrefix(".") else {
      at = start
      throw wrong("this is not JSON")
    }
    return .number(value)
  }

  private static func isOfNumber(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "e"), UInt8(ascii: "E"):
      true
    default: false
    }
  }

  mutating func string() throws -> String {
    at += 1
    let start = at
    while at < bytes.count, bytes[at] >= 0x20, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\") {
      at += 1
    }
    // Nearly always the whole text.
    if at < bytes.count, bytes[at] == UInt8(ascii: "\""),
      let text = String(validating: bytes[start..<at], as: UTF8.self)
    {
      at += 1
      return text
    }
    var out = Array(bytes[start..<at])
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: out, as: UTF8.self) else { throw wrong("a text that is not UTF-8") }
        return text
      case UInt8(ascii: "\\"): try escape(into: &out)
      case 0..<0x20: throw wrong("a line break or control character inside a text")
      default: out.append(byte)
      }
    }
    throw wrong("a text without its closing quote")
  }

  mutating func escape(into out: inout [UInt8]) throws {
    guard at < bytes.count else { throw wrong("a text without its closing quote") }
    let byte = bytes[at]
    at += 1
    switch byte {
    case UInt8(ascii: "n"): out.append(0x0A)
    case UInt8(ascii: "t"): out.append(0x09)
    case UInt8(ascii: "r"): out.append(0x0D)
    case UInt8(ascii: "b"): out.append(0x08)
    case UInt8(ascii: "f"): out.append(0x0C)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
    case UInt8(ascii: "u"):
      var code = try hex()
      if (0xD800..<0xDC00).contains(code), at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
        bytes[at + 1] == UInt8(ascii: "u")
      {
        at += 2
        let low = try hex()
        guard (0xDC00..<0xE000).contains(low) else { throw wrong("half a character in a text") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw wrong("half a character in a text") }
      out += Array(String(Character(scalar)).utf8)
    default: throw wrong("'\\' is followed by something unknown")
    }
  }

  mutating func hex() throws -> UInt32 {
    let digits = bytes[at..<min(at + 4, bytes.count)]
    guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw wrong("four digits are missing after '\\u'") }
    at += 4
    return code
  }
}
