public import Records

/// A diagnosis in words, then in tables.
///
/// Every sentence follows from a rule that Documentation/diagnosis.md states, and claims no more than its numbers carry.
public struct DiagnosisText: Equatable, Sendable {
  /// A heading of one word, and what is said under it.
  public struct Paragraph: Equatable, Sendable {
    public let heading: String
    public let text: String
  }

  /// The answer.
  public let paragraphs: [Paragraph]
  private let diagnosis: ModelDiagnosis
  private let titles: [String: String]

  /// - Parameter titles: what to call a method, by name.
  public init(_ diagnosis: ModelDiagnosis, titles: [String: String] = [:]) {
    self.diagnosis = diagnosis
    self.titles = titles
    paragraphs = DiagnosisWords(diagnosis, titles: titles).paragraphs
  }

  /// What it is about, as `emoji · accuracy in % · Joint training, 3 seeds · 317 test samples`.
  public var heading: String {
    let seeds = diagnosis.seeds.count == 1 ? "seed \(diagnosis.seeds[0])" : "\(diagnosis.seeds.count) seeds"
    let method = titles[diagnosis.method] ?? diagnosis.method
    return "\(diagnosis.dataset) · \(metricTitle(diagnosis.metric)) in % · \(method), \(seeds) · "
      + "\(diagnosis.samples) test samples"
  }

  /// All that is said, for a terminal, wrapped.
  public func words(width: Int = 80) -> String { Self.lines(heading, paragraphs, width: width) }

  /// The lines of ``answer(width:)`` at most.
  static let mostLines = 25

  /// The verdict and as many paragraphs as fit in 25 lines, the most important first to stay, for a terminal, wrapped.
  public func answer(width: Int = 80) -> String {
    let verdict = wrapped(DiagnosisWords(diagnosis, titles: titles).verdict, width: max(40, width))
    func text(_ shown: Set<String>) -> String {
      Self.lines(
        ([heading, ""] + verdict).joined(separator: "\n"), paragraphs.filter { shown.contains($0.heading) },
        width: width)
    }
    var shown: Set<String> = []
    for name in ["Leans on", "Try", "Costs", "Why", "Trust", "Harm", "Says itself", "Splits", "Since"] {
      let more = shown.union([name])
      if text(more).split(separator: "\n", omittingEmptySubsequences: false).count <= Self.mostLines { shown = more }
    }
    return text(shown)
  }

  /// The command to run next; nil where there is none.
  public var next: String? { DiagnosisWords(diagnosis, titles: titles).next?.text }

  /// A heading and paragraphs under each other, wrapped.
  static func lines(_ heading: String, _ paragraphs: [Paragraph], width: Int) -> String {
    let column = (paragraphs.map(\.heading.count).max() ?? 0) + 2
    let lines = paragraphs.flatMap { paragraph in
      wrapped(paragraph.text, width: max(40, width) - column).enumerated().map { place, line in
        (place == 0 ? paragraph.heading : "").padded(to: column) + line
      }
    }
    return ([heading, ""] + lines).joined(separator: "\n")
  }

  /// The answer, then the evidence.
  public func text(width: Int = 80) -> String {
    ([words(width: min(width, 80))] + tables.map { "\($0.title)\n\(alignedRows([$0.header] + $0.rows))" }
      + [samples(width: min(width, 100)), audit?.text(width: width, title: Self.auditTitle), notes].compactMap { $0 })
      .joined(separator: "\n\n")
  }

  /// What the answer's audit says, in a part of its own; nil in older files.
  var audit: AuditText? { diagnosis.audit.map { AuditText($0) } }

  static let auditTitle = "What it takes of what the data hold"

  private var notes: String? {
    diagnosis.notes.isEmpty
      ? nil : diagnosis.notes.flatMap { wrapped("note: \($0)", width: 100) }.joined(separator: "\n")
  }

  public var markdown: String {
    let answer = paragraphs.map { "**\(Markdown.escaped($0.heading)).** \(Markdown.escaped($0.text))" }
    let evidence = tables.map {
      "\(Markdown.escaped($0.title))\n\n"
        + Markdown.table($0.header.map(Markdown.escaped), $0.rows.map { $0.map(Markdown.escaped) })
    }
    let audited = audit.map { ["## \(Self.auditTitle)", $0.markdown] } ?? []
    return ([Markdown.escaped(heading)] + answer + evidence + audited).joined(separator: "\n\n") + "\n"
  }

  // MARK: Tables

  struct Table: Equatable, Sendable {
    let title: String
    let header: [String]
    let rows: [[String]]
  }

  /// The evidence, in the order of the answer.
  var tables: [Table] {
    [scoreTable, worthTable, classTable, trainingTable, trialTable].compactMap { $0 }
  }

