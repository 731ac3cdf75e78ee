import Records

/// The sentences of an audit, one rule each: what the data hold, what the model takes, where it is lost, what to do.
///
/// Each finding is ``AuditRecord/findings``'s; sentences without one only repeat numbers with their intervals.
struct AuditWords {
  let record: AuditRecord
  let findings: Set<AuditFinding>

  init(_ record: AuditRecord) {
    self.record = record
    findings = Set(record.findings)
  }

  var paragraphs: [DiagnosisText.Paragraph] {
    let parts = [
      ("Verdict", verdict), ("Data", data), ("Model", model), ("Place", place), ("Disagree", disagreement),
      ("Advice", advice), ("Untold", untold),
    ]
    return parts.compactMap { heading, sentences in
      sentences.isEmpty ? nil : DiagnosisText.Paragraph(heading: heading, text: sentences.joined(separator: " "))
    }
  }

  var names: [String] { record.modalities }
  private var metric: String { metricTitle(record.metric) }

  // MARK: Verdict

  /// What it leans on in one short sentence, without the numbers.
  var headline: String {
    if findings.contains(.learnedNothing) { return "The model has learned nothing beyond chance." }
    let ignored = names.filter { findings.contains(.ignores($0)) }
    let rest = ignored.isEmpty ? "" : " and ignores \(joined(ignored))"
    guard let first = record.leadingMeasures.first else {
      return ignored.isEmpty
        ? "What the model leans on cannot be told from this table." : "The model ignores \(joined(ignored))."
    }
    if findings.contains(.leans(first.modality, by: first.measure)) {
      return "The model leans on \(first.modality)\(rest)."
    }
    if findings.contains(.even(by: first.measure)) {
      return "The model leans on no modality by more than a little\(rest)."
    }
    return ignored.isEmpty
      ? "What the model leans on cannot be told from \(record.samples) samples."
      : "The model ignores \(joined(ignored))."
  }

  private var verdict: [String] {
    guard !findings.contains(.learnedNothing) else {
      let chance = record.chance.map(percent) ?? "–"
      return [
        "Nothing beyond chance: with everything there the \(metric) is \(score(Condition.full)), and that of a "
          + "constant prediction \(chance) %."
      ]
    }
    var out: [String] = []
    if let first = record.leadingMeasures.first {
      let sentence = evidence(first.measure)
      if findings.contains(.leans(first.modality, by: first.measure)) {
        out.append("Leans on \(first.modality): \(sentence).")
      } else if findings.contains(.even(by: first.measure)) {
        out.append("Leans on no modality by more than a little: \(sentence).")
      } else {
        out.append("Does not tell what it leans on beyond noise: \(sentence).")
      }
    } else {
      out.append("Does not tell what it leans on: no measure of that has what it needs.")
    }
    for name in names where findings.contains(.ignores(name)) {
      let moved = record.swap[name]?.divergence ?? 0
      out.append(
        moved == 0
          ? "It ignores \(name): that of another sample changes no answer."
          : "It ignores \(name): that of another sample moves its answers by \(bits(moved)).")
    }
    for name in names where findings.contains(.unused(name)) {
      out.append("What \(name) alone holds lies mostly unused.")
    }
    if findings.contains(.lostInFusion) {
      out.append("What only the combination holds is out of its reach, as its fusion cannot combine.")
    }
    return out
  }

  /// A measure of what comes first, in numbers.
  private func evidence(_ measure: AuditFinding.Measure) -> String {
    let lead = record.estimate("leaning.\(measure.rawValue)", record.leaning[measure.rawValue]?.by)
    let certainty =
      lead.flatMap(\.interval95).map { interval in
        let scale = measure == .divergence ? 1.0 : 100
        let show = { (value: Double) in fixed(scale * value, measure == .divergence ? 2 : 1) }
        // Pairs that follow neither say nothing of it, so it is more than the difference of the two shares.
        let among = measure == .conflict && names.count == 2 ? "among those that follow one, " : ""
        return " (\(among)lead \(show(lead?.value ?? 0)), 95 % CI \(show(interval.low)) to \(show(interval.high)))"
      } ?? ""
    func each(_ value: (String) -> Double?, _ show: (Double) -> String) -> String {
      joined(names.compactMap { name in value(name).map { "\(show($0)) \(name)" } })
    }
    let together = names.count == 2 ? "of both together" : "of several together"
    let text: String =
      switch measure {
      case .conflict: conflict
      case .routing:
        "where only one modality is right on its own, the model is right in "
          + joined(
            names.compactMap { name in
              record.routing?.only[name]?.right.map { "\(percent($0)) % (\(name))" }
            })
      case .swap:
        "taken from another sample, "
          + joined(names.compactMap { name in record.swap[name]?.drop.map { "\(name) costs \(percent($0))" } })
          + " points of \(metric)"
      case .variance:
        "of the variance of its logits "
          + joined(
            (names + [AuditRecord.Additivity.together]).compactMap { name in
              record.emap?.shares[name].map {
                "\(percent($0)) % is \(name == AuditRecord.Additivity.together ? together : "\(name)'s")"
              }
            })
      case .missing:
        "without it the \(metric) falls by "
          + joined(
            names.compactMap { name in
              record.utilisation[name].map { "\(percent($0 * (record.scores[Condition.full]?.value ?? 1))) (\(name))" }
            }) + " points"
      case .shares:
        "of what speaks for its answers " + each({ record.shares[$0] }) { "\(percent($0)) % is" }
      case .divergence:
        "from another sample "
          + joined(
            names.compactMap { name in record.swap[name]?.divergence.map { "\(name) moves answers by \(bits($0))" } })
      }
    return text + certainty
  }

