import CTorch

/// A computation on rows as a graph of libtorch's operations, which another program can do.
///
/// The computation is done twice, with different numbers and different numbers of rows. What is the same is the graph; a
/// length that differs is a multiple of the number of rows. Where anything else differs, what is computed depends on the
/// numbers in a way that no graph says, and that is an error.
public struct TensorGraph {
  /// A length: fixed, or so many times the number of rows.
  public enum Size: Hashable, Sendable {
    case fixed(Int)
    case rows(Int)
  }

  public enum Value: Hashable, Sendable {
    case none
    case tensor(Int)
    case tensors([Int])
    case size(Size)
    case sizes([Size])
    case number(Double)
    case truth(Bool)
    case text(String)
  }

  public struct Argument: Hashable, Sendable {
    public let name: String
    /// Whether it is given by name only.
    public let isKeyword: Bool
    public let value: Value
  }

  /// One operation; tensors are known by numbers.
  public struct Node: Sendable {
    /// As PyTorch spells it, without `aten::`.
    public let operation: String
    public let arguments: [Argument]
    public let outputs: [Int]

    public func value(_ name: String) -> Value { arguments.first { $0.name == name }?.value ?? .none }
  }

  /// A tensor's type and lengths.
  public struct Form: Sendable {
    public let type: ElementType
    public let shape: [Size]
  }

  public let inputs: [(name: String, tensor: Int)]
  public private(set) var outputs: [(name: String, tensor: Int)] = []
  public private(set) var nodes: [Node] = []
  public private(set) var constants: [Int: Tensor] = [:]
  public private(set) var forms: [Int: Form] = [:]

  /// How many rows each of the two computations has: no multiple of one is the same multiple of the other.
  static let rows = (3, 5)

  /// The graph of a computation.
  ///
  /// - Parameters:
  ///   - inputs: by name, with so many rows, and other numbers at each call.
  ///   - outputs: the names of what it gives.
  /// - Throws: what `body` throws, and a `TorchError` where no graph says what is computed.
  public init(
    inputs: (Int) throws -> [(name: String, tensor: Tensor)], outputs names: [String],
    _ body: ([Tensor]) throws -> [Tensor]
  ) throws {
    let (first, second) = (try inputs(Self.rows.0), try inputs(Self.rows.1))
    let pair = Pair(
      try TensorRecording(of: first.map(\.tensor), body), try TensorRecording(of: second.map(\.tensor), body))
    self.inputs = first.enumerated().map { ($1.name, $0) }
    guard pair.a.outputs == pair.b.outputs, pair.a.outputs.count == names.count,
      pair.a.steps.map(\.name) == pair.b.steps.map(\.name)
    else { throw Pair.refusal("the operations differ with the numbers") }
    var builder = Builder(pair, inputs: first.count)
    for number in pair.a.outputs { try builder.make(number) }
    outputs = zip(names, pair.a.outputs).map { ($0, builder.known[$1] ?? $1) }
    (nodes, constants) = (builder.nodes, builder.constants)
    let met = Set(nodes.flatMap(\.outputs) + constants.keys + self.inputs.map(\.tensor)).filter { $0 >= 0 }
    for number in met { forms[number] = try pair.form(number) }
  }

  /// Whether a tensor is the same whatever the inputs are.
  public func isConstant(_ tensor: Int) -> Bool { constants[tensor] != nil }
}

/// Two recordings of one computation.
private struct Pair {
  let a, b: TensorRecording

  init(_ a: TensorRecording, _ b: TensorRecording) { (self.a, self.b) = (a, b) }

  static func refusal(_ reason: String, at operation: String = "graph") -> TorchError {
    TorchError(operation: operation, message: reason)
  }

  func size(_ x: Int, _ y: Int, at operation: String) throws(TorchError) -> TensorGraph.Size {
    if x == y { return .fixed(x) }
    let (m, n) = TensorGraph.rows
    guard x.isMultiple(of: m), x / m * n == y else {
      throw Self.refusal("a length differs with the numbers", at: operation)
    }
    return .rows(x / m)
  }

  func form(_ number: Int) throws(TorchError) -> TensorGraph.Form {
    let (x, y) = (try a.tensor(number), try b.tensor(number))
    guard x.rank == y.rank, x.elementType == y.elementType else {
      throw Self.refusal("a tensor's form differs with the numbers")
    }
    var shape: [TensorGraph.Size] = []
    for (one, other) in zip(x.shape, y.shape) { shape.append(try size(one, other, at: "graph")) }
    return TensorGraph.Form(type: x.elementType, shape: shape)
  }

  /// A tensor that both computations have alike; nil where it differs.
  func shared(_ number: Int) throws(TorchError) -> (tensor: Tensor, bytes: [UInt8])? {
    let (x, y) = (try a.tensor(number), try b.tensor(number))
    guard x.shape == y.shape, x.elementType == y.elementType else { return nil }
    let bytes = try x.contiguous().bytes()
    return bytes == (try y.contiguous().bytes()) ? (x, bytes) : nil
  }

  func value(_ place: Int, of step: Int) throws(TorchError) -> TensorGraph.Value {
    let name = a.steps[step].name
    let (x, y) = (a.steps[step].arguments[place], b.steps[step].arguments[place])
    guard x.kind == y.kind, x.whole.count == y.whole.count, x.text == y.text,
      x.number == y.number || (x.number.isNaN && y.number.isNaN), x.tensors == y.tensors
    else { throw Self.refusal("what it is given differs with the numbers", at: name) }
    switch x.kind {
    case ctorch_argument_none, ctorch_argument_device: return .none
    case ctorch_argument_tensor: return .tensor(x.whole[0])
    case ctorch_argument_tensors: return .tensors(x.whole)
    case ctorch_argument_whole: return .size(try size(x.whole[0], y.whole[0], at: name))
    case ctorch_argument_wholes:
      var sizes: [TensorGraph.Size] = []
      for (one, other) in zip(x.whole, y.whole) { sizes.append(try size(one, other, at: name)) }
      return .sizes(sizes)
    case ctorch_argument_number: return .number(x.number)
    case ctorch_argument_truth: return .truth(x.whole[0] != 0)
    case ctorch_argument_text: return .text(x.text)
    default: throw Self.refusal("it is given a \(x.text), which no graph has", at: name)
    }
  }
}

