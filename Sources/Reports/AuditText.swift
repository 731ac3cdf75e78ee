public import Records

/// An audit in words, then in tables.
///
/// Every sentence follows from a rule that Documentation/audit.md states, and claims no more than its numbers carry.
public struct AuditText: Equatable, Sendable {
  /// The answer: the verdict, then data, model, place and advice.
  public let paragraphs: [DiagnosisText.Paragraph]
  private let record: AuditRecord

  public init(_ record: AuditRecord) {
    self.record = record
    paragraphs = AuditWords(record).paragraphs
  }

  /// What a record keeps of the answer.
  public var words: [String] { paragraphs.map { "\($0.heading): \($0.text)" } }

  /// What it is about, as `accuracy in % · 317 samples, 6 classes · image and text`.
  public var heading: String {
    let size = "\(counted(record.samples, "sample")), \(record.classes.count) classes"
    let names = record.modalities.joined(separator: record.modalities.count > 2 ? ", " : " and ")
    return ["\(metricTitle(record.metric)) in %", size, names].filter { !$0.isEmpty }.joined(separator: " · ")
  }

  /// The answer, then the evidence, for a terminal.
  ///
  /// - Parameter title: in place of what it is about.
  public func text(width: Int = 80, title: String? = nil) -> String {
    ([DiagnosisText.lines(title ?? heading, paragraphs, width: min(width, 80))]
      + tables.map { "\($0.title)\n\(alignedRows([$0.header] + $0.rows))" } + [notes].compactMap { $0 })
      .joined(separator: "\n\n")
  }

  public var markdown: String {
    let answer = paragraphs.map { "**\(Markdown.escaped($0.heading)).** \(Markdown.escaped($0.text))" }
    let evidence = tables.map {
      "\(Markdown.escaped($0.title))\n\n"
        + Markdown.table($0.header.map(Markdown.escaped), $0.rows.map { $0.map(Markdown.escaped) })
    }
    return ([Markdown.escaped(heading)] + answer + evidence).joined(separator: "\n\n") + "\n"
  }

  private var notes: String? {
    record.notes.isEmpty
      ? nil : record.notes.flatMap { wrapped("note: \($0)", width: 100) }.joined(separator: "\n")
  }

  // MARK: Tables

  /// The evidence, in the order of the answer.
  var tables: [DiagnosisText.Table] {
    [scoreTable, bitsTable, sampleTable, routingTable, swapTable, shareTable, partTable].compactMap { $0 }
  }

  var scoreTable: DiagnosisText.Table? {
    guard !record.scores.isEmpty else { return nil }
    let order = record.scores.keys.sorted { a, b in (a == "full" ? "" : a) < (b == "full" ? "" : b) }
    return DiagnosisText.Table(
      title: "Scores in %, and what is given away against the model made for what is left",
      header: ["condition", metricTitle(record.metric), "given away"],
      rows: order.map { [$0, share(record.scores[$0]), share("regret.\($0)", record.regret[$0], signed: true)] }
        + (record.chance.map { [["a constant prediction", percent($0), ""]] } ?? []))
  }

  /// Samples whose label is told in one way more than others'.
  var sampleTable: DiagnosisText.Table? {
    guard let pointwise = record.pointwise else { return nil }
    func row(_ kind: String, _ samples: [AuditRecord.Pointwise.Sample]) -> [String]? {
      samples.isEmpty
        ? nil : [kind, samples.prefix(5).map { "\($0.id) (\(fixed($0.bits, 1)))" }.joined(separator: ", ")]
    }
    let rows =
      [row("by both alike", pointwise.redundant)]
      + record.modalities.map { row("by \($0) alone", pointwise.unique[$0] ?? []) }
      + [row("only by both together", pointwise.synergy)]
    return DiagnosisText.Table(
      title: "Samples by what tells their label, bits (a ranking of samples)", header: ["told", "samples"],
      rows: rows.compactMap { $0 })
  }

  var bitsTable: DiagnosisText.Table? {
    var rows: [[String]] = []
    func add(_ title: String, _ values: (String) -> String) {
      let cells = record.modalities.map(values)
      if cells.contains(where: { $0 != "–" }) { rows.append([title] + cells) }
    }
    func usable(_ key: String) -> (String) -> String { { bits(record.usableEstimate(key, $0)) } }
    add("found by a model of it alone", usable("available"))
    add("in the model's embedding of it", usable("embedded"))
    add("only in it", { bits(record.estimate("pid.unique.\($0)", record.pid?.unique[$0])) })
    add("added to a model of the others", usable("extra"))
    add("taken by the model", usable("used"))
    add(
      "only in it, of the model's answers",
      {
        bits(record.estimate("pid.model.unique.\($0)", record.pid?.model?.unique[$0]))
      })
    var all: [String] = []
    if let pid = record.pid {
      all.append("in several alike \(bits(record.estimate("pid.redundant", pid.redundant)))")
      all.append("only together \(pid.synergy.map { fixed($0, 2) } ?? "not told")")
    }
    if let together = record.usable?.together {
      all.append("found by the model \(bits(record.estimate("usable.together", together)))")
    }
    guard !rows.isEmpty else { return nil }
    return DiagnosisText.Table(
      title: "Bits about the label" + (all.isEmpty ? "" : "; \(all.joined(separator: ", "))"),
      header: ["bits"] + record.modalities, rows: rows)
  }

