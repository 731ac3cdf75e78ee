import Records

/// The sentences of a diagnosis, one rule each.
struct DiagnosisWords {
  let diagnosis: ModelDiagnosis
  let titles: [String: String]

  init(_ diagnosis: ModelDiagnosis, titles: [String: String]) {
    self.diagnosis = diagnosis
    self.titles = titles
  }

  var paragraphs: [DiagnosisText.Paragraph] {
    let parts = [
      ("Leans on", leaning), ("Says itself", relianceWords), ("Since", since), ("Costs", costs), ("Why", why),
      ("Harm", harm), ("Trust", trust),
      ("Try", advice), ("Splits", splitWords),
    ]
    return parts.compactMap { heading, sentences in
      sentences.isEmpty ? nil : DiagnosisText.Paragraph(heading: heading, text: sentences.joined(separator: " "))
    }
  }

  // MARK: The first screen

  /// What it leans on and what would help, in one or two short sentences.
  var verdict: String {
    let leaning = diagnosis.leaning
    let method = title(diagnosis.method)
    let first =
      switch leaning.verdict {
      case .learnedNothing: "\(method) has learned nothing: it scores as a constant prediction does"
      case .leans:
        leaning.peers.isEmpty
          ? "\(method) leans \(strength) on \(leaning.modality)"
          : "\(method) leans \(strength) on \(joined([leaning.modality] + leaning.peers)) alike"
      case .even: "\(method) leans on no modality by more than a little"
      case .unclear: "What \(method) leans on cannot be told from \(diagnosis.samples) test samples"
      }
    guard leaning.verdict != .learnedNothing else { return "\(first)." }
    guard diagnosis.problems.contains(where: \.isOfTraining) else { return "\(first); no training problem was found." }
    guard let trial = diagnosis.trial else { return "\(first)." }
    guard let pick = trial.pick, trial.helps else { return "\(first); nothing that was tried helps for sure." }
    return "\(first); \(name(of: pick)) helps: \(signed(pick.missing.value)) points with a modality missing."
  }

  /// What to run next.
  var next: Headline.Command? {
    if diagnosis.leaning.verdict == .learnedNothing {
      return Headline.Command(why: "Next: look at the data", text: "seesaw check \(quoted(diagnosis.data))")
    }
    if let trial = diagnosis.trial, let pick = trial.pick, trial.helps {
      let isBundle = pick.name == ModelDiagnosis.Tried.bundle
      return Headline.Command(
        why: isBundle ? "Next: train the models that stand in" : "Next: train a model of it",
        text: isBundle ? command(pick).replacing(" and seesaw", with: "\nseesaw") : "\(command(pick)) --out my-model")
    }
    guard diagnosis.problems.contains(where: \.isOfTraining) else {
      return Headline.Command(
        why: "Next: train a model of it",
        text: "seesaw train \(quoted(diagnosis.data)) --method \(diagnosis.method) --out my-model")
    }
    return Headline.Command(
      why: "Next: try every method", text: "seesaw compare \(quoted(diagnosis.data)) --methods all --prefer robust")
  }

  // MARK: Leans on

