public import Records

/// What is said of the methods outside the program, made from their cards.
public enum MethodPages {
  static let opening = "<!-- methods: generated -->"
  static let closing = "<!-- methods: end -->"

  /// The README's table, in the order given.
  public static func table(_ cards: [MethodCard]) -> String {
    let rows = cards.map { card in
      [
        "[`\(card.name)`](Documentation/methods/\(card.name).md)", Markdown.escaped(card.title), card.stage.words,
        card.citation.map { cited($0) } ?? "–", Markdown.escaped(card.summary),
      ]
    }
    let header = ["method", "title", "stage", "published", "what it does"]
    let rule = header.map { _ in ":--" }
    return ([header, rule] + rows).map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n") + "\n"
  }

  /// A text with the table between its two marks, `<!-- methods: generated -->` and `<!-- methods: end -->`.
  ///
  /// - Throws: a ``Diagnosis`` where the marks are not there, in order.
  public static func replacingTable(in text: String, with cards: [MethodCard]) throws -> String {
    guard let start = text.firstRange(of: opening), let end = text[start.upperBound...].firstRange(of: closing) else {
      throw Diagnosis(
        "the marks of the methods' table are missing", remedy: "put '\(opening)' and '\(closing)' where it belongs")
    }
    return text[..<start.upperBound] + "\n\(table(cards))" + text[end.lowerBound...]
  }

  /// The pages by file name, as `balgrad.md`.
  public static func pages(_ cards: [MethodCard]) -> [String: String] {
    Dictionary(cards.map { ("\($0.name).md", page($0)) }, uniquingKeysWith: { first, _ in first })
  }

  /// One method's page.
  public static func page(_ card: MethodCard) -> String {
    var parts = ["# \(Markdown.escaped(card.title))", Markdown.escaped(card.summary)]
    var facts = ["- Name: `\(card.name)`", "- Stage: \(card.stage.words)", "- Modalities: \(card.modalities.words)"]
    if card.sees != MethodCard.clean {
      facts.append("- Sees in training: \(card.sees.joined(separator: ", "))")
    }
    if !card.needs.isEmpty { facts.append("- Needs: \(Markdown.escaped(card.needs.joined(separator: "; ")))") }
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
