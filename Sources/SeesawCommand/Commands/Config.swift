import ArgumentParser
import Experiments
import Foundation
import Records

struct Config: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Show the configuration that a run would use.", subcommands: [Show.self], defaultSubcommand: Show.self)

  static let examples = ["seesaw config show --method balgrad", "seesaw config show --config run.yaml --json"]

  struct Show: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
      abstract: "Print every setting and where its value comes from; the text is itself a configuration.")

    static let examples = [
      "seesaw config show --method balgrad > balgrad.yaml", "seesaw config show --set optimizer=sgd --json",
    ]

    @Argument(help: "The folder of a feature set.")
    var data: String?

    @Option(
      help: ArgumentHelp("The method (default: \(RunConfiguration().methodName)).", valueName: "name"),
      completion: .method)
    var method: String?

    @Option(help: ArgumentHelp("The seed.", valueName: "number"))
    var seed: Int?

    @OptionGroup var configuration: ConfigurationOptions

    @Flag(help: "Print configuration and provenance as JSON.")
    var json = false

    @OptionGroup var talk: TalkOptions

    func run() throws {
      let output = Output(talk)
      let (_, resolved) = try Experiment.resolve(
        method: method, seed: seed, data: data.map { URL(filePath: $0) }, files: configuration.urls,
        settings: configuration.settings)
      if json {
        let provenance = Tree.table(resolved.provenance.mapValues(Tree.string))
        let answer = Tree.table(["configuration": resolved.tree, "provenance": provenance])
        try output.data(answer.json(.pretty, order: ConfigText.keyOrder))
      } else {
        try output.data(ConfigText.yaml(resolved))
      }
    }
  }
}

/// A configuration as YAML, each setting with where it comes from.
enum ConfigText {
  static let keyOrder = [
    "configuration", "provenance", "dataset", "seed", "data", "method", "model", "optimizer", "training", "evaluation",
    "name",
    "form",
  ]

  static func yaml(_ resolved: ResolvedConfiguration) -> String {
    var rows: [[String]] = []
    collect(resolved.tree, path: "", depth: 0, resolved.provenance, into: &rows)
    return Columns.text(rows)
  }

  private static func collect(
    _ tree: Tree, path: String, depth: Int, _ provenance: [String: String], into rows: inout [[String]]
  ) {
    let ranks = Dictionary(keyOrder.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    let entries = (tree.tableValue ?? [:]).sorted { (ranks[$0.key] ?? .max, $0.key) < (ranks[$1.key] ?? .max, $1.key) }
    let indent = String(repeating: "  ", count: depth)
    for (key, value) in entries {
      let place = path.isEmpty ? key : "\(path).\(key)"
      if let table = value.tableValue, !table.isEmpty {
        rows.append(["\(indent)\(key):"])
        collect(value, path: place, depth: depth + 1, provenance, into: &rows)
      } else {
        rows.append(["\(indent)\(key): \(scalar(value))", "# \(provenance[place] ?? "default")"])
      }
    }
  }

  /// A value that YAML reads back as the same.
  static func scalar(_ value: Tree) -> String {
    guard case .string(let text) = value else { return value.json() }
    let isPlain =
      text.first.map { $0.isLetter && $0.isASCII } == true
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-./".contains($0)) }
      && !["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"].contains(text.lowercased())
    return isPlain ? text : value.json()
  }
}
