/// Methods on one data set, over seeds: `results.json`, and what `compare --json` prints.
public struct ComparisonResults: Codable, Equatable, Sendable {
  /// One run.
  public struct Run: Codable, Equatable, Sendable {
    public var seed: Int
    public var quantities: Quantities<Double>
    /// Whether some impaired score is above the full one; `nil` where that was not measured.
    public var negativeTransfer: Bool?
    /// Whether the full score is below the best single modality's of the same seed; `nil` where there is none.
    public var worseThanUnimodal: Bool?
    /// Means over training of what its steps measured; empty where nothing was.
    public var training: [String: Double]
    /// What each modality adds to the score; empty where that was not measured.
    public var shapley: [String: Double] = [:]
    /// How unevenly they add, as ``EvaluationTable/imbalance``.
    public var imbalance: Double?
    public var seconds: Double?
    /// What training took; `nil` where that was not counted.
    public var work: Work?
    /// What rows are chosen by; `nil` without a validation split.
    public var validation: ValidationScores?
  }

  /// One method.
  public struct MethodRow: Codable, Equatable, Sendable {
    public var name: String
    public var settings: Tree
    /// What inputs it saw in training: `clean`, `missing`, `noisy`.
    public var sees = MethodCard.clean
    public var runs: [Run]
    /// Over the runs; only of what every run measured.
    public var mean: Quantities<Double>
    /// Of the means; empty with one run.
    public var interval95: Quantities<Interval>
    /// Means over the runs of what each modality adds; empty where not every run measured it.
    public var shapley: [String: Double] = [:]
    /// The mean of the runs' imbalances.
    public var imbalance: Double?
    /// Means over the runs; `nil` where not every run counted them.
    public var updates: Double? { mean(of: runs.map { $0.work.map { Double($0.updates) } }) }
    public var seconds: Double? { mean(of: runs.map(\.seconds)) }

    private func mean(of values: [Double?]) -> Double? {
      let known = values.compactMap { $0 }
      return known.count == runs.count ? Statistics.mean(known) : nil
    }

    /// Means and intervals of what every run measured.
    ///
    /// - Parameter overlap: as of ``Statistics/interval95(_:overlap:)``.
    init(
      name: String, settings: Tree, sees: [String], runs: [Run], modalities: [String], overlap: Double = 0
    ) {
      self.name = name
      self.settings = settings
      self.sees = sees
      self.runs = runs
      mean = Quantities()
      interval95 = Quantities()
      for name in runs.first?.quantities.names ?? [] {
        let values = runs.compactMap { $0.quantities[name] }
        guard values.count == runs.count else { continue }
        mean[name] = Statistics.mean(values)
        interval95[name] = Statistics.interval95(values, overlap: overlap)
      }
      ComparisonResults.setWorstRegret(of: runs, &mean, &interval95, overlap: overlap)
      for modality in modalities {
        let values = runs.compactMap { $0.shapley[modality] }
        if values.count == runs.count { shapley[modality] = Statistics.mean(values) }
      }
      let imbalances = runs.compactMap(\.imbalance)
      imbalance = imbalances.count == runs.count ? Statistics.mean(imbalances) : nil
    }
  }

  /// A test of two methods over their common seeds, and over the test samples where predictions were kept.
  public struct Test: Codable, Equatable, Sendable {
    /// First and second.
    public var methods: [String]
    /// `full`, `average.missing`, `gap.missing`, `average.noisy`, `gap.noisy`.
    public var quantity: String
    /// The second's mean less the first's.
    public var difference: Double
    /// Of a paired t-test over seeds, by itself; 1 where every seed differs by the same amount, which tests nothing.
    public var p: Double
    /// That p, corrected by Holm over ``family``.
    public var adjusted: Double?
    /// How many tests it was corrected for: of one quantity, those against the baseline; of two other methods, all.
    public var family: Int?
    /// Of the difference; `nil` where every seed differs by the same amount.
    public var interval95: Interval?
    /// Common seeds.
    public var seeds: Int?
    /// The same over seeds and test samples; `nil` where predictions were not kept.
    public var joint: CrossedBootstrapTest?

