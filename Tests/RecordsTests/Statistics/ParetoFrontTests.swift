import Records
import TestSupport
import Testing

@Suite("The front of score and balance")
struct ParetoFrontTests {
  /// Rows of two seeds each, a hundredth around the given numbers.
  static func results(_ rows: [(name: String, full: Double, image: Double, text: Double)]) -> ComparisonResults {
    ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: ["image", "text"],
      conditions: ["full", "image-missing", "text-missing"],
      methods: rows.enumerated().map { place, row in
        MethodRuns(
          name: row.name,
          runs: (0..<3).map { seed in
            // Not the same on every seed, and not the same in every row.
            let shift = [-0.001, 0, 0.001][(seed + place) % 3]
            let worths = [0.3, row.text, row.image, row.full]
            let image = (worths[1] + worths[3] - worths[0] - worths[2]) / 2
            let text = (worths[2] + worths[3] - worths[0] - worths[1]) / 2
            return MeasuredRun(
              seed: seed,
              scores: ["full": row.full + shift, "image-missing": row.image, "text-missing": row.text],
              shapley: ["image": image, "text": text])
          })
      })
  }

  static let four = results([
    ("joint", 0.86, 0.82, 0.52), ("balgrad", 0.85, 0.80, 0.66), ("spoilt", 0.80, 0.70, 0.69),
    ("worse", 0.84, 0.82, 0.5),
  ])

  @Test("a row is beaten by one that is at least as good in both and better in one")
  func beaten() throws {
    let front = try #require(Self.four.front)
    #expect(front.by == .imbalance)
    #expect(front.points.map(\.beatenBy) == [[], [], [], ["joint", "balgrad"]])
    #expect(front.point("spoilt")?.isOnFront == true)
    // By hand: the plain double loop over both numbers.
    for point in front.points {
      let rivals = front.points.filter { other in
        guard let a = other.imbalance, let b = point.imbalance else { return false }
        return other.full >= point.full && a <= b && (other.full > point.full || a < b)
      }
      #expect(point.isOnFront == rivals.isEmpty, "\(point.name)")
    }
  }

  @Test("where every run has validation scores the picks are made by these, and tested and told by the test split")
  func validation() throws {
    func results(_ validated: Set<String>) -> ComparisonResults {
      // b is best on the test split, a on the validation split.
      let rows: [(String, Double, Double)] = [("a", 0.80, 0.9), ("b", 0.84, 0.7)]
      return ComparisonResults(
        dataset: "d", metric: "accuracy", modalities: ["image", "text"],
        conditions: ["full", "image-missing", "text-missing"],
        methods: rows.map { name, test, validation in
          MethodRuns(
            name: name,
            runs: (0..<3).map { seed in
              let shift = 0.01 * Double(seed * (name == "a" ? 1 : 2))
              return MeasuredRun(
                seed: seed,
                scores: ["full": test + shift, "image-missing": test - 0.3 + shift, "text-missing": test - 0.2],
                shapley: ["image": 0.3, "text": 0.2],
                validation: validated.contains(name)
                  ? ValidationScores(
                    full: validation, missing: ["image": validation - 0.2, "text": validation - 0.2],
                    shapley: ["image": 0.1, "text": 0.1]) : nil)
            })
        })
    }
    let front = try #require(results(["a", "b"]).front)
    #expect(front.chosenOn == "validation")
    #expect(front.picks.map(\.name) == ["a", "a", "a"])
    #expect(front.points.map(\.full).map { ($0 * 100).rounded() } == [81, 86])
    let pick = try #require(front.pick(.accurate))
    #expect(pick.runnerUp == "b")
    #expect(allClose([try #require(pick.tests.first).difference], [0.81 - 0.86], relative: 1e-9))
    // One row without them, and the test split chooses for all, which the front says.
    let other = try #require(results(["a"]).front)
    #expect(other.chosenOn == "test" && other.picks.allSatisfy { $0.name == "b" })
    // The file keeps both.
    let read = try ComparisonResults(json: results(["a", "b"]).json())
    #expect(read.front == front)
    #expect(read.methods[0].runs[0].validation?.averageMissing == 0.7)
  }

  @Test("rows that are alike are both on the front, and one better in one number alone beats its equal")
  func ties() throws {
    let front = try #require(
      Self.results([("a", 0.8, 0.7, 0.5), ("b", 0.8, 0.7, 0.5), ("c", 0.8, 0.7, 0.4)]).front)
    #expect(front.points.map(\.beatenBy) == [[], [], ["a", "b"]])
  }

  @Test("with two modalities imbalance and gap are one number, and either can be asked for")
  func measures() throws {
    for row in Self.four.methods {
      #expect(allClose([try #require(row.imbalance)], [try #require(row.mean.gap["missing"])], relative: 1e-9))
    }
    let byGap = try #require(ParetoFront(Self.four.methods, by: .gap))
    #expect(byGap.by == .gap)
    #expect(byGap.points.map(\.beatenBy) == Self.four.front?.points.map(\.beatenBy))
  }

  @Test("without Shapley values the gap is taken; with one row, or without scores, there is no front")
  func absent() throws {
    let runs = [("a", 0.8, 0.3), ("b", 0.7, 0.5)].map { name, full, text in
      MethodRuns(
        name: name, runs: [MeasuredRun(seed: 0, scores: ["full": full, "image-missing": 0.6, "text-missing": text])])
    }
    func results(_ runs: [MethodRuns]) -> ComparisonResults {
      ComparisonResults(
        dataset: "d", metric: "accuracy", modalities: ["image", "text"],
        conditions: ["full", "image-missing", "text-missing"], methods: runs)
    }
    let front = try #require(results(runs).front)
    #expect(front.by == .gap)
    #expect(front.points.map(\.imbalance) == [nil, nil])
    #expect(front.picks.allSatisfy { $0.withinNoise == nil && $0.tests.isEmpty })
    #expect(results([runs[0]]).front == nil)
    let unscored = MethodRuns(name: "c", runs: [MeasuredRun(seed: 0, scores: [:])])
    #expect(results([runs[0], unscored]).front == nil)
    #expect(results(runs + [unscored]).front?.points.map(\.name) == ["a", "b"])
  }

  @Test("robust takes the best score with a modality missing among rows within two points of the best")
  func robust() throws {
    // 'spoilt' has the highest average and is too far below; 'balgrad' is within two points.
    let pick = try #require(Self.four.front?.pick(.robust))
    #expect(pick.name == "balgrad")
    #expect(pick.runnerUp == "joint")
    #expect(pick.withinNoise == false)
    let edge = Self.results([("a", 0.86, 0.6, 0.5), ("b", 0.84, 0.7, 0.6), ("c", 0.839, 0.9, 0.9)])
    #expect(edge.front?.pick(.robust)?.name == "b")
  }

  @Test("accurate takes the highest full score; a difference that noise explains is said to be noise")
  func accurate() throws {
    let pick = try #require(Self.four.front?.pick(.accurate))
    #expect((pick.name, pick.runnerUp) == ("joint", "balgrad"))
    #expect(pick.withinNoise == false)
    #expect(pick.tests.map(\.quantity) == ["full"])
    #expect(abs(try #require(pick.tests.first?.difference) - 0.01) < 1e-9)
    let close = Self.results([("a", 0.8002, 0.7, 0.5), ("b", 0.8, 0.7, 0.5)])
    #expect(close.front?.pick(.accurate)?.name == "a")
    #expect(close.front?.pick(.accurate)?.withinNoise == true)
  }

  @Test("balanced takes the row of the front nearest to the best of both, where the front is a unit square")
  func balanced() throws {
    let front = try #require(Self.four.front)
    let pick = try #require(front.pick(.balanced))
    #expect((pick.name, pick.runnerUp) == ("balgrad", "joint"))
    // By hand: imbalances 0.30, 0.14, 0.01 and scores 0.86, 0.85, 0.80 over the three rows of the front.
    let distances = [(0.86, 0.30), (0.85, 0.14), (0.80, 0.01)].map { full, imbalance in
      let (x, y) = ((0.86 - full) / 0.06, (imbalance - 0.01) / 0.29)
      return (x * x + y * y).squareRoot()
    }
    #expect(distances.min() == distances[1])
    #expect(pick.tests.map(\.quantity) == ["full"])  // The imbalances differ alike on every seed.
    #expect(pick.withinNoise == false)
    // Where one row is all of the front, the next is the best without it.
    let alone = Self.results([("a", 0.9, 0.7, 0.7), ("b", 0.8, 0.7, 0.3), ("c", 0.7, 0.7, 0.5)])
    #expect(alone.front?.points.map(\.isOnFront) == [true, false, false])
    #expect(alone.front?.pick(.balanced)?.name == "a")
    #expect(["b", "c"].contains(alone.front?.pick(.balanced)?.runnerUp))
  }

  @Test("the front survives its file, and results without one are read")
  func file() throws {
    let text = try Self.four.json()
    #expect(try ComparisonResults(json: text) == Self.four)
    let tree = try Tree(json: text)
    #expect(tree[path: "front.by"] == "imbalance")
    #expect(tree[path: "front.points"]?.listValue?.count == 4)
    #expect(
      tree[path: "front.picks"]?.listValue?.compactMap { $0[path: "name"]?.stringValue } == [
        "balgrad", "joint", "balgrad",
      ])
    var without = tree
    without[path: "front"] = nil
    #expect(try ComparisonResults(json: without.json()).front == nil)
  }

  // MARK: What each modality adds

  @Test("the imbalance is the mean distance over all pairs of modalities")
  func imbalance() throws {
    func of(_ values: [String: Double]?) -> Double? { EvaluationTable.imbalance(of: values) }
    #expect(abs(try #require(of(["a": 0.3, "v": 0.4])) - 0.1) < 1e-12)
    let three = (0.4 + 0.1 + 0.3) / 3
    #expect(allClose([try #require(of(["a": 0.1, "b": 0.5, "c": 0.2]))], [three]))
    #expect(of(["a": 0.3]) == nil)
    #expect(of(nil) == nil)
  }

  @Test("results have the means over seeds of values and imbalances; where one run has none, neither does the row")
  func means() throws {
    func results(_ shapley: [[String: Double]]) -> ComparisonResults {
      let runs = shapley.enumerated().map { MeasuredRun(seed: $0, scores: ["full": 0.7], shapley: $1) }
      return ComparisonResults(
        dataset: "d", metric: "accuracy", modalities: ["a", "v"], conditions: ["full"],
        methods: [MethodRuns(name: "m", runs: runs)])
    }
    // Two seeds that lean either way: the mean of the imbalances is not the imbalance of the means.
    let row = results([["a": 0.3, "v": 0.4], ["a": 0.4, "v": 0.2]]).methods[0]
    #expect(allClose([try #require(row.shapley["a"]), try #require(row.shapley["v"])], [0.35, 0.3]))
    #expect(allClose([try #require(row.imbalance)], [0.15]))
    #expect(row.runs.compactMap(\.imbalance).count == 2)
    let partial = results([["a": 0.3, "v": 0.4], [:]])
    #expect(partial.methods[0].shapley.isEmpty && partial.methods[0].imbalance == nil)
    #expect(try ComparisonResults(json: partial.json()) == partial)
    #expect(try !results([[:]]).json().contains("shapley"))
  }
}
