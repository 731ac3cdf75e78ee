public import Records

/// Which method stands, and how methods rank by what they score under impairment and by what they give away.
public struct StandingWords: Equatable, Sendable {
  /// Which method stands, if any.
  public let lead: String
  /// The ranking; nil of one method.
  public let ranking: String?
  /// The same as ``lead`` in one short sentence.
  public let verdict: String
  /// The name of the method that gives away least at worst.
  public let best: String

  public var sentences: [String] { [lead] + (ranking.map { [$0] } ?? []) }

  /// Nil where no regret was measured.
  ///
  /// - Parameters:
  ///   - baseline: the name of the method to compare with; by default the results'.
  ///   - titles: what to call a method, by name.
  public init?(_ results: ComparisonResults, baseline: String? = nil, titles: [String: String] = [:]) {
    let rows = results.methods.filter { $0.worstRegret != nil }
    guard !rows.isEmpty else { return nil }
    let writer = Writer(results: results, rows: rows, baseline: baseline ?? results.baseline, titles: titles)
    lead = writer.lead()
    ranking = writer.ranking()
    verdict = writer.verdict()
    best = writer.best.name
  }
}

private struct Writer {
  let results: ComparisonResults
  let rows: [ComparisonResults.MethodRow]
  let baseline: String?
  let titles: [String: String]

  /// Ranked rows that are named.
  private static let most = 3

  var metric: String { metricTitle(results.metric) }
  var limit: String { fixed(100 * ComparisonResults.mostGivenAway, 0) }

  func title(_ row: ComparisonResults.MethodRow) -> String {
    ComparisonTable.marked(titles[row.name] ?? row.name, row)
  }

  func points(_ fraction: Double) -> String {
    let text = percent(fraction)
    return text == "1.0" || text == "-1.0" ? "\(text) point" : "\(text) points"
  }

  /// `27.7 points (95 % interval 24.0 to 31.2), with image missing`.
  func worst(_ row: ComparisonResults.MethodRow) -> String {
    guard let worst = row.worstRegret else { return "–" }
    let interval =
      worst.interval95.map { " (95 % interval \(percent($0.low)) to \(percent($0.high)))" } ?? ""
    return "\(points(worst.value))\(interval), \(conditionWords(worst.condition))"
  }

  /// Of rows; there is one at least.
  var best: ComparisonResults.MethodRow { byRegret.first { $0.stands == true } ?? byRegret[0] }

  func verdict() -> String {
    guard let worst = best.worstRegret else { return "" }
    let base = rows.first { $0.name == baseline && $0.name != best.name }
    let other =
      base.flatMap { base in base.worstRegret.map { "; \(title(base)): \(percent($0.value))" } } ?? ""
    let distance =
      worst.value > 0
      ? "at worst \(points(worst.value)) below a model made for the condition"
      : "in no condition below a model made for it"
    if rows.allSatisfy({ $0.runs.count == 1 }) {
      return "\(title(best)) loses least, \(distance)\(other); one seed, so that may be luck."
    }
    if best.stands == true { return "\(title(best)) stands: \(distance)\(other)." }
    if worst.value <= ComparisonResults.mostGivenAway { return "\(title(best)) may stand: \(distance)\(other)." }
    return rows.count == 1
      ? "\(title(best)) does not stand: \(conditionWords(worst.condition)) it is \(points(worst.value)) below a model "
        + "made for that."
      : "No method stands: the best, \(title(best)), is \(distance)\(other)."
  }

