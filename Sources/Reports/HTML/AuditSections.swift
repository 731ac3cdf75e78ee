import Records

extension HTMLReport {
  /// The audit that the page is of, or that of its diagnosis.
  private var audited: AuditRecord? { contents.audit ?? contents.diagnosis?.audit }

  /// What an audit says under a heading of its.
  private func words(_ headings: [String]) -> [String] {
    let paragraphs = auditText?.paragraphs ?? []
    return headings.flatMap { heading in paragraphs.filter { $0.heading == heading }.map(\.text) }
  }

  private func section(_ id: String, _ heading: String, _ lead: [String], _ blocks: [BlockView] = []) -> SectionView? {
    lead.isEmpty && blocks.isEmpty ? nil : SectionView(id: id, heading: heading, lead: lead, blocks: blocks)
  }

  func auditData() -> SectionView? {
    guard let record = audited else { return nil }
    return section(
      "audit-data", "What the data hold", words(["Data"]),
      (Self.isOfData(record) ? figures([bitsFigure(record)]) + blocks(auditText?.bitsTable) : [])
        + blocks(auditText?.sampleTable))
  }

  func auditModel() -> SectionView? {
    guard let record = audited, let text = auditText else { return nil }
    return section(
      "audit-model", "What the model takes",
      (contents.audit == nil ? words(["Verdict"]) : []) + words(["Model", "Disagree"]),
      figures([shareFigure(record), conflictFigure(record)])
        + (Self.isOfData(record) ? [] : blocks(text.bitsTable)) + blocks(text.routingTable) + blocks(text.swapTable)
        + blocks(text.shareTable))
  }

  /// Without models of one modality the table of bits only says what the model takes.
  private static func isOfData(_ record: AuditRecord) -> Bool {
    record.pid != nil || !(record.usable?.available.isEmpty ?? true)
  }

  func auditPlace() -> SectionView? { section("audit-place", "Where it is lost", words(["Place"])) }

  func auditAdvice() -> SectionView? { section("audit-advice", "What to do", words(["Advice"])) }

  func auditScores() -> SectionView? {
    guard let record = contents.audit else { return nil }
    let table = auditText?.scoreTable.map { table in
      let rows = table.rows.map { [conditionWords($0[0], modalities: record.modalities)] + $0.dropFirst() }
      return DiagnosisText.Table(title: table.title, header: table.header, rows: rows)
    }
    return section("audit-scores", "What it scores under each condition", [], blocks(table))
  }

  func auditUntold() -> SectionView? {
    guard let record = audited else { return nil }
    return section("audit-untold", "What was not told", words(["Untold"]) + record.notes.map { "Note: \($0)." })
  }

  private func blocks(_ table: DiagnosisText.Table?) -> [BlockView] {
    guard let table else { return [] }
    // On the page of a diagnosis it is one part among many.
    return contents.audit == nil
      ? [BlockView(folded: Self.view(table))]
      : [BlockView(subheading: table.title), BlockView(table: Self.view(table))]
  }

  private func figures(_ all: [FigureView?]) -> [BlockView] {
    let there = all.compactMap { $0 }
    return there.isEmpty ? [] : [BlockView(figures: FiguresView(there))]
  }

  private func token(_ name: String, _ record: AuditRecord) -> String {
    record.modalities.firstIndex(of: name).map { Ink.modality($0).token } ?? Ink.quiet.token
  }

  // MARK: Figures

  /// Bits that the sources hold alone, alike and only together: of the labels, and of the model's answers.
  private func bitsFigure(_ record: AuditRecord) -> FigureView? {
    guard let pid = record.pid else { return nil }
    func row(
      _ title: String, _ redundant: Double, _ unique: [String: Double], _ synergy: Double?
    ) -> StackedBars.Row {
      StackedBars.Row(
        title: title,
        parts: record.modalities.map { name in
          StackedBars.Part(name: "only \(name)", value: unique[name] ?? 0, token: token(name, record))
        } + [
          StackedBars.Part(name: "alike", value: redundant, token: Ink.quiet.token),
          StackedBars.Part(name: "only together", value: synergy ?? 0, token: Ink.text.token),
        ])
    }
    var rows = [row("the labels", pid.redundant, pid.unique, pid.synergy)]
    if let model = pid.model { rows.append(row("the model's answers", model.redundant, model.unique, model.synergy)) }
    return picture(
      "audit-bits", "Bits that models of one modality find", StackedBars(rows: rows, decimals: 2, isWhole: false))
  }

