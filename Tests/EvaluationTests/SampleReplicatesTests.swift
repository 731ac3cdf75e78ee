import Evaluation
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@Suite("Tests over seeds and test samples")
struct SampleReplicatesTests {
  /// A score that is the share of samples that are right.
  private func accuracy(_ right: [Double]) -> SampleReplicates.Score {
    { weights in zip(right, weights).reduce(0) { $0 + $1.0 * $1.1 } / weights.reduce(0, +) }
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

  @Test("the variance of an accuracy over replicates is p (1 − p) / n, and the same call gives the same bits")
  func variance() throws {
    let right = (0..<200).map { $0 < 150 ? 1.0 : 0 }
    let runs: [[String: SampleReplicates.Score]] = [["full": { _ in 0 }], ["full": accuracy(right)]]
    let question = SampleReplicates.Question("full", [(0, 1, 0.75)])
    let found = try SampleReplicates(runs, answering: [question], samples: 200, modalities: [], replicates: 4000)
    let values = try #require(found.differences[0])
    let variance = mean(values.map { ($0 - 0.75) * ($0 - 0.75) })
    #expect(abs(variance / (0.75 * 0.25 / 200) - 1) < 0.1)
    let again = try SampleReplicates(
      runs, answering: [question], samples: 200, modalities: [], replicates: 4000, threads: 1)
    #expect(again.differences == found.differences)
  }

  @Test("runs are drawn alike: a run and itself never differ, and gaps are of each replicate")
  func paired() throws {
    let (a, b) = ((0..<50).map { Double($0 % 2) }, (0..<50).map { $0 % 3 == 0 ? 1.0 : 0 })
    let run = ["full": accuracy(a), "image-missing": accuracy(a), "text-missing": accuracy(b)]
    let nothing: SampleReplicates.Score = { _ in 0 }
    let quantities = ["image-missing", "text-missing", "gap.missing", "average.missing"]
    let found = try SampleReplicates(
      [run, run, run.mapValues { _ in nothing }],
      answering: [.init("full", [(0, 1, 0), (0, 1, 0)])] + quantities.map { .init($0, [(2, 0, 0)]) }, samples: 50,
      modalities: ["image", "text"], replicates: 100)
    let values = try found.differences.map { try #require($0) }
    #expect(values[0] == [Double](repeating: 0, count: 100))
    for replicate in 0..<100 {
      let (image, text) = (values[1][replicate], values[2][replicate])
      #expect(abs(abs(image - text) - values[3][replicate]) < 1e-12)
      #expect(abs((image + text) / 2 - values[4][replicate]) < 1e-12)
    }
    #expect(values[1] != values[2])
    let test = try #require(found.test(0))
    #expect(test.p == 1 && test.interval95 == Interval(low: 0, high: 0))
  }

  @Test("a score that some replicates cannot give is left out")
  func undefined() throws {
    let rare: SampleReplicates.Score = { $0[0] > 0 ? 1 : nil }
    let found = try SampleReplicates(
      [["full": rare]], answering: [.init("full", [(0, 0, 0)]), .init("gap.missing", [(0, 0, 0)])], samples: 20,
      modalities: ["image"], replicates: 50)
    #expect(found.differences == [nil, nil] && found.test(0) == nil)
  }

  /// Two methods that do not differ, tried again and again: how often the test says that they do.
  ///
  /// Right or wrong depends on the sample (hard or easy), on the seed and on chance; the two methods share the samples.
  private func falsePositives(seeds: Int, seedSpread: Double, trials: Int) throws -> (joint: Double, samples: Double) {
    let samples = 40
    var (joint, alone) = (0, 0)
    for trial in 0..<trials {
      var numbers = SeededNumbers(seed: UInt64(trial), stream: "trial/\(seeds)")
      let hardness = (0..<samples).map { _ in numbers.normal() }
      func run() -> [Double] {
        let luck = seedSpread * numbers.normal()
        return hardness.map { $0 + luck + 0.7 * numbers.normal() < 0.8 ? 1 : 0 }
      }
      let pairs = (0..<seeds).map { _ in (first: run(), second: run()) }
      let runs = pairs.flatMap { [["full": accuracy($0.first)], ["full": accuracy($0.second)]] }
      let question = SampleReplicates.Question(
        "full", pairs.indices.map { (2 * $0, 2 * $0 + 1, mean(pairs[$0].second) - mean(pairs[$0].first)) })
      let found = try SampleReplicates(
        runs, answering: [question], samples: samples, modalities: [], replicates: 100, seed: UInt64(trial), threads: 1)
      let test = found.test(0)
      if let test, test.p < 0.05 { joint += 1 }
      if let test, test.samplesP < 0.05 { alone += 1 }
    }
    return (Double(joint) / Double(trials), Double(alone) / Double(trials))
  }

  @Test("methods that do not differ are called different in at most one of twenty", arguments: [2, 3])
  func rate(seeds: Int) throws {
    let steady = try falsePositives(seeds: seeds, seedSpread: 0, trials: 200)
    // Two standard errors above 5 %.
    #expect(steady.joint <= 0.08, "\(steady)")
    let lucky = try falsePositives(seeds: seeds, seedSpread: 0.5, trials: 200)
    #expect(lucky.joint <= 0.08, "\(lucky)")
    // Which is why seeds must be in the test: the samples alone take the luck of a seed for a difference.
    #expect(lucky.samples > 0.08, "\(lucky)")
  }

  @Test("standard error and percentiles of a paired difference are those of SciPy's bootstrap")
  func scipy() throws {
    struct Golden: Decodable {
      struct Case: Decodable {
        /// A sign a sample: 1 where it is right.
        let first, second: String
        let error, low, high, bcaLow, bcaHigh: Double
      }
      let bootstrap: [Case]
    }
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: Conditions.golden("statistics.json")))
    for found in golden.bootstrap {
      let (first, second) = (found.first.map { $0 == "1" ? 1.0 : 0 }, found.second.map { $0 == "1" ? 1.0 : 0 })
      let count = first.count
      let difference = mean(second) - mean(first)
      let replicates = try SampleReplicates(
        [["full": accuracy(first)], ["full": accuracy(second)]], answering: [.init("full", [(0, 1, difference)])],
        samples: count, modalities: [], replicates: 4000)
      let test = try #require(replicates.test(0))
      // Two bootstraps agree as far as their numbers of replicates let them; scores move in steps of 1 / n.
      let step = 1 / Double(count)
      #expect(abs(test.samplesInterval95.low - found.low) <= 1.01 * step)
      #expect(abs(test.samplesInterval95.high - found.high) <= 1.01 * step)
      #expect(abs(test.interval95.halfWidth / (1.97 * found.error) - 1) < 0.06)
      // Why percentiles: for a paired difference the correction of BCa is within the steps of the score.
      #expect(abs(found.bcaLow - found.low) <= 1.01 * step && abs(found.bcaHigh - found.high) <= 1.01 * step)
    }
  }

  @Test("a real difference is found")
  func power() throws {
    var numbers = SeededNumbers(seed: 4, stream: "power")
    let hardness = (0..<300).map { _ in numbers.normal() }
    func run(_ skill: Double) -> [Double] { hardness.map { $0 + 0.3 * numbers.normal() < skill ? 1 : 0 } }
    let pairs = (0..<5).map { _ in (run(0.5), run(1)) }
    let question = SampleReplicates.Question(
      "full", pairs.indices.map { (2 * $0, 2 * $0 + 1, mean(pairs[$0].1) - mean(pairs[$0].0)) })
    let found = try SampleReplicates(
      pairs.flatMap { [["full": accuracy($0.0)], ["full": accuracy($0.1)]] }, answering: [question], samples: 300,
      modalities: [], replicates: 400)
    let test = try #require(found.test(0))
    #expect(test.p < 0.001 && test.interval95.low > 0.05 && test.samples == 300 && test.seeds == 5)
  }
}
