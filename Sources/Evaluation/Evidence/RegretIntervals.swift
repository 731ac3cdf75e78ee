import Foundation
import Multimodal
public import Records

/// How sure a row's regrets are, where seeds and test samples are thought of as drawn.
///
/// Each condition's regret, and their mean, has the interval of the joint test (`CrossedBootstrapTest`). The worst is a
/// maximum, and a maximum of noisy numbers is too large; its interval has two ends of different making:
///
///     high = max over c of (r̂_c + h_c),   low = max over c of (r̂_c − h_c(a))
///
/// - `high`: the condition that is truly the worst is one of the c, and its regret is above its own upper end with
///   probability 2.5 %; the largest of the upper ends is no lower. No correction is needed for there being several.
/// - `low`: every condition's lower end must hold at once. The tail a ≤ 2.5 % of each is found by replicates of the
///   maximum: deviations of all conditions, drawn together over samples and seeds and each in units of its own spread,
///   have a largest one, and a is the tail beyond the 97.5th percentile of that.
public struct RegretIntervals: Sendable {
  /// In the order given.
  public let conditions: [Interval]
  public let mean: Interval
  public let worst: Interval

  /// - Parameters:
  ///   - bySeed: by condition, the regret of each seed.
  ///   - replicates: by condition, the mean over the seeds with the test samples drawn anew, the same for all conditions.
  public init(bySeed: [[Double]], replicates: [[Double]], samples: Int, seed: UInt64 = 0) {
    precondition(!bySeed.isEmpty && bySeed.count == replicates.count, "a condition needs its seeds and its replicates")
    let parts = zip(bySeed, replicates).map { Part($0, $1, samples: samples) }
    conditions = parts.map { $0.interval() }
    func means(_ values: [[Double]]) -> [Double] {
      values[0].indices.map { place in values.reduce(0) { $0 + $1[place] } / Double(values.count) }
    }
    mean = Part(means(bySeed), means(replicates), samples: samples).interval()
    let tail = Self.tail(parts, seed: seed)
    worst = Interval(
      low: parts.map { $0.interval(tail: tail).low }.max() ?? .nan, high: conditions.map(\.high).max() ?? .nan)
  }

  /// One regret: its mean, and what of it varies.
  private struct Part {
    let mean: Double
    let bySeed: [Double]
    /// Replicates less their mean.
    let deviations: [Double]
    /// s² / S.
    let ofSeeds: Double
    /// b².
    let ofSamples: Double
    let samples: Int

    init(_ bySeed: [Double], _ replicates: [Double], samples: Int) {
      self.bySeed = bySeed
      self.samples = samples
      mean = Statistics.mean(bySeed) ?? .nan
      let centre = Statistics.mean(replicates) ?? 0
      deviations = replicates.map { $0 - centre }
      ofSeeds = Statistics.standardDeviation(bySeed).map { $0 * $0 / Double(bySeed.count) } ?? 0
      let spread = Statistics.standardDeviation(replicates) ?? 0
      ofSamples = spread * spread
    }

    func interval(tail: Double = 0.025) -> Interval {
      guard samples > 1 else { return Interval(low: mean, high: mean) }
      let half = CrossedBootstrapTest.halfWidth(
        ofSeeds: ofSeeds, seeds: bySeed.count, ofSamples: ofSamples, samples: samples, tail: tail)
      return Interval(low: mean - half, high: mean + half)
    }
  }

  /// The tail of one of several one-sided intervals that are to hold together at 97.5 %.
  private static func tail(_ parts: [Part], seed: UInt64) -> Double {
    let parts = parts.filter { $0.ofSeeds + $0.ofSamples > 1e-24 }
    guard parts.count > 1, let count = parts.map(\.deviations.count).min(), count > 1 else { return 0.025 }
    var numbers = SeededNumbers(seed: seed, stream: "regret/worst")
    let seeds = parts[0].bySeed.count
    var largest: [Double] = []
    for replicate in 0..<count {
      // Seeds are few, so that drawing them anew would lose spread: each one's deviation gets a normal weight instead.
      let weights = (0..<seeds).map { _ in numbers.normal() }
      let scale = seeds > 1 ? 1 / Double(seeds * (seeds - 1)).squareRoot() : 0
      largest.append(
        parts.map { part in
          let ofSeeds = zip(weights, part.bySeed).reduce(0) { $0 + $1.0 * ($1.1 - part.mean) } * scale
          return (ofSeeds + part.deviations[replicate]) / (part.ofSeeds + part.ofSamples).squareRoot()
        }.max() ?? 0)
    }
    largest.sort()
    let beyond = erfc(Statistics.quantile(largest, 0.975) / 2.0.squareRoot()) / 2
    return min(0.025, max(beyond, 0.025 / Double(parts.count)))
  }
}
