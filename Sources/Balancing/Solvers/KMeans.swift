import Multimodal
import Torch

/// k-means: clusters of points around their means (Lloyd 1982), begun from points that lie far apart (Arthur,
/// Vassilvitskii 2007).
enum KMeans {
  /// The cluster of each point, 0..<k, the best of several attempts.
  ///
  /// The answer depends on nothing but the points and the random stream. Where there are fewer different points than
  /// clusters, there are fewer clusters; a cluster that loses all its points keeps its centre.
  /// - Parameter points: [N, D].
  static func clusters(
    _ points: Tensor, _ k: Int, _ numbers: inout SeededNumbers, attempts: Int = 4, iterations: Int = 100
  ) throws -> [Int] {
    let points = try points.to(.float64, on: .cpu)
    guard points.shape[0] > 0, k > 0 else { return [] }
    var best: (spread: Double, clusters: [Int])?
    for _ in 0..<max(attempts, 1) {
      var centres = try firstCentres(points, k, &numbers)
      var clusters: [Int] = []
      for _ in 0..<iterations {
        let nearest = try (-distances(points, centres)).argmax(1)
        let found: [Int] = try nearest.array()
        if found == clusters { break }
        clusters = found
        centres = try means(points, nearest, centres)
      }
      let spread = try distances(points, centres).min(1).sum().scalar()
      if best.map({ spread < $0.spread }) ?? true { best = (spread, clusters) }
    }
    return best?.clusters ?? []
  }

  /// k points, each chosen with a probability that grows with the square of its distance from those before it.
  private static func firstCentres(_ points: Tensor, _ k: Int, _ numbers: inout SeededNumbers) throws -> Tensor {
    let count = points.shape[0]
    var chosen = [numbers.uniform(below: count)]
    var distances = [Double](repeating: .infinity, count: count)
    while chosen.count < min(k, count) {
      let last = try points.narrowed(0, from: chosen[chosen.count - 1], length: 1)
      let fromLast: [Double] = try (points - last).square().sum(-1).array()
      distances = zip(distances, fromLast).map(min)
      var left = numbers.uniform() * distances.reduce(0, +)
      // The last point that can be chosen is taken where rounding leaves something over.
      guard var next = distances.lastIndex(where: { $0 > 0 }) else { break }
      for (index, distance) in distances.enumerated() where distance > 0 {
        left -= distance
        if left < 0 {
          next = index
          break
        }
      }
      chosen.append(next)
    }
    return try points.indexed(0, by: Tensor(chosen))
  }

  /// ‖x‖² − 2⟨x, c⟩ + ‖c‖², [N, k].
  private static func distances(_ points: Tensor, _ centres: Tensor) throws(TorchError) -> Tensor {
    try points.square().sum(-1, keeping: true) - points.matmul(centres.transposed()) * 2 + centres.square().sum(-1)
  }

  private static func means(_ points: Tensor, _ nearest: Tensor, _ centres: Tensor) throws(TorchError) -> Tensor {
    let members = try nearest.oneHot(centres.shape[0]).to(.float64)
    let sizes = try members.sum(0).unsqueezed(1)
    let means = try members.transposed().matmul(points) / sizes.clamped(min: 1)
    return try sizes.greater(than: 0).choose(means, centres)
  }
}
