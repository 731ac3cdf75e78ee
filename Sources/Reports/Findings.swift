public import Records

/// What a comparison found, in a few sentences that claim no more than the numbers carry.
public struct Findings: Equatable, Sendable {
  /// Which method stands, and how the methods rank; empty where no specialists were trained.
  public let standing: [String]
  /// Which modality the baseline leans on, and by how much.
  public let leaning: String
  /// Whether a method reduced the gap, or that none did.
  public let narrowing: String
  /// The same as ``leaning`` in one short sentence.
  public let verdict: String

  /// The gap crowns nobody where it is known what each method gives away.
  public var sentences: [String] { standing + [leaning] + (standing.isEmpty ? [narrowing] : []) }

  /// Differences less likely than this by chance are called beyond noise; with several methods after Holm's correction.
  public static let significance = ComparisonResults.significance

  /// - Parameters:
  ///   - baseline: the name of the method to compare with; by default `joint` where it is there, else the first.
  ///   - titles: what to call a method, by name.
  public init(_ results: ComparisonResults, baseline: String? = nil, titles: [String: String] = [:]) {
    let name = baseline ?? results.baseline ?? ""
    standing = StandingWords(results, baseline: name, titles: titles)?.sentences ?? []
    guard let row = results.method(name), !row.runs.isEmpty, !row.mean.scores.isEmpty else {
      leaning = "Nothing was measured to say which modality a model leans on."
      verdict = leaning
      narrowing = "No method can be compared."
      return
    }
    let kinds = impairmentKinds(of: results).filter { row.mean.gap[$0] != nil }
    guard let kind = ["missing", "noisy"].first(where: kinds.contains) ?? kinds.first else {
      leaning = "Which modality \(titles[name] ?? name) leans on is not known: no two modalities were impaired alike."
      verdict = leaning
      narrowing = "Whether a method narrows the gap is not known either."
      return
    }
    let judge = Judge(results: results, baseline: row, kind: kind, titles: titles)
    leaning = judge.leaning()
    narrowing = judge.narrowing()
    verdict = judge.verdict()
  }
}

private struct Judge {
  let results: ComparisonResults
  let baseline: ComparisonResults.MethodRow
  let kind: String
  let titles: [String: String]

  var metric: String { metricTitle(results.metric) }

  func title(_ name: String) -> String { titles[name] ?? name }

  /// `without text`, `with text noisy`.
  func impaired(_ modality: String) -> String {
    kind == "missing" ? "without \(modality)" : "with \(modality) \(kind)"
  }

  func points(_ fraction: Double) -> String {
    let text = percent(fraction)
    return text == "1.0" || text == "-1.0" ? "\(text) point" : "\(text) points"
  }

  func seeds(_ count: Int) -> String {
    if results.splits != nil { return "\(count) splits" }
    return count == 1 ? "one seed" : "\(count) seeds"
  }

  // MARK: What it leans on

  /// Of each modality that was impaired, the lowest first.
  private var scores: [(modality: String, condition: String, score: Double)] {
    results.conditions.compactMap { condition in
      guard kindOf(condition, [kind]) != nil, let score = baseline.mean.scores[condition] else { return nil }
      return (String(condition.dropLast(kind.count + 1)), condition, score)
    }.sorted { $0.score < $1.score }
  }

  /// By run, how far the lowest of two conditions is below the next.
  private func differences(_ worst: String, _ next: String) -> [Double] {
    baseline.runs.compactMap { run in
      run.quantities[next].flatMap { next in run.quantities[worst].map { next - $0 } }
    }
  }

