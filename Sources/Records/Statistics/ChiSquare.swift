import Foundation

/// Pearson's test of whether rows of counts have the same shares.
public struct ChiSquareTest: Equatable, Sendable {
  public let statistic: Double
  public let degreesOfFreedom: Int
  /// How likely so large a statistic is where the shares are the same.
  public let p: Double
  /// How strong the difference is, 0…1 (Cramér's V).
  public let strength: Double

  /// `nil` where fewer than two rows and two columns have anything in them.
  ///
  /// Columns in which some row would expect fewer than five are taken together.
  /// - Parameter counts: rows of equal length.
  public init?(_ counts: [[Int]]) {
    let rows = counts.filter { $0.contains { $0 > 0 } }
    guard rows.count > 1 else { return nil }
    let sums = rows.map { Double($0.reduce(0, +)) }
    let total = sums.reduce(0, +)
    var columns: [[Int]] = []
    var pooled: [Int]?
    for column in rows[0].indices {
      let cells = rows.map { $0[column] }
      let sum = cells.reduce(0, +)
      guard sum > 0 else { continue }
      if (sums.min() ?? 0) * Double(sum) / total < 5 {
        pooled = pooled.map { zip($0, cells).map { $0 + $1 } } ?? cells
      } else {
        columns.append(cells)
      }
    }
    if let pooled { columns.append(pooled) }
    guard columns.count > 1 else { return nil }
    var statistic = 0.0
    for cells in columns {
      let share = Double(cells.reduce(0, +)) / total
      for (cell, sum) in zip(cells, sums) {
        let expected = share * sum
        statistic += (Double(cell) - expected) * (Double(cell) - expected) / expected
      }
    }
    self.statistic = statistic
    degreesOfFreedom = (rows.count - 1) * (columns.count - 1)
    p = Self.tail(statistic, degreesOfFreedom: Double(degreesOfFreedom))
    strength = (statistic / (total * Double(min(rows.count, columns.count) - 1))).squareRoot()
  }

  /// The probability that the chi-square distribution is above `x`: Q(k/2, x/2).
  public static func tail(_ x: Double, degreesOfFreedom: Double) -> Double {
    x <= 0 ? 1 : upperGamma(degreesOfFreedom / 2, x / 2)
  }

  /// The regularized upper incomplete gamma function Q(a, x).
  static func upperGamma(_ a: Double, _ x: Double) -> Double {
    if x <= 0 { return 1 }
    let front = exp(a * log(x) - x - logGamma(a))
    if x < a + 1 {
      // 1 − the series of P(a, x), which converges quickly here.
      var term = 1 / a
      var sum = term
      for n in 1..<10_000 {
        term *= x / (a + Double(n))
        sum += term
        if term < sum * 1e-16 { break }
      }
      return max(0, 1 - front * sum)
    }
    // Lentz's continued fraction.
    let tiny = 1e-300
    var b = x + 1 - a
    var c = 1 / tiny
    var d = 1 / b
    var h = d
    for n in 1..<10_000 {
      let an = -Double(n) * (Double(n) - a)
      b += 2
      d = an * d + b
      if abs(d) < tiny { d = tiny }
      c = b + an / c
      if abs(c) < tiny { c = tiny }
      d = 1 / d
      h *= d * c
      if abs(d * c - 1) < 1e-15 { break }
    }
    return front * h
  }
}
