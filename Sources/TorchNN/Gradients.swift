public import Torch

/// A direction in a model's parameter space.
///
/// Its numbers lie in one flat buffer in the store's order. A parameter that nothing was computed for is *absent*: it
/// counts as zero in sums and products, and an optimizer leaves it alone, momentum and decay included.
public struct Gradients {
  let store: ParameterStore
  /// All numbers, [store.count]; zero where a parameter is absent.
  package let flat: Tensor
  private let present: Set<Int>

  package init(_ store: ParameterStore, flat: Tensor, present: Set<Int>) {
    self.store = store
    self.flat = flat
    self.present = present
  }

  /// Nothing, for no parameter.
  public static func none(_ store: ParameterStore) throws(TorchError) -> Gradients {
    Gradients(store, flat: try .zeros([store.count], store.elementType, on: store.device), present: [])
  }

  /// The gradient of a scalar with respect to every trainable parameter of a store.
  public init(of loss: Tensor, _ store: ParameterStore, keepingGraph: Bool = false) throws(TorchError) {
    _ = try store.flat()
    let indices = store.trainable
    let found = try gradients(
      of: loss, withRespectTo: indices.map { store.parameters[$0].tensor }, keepingGraph: keepingGraph)
    var byIndex: [Int: Tensor] = [:]
    for (index, gradient) in zip(indices, found) { byIndex[index] = gradient }
    var pieces: [Tensor] = []
    for parameter in store.parameters {
      if let gradient = byIndex[parameter.index] {
        pieces.append(try gradient.flattened())
      } else {
        pieces.append(try .zeros([parameter.count], store.elementType, on: store.device))
      }
    }
    self.init(store, flat: try Tensor.cat(pieces, 0), present: Set(byIndex.keys))
  }

  /// The parameters that a direction exists for, in order.
  public var presentIndices: [Int] { present.sorted() }

  /// The direction of one parameter, in its shape; nil where it is absent.
  public subscript(_ path: ParameterPath) -> Tensor? {
    get throws(TorchError) {
      guard let parameter = store[path], present.contains(parameter.index) else { return nil }
      return try view(parameter)
    }
  }

  /// The present parameters by name.
  public func named() throws(TorchError) -> [(String, Tensor)] {
    var pairs: [(String, Tensor)] = []
    for index in presentIndices {
      pairs.append((store.parameters[index].path.description, try view(store.parameters[index])))
    }
    return pairs
  }

  private func view(_ parameter: Parameter) throws(TorchError) -> Tensor {
    try flat.narrowed(0, from: store.offsets[parameter.index], length: parameter.count).reshaped(parameter.shape)
  }

  // MARK: Arithmetic

  public static func + (a: Gradients, b: Gradients) throws(TorchError) -> Gradients {
    Gradients(a.store, flat: try a.flat + b.flat, present: a.present.union(b.present))
  }

  public func scaled(by factor: Double) throws(TorchError) -> Gradients {
    Gradients(store, flat: try flat * factor, present: present)
  }

  /// The part that belongs to some parameters; the others become absent.
  public func within(_ indices: [Int]) throws(TorchError) -> Gradients {
    let kept = present.intersection(indices)
    let result = try Gradients.none(store)
    for range in store.ranges(of: Array(kept)) { try slice(result.flat, range).copy(from: slice(flat, range)) }
    return Gradients(store, flat: result.flat, present: kept)
  }

  /// This direction with the part of some parameters changed by `change`, which is given their numbers in a row.
  public func mapping(
    _ indices: [Int], _ change: (Tensor) throws(TorchError) -> Tensor
  ) throws(TorchError) -> Gradients {
    let result = try flat.cloned()
    for range in store.ranges(of: indices.filter(present.contains)) {
      try slice(result, range).copy(from: change(slice(flat, range)))
    }
    return Gradients(store, flat: result, present: present)
  }

  /// This direction plus `scale · other` on some parameters.
  public func adding(_ other: Gradients, scale: Double, within indices: [Int]) throws(TorchError) -> Gradients {
    let result = try flat.cloned()
    for range in store.ranges(of: indices.filter(other.present.contains)) {
      try slice(result, range).add(slice(other.flat, range), scale: scale)
    }
    return Gradients(store, flat: result, present: present.union(other.present.intersection(indices)))
  }

  // MARK: Measures

  /// ⟨self, other⟩ over some parameters, or over all.
  public func dot(_ other: Gradients, within indices: [Int]? = nil) throws(TorchError) -> Double {
    let shared = present.intersection(other.present)
    let chosen = indices.map { shared.intersection($0) } ?? shared
    var sum = 0.0
    for range in store.ranges(of: Array(chosen)) {
      sum += try slice(flat, range).dot(slice(other.flat, range)).scalar()
    }
    return sum
  }

  /// ‖self‖ over some parameters, or over all.
  public func norm(within indices: [Int]? = nil) throws(TorchError) -> Double {
    try dot(self, within: indices).squareRoot()
  }

  /// Whether every number is finite.
  public func isFinite() throws(TorchError) -> Bool {
    // 0 · x is 0 for every finite x, and the sum keeps what is not.
    try (flat * 0).sum().scalar() == 0
  }

  private func slice(_ tensor: Tensor, _ range: Range<Int>) throws(TorchError) -> Tensor {
    try tensor.narrowed(0, from: range.lowerBound, length: range.count)
  }
}
