import Foundation

/// An array as NumPy wrote it.
public struct NumPyArray: Sendable {
  /// What the elements are.
  public enum Kind: String, Sendable, CaseIterable {
    case real, integer, boolean, text

    package var plural: String {
      switch self {
      case .real: "real numbers"
      case .integer: "whole numbers"
      case .boolean: "truth values"
      case .text: "texts"
      }
    }
  }

  public let name: String
  /// Empty for a single number.
  public let shape: [Int]

  private let path: String
  private let elements: NumPyElements
  private let isFortranOrder: Bool
  let data: Data

  /// Reads an array from the bytes of a `.npy` file.
  init(_ bytes: Data, name: String, path: String) throws(NumPyError) {
    let header: NumPyHeader
    do { header = try NumPyHeader(bytes) } catch { throw NumPyError(path, array: name, error.problem) }
    self.name = name
    self.path = path
    shape = header.shape
    elements = header.elements
    isFortranOrder = header.isFortranOrder
    data = bytes.dropFirst(header.dataOffset)
  }

  /// Elements in row-major order that come out of a file of another format.
  init(_ data: Data, _ elements: NumPyElements, _ shape: [Int], name: String, path: String) {
    self.name = name
    self.path = path
    self.shape = shape
    self.elements = elements
    isFortranOrder = false
    self.data = data
  }

  public var kind: Kind { elements.kind }

  /// Whether the elements are whole numbers from 0 to 255, a byte each.
  public var isBytes: Bool { elements.form == .unsigned && elements.byteCount == 1 }

  /// Whole numbers from 0 to 255 in row-major order.
  ///
  /// - Throws: ``NumPyError`` where the elements are others.
  public func bytes() throws -> [UInt8] {
    guard isBytes else { throw error(.otherKind(kind, wanted: "bytes")) }
    return rowMajor(read(UInt8.self) { $0 })
  }

  /// How many elements there are.
  public var count: Int { data.count / elements.byteCount }

  /// The elements in row-major order; truth values are 0 and 1.
  ///
  /// - Throws: ``NumPyError`` where they are texts.
  public func doubles() throws -> [Double] { try numbers() }

  /// The elements in row-major order, rounded to single precision; what is too large becomes infinite.
  ///
  /// - Throws: ``NumPyError`` where they are texts.
  public func floats() throws -> [Float] { try numbers() }

  /// The elements in row-major order; real numbers must be whole.
  ///
  /// - Throws: ``NumPyError`` where they are texts, or one is not whole or beyond 64 signed bits.
  public func ints() throws -> [Int] {
    switch (elements.form, elements.byteCount) {
    case (.signed, 1): rowMajor(read(UInt8.self) { Int(Int8(bitPattern: $0)) })
    case (.signed, 2): rowMajor(read(UInt16.self) { Int(Int16(bitPattern: $0)) })
    case (.signed, 4): rowMajor(read(UInt32.self) { Int(Int32(bitPattern: $0)) })
    case (.signed, _): rowMajor(read(UInt64.self) { Int(Int64(bitPattern: $0)) })
    case (.unsigned, 1): rowMajor(read(UInt8.self) { Int($0) })
    case (.unsigned, 2): rowMajor(read(UInt16.self) { Int($0) })
    case (.unsigned, 4): rowMajor(read(UInt32.self) { Int($0) })
    case (.unsigned, _): try exactly(rowMajor(read(UInt64.self) { $0 })) { Int(exactly: $0) }
    case (.boolean, _): rowMajor(read(UInt8.self) { $0 == 0 ? 0 : 1 })
    default: try exactly(numbers(of: Double.self)) { Int(exactly: $0) }
    }
  }

  /// The elements as names, in row-major order: texts as they are, whole numbers of any size exactly.
  ///
  /// - Throws: ``NumPyError`` where a text is not Unicode.
  public func words() throws -> [String] {
    switch (elements.form, elements.byteCount) {
    case (.bytes, _), (.characters, _): try strings()
    case (.unsigned, 8): rowMajor(read(UInt64.self) { String($0) })
    case (.float, _): try doubles().map { Int(exactly: $0).map(String.init) ?? "\($0)" }
    case (.signed, _), (.unsigned, _), (.boolean, _): try ints().map(String.init)
    }
  }

