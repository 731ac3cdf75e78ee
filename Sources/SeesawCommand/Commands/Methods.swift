import ArgumentParser
import Balancing
import Foundation
import Records
import Reports

struct Methods: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "List the methods, or tell all about one: what it needs, its settings, where it departs from its paper.")

  static let examples = ["seesaw methods", "seesaw methods balgrad --json"]

  @Argument(help: "A method's name.", completion: .method)
  var name: String?

  @Flag(help: "Print the cards as JSON.")
  var json = false

  @Option(help: ArgumentHelp("Write the methods' pages into this folder.", visibility: .hidden))
  var pages: String?

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    if let pages { return try write(to: URL(filePath: pages)) }
    if let name {
      let entry = try MethodRegistry.entry(name)
      try output.data(json ? Self.tree(entry).json(.pretty, order: Self.keyOrder) : Self.page(entry))
    } else if json {
      try output.data(Tree.list(MethodRegistry.entries.map(Self.tree)).json(.pretty, order: Self.keyOrder))
    } else {
      try output.data(Self.list(MethodRegistry.entries.map(\.card)))
      output.note("seesaw methods NAME tells more")
    }
  }

  /// What the documentation holds of the methods' cards.
  private func write(to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (file, text) in MethodPages.pages(MethodRegistry.entries.map(\.card)) {
      try AtomicFile.write(Data(text.utf8), to: folder.appending(path: file))
    }
  }

  static let keyOrder = [
    "name", "title", "stage", "summary", "modalities", "sees", "processes", "needs", "capabilities", "cost",
    "needsClasses",
    "citation", "settings",
    "key",
    "default",
    "departures",
  ]

  static func tree(_ entry: MethodRegistry.Entry) throws -> Tree {
    var tree = try Tree(encoding: entry.card, keys: .asNamed)
    tree[path: "processes"] = .string(entry.requirements.oneProcess == nil ? "several" : "one")
    tree[path: "capabilities"] = .list(entry.capabilities.map(Tree.string))
    return tree
  }

  static func list(_ cards: [MethodCard]) -> String {
    let rows = cards.map { [$0.name, $0.title, $0.stage.words, $0.citation?.short ?? "–"] }
    return Columns.text([["method", "title", "stage", "published"]] + rows)
  }

  static func page(_ entry: MethodRegistry.Entry) -> String {
    let card = entry.card
    var facts = [
      ["name", card.name], ["stage", card.stage.words], ["modalities", card.modalities.words],
      ["predicts", card.taskWords], ["sees", card.sees.joined(separator: ", ")],
    ]
    if let citation = card.citation {
      facts.append(["published", "\(citation.short): \(citation.title)"])
      if let url = citation.url { facts.append(["", url]) }
    }
    facts.append(["processes", card.processesWords])
    if let cost = card.costWords { facts.append(["cost", cost]) }
    facts += card.needs.enumerated().map { [$0 == 0 ? "needs" : "", $1] }
    if !entry.capabilities.isEmpty { facts.append(["besides", entry.capabilities.joined(separator: ", ")]) }
    var blocks = [card.title, card.summary, Columns.text(facts, indent: 2)]
    if !card.settings.isEmpty {
      let rows = card.settings.map { setting in
        let values = setting.allowed.isEmpty ? setting.range?.words ?? "" : setting.allowed.joined(separator: ", ")
        return [setting.key, setting.default.json(), setting.summary + (values.isEmpty ? "" : " (\(values))")]
      }
      blocks.append("settings\n" + Columns.text(rows, indent: 2))
    }
    if !card.departures.isEmpty {
      blocks.append("departures from the paper\n" + card.departures.map { "  - \($0)" }.joined(separator: "\n"))
    }
    return blocks.joined(separator: "\n\n")
  }
}
