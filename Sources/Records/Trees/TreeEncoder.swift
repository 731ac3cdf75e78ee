import Foundation

/// A tree that an encoder is filling.
final class TreeBox {
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
    encoder.inside(child(TreeKey(stringValue: "super")), TreeKey(stringValue: "super"))
  }
  mutating func superEncoder(forKey key: Key) -> any Swift.Encoder { encoder.inside(child(key), key) }
}

private struct UnkeyedTreeEncoder: UnkeyedEncodingContainer {
  let encoder: TreeEncoder
  var codingPath: [any CodingKey] { encoder.codingPath }
  var count: Int { encoder.box.count }

  func next() -> TreeEncoder {
    let key = TreeKey(intValue: count)
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