  private var scoreTable: Table {
    let isCalibrated = !diagnosis.calibration.isEmpty
    let rows = diagnosis.conditions.map { name -> [String] in
      let condition = Condition(name, modalities: diagnosis.modalities)
      let calibration = diagnosis.calibration[name]
      return [
        condition.modality.map { "\($0) \(condition.kind)" } ?? name, share(diagnosis.scores[name]?.value),
        name == Condition.full ? "" : estimate(diagnosis.transfer.impaired[name], signed: true),
      ]
        + (isCalibrated
          ? [estimate(calibration?.overconfidence, signed: true), share(calibration?.error.value)] : [])
    }
    return Table(
      title: "Scores\(isCalibrated ? " and calibration" : "") by condition, in %",
      header: ["condition", metricTitle(diagnosis.metric), "change"] + (isCalibrated ? ["too sure by", "ECE"] : []),
      rows: rows)
  }

  private var worthTable: Table {
    let rows = diagnosis.modalities.compactMap { name -> [String]? in
      guard let worth = diagnosis.worth[name] else { return nil }
      return [
        name, estimate(worth.adds), share(worth.only.value), share(worth.alone.value),
        estimate(worth.unused, signed: true),
        share(worth.probe?.value),
      ]
    }
    return Table(
      title: "Each modality: contribution, alone in this model, trained alone, unused, linear probe",
      header: ["modality", "contributes", "alone here", "trained alone", "unused", "probe"], rows: rows)
  }

  /// At most this many classes are shown.
  static let mostClasses = 12

  private var classTable: Table? {
    guard let shapley = diagnosis.evidence.shapley, let full = diagnosis.evidence[Condition.full] else { return nil }
    let names = diagnosis.evidence.classes
    let scores = full.classScores
    guard scores.count == names.count, !names.isEmpty else { return nil }
    let shown = names.indices.sorted { (-scores[$0].count, $0) < (-scores[$1].count, $1) }.prefix(Self.mostClasses)
    let withouts = diagnosis.modalities.map { diagnosis.evidence["\($0)-missing"]?.classScores ?? [] }
    let values = diagnosis.modalities.map { shapley.classes[$0] ?? [] }
    var rows: [[String]] = []
    for label in shown {
      var row = [names[label], "\(scores[label].count)", share(scores[label].recall)]
      for without in withouts {
        row.append(share(without.indices.contains(label) ? without[label].recall : nil))
      }
      for values in values {
        let value: Double? = values.indices.contains(label) ? values[label] : nil
        row.append(value.map(signed) ?? "–")
      }
      rows.append(row)
    }
    let rest = names.count - shown.count
    if diagnosis.modalities.count > 3 { return narrowClassTable(Array(shown), scores, values, rest) }
    return Table(
      title: "Classes: share found in %, without each modality, and what each adds to the truth's probability"
        + (rest > 0 ? " (the \(shown.count) largest of \(names.count))" : ""),
      header: ["class", "samples", "found"] + diagnosis.modalities.map { "no \($0)" }
        + diagnosis.modalities.map { "\($0) adds" }, rows: rows)
  }

  /// Of many modalities only what adds most and least to a class.
  private func narrowClassTable(
    _ shown: [Int], _ scores: [ClassScores], _ values: [[Double?]], _ rest: Int
  ) -> Table {
    let rows = shown.map { label -> [String] in
      let added = zip(diagnosis.modalities, values).compactMap { name, values -> (name: String, value: Double)? in
        guard values.indices.contains(label), let value = values[label] else { return nil }
        return (name, value)
      }.sorted { $0.value > $1.value }
      let ends = [added.first, added.last].map { $0.map { "\($0.name) \(signed($0.value))" } ?? "–" }
      return [diagnosis.evidence.classes[label], "\(scores[label].count)", share(scores[label].recall)] + ends
    }
    return Table(
      title: "Classes: share found in %, and what adds most and least to the truth's probability"
        + (rest > 0 ? " (the \(shown.count) largest of \(scores.count))" : ""),
      header: ["class", "samples", "found", "adds most", "adds least"], rows: rows)
  }

