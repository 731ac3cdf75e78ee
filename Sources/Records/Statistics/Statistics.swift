import Foundation

// Here and not in Evaluation, because the tables that need it are made of records, without tensors.

/// Means, intervals and tests over a handful of seeds.
public enum Statistics {
  /// `nil` of nothing.
  public static func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// Of a sample (n − 1 below the line); `nil` of fewer than two.
  public static func standardDeviation(_ values: [Double]) -> Double? {
    guard values.count > 1, let mean = mean(values) else { return nil }
    if values.allSatisfy({ $0 == values[0] }) { return 0 }
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
  }

  /// The value below which a share of sorted values lies, interpolated between the two nearest.
  package static func quantile(_ sorted: [Double], _ share: Double) -> Double {
    let place = share * Double(sorted.count - 1)
    let low = Int(place.rounded(.down))
    let high = min(low + 1, sorted.count - 1)
    return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
  }

  /// Where the mean lies with 95 % confidence, by Student's t; `nil` of fewer than two.
  ///
  /// - Parameter overlap: by how much values that are not independent spread less than their mean errs, as
  ///   ``Resampling/overlap``.
  public static func interval95(_ values: [Double], overlap: Double = 0) -> Interval? {
    guard let mean = mean(values), let deviation = standardDeviation(values) else { return nil }
    if deviation == 0 { return Interval(low: values[0], high: values[0]) }
    let half =
      StudentT(degreesOfFreedom: Double(values.count - 1)).quantile(0.975)
      * standardError(deviation, values.count, overlap)
    return Interval(low: mean - half, high: mean + half)
  }

  /// √(1/n + overlap) s.
  static func standardError(_ deviation: Double, _ count: Int, _ overlap: Double) -> Double {
    overlap == 0 ? deviation / Double(count).squareRoot() : deviation * (1 / Double(count) + overlap).squareRoot()
  }

  /// Whether two methods differ on the same seeds: Student's test of the differences `second − first`, two-sided.
  ///
  /// `nil` of fewer than two pairs, and where every difference is the same but not 0: there the test has no say. Where all
  /// are 0, `p` is 1.
  ///
  /// - Parameter overlap: as of ``interval95(_:overlap:)``.
  public static func pairedTest(_ first: [Double], _ second: [Double], overlap: Double = 0) -> PairedDifference? {
    precondition(first.count == second.count, "a paired test needs as many values on both sides")
    // Scores are ratios of counts: differences that should be equal differ in their last digit.
    let differences = zip(first, second).map { $1 - $0 }
    guard let mean = mean(differences), let deviation = standardDeviation(differences) else { return nil }
    let scale = (first + second).map(abs).max() ?? 0
    if deviation <= 1e-12 * scale || deviation == 0 {
      guard abs(mean) <= 1e-12 * scale else { return nil }
      return PairedDifference(mean: 0, t: 0, p: 1, interval95: Interval(low: 0, high: 0), count: differences.count)
    }
    let student = StudentT(degreesOfFreedom: Double(differences.count - 1))
    let error = standardError(deviation, differences.count, overlap)
    let half = student.quantile(0.975) * error
    return PairedDifference(
      mean: mean, t: mean / error, p: student.twoSidedTail(mean / error),
      interval95: Interval(low: mean - half, high: mean + half), count: differences.count)
  }
}

/// What a paired test found.
public struct PairedDifference: Equatable, Sendable {
  /// Of `second − first`.
  public let mean: Double
  public let t: Double
  /// How likely so large a difference is by chance alone.
  public let p: Double
  /// Of the mean difference.
  public let interval95: Interval
  /// Pairs.
  public let count: Int
}

/// From low to high; in JSON a list of the two.
public struct Interval: Codable, Equatable, Sendable {
  public var low: Double
  public var high: Double

  public init(low: Double, high: Double) {
    self.low = low
    self.high = high
  }

  public init(from decoder: any Swift.Decoder) throws {
    var c = try decoder.unkeyedContainer()
    low = try c.decode(Double.self)
    high = try c.decode(Double.self)
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    var c = encoder.unkeyedContainer()
    try c.encode(low)
    try c.encode(high)
  }

