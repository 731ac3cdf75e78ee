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

/// A trainable tensor and its place.
public final class Parameter {
  public let path: ParameterPath
  public let shape: [Int]
  /// The position in the store's order.
  public let index: Int
  /// The variable itself; it shares its memory with the store's flat buffer.
  public internal(set) var tensor: Tensor
  /// The type that matrix products are taken in where a graph is recorded; nil: the parameter's own.
  package let productType: ElementType?

  private var rounded: (tensor: Tensor, changes: Int)?

  init(path: ParameterPath, index: Int, tensor: Tensor, productType: ElementType? = nil) {
    self.path = path
    self.index = index
    self.tensor = tensor
    self.productType = productType
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

  public var count: Int { shape.reduce(1, *) }
}