  /// Who wins where modalities contradict each other.
  private var conflict: String {
    let pairs = record.swap.values.reduce(0) { $0 + ($1.pairs ?? 0) }
    let isSure = record.swap.values.allSatisfy { $0.decidable ?? false }
    // One modality's pairs are the other's turned round.
    let followed = names.compactMap { name -> String? in
      if names.count == 2, let other = names.first(where: { $0 != name }) {
        guard let own = record.swap[name], let turned = record.swap[other], let a = own.follow, let b = turned.rest
        else {
          return nil
        }
        let (m, n) = (Double(own.pairs ?? 0), Double(turned.pairs ?? 0))
        guard m + n > 0 else { return nil }
        return "\(name) in \(percent((m * a + n * b) / (m + n))) %"
      }
      return record.swap[name]?.follow.map { "\(name) against the rest in \(percent($0)) %" }
    }
    return "where modalities of different classes are put together"
      + (isSure ? " and each side is right on its own" : "")
      + " (\(counted(pairs, "pair"))), it follows \(joined(followed))"
  }

  // MARK: Data

  private var data: [String] {
    var out: [String] = []
    let held = names.compactMap { name -> String? in
      guard let found = record.usableEstimate("available", name) else { return nil }
      return found.value <= 0
        ? "no usable bits in \(name)" : "\(bits(found)) in \(name)"
    }
    if !held.isEmpty { out.append("Models of one modality find \(joined(held))\(calibration).") }
    if let pid = record.pid {
      var parts: [String] = []
      if findings.contains(.redundant) {
        parts.append(
          "\(bits(record.estimate("pid.redundant", pid.redundant))) in \(names.count == 2 ? "both" : "one and the others") alike"
        )
      }
      for name in names where findings.contains(.unique(name)) {
        parts.append("\(bits(record.estimate("pid.unique.\(name)", pid.unique[name]))) only in \(name)")
      }
      if let synergy = pid.synergy, findings.contains(.onlyTogether) {
        parts.append("\(bits(synergy)) only in their combination")
      }
      if !parts.isEmpty { out.append("Of what their answers tell, \(joined(parts)).") }
    }
    if findings.contains(.onlyTogether), record.pid?.synergy == nil, let usable = record.usable,
      let together = usable.together
    {
      out.append(
        "Most is only in their combination: the model finds \(bits(together)) in all, and models of one modality together "
          + "\(bits(usable.available.values.reduce(0) { $0 + max($1, 0) })).")
    }
    if let weak = hopeless {
      let most = record.interval95["pid.unique.\(weak)"]?.high ?? 0
      out.append(
        "\(weak) holds at most \(bits(most)) that the rest does not: with everything there, training it harder cannot gain "
          + "more.")
    }
    return out
  }

  var calibration: String {
    record.usable?.calibrated == true ? ", calibrated on validation samples" : ""
  }

  /// The modality that holds next to nothing of its own, where nothing is known to be only in the combination.
  var hopeless: String? {
    guard !findings.contains(.onlyTogether), !findings.contains(.learnedNothing) else { return nil }
    return names.first { name in
      guard !findings.contains(.unique(name)),
        names.contains(where: { $0 != name && findings.contains(.informative($0)) })
      else { return false }
      return record.interval95["pid.unique.\(name)"].map { $0.high < AuditRecord.nextToNothing } ?? false
    }
  }

  // MARK: Model

