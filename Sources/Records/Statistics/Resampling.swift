/// Several splits of the same rows into training, validation and test.
public struct Resampling: Codable, Equatable, Sendable {
  /// K, how many splits.
  public var count: Int
  /// Seeds of each.
  public var seeds: Int
  /// Test samples over training samples.
  public var testShare: Double

  public init(count: Int, seeds: Int, testShare: Double) {
    self.count = count
    self.seeds = seeds
    self.testShare = testShare
  }

  /// ρ = n_test / n_train: splits share training rows, so that scores on them spread less than they err.
  ///
  ///     v = (1/K + ρ) s²
  ///
  /// is the variance of a mean over splits, with s² that of the values (Nadeau & Bengio, Machine Learning 2003, eq. 9).
  public var overlap: Double { testShare }
}

extension ComparisonResults {
  /// The same comparison on several splits of the same rows, as one.
  ///
  /// Each split is one run, the mean over its seeds, so that intervals and tests are of splits and contain what a split's
  /// luck makes of a method. Rows and conditions that some split lacks are left out.
  ///
  /// - Parameters:
  ///   - parts: at least one, of the same rows and seeds.
  ///   - testShare: test samples over training samples.
  public init?(splits parts: [ComparisonResults], testShare: Double, modalities: [String]) {
    guard let first = parts.first else { return nil }
    let resampling = Resampling(
      count: parts.count, seeds: first.methods.first?.runs.count ?? 0, testShare: testShare)
    self = first
    splits = resampling
    conditions = first.conditions.filter { name in parts.allSatisfy { $0.conditions.contains(name) } }
    methods = first.methods.compactMap { row in
      let rows = parts.compactMap { $0.method(row.name) }
      guard rows.count == parts.count else { return nil }
      return MethodRow(
        name: row.name, settings: row.settings, sees: row.sees,
        runs: rows.enumerated().map { Self.run(of: $1, number: $0) }, modalities: modalities,
        overlap: resampling.overlap)
    }
    specialists = [:]
    for (condition, specialist) in first.specialists {
      let all = parts.compactMap { $0.specialists[condition] }
      guard all.count == parts.count else { continue }
      let runs = all.enumerated().map { number, one in
        Specialist.Run(seed: number, score: one.score, seconds: Statistics.mean(one.runs.compactMap(\.seconds)))
      }
      var found = Specialist(method: specialist.method, settings: specialist.settings, runs: runs)
      found.interval95 = Statistics.interval95(runs.map(\.score), overlap: resampling.overlap)
      specialists[condition] = found
    }
    let tested = Self.tests(between: methods, against: baseline, overlap: resampling.overlap)
    tests = tested.tests
    notes = tested.notes
    for note in parts.flatMap(\.notes) where !notes.contains(note) && !Self.isOfOneSplit(note) { notes.append(note) }
    let constants = parts.compactMap(\.constant)
    if constants.count == parts.count, let score = Statistics.mean(constants.map(\.score)) { constant?.score = score }
    adjust()
    front = ParetoFront(methods)
  }

  /// Notes that would stand once for each split, with other numbers.
  private static func isOfOneSplit(_ note: String) -> Bool {
    note.hasPrefix("kept epochs") || note.contains("on every seed: only the test samples")
  }

  /// A row of one split as a run: means over its seeds.
  private static func run(of row: MethodRow, number: Int) -> Run {
    func mean<Value>(_ value: (Run) -> Value?, _ of: ([Value]) -> Value?) -> Value? {
      let values = row.runs.compactMap(value)
      return values.count == row.runs.count ? of(values) : nil
    }
    func mean(_ values: [Double]) -> Double? { Statistics.mean(values) }
    func mean(_ values: [[String: Double]]) -> [String: Double] {
      var found: [String: Double] = [:]
      for key in values.first.map({ Array($0.keys) }) ?? [] {
        let all = values.compactMap { $0[key] }
        if all.count == values.count { found[key] = Statistics.mean(all) }
      }
      return found
    }
    return Run(
      seed: number, quantities: row.mean, training: mean(row.runs.map(\.training)), shapley: row.shapley,
      imbalance: row.imbalance, seconds: row.seconds,
      work: mean(\.work) { works in
        Work(
          updates: works.reduce(0) { $0 + $1.updates } / works.count,
          samples: works.reduce(0) { $0 + $1.samples } / works.count, otherModels: works[0].otherModels,
          otherUpdates: works.reduce(0) { $0 + $1.otherUpdates } / works.count)
      },
      validation: mean(\.validation) { scores in
        let shapley = scores.compactMap(\.shapley)
        return ValidationScores(
          full: mean(scores.map(\.full)) ?? .nan, missing: mean(scores.map(\.missing)),
          shapley: shapley.count == scores.count ? mean(shapley) : nil)
      })
  }
}
