public import Foundation
import Mustache
public import Records

/// A report as one page of HTML that asks the network for nothing.
///
/// Figures are drawn by Plotly from `plotly.min.js` beside the page; where that is missing, and on paper, our own
/// pictures stand in their place.
public struct HTMLReport {
  let contents: ReportContents
  let cards: [String: MethodCard]
  let version: String
  let made: String
  let isStill: Bool
  let pictures: [URL: String]
  /// Seconds after which the page looks whether it has grown; nil where it is finished.
  let live: Double?
  /// The audit that the page is of, or that of its diagnosis, in words.
  let auditText: AuditText?

  /// - Parameters:
  ///   - cards: of the methods, by name.
  ///   - version: of Seesaw.
  ///   - made: the day, as the page says it.
  ///   - isStill: whether no Plotly lies beside the page.
  ///   - pictures: where the page finds the picture of a raw sample.
  ///   - live: seconds after which it looks whether it has grown; nil where it is finished.
  public init(
    _ contents: ReportContents, cards: [MethodCard] = [], version: String = "", made: String = "",
    isStill: Bool = false,
    pictures: [URL: String] = [:], live: Double? = nil
  ) {
    self.live = live
    self.contents = contents
    auditText = (contents.audit ?? contents.diagnosis?.audit).map { AuditText($0) }
    self.cards = Dictionary(cards.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    self.version = version
    self.made = made
    self.isStill = isStill
    self.pictures = pictures
  }

  /// The whole page.
  public func html() throws -> String {
    let library = try Self.library()
    guard let page = library.render(try view(), withTemplate: "page") else {
      throw Diagnosis("the page's template is not there", exitStatus: .defect)
    }
    return page
  }

  // MARK: The template

  private static func library() throws -> MustacheLibrary {
    MustacheContentTypes.register(PageContentType(), named: "PAGE")
    var library = MustacheLibrary()
    for (name, bytes) in [
      ("page", PackageResources.page_mustache), ("figure", PackageResources.figure_mustache),
      ("table", PackageResources.table_mustache),
    ] {
      library.register(try MustacheTemplate(string: String(decoding: bytes, as: UTF8.self)), named: name)
    }
    return library
  }

  /// Escapes what the page shows, after taking out what could disturb it.
  private struct PageContentType: MustacheContentType {
    func escapeText(_ text: String) -> String { PageText.escaped(text) }
  }

  private static let script = String(decoding: PackageResources.page_js, as: UTF8.self)

  /// What the page may do: its own script by digest, the file beside it, pictures of its folder, and nothing else; one of
  /// runs that still train may look whether it has grown.
  private var policy: String {
    let digest = Data(SHA256.hash(data: Data(Self.script.utf8)).bytes).base64EncodedString()
    return [
      "default-src 'none'", "script-src 'sha256-\(digest)' 'self' file:", "style-src 'unsafe-inline'",
      "img-src 'self' file: data: blob:", "base-uri 'none'", "form-action 'none'",
    ].joined(separator: "; ") + (live == nil ? "" : "; connect-src 'self'")
  }

  // MARK: What is on it

  private func view() throws -> PageView {
    let results = contents.results
    let headline = headline
    return PageView(
      title: results.dataset.isEmpty ? "Results" : results.dataset, description: headline.verdict,
      policy: policy, isStill: isStill, rawStyle: String(decoding: PackageResources.page_css, as: UTF8.self),
      rawScript: Self.script, subtitle: [results.dataset, subtitle].filter { !$0.isEmpty }.joined(separator: " · "),
      verdict: PageText.typeset(headline.verdict),
      numbers: headline.numbers.map {
        NumberView(name: $0.name, value: $0.value, unit: $0.unit, aside: $0.range, note: PageText.typeset($0.note))
      },
      numbersOf: headline.of, next: headline.next.map { CodeView(caption: $0.why, text: $0.text) },
      answer: answer.map { AnswerView(about: $0.about, words: PageText.typeset($0.words)) },
      notices: [contents.unfinished?.words, live == nil ? nil : "This page follows the runs while they train."]
        .compactMap { $0 },
      live: live.map { fixed($0, 1) },
      stillness: isStill
        ? ["Plotly was not found when this page was made, so its figures stand still: make setup fetches it."]
        : [],
      seesaws: seesaws(), questions: try questions(),
      footer: "Made by Seesaw\(version.isEmpty ? "" : " \(version)")\(made.isEmpty ? "" : " on \(made)")"
        + ", from records alone: the same runs give the same page.")
  }

  /// Everything below the first screen, by what a reader asks; open is what most come for.
  private func questions() throws -> [QuestionView] {
    let isAudit = contents.audit != nil
    let lean = QuestionView(
      "lean", "What does it lean on?", isOpen: true,
      [
        diagnosed("says", "What its answers say", ["Says itself"]), auditData(), auditModel(), try reliance(),
        additions(),
      ])
    let cost = QuestionView(
      "cost", "What does it cost?", isOpen: true,
      [leaderboard(), regret(), scores(), try sweep(), auditScores()])
    // Of a comparison the first figure is of the method that the verdict names.
    let isComparison = !isAudit && contents.diagnosis == nil && contents.results.methods.count > 1
    return [
      isComparison ? cost : lean, isComparison ? lean : cost,
      QuestionView(
        "why", "Why?", isOpen: isAudit, [auditPlace(), diagnosis(), try losses(), try cosines()]),
      QuestionView("help", "What helps?", isOpen: isAudit, [auditAdvice(), balance()]),
      QuestionView(
        "trust", "Can I trust the numbers?", isOpen: false,
        [
          diagnosed("believed", "Its confidence, and other splits", ["Trust", "Splits"]), tests(), notes(),
          try calibration(), data(), auditUntold(),
        ]),
      QuestionView(
        "samples-and-classes", "Which samples?", isOpen: isAudit, [samples(), try relianceBySample(), try confusion()]),
      QuestionView("made", "How was it made?", isOpen: false, [provenance(), methods()]),
    ].compactMap { $0 }
  }

  private var headline: Headline {
    if let diagnosis = contents.diagnosis { return Headline(diagnosis, titles: titles) }
    if let audit = contents.audit { return Headline(audit, command: contents.command) }
    let run = contents.runs.count == 1 ? contents.runs.first?.folder.relativePath : nil
    return Headline(
      contents.results, data: contents.runs.first.map { $0.record.data.path.shellQuoted },
      run: run?.shellQuoted, titles: titles)
  }

  /// What of a diagnosis stands on the first screen; the rest stands with the question that it answers.
  private static let firstHeadings: Set<String> = ["Leans on", "Costs", "Try"]

  /// The diagnosis where there is one, else what the comparison found.
  private var answer: [AnswerView] {
    if let diagnosis = contents.diagnosis {
      let text = DiagnosisText(diagnosis, titles: titles)
      let verdict =
        auditText?.paragraphs.first.map { [AnswerView(about: "Audit", words: audited($0.text, diagnosis))] } ?? []
      return text.paragraphs.filter { Self.firstHeadings.contains($0.heading) }
        .map { AnswerView(about: $0.heading, words: $0.text) } + verdict
    }
    if contents.audit != nil, let auditText {
      return auditText.paragraphs.filter { ["Verdict", "Advice"].contains($0.heading) }.map {
        AnswerView(about: $0.heading, words: $0.text)
      }
    }
    let found = Findings(contents.results, titles: titles)
    return (contents.results.methods.count < 2 ? found.standing + [found.leaning] : found.sentences).map {
      AnswerView(words: $0)
    }
  }

  /// What an audit says first.
  ///
  /// Where the diagnosis does not say that the model leans there, it is told by what was seen: one page says one thing.
  private func audited(_ words: String, _ diagnosis: ModelDiagnosis) -> String {
    let lead = "Leans on "
    let isSame = diagnosis.leaning.verdict == .leans && words.hasPrefix("\(lead)\(diagnosis.leaning.modality): ")
    guard words.hasPrefix(lead), !isSame, let colon = words.firstRange(of: ": ") else { return words }
    let seen = words[colon.upperBound...]
    return seen.prefix(1).uppercased() + seen.dropFirst()
  }

  /// What methods are called.
  var titles: [String: String] {
    var titles = cards.mapValues(\.title)
    // A row that is named after its method and set otherwise is called as it is named.
    for row in contents.results.methods where titles[row.name] == nil { titles[row.name] = row.name }
    return titles
  }

  func title(_ name: String) -> String { titles[name] ?? name }

  /// The family of a row's method.
  func stage(_ row: ComparisonResults.MethodRow) -> Stage { cards[contents.method(of: row)]?.stage ?? .baseline }

  /// What a row's lines are dashed by: its place among the rows of its family.
  func dash(_ row: ComparisonResults.MethodRow) -> Int {
    let kin = contents.results.methods.filter { stage($0) == stage(row) }
    return kin.firstIndex { $0.name == row.name } ?? 0
  }

  private var subtitle: String {
    if contents.audit != nil, let auditText { return auditText.heading }
    let results = contents.results
    let seeds = results.methods.map(\.runs.count)
    var parts: [String] = []
    if results.methods.count == 1, let row = results.methods.first {
      parts.append("\(title(row.name)), \(counted(row.runs.count, "seed"))")
    } else if let low = seeds.min(), let high = seeds.max() {
      let each = low == high ? counted(low, "seed") : "\(low) to \(high) seeds"
      parts.append("\(counted(results.methods.count, "method")) × \(each)")
    }
    if !results.metric.isEmpty { parts.append(metricTitle(results.metric)) }
    if let data = contents.runs.first?.record.data {
      if let test = data.counts["test"] { parts.append(counted(test, "test sample")) }
      // A regression has none.
      if !data.classes.isEmpty {
        parts.append(data.classes.count == 1 ? "1 class" : "\(data.classes.count) classes")
      }
    }
    if !contents.modalities.isEmpty { parts.append(PageText.list(contents.modalities)) }
    return parts.joined(separator: " · ")
  }

  /// The baseline and the row that the answer names (what a diagnosis chose, what gives away least, else the best balanced),
  /// on their beams, where there are two modalities.
  private func seesaws() -> [SeesawView] {
    let names = contents.modalities
    let results = contents.results
    guard names.count == 2, let baseline else { return [] }
    var rows = [baseline]
    let least = results.methods.filter { $0.worstRegret != nil }
      .min { ($0.worstRegret?.value ?? 0) < ($1.worstRegret?.value ?? 0) }
    // A diagnosis names what it tried, and chose by the validation split.
    let chosen = contents.diagnosis?.trial?.chosen.flatMap { results.method($0) }
    if let row = chosen ?? least ?? results.front?.pick(.balanced).flatMap({ results.method($0.name) }),
      row.name != baseline.name
    {
      rows.append(row)
    }
    return rows.compactMap { row in
      guard let first = row.mean.scores["\(names[0])-missing"], let second = row.mean.scores["\(names[1])-missing"]
      else { return nil }
      // The side that is missed more is the heavier one.
      let tilt = min(max((first - second) * 40, -13), 13)
      return SeesawView(
        name: ComparisonTable.marked(title(row.name), row),
        words: "\(percent(first)) % without \(names[0]), \(percent(second)) % without \(names[1])",
        tilt: fixed(tilt, 1), left: names[0], right: names[1], leftToken: Ink.modality(0).token,
        rightToken: Ink.modality(1).token)
    }
  }

  /// What the others are compared with.
  var baseline: ComparisonResults.MethodRow? {
    contents.results.baseline.flatMap(contents.results.method)
  }

  /// The rows as figures show them: the baseline, what the preferences take, then the others.
  var rowsByInterest: [ComparisonResults.MethodRow] {
    let results = contents.results
    var names = baseline.map { [$0.name] } ?? []
    names += results.front?.picks.map(\.name) ?? []
    names += results.methods.map(\.name)
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }.compactMap(results.method)
  }

  // MARK: Figures

  func figure(_ id: String, _ chart: Chart, _ table: TableView? = nil) throws -> FigureView {
    FigureView(
      id: id, title: chart.title, summary: chart.summary, rawPicture: ChartSVG.text(chart),
      rawData: isStill ? "null" : try PageText.json(PlotlyFigure(chart)), isWide: chart.isWide,
      height: chart.isWide ? 440 : 290, aside: chart.aside, table: table)
  }

  func figure(_ id: String, _ chart: HeatChart, _ table: TableView? = nil) throws -> FigureView {
    let rows = chart.rows.count
    return FigureView(
      id: id, title: chart.title, summary: chart.summary, rawPicture: ChartSVG.text(chart),
      rawData: isStill ? "null" : try PageText.json(PlotlyFigure(chart)), isWide: chart.isWide,
      height: min(max(rows * 15 + 150, chart.isWide ? 340 : 420), 1100), aside: chart.aside, table: table)
  }
}