  /// Half its width; what stands after ±.
  public var halfWidth: Double { (high - low) / 2 }

  public func contains(_ value: Double) -> Bool { low <= value && value <= high }

  /// Of the numbers with the other sign.
  public var negated: Interval { Interval(low: -high, high: -low) }
}

/// Student's t distribution.
public struct StudentT: Equatable, Sendable {
  /// Above 0.
  public let degreesOfFreedom: Double

  public init(degreesOfFreedom: Double) {
    precondition(degreesOfFreedom > 0, "Student's t needs degrees of freedom above 0")
    self.degreesOfFreedom = degreesOfFreedom
  }

  /// The probability of a value at most `t`.
  public func cumulative(_ t: Double) -> Double {
    let tail = twoSidedTail(t) / 2
    return t > 0 ? 1 - tail : tail
  }

  /// The probability of a value at least as far from 0 as `t`.
  public func twoSidedTail(_ t: Double) -> Double {
    if t.isNaN { return .nan }
    if t.isInfinite { return 0 }
    let n = degreesOfFreedom
    // I_x(n/2, 1/2) at x = n / (n + t²); 1 − x is formed on its own, as it vanishes near t = 0.
    return regularizedBeta(a: n / 2, b: 0.5, x: n / (n + t * t), complement: t * t / (n + t * t))
  }

  /// The value below which lies the share `p` of the distribution, 0 < p < 1.
  public func quantile(_ p: Double) -> Double {
    precondition(p > 0 && p < 1, "a quantile is asked for a share between 0 and 1")
    if p == 0.5 { return 0 }
    let tail = 2 * min(p, 1 - p)
    var low = 0.0
    var high = 1.0
    while twoSidedTail(high) > tail, high < 1e300 { (low, high) = (high, high * 2) }
    // Halving to the last bit: slower than Newton's way, and it cannot go astray.
    while true {
      let middle = low + (high - low) / 2
      if middle <= low || middle >= high { break }
      if twoSidedTail(middle) > tail { low = middle } else { high = middle }
    }
    return p < 0.5 ? -high : high
  }
}

/// The regularized incomplete beta function I_x(a, b), with 1 − x given as well.
func regularizedBeta(a: Double, b: Double, x: Double, complement: Double) -> Double {
  if x <= 0 { return 0 }
  if complement <= 0 { return 1 }
  // The fraction converges quickly left of the mean; on the right use I_x(a, b) = 1 − I_{1−x}(b, a).
  if x > (a + 1) / (a + b + 2) { return 1 - regularizedBeta(a: b, b: a, x: complement, complement: x) }
  let front = exp(a * log(x) + b * log(complement) + logGamma(a + b) - logGamma(a) - logGamma(b)) / a

  // The continued fraction 1/(1+ d₁/(1+ d₂/(1+ …))), forward by Lentz's two ratios, kept away from 0.
  let tiny = 1e-300
  var value = 1.0
  var above = 1.0
  var below = 0.0
  for step in 0..<10_000 {
    let m = Double(step / 2)
    let d: Double =
      if step == 0 {
        1
      } else if step.isMultiple(of: 2) {
        m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
      } else {
        -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      }
    below = 1 + d * below
    if abs(below) < tiny { below = tiny }
    below = 1 / below
    above = 1 + d / above
    if abs(above) < tiny { above = tiny }
    value *= above * below
    if abs(above * below - 1) < 1e-15 { break }
  }
  return front * (value - 1)
}

/// The logarithm of the gamma function for x > 0: Stirling's series, after lifting x to where it is exact to the last digits.
///
/// The C library's own is not used, because it writes a global sign.
func logGamma(_ x: Double) -> Double {
  var x = x
  var lifted = 0.0
  while x < 16 {
    lifted += log(x)
    x += 1
  }
  let square = 1 / (x * x)
  let series = (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square * (1.0 / 1680 - square / 1188)))) / x
  return (x - 0.5) * log(x) - x + 0.5 * log(2 * Double.pi) + series - lifted
}