  var model: [String] {
    guard !findings.contains(.learnedNothing) else { return [] }
    var out: [String] = []
    let used = names.compactMap { name in record.usableEstimate("used", name).map { "\(bits($0)) from \(name)" } }
    if !used.isEmpty { out.append("It takes \(joined(used)): so much less is left without it.") }
    if let routing = record.routing, record.leadingMeasures.first?.measure != .routing {
      let rows = names.compactMap { name -> String? in
        guard let only = routing.only[name], let right = only.right, only.share > 0 else { return nil }
        return "where only \(name) is right (\(percent(only.share)) % of samples) it is right in \(percent(right)) %"
      }
      if !rows.isEmpty { out.append("\(capitalized(joined(rows, by: "; "))).") }
    }
    if let emap = record.emap {
      if emap.byConstruction {
        out.append("Its fusion adds up what each modality says and cannot combine them; that is so by construction.")
      } else if findings.contains(.combines) {
        out.append(
          "It combines: a sum of what each modality says would lose \(points(record.estimate("emap.gap", emap.gap))).")
      } else if findings.contains(.addsUp) {
        out.append("It adds up: a sum of what each modality says does as well, within \(widest("emap.gap")) points.")
      }
      if record.leadingMeasures.first?.measure != .variance, !emap.shares.isEmpty {
        out.append("\(capitalized(evidence(.variance))).")
      }
    }
    return out
  }

  private func widest(_ path: String) -> String {
    percent(record.interval95[path].map { max(abs($0.low), abs($0.high)) } ?? 0)
  }

  // MARK: Place

  private var place: [String] {
    var out: [String] = []
    for name in names where findings.contains(.unused(name)) {
      let held = bits(record.pid?.unique[name] ?? 0)
      let taken =
        record.usableEstimate("used", name).map { "\(bits($0))" }
        ?? bits(record.estimate("pid.model.unique.\(name)", record.pid?.model?.unique[name]))
      var sentence = "Of \(held) that only \(name) holds the model takes \(taken)"
      if findings.contains(.lostInEncoder(name)) {
        sentence +=
          "; they are lost before the classifier: a linear probe finds "
          + "\(bits(record.usableEstimate("embedded", name))) in its embedding"
      } else if findings.contains(.lostInHead(name)) {
        sentence +=
          "; its embedding holds them (a linear probe finds \(bits(record.usableEstimate("embedded", name)))), and "
          + "the classifier does not take them"
      }
      out.append(sentence + ".")
    }
    if findings.contains(.lostInFusion) {
      out.append("What only the combination holds is lost in the form of the fusion.")
    }
    return out
  }

  private var disagreement: [String] {
    record.findings.compactMap { finding in
      guard case .disagreement(let first, let a, let second, let b) = finding else { return nil }
      let zeroed: Set<AuditFinding.Measure> = [.missing, .shares]
      let cause =
        zeroed.contains(first) != zeroed.contains(second)
        ? " Leaving out and swapping disagree where a model has not seen missing inputs; believe the swaps." : ""
      return "By \(Self.title(first)) \(a) comes first, by \(Self.title(second)) \(b): \(evidence(second)).\(cause)"
    }
  }

  static func title(_ measure: AuditFinding.Measure) -> String {
    switch measure {
    case .conflict: "contradicting inputs"
    case .routing: "who is right alone"
    case .swap: "swapped inputs"
    case .variance: "the variance of logits"
    case .missing: "missing inputs"
    case .shares: "shares of the answers"
    case .divergence: "moved answers"
    }
  }

  // MARK: Numbers

  func score(_ condition: String) -> String { record.scores[condition].map { "\(percent($0.value)) %" } ?? "–" }

  func bits(_ value: Double) -> String { "\(fixed(value, 2)) \(fixed(value, 2) == "1.00" ? "bit" : "bits")" }

  func bits(_ estimate: Estimate?) -> String {
    guard let estimate else { return "–" }
    return bits(estimate.value) + (estimate.interval95.map { " (\(fixed($0.low, 2)) to \(fixed($0.high, 2)))" } ?? "")
  }

  private func points(_ estimate: Estimate?) -> String {
    guard let estimate else { return "–" }
    return "\(percent(estimate.value)) points"
      + (estimate.interval95.map { " (\(percent($0.low)) to \(percent($0.high)))" } ?? "")
  }

  func joined(_ parts: [String], by separator: String = ", ") -> String {
    guard let last = parts.last, parts.count > 1 else { return parts.first ?? "" }
    if separator != ", " { return parts.joined(separator: separator) }
    return parts.dropLast().joined(separator: separator) + " and " + last
  }

  private func capitalized(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }
}
