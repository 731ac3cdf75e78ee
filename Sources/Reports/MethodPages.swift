public import Records

/// What is said of the methods outside the program, made from their cards.
public enum MethodPages {
  /// The list of all methods, in the order given: `README.md` of the pages' folder.
  public static func list(_ cards: [MethodCard]) -> String {
    let rows = cards.map { card in
      [
        "[`\(card.name)`](\(card.name).md)", Markdown.escaped(card.title), card.stage.words,
        card.citation.map { cited($0) } ?? "–", Markdown.escaped(card.summary),
      ]
    }
    let header = ["method", "title", "stage", "published", "what it does"]
    let table = ([header, header.map { _ in ":--" }] + rows).map { "| " + $0.joined(separator: " | ") + " |" }
    return """
      # Methods

      All are trained by `seesaw train --method NAME` and compared by `seesaw compare --methods a,b`. A page has what the
      method needs, its settings, and where it departs from its paper; `seesaw methods NAME` prints it.

      \(table.joined(separator: "\n"))

      """
  }

  /// The pages by file name, as `balgrad.md`, and `README.md`, which lists them.
  public static func pages(_ cards: [MethodCard]) -> [String: String] {
    Dictionary(
      cards.map { ("\($0.name).md", page($0)) } + [("README.md", list(cards))], uniquingKeysWith: { first, _ in first })
  }

  /// One method's page.
  public static func page(_ card: MethodCard) -> String {
    var parts = ["# \(Markdown.escaped(card.title))", Markdown.escaped(card.summary)]
    var facts = ["- Name: `\(card.name)`", "- Stage: \(card.stage.words)", "- Modalities: \(card.modalities.words)"]
    facts.append("- Predicts: \(Markdown.escaped(card.taskWords))")
    if card.sees != MethodCard.clean {
      facts.append("- Sees in training: \(card.sees.joined(separator: ", "))")
    }
    if !card.needs.isEmpty { facts.append("- Needs: \(Markdown.escaped(card.needs.joined(separator: "; ")))") }
    facts.append("- Processes: \(Markdown.escaped(card.processesWords))")
    if let cost = card.costWords { facts.append("- Cost: \(cost)") }
    parts.append(facts.joined(separator: "\n"))
    if let citation = card.citation {
      let link = citation.url.map { " <\($0)>" } ?? ""
      parts.append(
        "## Paper\n\n"
          + Markdown.escaped("\(citation.authors.joined(separator: ", ")): \(citation.title). \(citation.venue), ")
          + "\(citation.year).\(link)")
    }
    if !card.settings.isEmpty {
      let rows = card.settings.map { setting in
        [
          "`\(setting.key)`", "`\(setting.default.json())`",
          setting.allowed.isEmpty
            ? setting.range?.words ?? "" : setting.allowed.map { "`\($0)`" }.joined(separator: ", "),
          Markdown.escaped(setting.summary),
        ]
      }
      let header = ["setting", "default", "may be", "what it does"]
      parts.append(
        "## Settings\n\n"
          + ([header, header.map { _ in ":--" }] + rows).map { "| " + $0.joined(separator: " | ") + " |" }
          .joined(separator: "\n"))
      parts.append("Set one with `--set \(card.settings[0].key)=…`.")
    }
    if !card.departures.isEmpty {
      parts.append(
        "## Where it departs from the paper\n\n"
          + card.departures.map { "- \(Markdown.escaped($0))" }.joined(separator: "\n"))
    }
    return parts.joined(separator: "\n\n") + "\n"
  }

  private static func cited(_ citation: Citation) -> String {
    let text = Markdown.escaped(citation.short)
    return citation.url.map { "[\(text)](\($0))" } ?? text
  }
}

extension Stage {
  /// The stage in words, as `data input`.
  public var words: String {
    switch self {
    case .baseline: "baseline"
    case .dataInput: "data input"
    case .feedForward: "feed-forward"
    case .objective: "objective"
    case .optimization: "optimization"
    }
  }
}

extension MethodCard {
  /// The measured cost in words; nil where it was not measured.
  public var costWords: String? {
    cost.map { "a step takes \(fixed($0, 1)) times joint training's, measured by make bench" }
  }
}
