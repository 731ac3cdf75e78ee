/// Whether two methods differ where both the seeds and the test samples are thought of as drawn: neither the luck of an
/// initialization nor the luck of a test split may pass for a difference.
///
///     d̄ = mean over seeds of second − first,   v = s² / S + b²,   t = d̄ / √v
///
/// where `s²` is the variance of the S differences by seed, and `b²` the variance of `d̄` over replicates in which the test
/// samples are drawn anew, with replacement, the same for both methods. The degrees of freedom are Welch's and
/// Satterthwaite's. With two or three seeds these trust a small `s²` too much, so `p` is never below that of the paired
/// t-test over seeds alone, and the interval never narrower. In simulations without a difference at most one test of
/// twenty then says that there is one, whether seeds or samples vary more.
public struct CrossedBootstrapTest: Codable, Equatable, Sendable {
  public var p: Double
  /// Corrected by Holm over the tests of the same family; `nil` until it is known.
  public var adjusted: Double?
  /// Of the difference.
  public var interval95: Interval
  public var degreesOfFreedom: Double
  /// Of the difference over the test samples alone: the 2.5th and the 97.5th percentile of the replicates.
  public var samplesInterval95: Interval
  /// Two-sided: twice the share of replicates on the other side of 0.
  public var samplesP: Double
  public var samples: Int
  public var seeds: Int
  public var replicates: Int

  /// - Parameters:
  ///   - bySeed: the differences, one for each seed; with one seed the samples alone are thought of as drawn.
  ///   - replicates: their mean over the seeds, with the test samples drawn anew; at least two.
  /// - Returns: nil where there is nothing to compare, or neither seeds nor samples make a difference to a difference.
  public init?(bySeed: [Double], replicates: [Double], samples: Int) {
    guard let mean = Statistics.mean(bySeed), replicates.count > 1, samples > 1,
      let spread = Statistics.standardDeviation(replicates)
    else { return nil }
    let ofSeeds = Statistics.standardDeviation(bySeed).map { $0 * $0 / Double(bySeed.count) } ?? 0
    let ofSamples = spread * spread
    let variance = ofSeeds + ofSamples
    seeds = bySeed.count
    self.samples = samples
    self.replicates = replicates.count
    let sorted = replicates.sorted()
    samplesInterval95 = Interval(low: Statistics.quantile(sorted, 0.025), high: Statistics.quantile(sorted, 0.975))
    let below = replicates.count { $0 <= 0 }
    let above = replicates.count { $0 >= 0 }
    // One more on each side, so that no p is 0 for want of replicates.
    samplesP = min(1, 2 * Double(min(below, above) + 1) / Double(replicates.count + 1))
    if variance <= 1e-24 {
      guard abs(mean) < 1e-12 else { return nil }
      p = 1
      degreesOfFreedom = Double(samples - 1)
      interval95 = Interval(low: 0, high: 0)
      return
    }
    degreesOfFreedom = Self.degreesOfFreedom(ofSeeds, bySeed.count, ofSamples, samples)
    var p = StudentT(degreesOfFreedom: degreesOfFreedom).twoSidedTail(mean / variance.squareRoot())
    if ofSeeds > 0 {
      let seedsAlone = StudentT(degreesOfFreedom: Double(bySeed.count - 1))
      p = max(p, seedsAlone.twoSidedTail(mean / ofSeeds.squareRoot()))
    }
    self.p = p
    let half = Self.halfWidth(ofSeeds: ofSeeds, seeds: bySeed.count, ofSamples: ofSamples, samples: samples)
    interval95 = Interval(low: mean - half, high: mean + half)
  }

  private static func degreesOfFreedom(
    _ ofSeeds: Double, _ seeds: Int, _ ofSamples: Double, _ samples: Int
  ) -> Double {
    // With one seed its term is nothing and has no degrees of freedom.
    let below = (seeds > 1 ? ofSeeds * ofSeeds / Double(seeds - 1) : 0) + ofSamples * ofSamples / Double(samples - 1)
    return (ofSeeds + ofSamples) * (ofSeeds + ofSamples) / below
  }

  /// Half the width of an interval.
  ///
  /// - Parameters:
  ///   - ofSeeds: s² / S.
  ///   - ofSamples: b².
  ///   - tail: how likely the truth is to lie beyond one end.
  public static func halfWidth(
    ofSeeds: Double, seeds: Int, ofSamples: Double, samples: Int, tail: Double = 0.025
  ) -> Double {
    let variance = ofSeeds + ofSamples
    guard variance > 0 else { return 0 }
    let student = StudentT(degreesOfFreedom: degreesOfFreedom(ofSeeds, seeds, ofSamples, samples))
    let half = student.quantile(1 - tail) * variance.squareRoot()
    guard ofSeeds > 0, seeds > 1 else { return half }
    return max(half, StudentT(degreesOfFreedom: Double(seeds - 1)).quantile(1 - tail) * ofSeeds.squareRoot())
  }
}
