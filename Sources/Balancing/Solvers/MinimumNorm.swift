/// The shortest vector among the weighted means of some vectors.
///
/// Only inner products are needed: the answer is the weights, which are not negative and sum to one.
enum MinimumNorm {
  /// Of two vectors a and b: the weight of a, from ‖a‖², ⟨a, b⟩ and ‖b‖².
  ///
  ///     γ = (‖b‖² − ⟨a, b⟩) / ‖a − b‖²,  held within 0 and 1
  static func weight(_ aa: Double, _ ab: Double, _ bb: Double) -> Double {
    if ab >= aa, ab >= bb { return aa == bb ? 0.5 : aa < bb ? 1 : 0 }
    if ab >= aa { return 1 }
    if ab >= bb { return 0 }
    return (bb - ab) / (aa + bb - 2 * ab)
  }

  /// Of any number of vectors: their weights, from the matrix of their inner products.
  ///
  /// Moves weight from the vector that lengthens the mean most to the one that lengthens it least, each time as far as
  /// the length falls, until no move shortens it by more than rounding (pairwise Frank–Wolfe).
  static func weights(_ products: [[Double]], iterations: Int = 10_000) -> [Double] {
    let count = products.count
    if count == 2 {
      let first = weight(products[0][0], products[0][1], products[1][1])
      return [first, 1 - first]
    }
    let scale = products.indices.map { products[$0][$0] }.max() ?? 0
    var weights = [Double](repeating: 1 / Double(max(count, 1)), count: count)
    guard count > 1, scale > 0 else { return weights }
    for _ in 0..<iterations {
      let slopes = products.map { row in zip(row, weights).reduce(0) { $0 + $1.0 * $1.1 } }
      let held = weights.indices.filter { weights[$0] > 0 }
      guard let to = slopes.indices.min(by: { slopes[$0] < slopes[$1] }),
        let from = held.max(by: { slopes[$0] < slopes[$1] }), slopes[from] - slopes[to] > 1e-14 * scale
      else { break }
      let curvature = products[to][to] + products[from][from] - 2 * products[to][from]
      let move = curvature > 0 ? min((slopes[from] - slopes[to]) / curvature, weights[from]) : weights[from]
      weights[to] += move
      weights[from] = move == weights[from] ? 0 : weights[from] - move
    }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }
}
