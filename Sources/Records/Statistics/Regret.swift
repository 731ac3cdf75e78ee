/// How sure a specialist's score is, and the runs behind it.
extension ComparisonResults {
  /// A model that was trained, selected and tested for just one condition: what regret is measured against.
  public struct Specialist: Codable, Equatable, Sendable {
    /// One of its runs.
    public struct Run: Codable, Equatable, Sendable {
      public var seed: Int
      public var score: Double
      public var seconds: Double?

      public init(seed: Int, score: Double, seconds: Double? = nil) {
        self.seed = seed
        self.score = score
        self.seconds = seconds
      }
    }

    public var method: String
    /// What sets it apart from that method on the whole data, as `key=value`.
    public var settings: [String]
    /// Mean over the runs.
    public var score: Double
    /// Of the mean; nil with one run.
    public var interval95: Interval?
    public var runs: [Run]

    public init(method: String, settings: [String] = [], runs: [Run]) {
      self.method = method
      self.settings = settings
      self.runs = runs
      score = Statistics.mean(runs.map(\.score)) ?? .nan
      interval95 = Statistics.interval95(runs.map(\.score))
    }

    private enum CodingKeys: String, CodingKey { case method, settings, score, interval95, runs }

    public init(from decoder: any Swift.Decoder) throws {
      let c = try decoder.container(keyedBy: CodingKeys.self)
      method = try c.decode(String.self, forKey: .method)
      settings = try c.decodeIfPresent([String].self, forKey: .settings) ?? []
      score = try c.decode(Double.self, forKey: .score)
      interval95 = try c.decodeIfPresent(Interval.self, forKey: .interval95)
      runs = try c.decodeIfPresent([Run].self, forKey: .runs) ?? []
    }
  }

  /// A model whose worst regret is sure to be at most this stands.
  public static let mostGivenAway = 0.02

  /// The regret of a run under each condition that a specialist of the same seed was trained for, and worst and mean.
  static func regret(of run: MeasuredRun, against specialists: [String: Specialist]) -> [String: Double] {
    var found: [String: Double] = [:]
    for (condition, specialist) in specialists {
      guard let own = run.scores[condition], let best = specialist.runs.first(where: { $0.seed == run.seed }) else {
        continue
      }
      found[condition] = best.score - own
    }
    return withSummary(found)
  }

  private static func withSummary(_ conditions: [String: Double]) -> [String: Double] {
    // In one order, so that the mean's last digit does not change from run to run.
    let values = conditions.sorted { $0.key < $1.key }.map(\.value)
    var all = conditions
    all["worst"] = values.max()
    all["mean"] = Statistics.mean(values)
    return all
  }

  /// A row's worst regret is the largest of its mean regrets, not the mean of its runs' worst: that would be larger the
  /// noisier the runs are.
  static func setWorstRegret(
    of runs: [Run], _ mean: inout Quantities<Double>, _ interval: inout Quantities<Interval>, overlap: Double = 0
  ) {
    let conditions = mean.regretConditions
    guard !conditions.isEmpty else {
      (mean.regret, interval.regret) = ([:], [:])
      return
    }
    mean.regret = withSummary(mean.regret.filter { conditions.contains($0.key) })
    interval.regret["worst"] = nil
    let bySeed = conditions.map { condition in runs.compactMap { $0.quantities.regret[condition] } }
    guard runs.count > 1 else { return }
    let (values, intervals) = (
      bySeed.map { Statistics.mean($0) ?? .nan }, bySeed.compactMap { Statistics.interval95($0, overlap: overlap) }
    )
    guard intervals.count == values.count else { return }
    // Over seeds alone each condition's lower end is pushed out as for as many tests.
    let lower = zip(values, bySeed).map { value, seeds in
      let error = Statistics.standardError(Statistics.standardDeviation(seeds) ?? 0, seeds.count, overlap)
      return value
        - StudentT(degreesOfFreedom: Double(seeds.count - 1)).quantile(1 - 0.025 / Double(values.count)) * error
    }
    if let high = intervals.map(\.high).max(), let low = lower.max() {
      interval.regret["worst"] = Interval(low: low, high: high)
    }
  }
}

