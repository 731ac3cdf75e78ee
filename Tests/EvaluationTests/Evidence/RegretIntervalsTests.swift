import Evaluation
import Multimodal
import Records
import Testing

@Suite("Intervals of regret")
struct RegretIntervalsTests {
  /// One comparison of a model with specialists: regrets around a truth, varying by seed and by sample.
  private struct Draw {
    var bySeed: [[Double]]
    var replicates: [[Double]]
  }

  /// - Parameters:
  ///   - shared: the part of each deviation that all conditions have in common.
  private func draw(
    _ truth: [Double], seeds: Int, ofSeeds: Double, ofSamples: Double, shared: Double, replicates: Int,
    _ numbers: inout SeededNumbers
  ) -> Draw {
    func deviations(_ spread: Double) -> [Double] {
      let common = numbers.normal()
      return truth.map { _ in
        spread * (shared.squareRoot() * common + (1 - shared).squareRoot() * numbers.normal())
      }
    }
    // The same test samples for every seed.
    let samples = deviations(ofSamples)
    let found = (0..<seeds).map { _ in zip(zip(truth, samples), deviations(ofSeeds)).map { $0.0 + $0.1 + $1 } }
    let bySeed = truth.indices.map { place in found.map { $0[place] } }
    let means = bySeed.map { $0.reduce(0, +) / Double(seeds) }
    let drawn = (0..<replicates).map { _ in zip(means, deviations(ofSamples)).map(+) }
    return Draw(bySeed: bySeed, replicates: truth.indices.map { place in drawn.map { $0[place] } })
  }

  @Test(
    "the worst regret's interval holds the truth at least 95 times of a hundred, whether conditions tie or not",
    arguments: [
      (truth: [0.01, 0.01, 0.01, 0.01, 0.01], seeds: 3, ofSeeds: 0.01, ofSamples: 0.01, shared: 0.3),
      (truth: [0.01, 0.01, 0.01, 0.01, 0.01], seeds: 5, ofSeeds: 0.002, ofSamples: 0.02, shared: 0.0),
      (truth: [0.00, 0.01, 0.02, 0.15, 0.05], seeds: 3, ofSeeds: 0.02, ofSamples: 0.01, shared: 0.5),
      (truth: [0.02, 0.02, 0.019], seeds: 10, ofSeeds: 0.02, ofSamples: 0.005, shared: 0.8),
    ])
  func coverage(_ given: (truth: [Double], seeds: Int, ofSeeds: Double, ofSamples: Double, shared: Double)) {
    var numbers = SeededNumbers(seed: 1, stream: "coverage")
    let worst = given.truth.max() ?? 0
    let trials = 240
    var (below, above) = (0, 0)
    for trial in 0..<trials {
      let draw = draw(
        given.truth, seeds: given.seeds, ofSeeds: given.ofSeeds, ofSamples: given.ofSamples, shared: given.shared,
        replicates: 200, &numbers)
      let found = RegretIntervals(
        bySeed: draw.bySeed, replicates: draw.replicates, samples: 300, seed: UInt64(trial)
      ).worst
      if worst < found.low { below += 1 }
      if worst > found.high { above += 1 }
    }
    // 2.5 % of 240 are 6 on either side, with a standard deviation of 2.4.
    #expect(below <= 13 && above <= 13 && below + above <= 22, "\(below) below, \(above) above of \(trials)")
  }

  @Test("a condition's interval and the mean's are the joint test's")
  func joint() throws {
    var numbers = SeededNumbers(seed: 2, stream: "joint")
    let draw = draw([0.05, 0.01], seeds: 4, ofSeeds: 0.01, ofSamples: 0.01, shared: 0, replicates: 300, &numbers)
    let found = RegretIntervals(bySeed: draw.bySeed, replicates: draw.replicates, samples: 100)
    for place in 0..<2 {
      let test = try #require(
        CrossedBootstrapTest(bySeed: draw.bySeed[place], replicates: draw.replicates[place], samples: 100))
      #expect(abs(found.conditions[place].low - test.interval95.low) < 1e-12)
      #expect(abs(found.conditions[place].high - test.interval95.high) < 1e-12)
    }
    let test = try #require(
      CrossedBootstrapTest(
        bySeed: zip(draw.bySeed[0], draw.bySeed[1]).map { ($0 + $1) / 2 },
        replicates: zip(draw.replicates[0], draw.replicates[1]).map { ($0 + $1) / 2 }, samples: 100))
    #expect(abs(found.mean.high - test.interval95.high) < 1e-12)
  }

  @Test("of one condition the worst is that one's, and what never varies has no width")
  func single() {
    let one = RegretIntervals(bySeed: [[0.01, 0.03]], replicates: [[0.02, 0.01, 0.03]], samples: 50)
    #expect(one.worst == one.conditions[0] && one.mean == one.conditions[0])
    let still = RegretIntervals(bySeed: [[0, 0], [0, 0]], replicates: [[0, 0], [0, 0]], samples: 50)
    #expect(still.worst == Interval(low: 0, high: 0))
  }
}
