import Multimodal
public import Records

/// A number that depends on how often each sample counts; nil where it is not defined.
public typealias WeightedMeasure = @Sendable (_ weights: [Double]) -> Double?

/// How far numbers made of scores would move on other test samples and other training seeds.
///
/// Each replicate draws as many samples as there are, with replacement, the same for every measure and seed, so that
/// differences are paired by sample. Seeds are too few to be drawn from: of three, a bootstrap knows two thirds of the
/// spread, and no normal quantile fits. So a number's spread over S seeds is that of the jackknife, which for means is
/// s/√S exactly, with Student's quantile of S − 1 degrees of freedom; seeds of all measures that have as many are left out
/// together, so that differences are paired by seed. The two are joined as independent errors, on each side of the value v:
///
///     low = v − √((v − l)² + Σ h²),   high = v + √((u − v)² + Σ h²)
///
/// where l and u are the percentiles over the samples and h the half widths over seeds (the method of variance estimates
/// recovery: G. Zou, A. Donner, Statistics in Medicine 27, 2008). It keeps its level whether seeds or samples vary more.
/// Where there is one seed, the interval is of that model, l to u. (B. Efron, R. Tibshirani, An Introduction to the
/// Bootstrap, 1993.)
public struct Bootstrap<Quantity: Hashable & Sendable> {
  /// A measure for each seed.
  public private(set) var measures: [Quantity: [WeightedMeasure]] = [:]
  public let samples: Int

  public init(samples: Int) { self.samples = samples }

  public mutating func add(_ quantity: Quantity, _ seeds: [WeightedMeasure]) {
    precondition(!seeds.isEmpty, "a measure needs a seed")
    measures[quantity] = seeds
  }

  /// Fewer where there is much to compute.
  public var usualReplicates: Int {
    let cost = measures.values.reduce(0) { $0 + $1.count } * max(samples, 1)
    return max(200, min(1000, 500_000_000 / max(cost, 1)))
  }

  /// Every measure's mean over its seeds, with each sample counting once.
  public var means: [Quantity: Double] {
    let ones = [Double](repeating: 1, count: samples)
    return measures.compactMapValues { mean($0, ones) }
  }

  /// Numbers made of the measures' means, each with its interval.
  ///
  /// - Parameters:
  ///   - levels: the share of replicates beyond each end, by quantity; 0.025 where there is none.
  ///   - derive: called for the means themselves, and for those of each replicate; what it leaves out has no estimate.
  public func estimates(
    replicates: Int? = nil, seed: UInt64 = 0, levels: [Quantity: Double] = [:],
    _ derive: ([Quantity: Double]) -> [Quantity: Double]
  ) -> [Quantity: Estimate] {
    let values = derive(means)
    let count = replicates ?? usualReplicates
    var found: [Quantity: [Double]] = [:]
    var numbers = SeededNumbers(seed: seed, stream: "bootstrap")
    for _ in 0..<count {
      let weights = numbers.timesDrawn(samples)
      for (name, value) in derive(measures.compactMapValues { mean($0, weights) }) {
        found[name, default: []].append(value)
      }
    }
    let seeds = jackknife(derive)
    return Dictionary(
      uniqueKeysWithValues: values.map { name, value in
        let replicates = (found[name] ?? []).filter(\.isFinite).sorted()
        // A number that most replicates cannot give has no interval.
        guard replicates.count * 2 > count, samples > 1 else { return (name, Estimate(value)) }
        let tail = levels[name] ?? 0.025
        let low = Statistics.quantile(replicates, tail)
        let high = Statistics.quantile(replicates, 1 - tail)
        let halves = seeds.compactMap { group in
          group.errors[name].map { StudentT(degreesOfFreedom: Double(group.seeds - 1)).quantile(1 - tail) * $0 }
        }
        guard !halves.isEmpty else { return (name, Estimate(value, interval95: Interval(low: low, high: high))) }
        let ofSeeds = halves.reduce(0) { $0 + $1 * $1 }
        // A percentile on the other side of the value, as a calibration error's may be, says nothing of this one.
        let (below, above) = (max(0, value - low), max(0, high - value))
        return (
          name,
          Estimate(
            value,
            interval95: Interval(
              low: value - (below * below + ofSeeds).squareRoot(), high: value + (above * above + ofSeeds).squareRoot())
          )
        )
      })
  }

  /// By number of seeds, the standard error of each derived number over them: the jackknife's.
  private func jackknife(
    _ derive: ([Quantity: Double]) -> [Quantity: Double]
  ) -> [(seeds: Int, errors: [Quantity: Double])] {
    let ones = [Double](repeating: 1, count: samples)
    let known = measures.mapValues { seeds in seeds.map { $0(ones) } }
    func mean(_ values: [Double?]) -> Double? {
      let found = values.compactMap { $0 }
      return found.count == values.count ? found.reduce(0, +) / Double(found.count) : nil
    }
    return Set(measures.values.map(\.count)).filter { $0 > 1 }.sorted().map { size in
      var without: [Quantity: [Double]] = [:]
      for left in 0..<size {
        let means = known.compactMapValues { values in
          mean(values.count == size ? Array(values[..<left] + values[(left + 1)...]) : values)
        }
        for (name, value) in derive(means) where value.isFinite { without[name, default: []].append(value) }
      }
      let errors = without.compactMapValues { values -> Double? in
        guard values.count == size, let middle = mean(values) else { return nil }
        let squares = values.reduce(0) { $0 + ($1 - middle) * ($1 - middle) }
        return (squares * Double(size - 1) / Double(size)).squareRoot()
      }
      return (size, errors)
    }
  }

  private func mean(_ seeds: [WeightedMeasure], _ weights: [Double]) -> Double? {
    var sum = 0.0
    for seed in seeds {
      guard let value = seed(weights) else { return nil }
      sum += value
    }
    return sum / Double(seeds.count)
  }
}

extension Predictions {
  /// The expected calibration error under weights, over bins as `Reliability` has them.
  public func weightedCalibrationError(bins count: Int = 15) -> WeightedMeasure {
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
  public var weightedOverconfidence: WeightedMeasure {
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
