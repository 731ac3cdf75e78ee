import Foundation

// JSONEncoder would write the number 0 as it writes the integer 0, and the overlay must tell them apart: so a coder of
// our own, straight between values and trees.

extension Tree {
  /// A value as a tree.
  ///
  /// - Throws: `EncodingError` where an integer does not fit into 64 signed bits, or the value's own error.
  public init(encoding value: some Encodable, keys: KeySpelling = .snakeCase) throws {
    let box = TreeBox()
    try box.fill(value, keys: keys, codingPath: [])
    self = box.tree
  }

  /// The value that this tree describes.
  ///
  /// Keys without a property are ignored; ``Overlay`` is what refuses them.
  ///
  /// - Throws: `DecodingError`; `Diagnosis(describing:)` makes a sentence of it.
  public func decode<T: Decodable>(_ type: T.Type = T.self, keys: KeySpelling = .snakeCase) throws -> T {
    try TreeDecoder(tree: self, keys: keys, codingPath: []).value(type)
  }
}

/// Dictionaries whose keys are data, not names of properties.
private protocol FreeMap {}
extension Dictionary: FreeMap where Key == String {}

extension KeySpelling {
  func spell(_ name: String) -> String {
    guard self == .snakeCase else { return name }
    let letters = Array(name)
    var result = ""
    for (i, letter) in letters.enumerated() {
      // A capital begins a word after a small letter or digit, or where it ends a run of capitals: useKLLoss, use_kl_loss.
      if letter.isUppercase, i > 0, letters[i - 1] != "_" {
        let nextIsSmall = i + 1 < letters.count && letters[i + 1].isLowercase
        if !letters[i - 1].isUppercase || nextIsSmall { result.append("_") }
      }
      result += letter.lowercased()
    }
    return result
  }

  func name(from key: String) -> String {
    guard self == .snakeCase else { return key }
    let words = key.split(separator: "_").map(String.init)
    guard let first = words.first else { return key }
    return first + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
  }
}

private struct Step: CodingKey {
  let stringValue: String
  let intValue: Int?
  init(stringValue: String) { (self.stringValue, intValue) = (stringValue, nil) }
  init(intValue: Int) { (stringValue, self.intValue) = ("\(intValue)", intValue) }
}

// MARK: - Value to tree

private final class TreeBox {
  enum Content {
    case value(Tree)
    case table([String: TreeBox])
    case list([TreeBox])
  }

  var content: Content = .value(.table([:]))

  var tree: Tree {
    switch content {
    case .value(let tree): tree
    case .table(let boxes): .table(boxes.mapValues(\.tree))
    case .list(let boxes): .list(boxes.map(\.tree))
    }
  }

  func child(_ key: String) -> TreeBox {
    let box = TreeBox()
    if case .table(var boxes) = content {
      content = .value(.null)
      boxes[key] = box
      content = .table(boxes)
    } else {
      content = .table([key: box])
    }
    return box
  }

  func appended() -> TreeBox {
    let box = TreeBox()
    if case .list(var boxes) = content {
      content = .value(.null)
      boxes.append(box)
      content = .list(boxes)
    } else {
      content = .list([box])
    }
    return box
  }

  var count: Int { if case .list(let boxes) = content { boxes.count } else { 0 } }

  func fill(_ value: some Encodable, keys: KeySpelling, codingPath: [any CodingKey]) throws {
    switch value {
    case let tree as Tree: content = .value(tree)
    case let url as URL: content = .value(.string(url.absoluteString))
    default:
      let encoder = TreeEncoder(box: self, keys: keys, verbatim: value is any FreeMap, codingPath: codingPath)
      try value.encode(to: encoder)
    }
  }

  func fill<I: BinaryInteger>(integer value: I, codingPath: [any CodingKey]) throws {
    guard let whole = Int(exactly: value) else {
      throw EncodingError.invalidValue(
        value, .init(codingPath: codingPath, debugDescription: "\(value) is too large a whole number"))
    }
    content = .value(.int(whole))
  }

  /// A single precision number is written as short as it reads: 0.1, not 0.10000000149.
  func fill(_ value: Float) { content = .value(.number(Double("\(value)") ?? Double(value))) }
}

private struct TreeEncoder: Swift.Encoder {
  let box: TreeBox
  let keys: KeySpelling
  let verbatim: Bool
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    if case .table = box.content {} else { box.content = .table([:]) }
    return KeyedEncodingContainer(KeyedTreeEncoder<Key>(encoder: self))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    if case .list = box.content {} else { box.content = .list([]) }
    return UnkeyedTreeEncoder(encoder: self)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { SingleTreeEncoder(encoder: self) }

