import Foundation
import Records
import Torch

/// A graph of libtorch's operations in ONNX's.
struct ONNXGraph {
  private let graph: TensorGraph
  private var file = ONNXFile()
  /// What values are called in the file, by their numbers.
  private var names: [Int: String] = [:]
  /// The number of rows, [1] int64, where it has been asked for.
  private var rows: String?

  /// Translates a graph.
  ///
  /// - Throws: a `Diagnosis` that names the operation for which there is no translation.
  init(_ graph: TensorGraph) throws {
    self.graph = graph
    for (name, tensor) in graph.inputs {
      file.input(name, try form(tensor))
      names[tensor] = name
    }
    // By their numbers, so that the same graph gives the same bytes.
    for (number, tensor) in graph.constants.sorted(by: { $0.key < $1.key }) {
      names[number] = try file.constant(tensor, named: "c\(number)")
    }
    for node in graph.nodes {
      guard let output = node.outputs.first, output >= 0 else { continue }
      names[output] = try translated(Operands(node), node)
    }
    for (name, tensor) in graph.outputs {
      file.node("Identity", [try self.name(tensor)], to: name)
      file.output(name, try form(tensor))
    }
  }

  func bytes(metadata: [(key: String, value: String)]) -> Data {
    file.bytes(producer: ("seesaw", Experiment.version), metadata: metadata)
  }

  // MARK: Operands

  /// What a node is given, by the names of PyTorch's parameters.
  private struct Operands {
    let node: TensorGraph.Node

    init(_ node: TensorGraph.Node) { self.node = node }

    var lacking: Diagnosis {
      Diagnosis(
        "ONNX has nothing that stands for 'aten::\(node.operation)' as this model uses it", place: "--to onnx",
        remedy: "--to torchscript", exitStatus: .usage)
    }
    func tensor(_ name: String) throws -> Int {
      guard case .tensor(let number) = node.value(name) else { throw lacking }
      return number
    }
    func optionalTensor(_ name: String) -> Int? {
      if case .tensor(let number) = node.value(name) { number } else { nil }
    }
    func tensors(_ name: String) throws -> [Int] {
      guard case .tensors(let numbers) = node.value(name) else { throw lacking }
      return numbers
    }
    func whole(_ name: String) throws -> Int {
      guard case .size(.fixed(let number)) = node.value(name) else { throw lacking }
      return number
    }
    func wholes(_ name: String) throws -> [Int] {
      guard case .sizes(let sizes) = node.value(name) else { throw lacking }
      return try sizes.map {
        guard case .fixed(let number) = $0 else { throw lacking }
        return number
      }
    }
    /// Down and across, which are one number where they are the same.
    func pair(_ name: String) throws -> [Int] {
      let found = try wholes(name)
      return found.count == 1 ? [found[0], found[0]] : found
    }
    func sizes(_ name: String) throws -> [TensorGraph.Size] {
      guard case .sizes(let sizes) = node.value(name) else { throw lacking }
      return sizes
    }
    func number(_ name: String) throws -> Double {
      switch node.value(name) {
      case .number(let number): number
      case .size(.fixed(let number)): Double(number)
      case .truth(let truth): truth ? 1 : 0
      default: throw lacking
      }
    }
    func truth(_ name: String) -> Bool { node.value(name) == .truth(true) }
  }

  private func form(_ tensor: Int) throws -> TensorGraph.Form {
    guard let form = graph.forms[tensor] else {
      throw Diagnosis("the graph does not know one of its tensors", exitStatus: .defect)
    }
    return form
  }

  private func rank(_ tensor: Int) throws -> Int { try form(tensor).shape.count }

  private func name(_ tensor: Int) throws -> String {
    guard let name = names[tensor] else {
      throw Diagnosis("the graph uses a tensor before it is made", exitStatus: .defect)
    }
    return name
  }

  /// A tensor as one of another type.
  private mutating func name(_ tensor: Int, as type: ElementType) throws -> String {
    try form(tensor).type == type
      ? name(tensor) : file.node("Cast", [name(tensor)], [("to", .whole(ONNXFile.code(type)))])
  }

  /// The second operand of an operation with two: a tensor or a number.
  private mutating func other(_ operands: Operands, _ key: String, as type: ElementType) throws -> String {
    if let tensor = operands.optionalTensor(key) { return try name(tensor, as: type) }
    return try file.constant(operands.number(key), type)
  }

