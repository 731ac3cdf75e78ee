import Foundation

/// What an array says about itself before its elements begin.
///
/// Source: numpy.lib.format, versions 1.0 to 3.0.
struct NumPyHeader: Equatable {
  var elements: NumPyElements
  var isFortranOrder: Bool
  var shape: [Int]
  /// Where the elements begin.
  var dataOffset: Int

  static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
  /// Far more than a plain array needs; NumPy's own limit is smaller.
  private static let longest = 1 << 16
  private static let highestRank = 64

  /// Reads the header; `bytes` is the whole array.
  init(_ bytes: Data) throws(NumPyFault) {
    let start = [UInt8](bytes.prefix(12))
    guard start.starts(with: Self.magic) else { throw .init(.malformed("it does not begin with NumPy's mark")) }
    guard start.count >= 10 else { throw .init(.truncated("its header is cut off")) }
    let (textOffset, length): (Int, Int)
    switch start[6] {
    case 1: (textOffset, length) = (10, Int(start[8]) | Int(start[9]) << 8)
    case 2, 3:
      guard start.count == 12 else { throw .init(.truncated("its header is cut off")) }
      (textOffset, length) = (12, (0..<4).reduce(0) { $0 | Int(start[8 + $1]) << (8 * $1) })
    default: throw .init(.malformed("its format has the version \(start[6]), 1 to 3 are known"))
    }
    guard length <= Self.longest else { throw .init(.malformed("its header claims \(length) bytes")) }
    let text = [UInt8](bytes.dropFirst(textOffset).prefix(length))
    guard text.count == length else { throw .init(.truncated("its header is cut off")) }

    var reader = PythonLiteralReader(text)
    guard case .table(let fields)? = reader.whole() else { throw .init(.malformed("its header is not a dictionary")) }
    guard let type = fields["descr"], let order = fields["fortran_order"], let extents = fields["shape"] else {
      throw .init(.malformed("its header lacks 'descr', 'fortran_order' or 'shape'"))
    }
    guard case .truth(let isFortranOrder) = order, case .list(let numbers) = extents else {
      throw .init(.malformed("'fortran_order' or 'shape' of its header is not understood"))
    }
    guard case .text(let typeName) = type else { throw .init(.unsupportedType("a structure of several fields")) }
    elements = try NumPyElements(typeName)
    self.isFortranOrder = isFortranOrder
    dataOffset = textOffset + length
    shape = []
    for number in numbers {
      guard case .number(let extent) = number, extent >= 0 else {
        throw .init(.malformed("'shape' of its header is not understood"))
      }
      shape.append(extent)
    }
    guard shape.count <= Self.highestRank else { throw .init(.malformed("it has \(shape.count) dimensions")) }
    var size = elements.byteCount
    for extent in shape {
      let (product, overflow) = size.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw .init(.malformed("its shape \(shape) is larger than any memory")) }
      size = product
    }
    let rest = bytes.count - dataOffset
    guard size <= rest else {
      throw .init(.truncated("the shape \(shape) takes \(size) bytes, \(rest) are there"))
    }
    guard size == rest else { throw .init(.malformed("\(rest - size) bytes follow its last element")) }
  }
}

/// A problem before it is known which file and array it belongs to.
struct NumPyFault: Error {
  let problem: NumPyError.Problem

  init(_ problem: NumPyError.Problem) { self.problem = problem }
}

/// The type of an array's elements, as they lie in the file.
struct NumPyElements: Equatable {
  enum Form: Equatable {
    case float, signed, unsigned, boolean
    /// Latin or UTF-8 bytes, filled up with zeros.
    case bytes
    /// UTF-32, filled up with zeros.
    case characters
  }

  let form: Form
  let isBigEndian: Bool
  /// At least 1.
  let byteCount: Int

  var kind: NumPyArray.Kind {
    switch form {
    case .float: .real
    case .signed, .unsigned: .integer
    case .boolean: .boolean
    case .bytes, .characters: .text
    }
  }