  func verdict() -> String {
    let scores = scores
    guard scores.count > 1 else { return leaning() }
    let (worst, next) = (scores[0], scores[1])
    let numbers =
      "\(percent(worst.score)) % \(impaired(worst.modality)), \(percent(next.score)) % \(impaired(next.modality))"
    let found = differences(worst.condition, next.condition)
    if found.count == 1, worst.score < next.score {
      return "\(title(baseline.name)) seems to lean on \(worst.modality): \(numbers), from one seed."
    }
    guard let interval = Statistics.interval95(found), interval.low > 0 else {
      return "\(title(baseline.name)) leans on no modality beyond noise: \(numbers)."
    }
    return "\(title(baseline.name)) leans on \(worst.modality): \(numbers)."
  }

  func leaning() -> String {
    let scores = scores
    guard scores.count > 1 else { return "Which modality \(title(baseline.name)) leans on was not measured." }
    let worst = scores[0]
    let full = baseline.mean.scores[Condition.full].map { ", against \(percent($0)) % with everything there" } ?? ""
    let list = scores.map { "\(percent($0.score)) % \(impaired($0.modality))" }.joined(separator: " and ")
    let differences = differences(worst.condition, scores[1].condition)
    let distance = points(worst.score.distance(to: scores[1].score))
    if differences.count == 1 {
      if worst.score == scores[1].score {
        return "With one seed \(title(baseline.name)) leans on no modality: its \(metric) is \(list)\(full)."
      }
      return "\(title(baseline.name)) seems to lean on \(worst.modality): its \(metric) is \(list)\(full), "
        + "\(distance) apart, from one seed, which says nothing of the spread."
    }
    guard let interval = Statistics.interval95(differences), interval.low > 0 else {
      return "\(title(baseline.name)) leans on no modality beyond noise: its \(metric) is \(list)\(full), "
        + "over \(seeds(differences.count))."
    }
    return "\(title(baseline.name)) leans on \(worst.modality): its \(metric) is \(list)\(full), \(distance) apart "
      + "(95 % interval \(percent(interval.low)) to \(percent(interval.high)), \(seeds(differences.count)))."
  }

  // MARK: Whether a method helps

  func narrowing() -> String {
    let others = results.methods.filter { $0.name != baseline.name && $0.mean.gap[kind] != nil }
    guard !others.isEmpty, let before = baseline.mean.gap[kind] else {
      return "No other method was compared on that gap."
    }
    let found = results.tests(against: baseline.name, "gap.\(kind)")
    let tests = others.compactMap { other in
      found.first { $0.methods.last == other.name }.map { (method: other, test: $0) }
    }
    guard !tests.isEmpty else { return untested(others, before) }

    let clear = tests.map(\.test.isBeyondNoise)
    let smaller = zip(tests, clear).filter { $1 && $0.test.difference < 0 }.map(\.0)
      .sorted { $0.test.difference < $1.test.difference }
    // A gap can be made small by being bad at everything.
    let narrower = smaller.filter { !hasLowerAverage($0.method) }
    if let best = narrower.first {
      let lead =
        switch narrower.count {
        case 1 where others.count == 1: "\(title(best.method.name)) reduced the gap"
        case 1: "Of \(others.count) methods only \(title(best.method.name)) reduced the gap"
        default:
          "\(joined(narrower.map { title($0.method.name) })) reduced the gap, \(title(best.method.name)) most"
        }
      return "\(lead): \(change(best.method, best.test)); \(price(of: best.method))."
    }
    if let lower = smaller.first {
      let lead =
        smaller.count == 1
        ? "\(title(lower.method.name)) has a smaller gap, but only at lower scores"
        : "\(joined(smaller.map { title($0.method.name) })) have smaller gaps, but only at lower scores; "
          + "\(title(lower.method.name))'s is the smallest"
      return "\(lead): \(change(lower.method, lower.test)); \(price(of: lower.method))."
    }
    if others.count == 1 {
      let (other, test) = tests[0]
      if clear[0] {
        return "\(title(other.name)) increased the gap: \(change(other, test)); \(price(of: other))."
      }
      return "\(title(other.name)) did not reduce the gap: \(change(other, test))."
    }
    guard let nearest = tests.min(by: { $0.test.difference < $1.test.difference }) else { return "" }
    let none =
      others.count == 2 ? "Neither method reduced the gap" : "None of the \(others.count) methods reduced the gap"
    let wider = zip(tests, clear).filter { $1 }.map { title($0.0.method.name) }
    let also = wider.isEmpty ? "" : ", and \(joined(wider)) increased it"
    // The smallest of gaps that are all wider is no merit.
    let isWider = percent(nearest.test.difference) != percent(0) && nearest.test.difference > 0
    let what = isWider ? "the least increase" : "the smallest gap"
    return "\(none)\(also); \(what) is \(title(nearest.method.name))'s"
      + (!isWider && hasLowerAverage(nearest.method) ? ", at lower scores" : "")
      + ": \(change(nearest.method, nearest.test))."
  }

