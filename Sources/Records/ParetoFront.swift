/// The rows of a comparison that no other beats in both score and balance, and which of them to take.
///
/// The best score is often reached at some imbalance and not at the smallest (BalanceBenchmark calls this relative
/// balance), so that one number cannot rank methods. A row is beaten by another that is at least as good in both and
/// better in one; the rows that nobody beats are the Pareto front.
public struct ParetoFront: Codable, Equatable, Sendable {
  /// What balance is measured by; smaller is better.
  public enum Measure: String, SettingChoice {
    /// How unevenly the modalities add to the score (``EvaluationTable/imbalance``).
    case imbalance
    /// The distance of best and worst score with a modality missing.
    case gap = "gap.missing"
  }

  /// What matters most to who takes a row.
  public enum Preference: String, SettingChoice {
    /// The highest mean score with a modality missing, among rows whose full score is nearly the best.
    case robust
    /// The highest full score.
    case accurate
    /// On the front, nearest to the best score and the smallest imbalance at once.
    case balanced
  }

  /// A row between score and balance; means over its seeds.
  public struct Point: Codable, Equatable, Sendable {
    public var name: String
    public var full: Double
    public var averageMissing: Double?
    public var gapMissing: Double?
    public var imbalance: Double?
    /// The rows of the front that beat it; empty on the front.
    public var beatenBy: [String]

    public var isOnFront: Bool { beatenBy.isEmpty }
  }

  /// The row that a preference takes.
  public struct Pick: Codable, Equatable, Sendable {
    public var preference: Preference
    public var name: String
    /// What it would be without the first.
    public var runnerUp: String?
    /// Whether the two cannot be told apart over their common seeds; `nil` where no test was possible.
    public var withinNoise: Bool?
    /// Paired tests of the two, the winner's less the runner-up's, in what decided: `average.missing`; `full`; or `full`
    /// and the measure of balance.
    public var tests: [ComparisonResults.Test]
  }

  /// What balance is measured by: the imbalance where every row has it, else the gap.
  public var by: Measure
  /// In the order of the comparison, by test scores; without rows that were not measured so.
  public var points: [Point]
  /// The split whose scores the picks were made by: `validation` where every row has such scores, else `test`.
  ///
  /// `nil` in files of earlier versions, which took the test split.
  public var chosenOn: String?
  /// One for each preference that can be served.
  public var picks: [Pick]

  /// How far below the best full score a robust row may be.
  public static let tolerance = 0.02
  /// Differences less likely than this by chance are called beyond noise; after Holm's correction where two are tested.
  public static let significance = 0.05

  /// The front of these rows; `nil` where fewer than two have a full score and a balance.
  ///
  /// - Parameter by: what balance is measured by; by default the imbalance where every row has it, else the gap.
  public init?(_ rows: [ComparisonResults.MethodRow], by measure: Measure? = nil) {
    let scored = rows.filter { $0.mean.scores[Condition.full] != nil }
    by = measure ?? (scored.allSatisfy { $0.imbalance != nil } ? .imbalance : .gap)
    points = []
    picks = []
    for row in scored {
      guard let full = row.mean.scores[Condition.full], Self.value(of: row, by) != nil else { continue }
      points.append(
        Point(
          name: row.name, full: full, averageMissing: row.mean.average["missing"], gapMissing: row.mean.gap["missing"],
          imbalance: row.imbalance, beatenBy: []))
    }
    guard points.count > 1 else { return nil }
    let beaters = points.map { point in points.filter { beats($0, point) }.map(\.name) }
    let front = Set(zip(points, beaters).filter { $1.isEmpty }.map(\.0.name))
    for i in points.indices { points[i].beatenBy = beaters[i].filter(front.contains) }
    let judged = Self.validationPoints(scored, by: by)
    chosenOn = judged == nil ? "test" : "validation"
    picks = Preference.allCases.compactMap { pick($0, scored, judged ?? points) }
  }

  /// The row that a preference takes; `nil` where what it asks for was not measured.
  public func pick(_ preference: Preference) -> Pick? { picks.first { $0.preference == preference } }

  /// The point of a row.
  public func point(_ name: String) -> Point? { points.first { $0.name == name } }

  // MARK: Who beats whom

  /// The balance of a point: smaller is better.
  public func balance(_ point: Point) -> Double { (by == .imbalance ? point.imbalance : point.gapMissing) ?? .infinity }

  private static func value(of row: ComparisonResults.MethodRow, _ measure: Measure) -> Double? {
    measure == .imbalance ? row.imbalance : row.mean.gap["missing"]
  }