  func lead() -> String {
    let ranked = byRegret
    guard let best = ranked.first else { return "" }
    let base = rows.first { $0.name == baseline }
    if rows.allSatisfy({ $0.runs.count == 1 }) {
      return "With one seed no method can be said to stand: "
        + (rows.count > 1 ? "least is given away by \(title(best)), at worst " : "\(title(best)) gives away at worst ")
        + "\(worst(best))\(against(base, besides: best)); that says nothing of other seeds."
    }
    let standing = ranked.filter { $0.stands == true }
    guard let first = standing.first else {
      let isNear = best.worstRegret.map { $0.value <= ComparisonResults.mostGivenAway } ?? false
      let start =
        isNear
        ? "\(title(best)) may stand: it gives away at worst "
        : rows.count == 1
          ? "\(title(best)) does not stand: it gives away at worst "
          : "No method stands: each gives away more than \(limit) points in some condition. Least is given away by "
            + "\(title(best)), at worst "
      let doubt = isNear ? "; more than \(limit) points cannot be ruled out" : ""
      return start + worst(best) + specialist(best) + doubt + against(base, besides: best) + "."
    }
    let who =
      standing.count == 1
      ? "\(title(first)) stands: in no condition does it give away more than \(limit) points "
      : "\(joined(standing.map(title))) stand: in no condition do they give away more than \(limit) points "
    let most = standing.count == 1 ? "at worst " : "least is given away by \(title(first)), at worst "
    return who
      + "of \(metric) against a model trained for just that; \(most)\(worst(first))\(against(base, besides: first))."
  }

  /// What the baseline gives away, beside another.
  private func against(_ base: ComparisonResults.MethodRow?, besides row: ComparisonResults.MethodRow) -> String {
    guard let base, base.name != row.name, base.stands != true, let worst = base.worstRegret else { return "" }
    return "; \(title(base)) gives away \(points(worst.value)), \(conditionWords(worst.condition))"
  }

  /// Where a row gives away most, and what a model for just that scores.
  private func specialist(_ row: ComparisonResults.MethodRow) -> String {
    guard let worst = row.worstRegret, let own = row.mean.scores[worst.condition],
      let best = results.specialists[worst.condition]
    else { return "" }
    return ", where it scores \(percent(own)) % and a model trained for just that \(percent(best.score)) %"
  }

  private var byRegret: [ComparisonResults.MethodRow] {
    rows.sorted { ($0.worstRegret?.value ?? 0) < ($1.worstRegret?.value ?? 0) }
  }

  /// The kinds of impairment that every row has an average of.
  private var kinds: [String] {
    impairmentKinds(of: results).filter { kind in rows.allSatisfy { $0.mean.average[kind] != nil } }
  }

  func ranking() -> String? {
    guard rows.count > 1 else { return nil }
    func listed(_ ranked: [ComparisonResults.MethodRow], _ value: (ComparisonResults.MethodRow) -> String) -> String {
      var shown = Array(ranked.prefix(Self.most))
      if let base = ranked.first(where: { $0.name == baseline }), !shown.contains(where: { $0.name == base.name }) {
        shown.append(base)
      }
      return shown.map { row in
        let place = (ranked.firstIndex { $0.name == row.name } ?? 0) + 1
        return "\(place > Self.most ? "\(place). " : "")\(title(row)) \(value(row))"
      }.joined(separator: ", ")
    }
    var parts: [String] = []
    if !kinds.isEmpty {
      let ranked = rows.sorted { ($0.averageImpaired(kinds) ?? 0) > ($1.averageImpaired(kinds) ?? 0) }
      parts.append(
        "by the average with a modality \(alternatives(kinds)): "
          + listed(ranked) { "\(percent($0.averageImpaired(kinds) ?? .nan)) %" })
    }
    parts.append("by worst regret: " + listed(byRegret) { percent($0.worstRegret?.value ?? .nan) })
    let marked =
      rows.contains(where: \.seesImpaired)
      ? " (\(ComparisonTable.mark) saw impaired inputs in training)" : ""
    return "Ranked \(parts.joined(separator: "; "))\(marked)."
  }

  private func alternatives(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " or " + last
  }

  func joined(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " and " + last
  }

  /// `with everything there`, `without image`, `with text noisy`.
  func conditionWords(_ condition: String) -> String {
    if condition == Condition.full { return "with everything there" }
    guard let kind = kindOf(condition, impairmentKinds(of: results)) else { return "under \(condition)" }
    let modality = condition.dropLast(kind.count + 1)
    switch kind {
    case "missing": return "without \(modality)"
    case "absent": return "when told that \(modality) is absent"
    default: return "with \(modality) \(kind)"
    }
  }
}
