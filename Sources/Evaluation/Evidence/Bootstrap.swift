import Multimodal
public import Records

/// How far numbers made of scores would move on other test samples and other training seeds.
///
/// Each replicate draws as many samples as there are, with replacement, the same for every measure; and as many seeds of
/// each measure, the same for all that have as many. So differences are paired by sample and by seed. Where there is one
/// seed, the intervals are of that model. (B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993.)
public struct Bootstrap {
  /// A number that depends on how often each sample counts; nil where it is not defined.
  public typealias Measure = @Sendable (_ weights: [Double]) -> Double?

  /// By name, a measure for each seed.
  public private(set) var measures: [String: [Measure]] = [:]
  public let samples: Int

  public init(samples: Int) { self.samples = samples }

  public mutating func add(_ name: String, _ seeds: [Measure]) {
    precondition(!seeds.isEmpty, "a measure needs a seed")
    measures[name] = seeds
  }

  /// Fewer where there is much to compute.
  public var usualReplicates: Int {
    let cost = measures.values.reduce(0) { $0 + $1.count } * max(samples, 1)
    return max(200, min(1000, 500_000_000 / max(cost, 1)))
  }

  /// Every measure's mean over its seeds, with each sample counting once.
  public var means: [String: Double] {
    let ones = [Double](repeating: 1, count: samples)
    return measures.compactMapValues { mean($0, ones, drawn: nil) }
  }

  /// Numbers made of the measures' means, each with its interval.
  ///
  /// - Parameters:
  ///   - levels: the share of replicates beyond each end, by name; 0.025 where there is none.
  ///   - derive: called for the means themselves, and for those of each replicate; what it leaves out has no estimate.
  public func estimates(
    replicates: Int? = nil, seed: UInt64 = 0, levels: [String: Double] = [:],
    _ derive: ([String: Double]) -> [String: Double]
  ) -> [String: Estimate] {
    let values = derive(means)
    let count = replicates ?? usualReplicates
    var found: [String: [Double]] = [:]
    var numbers = SeededNumbers(seed: seed, stream: "bootstrap")
    let sizes = Set(measures.values.map(\.count)).sorted()
    for _ in 0..<count {
      let weights = numbers.timesDrawn(samples)
      var drawn: [Int: [Int]] = [:]
      for size in sizes { drawn[size] = (0..<size).map { _ in numbers.uniform(below: size) } }
      for (name, value) in derive(measures.compactMapValues { mean($0, weights, drawn: drawn[$0.count]) }) {
        found[name, default: []].append(value)
      }
    }
    return Dictionary(
      uniqueKeysWithValues: values.map { name, value in
        let replicates = (found[name] ?? []).filter(\.isFinite).sorted()
        // A number that most replicates cannot give has no interval.
        guard replicates.count * 2 > count, samples > 1 else { return (name, Estimate(value)) }
        let tail = levels[name] ?? 0.025
        return (
          name,
          Estimate(
            value,
            interval95: Interval(low: Self.quantile(replicates, tail), high: Self.quantile(replicates, 1 - tail)))
        )
      })
  }

  private func mean(_ seeds: [Measure], _ weights: [Double], drawn: [Int]?) -> Double? {
    let drawn = drawn ?? Array(seeds.indices)
    var known: [Int: Double] = [:]
    var sum = 0.0
    for index in drawn {
      if known[index] == nil { known[index] = seeds[index](weights) }
      guard let value = known[index] else { return nil }
      sum += value
    }
    return sum / Double(drawn.count)
  }

  /// Between the two nearest of sorted values.
  static func quantile(_ sorted: [Double], _ share: Double) -> Double {
    let place = share * Double(sorted.count - 1)
    let low = Int(place.rounded(.down))
    let high = min(low + 1, sorted.count - 1)
    return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
  }
}

extension Predictions {
  /// The expected calibration error under weights, over bins as ``Reliability`` has them.
  public func weightedCalibrationError(bins count: Int = 15) -> Bootstrap.Measure {
    let decisions = decisions
    let perSample = max(decisions.count / max(self.count, 1), 1)
    let places = decisions.map { min(max(Int(($0.confidence * Double(count)).rounded(.up)) - 1, 0), count - 1) }
    let gaps = decisions.map { ($0.isRight ? 1 : 0) - $0.confidence }
    return { weights in
      var sums = [Double](repeating: 0, count: count)
      for place in gaps.indices { sums[places[place]] += weights[place / perSample] * gaps[place] }
      let total = weights.reduce(0, +) * Double(perSample)
      return total > 0 ? sums.reduce(0) { $0 + abs($1) } / total : nil
    }
  }

  /// Mean confidence less the share that was right, under weights.
  public var weightedOverconfidence: Bootstrap.Measure {
    let decisions = decisions
    let perSample = max(decisions.count / max(count, 1), 1)
    var gaps = [Double](repeating: 0, count: count)
    for (place, decision) in decisions.enumerated() {
      gaps[place / perSample] += (decision.confidence - (decision.isRight ? 1 : 0)) / Double(perSample)
    }
    let all = gaps
    return { weights in
      let total = weights.reduce(0, +)
      return total > 0 ? zip(all, weights).reduce(0) { $0 + $1.0 * $1.1 } / total : nil
    }
  }
}
