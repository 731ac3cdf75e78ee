import TorchNN

/// The gradient g of the fused loss and u of the unimodal losses, to be put together anew where both are.
///
/// Each unimodal loss reaches its own branch alone, so that u has the gradients of all of them side by side.
struct GradientPair {
  let fused: Gradients
  let unimodal: Gradients

  init(_ fused: Gradients, _ unimodal: Gradients) {
    self.fused = fused
    self.unimodal = unimodal
  }

  /// Those of some parameters that both gradients are of.
  func shared(_ parameters: [Int]) -> [Int] {
    parameters.filter(fused.presentIndices.contains).filter(unimodal.presentIndices.contains)
  }

  /// a·g + b·u on parameters that both are of; absent elsewhere.
  func mixed(_ a: Double, _ b: Double, within shared: [Int]) throws -> Gradients {
    try fused.within(shared).scaled(by: a).adding(unimodal, scale: b, within: shared)
  }

  /// The Gramian: inner products of g on all parts, and of u on each of the parts, which have nothing in common.
  func products(_ parts: [[Int]]) throws -> [[Double]] {
    var products = [[Double]](repeating: [Double](repeating: 0, count: parts.count + 1), count: parts.count + 1)
    products[0][0] = try fused.dot(fused, within: parts.flatMap { $0 })
    for (position, part) in parts.enumerated() {
      let dot = try fused.dot(unimodal, within: part)
      products[0][position + 1] = dot
      products[position + 1][0] = dot
      products[position + 1][position + 1] = try unimodal.dot(unimodal, within: part)
    }
    return products
  }
}