extension ComparisonResults.MethodRow {
  /// Where it gives away most, and how much.
  public var worstRegret: (condition: String, value: Double, interval95: Interval?)? {
    let worst = mean.regretConditions.max { (mean.regret[$0] ?? 0, $1) < (mean.regret[$1] ?? 0, $0) }
    guard let worst, let value = mean.regret[worst] else { return nil }
    return (worst, value, interval95.regret["worst"])
  }

  /// Whether it is sure to give away at most two points in every condition; nil where that was not measured, or with one
  /// seed, which says nothing of others.
  public var stands: Bool? {
    guard runs.count > 1, let high = worstRegret?.interval95?.high else { return nil }
    return high <= ComparisonResults.mostGivenAway + 1e-9
  }

  /// The mean of its averages under impairment, over the kinds that are given; nil where one was not measured.
  public func averageImpaired(_ kinds: [String]) -> Double? {
    let values = kinds.compactMap { mean.average[$0] }
    return values.count == kinds.count ? Statistics.mean(values) : nil
  }

  /// Whether it saw impaired inputs in training.
  public var seesImpaired: Bool { sees.contains { $0 != "clean" } }
}

extension ComparisonResults {
  /// What a difference amounts to.
  public enum Worth: Sendable { case better, worse, neither }

  /// Whether the second method of a test is better or worse beyond noise.
  ///
  /// A gap can be made small by being bad at everything: it counts only where the average over the same modalities does not
  /// go the other way.
  public func worth(of test: Test) -> Worth {
    guard test.isBeyondNoise else { return .neither }
    guard test.quantity.hasPrefix("gap.") else { return test.difference > 0 ? .better : .worse }
    let average = "average." + test.quantity.dropFirst("gap.".count)
    let change = self.test(test.methods[0], test.methods[1], average)?.difference ?? means(test.methods, average)
    guard let change else { return test.isImprovement ? .better : .worse }
    if test.isImprovement { return change >= -1e-9 ? .better : .neither }
    return change <= 1e-9 ? .worse : .neither
  }

  private func means(_ methods: [String], _ quantity: String) -> Double? {
    guard let before = method(methods[0])?.mean[quantity], let after = method(methods[1])?.mean[quantity] else {
      return nil
    }
    return after - before
  }
}

/// What differences a comparison will be able to tell from noise, before it is made.
public enum Discernible {
  /// How far the differences of two methods by seed are thought to spread: a point.
  public static let seedDeviation = 0.01
  /// The share of test samples that two methods are thought to judge differently.
  public static let changedShare = 0.15
  /// How often the difference is to be found.
  public static let power = 0.8

  /// The smallest difference that is found with ``power``, by the joint test at 5 % after Holm's correction.
  ///
  ///     v = σ² / S + q / N,   δ = max(t₁₋ₐ(ν) √v, t₁₋ₐ(S − 1) σ / √S) + z √v,   a = 0.05 / 2m
  ///
  /// - Parameter methods: m, how many are compared with the baseline: the smallest p of them is multiplied by it.
  /// - Returns: nil with fewer than two seeds, with which nothing is told.
  public static func difference(seeds: Int, samples: Int, methods: Int) -> Double? {
    guard seeds > 1, samples > 1, methods > 0 else { return nil }
    let ofSeeds = seedDeviation * seedDeviation / Double(seeds)
    let ofSamples = changedShare / Double(samples)
    let half = CrossedBootstrapTest.halfWidth(
      ofSeeds: ofSeeds, seeds: seeds, ofSamples: ofSamples, samples: samples,
      tail: ComparisonResults.significance / Double(2 * methods))
    // The normal quantile of 0.8.
    return half + 0.8416212335729143 * (ofSeeds + ofSamples).squareRoot()
  }
}

extension KeyedDecodingContainer {
  /// Results from before there were specialists have none.
  func decode(
    _ type: [String: ComparisonResults.Specialist].Type, forKey key: Key
  ) throws -> [String: ComparisonResults.Specialist] {
    try decodeIfPresent(type, forKey: key) ?? [:]
  }
}
