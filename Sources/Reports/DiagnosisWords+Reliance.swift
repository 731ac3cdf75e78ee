import Records

extension DiagnosisWords {
  var leaning: [String] {
    let leaning = diagnosis.leaning
    let interval = "95 % CI \(range(leaning.above))"
    switch leaning.verdict {
    case .learnedNothing:
      let full = diagnosis.scores[Condition.full]
      let isBelow = full.map { $0.isBelow(diagnosis.chance) } ?? false
      return [
        "Nothing: nothing was learned. With everything there it reaches \(score(Condition.full)), and a constant prediction "
          + "\(percent(diagnosis.chance)) %, \(isBelow ? "which is more" : "which is the same within noise")."
      ]
    case .leans:
      guard leaning.peers.isEmpty else { return [peersSentence(interval)] + conventions }
      return [
        "\(leaning.modality), \(strength): it contributes \(shares) (difference \(percent(leaning.above.value)), \(interval))."
      ] + conventions
    case .even:
      let lead = leaning.above.isAbove(0) ? "No modality by more than a little" : "No modality beyond noise"
      return [
        "\(lead): \(leaning.modality) contributes \(shares) (difference \(percent(leaning.above.value)), \(interval))."
      ] + conventions
    case .unclear:
      guard leaning.above.interval95 != nil else { return ["The evidence does not tell: nothing could be resampled."] }
      return [
        "The evidence does not tell: \(leaning.modality) contributes \(shares), and the difference may lie anywhere from "
          + "\(range(leaning.above)) points (95 % CI). More test samples would narrow that."
      ] + conventions
    }
  }

  /// Where another modality would lead with something else in place of a missing input.
  private var conventions: [String] {
    let turning = diagnosis.leaning.turning
    guard !turning.isEmpty else { return [] }
    let cases = turning.map { convention in
      let stand =
        switch convention.form {
        case .zeros: "with features of zeros"
        case .mean: "with the mean of the training features"
        case .told: "where the model is told what is absent"
        }
      return "\(stand) \(convention.modality) leads by \(percent(convention.above))"
    }
    let now = diagnosis.missing.map { " (\($0.words))" } ?? ""
    return ["This depends on what stands for a missing input\(now): \(joined(cases)) points."]
  }

  /// Several add alike, and others less.
  private func peersSentence(_ interval: String) -> String {
    let group = [diagnosis.leaning.modality] + diagnosis.leaning.peers
    let added = group.map { percent(diagnosis.worth[$0]?.adds.value ?? .nan) }
    return "\(joined(group)) alike, \(strength): they contribute \(joined(added)) points of \(metric), "
      + "\(points(diagnosis.leaning.above.value)) more each than the mean of the others (\(interval))."
  }

  /// From `almost alone` to `slightly`, by the share of what all add.
  var strength: String {
    switch diagnosis.leaning.strength {
    case 0.8...: "almost alone"
    case 0.4...: "strongly"
    case 0.15...: "clearly"
    default: "slightly"
    }
  }

  /// `61.2 points of accuracy and image 5.1`.
  private var shares: String {
    let top = diagnosis.leaning.modality
    let own = "\(points(diagnosis.worth[top]?.adds.value ?? .nan)) of \(metric)"
    let others = diagnosis.modalities.filter { $0 != top }
    let values = others.map { diagnosis.worth[$0]?.adds.value ?? .nan }
    guard others.count > 1, let low = values.min(), let high = values.max() else {
      return "\(own), \(others.first ?? "") \(percent(values.first ?? .nan))"
    }
    let mean = values.reduce(0, +) / Double(values.count)
    return "\(own), the other \(others.count) between \(percent(low)) and \(percent(high)), \(percent(mean)) on average"
  }

  // MARK: Since

  var since: [String] {
    guard diagnosis.leaning.verdict != .learnedNothing else { return [] }
    let models = diagnosis.seeds.count
    let groups = Dictionary(grouping: diagnosis.partings) { [$0.ahead, $0.behind] }
    guard let group = groups.values.max(by: { ($0.count, $1[0].ahead) < ($1.count, $0[0].ahead) }) else {
      return ["No clear moment: the modalities' training losses do not separate for good, or were not recorded."]
    }
    guard 2 * group.count > models else {
      return [
        "No common moment: the modalities' training losses separate for good in \(group.count) of \(models) models."
      ]
    }
    let first = group[0]
    let steps = group.map { $0.step + 1 }.sorted()
    let epochs = group.map { $0.epoch + 1 }.sorted()
    let when =
      steps.last == 1
      ? "The first steps"
      : "\(span("Step", steps)) of \(first.steps) (\(span("epoch", epochs)) of \(first.epochs))"
        + (steps.first == steps.last ? "" : ", by seed")
    let end = Statistics.mean(group.compactMap { $0.end[first.ahead] }).map { fixed($0, 2) } ?? "–"
    let other = Statistics.mean(group.compactMap { $0.end[first.behind] }).map { fixed($0, 2) } ?? "–"
    var sentences = [
      "\(when): from there \(first.ahead) is learned faster than \(first.behind) (final training loss \(end) vs \(other))."
    ]
    if diagnosis.leaning.verdict == .leans, first.ahead != diagnosis.leaning.modality, diagnosis.modalities.count == 2 {
      sentences.append("Yet predictions depend more on \(diagnosis.leaning.modality).")
    }
    return sentences
  }

  /// What a model of the other modality alone reaches, where that is more than this one without the first.
  private func givenAway(_ name: String) -> [String] {
    guard diagnosis.modalities.count == 2, let other = diagnosis.modalities.first(where: { $0 != name }),
      let worth = diagnosis.worth[other], worth.unused.isAbove(0),
      worth.unused.value >= ModelDiagnosis.smallestDifference
    else { return [] }
    return [
      "A model of \(other) alone scores \(share(worth.alone)): \(points(worth.unused.value)) are given away, not lost."
    ]
  }

  private func span(_ word: String, _ values: [Int]) -> String {
    guard let low = values.first, let high = values.last else { return word }
    return low == high ? "\(word) \(low)" : "\(word) \(low) to \(high)"
  }

  // MARK: Costs

  var costs: [String] {
    guard diagnosis.leaning.verdict != .learnedNothing else { return [] }
    let sorted = diagnosis.modalities.compactMap { name in diagnosis.worth[name].map { (name: name, lost: $0.lost) } }
      .sorted { $0.lost.value > $1.lost.value }
    let shown = sorted.count > 3 ? 2 : sorted.count
    var sentences = sorted.prefix(shown).enumerated().flatMap { place, entry -> [String] in
      guard entry.lost.isAbove(0) else {
        return [
          entry.lost.isBelow(0)
            ? "Without \(entry.name) it is better, see Harm."
            : "Without \(entry.name) nothing is lost beyond noise (\(range(entry.lost)))."
        ]
      }
      let full = place == 0 ? " instead of \(score(Condition.full))" : ""
      let told = diagnosis.scores["\(entry.name)-\(Condition.absent)"].map { "; told so, \(percent($0.value)) %" } ?? ""
      let change = Estimate(-entry.lost.value, interval95: entry.lost.interval95?.negated)
      return [
        "Without \(entry.name) it scores \(score("\(entry.name)-\(Condition.missing)"))\(full) "
          + "(\(points(change.value)), CI \(range(change))\(told))."
      ] + givenAway(entry.name)
    }
    if shown < sorted.count {
      sentences.append("Without any other at most \(points(max(0, sorted[shown].lost.value))) are lost.")
    }
    return sentences
  }
}
