public import Records

/// The first screen of a page, and what a terminal ends with: a verdict in one sentence, three numbers, one command.
struct Headline: Equatable {
  struct Number: Equatable {
    let name: String
    let value: String
    /// `%` or `points`.
    let unit: String
    /// Its 95 % interval.
    var range: String?
    /// Where it is so, and what it is to be compared with.
    let note: String
  }

  struct Command: Equatable {
    let why: String
    let text: String
  }

  let verdict: String
  let numbers: [Number]
  /// Whose numbers they are, among several.
  var of: String?
  var next: Command?
}

/// What a comparison of methods leaves to do.
public enum ComparisonNext {
  /// The command to run next; nil where there is none.
  ///
  /// - Parameter data: where the features lie, as a shell takes it.
  public static func command(_ results: ComparisonResults, data: String, titles: [String: String] = [:]) -> String? {
    Headline(results, data: data, titles: titles).next?.text
  }
}

extension Headline {
  // MARK: Of a comparison, or of one run

  /// - Parameters:
  ///   - data: where the features lie; nil where that is not known.
  ///   - run: the folder of the only run.
  init(_ results: ComparisonResults, data: String?, run: String? = nil, titles: [String: String]) {
    let standing = StandingWords(results, titles: titles)
    let found = Findings(results, titles: titles)
    let isAlone = results.methods.count < 2
    verdict = standing?.verdict ?? found.verdict
    let base = results.baseline.flatMap(results.method)
    guard let row = standing.flatMap({ results.method($0.best) }) ?? base else {
      numbers = []
      return
    }
    let measured = Measured(row: row, against: row.name == base?.name ? nil : base, results: results, titles: titles)
    numbers = measured.numbers
    if !isAlone { of = measured.title(row) }
    if isAlone {
      next = run.map { Command(why: "Next: what does it lean on, and what would help?", text: "seesaw diagnose \($0)") }
    } else if let data, titles[row.name] != nil, standing != nil {
      next = Command(
        why: "Next: train a model of it", text: "seesaw train \(data) --method \(row.name) --out my-model")
    } else if let data {
      next = Command(why: "Next: what does it lean on, and what would help?", text: "seesaw diagnose \(data)")
    }
  }

  // MARK: Of a diagnosis

  init(_ diagnosis: ModelDiagnosis, titles: [String: String]) {
    let words = DiagnosisWords(diagnosis, titles: titles)
    verdict = words.verdict
    let name = { (condition: String) in conditionWords(condition, modalities: diagnosis.modalities) }
    var numbers: [Number] = []
    let full = diagnosis.scores[Condition.full]
    if let full { numbers.append(Self.full(full, note: "a constant prediction \(percent(diagnosis.chance)) %")) }
    let impaired = diagnosis.scores.filter { $0.key != Condition.full && !$0.key.hasSuffix("-swapped") }
    if let worst = Self.worst(impaired) { numbers.append(Self.worst(worst.value, note: name(worst.key))) }
    let unused = diagnosis.worth.max { ($0.value.unused.value, $1.key) < ($1.value.unused.value, $0.key) }
    if let unused, diagnosis.modalities.count == 2 {
      let other = diagnosis.modalities.first { $0 != unused.key } ?? ""
      numbers.append(
        Number(
          name: "Given away", value: percent(unused.value.unused.value), unit: "points",
          range: Self.range(unused.value.unused),
          note: "without \(other): a model of \(unused.key) alone scores \(percent(unused.value.alone.value)) %"))
    } else if let full, let worst = Self.worst(impaired)?.value.value {
      numbers.append(Number(name: "Most lost", value: percent(full.value - worst), unit: "points", note: "at worst"))
    }
    self.numbers = numbers
    next = words.next
  }

  private static func range(_ estimate: Estimate) -> String? { estimate.interval95.map(Measured.range) }

  private static func full(_ score: Estimate, note: String) -> Number {
    Number(name: "With everything there", value: percent(score.value), unit: "%", range: range(score), note: note)
  }

  private static func worst(_ score: Estimate, note: String) -> Number {
    Number(name: "Worst condition", value: percent(score.value), unit: "%", range: range(score), note: note)
  }

  private static func worst(_ impaired: [String: Estimate]) -> (key: String, value: Estimate)? {
    impaired.min { ($0.value.value, $0.key) < ($1.value.value, $1.key) }
  }

  // MARK: Of an audit