  /// Lengths as a tensor, [n] int64.
  private mutating func lengths(_ sizes: [TensorGraph.Size]) throws -> String {
    if sizes.allSatisfy({ if case .fixed = $0 { true } else { false } }) {
      return try file.constant(sizes.map { if case .fixed(let length) = $0 { length } else { 0 } })
    }
    let parts = try sizes.map { size in
      switch size {
      case .fixed(let length): return try file.constant([length])
      case .rows(let factor):
        let count = try counted()
        return try factor == 1 ? count : file.node("Mul", [count, file.constant([factor])])
      }
    }
    return parts.count == 1 ? parts[0] : file.node("Concat", parts, [("axis", .whole(0))])
  }

  private mutating func counted() throws -> String {
    if let rows { return rows }
    let shape = file.node("Shape", [graph.inputs[0].name])
    let made = try file.node("Gather", [shape, file.constant([0])], [("axis", .whole(0))])
    rows = made
    return made
  }

  // MARK: Operations

  /// One operation of ONNX for one of libtorch, with the operand `self`.
  private static let unary = [
    "neg": "Neg", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh",
    "abs": "Abs", "sin": "Sin", "cos": "Cos", "acos": "Acos", "erf": "Erf", "sign": "Sign", "floor": "Floor",
    "ceil": "Ceil", "round": "Round", "reciprocal": "Reciprocal", "logical_not": "Not",
  ]
  /// With `self` and `other`, of the type of what comes out.
  private static let binary = [
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "maximum": "Max", "minimum": "Min", "logical_and": "And",
    "logical_or": "Or", "matmul": "MatMul",
  ]
  private static let comparisons = [
    "eq": "Equal", "ne": "Equal", "gt": "Greater", "lt": "Less", "ge": "GreaterOrEqual", "le": "LessOrEqual",
  ]
  private static let reductions = ["mean": "ReduceMean", "amax": "ReduceMax", "amin": "ReduceMin"]

  private mutating func translated(_ x: Operands, _ node: TensorGraph.Node) throws -> String {
    let type = try form(node.outputs[0]).type
    if let operation = Self.unary[node.operation] {
      return file.node(operation, [try name(x.tensor("self"), as: operation == "Not" ? .bool : type)])
    }
    if let operation = Self.binary[node.operation] {
      let own = try name(x.tensor("self"), as: type)
      var second = try other(x, "other", as: type)
      if node.value("alpha") != .none, try x.number("alpha") != 1 {
        second = try file.node("Mul", [second, file.constant(x.number("alpha"), type)])
      }
      return file.node(operation, [own, second])
    }
    if let operation = Self.comparisons[node.operation] { return try compared(x, operation) }
    if let operation = Self.reductions[node.operation] {
      let axes = try x.wholes("dim")
      return file.node(
        operation, [try name(x.tensor("self"), as: type)],
        [("axes", .wholes(axes)), ("keepdims", .whole(x.truth("keepdim") ? 1 : 0))])
    }
    return try shaped(x, node.operation, type) ?? composed(x, node.operation, type)
      ?? layer(x, node.operation, type) ?? { throw x.lacking }()
  }

  private mutating func compared(_ x: Operands, _ operation: String) throws -> String {
    let own = try x.tensor("self")
    var type = try form(own).type
    if let second = try x.optionalTensor("other").map(form)?.type, second.isFloatingPoint { type = second }
    // Of truth values only equality is asked for.
    if type == .bool, operation != "Equal" { type = .int64 }
    let found = file.node(operation, [try name(own, as: type), try other(x, "other", as: type)])
    return x.node.operation == "ne" ? file.node("Not", [found]) : found
  }