    public init(
      methods: [String], quantity: String, difference: Double, p: Double, interval95: Interval? = nil,
      seeds: Int? = nil, joint: CrossedBootstrapTest? = nil
    ) {
      self.methods = methods
      self.quantity = quantity
      self.difference = difference
      self.p = p
      self.interval95 = interval95
      self.seeds = seeds
      self.joint = joint
    }

    /// What decides: the corrected p over seeds and samples where there is one, else that over seeds.
    public var decisive: Double { joint.map { $0.adjusted ?? $0.p } ?? adjusted ?? p }

    /// Whether a difference so large is more than noise, corrected for the number of methods.
    public var isBeyondNoise: Bool { decisive < ComparisonResults.significance }

    /// Whether the second is better than the first beyond noise; gaps are better small.
    public var isImprovement: Bool { isBeyondNoise && (quantity.hasPrefix("gap.") ? difference < 0 : difference > 0) }

    /// The same test the other way round.
    public var reversed: Test {
      var copy = self
      copy.methods = methods.reversed()
      copy.difference = -difference
      copy.interval95 = interval95?.negated
      copy.joint?.interval95 = joint?.interval95.negated ?? Interval(low: 0, high: 0)
      copy.joint?.samplesInterval95 = joint?.samplesInterval95.negated ?? Interval(low: 0, high: 0)
      return copy
    }
  }

  /// Differences less likely than this by chance, after correction, are called beyond noise.
  public static let significance = 0.05

  public var dataset: String
  public var metric: String
  /// In the order of the table.
  public var conditions: [String]
  /// In the order given.
  public var methods: [MethodRow]
  public var tests: [Test]
  /// Which rows nobody beats in both score and balance, and which to take; `nil` where fewer than two can be placed.
  public var front: ParetoFront?
  /// What stood for each modality where it was missing; `nil` where none was.
  public var missing: MissingInputs?
  /// By condition, the model that was trained for just that; empty where none was.
  public var specialists: [String: Specialist] = [:]
  /// The best prediction that is the same for every sample; `nil` where nobody worked it out.
  public var constant: Constant?
  /// Over how many splits of the same rows all this is; `nil` where there is one.
  ///
  /// Runs are then means over the seeds of a split.
  public var splits: Resampling?
  /// What a reader of the numbers must know.
  public var notes: [String]
  /// The row that the others are compared with, where somebody named one.
  public private(set) var comparedWith: String?

  /// What the tests are about.
  public static let testedQuantities = ["full", "average.missing", "gap.missing", "average.noisy", "gap.noisy"]

  /// Everything that follows from the runs' scores.
  ///
  /// - Parameters:
  ///   - conditions: in the order of the table; those that no run measured are left out, and a note says so.
  ///   - unimodal: by seed, the best full score of a model with one modality.
  ///   - specialists: by condition, what regret is measured against.
  public init(
    dataset: String, metric: String, modalities: [String], conditions: [String], methods: [MethodRuns],
    unimodal: [Int: Double] = [:], specialists: [String: Specialist] = [:], missing: MissingInputs? = nil,
    notes: [String] = []
  ) {
    self.dataset = dataset
    self.specialists = specialists
    self.missing = missing
    self.metric = metric
    let measured = Set(methods.flatMap { $0.runs.flatMap { $0.scores.keys } })
    self.conditions = conditions.filter(measured.contains)
    self.notes = notes
    let missing = conditions.filter { !measured.contains($0) }
    if !missing.isEmpty { self.notes.append("not measured: \(missing.joined(separator: ", "))") }
    self.methods = methods.map { Self.row(of: $0, modalities: modalities, unimodal: unimodal, specialists) }
    let tested = Self.tests(between: self.methods, against: Self.usualBaseline(self.methods))
    tests = tested.tests
    self.notes += tested.notes
    adjust()
    front = ParetoFront(self.methods)
  }