  /// How much of the answers each modality makes, by measures that need no labels.
  private func shareFigure(_ record: AuditRecord) -> FigureView? {
    var rows: [StackedBars.Row] = []
    func add(_ title: String, _ shares: [String: Double]) {
      guard !shares.isEmpty else { return }
      rows.append(
        StackedBars.Row(
          title: title,
          parts: (record.modalities + [AuditRecord.Additivity.together]).compactMap { name in
            shares[name].map {
              StackedBars.Part(
                name: name, value: 100 * $0,
                token: name == AuditRecord.Additivity.together ? Ink.text.token : token(name, record))
            }
          }))
    }
    add("variance of logits", record.emap?.shares ?? [:])
    add("what speaks for answers", record.shares)
    return rows.isEmpty
      ? nil : picture("audit-shares", "What its answers are made of, in %", StackedBars(rows: rows, decimals: 0))
  }

  /// Whom the model follows where modalities contradict each other.
  private func conflictFigure(_ record: AuditRecord) -> FigureView? {
    let rows = record.modalities.compactMap { name -> StackedBars.Row? in
      guard let swap = record.swap[name], let follow = swap.follow, let rest = swap.rest else { return nil }
      let other = record.modalities.count == 2 ? record.modalities.first { $0 != name } : nil
      return StackedBars.Row(
        title: "\(name) from elsewhere",
        parts: [
          StackedBars.Part(name: "follows \(name)", value: 100 * follow, token: token(name, record)),
          StackedBars.Part(name: "neither", value: max(100 * (1 - follow - rest), 0), token: Ink.quiet.token),
          StackedBars.Part(
            name: "follows \(other ?? "the rest")", value: 100 * rest,
            token: other.map { token($0, record) } ?? Ink.faint.token),
        ])
    }
    return rows.isEmpty
      ? nil
      : picture(
        "audit-conflicts", "Whom it follows where they contradict each other, in %",
        StackedBars(rows: rows, decimals: 0))
  }

  private func picture(_ id: String, _ title: String, _ bars: StackedBars) -> FigureView {
    FigureView(
      id: id, title: title, summary: bars.summary, rawPicture: bars.text, rawData: "null", isWide: true,
      height: Int(bars.height), aside: nil)
  }

  /// A text table as the page shows it.
  static func view(_ table: DiagnosisText.Table) -> TableView {
    let corner = table.header.first ?? ""
    return TableView(
      table.title, corner: corner.isEmpty ? "what" : corner,
      columns: table.header.dropFirst().map { TableView.Column(words: $0) },
      rows: table.rows.map { row in
        TableView.Row(
          head: row.first ?? "",
          cells: row.dropFirst().map {
            TableView.Cell(words: $0.replacing("-", with: "−"), value: leadingNumber($0), kind: "figures")
          })
      })
  }

  /// What a cell is sorted by: the number it begins with.
  private static func leadingNumber(_ text: String) -> String {
    let word = text.split(separator: " ").first.map(String.init) ?? ""
    return Double(word).map { "\($0)" } ?? ""
  }
}

/// Bars of parts side by side, a row each, with a key below.
struct StackedBars {
  struct Part {
    let name: String
    /// 0 or more.
    let value: Double
    let token: String
  }

  struct Row {
    let title: String
    let parts: [Part]
  }

  var rows: [Row]
  /// Of the numbers on the bars.
  var decimals: Int
  /// Whether every bar is a whole, or as long as its parts are against the longest.
  var isWhole = true

  private static let width = 880.0
  private static let step = 44.0

  var height: Double { Self.step * Double(rows.count) + 34 }

  var summary: String {
    rows.map { row in
      "\(row.title): " + row.parts.map { "\($0.name) \(fixed($0.value, decimals))" }.joined(separator: ", ")
    }.joined(separator: "; ") + "."
  }

  var text: String {
    let left = min(max((rows.map { SVG.length($0.title) }.max() ?? 0) + 16, 60), 240)
    let room = Self.width - left - 8
    let totals = rows.map { row in row.parts.reduce(0) { $0 + max($1.value, 0) } }
    let longest = max(totals.max() ?? 0, 1e-9)
    var out = ChartSVG.Picture(Self.width, height)
    for (number, row) in rows.enumerated() {
      let y = Self.step * Double(number) + 6
      out.words(SVG.shortened(row.title, to: left - 12), left - 8, y + 19, "tick", anchor: "end")
      let whole = max(isWhole ? totals[number] : longest, 1e-9)
      var x = left
      for part in row.parts where part.value > 0 {
        let length = room * part.value / whole
        out.box(x, y, max(length - 1, 0.5), 18, "bar fill-\(part.token)")
        let words = fixed(part.value, decimals)
        if SVG.length(words) + 4 < length { out.words(words, x + length / 2, y + 32, "tick", anchor: "middle") }
        x += length
      }
    }
    var x = left
    var named: Set<String> = []
    for part in rows.flatMap(\.parts) where named.insert(part.name).inserted {
      let y = height - 12
      out.box(x, y - 9, 10, 10, "bar fill-\(part.token)")
      out.words(part.name, x + 15, y, "tick")
      x += SVG.length(part.name) + 34
    }
    return out.text
  }
}
