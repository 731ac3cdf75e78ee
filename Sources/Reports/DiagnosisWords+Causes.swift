import Records

extension DiagnosisWords {
  var why: [String] {
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

  var unused: [String] {
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

  var harm: [String] {
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

  var trust: [String] {
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
}
