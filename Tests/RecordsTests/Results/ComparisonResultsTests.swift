import Foundation
import Records
import Testing

struct ComparisonResultsTests {
  static let conditions = ["full", "image-missing", "text-missing", "image-noisy", "text-noisy"]

  static func run(_ seed: Int, _ values: [Double]) -> MeasuredRun {
    MeasuredRun(seed: seed, scores: Dictionary(uniqueKeysWithValues: zip(conditions, values)), seconds: 1.5)
  }

  static func results(notes: [String] = []) -> ComparisonResults {
    ComparisonResults(
      dataset: "emoji", metric: "accuracy", modalities: ["image", "text"], conditions: conditions,
      methods: [
        MethodRuns(
          name: "joint", settings: ["alpha": 0.5],
          runs: [
            run(0, [0.80, 0.50, 0.70, 0.6, 0.7]), run(1, [0.82, 0.54, 0.72, 0.6, 0.7]),
            run(2, [0.84, 0.52, 0.75, 0.6, 0.9]),
          ]),
        MethodRuns(
          name: "balgrad",
          runs: [
            run(2, [0.83, 0.60, 0.71, 0.61, 0.69]), run(0, [0.81, 0.60, 0.70, 0.62, 0.7]),
            run(1, [0.82, 0.62, 0.71, 0.61, 0.7]),
          ]),
      ], unimodal: [0: 0.805, 1: 0.82], notes: notes)
  }

  @Test("means and intervals are over the seeds")
  func means() throws {
    let joint = try #require(Self.results().method("joint"))
    #expect(abs(try #require(joint.mean["full"]) - 0.82) < 1e-12)
    let gap = try #require(joint.mean["gap.missing"])
    #expect(abs(gap - 0.61 / 3) < 1e-12)
    // Student's t with 2 degrees of freedom: 4.302652729749; standard deviation 0.02.
    let interval = try #require(joint.interval95["full"])
    let half = 4.302652729749 * 0.02 / 3.0.squareRoot()
    #expect(abs(interval.halfWidth - half) < 1e-12)
    #expect(joint.interval95["image-noisy"] == Interval(low: 0.6, high: 0.6))
  }

  /// Seven rows, too many to test every pair.
  private static let many = ComparisonResults(
    dataset: "emoji", metric: "accuracy", modalities: ["image", "text"], conditions: conditions,
    methods: ["first", "joint", "a", "b", "c", "d", "e"].enumerated().map { place, name in
      MethodRuns(
        name: name,
        runs: (0..<4).map { seed in
          let value = 0.5 + 0.03 * Double(place) + 0.01 * Double((seed * 7 + place) % 4)
          return run(seed, [value, value, value, value, value])
        })
    })

  @Test("among many rows each is tested against joint training, wherever it stands")
  func manyRows() {
    #expect(Self.many.tests(against: "joint", "full").count == 6)
    #expect(Self.many.test("first", "a", "full") == nil)
  }

  @Test("among many rows another baseline has tests of its own, and those that were made stay")
  func manyRowsAgainstAnother() throws {
    var results = Self.many
    let place = try #require(results.tests.firstIndex { $0.methods == ["joint", "a"] && $0.quantity == "full" })
    let joint = CrossedBootstrapTest(
      bySeed: [0.1, 0.2, 0.1, 0.3], replicates: (0..<100).map { 0.1 + 0.002 * Double($0) }, samples: 9)
    results.tests[place].joint = joint
    try results.compare(with: "a")
    let found = results.tests(against: "a", "full")
    #expect(found.count == 6 && found.allSatisfy { $0.family == 6 })
    #expect(results.test("joint", "a", "full")?.joint?.p == joint?.p && joint != nil)
    #expect(results.test("joint", "first", "full") == nil)
    #expect(results.test("a", "b", "full")?.difference ?? 0 > 0.01)
  }