  private func share(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "–" }
    return percent(value)
  }

  private var trainingTable: Table? {
    let gradients = diagnosis.gradients
    var rows: [[String]] = []
    if let conflict = gradients.conflict {
      rows.append(["steps with conflicting gradients", "\(percent(conflict)) %"])
    }
    if let cosine = gradients.cosine { rows.append(["mean cosine of the two gradients", fixed(cosine, 3)]) }
    for name in diagnosis.modalities {
      guard let update = gradients.updates[name] else { continue }
      rows.append(["relative update size per step, \(name)", "\(fixed(100 * update, 3)) %"])
    }
    return rows.isEmpty ? nil : Table(title: "Training", header: ["", "mean"], rows: rows)
  }

  private var trialTable: Table? {
    guard let trial = diagnosis.trial else { return nil }
    let rows = ([trial.baseline] + trial.methods).map { tried in
      let isBaseline = tried == trial.baseline
      return [
        (titles[tried.name] ?? tried.name) + (tried.name == trial.chosen ? " (chosen)" : ""),
        percent(tried.validationFull), percent(tried.validationMissing),
        isBaseline ? "" : estimate(tried.full, signed: true), isBaseline ? "" : estimate(tried.missing, signed: true),
      ]
    }
    return Table(
      title:
        "Tried: \(metricTitle(diagnosis.metric)) in % on the validation split, which chose; changes on the test split",
      header: ["method", "full", "Avg. missing", "test: full", "test: Avg. missing"], rows: rows)
  }

  /// `83.9 (79.8 to 87.6)`, in percent; with a sign for changes.
  private func estimate(_ estimate: Estimate?, signed isSigned: Bool = false) -> String {
    guard let estimate, estimate.value.isFinite else { return "–" }
    func show(_ value: Double) -> String { isSigned ? signed(value) : percent(value) }
    return show(estimate.value) + (estimate.interval95.map { " (\(show($0.low)) to \(show($0.high)))" } ?? "")
  }

  // MARK: Samples

  /// The telling samples, two lines each; nil where there are none.
  public func samples(width: Int = 80) -> String? {
    let telling = diagnosis.evidence.telling
    guard !telling.isEmpty else { return nil }
    return (["Telling test samples"] + telling.flatMap { sampleLines($0, width) }).joined(separator: "\n")
  }

  private func sampleLines(_ sample: TellingSample, _ width: Int) -> [String] {
    let truth = sample.truth.isEmpty ? "nothing" : sample.truth.joined(separator: ", ")
    let name = "row \(sample.row)" + (sample.id.map { " (\($0))" } ?? "")
    let full = sample.answers[Condition.full]
    let what: String
    switch sample.kind {
    case .removalFlips:
      let modality = sample.modality ?? ""
      what = "right, and without \(modality) \(answer(sample.answers["\(modality)-missing"]))"
    case .weakAloneRight:
      let modality = sample.modality ?? ""
      what = "\(answer(full)); \(modality) alone is right (\(sure(sample.alone[modality])))"
    case .disagreement:
      what =
        diagnosis.modalities.compactMap { name in sample.alone[name].map { "\(name) alone \(answer($0))" } }
        .joined(separator: ", ") + "; together \(answer(full))"
    }
    let rests = sample.reliance.map { "; rests on \(DiagnosisWords.shares($0, diagnosis.modalities))" } ?? ""
    var lines = wrapped("\(name), \(truth): \(what)\(rests)", width: width - 2).enumerated().map { place, line in
      (place == 0 ? "  " : "    ") + line
    }
    let source = [sample.image, sample.text.map { "\"\($0.replacing("\n", with: " "))\"" }].compactMap { $0 }
    if !source.isEmpty {
      let line = "    " + source.joined(separator: "  ")
      lines.append(line.count > width ? line.prefix(width - 1) + "…" : line)
    }
    return lines
  }

  private func answer(_ answer: TellingSample.Answer?) -> String {
    guard let answer else { return "unknown" }
    return "\(answer.labels.isEmpty ? "nothing" : answer.labels.joined(separator: ", ")) (\(sure(answer)))"
  }

  private func sure(_ answer: TellingSample.Answer?) -> String { answer.map { "\(percent($0.probability)) %" } ?? "–" }
}

/// Points with their sign: `+12.1`, `-3.0`, `0.0`.
func signed(_ fraction: Double) -> String {
  let text = percent(fraction)
  return fraction > 0 && text != "0.0" ? "+\(text)" : text
}

/// A text in lines of at most so many characters, broken at spaces, but not before a percent sign.
public func wrapped(_ text: String, width: Int) -> [String] {
  var lines: [String] = []
  var line = ""
  for word in joinedUnits(text) {
    if !line.isEmpty, line.count + 1 + word.count > width {
      lines.append(line)
      line = ""
    }
    line += (line.isEmpty ? "" : " ") + word
  }
  return line.isEmpty ? lines : lines + [line]
}

/// The words of a text, a number and its percent sign as one.
private func joinedUnits(_ text: String) -> [String] {
  var words: [String] = []
  for word in text.split(separator: " ") {
    if word.hasPrefix("%"), let last = words.last, last.last?.isNumber ?? false {
      words[words.count - 1] = "\(last) \(word)"
    } else {
      words.append(String(word))
    }
  }
  return words
}