  /// Whether a method's average over impaired modalities is below the baseline's.
  func hasLowerAverage(_ method: ComparisonResults.MethodRow) -> Bool {
    guard let before = baseline.mean.average[kind], let after = method.mean.average[kind] else { return false }
    return after < before - 1e-9
  }

  /// No test was possible: one seed, no common seeds, or the same difference on every seed.
  func untested(_ others: [ComparisonResults.MethodRow], _ before: Double) -> String {
    let gaps = others.map { "\(title($0.name)) \(points($0.mean.gap[kind] ?? 0))" }.joined(separator: ", ")
    let one = others.allSatisfy { $0.runs.count == 1 } || baseline.runs.count == 1
    let why =
      one
      ? "With one seed no difference can be told from noise"
      : "No test of the differences was possible"
    return "\(why): that gap is \(points(before)) for \(title(baseline.name)), and for \(gaps)."
  }

  /// Means over the common seeds, so that their distance is the difference that was tested.
  func change(_ method: ComparisonResults.MethodRow, _ test: ComparisonResults.Test) -> String {
    let common = Set(baseline.runs.map(\.seed)).intersection(method.runs.map(\.seed))
    let before =
      Statistics.mean(
        baseline.runs.filter { common.contains($0.seed) }.compactMap { $0.quantities[test.quantity] }) ?? .nan
    let interval =
      (test.joint?.interval95 ?? test.interval95)
      .map { "95 % CI of the change \(percent($0.low)) to \(percent($0.high)), " } ?? ""
    let doubt = test.isBeyondNoise ? "" : ", not significant"
    return "\(percent(before)) → \(points(before + test.difference))\(doubt) (\(interval)\(testWords(test)))"
  }

  /// What it does to the scores, so that a gap narrowed by spoiling the better side shows.
  func price(of method: ComparisonResults.MethodRow) -> String {
    var parts: [String] = []
    if let before = baseline.mean.scores[Condition.full], let after = method.mean.scores[Condition.full] {
      parts.append("from \(percent(before)) % to \(percent(after)) % with everything there")
    }
    if let before = baseline.mean.average[kind], let after = method.mean.average[kind] {
      parts.append("from \(percent(before)) % to \(percent(after)) % averaged over \(kind) modalities")
    }
    return "its \(metric) went \(joined(parts))"
  }

  /// `p = 0.012 corrected for 3 methods, 5 seeds and 317 test samples`.
  func testWords(_ test: ComparisonResults.Test) -> String {
    let count = [test.seeds.map(seeds), test.joint.map { "\($0.samples) test samples" }].compactMap { $0 }
    let corrected = (test.family ?? 1) > 1 ? " corrected for \(test.family ?? 1) methods" : ""
    return pWords(test.decisive) + corrected + (count.isEmpty ? "" : ", " + count.joined(separator: " and "))
  }

  func joined(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " and " + last
  }
}

/// `p < 0.001`, `p = 0.012`.
func pWords(_ p: Double) -> String { p < 0.001 ? "p < 0.001" : "p = \(fixed(p, 3))" }
