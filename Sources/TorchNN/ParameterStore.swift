public import Torch

/// A model's parameters, in the order they were made, over one flat buffer.
///
/// Each parameter is a view into `flat`, so that an inner product, a projection or an optimizer step over the whole
/// model is one pass over memory. Each parameter's initial value has a random stream of its own, named by its path:
/// making one more parameter changes no other.
public final class ParameterStore {
  public let device: Device
  public let elementType: ElementType
  /// The type that the layers' matrix products are taken in while a graph is recorded; nil: ``elementType``.
  public let productType: ElementType?
  public let random: RandomSource
  public private(set) var parameters: [Parameter] = []

  private var indices: [ParameterPath: Int] = [:]
  private(set) var offsets: [Int] = [0]
  private var frozen: Set<Int> = []
  /// Numbers that are kept with the parameters and that no gradient moves.
  private var statistics: Set<Int> = []
  private var rateFactors: [Int: Double] = [:]
  /// The processes that train the model together; nil where this one does alone.
  public var group: ProcessGroup?
  /// Parameters whose gradients each process takes from its own samples; the others' are of all samples in every process.
  private(set) var divided: Set<Int> = []
  private var buffer: Tensor?
  private var scratches: [Int: Tensor] = [:]
  private var passing: Tensor?
  private var known: [ParameterPath: [Int]] = [:]

  /// How many numbers all parameters may hold together; a model that a file is to fill cannot be larger than the file.
  private let most: Int

  /// - Parameter productType: a type of fewer bits for the layers' products in training; parameters, sums, losses and
  ///   optimizers keep `elementType`.
  public init(
    random: RandomSource, elementType: ElementType = .float32, device: Device = .cpu, productType: ElementType? = nil,
    atMost most: Int = .max
  ) {
    self.most = most
    self.random = random
    self.productType = productType
    self.elementType = elementType
    self.device = device
  }

  /// The place from which layers are made.
  public var root: Scope { Scope(.store(self)) }

  /// How many numbers all parameters hold together.
  public var count: Int { offsets[offsets.count - 1] }

  public subscript(_ path: ParameterPath) -> Parameter? { indices[path].map { parameters[$0] } }

  /// Makes a parameter; a path can be taken once.
  ///
  /// - Parameter isStatistic: whether the numbers are only kept with the parameters (saved, copied, put back), such as
  ///   running means; no gradient reaches them, and no branch of a model holds them.
  public func make(
    _ path: ParameterPath, _ shape: [Int], _ initializer: Initializer, isStatistic: Bool = false
  ) throws(TorchError) -> Parameter {
    guard indices[path] == nil else {
      throw TorchError(operation: "parameter '\(path)'", shapes: [shape], message: "made twice")
    }
    var rest = most - count
    for extent in shape.reversed() where extent > 0 { rest /= extent }
    guard rest > 0 || shape.contains(0) else {
      throw TorchError(
        operation: "parameter '\(path)'", shapes: [shape], message: "larger than the file that its numbers are in")
    }
    let generator = try random.generator("initialization/\(path)")
    let value = try initializer.make(shape, generator, elementType, on: device).requiringGradient(!isStatistic)
    let parameter = Parameter(path: path, index: parameters.count, tensor: value, productType: productType)
    add(parameter, isStatistic: isStatistic)
    return parameter
  }

  private func add(_ parameter: Parameter, isStatistic: Bool) {
    parameter.index = parameters.count
    parameters.append(parameter)
    indices[parameter.path] = parameter.index
    offsets.append(count + parameter.count)
    if isStatistic {
      statistics.insert(parameter.index)
      frozen.insert(parameter.index)
    } else {
      trainable.append(parameter.index)
    }
    known = [:]
    buffer = nil
  }

  /// Puts what is made within in the order of names, whatever order a network makes it in.
  func sorting<Made, Failure: Error>(_ make: () throws(Failure) -> Made) throws(Failure) -> Made {
    let before = parameters.count
    let made = try make()
    let fresh = parameters[before...].sorted { $0.path.description < $1.path.description }
    let kept = Set(fresh.filter { statistics.contains($0.index) }.map(\.path))
    for index in before..<parameters.count {
      statistics.remove(index)
      frozen.remove(index)
    }
    trainable.removeAll { $0 >= before }
    parameters.removeSubrange(before...)
    offsets.removeSubrange((before + 1)...)
    for parameter in fresh { add(parameter, isStatistic: kept.contains(parameter.path)) }
    return made
  }

  /// All parameters one after the other, [count]; writing to it moves the model.
  public func flat() throws(TorchError) -> Tensor {
    if let buffer { return buffer }
    let whole = try Tensor.empty([count], elementType, on: device)
    for parameter in parameters {
      let view = try whole.narrowed(0, from: offsets[parameter.index], length: parameter.count)
        .reshaped(parameter.shape)
      try view.copy(from: parameter.tensor)
      parameter.tensor = try view.detached().requiringGradient(!frozen.contains(parameter.index))
    }
    buffer = whole
    return whole
  }

