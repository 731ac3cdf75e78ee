public import Torch

/// Where a parameter lives in a model: `image`, `embedding`, `weight`.
public struct ParameterPath: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
  public let components: [String]

  public init(_ components: [String]) { self.components = components }

  /// Splits a name at its dots.
  public init(_ name: String) { components = name.split(separator: ".").map(String.init) }
  public init(stringLiteral name: String) { self.init(name) }

  /// The name in a file of weights.
  public var description: String { components.joined(separator: ".") }

  /// Whether this path lies at or below `prefix`, compared component by component.
  public func isWithin(_ prefix: ParameterPath) -> Bool { components.starts(with: prefix.components) }

  public static func / (path: ParameterPath, component: String) -> ParameterPath {
    ParameterPath(path.components + [component])
  }
}

/// A tensor of a network and its place: a view into a store that is trained, or a tensor that stands outside of any store.
public final class Parameter {
  public let path: ParameterPath
  public let shape: [Int]
  /// The position in the store's order; -1 of a constant.
  public internal(set) var index: Int
  /// The variable itself; it shares its memory with the store's flat buffer.
  public internal(set) var tensor: Tensor
  /// Whether it is a tensor that nobody trains and no store holds, such as that of a mapped file.
  public let isConstant: Bool
  /// The type that matrix products are taken in where a graph is recorded; nil: the parameter's own.
  package let productType: ElementType?

  private var rounded: (tensor: Tensor, changes: Int)?

  init(path: ParameterPath, index: Int, tensor: Tensor, productType: ElementType? = nil) {
    self.path = path
    self.index = index
    self.tensor = tensor
    self.productType = productType
    isConstant = false
    shape = tensor.shape
  }

  /// A constant: the tensor as it is, with no copy.
  package init(constant tensor: Tensor, path: ParameterPath = ParameterPath([])) {
    self.path = path
    self.tensor = tensor
    index = -1
    productType = nil
    isConstant = true
    shape = tensor.shape
  }

  /// The numbers in the type of products, rounded once between two writes; no graph reaches them.
  func inProductType() throws(TorchError) -> Tensor {
    let changes = try tensor.changes
    if let rounded, rounded.changes == changes { return rounded.tensor }
    let made = try tensor.detached().to(productType)
    rounded = (made, changes)
    return made
  }

  /// A product of x, these numbers and a bias, in ``productType`` where a graph is recorded; what comes out has the type of x.
  func product(
    _ x: Tensor, _ bias: Parameter?, _ pass: ForwardPass?,
    _ product: (Tensor, Tensor, Tensor?) throws(TorchError) -> Tensor
  ) throws(TorchError) -> Tensor {
    let weight = try numbers(pass)
    let bias = try bias?.numbers(pass)
    guard let type = productType, Autograd.isRecording else { return try product(x, weight, bias) }
    return try product(x.to(type), weight.to(type), bias?.to(type)).to(x.elementType)
  }

  /// The numbers in a pass, which may have others in their place.
  package func numbers(_ pass: ForwardPass?) throws(TorchError) -> Tensor {
    guard let pass else { return tensor }
    return try pass[self]
  }

  public var count: Int { shape.reduce(1, *) }
}