  func inside(_ child: TreeBox, _ key: any CodingKey) -> TreeEncoder {
    TreeEncoder(box: child, keys: keys, verbatim: false, codingPath: codingPath + [key])
  }
}

private struct SingleTreeEncoder: SingleValueEncodingContainer {
  let encoder: TreeEncoder
  var codingPath: [any CodingKey] { encoder.codingPath }

  mutating func encodeNil() { encoder.box.content = .value(.null) }
  mutating func encode(_ value: Bool) { encoder.box.content = .value(.bool(value)) }
  mutating func encode(_ value: String) { encoder.box.content = .value(.string(value)) }
  mutating func encode(_ value: Double) { encoder.box.content = .value(.number(value)) }
  mutating func encode(_ value: Float) { encoder.box.fill(value) }
  mutating func encode(_ value: Int) throws { encoder.box.content = .value(.int(value)) }
  mutating func encode(_ value: Int8) throws { try encoder.box.fill(integer: value, codingPath: codingPath) }
  mutating func encode(_ value: Int16) throws { try encoder.box.fill(integer: value, codingPath: codingPath) }
  mutating func encode(_ value: Int32) throws { try encoder.box.fill(integer: value, codingPath: codingPath) }
  mutating func encode(_ value: Int64) throws { try encoder.box.fill(integer: value, codingPath: codingPath) }
  mutating func encode(_ value: UInt) throws { try encoder.box.fill(integer: value, codingPath: codingPath) }
  mutating func encode(_ value: UInt8) throws { try encoder.box.fill(integer: value, codingPath: codingPath) }
  mutating func encode(_ value: UInt16) throws { try encoder.box.fill(integer: value, codingPath: codingPath) }
  mutating func encode(_ value: UInt32) throws { try encoder.box.fill(integer: value, codingPath: codingPath) }
  mutating func encode(_ value: UInt64) throws { try encoder.box.fill(integer: value, codingPath: codingPath) }
  mutating func encode(_ value: some Encodable) throws {
    try encoder.box.fill(value, keys: encoder.keys, codingPath: codingPath)
  }
}

private struct KeyedTreeEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let encoder: TreeEncoder
  var codingPath: [any CodingKey] { encoder.codingPath }

  func child(_ key: any CodingKey) -> TreeBox {
    encoder.box.child(encoder.verbatim ? key.stringValue : encoder.keys.spell(key.stringValue))
  }

  // The single-value container knows every kind of value; the other two borrow it.
  func single(_ key: any CodingKey) -> SingleTreeEncoder { SingleTreeEncoder(encoder: encoder.inside(child(key), key)) }

  mutating func encodeNil(forKey key: Key) { child(key).content = .value(.null) }
  mutating func encode(_ value: Bool, forKey key: Key) { child(key).content = .value(.bool(value)) }
  mutating func encode(_ value: String, forKey key: Key) { child(key).content = .value(.string(value)) }
  mutating func encode(_ value: Double, forKey key: Key) { child(key).content = .value(.number(value)) }
  mutating func encode(_ value: Float, forKey key: Key) { child(key).fill(value) }
  mutating func encode(_ value: Int, forKey key: Key) throws { child(key).content = .value(.int(value)) }
  mutating func encode(_ value: Int8, forKey key: Key) throws { try integer(value, key) }
  mutating func encode(_ value: Int16, forKey key: Key) throws { try integer(value, key) }
  mutating func encode(_ value: Int32, forKey key: Key) throws { try integer(value, key) }
  mutating func encode(_ value: Int64, forKey key: Key) throws { try integer(value, key) }
  mutating func encode(_ value: UInt, forKey key: Key) throws { try integer(value, key) }
  mutating func encode(_ value: UInt8, forKey key: Key) throws { try integer(value, key) }
  mutating func encode(_ value: UInt16, forKey key: Key) throws { try integer(value, key) }
  mutating func encode(_ value: UInt32, forKey key: Key) throws { try integer(value, key) }
  mutating func encode(_ value: UInt64, forKey key: Key) throws { try integer(value, key) }
  mutating func encode(_ value: some Encodable, forKey key: Key) throws {
    try child(key).fill(value, keys: encoder.keys, codingPath: codingPath + [key])
  }

  func integer(_ value: some BinaryInteger, _ key: any CodingKey) throws {
    try child(key).fill(integer: value, codingPath: codingPath + [key])
  }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> { encoder.inside(child(key), key).container(keyedBy: type) }
  mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    encoder.inside(child(key), key).unkeyedContainer()
  }
  mutating func superEncoder() -> any Swift.Encoder {
    encoder.inside(child(Step(stringValue: "super")), Step(stringValue: "super"))
  }
  mutating func superEncoder(forKey key: Key) -> any Swift.Encoder { encoder.inside(child(key), key) }
}

