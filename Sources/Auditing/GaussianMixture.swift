import Foundation

/// A mixture of Gaussians with diagonal covariances, fitted by expectation maximization.
///
///     p(x) = Σₖ wₖ N(x; μₖ, diag vₖ),  rₙₖ = wₖ N(xₙ; μₖ, vₖ) / p(xₙ)
///     wₖ = Σₙ rₙₖ / N,  μₖ = Σₙ rₙₖ xₙ / Σₙ rₙₖ,  vₖ = Σₙ rₙₖ (xₙ − μₖ)² / Σₙ rₙₖ + floor
///
/// The likelihood does not fall from one iteration to the next, but for what the floor takes.
struct GaussianMixture {
  private(set) var weights: [Double]
  private(set) var means: [[Double]]
  private(set) var variances: [[Double]]

  /// - Parameters:
  ///   - rows: at least one, all of one width.
  ///   - means: where the Gaussians begin, with variances of 1.
  ///   - floor: added to every variance, so that no Gaussian shrinks to a point.
  init(fitting rows: [[Double]], means: [[Double]], iterations: Int = 30, floor: Double = 0.01) {
    let width = rows[0].count
    weights = means.map { _ in 1 / Double(means.count) }
    self.means = means
    variances = means.map { _ in [Double](repeating: 1, count: width) }
    for _ in 0..<iterations {
      var (masses, sums, squares) = (
        means.map { _ in 1e-12 }, means.map { _ in [Double](repeating: 0, count: width) },
        means.map { _ in [Double](repeating: 0, count: width) }
      )
      let shares = rows.map { row -> [Double] in
        let logs = logDensities(row)
        let total = Self.logSum(logs)
        return logs.map { exp($0 - total) }
      }
      for (row, own) in zip(rows, shares) {
        for place in means.indices {
          masses[place] += own[place]
          for column in 0..<width { sums[place][column] += own[place] * row[column] }
        }
      }
      for place in means.indices { self.means[place] = sums[place].map { $0 / masses[place] } }
      // Around the new means, so that nothing cancels.
      for (row, own) in zip(rows, shares) {
        for place in means.indices {
          for column in 0..<width {
            let distance = row[column] - self.means[place][column]
            squares[place][column] += own[place] * distance * distance
          }
        }
      }
      let total = masses.reduce(0, +)
      for place in means.indices {
        variances[place] = squares[place].map { $0 / masses[place] + floor }
        weights[place] = masses[place] / total
      }
    }
  }

  /// ln p(x), nats.
  func logDensity(_ row: [Double]) -> Double { Self.logSum(logDensities(row)) }

  /// ln wₖ N(x; μₖ, vₖ) of every Gaussian.
  private func logDensities(_ row: [Double]) -> [Double] {
    weights.indices.map { place in
      var sum = log(weights[place])
      for (column, value) in row.enumerated() {
        let variance = variances[place][column]
        let distance = value - means[place][column]
        sum -= (log(2 * .pi * variance) + distance * distance / variance) / 2
      }
      return sum
    }
  }

  private static func logSum(_ logs: [Double]) -> Double {
    let most = logs.max() ?? 0
    return most + log(logs.reduce(0) { $0 + exp($1 - most) })
  }
}