/// Makes nodes of the steps that the outputs need.
private struct Builder {
  let pair: Pair
  private let producers: [Int: Int]
  private let inputs: Int
  /// By a tensor's number, that of the one that stands for it in the graph.
  private(set) var known: [Int: Int] = [:]
  private(set) var nodes: [TensorGraph.Node] = []
  private(set) var constants: [Int: Tensor] = [:]
  private var nodesByContent: [NodeKey: [Int]] = [:]
  private var constantsByContent: [ConstantKey: Int] = [:]
  /// Whether a tensor depends on the inputs, or on how many rows there are.
  private var varying: [Int: Bool] = [:]

  private struct NodeKey: Hashable {
    let operation: String
    let arguments: [TensorGraph.Argument]
  }
  private struct ConstantKey: Hashable {
    let type: ElementType
    let shape: [Int]
    let bytes: [UInt8]
  }

  /// What gives its operand as it is.
  private static let same: Set = ["contiguous", "clone", "detach", "alias", "lift_fresh"]
  /// What only says where and how a tensor is kept.
  private static let passedOver: Set = [
    "device", "layout", "pin_memory", "memory_format", "non_blocking", "copy", "generator",
  ]

  init(_ pair: Pair, inputs: Int) {
    (self.pair, self.inputs) = (pair, inputs)
    var producers: [Int: Int] = [:]
    for (place, step) in pair.a.steps.enumerated() {
      // What a step gives back of what there was is no new tensor.
      for output in step.outputs where output >= inputs && producers[output] == nil && !step.operands.contains(output) {
        producers[output] = place
      }
    }
    self.producers = producers
    for input in 0..<inputs { (known[input], varying[input]) = (input, true) }
  }

  /// Makes whatever is needed for a tensor, without recursion as deep as the graph.
  mutating func make(_ number: Int) throws {
    var open = [number]
    while let next = open.last {
      if known[next] != nil {
        open.removeLast()
        continue
      }
      let lacking = producers[next].map { pair.a.steps[$0].operands.filter { known[$0] == nil } } ?? []
      if lacking.isEmpty {
        try finish(next)
        open.removeLast()
      } else {
        open += lacking
      }
    }
  }

  private mutating func finish(_ number: Int) throws {
    guard let place = producers[number] else { return try keep(number) }
    let step = pair.a.steps[place]
    if !step.operands.contains(where: { varying[$0] == true }), try pair.shared(number) != nil {
      return try keep(number)
    }
    let isMaking = step.name.hasPrefix("empty") || step.name.hasPrefix("rand") || step.name.hasPrefix("normal")
    guard !isMaking, !step.name.hasSuffix("_") else {
      throw Pair.refusal("it writes numbers that no graph knows", at: step.name)
    }
    for output in step.outputs where output >= 0 { varying[output] = true }
    var arguments: [TensorGraph.Argument] = []
    for (index, argument) in step.arguments.enumerated() where !Self.passedOver.contains(argument.name) {
      let value = try pair.value(index, of: place)
      if argument.isKeyword, value == .none { continue }
      arguments.append(
        TensorGraph.Argument(name: argument.name, isKeyword: argument.isKeyword, value: standing(value)))
    }
    if Self.same.contains(step.name), case .tensor(let operand)? = arguments.first?.value {
      return known[number] = operand
    }
    if step.name == "to" || step.name == "_to_copy" {
      guard case .tensor(let operand)? = arguments.first?.value,
        let type = arguments.first(where: { $0.name == "dtype" })?.value
      else { throw Pair.refusal("it does not say which type is wanted", at: step.name) }
      arguments = [
        TensorGraph.Argument(name: "self", isKeyword: false, value: .tensor(operand)),
        TensorGraph.Argument(name: "dtype", isKeyword: false, value: type),
      ]
    }
    let key = NodeKey(operation: step.name == "_to_copy" ? "to" : step.name, arguments: arguments)
    if let outputs = nodesByContent[key] {
      for (output, earlier) in zip(step.outputs, outputs) where output >= 0 { known[output] = earlier }
      return
    }
    nodesByContent[key] = step.outputs
    nodes.append(TensorGraph.Node(operation: key.operation, arguments: arguments, outputs: step.outputs))
    for output in step.outputs where output >= 0 { known[output] = output }
  }

  private func standing(_ value: TensorGraph.Value) -> TensorGraph.Value {
    switch value {
    case .tensor(let number): .tensor(known[number] ?? number)
    case .tensors(let numbers): .tensors(numbers.map { known[$0] ?? $0 })
    default: value
    }
  }

  /// A tensor that is the same in both computations.
  private mutating func keep(_ number: Int) throws {
    guard let (tensor, bytes) = try pair.shared(number) else {
      throw Pair.refusal("a number that stands fast differs with the inputs")
    }
    varying[number] = false
    let key = ConstantKey(type: tensor.elementType, shape: tensor.shape, bytes: bytes)
    if let earlier = constantsByContent[key] { return known[number] = earlier }
    constantsByContent[key] = number
    constants[number] = tensor
    known[number] = number
  }
}