private struct UnkeyedTreeEncoder: UnkeyedEncodingContainer {
  let encoder: TreeEncoder
  var codingPath: [any CodingKey] { encoder.codingPath }
  var count: Int { encoder.box.count }

  func next() -> TreeEncoder {
    let key = Step(intValue: count)
    return encoder.inside(encoder.box.appended(), key)
  }

  mutating func encodeNil() { next().box.content = .value(.null) }
  mutating func encode(_ value: Bool) { next().box.content = .value(.bool(value)) }
  mutating func encode(_ value: String) { next().box.content = .value(.string(value)) }
  mutating func encode(_ value: Double) { next().box.content = .value(.number(value)) }
  mutating func encode(_ value: Float) { next().box.fill(value) }
  mutating func encode(_ value: Int) throws { next().box.content = .value(.int(value)) }
  mutating func encode(_ value: Int8) throws { try integer(value) }
  mutating func encode(_ value: Int16) throws { try integer(value) }
  mutating func encode(_ value: Int32) throws { try integer(value) }
  mutating func encode(_ value: Int64) throws { try integer(value) }
  mutating func encode(_ value: UInt) throws { try integer(value) }
  mutating func encode(_ value: UInt8) throws { try integer(value) }
  mutating func encode(_ value: UInt16) throws { try integer(value) }
  mutating func encode(_ value: UInt32) throws { try integer(value) }
  mutating func encode(_ value: UInt64) throws { try integer(value) }
  mutating func encode(_ value: some Encodable) throws {
    let inside = next()
    try inside.box.fill(value, keys: encoder.keys, codingPath: inside.codingPath)
  }

  func integer(_ value: some BinaryInteger) throws {
    let inside = next()
    try inside.box.fill(integer: value, codingPath: inside.codingPath)
  }

  mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
    next().container(keyedBy: type)
  }
  mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { next().unkeyedContainer() }
  mutating func superEncoder() -> any Swift.Encoder { next() }
}

// MARK: - Tree to value

struct TreeDecoder: Swift.Decoder {
  let tree: Tree
  let keys: KeySpelling
  var verbatim = false
  let codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func value<T: Decodable>(_ type: T.Type) throws -> T {
    if type == URL.self, let url = URL(string: try string()) as? T { return url }
    var inside = self
    inside.verbatim = type is any FreeMap.Type
    return try T(from: inside)
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard case .table(let entries) = tree else { throw mismatch("a table") }
    return KeyedDecodingContainer(KeyedTreeDecoder<Key>(decoder: self, entries: entries))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard case .list(let elements) = tree else { throw mismatch("a list") }
    return UnkeyedTreeDecoder(decoder: self, elements: elements)
  }

  func singleValueContainer() -> any SingleValueDecodingContainer { SingleTreeDecoder(decoder: self) }

  func inside(_ child: Tree, _ key: any CodingKey) -> TreeDecoder {
    TreeDecoder(tree: child, keys: keys, codingPath: codingPath + [key])
  }

  func mismatch(_ wanted: String) -> DecodingError {
    .typeMismatch(
      Tree.self, .init(codingPath: codingPath, debugDescription: "\(wanted) is needed, found \(tree.described)"))
  }

  func bool() throws -> Bool {
    guard let value = tree.boolValue else { throw mismatch("true or false") }
    return value
  }

  func string() throws -> String {
    guard let value = tree.stringValue else { throw mismatch("a text") }
    return value
  }

  func number() throws -> Double {
    guard let value = tree.numberValue else { throw mismatch("a number") }
    return value
  }

  func integer<I: FixedWidthInteger>() throws -> I {
    guard let whole = tree.intValue, let value = I(exactly: whole) else { throw mismatch("a whole number") }
    return value
  }
}

private struct SingleTreeDecoder: SingleValueDecodingContainer {
  let decoder: TreeDecoder
  var codingPath: [any CodingKey] { decoder.codingPath }

  func decodeNil() -> Bool { decoder.tree == .null }
  func decode(_ type: Bool.Type) throws -> Bool { try decoder.bool() }
  func decode(_ type: String.Type) throws -> String { try decoder.string() }
  func decode(_ type: Double.Type) throws -> Double { try decoder.number() }
  func decode(_ type: Float.Type) throws -> Float { Float(try decoder.number()) }
  func decode(_ type: Int.Type) throws -> Int { try decoder.integer() }
  func decode(_ type: Int8.Type) throws -> Int8 { try decoder.integer() }
  func decode(_ type: Int16.Type) throws -> Int16 { try decoder.integer() }
  func decode(_ type: Int32.Type) throws -> Int32 { try decoder.integer() }
  func decode(_ type: Int64.Type) throws -> Int64 { try decoder.integer() }
  func decode(_ type: UInt.Type) throws -> UInt { try decoder.integer() }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try decoder.integer() }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try decoder.integer() }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try decoder.integer() }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try decoder.integer() }
  func decode<T: Decodable>(_ type: T.Type) throws -> T { try decoder.value(type) }
}

