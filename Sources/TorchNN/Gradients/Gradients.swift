public import Torch

/// A direction in a model's parameter space.
///
/// A parameter that nothing was computed for is *absent*: it counts as zero in sums and products, and an optimizer leaves
/// it alone, momentum and decay included. The gradients of layers over constant inputs are kept as products of two
/// matrices (`FactoredGraph`) until their numbers are asked for; sums, multiples and inner products do not ask. Numbers that
/// are first asked for after the model has moved can be lost, and asking then throws; `settle()` before it.
public struct Gradients {
  let store: ParameterStore
  /// By parameter; nil where it is absent.
  private let shares: [FactoredGradient?]

  private init(_ store: ParameterStore, _ shares: [FactoredGradient?]) {
    self.store = store
    self.shares = shares
  }

  /// From all numbers in a row, [store.count].
  package init(_ store: ParameterStore, flat: Tensor, present: Set<Int>) throws(TorchError) {
    self.init(store, [FactoredGradient?](repeating: nil, count: store.parameters.count))
    var shares = self.shares
    for index in present {
      let (shape, count) = (store.parameters[index].shape, store.parameters[index].count)
      shares[index] = FactoredGradient(
        shape, try flat.narrowed(0, from: store.offsets[index], length: count).reshaped(shape))
    }
    self.init(store, shares)
  }

  /// Nothing, for no parameter.
  public static func none(_ store: ParameterStore) -> Gradients {
    Gradients(store, [FactoredGradient?](repeating: nil, count: store.parameters.count))
  }

  /// The gradient of a scalar with respect to every trainable parameter of a store.
  ///
  /// Inside `FactoredGraph.recording(_:)` the graph that leads to the scalar may end at the outputs that were recorded.
  public init(of loss: Tensor, _ store: ParameterStore, keepingGraph: Bool = false) throws(TorchError) {
    _ = try store.flat()
    let indices = store.trainable
    let graph = FactoredGraph.current
    let (meetings, readings) = (graph?.meetings ?? [], graph?.readings ?? [])
    let computed = meetings.compactMap(\.known)
    let found = try gradients(
      of: loss,
      withRespectTo: indices.map { store.parameters[$0].tensor } + computed + readings.map(\.output),
      keepingGraph: keepingGraph)
    var shares = [FactoredGradient?](repeating: nil, count: store.parameters.count)
    for (index, gradient) in zip(indices, found) {
      if let gradient { shares[index] = FactoredGradient(store.parameters[index].shape, gradient) }
    }
    if let group = store.group { try Self.addUp(&shares, store, indices.filter(store.divided.contains), group) }
    func add(_ layer: Linear, _ input: ConstantInput, _ derivative: OutputGradient) throws(TorchError) {
      let product = FactoredGradient.OuterProduct(input: input, derivative: derivative)
      for (parameter, share) in [
        (layer.weight, FactoredGradient(layer.weight.shape, nil, [product])),
        (layer.bias, FactoredGradient(layer.bias.shape, try derivative.sumOfRows())),
      ] {
        shares[parameter.index] = try shares[parameter.index]?.adding(share) ?? share
      }
    }
    // From the logits back to the outputs that they were read from, and from there to the inputs.
    var outputs = found.dropFirst(indices.count).prefix(computed.count)
    var derivatives = meetings.map {
      $0.known == nil ? nil : outputs.popFirst().flatMap { $0 }.map { OutputGradient($0) }
    }
    for (reading, logits) in zip(readings, found.dropFirst(indices.count + computed.count)) {
      guard let logits else { continue }
      try add(reading.layer, reading.input, OutputGradient(logits))
      for part in reading.parts {
        guard let position = meetings.firstIndex(where: { $0 === part.feature }) else { continue }
        let derivative = OutputGradient(nil, [OutputGradient.Factor(logits: logits, readout: part.readout)])
        derivatives[position] = try derivatives[position]?.adding(derivative) ?? derivative
      }
    }
    for (meeting, derivative) in zip(meetings, derivatives) {
      if let derivative, let origin = meeting.origin { try add(origin.layer, origin.input, derivative) }
    }
    self.init(store, shares)
  }

  /// Puts the sums over all processes in place of what each has found for its own samples.
  private static func addUp(
    _ shares: inout [FactoredGradient?], _ store: ParameterStore, _ indices: [Int], _ group: ProcessGroup
  ) throws(TorchError) {
    if indices.isEmpty { return }
    // A gradient that one of them has, all have.
    let votes = try Tensor(indices.map { shares[$0] == nil ? 0.0 : 1.0 })
    try group.sum(votes)
    let counts: [Double] = try votes.array()
    let present = zip(indices, counts).filter { $0.1 > 0 }.map(\.0)
    if present.isEmpty { return }
    let count = present.reduce(0) { $0 + store.parameters[$1].count }
    let whole = try Tensor.zeros([count], store.elementType, on: store.device)
    var start = 0
    var places: [(index: Int, place: Tensor)] = []
    for index in present {
      let place = try whole.narrowed(0, from: start, length: store.parameters[index].count)
      if let share = shares[index] { try place.copy(from: share.tensor().flattened()) }
      places.append((index, place))
      start += store.parameters[index].count
    }
    try group.sum(whole)
    for (index, place) in places {
      let shape = store.parameters[index].shape
      shares[index] = FactoredGradient(shape, try place.reshaped(shape))
    }
  }

