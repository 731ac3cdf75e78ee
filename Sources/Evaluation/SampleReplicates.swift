import Multimodal
public import Records

/// What runs would have scored on other test samples: each replicate draws as many of them as there are, with replacement,
/// the same for all runs, so that differences between runs are paired by sample.
public struct SampleReplicates: Sendable {
  /// A score under weights, which say how often each sample counts; nil where it is not defined.
  public typealias Score = @Sendable (_ weights: [Double]) -> Double?

  /// By run, then quantity: `full`, `average.missing`, `gap.missing`, …; one value a replicate, of those that are defined
  /// in all replicates.
  public let quantities: [[String: [Double]]]
  public let replicates: Int
  public let samples: Int

  /// Enough that the 2.5th percentile rests on fifty replicates.
  public static let usual = 2000
  private static let fewest = 400
  private static let portion = 32

  /// - Parameters:
  ///   - runs: by condition, the score of each run.
  ///   - samples: in the test split.
  ///   - replicates: nil takes ``usual``, or fewer where there is much to compute.
  public init(
    _ runs: [[String: Score]], samples: Int, modalities: [String], replicates: Int? = nil, seed: UInt64 = 0,
    threads: Int = 0
  ) throws {
    let cost = Double(runs.reduce(0) { $0 + $1.count } * max(samples, 1))
    let count = replicates ?? max(Self.fewest, min(Self.usual, Int(4e9 / max(cost, 1))))
    self.samples = samples
    self.replicates = count
    var numbers = SeededNumbers(seed: seed, stream: "test/samples")
    var found = [[String: [Double]]](repeating: [:], count: runs.count)
    for start in stride(from: 0, to: count, by: Self.portion) {
      let weights = (start..<min(start + Self.portion, count)).map { _ in numbers.timesDrawn(samples) }
      let values = try parallelMap(runs.count, threads: threads) { run in
        weights.map { weights in
          let scores = runs[run].compactMapValues { $0(weights) }
          let robustness = Robustness(scores: scores, modalities: modalities)
          return Quantities(scores: scores, average: robustness.average, gap: robustness.gap)
        }
      }
      for (run, replicates) in values.enumerated() {
        for quantities in replicates {
          for name in quantities.names { found[run][name, default: []].append(quantities[name] ?? .nan) }
        }
      }
    }
    quantities = found.map { $0.filter { $0.value.count == count } }
  }

  /// Whether two methods differ in a quantity, over their common seeds and the samples.
  ///
  /// - Parameter pairs: for each seed the first method's run and the second's, and the quantity's difference there.
  public func test(_ quantity: String, _ pairs: [(first: Int, second: Int, difference: Double)]) -> SeedsAndSamples? {
    var sum = [Double](repeating: 0, count: replicates)
    for pair in pairs {
      guard let first = quantities[pair.first][quantity], let second = quantities[pair.second][quantity] else {
        return nil
      }
      for place in sum.indices { sum[place] += second[place] - first[place] }
    }
    return SeedsAndSamples(
      bySeed: pairs.map(\.difference), replicates: sum.map { $0 / Double(pairs.count) }, samples: samples)
  }
}