  /// - Parameter command: the one that made the audit, as a shell takes it; nil where that is not known.
  init(_ record: AuditRecord, command: String? = nil) {
    verdict = AuditWords(record).headline
    if let command, record.worstRegret != nil {
      next = Command(
        why: "Next: let continuous integration fail where a condition costs more than 5 points",
        text: "\(command) --fail-on 'worst_regret>0.05'")
    }
    let name = { (condition: String) in conditionWords(condition, modalities: record.modalities) }
    var numbers: [Number] = []
    let full = record.scores[Condition.full]
    if let full {
      numbers.append(
        Self.full(
          full, note: record.chance.map { "a constant prediction \(percent($0)) %" } ?? metricTitle(record.metric)))
    }
    let impaired = record.scores.filter { condition, _ in
      ["missing:", "absent:", "noisy:"].contains { condition.hasPrefix($0) }
        || ["-missing", "-absent", "-noisy"].contains { condition.hasSuffix($0) }
    }
    if let worst = Self.worst(impaired) {
      numbers.append(Self.worst(worst.value, note: name(worst.key)))
      if let regret = record.worstRegret {
        let place = record.regret.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
        numbers.append(
          Number(
            name: "Worst regret", value: percent(regret), unit: "points",
            range: record.interval95["worstRegret"].map(Measured.range), note: place.map(name) ?? ""))
      } else if let full {
        numbers.append(
          Number(
            name: "Most lost", value: percent(full.value - worst.value.value), unit: "points", note: name(worst.key)))
      }
    }
    self.numbers = numbers
  }
}

/// The numbers of a row beside the baseline's.
private struct Measured {
  let row: ComparisonResults.MethodRow
  /// nil where it is the baseline itself.
  let against: ComparisonResults.MethodRow?
  let results: ComparisonResults
  let titles: [String: String]

  func title(_ row: ComparisonResults.MethodRow) -> String {
    ComparisonTable.marked(titles[row.name] ?? row.name, row)
  }

  static func range(_ interval: Interval) -> String {
    "\(percent(interval.low)) to \(percent(interval.high))".replacing("-", with: "−")
  }

  private func name(_ condition: String) -> String {
    let kinds = impairmentKinds(of: results)
    guard let kind = kindOf(condition, kinds) else {
      return condition == Condition.full ? "everything there" : condition
    }
    return "\(condition.dropLast(kind.count + 1)) \(kind)"
  }

  /// `joint training 86.1 %`, of a quantity.
  private func beside(_ value: Double?, _ unit: String) -> String? {
    guard let against, let value else { return nil }
    return "\(title(against)) \(percent(value))\(unit)"
  }

  var numbers: [Headline.Number] {
    var out: [Headline.Number] = []
    let full = row.mean.scores[Condition.full]
    if let full {
      out.append(
        Headline.Number(
          name: "With everything there", value: percent(full), unit: "%",
          range: row.interval95.scores[Condition.full].map(Self.range),
          note: beside(against?.mean.scores[Condition.full], " %") ?? metricTitle(results.metric)))
    }
    let impaired = results.conditions.filter { $0 != Condition.full && !$0.hasSuffix("-swapped") }
    let scored = impaired.compactMap { name in row.mean.scores[name].map { (name: name, score: $0) } }
    guard let worst = scored.min(by: { ($0.score, $0.name) < ($1.score, $1.name) }) else { return out }
    let best = results.specialists[worst.name].map { "a model made for it \(percent($0.score)) %" }
    out.append(
      Headline.Number(
        name: "Worst condition", value: percent(worst.score), unit: "%",
        range: row.interval95.scores[worst.name].map(Self.range),
        note: [name(worst.name), best ?? beside(against?.mean.scores[worst.name], " %")].compactMap { $0 }
          .joined(separator: "; ")))
    if let regret = row.worstRegret {
      let other = against?.worstRegret.map { "\(percent($0.value)) (\(name($0.condition)))" }
      out.append(
        Headline.Number(
          name: "Worst regret", value: percent(regret.value).replacing("-", with: "−"), unit: "points",
          range: regret.interval95.map(Self.range),
          note: [name(regret.condition), other.flatMap { other in against.map { "\(title($0)) \(other)" } }]
            .compactMap { $0 }.joined(separator: "; ")))
    } else if let full {
      out.append(
        Headline.Number(
          name: "Most lost", value: percent(full - worst.score), unit: "points", note: name(worst.name)))
    }
    return out
  }
}

/// A condition as it is spoken of: `everything there`, `image missing`.
func conditionWords(_ condition: String, modalities: [String]) -> String {
  if condition == Condition.full { return "everything there" }
  let parts = condition.split(separator: ":", maxSplits: 1).map(String.init)
  if parts.count == 2 { return "\(parts[1]) \(parts[0])" }
  let known = Condition(condition, modalities: modalities)
  return known.modality.map { "\($0) \(known.kind)" } ?? condition
}