  /// What moves numbers and computes nothing.
  private mutating func shaped(_ x: Operands, _ operation: String, _ type: ElementType) throws -> String? {
    switch operation {
    case "to": return try name(x.tensor("self"), as: type)
    case "reshape", "view":
      let key = operation == "view" ? "size" : "shape"
      return try file.node("Reshape", [name(x.tensor("self")), lengths(x.sizes(key))])
    case "expand":
      // ONNX has 1 where libtorch has -1: what is there stays.
      let sizes = try x.sizes("size").map { $0 == .fixed(-1) ? .fixed(1) : $0 }
      return try file.node("Expand", [name(x.tensor("self")), lengths(sizes)])
    case "permute":
      return try file.node("Transpose", [name(x.tensor("self"))], [("perm", .wholes(x.wholes("dims")))])
    case "transpose", "t":
      let own = try x.tensor("self")
      let rank = try rank(own)
      var order = Array(0..<rank)
      if operation == "transpose" {
        order.swapAt(try (x.whole("dim0") + rank) % rank, try (x.whole("dim1") + rank) % rank)
      } else {
        order.reverse()
      }
      return file.node("Transpose", [try name(own)], [("perm", .wholes(order))])
    case "unsqueeze", "squeeze":
      let word = operation == "squeeze" ? "Squeeze" : "Unsqueeze"
      return try file.node(word, [name(x.tensor("self")), file.constant([x.whole("dim")])])
    case "narrow":
      let (start, length) = (try x.whole("start"), try x.whole("length"))
      return try file.node(
        "Slice",
        [
          name(x.tensor("self")), file.constant([start]), file.constant([start + length]),
          file.constant([x.whole("dim")]),
        ])
    case "select":
      return try file.node(
        "Gather", [name(x.tensor("self")), file.constant(Tensor([x.whole("index")], shape: []))],
        [("axis", .whole(x.whole("dim")))])
    case "index_select":
      return try file.node(
        "Gather", [name(x.tensor("self")), name(x.tensor("index"))], [("axis", .whole(x.whole("dim")))])
    case "gather":
      return try file.node(
        "GatherElements", [name(x.tensor("self")), name(x.tensor("index"))], [("axis", .whole(x.whole("dim")))])
    case "cat":
      return try file.node(
        "Concat", x.tensors("tensors").map { try name($0, as: type) }, [("axis", .whole(x.whole("dim")))])
    case "stack":
      let axis = try x.whole("dim")
      let parts = try x.tensors("tensors").map {
        try file.node("Unsqueeze", [name($0, as: type), file.constant([axis])])
      }
      return file.node("Concat", parts, [("axis", .whole(axis))])
    case "full", "zeros", "ones":
      let value = try operation == "full" ? x.number("fill_value") : operation == "ones" ? 1 : 0
      return try file.node("Expand", [file.constant(value, type), lengths(x.sizes("size"))])
    default: return nil
    }
  }

  /// What ONNX says with one or several of its operations on each number, or along some dimensions.
  private mutating func composed(_ x: Operands, _ operation: String, _ type: ElementType) throws -> String? {
    func own() throws -> String { try name(x.tensor("self")) }
    switch operation {
    case "rsqrt": return file.node("Reciprocal", [file.node("Sqrt", [try own()])])
    case "square": return file.node("Mul", [try own(), try own()])
    case "log1p": return try file.node("Log", [file.node("Add", [own(), file.constant(1, type)])])
    case "log_sigmoid": return file.node("Neg", [file.node("Softplus", [file.node("Neg", [try own()])])])
    case "silu": return file.node("Mul", [try own(), file.node("Sigmoid", [try own()])])
    case "relu6": return try file.node("Clip", [own(), file.constant(0, type), file.constant(6, type)])
    case "gelu": return try gelu(own(), type, byTanh: x.node.value("approximate") == .text("tanh"))
    case "clamp_min": return try file.node("Max", [own(), other(x, "min", as: type)])
    case "clamp_max": return try file.node("Min", [own(), other(x, "max", as: type)])
    case "pow": return try file.node("Pow", [own(), other(x, "exponent", as: type)])
    case "rsub": return try file.node("Sub", [other(x, "other", as: type), name(x.tensor("self"), as: type)])
    case "where":
      return try file.node(
        "Where", [name(x.tensor("condition"), as: .bool), other(x, "self", as: type), other(x, "other", as: type)])
    case "masked_fill":
      return try file.node("Where", [name(x.tensor("mask"), as: .bool), other(x, "value", as: type), own()])
    case "softmax", "log_softmax":
      let word = operation == "softmax" ? "Softmax" : "LogSoftmax"
      return try file.node(word, [name(x.tensor("self"), as: type)], [("axis", .whole(x.whole("dim")))])
    case "argmax":
      return try file.node(
        "ArgMax", [own()], [("axis", .whole(x.whole("dim"))), ("keepdims", .whole(x.truth("keepdim") ? 1 : 0))])
    case "sum": return try sum(name(x.tensor("self"), as: type), x.wholes("dim"), keeping: x.truth("keepdim"))
    case "logsumexp":
      // With the largest taken out: an exponential that is too large would be infinite.
      let axes = try x.wholes("dim")
      let most = file.node("ReduceMax", [try own()], [("axes", .wholes(axes)), ("keepdims", .whole(1))])
      let powers = file.node("Exp", [file.node("Sub", [try own(), most])])
      let found = file.node("Add", [file.node("Log", [try sum(powers, axes, keeping: true)]), most])
      return try x.truth("keepdim") ? found : file.node("Squeeze", [found, file.constant(axes)])
    default: return nil
    }
  }

