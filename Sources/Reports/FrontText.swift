public import Records

/// Score against balance: a table of the rows with who beats whom, and a sentence on which to take.
public struct FrontText: Equatable, Sendable {
  private let front: ParetoFront
  private let metric: String
  private let titles: [String: String]

  /// Nil where fewer than two rows were measured so.
  ///
  /// - Parameters:
  ///   - by: what balance is measured by; as in `ParetoFront` by default.
  ///   - titles: what to call a method, by name.
  public init?(_ results: ComparisonResults, by measure: ParetoFront.Measure? = nil, titles: [String: String] = [:]) {
    guard let front = ParetoFront(results.methods, by: measure) else { return nil }
    self.front = front
    self.titles = titles
    metric = metricTitle(results.metric)
  }

  /// For a terminal.
  public var text: String { "\(heading)\n\n" + alignedRows([header] + rows) }

  public var markdown: String {
    "\(Markdown.escaped(heading))\n\n"
      + Markdown.table(header.map(Markdown.escaped), rows.map { $0.map(Markdown.escaped) }) + "\n"
  }

  private var heading: String {
    "\(metric) in % against \(front.by == .imbalance ? "imbalance" : "gap missing"), which is better small"
  }

  private var header: [String] { ["", "full", "Avg. missing", "gap missing", "imbalance", "front"] }

  private var rows: [[String]] {
    front.points.map { point in
      let numbers = [point.full, point.averageMissing, point.gapMissing, point.imbalance].map { $0.map(percent) ?? "–" }
      let place = point.isOnFront ? "on it" : "beaten by \(point.beatenBy.map(title).joined(separator: ", "))"
      return [title(point.name)] + numbers + [place]
    }
  }

  private func title(_ name: String) -> String { titles[name] ?? name }

  // MARK: Which to take

  /// Which row a preference takes, why, who comes next, and whether the difference is more than noise.
  public func sentence(_ preference: ParetoFront.Preference) -> String {
    guard let pick = front.pick(preference), let point = front.point(pick.name) else {
      return "No row can be picked as the most \(preference.rawValue): what that needs was not measured."
    }
    let lead =
      front.chosenOn == "validation"
      ? "\(Self.word(preference)): \(title(pick.name)), \(validationReason(preference)); on the test split it reaches "
        + numbers(preference, point)
      : "\(Self.word(preference)): \(title(pick.name)), \(reason(preference, point))"
    guard let name = pick.runnerUp, let next = front.point(name) else {
      return "\(lead); no other row comes into question."
    }
    let values = "with \(numbers(preference, next))"
    return "\(lead); \(title(name)) comes next \(values), \(judgement(pick))."
  }

  private static func word(_ preference: ParetoFront.Preference) -> String {
    switch preference {
    case .robust: "Most robust"
    case .accurate: "Most accurate"
    case .balanced: "Best balanced"
    }
  }

  private func reason(_ preference: ParetoFront.Preference, _ point: ParetoFront.Point) -> String {
    let values = "with \(numbers(preference, point))"
    switch preference {
    case .robust:
      let points = fixed(100 * ParetoFront.tolerance, 0)
      return "\(values) the best when a modality is missing among rows within \(points) points of the best full score"
    case .accurate: return "\(values) the best when everything is there"
    case .balanced: return "\(values) the best trade-off between the two"
    }
  }

  /// Why a row is taken that the validation split chose: its test scores took no part.
  private func validationReason(_ preference: ParetoFront.Preference) -> String {
    switch preference {
    case .robust:
      let points = fixed(100 * ParetoFront.tolerance, 0)
      return "chosen on the validation split as the best when a modality is missing among rows within \(points) points "
        + "of the best full score"
    case .accurate: return "chosen on the validation split as the best when everything is there"
    case .balanced: return "chosen on the validation split as the best trade-off between the two"
    }
  }

  private func numbers(_ preference: ParetoFront.Preference, _ point: ParetoFront.Point) -> String {
    switch preference {
    case .robust: "\(point.averageMissing.map(percent) ?? "–") %"
    case .accurate: "\(percent(point.full)) %"
    case .balanced:
      "\(percent(point.full)) % and \(front.by == .imbalance ? "an imbalance" : "a gap") of "
        + percent(front.balance(point))
    }
  }

  private func judgement(_ pick: ParetoFront.Pick) -> String {
    guard let withinNoise = pick.withinNoise else {
      return "and fewer than two common seeds cannot tell whether that is noise"
    }
    let verdict = withinNoise ? "a difference within noise" : "a difference beyond noise"
    guard let test = pick.tests.min(by: { $0.p < $1.p }) else { return "\(verdict), the same on every seed" }
    let smallest = min(1, test.p * Double(pick.tests.count))
    if !withinNoise, smallest >= ParetoFront.significance { return "\(verdict), the same on every seed" }
    let p = smallest < 0.001 ? "p < 0.001" : "p = \(fixed(smallest, 3))"
    return "\(verdict) (\(p), \(test.seeds ?? 0) seeds)"
  }
}
