import Foundation
import Testing

@testable import Records

struct StatisticsTests {
  struct Golden: Decodable {
    struct Pair: Decodable {
      let first: [Double]
      let second: [Double]
      let t, p, low, high, mean, deviation, meanLow, meanHigh: Double
    }
    let cumulative: [[Double]]
    let twoSidedTail: [[Double]]
    let quantile: [[Double]]
    let paired: [Pair]
    struct Table: Decodable {
      let counts: [[Int]]
      let statistic, p, strength: Double
      let degreesOfFreedom: Int
    }
    let chiSquareTail: [[Double]]
    let chiSquare: [Table]
    struct Corrected: Decodable { let p, adjusted: [Double] }
    let holm: [Corrected]
  }

  let golden: Golden

  init() throws {
    let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Golden/statistics.json")
    golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
  }

  func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-10) -> Bool {
    abs(a - b) <= tolerance * max(abs(a), abs(b)) + 1e-300
  }

  @Test("Student's distribution is SciPy's to ten digits, tails included")
  func distribution() {
    #expect(golden.cumulative.count == 81)
    for row in golden.cumulative {
      #expect(near(StudentT(degreesOfFreedom: row[0]).cumulative(row[1]), row[2]), "\(row)")
    }
    for row in golden.twoSidedTail {
      #expect(near(StudentT(degreesOfFreedom: row[0]).twoSidedTail(row[1]), row[2]), "\(row)")
    }
  }

  @Test("quantiles are SciPy's to ten digits")
  func quantiles() {
    for row in golden.quantile {
      #expect(near(StudentT(degreesOfFreedom: row[0]).quantile(row[1]), row[2]), "\(row)")
    }
  }

  @Test("one degree of freedom is Cauchy's distribution")
  func cauchy() {
    for t in stride(from: -5.0, through: 5, by: 0.25) {
      #expect(abs(StudentT(degreesOfFreedom: 1).cumulative(t) - (0.5 + atan(t) / .pi)) < 1e-13)
    }
  }

  @Test("the far ends are 0 and 1, and not-a-number stays it")
  func ends() {
    let student = StudentT(degreesOfFreedom: 4)
    #expect(student.cumulative(.infinity) == 1)
    #expect(student.cumulative(-.infinity) == 0)
    #expect(student.cumulative(0) == 0.5)
    #expect(student.twoSidedTail(.nan).isNaN)
  }

  @Test("means, deviations, intervals and paired tests are SciPy's")
  func paired() throws {
    for pair in golden.paired {
      #expect(near(try #require(Statistics.mean(pair.first)), pair.mean))
      #expect(near(try #require(Statistics.standardDeviation(pair.first)), pair.deviation, 1e-9))
      let interval = try #require(Statistics.interval95(pair.first))
      #expect(near(interval.low, pair.meanLow))
      #expect(near(interval.high, pair.meanHigh))
      let test = try #require(Statistics.pairedTest(pair.first, pair.second))
      #expect(near(test.t, pair.t, 1e-8))
      #expect(near(test.p, pair.p, 1e-8))
      #expect(near(test.interval95.low, pair.low, 1e-8))
      #expect(near(test.interval95.high, pair.high, 1e-8))
    }
  }

  @Test("too few values have no deviation, interval or test")
  func tooFew() {
    #expect(Statistics.mean([]) == nil)
    #expect(Statistics.mean([2]) == 2)
    #expect(Statistics.standardDeviation([2]) == nil)
    #expect(Statistics.interval95([2]) == nil)
    #expect(Statistics.pairedTest([1], [2]) == nil)
  }

  @Test("values that do not vary have an interval of no width")
  func constant() {
    let third = 1.0 / 3
    #expect(Statistics.interval95([third, third, third]) == Interval(low: third, high: third))
  }

  @Test("equal differences up to rounding are not tested, and none at all has p of 1")
  func degenerate() {
    #expect(Statistics.pairedTest([0.1, 0.2, 0.3], [0.2, 0.3, 0.4]) == nil)
    #expect(Statistics.pairedTest([0.1, 0.2], [0.1, 0.2])?.p == 1)
  }

  @Test("the gamma function's logarithm is that of factorials and of √π")
  func gamma() {
    #expect(near(logGamma(0.5), log(Double.pi) / 2, 1e-14))
    #expect(abs(logGamma(1)) < 1e-14)
    var sum = 0.0
    for n in 1...30 {
      #expect(abs(logGamma(Double(n)) - sum) < 1e-12 * max(1, sum))
      sum += log(Double(n))
    }
  }

  // MARK: Chi-square and Holm

  @Test("the chi-square distribution's tail is SciPy's to ten digits")
  func chiSquareTail() {
    #expect(golden.chiSquareTail.count == 36)
    for row in golden.chiSquareTail {
      #expect(near(ChiSquareTest.tail(row[0], degreesOfFreedom: row[1]), row[2], 1e-9), "\(row)")
    }
  }

  @Test("tests of tables are SciPy's, with Cramér's V")
  func chiSquare() throws {
    for table in golden.chiSquare {
      let test = try #require(ChiSquareTest(table.counts))
      #expect(near(test.statistic, table.statistic, 1e-12) && near(test.p, table.p, 1e-9))
      #expect(test.degreesOfFreedom == table.degreesOfFreedom && near(test.strength, table.strength, 1e-12))
    }
  }

  @Test("rare columns are taken together, and a table of one row or column is not tested")
  func rareColumns() throws {
    let test = try #require(ChiSquareTest([[50, 40, 1, 2, 3], [60, 40, 2, 1, 3]]))
    #expect(test.degreesOfFreedom == 2)
    #expect(ChiSquareTest([[50, 40]]) == nil && ChiSquareTest([[50], [40]]) == nil)
    #expect(ChiSquareTest([[50, 40], [0, 0]]) == nil)
  }

  @Test("Holm's correction is statsmodels'")
  func holm() {
    for golden in golden.holm {
      for (ours, theirs) in zip(Statistics.holm(golden.p), golden.adjusted) { #expect(near(ours, theirs, 1e-12)) }
    }
    #expect(Statistics.holm([]).isEmpty)
  }

  // MARK: Seeds and samples

  @Test("with steady seeds the error is that of the samples, with steady samples that of the seeds")
  func seedsAndSamples() throws {
    // Replicates with a standard deviation of 0.01.
    let spread = [-1.0, 1, -1, 1].flatMap { [Double](repeating: 0.05 + 0.01 * $0, count: 100) }
    let deviation = try #require(Statistics.standardDeviation(spread))
    let samples = try #require(CrossedBootstrapTest(bySeed: [0.05, 0.05, 0.05], replicates: spread, samples: 401))
    #expect(near(samples.degreesOfFreedom, 400))
    #expect(near(samples.p, StudentT(degreesOfFreedom: 400).twoSidedTail(0.05 / deviation), 1e-9))

    let bySeed = [0.03, 0.05, 0.08]
    let seeds = try #require(
      CrossedBootstrapTest(bySeed: bySeed, replicates: [Double](repeating: 0.0533, count: 400), samples: 401))
    let paired = try #require(Statistics.pairedTest([0, 0, 0], bySeed))
    #expect(near(seeds.p, paired.p, 1e-9) && near(seeds.degreesOfFreedom, 2))
    #expect(near(seeds.interval95.low, paired.interval95.low, 1e-9))

    // Both together are less sure than either.
    let both = try #require(CrossedBootstrapTest(bySeed: bySeed, replicates: spread, samples: 401))
    #expect(both.p >= seeds.p && both.p > samples.p && both.interval95.halfWidth > samples.interval95.halfWidth)
    #expect(both.degreesOfFreedom > 2 && both.degreesOfFreedom < 402)
  }

  @Test("one seed is tested over the samples, and no difference at all has p of 1")
  func oneSeed() throws {
    let one = try #require(CrossedBootstrapTest(bySeed: [0.02], replicates: [0.01, 0.02, 0.03], samples: 50))
    #expect(one.degreesOfFreedom == 49 && one.seeds == 1)
    #expect(CrossedBootstrapTest(bySeed: [0, 0], replicates: [0, 0, 0], samples: 50)?.p == 1)
    #expect(CrossedBootstrapTest(bySeed: [0.1, 0.1], replicates: [0.1, 0.1], samples: 50) == nil)
    #expect(CrossedBootstrapTest(bySeed: [], replicates: [0, 1], samples: 50) == nil)
  }
}