  /// The parameters that a direction exists for, in order.
  public var presentIndices: [Int] { shares.indices.filter { shares[$0] != nil } }

  /// The direction of one parameter, in its shape; nil where it is absent.
  ///
  /// Nobody may write to it.
  public subscript(_ path: ParameterPath) -> Tensor? {
    get throws(TorchError) {
      guard let index = store[path]?.index, let share = shares[index] else { return nil }
      return try share.tensor()
    }
  }

  /// Makes the numbers that hang on the model's weights as they are now, for a direction that is kept while it moves.
  public func settle() throws(TorchError) {
    for share in shares { try share?.settle() }
  }

  /// The present parameters by name.
  public func named() throws(TorchError) -> [(String, Tensor)] {
    var pairs: [(String, Tensor)] = []
    for index in presentIndices {
      if let share = shares[index] { pairs.append((store.parameters[index].path.description, try share.tensor())) }
    }
    return pairs
  }

  /// All numbers in a row, [store.count]; zero where a parameter is absent.
  package func flat() throws(TorchError) -> Tensor {
    let whole = try Tensor.zeros([store.count], store.elementType, on: store.device)
    for (index, share) in shares.enumerated() {
      guard let share else { continue }
      let place = try whole.narrowed(0, from: store.offsets[index], length: store.parameters[index].count)
      try place.copy(from: share.tensor().flattened())
    }
    return whole
  }

  /// What an optimizer is given for present parameters.
  ///
  /// - Parameter rows: which of a parameter's rows it moves; nil: all.
  func stepGradients(_ indices: [Int], rows: (Int) -> Range<Int>?) throws(TorchError) -> [StepGradient] {
    let present = indices.compactMap { index in shares[index].map { (index, $0, rows(index)) } }
    try OutputGradient.settle(present.flatMap { $0.2 == nil ? $0.1.openDerivatives : [] })
    var gradients: [StepGradient] = []
    for (index, share, rows) in present {
      func scratch() throws(TorchError) -> Tensor { try store.scratch(index) }
      if let rows {
        gradients.append(try share.stepGradient(rows, in: scratch))
      } else {
        gradients.append(try share.stepGradient(in: scratch))
      }
    }
    return gradients
  }

  // MARK: Arithmetic

  public static func + (a: Gradients, b: Gradients) throws(TorchError) -> Gradients {
    try a.adding(b, scale: 1, within: b.presentIndices)
  }

  public func scaled(by factor: Double) throws(TorchError) -> Gradients {
    try scaled(by: factor, within: presentIndices)
  }

  /// This direction with some parameters' part multiplied by a factor.
  public func scaled(by factor: Double, within indices: [Int]) throws(TorchError) -> Gradients {
    var result = shares
    for index in indices {
      if let share = shares[index] { result[index] = try share.scaled(by: factor) }
    }
    return Gradients(store, result)
  }

  /// The part that belongs to some parameters; the others become absent.
  public func within(_ indices: [Int]) -> Gradients {
    var kept = [FactoredGradient?](repeating: nil, count: shares.count)
    for index in indices { kept[index] = shares[index] }
    return Gradients(store, kept)
  }

  /// This direction with the part of some parameters changed by `change`, which is given each one's numbers in a row.
  public func mapping(
    _ indices: [Int], _ change: (Tensor) throws(TorchError) -> Tensor
  ) throws(TorchError) -> Gradients {
    var result = shares
    for index in indices {
      guard let share = shares[index] else { continue }
      result[index] = FactoredGradient(share.shape, try change(share.tensor().flattened()).reshaped(share.shape))
    }
    return Gradients(store, result)
  }

  /// This direction plus `scale · other` on some parameters.
  public func adding(_ other: Gradients, scale: Double, within indices: [Int]) throws(TorchError) -> Gradients {
    var result = shares
    for index in indices {
      guard let more = other.shares[index] else { continue }
      if let own = shares[index] {
        result[index] = try own.adding(more, scale: scale)
      } else {
        result[index] = try more.scaled(by: scale)
      }
    }
    return Gradients(store, result)
  }

  /// This direction with another's part of some parameters in place of its own.
  package func replacing(_ indices: [Int], by other: Gradients) -> Gradients {
    var result = shares
    for index in indices { result[index] = other.shares[index] }
    return Gradients(store, result)
  }

  // MARK: Measures

  /// ⟨self, other⟩ over some parameters, or over all.
  ///
  /// Of two products δᵀX and εᵀX it is Σ (XXᵀδ) ∘ ε, taken so where batches are small beside the layer.
  public func dot(_ other: Gradients, within indices: [Int]? = nil) throws(TorchError) -> Double {
    var sum = 0.0
    for index in indices ?? Array(shares.indices) {
      guard let share = shares[index], let otherShare = other.shares[index] else { continue }
      sum += try share.dot(otherShare)
    }
    return sum
  }

  /// ‖self‖ over some parameters, or over all.
  public func norm(within indices: [Int]? = nil) throws(TorchError) -> Double {
    try max(dot(self, within: indices), 0).squareRoot()
  }

  /// Whether every number is finite.
  public func isFinite() throws(TorchError) -> Bool {
    // 0 · x is 0 for every finite x, and the sum keeps what is not.
    for share in shares {
      if let share, try (share.tensor() * 0).sum().scalar() != 0 { return false }
    }
    return true
  }
}