  /// A type as a header spells it: byte order, letter, size.
  init(_ name: String) throws(NumPyFault) {
    let spelling = name.utf8.first.map { "<>|=".utf8.contains($0) } == true ? name.dropFirst() : name[...]
    guard let letter = spelling.first else { throw .init(.unsupportedType(name)) }
    if letter == "O" { throw .init(.pickled) }
    guard let size = Int(spelling.dropFirst()), size > 0, size < 1 << 30 else { throw .init(.unsupportedType(name)) }
    switch (letter, size) {
    case ("f", 2), ("f", 4), ("f", 8): form = .float
    case ("i", 1), ("i", 2), ("i", 4), ("i", 8): form = .signed
    case ("u", 1), ("u", 2), ("u", 4), ("u", 8): form = .unsigned
    case ("b", 1), ("?", 1): form = .boolean
    case ("S", _), ("a", _): form = .bytes
    case ("U", _): form = .characters
    default: throw .init(.unsupportedType(name))
    }
    isBigEndian = name.hasPrefix(">")
    byteCount = form == .characters ? 4 * size : size
  }
}

/// The little of Python's notation that headers are written in.
private enum PythonLiteral {
  case text(String)
  case number(Int)
  case truth(Bool)
  case list([PythonLiteral])
  case table([String: PythonLiteral])
}

private struct PythonLiteralReader {
  private let text: [UInt8]
  private var position = 0

  init(_ text: [UInt8]) { self.text = text }

  /// The one value that the text is; nil where it is anything else.
  mutating func whole() -> PythonLiteral? {
    guard let value = value(depth: 0) else { return nil }
    skipSpace()
    return position == text.count ? value : nil
  }

  private var next: UInt8? { position < text.count ? text[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) -> PythonLiteral? {
    guard depth < 16 else { return nil }
    skipSpace()
    switch next {
    case UInt8(ascii: "{"): return table(depth: depth)
    case UInt8(ascii: "("): return list(depth: depth, end: ")")
    case UInt8(ascii: "["): return list(depth: depth, end: "]")
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return string().map(PythonLiteral.text)
    default: return word()
    }
  }

  private mutating func table(depth: Int) -> PythonLiteral? {
    position += 1
    var entries: [String: PythonLiteral] = [:]
    while !take("}") {
      skipSpace()
      guard let key = string(), take(":"), let value = value(depth: depth + 1),
        entries.updateValue(value, forKey: key) == nil
      else { return nil }
      if !take(",") { return take("}") ? .table(entries) : nil }
    }
    return .table(entries)
  }

  private mutating func list(depth: Int, end: Unicode.Scalar) -> PythonLiteral? {
    position += 1
    var items: [PythonLiteral] = []
    while !take(end) {
      guard let value = value(depth: depth + 1) else { return nil }
      items.append(value)
      if !take(",") { return take(end) ? .list(items) : nil }
    }
    return .list(items)
  }

  private mutating func string() -> String? {
    guard let quote = next, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else { return nil }
    position += 1
    guard let end = text[position...].firstIndex(of: quote) else { return nil }
    let inside = text[position..<end]
    position = end + 1
    return inside.contains(UInt8(ascii: "\\")) ? nil : String(validating: inside, as: UTF8.self)
  }

  private mutating func word() -> PythonLiteral? {
    let start = position
    while let byte = next, byte == UInt8(ascii: "-") || isLetterOrDigit(byte) { position += 1 }
    let word = String(decoding: text[start..<position], as: UTF8.self)
    switch word {
    case "True": return .truth(true)
    case "False": return .truth(false)
    // Python 2 wrote a long integer with an L at its end.
    default: return Int(word.hasSuffix("L") ? word.dropLast() : word[...]).map(PythonLiteral.number)
    }
  }

  private func isLetterOrDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"):
      true
    default: false
    }
  }
}
