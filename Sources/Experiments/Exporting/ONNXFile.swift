import Foundation
import Records
import Torch

/// An ONNX model as it is put together: nodes, initializers, inputs and outputs.
///
/// Source: onnx/onnx.proto3 of ONNX 1.14; opset 17, IR version 8. Field numbers are those of that file.
struct ONNXFile {
  static let opset = 17
  private static let irVersion = 8

  enum Attribute {
    case whole(Int)
    case wholes([Int])
    case real(Double)
    case text(String)
  }

  private var nodes: [ProtocolBuffer] = []
  private var initializers: [ProtocolBuffer] = []
  private var inputs: [ProtocolBuffer] = []
  private var outputs: [ProtocolBuffer] = []
  private var count = 0
  /// By content, so that a constant is there once.
  private var numbers: [Data: String] = [:]

  /// How ONNX numbers an element type (`TensorProto.DataType`).
  static func code(_ type: ElementType) -> Int {
    switch type {
    case .float32: 1
    case .uint8: 2
    case .int8: 3
    case .int16: 5
    case .int32: 6
    case .int64: 7
    case .bool: 9
    case .float16: 10
    case .float64: 11
    case .bfloat16: 16
    }
  }

  /// A name that no other value has.
  mutating func fresh() -> String {
    count += 1
    return "t\(count)"
  }

  /// A node with one output.
  @discardableResult
  mutating func node(
    _ operation: String, _ operands: [String], _ attributes: [(name: String, value: Attribute)] = [],
    to output: String? = nil
  ) -> String {
    let output = output ?? fresh()
    var node = ProtocolBuffer()
    for operand in operands { node.add(1, operand) }
    node.add(2, output)
    node.add(3, "\(operation)_\(nodes.count)")
    node.add(4, operation)
    for (name, value) in attributes { node.add(5, Self.message(name, value)) }
    nodes.append(node)
    return output
  }

  private static func message(_ name: String, _ value: Attribute) -> ProtocolBuffer {
    var message = ProtocolBuffer()
    message.add(1, name)
    switch value {
    case .real(let number):
      message.add(2, Float(number))
      message.add(20, 1)
    case .whole(let number):
      message.add(3, number)
      message.add(20, 2)
    case .text(let text):
      message.add(4, text)
      message.add(20, 3)
    case .wholes(let numbers):
      for number in numbers { message.add(8, number) }
      message.add(20, 7)
    }
    return message
  }

  /// A tensor that the file holds.
  mutating func constant(_ tensor: Tensor, named name: String? = nil) throws -> String {
    let bytes = try tensor.contiguous().bytes()
    var content = ProtocolBuffer()
    for size in tensor.shape { content.add(1, size) }
    content.add(2, Self.code(tensor.elementType))
    content.bytes(9, Data(bytes))
    // Only small ones are made anew and again: shapes, axes and single numbers.
    if name == nil, bytes.count <= 256, let known = numbers[content.data] { return known }
    let name = name ?? fresh()
    if bytes.count <= 256 { numbers[content.data] = name }
    content.add(8, name)
    initializers.append(content)
    return name
  }

  mutating func constant(_ numbers: [Int]) throws -> String { try constant(Tensor(numbers)) }

  /// One number of a type, of no dimension.
  mutating func constant(_ number: Double, _ type: ElementType) throws -> String {
    try constant(Tensor.full([], number, type))
  }

  mutating func input(_ name: String, _ form: TensorGraph.Form) { inputs.append(Self.value(name, form)) }
  mutating func output(_ name: String, _ form: TensorGraph.Form) { outputs.append(Self.value(name, form)) }

  private static func value(_ name: String, _ form: TensorGraph.Form) -> ProtocolBuffer {
    var shape = ProtocolBuffer()
    for size in form.shape {
      var dimension = ProtocolBuffer()
      switch size {
      case .fixed(let length): dimension.add(1, length)
      case .rows(1): dimension.add(2, "rows")
      case .rows(let factor): dimension.add(2, "\(factor)rows")
      }
      shape.add(1, dimension)
    }
    var tensor = ProtocolBuffer()
    tensor.add(1, code(form.type))
    tensor.add(2, shape)
    var type = ProtocolBuffer()
    type.add(1, tensor)
    var value = ProtocolBuffer()
    value.add(1, name)
    value.add(2, type)
    return value
  }

  /// The file.
  ///
  /// - Parameter metadata: by key, in this order.
  func bytes(producer: (name: String, version: String), metadata: [(key: String, value: String)]) -> Data {
    var graph = ProtocolBuffer()
    for node in nodes { graph.add(1, node) }
    graph.add(2, "seesaw")
    for tensor in initializers { graph.add(5, tensor) }
    for input in inputs { graph.add(11, input) }
    for output in outputs { graph.add(12, output) }
    var opset = ProtocolBuffer()
    opset.add(1, "")
    opset.add(2, Self.opset)
    var model = ProtocolBuffer()
    model.add(1, Self.irVersion)
    model.add(2, producer.name)
    model.add(3, producer.version)
    model.add(7, graph)
    model.add(8, opset)
    for (key, value) in metadata {
      var entry = ProtocolBuffer()
      entry.add(1, key)
      entry.add(2, value)
      model.add(14, entry)
    }
    return model.data
  }
}

extension ProtocolBuffer {
  fileprivate mutating func add(_ field: UInt64, _ value: Int) { number(field, UInt64(bitPattern: Int64(value))) }
  fileprivate mutating func add(_ field: UInt64, _ value: Float) { fixed(field, value.bitPattern) }
  fileprivate mutating func add(_ field: UInt64, _ text: String) { bytes(field, Data(text.utf8)) }
  fileprivate mutating func add(_ field: UInt64, _ message: ProtocolBuffer) { bytes(field, message.data) }
}
