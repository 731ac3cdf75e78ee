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
      return Headline.Command(why: "Next: look at the data", text: "seesaw check \(diagnosis.data.shellQuoted)")
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
        text: "seesaw train \(diagnosis.data.shellQuoted) --method \(diagnosis.method) --out my-model")
    }
    return Headline.Command(
      why: "Next: try every method", text: "seesaw compare \(diagnosis.data.shellQuoted) --methods all --prefer robust")
  }

  // MARK: Words

  var metric: String { metricTitle(diagnosis.metric) }

  func title(_ name: String) -> String { titles[name] ?? name }

  func score(_ condition: String) -> String {
    diagnosis.scores[condition].map { "\(percent($0.value)) %" } ?? "–"
  }

  func share(_ estimate: Estimate) -> String { "\(percent(estimate.value)) %" }

  func points(_ fraction: Double) -> String {
    let text = percent(fraction)
    return text == "1.0" || text == "-1.0" ? "\(text) point" : "\(text) points"
  }

  /// `51.0 to 60.9`; a dash where there is no interval.
  func range(_ estimate: Estimate) -> String {
    estimate.interval95.map { "\(percent($0.low)) to \(percent($0.high))" } ?? "no interval"
  }

  func joined(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " and " + last
  }
}
