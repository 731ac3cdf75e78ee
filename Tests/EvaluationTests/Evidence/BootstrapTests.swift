import Evaluation
import Multimodal
import Records
import Testing

struct BootstrapTests {
  /// The weighted mean of values.
  private func mean(_ values: [Double]) -> WeightedMeasure {
    { weights in zip(values, weights).reduce(0) { $0 + $1.0 * $1.1 } / weights.reduce(0, +) }
  }

  @Test("the interval of a mean is that of the theory, and covers the true mean about as often as it says")
  func coverage() throws {
    var numbers = SeededNumbers(seed: 3, stream: "coverage")
    var covered = 0
    for round in 0..<200 {
      let values = (0..<60).map { _ in 2 + numbers.normal() }
      var bootstrap = Bootstrap<String>(samples: 60)
      bootstrap.add("mean", [mean(values)])
      let found = bootstrap.estimates(replicates: 200, seed: UInt64(round)) { $0 }
      let interval = try #require(found["mean"]?.interval95)
      if interval.contains(2) { covered += 1 }
      // 1.96 σ/√n = 0.253.
      #expect((0.15...0.38).contains(interval.halfWidth))
    }
    #expect((176...199).contains(covered), "\(covered) of 200")
  }

  @Test("differences are paired by sample and by seed: what is always better by as much has no spread")
  func paired() throws {
    let seeds = [[0.0, 1, 2, 5], [1, 0, 3, 3], [9, 2, 2, 0]]
    var bootstrap = Bootstrap<String>(samples: 4)
    bootstrap.add("a", seeds.map(mean))
    bootstrap.add("b", seeds.map { mean($0.map { $0 + 0.5 }) })
    let found = bootstrap.estimates(replicates: 100) {
      ["difference": ($0["b"] ?? 0) - ($0["a"] ?? 0), "a": $0["a"] ?? 0]
    }
    let difference = try #require(found["difference"]?.interval95)
    #expect(abs(difference.low - 0.5) < 1e-9 && abs(difference.high - 0.5) < 1e-9)
    #expect(try #require(found["a"]?.interval95).halfWidth > 0.5)
  }

  @Test("seeds that differ widen an interval that samples alone would leave narrow")
  func seeds() throws {
    var one = Bootstrap<String>(samples: 50)
    one.add("m", [mean([Double](repeating: 1, count: 50))])
    #expect(one.estimates(replicates: 100) { $0 }["m"]?.interval95 == Interval(low: 1, high: 1))
    var two = Bootstrap<String>(samples: 50)
    two.add("m", [mean([Double](repeating: 1, count: 50)), mean([Double](repeating: 3, count: 50))])
    let found = try #require(two.estimates(replicates: 200) { $0 }["m"])
    #expect(found.value == 2)
    // Student's t with one degree of freedom, times s/√2 = 1.
    let half = StudentT(degreesOfFreedom: 1).quantile(0.975)
    let interval = try #require(found.interval95)
    #expect(abs(interval.low - (2 - half)) < 1e-9 && abs(interval.high - (2 + half)) < 1e-9)
  }

  @Test("what cannot be computed has no estimate, and what most replicates cannot give has no interval")
  func undefined() {
    var bootstrap = Bootstrap<String>(samples: 6)
    bootstrap.add("never", [{ _ in nil }])
    bootstrap.add("seldom", [{ weights in weights == [1, 1, 1, 1, 1, 1] ? 4 : nil }])
    let found = bootstrap.estimates(replicates: 50) { $0 }
    #expect(found["never"] == nil)
    #expect(found["seldom"] == Estimate(4))
  }

  @Test("one seed of the numbers gives one interval, and a smaller tail a wider one")
  func deterministic() throws {
    var bootstrap = Bootstrap<String>(samples: 30)
    bootstrap.add("m", [mean((0..<30).map(Double.init))])
    let first = bootstrap.estimates(replicates: 300, seed: 1) { $0 }
    #expect(first == bootstrap.estimates(replicates: 300, seed: 1) { $0 })
    #expect(first != bootstrap.estimates(replicates: 300, seed: 2) { $0 })
    let wide = bootstrap.estimates(replicates: 300, seed: 1, levels: ["m": 0.005]) { $0 }
    #expect(try #require(wide["m"]?.interval95).halfWidth > (try #require(first["m"]?.interval95)).halfWidth)
  }
}