private struct KeyedTreeDecoder<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let decoder: TreeDecoder
  let entries: [String: Tree]
  var codingPath: [any CodingKey] { decoder.codingPath }

  var allKeys: [Key] {
    entries.keys.sorted().compactMap { key in
      Key(stringValue: key) ?? (decoder.verbatim ? nil : Key(stringValue: decoder.keys.name(from: key)))
    }
  }

  func spelt(_ key: any CodingKey) -> String {
    decoder.verbatim ? key.stringValue : decoder.keys.spell(key.stringValue)
  }

  func inside(_ key: any CodingKey) throws -> TreeDecoder {
    guard let child = entries[spelt(key)] else {
      throw DecodingError.keyNotFound(
        Step(stringValue: spelt(key)),
        .init(codingPath: codingPath, debugDescription: "'\(spelt(key))' is missing"))
    }
    return decoder.inside(child, Step(stringValue: spelt(key)))
  }

  func contains(_ key: Key) -> Bool { entries[spelt(key)] != nil }
  func decodeNil(forKey key: Key) throws -> Bool { try inside(key).tree == .null }
  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try inside(key).bool() }
  func decode(_ type: String.Type, forKey key: Key) throws -> String { try inside(key).string() }
  func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try inside(key).number() }
  func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try inside(key).number()) }
  func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try inside(key).integer() }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try inside(key).integer() }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try inside(key).integer() }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try inside(key).integer() }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try inside(key).integer() }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try inside(key).integer() }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try inside(key).integer() }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try inside(key).integer() }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try inside(key).integer() }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try inside(key).integer() }
  func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try inside(key).value(type) }

  func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> { try inside(key).container(keyedBy: type) }
  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try inside(key).unkeyedContainer()
  }
  func superDecoder() throws -> any Swift.Decoder { try inside(Step(stringValue: "super")) }
  func superDecoder(forKey key: Key) throws -> any Swift.Decoder { try inside(key) }
}

private struct UnkeyedTreeDecoder: UnkeyedDecodingContainer {
  let decoder: TreeDecoder
  let elements: [Tree]
  var currentIndex = 0
  var codingPath: [any CodingKey] { decoder.codingPath }
  var count: Int? { elements.count }
  var isAtEnd: Bool { currentIndex >= elements.count }

  mutating func next() throws -> TreeDecoder {
    let key = Step(intValue: currentIndex)
    guard currentIndex < elements.count else {
      throw DecodingError.valueNotFound(
        Tree.self, .init(codingPath: codingPath + [key], debugDescription: "the list ends here"))
    }
    defer { currentIndex += 1 }
    return decoder.inside(elements[currentIndex], key)
  }

  mutating func decodeNil() throws -> Bool {
    guard currentIndex < elements.count, elements[currentIndex] == .null else { return false }
    currentIndex += 1
    return true
  }
  mutating func decode(_ type: Bool.Type) throws -> Bool { try next().bool() }
  mutating func decode(_ type: String.Type) throws -> String { try next().string() }
  mutating func decode(_ type: Double.Type) throws -> Double { try next().number() }
  mutating func decode(_ type: Float.Type) throws -> Float { Float(try next().number()) }
  mutating func decode(_ type: Int.Type) throws -> Int { try next().integer() }
  mutating func decode(_ type: Int8.Type) throws -> Int8 { try next().integer() }
  mutating func decode(_ type: Int16.Type) throws -> Int16 { try next().integer() }
  mutating func decode(_ type: Int32.Type) throws -> Int32 { try next().integer() }
  mutating func decode(_ type: Int64.Type) throws -> Int64 { try next().integer() }
  mutating func decode(_ type: UInt.Type) throws -> UInt { try next().integer() }
  mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try next().integer() }
  mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try next().integer() }
  mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try next().integer() }
  mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try next().integer() }
  mutating func decode<T: Decodable>(_ type: T.Type) throws -> T { try next().value(type) }

  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy type: Nested.Type
  ) throws -> KeyedDecodingContainer<Nested> { try next().container(keyedBy: type) }
  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }
  mutating func superDecoder() throws -> any Swift.Decoder { try next() }
}