  var routingTable: DiagnosisText.Table? {
    guard let routing = record.routing else { return nil }
    func row(_ title: String, _ key: String, _ found: AuditRecord.Share) -> [String] {
      [
        title, share("routing.\(key).share", found.share), share("routing.\(key).right", found.right),
      ]
    }
    var rows = [row(record.modalities.count == 2 ? "both" : "all", "both", routing.both)]
    for name in record.modalities {
      if let only = routing.only[name] { rows.append(row("only \(name)", "only.\(name)", only)) }
    }
    if let some = routing.some { rows.append(row("several", "some", some)) }
    rows.append(row("none", "neither", routing.neither))
    return DiagnosisText.Table(
      title: "Samples by which models of one modality are right, and how often the model is; its ceiling is "
        + "\(percent(routing.ceiling))",
      header: ["right alone", "share", "model right"], rows: rows)
  }

  var swapTable: DiagnosisText.Table? {
    let rows = record.modalities.compactMap { name -> [String]? in
      guard let swap = record.swap[name] else { return nil }
      func cell(_ key: String, _ value: Double?) -> String { share("swap.\(name).\(key)", value, signed: false) }
      return [
        name, cell("drop", swap.drop), cell("dropWithinClass", swap.dropWithinClass), cell("follow", swap.follow),
        cell("rest", swap.rest), swap.pairs.map { "\($0)" } ?? "–",
        bits(record.estimate("swap.\(name).divergence", swap.divergence)),
      ]
    }
    guard !rows.isEmpty else { return nil }
    return DiagnosisText.Table(
      title:
        "A modality taken from another sample: points lost, in pairs that disagree which side is followed, and bits "
        + "that answers move",
      header: ["modality", "loses", "same class", "follows it", "the rest", "pairs", "moves"], rows: rows)
  }

  var shareTable: DiagnosisText.Table? {
    var rows: [[String]] = []
    func add(_ title: String, _ path: String, _ values: [String: Double], together: Bool = false) {
      guard !values.isEmpty else { return }
      let names = record.modalities + (together ? [AuditRecord.Additivity.together] : [])
      rows.append(
        [title] + names.map { share("\(path).\($0)", values[$0]) } + (together ? [] : [""]))
    }
    add("of the variance of logits", "emap.shares", record.emap?.shares ?? [:], together: true)
    add("of what speaks for the answers", "shares", record.shares)
    add("of the score, gone without it", "utilisation", record.utilisation)
    guard !rows.isEmpty else { return nil }
    var more: [String] = []
    if let emap = record.emap {
      more.append(
        emap.byConstruction
          ? "a sum by construction" : "a sum would lose \(share("emap.gap", emap.gap, signed: true)) points")
    }
    if let cooperation = record.cooperation {
      more.append("cooperation \(share("cooperation", cooperation, signed: true))")
    }
    return DiagnosisText.Table(
      title: "Shares in %" + (more.isEmpty ? "" : "; \(more.joined(separator: ", "))"),
      header: ["share"] + record.modalities + ["together"], rows: rows)
  }

  /// Of the samples whose words and patches were left out, what each modality speaks for, and the words that speak most.
  var partTable: DiagnosisText.Table? {
    let known = (record.telling ?? []).compactMap { sample in sample.parts.map { (sample, $0) } }
    guard !known.isEmpty else { return nil }
    func most(_ parts: TellingSample.Parts, _ sign: Double) -> String {
      let found = parts.words.filter { sign * $0.value > 0.005 }.sorted { sign * $0.value > sign * $1.value }
      let words = found.prefix(3).map { "\($0.text.escapedForTerminal.clipped(24)) \(signed($0.value))" }
      return words.isEmpty ? "–" : words.joined(separator: ", ")
    }
    return DiagnosisText.Table(
      title:
        "Single samples: shares of what moves the answer when words and patches are left out, in %; words in points",
      header: ["sample", "answer"] + record.modalities + ["for it", "against it"],
      rows: known.map { sample, parts in
        [(sample.id ?? "\(sample.row)").escapedForTerminal.clipped(32), parts.answer.escapedForTerminal.clipped(32)]
          + record.modalities.map { name in
            parts.shares[name].map { "\(fixed(100 * $0, 0)) ± \(fixed(100 * parts.error, 0))" } ?? "–"
          } + [most(parts, 1), most(parts, -1)]
      })
  }

  private func share(_ path: String, _ value: Double?, signed isSigned: Bool = false) -> String {
    share(record.estimate(path, value), signed: isSigned)
  }

  private func share(_ estimate: Estimate?, signed isSigned: Bool = false) -> String {
    guard let estimate, estimate.value.isFinite else { return "–" }
    func show(_ value: Double) -> String { isSigned ? signed(value) : percent(value) }
    return show(estimate.value) + (estimate.interval95.map { " (\(show($0.low)) to \(show($0.high)))" } ?? "")
  }

  private func bits(_ estimate: Estimate?) -> String {
    guard let estimate, estimate.value.isFinite else { return "–" }
    return fixed(estimate.value, 2)
      + (estimate.interval95.map { " (\(fixed($0.low, 2)) to \(fixed($0.high, 2)))" } ?? "")
  }
}