  /// Views of a tensor like ``flat()``, one for each parameter, in its shape.
  func views(of flat: Tensor) throws(TorchError) -> [Tensor] {
    var views: [Tensor] = []
    for parameter in parameters {
      views.append(
        try flat.narrowed(0, from: offsets[parameter.index], length: parameter.count).reshaped(parameter.shape))
    }
    return views
  }

  /// Memory in a parameter's shape that is used anew at every step.
  func scratch(_ index: Int) throws(TorchError) -> Tensor {
    if let found = scratches[index] { return found }
    let made = try Tensor.empty(parameters[index].shape, elementType, on: device)
    scratches[index] = made
    return made
  }

  /// The numbers of the parameters at or below `prefix`, in order; statistics are none.
  public func indices(within prefix: ParameterPath) -> [Int] {
    if let found = known[prefix] { return found }
    let found = parameters.filter { $0.path.isWithin(prefix) && !statistics.contains($0.index) }.map(\.index)
    known[prefix] = found
    return found
  }

  /// Parameters that are trained.
  public private(set) var trainable: [Int] = []

  /// Keeps everything at or below `prefix` as it is from now on.
  public func freeze(_ prefix: ParameterPath) throws(TorchError) {
    _ = try flat()
    for index in indices(within: prefix) {
      frozen.insert(index)
      try parameters[index].tensor.requiringGradient(false)
    }
    trainable.removeAll(where: frozen.contains)
  }

  /// Says that what is computed by everything at or below `prefix` is divided among the processes of ``group``, and so its gradient.
  package func divide(_ prefix: ParameterPath) { divided.formUnion(indices(within: prefix)) }

  /// Gives everything at or below `prefix` a learning rate of its own: that of the step times a factor.
  ///
  /// What is said last of a parameter holds.
  public func scaleLearningRate(of prefix: ParameterPath, by factor: Double) {
    for index in indices(within: prefix) { rateFactors[index] = factor }
  }

  /// What a parameter's learning rate is multiplied by.
  func rateFactor(_ index: Int) -> Double { rateFactors[index] ?? 1 }

  /// Runs of neighbouring parameters as ranges of the flat buffer.
  func ranges(of indices: [Int]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    for index in indices.sorted() {
      let (low, high) = (offsets[index], offsets[index + 1])
      if let last = runs.last, last.upperBound == low {
        runs[runs.count - 1] = last.lowerBound..<high
      } else {
        runs.append(low..<high)
      }
    }
    return runs
  }

  /// A copy of all values.
  public func snapshot() throws(TorchError) -> Tensor { try flat().cloned() }

  /// A copy of all values in memory that the next such copy is written to.
  package func passingSnapshot() throws(TorchError) -> Tensor {
    let now = try flat()
    guard let passing, passing.count == count else {
      let made = try now.cloned()
      passing = made
      return made
    }
    try passing.copy(from: now)
    return passing
  }

  /// Puts values back that `snapshot` copied.
  public func restore(_ snapshot: Tensor) throws(TorchError) { try flat().copy(from: snapshot) }

  /// Sets some parameters to before + factor · (now − before).
  package func interpolate(from before: Tensor, factor: Double, within indices: [Int]) throws(TorchError) {
    let now = try flat()
    for range in ranges(of: indices) {
      let part = try now.narrowed(0, from: range.lowerBound, length: range.count)
      try part.scale(by: factor)
      try part.add(before.narrowed(0, from: range.lowerBound, length: range.count), scale: 1 - factor)
    }
  }

  /// ‖now − before‖ and ‖before‖ over some parameters; the difference is written over `before`.
  package func distance(
    from before: Tensor, within indices: [Int]
  ) throws(TorchError) -> (move: Double, length: Double) {
    let now = try flat()
    var move = 0.0
    var length = 0.0
    for range in ranges(of: indices) {
      let old = try before.narrowed(0, from: range.lowerBound, length: range.count)
      length += try old.dot(old).scalar()
      try old.add(now.narrowed(0, from: range.lowerBound, length: range.count), scale: -1)
      move += try old.dot(old).scalar()
    }
    return (move.squareRoot(), length.squareRoot())
  }

  // MARK: Files

  /// The parameters by name, for a file.
  public func named() -> [(String, Tensor)] { parameters.map { ($0.path.description, $0.tensor) } }

  /// Fills the parameters from a file; every one must be there in its shape.
  public func load(_ file: SafeTensors) throws {
    _ = try flat()
    // All are looked at before one is changed.
    let values = try parameters.map { parameter in
      let name = parameter.path.description
      let value = try file.tensor(name)
      guard value.shape == parameter.shape else {
        throw WeightsMismatch(path: file.path, parameter: name, expected: parameter.shape, found: value.shape)
      }
      return value
    }
    for (parameter, value) in zip(parameters, values) { try parameter.tensor.copy(from: value) }
  }
}

/// A weight in a file whose shape is not the model's.
public struct WeightsMismatch: Error, Equatable, Sendable {
  public let path: String
  public let parameter: String
  public let expected: [Int]
  public let found: [Int]
}