  @Test("one seed has no interval and no test")
  func oneSeed() throws {
    let results = ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: ["image", "text"], conditions: Self.conditions,
      methods: ["a", "b"].map { MethodRuns(name: $0, runs: [Self.run(0, [0.8, 0.5, 0.7, 0.6, 0.7])]) })
    #expect(results.methods[0].interval95.names.isEmpty)
    #expect(results.tests.isEmpty)
    let tree = try Tree(json: results.json())
    #expect(tree[path: "methods"]?.listValue?[0][path: "interval95"] == nil)
  }

  @Test("tests pair the common seeds, whatever their order")
  func tests() throws {
    let results = Self.results()
    #expect(results.tests.map(\.quantity) == ComparisonResults.testedQuantities)
    let test = try #require(results.test("joint", "balgrad", "average.missing"))
    let expected = try #require(Statistics.pairedTest([0.60, 0.63, 0.635], [0.65, 0.665, 0.655]))
    #expect(abs(test.difference - expected.mean) < 1e-12)
    #expect(abs(test.p - expected.p) < 1e-9)
    #expect(test.seeds == 3)
    let turned = try #require(results.test("balgrad", "joint", "average.missing"))
    #expect(turned.difference == -test.difference)
    #expect(turned.p == test.p)
    #expect(turned.interval95?.low == test.interval95.map { -$0.high })
  }

  @Test("seeds of one method alone take no part in a test")
  func uncommonSeeds() throws {
    let results = ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: [], conditions: ["full"],
      methods: [
        MethodRuns(
          name: "a", runs: [(0, 0.1), (1, 0.2), (7, 0.9)].map { MeasuredRun(seed: $0, scores: ["full": $1]) }),
        MethodRuns(
          name: "b", runs: [(0, 0.2), (1, 0.4), (9, 0.1)].map { MeasuredRun(seed: $0, scores: ["full": $1]) }),
      ])
    let test = try #require(results.test("a", "b", "full"))
    #expect(test.seeds == 2)
    #expect(abs(test.difference - 0.15) < 1e-12)
  }

  @Test("a difference that is the same on every seed stays in its family, where the test samples decide")
  func untestable() throws {
    var results = ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: [], conditions: ["full"],
      methods: [("a", [0.1, 0.2]), ("b", [0.2, 0.3]), ("c", [0.3, 0.5])].map { name, scores in
        MethodRuns(name: name, runs: scores.enumerated().map { MeasuredRun(seed: $0, scores: ["full": $1]) })
      })
    #expect(
      results.notes == ["a and b differ in full by the same amount on every seed: only the test samples can tell"])
    let test = try #require(results.test("a", "b", "full"))
    #expect(test.p == 1 && test.interval95 == nil && test.seeds == 2 && !test.isBeyondNoise)
    #expect(abs(test.difference - 0.1) < 1e-12)
    // a is the baseline: two tests against it are a family.
    #expect(test.family == 2 && results.test("a", "c", "full")?.family == 2)
    // The samples find a difference, and are corrected for the whole family.
    for index in results.tests.indices {
      let (first, second) = (results.tests[index].methods[0], results.tests[index].methods[1])
      let pairs = zip(results.method(first)?.runs ?? [], results.method(second)?.runs ?? [])
      let bySeed = pairs.map { ($1.quantities["full"] ?? 0) - ($0.quantities["full"] ?? 0) }
      results.tests[index].joint = CrossedBootstrapTest(
        bySeed: bySeed, replicates: (0..<400).map { 0.1 + 0.02 * sin(Double($0)) }, samples: 300)
    }
    results.adjust()
    let decided = try #require(results.test("a", "b", "full"))
    let joint = try #require(decided.joint)
    #expect(joint.p < 1e-6 && joint.p > 0)
    #expect(joint.adjusted == 2 * joint.p || joint.adjusted == joint.p)
    #expect(decided.isBeyondNoise && decided.isImprovement)
  }

  @Test("what training took is kept by run, and its means by row where every run counted")
  func work() throws {
    let works = [
      Work(updates: 180, samples: 1000, otherModels: 1, otherUpdates: 90), Work(updates: 200, samples: 1200),
    ]
    let results = ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: [], conditions: ["full"],
      methods: [
        MethodRuns(
          name: "a",
          runs: works.enumerated().map {
            MeasuredRun(seed: $0, scores: ["full": 0.5], seconds: Double(2 + $0), work: $1)
          }),
        MethodRuns(
          name: "b",
          runs: [
            MeasuredRun(seed: 0, scores: ["full": 0.5], work: works[0]), MeasuredRun(seed: 1, scores: ["full": 0.4]),
          ]),
      ])
    #expect(results.methods[0].updates == 190 && results.methods[0].seconds == 2.5)
    #expect(results.methods[1].updates == nil && results.methods[1].seconds == nil)
    let tree = try Tree(json: results.json(), place: "results")
    let row = try #require(tree[path: "methods"]?.listValue?.first)
    #expect(row[path: "updates"]?.numberValue == 190)
    let run = try #require(row[path: "runs"]?.listValue?.first)
    #expect(run[path: "updates"] == 180 && run[path: "samples"] == 1000 && run[path: "otherUpdates"] == 90)
    #expect(try ComparisonResults(json: results.json()) == results)
  }

  @Test("the constant prediction has a row of its own, and who is below it is noted")
  func constant() throws {
    var results = ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: ["a"], conditions: ["full", "a-missing"],
      methods: [
        MethodRuns(name: "x", runs: [MeasuredRun(seed: 0, scores: ["full": 0.7, "a-missing": 0.3])]),
        MethodRuns(name: "y", runs: [MeasuredRun(seed: 0, scores: ["full": 0.5, "a-missing": 0.6])]),
      ])
    results.enter(Constant(score: 0.598, says: "always 'b'"))
    #expect(
      results.notes == [
        "below a constant prediction (always 'b', 59.8 %): x under a-missing; y under full"
      ])
    #expect(try ComparisonResults(json: results.json()).constant == Constant(score: 0.598, says: "always 'b'"))
  }

  @Test("methods that do the same are found the same, with p of 1")
  func equal() throws {
    let runs = [(0, 0.1), (1, 0.2)].map { MeasuredRun(seed: $0, scores: ["full": $1]) }
    let results = ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: [], conditions: ["full"],
      methods: [MethodRuns(name: "a", runs: runs), MethodRuns(name: "b", runs: runs)])
    #expect(results.tests.map(\.p) == [1])
    #expect(results.tests.map(\.difference) == [0])
  }

  /// Four methods whose scores move apart, `joint` not the first of them.
  private static func family() -> ComparisonResults {
    let shifts = ["a": 0.02, "joint": 0, "b": 0.01, "c": 0.03]
    let wobbles = [
      "a": [0.004, -0.003, 0.001, 0.006, -0.002], "joint": [0.001, 0.002, -0.004, 0, 0.003],
      "b": [-0.003, 0.005, 0.002, -0.001, 0], "c": [0.002, -0.006, 0.003, 0.001, 0.004],
    ]
    return ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: [], conditions: ["full"],
      methods: ["a", "joint", "b", "c"].map { name in
        MethodRuns(
          name: name,
          runs: (0..<5).map { seed in
            let wobble = wobbles[name]?[seed] ?? 0
            return MeasuredRun(
              seed: seed, scores: ["full": 0.7 + 0.01 * Double(seed % 3) + (shifts[name] ?? 0) + wobble])
          })
      })
  }

  @Test("tests against joint are corrected for their number, others for all pairs")
  func corrected() throws {
    let results = Self.family()
    let against = results.tests.filter { $0.methods.contains("joint") }
    #expect(against.count == 3 && against.allSatisfy { $0.family == 3 })
    #expect(against.map(\.adjusted) == Statistics.holm(against.map(\.p)).map { $0 })
    let all = Statistics.holm(results.tests.map(\.p))
    for (test, adjusted) in zip(results.tests, all) where !test.methods.contains("joint") {
      #expect(test.family == 6 && test.adjusted == adjusted)
    }
    // Asked about another method, its tests are the family.
    let others = results.tests(against: "a", "full")
    #expect(others.map(\.methods) == [["a", "joint"], ["a", "b"], ["a", "c"]])
    #expect(others.map(\.adjusted) == Statistics.holm(others.map(\.p)).map { $0 })
  }

  @Test("a test over seeds and samples decides where there is one, and turns with the methods")
  func joint() throws {
    var results = Self.family()
    let index = try #require(results.tests.firstIndex { $0.methods == ["a", "joint"] })
    #expect(results.tests[index].decisive == results.tests[index].adjusted)
    let bySeed = [-0.02, -0.03, -0.01, -0.02, -0.02]
    results.tests[index].joint = CrossedBootstrapTest(
      bySeed: bySeed, replicates: (0..<400).map { -0.02 + 0.0005 * Double($0 - 200) }, samples: 300)
    results.adjust()
    let test = results.tests[index]
    let joint = try #require(test.joint)
    #expect(test.decisive == joint.adjusted && joint.adjusted == joint.p && joint.p > 0.5 && !test.isBeyondNoise)
    let turned = try #require(results.test("joint", "a", "full")?.joint)
    #expect(turned.interval95 == joint.interval95.negated && turned.p == joint.p)
    #expect(turned.samplesInterval95 == joint.samplesInterval95.negated)
    #expect(try ComparisonResults(json: results.json()) == results)
  }

  @Test("better is higher, but a gap is better small, and neither is better within noise")
  func improvement() {
    func test(_ quantity: String, _ difference: Double, _ p: Double) -> ComparisonResults.Test {
      ComparisonResults.Test(methods: ["a", "b"], quantity: quantity, difference: difference, p: p)
    }
    #expect(test("full", 0.1, 0.01).isImprovement && !test("full", -0.1, 0.01).isImprovement)
    #expect(test("gap.missing", -0.1, 0.01).isImprovement && !test("gap.missing", 0.1, 0.01).isImprovement)
    #expect(!test("full", 0.1, 0.06).isImprovement)
  }

  @Test("below the best single modality is told where single modalities were trained")
  func unimodal() throws {
    let joint = try #require(Self.results().method("joint"))
    #expect(joint.runs.map(\.worseThanUnimodal) == [true, false, nil])
    #expect(joint.runs.map(\.negativeTransfer) == [false, false, true])
  }

  @Test("conditions that nobody measured leave the table with a note")
  func unmeasured() {
    let results = ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: ["image", "text"], conditions: Self.conditions + ["text-late"],
      methods: [MethodRuns(name: "a", runs: [Self.run(0, [0.8, 0.5, 0.7, 0.6, 0.7])])], notes: ["first"])
    #expect(results.conditions == Self.conditions)
    #expect(results.notes == ["first", "not measured: text-late"])
  }

  @Test("a condition that one seed lacks has no mean")
  func holes() {
    let results = ComparisonResults(
      dataset: "d", metric: "accuracy", modalities: ["image", "text"], conditions: Self.conditions,
      methods: [
        MethodRuns(
          name: "a",
          runs: [
            Self.run(0, [0.8, 0.5, 0.7, 0.6, 0.7]), MeasuredRun(seed: 1, scores: ["full": 0.8, "text-missing": 0.6]),
          ])
      ])
    #expect(results.methods[0].mean.names == ["full", "text-missing"])
  }

  @Test("the file has the promised shape, keys in the order of the document")
  func shape() throws {
    let text = try Self.results(notes: ["n"]).json()
    let tree = try Tree(json: text)
    let run = try #require(tree[path: "methods"]?.listValue?[0][path: "runs"]?.listValue?[0])
    #expect(
      run.tableValue?.keys.sorted() == [
        "average", "gap", "negativeTransfer", "scores", "seconds", "seed", "worseThanUnimodal",
      ])
    #expect(run[path: "average"]?.tableValue?.keys.sorted() == ["missing", "noisy"])
    let method = try #require(tree[path: "methods"]?.listValue?[0])
    #expect(method[path: "interval95.gap.missing"]?.listValue?.count == 2)
    #expect(method[path: "mean.scores.full"] != nil)
    #expect(tree[path: "tests"]?.listValue?[2][path: "methods"] == ["joint", "balgrad"])
    let keys = ["\"dataset\"", "\"metric\"", "\"conditions\"", "\"methods\"", "\"tests\"", "\"notes\""]
    let places = try keys.map { try #require(text.range(of: $0)).lowerBound }
    #expect(places == places.sorted())
  }

  @Test("results survive their file, and a file of another's making with the promised keys alone is read")
  func roundTrip() throws {
    let results = Self.results(notes: ["n"])
    #expect(try ComparisonResults(json: results.json()) == results)
    #expect(try JSONDecoder().decode(ComparisonResults.self, from: JSONEncoder().encode(results)) == results)
    let foreign = """
      {"dataset": "d", "metric": "auroc", "conditions": ["full"], "methods": [{"name": "m", "settings": {}, "runs":
      [{"seed": 0, "scores": {"full": 1}}], "mean": {"scores": {"full": 1}}}],
      "tests": [{"methods": ["a", "b"], "quantity": "full", "difference": 0, "p": 1}], "notes": []}
      """
    let read = try ComparisonResults(json: foreign)
    #expect(read.methods[0].mean["full"] == 1)
    #expect(read.methods[0].runs[0].negativeTransfer == nil)
    #expect(read.tests[0].seeds == nil)
  }
}
