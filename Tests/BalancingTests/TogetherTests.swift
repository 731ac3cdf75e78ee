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

  /// A hundred steps on batches of 128 samples.
  private static func weights(_ entry: MethodRegistry.Entry, _ group: ProcessGroup?) throws -> [String: [Double]] {
    var bench = Bench(entry, data: SyntheticData(count: 256))
    (bench.batchSize, bench.epochs, bench.plainDescent, bench.group) = (128, 50, true, group)
    return try bench.run().last
  }

  @Test(
    "1 × 128, 2 × 64 and 4 × 32 samples lead to the same weights after a hundred steps",
    arguments: Candidate.all.filter { $0.entry.requirements.oneProcess == nil })
  func same(_ candidate: Candidate) throws {
    let entry = candidate.entry
    let alone = try Self.weights(entry, nil)
    for count in [2, 4] {
      let all = try together(count) { try Self.weights(entry, $0) }
      // All have the same bits, and those nearly of one process.
      for other in all { #expect(other == all[0], "\(count) processes") }
      #expect(Self.distance(all[0], alone) <= 1e-5, "\(count) processes")
    }
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