  private mutating func sum(_ x: String, _ axes: [Int], keeping: Bool) throws -> String {
    try file.node("ReduceSum", [x, file.constant(axes)], [("keepdims", .whole(keeping ? 1 : 0))])
  }

  /// x · Φ(x), exactly or by tanh.
  private mutating func gelu(_ x: String, _ type: ElementType, byTanh: Bool) throws -> String {
    let inner: String
    if byTanh {
      let cube = file.node("Mul", [x, file.node("Mul", [x, x])])
      let bent = try file.node("Add", [x, file.node("Mul", [cube, file.constant(0.044715, type)])])
      inner = try file.node("Tanh", [file.node("Mul", [bent, file.constant((2 / Double.pi).squareRoot(), type)])])
    } else {
      inner = try file.node("Erf", [file.node("Mul", [x, file.constant(0.5.squareRoot(), type)])])
    }
    let share = try file.node("Mul", [file.node("Add", [inner, file.constant(1, type)]), file.constant(0.5, type)])
    return file.node("Mul", [x, share])
  }

  /// Layers of networks.
  private mutating func layer(_ x: Operands, _ operation: String, _ type: ElementType) throws -> String? {
    switch operation {
    case "linear": return try linear(x)
    case "conv2d":
      let padding = try x.pair("padding")
      let operands = [try name(x.tensor("input")), try name(x.tensor("weight"))]
      return try file.node(
        "Conv", operands + (x.optionalTensor("bias").map { [try name($0)] } ?? []),
        [
          ("strides", .wholes(x.pair("stride"))), ("pads", .wholes(padding + padding)),
          ("dilations", .wholes(x.pair("dilation"))), ("group", .whole(x.whole("groups"))),
        ])
    case "max_pool2d":
      let padding = try x.pair("padding")
      return try file.node(
        "MaxPool", [name(x.tensor("self"))],
        [
          ("kernel_shape", .wholes(x.pair("kernel_size"))), ("strides", .wholes(x.pair("stride"))),
          ("pads", .wholes(padding + padding)), ("dilations", .wholes(x.pair("dilation"))),
          ("ceil_mode", .whole(x.truth("ceil_mode") ? 1 : 0)),
        ])
    case "batch_norm":
      let parts = ["input", "weight", "bias", "running_mean", "running_var"]
      return try file.node(
        "BatchNormalization", parts.map { try name(x.tensor($0)) }, [("epsilon", .real(x.number("eps")))])
    case "layer_norm":
      let axes = try x.wholes("normalized_shape").count
      return try file.node(
        "LayerNormalization", ["input", "weight", "bias"].map { try name(x.tensor($0)) },
        [("axis", .whole(-axes)), ("epsilon", .real(x.number("eps")))])
    case "scaled_dot_product_attention": return try attention(x, type)
    case "embedding":
      return try file.node("Gather", [name(x.tensor("weight")), name(x.tensor("indices"))], [("axis", .whole(0))])
    default: return nil
    }
  }

  private mutating func linear(_ x: Operands) throws -> String {
    let (input, weight) = (try x.tensor("input"), try x.tensor("weight"))
    let bias = try x.optionalTensor("bias").map { try name($0) }
    if try rank(input) == 2 {
      return try file.node("Gemm", [name(input), name(weight)] + (bias.map { [$0] } ?? []), [("transB", .whole(1))])
    }
    let turned = file.node("Transpose", [try name(weight)], [("perm", .wholes([1, 0]))])
    let product = file.node("MatMul", [try name(input), turned])
    return bias.map { file.node("Add", [product, $0]) } ?? product
  }

  /// softmax(query · keyᵀ / √width) · value, with no mask.
  private mutating func attention(_ x: Operands, _ type: ElementType) throws -> String {
    let (query, key) = (try x.tensor("query"), try x.tensor("key"))
    guard case .fixed(let width)? = try form(query).shape.last, x.optionalTensor("attn_mask") == nil,
      !x.truth("is_causal")
    else { throw x.lacking }
    let rank = try rank(key)
    let turned = file.node(
      "Transpose", [try name(key)], [("perm", .wholes(Array(0..<(rank - 2)) + [rank - 1, rank - 2]))])
    let products = file.node("MatMul", [try name(query), turned])
    let scores = try file.node("Mul", [products, file.constant(1 / Double(width).squareRoot(), type)])
    let weights = file.node("Softmax", [scores], [("axis", .whole(-1))])
    return file.node("MatMul", [weights, try name(x.tensor("value"))])
  }
}