  /// What others are compared with: what was named, else `joint` where it is there, else the first.
  public var baseline: String? {
    comparedWith.flatMap { method($0)?.name } ?? Self.usualBaseline(methods)
  }

  static func usualBaseline(_ methods: [MethodRow]) -> String? {
    (methods.first { $0.name == "joint" } ?? methods.first)?.name
  }

  /// Compares the others with a row of one's choice: what was not tested against it is tested over the seeds, and all tests are
  /// corrected for that.
  ///
  /// - Throws: a ``Diagnosis`` where there is no such row.
  public mutating func compare(with name: String) throws {
    guard method(name) != nil else {
      throw Diagnosis(
        "there is no row '\(name)' to compare with", remedy: "there are \(methods.map(\.name).joined(separator: ", "))",
        exitStatus: .usage)
    }
    comparedWith = name
    if methods.count > Self.mostMutuallyTested {
      let known = Dictionary(
        tests.map { (TestName($0), $0) }, uniquingKeysWith: { first, _ in first })
      let tested = Self.tests(between: methods, against: name, overlap: splits?.overlap ?? 0)
      tests = tested.tests.map { known[TestName($0)] ?? known[TestName($0.reversed)]?.reversed ?? $0 }
      notes += tested.notes.filter { !notes.contains($0) }
    }
    adjust()
  }

  private struct TestName: Hashable {
    let methods: [String]
    let quantity: String

    init(_ test: Test) {
      methods = test.methods
      quantity = test.quantity
    }
  }

  /// Corrects every test for the number of tests in its family, by Holm.
  ///
  /// Of one quantity, the tests against the baseline are a family: whether a method changes anything. A test of two other
  /// methods is corrected for all pairs of that quantity.
  public mutating func adjust() {
    for quantity in Set(tests.map(\.quantity)) {
      let all = tests.indices.filter { tests[$0].quantity == quantity }
      let against = all.filter { tests[$0].methods.contains(baseline ?? "") }
      for (family, isAgainst) in [(all, false), (against, true)] {
        let seeds = Statistics.holm(family.map { tests[$0].p })
        let known = family.filter { tests[$0].joint != nil }
        let joint = Statistics.holm(known.compactMap { tests[$0].joint?.p })
        for (place, index) in family.enumerated() where isAgainst || !against.contains(index) {
          tests[index].adjusted = seeds[place]
          tests[index].family = family.count
        }
        for (place, index) in known.enumerated() where isAgainst || !against.contains(index) {
          tests[index].joint?.adjusted = joint[place]
        }
      }
    }
  }

  /// The tests of a quantity against one method, each corrected for how many they are; in the order of the methods.
  public func tests(against name: String, _ quantity: String) -> [Test] {
    var found = methods.filter { $0.name != name }.compactMap { test(name, $0.name, quantity) }
    let seeds = Statistics.holm(found.map(\.p))
    let known = found.indices.filter { found[$0].joint != nil }
    let joint = Statistics.holm(known.compactMap { found[$0].joint?.p })
    for (place, value) in seeds.enumerated() {
      found[place].adjusted = value
      found[place].family = found.count
    }
    for (place, index) in known.enumerated() { found[index].joint?.adjusted = joint[place] }
    return found
  }

  private static func row(
    of method: MethodRuns, modalities: [String], unimodal: [Int: Double], _ specialists: [String: Specialist]
  ) -> MethodRow {
    let runs = method.runs.map { run in
      let robustness = Robustness(scores: run.scores, modalities: modalities)
      let full = run.scores[Condition.full]
      return Run(
        seed: run.seed,
        quantities: Quantities(
          scores: run.scores, average: robustness.average, gap: robustness.gap,
          regret: Self.regret(of: run, against: specialists)),
        negativeTransfer: robustness.negativeTransfer,
        worseThanUnimodal: unimodal[run.seed].flatMap { best in full.map { $0 < best } }, training: run.training,
        shapley: run.shapley, imbalance: EvaluationTable.imbalance(of: run.shapley), seconds: run.seconds,
        work: run.work,
        validation: run.validation)
    }
    return MethodRow(
      name: method.name, settings: method.settings, sees: method.sees, runs: runs, modalities: modalities)
  }

