import Balancing
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch

/// Processes that train one model: here they are threads, and every product is shared out, however small.
@Suite("Every method, trained by several processes")
struct TogetherTests {
  /// The largest distance between numbers of the same names; of numbers above 1 as a share of them.
  static func distance(_ a: [String: [Double]], _ b: [String: [Double]]) -> Double {
    guard a.keys == b.keys else { return .infinity }
    return a.map { name, numbers in
      zip(numbers, b[name] ?? []).map { abs($0 - $1) / max(1, abs($0)) }.max() ?? (numbers.isEmpty ? 0 : .infinity)
    }.max() ?? .infinity
  }

  /// The weights after some steps, two an epoch.
  private static func weights(
    _ entry: MethodRegistry.Entry, steps: Int, of samples: Int, _ group: ProcessGroup?
  ) throws -> [String: [Double]] {
    var bench = Bench(entry, data: SyntheticData(count: 2 * samples))
    (bench.batchSize, bench.epochs, bench.plainDescent, bench.group) = (samples, steps / 2, true, group)
    return try bench.run().last
  }

  private static func compare(
    _ entry: MethodRegistry.Entry, steps: Int, of samples: Int, _ counts: [Int], sharesMemory: Bool = true
  ) throws {
    let alone = try weights(entry, steps: steps, of: samples, nil)
    for count in counts {
      let all = try together(count, sharesMemory: sharesMemory) {
        try weights(entry, steps: steps, of: samples, $0)
      }
      // All have the same bits, and those nearly of one process.
      for other in all { #expect(other == all[0], "\(count) processes") }
      #expect(distance(all[0], alone) <= 1e-5, "\(count) processes")
    }
  }

  /// Three processes have shares of different sizes of sixteen samples.
  @Test(
    "three processes lead to the weights of one",
    arguments: Candidate.all.filter { $0.entry.requirements.oneProcess == nil })
  func same(_ candidate: Candidate) throws { try Self.compare(candidate.entry, steps: 12, of: 16, [3]) }

  @Test(
    "1 × 128, 2 × 64 and 4 × 32 samples lead to the same weights after a hundred steps",
    arguments: ["balgrad", "fulcrum", "mmpareto"])
  func hundred(_ name: String) throws {
    try Self.compare(MethodRegistry.entry(name), steps: 100, of: 128, [2, 4])
  }

  @Test("so they do where they exchange over the network", arguments: ["balgrad", "ogm-ge"])
  func network(_ name: String) throws {
    try Self.compare(MethodRegistry.entry(name), steps: 12, of: 16, [3], sharesMemory: false)
  }

  @Test("no method has to be trained by one process")
  func ready() {
    #expect(Candidate.all.filter { $0.entry.requirements.oneProcess != nil }.isEmpty)
  }

  @Test("a run that was broken off goes on with equal bits")
  func goesOn() throws {
    let ends = try together(2) { group -> [[String: [Double]]] in
      var bench = try Bench("balgrad")
      bench.group = group
      let whole = try bench.run().last
      let kept = try bench.run(stopAfter: 5).kept
      return [whole, try bench.run(from: kept).last]
    }
    #expect(ends[0][0] == ends[0][1])
    #expect(ends[0] == ends[1])
  }
}
