import Foundation
import Records

/// What differs between two runs, and only that.
struct RunDifference: Codable, Equatable {
  /// One thing that differs.
  struct Entry: Codable, Equatable {
    var path: String
    /// Nil where it is not there.
    var first: Tree?
    var second: Tree?
    /// Second less first, of numbers.
    var difference: Double?
  }

  var runs: [String]
  var settings: [Entry]
  var versions: [Entry]
  var data: [Entry]
  var scores: [Entry]

  static let keyOrder = ["runs", "settings", "versions", "data", "scores", "path", "first", "second", "difference"]

  init(_ first: RunFolder, _ second: RunFolder) throws {
    let records = [try first.readRecord(), try second.readRecord()]
    let evaluations = [try? first.readEvaluation(), try? second.readEvaluation()]
    runs = [first.url.relativePath, second.url.relativePath]
    settings = Self.entries(records[0].configuration, records[1].configuration).filter { $0.path != "dataset" }
    func machine(_ record: RunRecord) throws -> Tree {
      var tree = try Tree(encoding: record.versions, keys: .asNamed)
      tree[path: "device"] = .string(record.device)
      tree[path: "processor"] = .string(record.processor)
      return tree
    }
    versions = Self.entries(try machine(records[0]), try machine(records[1]))
    data = Self.entries(
      try Tree(encoding: records[0].data, keys: .asNamed), try Tree(encoding: records[1].data, keys: .asNamed))
    func scores(_ table: EvaluationTable?) -> Tree {
      guard let table else { return [:] }
      var tree: Tree = [:]
      for (name, value) in table.scores { tree = tree.overlaid(with: .table([name: .number(value)])) }
      for (name, value) in table.average { tree = tree.overlaid(with: .table(["average.\(name)": .number(value)])) }
      for (name, value) in table.gap { tree = tree.overlaid(with: .table(["gap.\(name)": .number(value)])) }
      return tree
    }
    self.scores = Self.entries(scores(evaluations[0]), scores(evaluations[1]))
  }

  private static func entries(_ a: Tree, _ b: Tree) -> [Entry] {
    let (x, y) = (leaves(a), leaves(b))
    return Set(x.keys).union(y.keys).sorted().filter { x[$0] != y[$0] }.map { path in
      let (first, second) = (x[path], y[path])
      let difference = first?.numberValue.flatMap { a in second?.numberValue.map { $0 - a } }
      return Entry(path: path, first: first, second: second, difference: difference)
    }
  }

  /// Values by path; a name with dots in it stays whole.
  private static func leaves(_ tree: Tree, under prefix: String = "") -> [String: Tree] {
    guard case .table(let entries) = tree else { return [prefix: tree] }
    var all: [String: Tree] = [:]
    for (key, value) in entries { all.merge(leaves(value, under: prefix.isEmpty ? key : "\(prefix).\(key)")) { $1 } }
    return all
  }

  var isEmpty: Bool { settings.isEmpty && versions.isEmpty && data.isEmpty && scores.isEmpty }

  /// For a terminal.
  var text: String {
    guard !isEmpty else { return "no difference in settings, versions, data and scores" }
    var blocks: [String] = []
    for (title, entries) in [("settings", settings), ("versions", versions), ("data", data)] where !entries.isEmpty {
      let rows = entries.map { [$0.path, Self.shown($0.first), Self.shown($0.second)] }
      blocks.append(Columns.text([[title, runs[0], runs[1]]] + rows))
    }
    if !scores.isEmpty {
      let rows = scores.map { entry in
        [
          entry.path, Self.percent(entry.first), Self.percent(entry.second),
          entry.difference.map { ($0 < 0 ? "" : "+") + Words.percent($0) } ?? "–",
        ]
      }
      blocks.append(Columns.text([["scores in %", runs[0], runs[1], "difference"]] + rows, right: [3]))
      blocks.append("two runs cannot tell a difference from noise: seesaw compare does, over seeds and test samples")
    }
    return blocks.joined(separator: "\n\n")
  }

  private static func shown(_ value: Tree?) -> String {
    guard let value else { return "–" }
    let word = value.plainWord
    // A digest says enough by its beginning.
    return word.count == 64 && word.allSatisfy(\.isHexDigit) ? String(word.prefix(12)) + "…" : word
  }

  private static func percent(_ value: Tree?) -> String { value?.numberValue.map(Words.percent) ?? "–" }
}