  /// Scores are ratios of counts, and means that should be equal differ in their last digit.
  private static func rounded(_ value: Double) -> Double { (value * 1e9).rounded() / 1e9 }

  private func beats(_ a: Point, _ b: Point) -> Bool {
    let (fullA, fullB) = (Self.rounded(a.full), Self.rounded(b.full))
    let (balanceA, balanceB) = (Self.rounded(balance(a)), Self.rounded(balance(b)))
    return fullA >= fullB && balanceA <= balanceB && (fullA > fullB || balanceA < balanceB)
  }

  // MARK: Which to take

  /// - Parameter points: what is chosen by; the tests are of the rows' test scores.
  private func pick(_ preference: Preference, _ rows: [ComparisonResults.MethodRow], _ points: [Point]) -> Pick? {
    guard let first = best(preference, points) else { return nil }
    let second = best(preference, points.filter { $0.name != first.name })
    var pick = Pick(preference: preference, name: first.name, runnerUp: second?.name, tests: [])
    guard let second, let winner = rows.first(where: { $0.name == first.name }),
      let other = rows.first(where: { $0.name == second.name })
    else { return pick }
    let quantities =
      switch preference {
      case .robust: ["average.missing"]
      case .accurate: [Condition.full]
      case .balanced: [Condition.full, by.rawValue]
      }
    var isSame = true
    for quantity in quantities {
      let (pairs, test) = Self.test(winner, other, quantity)
      if let test { pick.tests.append(test) }
      // No test has a say where every seed differs alike, and then it is not noise.
      if test == nil, pairs > 1 { isSame = false }
      if pairs < 2 { return pick }
    }
    let smallest = pick.tests.map(\.p).min() ?? 1
    pick.withinNoise = isSame && smallest * Double(quantities.count) >= Self.significance
    return pick
  }

  /// The best of some points; earlier rows go before later ones that are as good.
  private func best(_ preference: Preference, _ points: [Point]) -> Point? {
    switch preference {
    case .accurate:
      return Self.first(points) { [$0.full, $0.averageMissing ?? 0] }
    case .robust:
      guard let top = points.map(\.full).max() else { return nil }
      let near = points.filter { $0.averageMissing != nil && $0.full >= top - Self.tolerance - 1e-9 }
      return Self.first(near) { [$0.averageMissing ?? 0, $0.full] }
    case .balanced:
      let front = points.filter { point in !points.contains { beats($0, point) } }
      let distances = distances(front)
      return zip(front, distances).min { Self.rounded($0.1) < Self.rounded($1.1) }?.0
    }
  }

  /// How far each point of a front is from its best score and its best balance at once, where the front is a unit square.
  private func distances(_ front: [Point]) -> [Double] {
    func shares(_ values: [Double]) -> [Double] {
      guard let low = values.min(), let high = values.max(), high - low > 1e-9 else { return values.map { _ in 0 } }
      return values.map { ($0 - low) / (high - low) }
    }
    let scores = shares(front.map { -$0.full })
    let balances = shares(front.map(balance))
    return zip(scores, balances).map { ($0 * $0 + $1 * $1).squareRoot() }
  }

  private static func first(_ points: [Point], by keys: (Point) -> [Double]) -> Point? {
    points.enumerated().max { a, b in
      for (x, y) in zip(keys(a.element), keys(b.element)) where rounded(x) != rounded(y) {
        return rounded(x) < rounded(y)
      }
      return a.offset > b.offset
    }?.element
  }

  /// The test of two rows over their common seeds, and how many those are.
  private static func test(
    _ winner: ComparisonResults.MethodRow, _ other: ComparisonResults.MethodRow, _ quantity: String
  ) -> (pairs: Int, test: ComparisonResults.Test?) {
    func value(_ run: ComparisonResults.Run) -> Double? {
      quantity == Measure.imbalance.rawValue ? run.imbalance : run.quantities[quantity]
    }
    let others = Dictionary(
      other.runs.compactMap { run in value(run).map { (run.seed, $0) } }, uniquingKeysWith: { first, _ in first })
    let pairs = winner.runs.compactMap { run in
      value(run).flatMap { mine in others[run.seed].map { (first: $0, second: mine) } }
    }
    guard pairs.count > 1, let found = Statistics.pairedTest(pairs.map(\.first), pairs.map(\.second)) else {
      return (pairs.count, nil)
    }
    return (
      pairs.count,
      ComparisonResults.Test(
        methods: [other.name, winner.name], quantity: quantity, difference: found.mean, p: found.p,
        interval95: found.interval95, seeds: found.count)
    )
  }
}
