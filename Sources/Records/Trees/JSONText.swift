/// JSON text while it is written, as bytes.
package struct JSONText {
  package private(set) var bytes: [UInt8] = []
  /// Whether the next key is the first of its table.
  private var isFirst = true

  package init() {}

  package var string: String { String(decoding: bytes, as: UTF8.self) }

  // MARK: Values, on one line

  package mutating func append(_ value: Bool) { append(plain: value ? "true" : "false") }

  package mutating func append(_ value: Int) { bytes.append(contentsOf: value.description.utf8) }

  /// A number that is not finite is written as `null`.
  package mutating func append(_ value: Double) {
    if value.isFinite { bytes.append(contentsOf: value.description.utf8) } else { append(plain: "null") }
  }

  package mutating func append(_ value: String) {
    bytes.append(0x22)
    // Nearly always the whole text.
    let isPlain = value.utf8.withContiguousStorageIfAvailable { text in
      guard text.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }) else { return false }
      bytes.append(contentsOf: text)
      return true
    }
    if isPlain != true { for scalar in value.unicodeScalars { append(scalar) } }
    bytes.append(0x22)
  }

  private mutating func append(_ scalar: Unicode.Scalar) {
    switch scalar {
    case "\"": append(plain: "\\\"")
    case "\\": append(plain: "\\\\")
    case "\n": append(plain: "\\n")
    case "\r": append(plain: "\\r")
    case "\t": append(plain: "\\t")
    case _ where scalar.isHidden:
      let digits = String(scalar.value, radix: 16)
      append(plain: "\\u")
      bytes.append(contentsOf: (String(repeating: "0", count: 4 - digits.count) + digits).utf8)
    default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
  }

  /// Text that needs no quotes and nothing escaped.
  package mutating func append(plain text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  // MARK: Tables and lists, on one line

  /// - Parameter members: writes a key and a value in turn.
  package mutating func appendTable(_ members: (inout JSONText) throws -> Void) rethrows {
    bytes.append(UInt8(ascii: "{"))
    isFirst = true
    try members(&self)
    bytes.append(UInt8(ascii: "}"))
    isFirst = false
  }

  /// The key of the value that is appended next.
  package mutating func append(key: StaticString) {
    separate()
    bytes.append(0x22)
    append(plain: key)
    append(plain: "\":")
  }

  /// The same of a key that is not known to be plain.
  package mutating func append(key: String) {
    separate()
    append(key)
    bytes.append(UInt8(ascii: ":"))
  }

  /// A key and its value, where there is one.
  package mutating func append(key: StaticString, _ value: Double?) { append(key, value) { $0.append($1) } }

  package mutating func append(key: StaticString, _ value: String?) { append(key, value) { $0.append($1) } }

  package mutating func append(key: StaticString, _ value: [String]?) { append(key, value) { $0.append($1) } }

  package mutating func append(key: StaticString, _ value: [String: Double]?) { append(key, value) { $0.append($1) } }

  private mutating func append<T>(_ key: StaticString, _ value: T?, _ append: (inout JSONText, T) -> Void) {
    guard let value else { return }
    self.append(key: key)
    append(&self, value)
  }

  private mutating func separate() {
    if !isFirst { bytes.append(UInt8(ascii: ",")) }
    isFirst = false
  }

  package mutating func appendList<S: Sequence>(
    _ elements: S, _ append: (inout JSONText, S.Element) throws -> Void
  ) rethrows {
    bytes.append(UInt8(ascii: "["))
    var comesFirst = true
    for element in elements {
      if !comesFirst { bytes.append(UInt8(ascii: ",")) }
      comesFirst = false
      try append(&self, element)
    }
    bytes.append(UInt8(ascii: "]"))
  }

  package mutating func append(_ texts: [String]) { appendList(texts) { $0.append($1) } }

  /// Numbers under keys that are data, sorted.
  package mutating func append(_ numbers: [String: Double]) {
    appendTable { text in
      for (key, number) in numbers.sorted(by: { $0.key < $1.key }) {
        text.append(key: key)
        text.append(number)
      }
    }
  }

  // MARK: Trees

  /// - Parameter order: keys that come before the others in every table, in this order.
  package mutating func append(_ tree: Tree, _ layout: JSONLayout = .compact, order: [String] = []) {
    let ranks = Dictionary(order.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    append(tree, TreeForm(layout: layout, ranks: ranks), indent: 0)
  }

  private struct TreeForm {
    let layout: JSONLayout
    let ranks: [String: Int]
  }

  private mutating func append(_ tree: Tree, _ form: TreeForm, indent: Int) {
    switch tree {
    case .null: append(plain: "null")
    case .bool(let value): append(value)
    case .int(let value): append(value)
    case .number(let value): append(value)
    case .string(let value): append(value)
    case .list(let elements):
      // A list of plain values stays on one line.
      let isBroken = form.layout == .pretty && elements.contains { $0.listValue != nil || $0.tableValue != nil }
      enclose(elements, "[", "]", isBroken, isBroken || form.layout == .compact ? "," : ", ", indent) {
        $0.append($1, form, indent: indent + 1)
      }
    case .floats(let values):
      enclose(values, "[", "]", false, form.layout == .compact ? "," : ", ", indent) { $0.append(Double($1)) }
    case .table(let entries):
      let ranked = entries.map { (rank: form.ranks[$0.key] ?? .max, key: $0.key, value: $0.value) }
      let sorted = ranked.sorted { ($0.rank, $0.key) < ($1.rank, $1.key) }
      enclose(sorted, "{", "}", form.layout == .pretty, ",", indent) {
        $0.append($1.key)
        $0.append(plain: form.layout == .pretty ? ": " : ":")
        $0.append($1.value, form, indent: indent + 1)
      }
    }
  }

  /// - Parameter isBroken: gives each item a line of its own.
  private mutating func enclose<T>(
    _ items: [T], _ open: StaticString, _ close: StaticString, _ isBroken: Bool, _ separator: StaticString,
    _ indent: Int, _ item: (inout JSONText, T) -> Void
  ) {
    append(plain: open)
    for (place, element) in items.enumerated() {
      if place > 0 { append(plain: separator) }
      if isBroken { breakLine(indent + 1) }
      item(&self, element)
    }
    if isBroken, !items.isEmpty { breakLine(indent) }
    append(plain: close)
  }

  private mutating func breakLine(_ indent: Int) {
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * indent))
  }
}