  /// With more rows than this, tests are against the baseline only.
  static let mostMutuallyTested = 6

  static func tests(
    between methods: [MethodRow], against baseline: String?, overlap: Double = 0
  ) -> (tests: [Test], notes: [String]) {
    var tests: [Test] = []
    var notes: [String] = []
    // Among many rows each is tested against the baseline alone: hundreds of pairs would drown what somebody asked for.
    let isOfBaseline = methods.count > mostMutuallyTested
    for (i, first) in methods.enumerated() where !isOfBaseline || first.name == baseline {
      for second in isOfBaseline ? methods.filter({ $0.name != first.name }) : Array(methods[(i + 1)...]) {
        for quantity in testedQuantities {
          let others = Dictionary(
            second.runs.compactMap { run in run.quantities[quantity].map { (run.seed, $0) } },
            uniquingKeysWith: { earlier, _ in earlier })
          let pairs = first.runs.compactMap { run in
            run.quantities[quantity].flatMap { value in others[run.seed].map { (value, $0) } }
          }
          guard pairs.count > 1 else { continue }
          guard let result = Statistics.pairedTest(pairs.map(\.0), pairs.map(\.1), overlap: overlap) else {
            // Seeds that do not spread test nothing. The pair stays in its family, for the samples to decide.
            notes.append(
              "\(first.name) and \(second.name) differ in \(quantity) by the same amount on every seed: "
                + "only the test samples can tell")
            let difference = Statistics.mean(pairs.map { $0.1 - $0.0 }) ?? 0
            tests.append(
              Test(
                methods: [first.name, second.name], quantity: quantity, difference: difference, p: 1, seeds: pairs.count
              ))
            continue
          }
          tests.append(
            Test(
              methods: [first.name, second.name], quantity: quantity, difference: result.mean, p: result.p,
              interval95: result.interval95, seeds: result.count))
        }
      }
    }
    return (tests, notes)
  }

  /// The row of a method.
  public func method(_ name: String) -> MethodRow? { methods.first { $0.name == name } }

  /// The test of two methods, `first` against `second`, whichever way round it was made.
  public func test(_ first: String, _ second: String, _ quantity: String) -> Test? {
    for test in tests where test.quantity == quantity {
      if test.methods == [first, second] { return test }
      if test.methods == [second, first] { return test.reversed }
    }
    return nil
  }

  static let keyOrder = [
    "dataset", "metric", "comparedWith", "conditions", "specialists", "methods", "name", "method", "settings", "sees",
    "score", "runs",
    "seed", "scores", "average", "gap", "regret", "worst",
    "negativeTransfer", "worseThanUnimodal", "shapley", "imbalance", "training", "seconds", "updates", "samples",
    "otherModels", "otherUpdates", "validation", "mean", "interval95",
    "tests", "splits", "testShare",
    "quantity",
    "difference", "p", "adjusted", "family",
    "seeds", "joint", "constant", "says", "front", "by", "chosenOn", "points", "full", "averageMissing", "gapMissing",
    "beatenBy", "picks",
    "preference",
    "runnerUp", "withinNoise", "missing", "notes",
  ]

  /// The file's text.
  public func json(_ layout: JSONLayout = .pretty) throws -> String {
    try Tree(encoding: self, keys: .asNamed).json(layout, order: Self.keyOrder + conditions)
  }

  /// From the file's text.
  public init(json text: String, place: String? = nil) throws {
    self = try Tree(json: text, place: place).decode(keys: .asNamed)
  }
}

// A run's quantities stand beside its seed, not in a table of their own.