  /// The elements in row-major order, without the zeros that fill them up.
  ///
  /// - Throws: ``NumPyError`` where they are numbers, or one is not Unicode.
  public func strings() throws -> [String] {
    guard kind == .text else { throw error(.otherKind(kind, wanted: "texts")) }
    let width = elements.byteCount
    var texts: [String] = []
    texts.reserveCapacity(count)
    try data.withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: width) {
        let element = UnsafeRawBufferPointer(rebasing: bytes[start..<start + width])
        guard let text = elements.form == .bytes ? byteText(element) : characterText(element) else {
          throw error(.element(start / width, "a text that is not Unicode"))
        }
        texts.append(text)
      }
    }
    return rowMajor(texts)
  }

  // MARK: Parts

  private func error(_ problem: NumPyError.Problem) -> NumPyError { NumPyError(path, array: name, problem) }

  private func numbers<Number: BinaryFloatingPoint>(of type: Number.Type = Number.self) throws -> [Number] {
    switch (elements.form, elements.byteCount) {
    case (.float, 2): rowMajor(read(UInt16.self) { Number(Self.half($0)) })
    case (.float, 4): rowMajor(read(UInt32.self) { Number(Float(bitPattern: $0)) })
    case (.float, _): rowMajor(read(UInt64.self) { Number(Double(bitPattern: $0)) })
    case (.unsigned, 8): rowMajor(read(UInt64.self) { Number($0) })
    case (.signed, _), (.unsigned, _), (.boolean, _): try ints().map { Number($0) }
    default: throw error(.otherKind(kind, wanted: "numbers"))
    }
  }

  private func exactly<Value>(_ values: [Value], _ convert: (Value) -> Int?) throws -> [Int] {
    try values.enumerated().map { index, value in
      guard let whole = convert(value) else {
        throw error(.element(index, "\(value), which is not a whole number of 64 bits,"))
      }
      return whole
    }
  }

  private func read<Raw: FixedWidthInteger, Value>(_ type: Raw.Type, _ convert: (Raw) -> Value) -> [Value] {
    data.withUnsafeBytes { bytes in
      [Value](unsafeUninitializedCapacity: count) { values, initialized in
        for index in 0..<count {
          let raw = bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<Raw>.size, as: Raw.self)
          let value = convert(elements.isBigEndian ? Raw(bigEndian: raw) : Raw(littleEndian: raw))
          values.initializeElement(at: index, to: value)
        }
        initialized = count
      }
    }
  }

  /// The same elements with the last dimension fastest.
  private func rowMajor<Value>(_ values: [Value]) -> [Value] {
    guard isFortranOrder, shape.count > 1, !values.isEmpty else { return values }
    var strides = [1]
    for extent in shape.dropLast() { strides.append((strides.last ?? 1) * extent) }
    var index = [Int](repeating: 0, count: shape.count)
    var position = 0
    return values.indices.map { _ in
      let value = values[position]
      for dimension in shape.indices.reversed() {
        index[dimension] += 1
        position += strides[dimension]
        if index[dimension] < shape[dimension] { break }
        position -= strides[dimension] * shape[dimension]
        index[dimension] = 0
      }
      return value
    }
  }

  private func byteText(_ element: UnsafeRawBufferPointer) -> String? {
    let end = element.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
    return String(validating: element[..<end], as: UTF8.self)
  }

  private func characterText(_ element: UnsafeRawBufferPointer) -> String? {
    var codes = stride(from: 0, to: element.count, by: 4).map { offset in
      let raw = element.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
      return elements.isBigEndian ? UInt32(bigEndian: raw) : UInt32(littleEndian: raw)
    }
    while codes.last == 0 { codes.removeLast() }
    return String(validating: codes, as: UTF32.self)
  }

  /// IEEE 754 half precision; `Float16` is not there on every Mac.
  private static func half(_ bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let exponent = Int(bits >> 10) & 0x1F
    let fraction = Float(bits & 0x3FF)
    switch exponent {
    case 0: return sign * fraction * 0x1p-24
    case 0x1F: return fraction == 0 ? sign * .infinity : .nan
    default: return sign * Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction * 0x1p-10)
    }
  }
}
