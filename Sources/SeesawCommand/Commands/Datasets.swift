import ArgumentParser
import Datasets
import Experiments
import Foundation
import Records
import Reports

/// `seesaw datasets`.
struct DatasetsCommand: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    commandName: "datasets",
    abstract: "List the published data sets that are read as they come, tell all about one, or check its files.",
    subcommands: [List.self, Show.self, CheckFiles.self], defaultSubcommand: List.self)

  static let examples = ["seesaw datasets", "seesaw datasets check hateful-memes ~/data/hateful_memes"]

  static let keyOrder = [
    "name", "title", "summary", "modalities", "task", "classes", "classNames", "metric", "splits", "protocols",
    "sources",
    "terms", "layout", "variants", "peculiarities", "citation", "variant", "folder", "isUsable", "counts", "published",
    "problems", "remarks", "what", "count", "examples", "train", "validation", "test",
  ]

  struct List: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(commandName: "ls", abstract: "List the data sets.")
    static let examples = ["seesaw datasets ls", "seesaw datasets ls --json"]

    @Flag(help: "Print the cards as JSON.")
    var json = false

    @Option(help: ArgumentHelp("Write the page of all data sets into this file.", visibility: .hidden))
    var page: String?

    @OptionGroup var talk: TalkOptions

    func run() throws {
      let output = Output(talk)
      let cards = DatasetLayouts.cards
      if let page { return try AtomicFile.write(Data(DatasetPages.page(cards).utf8), to: URL(filePath: page)) }
      if json { return try output.json(cards, order: DatasetsCommand.keyOrder) }
      let rows = cards.map { card in
        [
          card.name, card.title, card.modalities.joined(separator: ", "), card.task, "\(card.classes)", card.metric,
          card.citation?.short ?? "–",
        ]
      }
      try output.data(
        Columns.text(
          [["name", "data set", "modalities", "task", "classes", "metric", "published"]] + rows, right: [4]))
      output.note(
        "seesaw datasets show NAME tells more; any other data: seesaw check FOLDER says what it is and which command takes it"
      )
    }
  }

  struct Show: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
      abstract: "Tell all about a data set: where to get it, its terms, which files belong where, what surprises.")
    static let examples = ["seesaw datasets show hateful-memes", "seesaw datasets show mm-imdb --json"]

    @Argument(help: "A data set's name.")
    var name: String

    @Flag(help: "Print the card as JSON.")
    var json = false

    @OptionGroup var talk: TalkOptions

    func run() throws {
      let output = Output(talk)
      let card = try DatasetLayouts.card(named: name)
      if json { return try output.json(card, order: DatasetsCommand.keyOrder) }
      try output.data(Self.text(card))
    }

    static func text(_ card: DatasetCard) -> String {
      func lines(_ name: String, _ values: [String]) -> [[String]] {
        values.enumerated().map { [$0 == 0 ? name : "", $1] }
      }
      var facts = [
        ["name", card.name], ["modalities", card.modalities.joined(separator: ", ")],
        ["task", "\(card.task), \(card.classes) classes"],
      ]
      if (1...25).contains(card.classNames.count) {
        facts.append(["classes", card.classNames.joined(separator: ", ")])
      }
      facts.append(["metric", card.metric])
      if let splits = card.splitWords { facts.append(["samples", splits]) }
      facts += lines("protocol", card.protocols)
      facts += lines("where", card.sources)
      facts.append(["terms", card.terms])
      if let citation = card.citation {
        facts.append(["published", "\(citation.short): \(citation.title)"])
        if let url = citation.url { facts.append(["", url]) }
      }
      var blocks = [card.title, card.summary, Columns.text(facts, indent: 2)]
      func block(_ title: String, _ lines: [String]) {
        if !lines.isEmpty { blocks.append(title + "\n" + lines.map { "  \($0)" }.joined(separator: "\n")) }
      }
      block("files", card.layout)
      if !card.variants.isEmpty {
        blocks.append("variants\n" + Columns.text(card.variants.map { [$0.name, $0.summary] }, indent: 2))
      }
      block("what surprises", card.peculiarities.map { "- \($0)" })
      block("go on with", card.commands)
      return blocks.joined(separator: "\n\n")
    }
  }

  struct CheckFiles: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
      commandName: "check",
      abstract:
        "List everything that is wrong with the files of a data set, in groups with counts; exit status 1 where something is.",
      discussion: "Pictures are opened too. Problems of the data itself, such as leaks, are found by 'seesaw check'.")
    static let examples = [
      "seesaw datasets check hateful-memes ~/data/hateful_memes", "seesaw datasets check ~/data/mmimdb --json",
    ]

    @Argument(
      help: ArgumentHelp(
        "The data set's folder, after its name where the files do not tell.", valueName: "name> <folder"))
    var words: [String]

    @Option(help: ArgumentHelp("Which of the layout's ways to read it.", valueName: "name"))
    var variant: String?

    @Flag(help: "Only look whether pictures are there, without opening them.")
    var unopened = false

    @Flag(help: "Print what was found as JSON.")
    var json = false

    @OptionGroup var talk: TalkOptions

    func validate() throws {
      guard (1...2).contains(words.count) else { throw ValidationError("Name a folder, or a data set and its folder.") }
    }

    func run() throws {
      let output = Output(talk)
      var request = LayoutCheckRequest(folder: URL(filePath: words[words.count - 1]))
      if words.count == 2 { request.layout = words[0] }
      request.variant = variant
      request.opens = !unopened
      let findings = try Experiment.checkLayout(request, stop: Interruption.flag(), events: output.events)
      if json {
        try output.json(findings, order: DatasetsCommand.keyOrder)
      } else {
        try output.data(Self.text(findings))
      }
      guard !findings.problems.isEmpty else { return }
      let left = findings.problems.reduce(0) { $0 + $1.count }
      throw Diagnosis(
        findings.isUsable
          ? "\(Words.plural(left, "sample")) cannot be used"
          : "the data set cannot be used as it is",
        place: findings.folder,
        remedy: findings.isUsable
          ? "seesaw encode leaves them out, and lists them in quarantine.jsonl"
          : "seesaw datasets show \(findings.layout) draws what belongs where",
        exitStatus: .failed)
    }

    static func text(_ findings: LayoutFindings) -> String {
      let splits = ["train", "validation", "test"].compactMap { name in
        findings.counts[name].map { "\(Words.count($0)) \(name)" }
      }
      let what = [findings.layout, findings.variant.map { "(\($0))" }].compactMap { $0 }.joined(separator: " ")
      let head =
        splits.isEmpty
        ? "\(what) · nothing usable"
        : "\(what) · \(splits.joined(separator: ", ")) · \(Words.plural(findings.classes, "class").replacing("classs", with: "classes"))"
      func block(_ finding: LayoutFindings.Finding) -> String {
        let count = finding.count > 1 ? "\(Words.count(finding.count)) × " : ""
        let shown = finding.examples.map { "    \($0)" }
        let more = finding.examples.isEmpty ? 0 : finding.count - finding.examples.count
        return (["  \(count)\(finding.what)"] + shown + (more > 0 ? ["    … and \(Words.count(more)) more"] : []))
          .joined(separator: "\n")
      }
      var blocks = [head]
      if !findings.problems.isEmpty {
        blocks.append("amiss\n" + findings.problems.map(block).joined(separator: "\n"))
      }
      if !findings.remarks.isEmpty {
        blocks.append("worth knowing\n" + findings.remarks.map(block).joined(separator: "\n"))
      }
      if findings.problems.isEmpty { blocks.append("nothing is amiss") }
      return blocks.joined(separator: "\n\n")
    }
  }
}
