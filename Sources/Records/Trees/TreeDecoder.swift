import Foundation

/// Reads a value from a tree.
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
    guard let elements = tree.listValue else { throw mismatch("a list") }
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
        TreeKey(stringValue: spelt(key)),
        .init(codingPath: codingPath, debugDescription: "'\(spelt(key))' is missing"))
    }
    return decoder.inside(child, TreeKey(stringValue: spelt(key)))
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
  func superDecoder() throws -> any Swift.Decoder { try inside(TreeKey(stringValue: "super")) }
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
    let key = TreeKey(intValue: currentIndex)
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