  private var leaning: [String] {
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
  private var strength: String {
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

  private var since: [String] {
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

  private var costs: [String] {
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

  // MARK: Why

  private var why: [String] {
    var sentences: [String] = []
    let ranked = diagnosis.modalities.compactMap { name in diagnosis.worth[name].map { (name: name, worth: $0) } }
      .sorted { $0.worth.alone.value > $1.worth.alone.value }
    if ranked.count > 3, let first = ranked.first, let last = ranked.last {
      sentences.append(
        "Trained alone, the modalities reach from \(share(last.worth.alone)) (\(last.name)) to "
          + "\(share(first.worth.alone)) (\(first.name)).")
    } else {
      let list = joined(ranked.enumerated().map { "\($1.name)\($0 == 0 ? " reaches" : "") \(share($1.worth.alone))" })
      sentences.append("Trained alone, \(list).")
    }
    let silent = ranked.filter { !$0.worth.isInformative }.map(\.name)
    if !silent.isEmpty {
      sentences.append(
        "Of these \(joined(silent)) \(silent.count == 1 ? "is" : "are") no better than a constant prediction "
          + "(\(percent(diagnosis.chance)) %) beyond noise: these features carry no information about the "
          + (diagnosis.isRegression ? "target." : "class.")
      )
    }
    let below = ranked.filter { $0.worth.aloneAboveChance.isBelow(0) }.map(\.name)
    if !below.isEmpty { sentences.append("Trained alone, \(joined(below)) is below a constant prediction.") }
    guard diagnosis.leaning.verdict != .learnedNothing else { return sentences }
    let only = diagnosis.modalities.filter { diagnosis.worth[$0].map { $0.only.isBelow(diagnosis.chance) } ?? false }
    if !only.isEmpty {
      sentences.append(
        "With \(joined(only)) as the only one there, the model is below a constant prediction "
          + "(\(percent(diagnosis.chance)) %).")
    }
    sentences += gap + unused
    return sentences
  }

  private var gap: [String] {
    guard let gap = diagnosis.gap, gap.model.isAbove(0), gap.model.value >= ModelDiagnosis.smallestDifference else {
      return []
    }
    let between =
      diagnosis.modalities.count == 2
      ? "between them in this model" : "between \(gap.strong) and \(gap.weak) in this model"
    if gap.training.isAbove(0), gap.training.value >= ModelDiagnosis.smallestDifference {
      guard gap.data.value > 0 else { return [reversal(gap)] }
      return [
        "Of the \(points(gap.model.value)) \(between), \(percent(gap.data.value)) lie in the data and "
          + "\(percent(gap.training.value)) (\(range(gap.training))) in training them together."
      ]
    }
    if gap.training.isBelow(0), gap.training.value <= -ModelDiagnosis.smallestDifference {
      return [
        "The \(points(gap.model.value)) \(between) are fewer than the \(percent(gap.data.value)) of models trained alone: "
          + "the gap lies in the data, and training narrows it."
      ]
    }
    return [
      "The \(points(gap.model.value)) \(between) lie in the data: models trained alone are \(percent(gap.data.value)) apart."
    ]
  }

  /// Trained alone the weaker one is at least as good.
  private func reversal(_ gap: ModelDiagnosis.GapParts) -> String {
    func both(_ score: KeyPath<ModelDiagnosis.Worth, Estimate>) -> String {
      [gap.weak, gap.strong].map { diagnosis.worth[$0].map { share($0[keyPath: score]) } ?? "–" }
        .joined(separator: " vs ")
    }
    let lead = gap.data.value < 0 ? "is the stronger input on its own" : "is as strong an input on its own"
    return "\(gap.weak) \(lead) (\(both(\.alone))), but this model uses it worse than \(gap.strong) "
      + "(\(both(\.only))): joint training caused that, not the data."
  }

  private var unused: [String] {
    let names = diagnosis.problems.compactMap { problem -> String? in
      if case .unused(let name) = problem { name } else { nil }
    }.sorted { (diagnosis.worth[$0]?.unused.value ?? 0) > (diagnosis.worth[$1]?.unused.value ?? 0) }
    guard let name = names.first, let worth = diagnosis.worth[name] else { return [] }
    var text =
      "Given only \(name), this model scores \(share(worth.only)); a model of \(name) alone scores \(share(worth.alone)) "
      + "(\(signed(worth.unused.value)) points, CI \(range(worth.unused)))."
    if let probe = worth.probe, probe.value.isFinite {
      let isHeld = probe.value >= worth.alone.value - ModelDiagnosis.shortfall
      text +=
        (isHeld ? " The information is there" : " Its embedding holds less, too")
        + ": a linear probe gets \(share(probe))."
    }
    let others =
      names.dropFirst().prefix(3).compactMap { name in
        diagnosis.worth[name].map { "\(name) (\(points($0.unused.value)))" }
      } + (names.count > 4 ? ["\(names.count - 4) more"] : [])
    return [text] + (others.isEmpty ? [] : ["So it is with \(joined(others))."])
  }

  // MARK: Harm

  private var harm: [String] {
    guard diagnosis.leaning.verdict != .learnedNothing else { return [] }
    let fused = diagnosis.transfer.fused
    let best = diagnosis.transfer.best
    var sentences: [String] = []
    if fused.isBelow(0) {
      sentences.append(
        "Combining hurts: \(signed(fused.value)) points against \(best) trained alone (CI \(range(fused))), negative transfer."
      )
    } else if fused.isAbove(0) {
      sentences.append(
        "Combining helps: \(signed(fused.value)) points over the best single modality, \(best) (CI \(range(fused))).")
    } else {
      sentences.append(
        "Combining neither helps nor hurts beyond noise: \(signed(fused.value)) points against \(best) trained alone "
          + "(CI \(range(fused))).")
    }
    let harmful = diagnosis.problems.compactMap { problem -> String? in
      if case .impaired(let condition) = problem { condition } else { nil }
    }
    for condition in harmful.prefix(2) {
      guard let change = diagnosis.transfer.impaired[condition] else { continue }
      let parts = Condition(condition, modalities: diagnosis.modalities)
      sentences.append(
        "With \(parts.modality ?? "") \(parts.kind) it is \(points(change.value)) better (\(range(change))): as it is used "
          + "here, \(parts.modality ?? "") does harm.")
    }
    if harmful.isEmpty { sentences.append("No impairment makes it better beyond noise.") }
    return sentences
  }

  // MARK: Trust

  private var trust: [String] {
    var sentences: [String] = []
    if let full = diagnosis.calibration[Condition.full] {
      sentences.append("With everything there it is \(surety(full.overconfidence)).")
    }
    let missing = diagnosis.modalities.compactMap { name in
      diagnosis.calibration["\(name)-missing"].map { (name: name, calibration: $0) }
    }.sorted { $0.calibration.overconfidence.value > $1.calibration.overconfidence.value }
    let doubtful = missing.filter { entry in
      diagnosis.problems.contains(.overconfident("\(entry.name)-missing"))
    }
    for entry in doubtful.prefix(2) {
      sentences.append(
        "Without \(entry.name) it is \(surety(entry.calibration.overconfidence)): do not act on its confidence there.")
    }
    let rest = missing.filter { entry in !doubtful.prefix(2).contains { $0.name == entry.name } }
    if rest.count == 1 {
      sentences.append("Without \(rest[0].name) \(surety(rest[0].calibration.overconfidence)).")
    } else if doubtful.count > 2 {
      sentences.append("So it is, less so, without \(joined(doubtful.dropFirst(2).map(\.name))).")
    } else if !rest.isEmpty {
      sentences.append("Without any \(doubtful.isEmpty ? "" : "other ")it is not over-confident by more than a little.")
    }
    return sentences
  }

  /// `over-confident by 31.0 points (CI 27.2 to 35.1)`, `well calibrated (+1.0)`.
  private func surety(_ surplus: Estimate) -> String {
    if surplus.value >= ModelDiagnosis.overconfidence, surplus.isAbove(0) {
      return "over-confident by \(points(surplus.value)) (CI \(range(surplus)))"
    }
    if surplus.value <= -ModelDiagnosis.overconfidence, surplus.isBelow(0) {
      return "under-confident by \(points(-surplus.value))"
    }
    return "well calibrated (\(signed(surplus.value)))"
  }

  // MARK: Try

  private var advice: [String] {
    if diagnosis.leaning.verdict == .learnedNothing {
      return [
        "A stronger encoder first: the features, as they are, do not tell the "
          + (diagnosis.isRegression ? "target. Then the targets themselves" : "classes apart. Then labels")
          + ", and whether there are enough samples. No method of training makes up for that."
      ]
    }
    let problems = diagnosis.problems
    let method = title(diagnosis.method)
    guard problems.contains(where: \.isOfTraining) else {
      let doubtful = problems.compactMap { problem -> String? in
        if case .overconfident(let condition) = problem {
          Condition(condition, modalities: diagnosis.modalities).modality
        } else {
          nil
        }
      }
      if doubtful.isEmpty {
        return [
          "No training problem found. Remaining losses come from information that only one modality has. \(method) will do."
        ]
      }
      return [
        "No training problem found, but without \(joined(doubtful)) it is over-confident: ask for higher confidence there, or "
          + "leave those cases to a person."
      ]
    }
    guard let trial = diagnosis.trial else {
      return [
        diagnosis.quick
          ? "Nothing was tried, to be quick; without --quick a few methods are."
          : "Nothing could be tried: no other method works on this data with these settings."
      ]
    }
    return tried(trial, method)
  }

  private func tried(_ trial: ModelDiagnosis.Trial, _ method: String) -> [String] {
    let count = trial.methods.count == 1 ? "The one method" : "None of \(trial.methods.count) methods"
    let place = trial.heldOut == nil ? "the validation split" : "held-out training samples"
    guard let pick = trial.pick else {
      return trial.methods.count == 1
        ? ["\(count) tried is not better than \(method) on \(place) with a modality missing. Keep \(method)."]
        : ["\(count) tried is better than \(method) on \(place) with a modality missing. Keep \(method)."]
    }
    let seeds = trial.seeds == 1 ? "one seed" : "\(trial.seeds) seeds"
    let told = pick.absent.map { ", \(signed($0.value)) where it is told (\(range($0)))" } ?? ""
    let effect =
      "\(signed(pick.missing.value)) points of \(metric) with a modality missing (\(range(pick.missing)))\(told), "
      + "\(signed(pick.full.value)) with everything there (\(range(pick.full)))"
    guard trial.helps else {
      return [
        "\(name(of: pick)) is the best of \(trial.methods.count) on \(place), but its effect on the test split is "
          + "\((pick.without ?? pick.missing).isAbove(0) ? "small" : "within noise"): \(effect), \(seeds). "
          + "Nothing tried helps for sure."
      ]
    }
    let price =
      pick.full.isBelow(0) && pick.full.value <= -ModelDiagnosis.smallestDifference
      ? "It costs \(diagnosis.isRegression ? metric : "accuracy") with everything there. " : ""
    return [
      "\(name(of: pick)), chosen among \(trial.methods.count) by \(place): on the test split \(effect), against "
        + "\(method), \(seeds). \(reached(pick))\(price)\(command(pick))"
    ]
  }

  /// What it scores without each modality, beside models of the other alone.
  private func reached(_ pick: ModelDiagnosis.Tried) -> String {
    guard diagnosis.modalities.count == 2, pick.name != ModelDiagnosis.Tried.bundle, let scores = pick.scores else {
      return ""
    }
    let parts = diagnosis.modalities.compactMap { name -> String? in
      guard let other = diagnosis.modalities.first(where: { $0 != name }), let alone = diagnosis.worth[other]?.alone,
        let own = scores["\(name)-\(Condition.missing)"]
      else { return nil }
      return "\(percent(own)) % without \(name) (\(other) alone: \(share(alone)))"
    }
    return parts.isEmpty ? "" : "It scores \(joined(parts)). "
  }

  private func name(of tried: ModelDiagnosis.Tried) -> String {
    guard tried.name == ModelDiagnosis.Tried.bundle else { return title(tried.name) }
    return "\(title(diagnosis.method)) with a second model of each modality alone, for when the other is absent"
  }

  /// What trains it.
  private func command(_ pick: ModelDiagnosis.Tried) -> String {
    guard pick.name != ModelDiagnosis.Tried.bundle else {
      let lines = diagnosis.modalities.map {
        "seesaw train \(quoted(diagnosis.data)) --method unimodal --set \(quoted("method.modality=\($0)"))"
      }
      return joined(lines)
    }
    return
      (["seesaw train", quoted(diagnosis.data), "--method \(pick.name)"] + pick.settings.map { "--set \(quoted($0))" })
      .joined(separator: " ")
  }

  /// A word as a shell takes it for one.
  private func quoted(_ word: String) -> String {
    let isPlain = word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./=:,+@%".contains($0)) }
    return isPlain && !word.isEmpty ? word : "'" + word.replacing("'", with: "'\\''") + "'"
  }

  // MARK: Words

  private var metric: String { metricTitle(diagnosis.metric) }

  func title(_ name: String) -> String { titles[name] ?? name }

  private func score(_ condition: String) -> String {
    diagnosis.scores[condition].map { "\(percent($0.value)) %" } ?? "–"
  }

  private func share(_ estimate: Estimate) -> String { "\(percent(estimate.value)) %" }

  func points(_ fraction: Double) -> String {
    let text = percent(fraction)
    return text == "1.0" || text == "-1.0" ? "\(text) point" : "\(text) points"
  }

  /// `51.0 to 60.9`; a dash where there is no interval.
  func range(_ estimate: Estimate) -> String {
    estimate.interval95.map { "\(percent($0.low)) to \(percent($0.high))" } ?? "no interval"
  }

  private func joined(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " and " + last
  }
}
