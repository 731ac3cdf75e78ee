import CTorch

/// A sum of matrix products, [rows, columns], with a row added to each of its rows.
///
/// Several are cut into blocks that a processor's threads take in turn, which keeps all of them busy where the matrices
/// are of a few hundred rows; and results can be written to memory that is there already. No graph is recorded.
public struct MatrixProduct {
  public let terms: [(left: Tensor, right: Tensor)]
  public let bias: Tensor?

  public init(_ terms: [(left: Tensor, right: Tensor)], bias: Tensor? = nil) {
    self.terms = terms
    self.bias = bias
  }

  /// The results of several, computed side by side.
  public static func results(_ products: [MatrixProduct]) throws(TorchError) -> [Tensor] {
    try compute(products, into: products.map { _ in nil }).compactMap { $0 }
  }

  /// Writes the result to `target`, which has its shape.
  public func write(to target: Tensor) throws(TorchError) { try Self.write([self], to: [target]) }

  /// Writes the results of several, each to its target.
  public static func write(_ products: [MatrixProduct], to targets: [Tensor]) throws(TorchError) {
    _ = try compute(products, into: targets)
  }

  /// The results that have no target.
  private static func compute(_ products: [MatrixProduct], into targets: [Tensor?]) throws(TorchError) -> [Tensor?] {
    if products.isEmpty { return [] }
    let terms = products.flatMap(\.terms)
    var found = targets.map { $0?.handle }
    let status = withExtendedLifetime(targets) {
      withHandles(terms.map(\.left)) { lefts, _ in
        withHandles(terms.map(\.right)) { rights, _ in
          withOptionalHandles(products.map(\.bias)) { biases in
            ctorch_products(
              &found, biases, lefts, rights, products.map { Int32($0.terms.count) }, Int32(products.count))
          }
        }
      }
    }
    try done("matmul", terms.flatMap { [$0.left, $0.right] }, status)
    return zip(found, targets).map { found, target in target == nil ? found.map { Tensor(owning: $0) } : nil }
  }
}
