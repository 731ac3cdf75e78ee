import ArgumentParser
import Experiments
import Foundation
import Records

struct Runs: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Look at runs: list them, or show one.", subcommands: [List.self, Show.self])

  static let examples = ["seesaw runs ls", "seesaw runs show runs/first"]

  struct List: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(commandName: "ls", abstract: "List the runs below a folder.")

    static let examples = ["seesaw runs ls", "seesaw runs ls runs/demo --json"]

    @Argument(help: "A folder.")
    var folder = "runs"

    @Flag(help: "Print the list as JSON.")
    var json = false

    @OptionGroup var talk: TalkOptions

    func run() throws {
      let output = Output(talk)
      let root = URL(filePath: folder)
      guard FileManager.default.fileExists(atPath: root.path) else {
        throw Diagnosis("there is no folder '\(folder)'", exitStatus: .input)
      }
      let found = RunRow.below(root)
      for problem in found.problems { output.note(problem) }
      if json {
        try output.json(found.rows, order: RunRow.keyOrder)
      } else if found.rows.isEmpty {
        output.note("there are no runs below '\(folder)'")
      } else {
        try output.data(RunRow.text(found.rows))
      }
    }
  }

  struct Show: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(abstract: "Show a run: what it was made with, and how it did.")

    static let examples = ["seesaw runs show runs/first", "seesaw runs show runs/first --json"]

    @Argument(help: ArgumentHelp("The folder of a run.", valueName: "run"))
    var folder: String

    @Flag(help: "Print record and evaluation as JSON.")
    var json = false

    @OptionGroup var talk: TalkOptions

    func run() throws {
      let output = Output(talk)
      let run = RunFolder(URL(filePath: folder))
      guard run.exists else {
        throw Diagnosis("there is no run here", place: folder, remedy: "seesaw runs ls lists them", exitStatus: .input)
      }
      var record = try run.readRecord()
      record.status = run.status(of: record)
      let evaluation = FileManager.default.fileExists(atPath: run.evaluation.path) ? try run.readEvaluation() : nil
      if json {
        var answer: Tree = ["record": try Tree(encoding: record, keys: .asNamed)]
        if let evaluation { answer[path: "evaluation"] = try Tree(encoding: evaluation, keys: .asNamed) }
        try output.data(answer.json(.pretty, order: ["record", "evaluation", "format", "status"]))
      } else {
        try output.data(Self.text(record, evaluation))
      }
    }

    static func text(_ record: RunRecord, _ evaluation: EvaluationTable?) -> String {
      let order = ["train", "validation", "test"].filter { record.data.counts[$0] != nil }
      let counts = order.map { "\(Words.count(record.data.counts[$0] ?? 0)) \($0)" }.joined(separator: ", ")
      var facts = [
        ["status", record.status.rawValue],
        ["data", "\(record.data.name) · \(counts)"],
        ["method", record.configuration[path: "method.name"]?.stringValue ?? "–"],
        ["seed", record.configuration[path: "seed"]?.description ?? "–"],
        ["started", record.started],
      ]
      if let seconds = record.seconds { facts.append(["time", Words.duration(seconds)]) }
      if let epoch = record.selectedEpoch { facts.append(["weights", "of epoch \(epoch + 1)"]) }
      let versions = record.versions
      facts.append(["made with", "seesaw \(versions.seesaw), libtorch \(versions.libtorch), \(versions.platform)"])
      facts.append(["on", "\(record.device), \(Words.plural(record.threads, "thread")), \(record.processor)"])
      let changed = record.provenance.filter { $0.value != "default" }.sorted { $0.key < $1.key }.map { path, source in
        [path, record.configuration[path: path]?.description ?? "–", source]
      }
      var blocks = [Columns.text(facts, indent: 2)]
      if !changed.isEmpty { blocks.append(Columns.text(changed, indent: 2)) }
      if let evaluation { blocks.append(ScoreTable.text(evaluation)) }
      if !record.notes.isEmpty { blocks.append(record.notes.map { "  note: \($0)" }.joined(separator: "\n")) }
      return blocks.joined(separator: "\n\n")
    }
  }
}

/// A run in a list.
struct RunRow: Codable, Equatable {
  var folder: String
  var dataset: String
  var method: String
  var seed: Int?
  var status: RunStatus
  var metric: String?
  /// On the test split with everything there.
  var full: Double?
  var seconds: Double?

  static let keyOrder = ["folder", "dataset", "method", "seed", "status", "metric", "full", "seconds"]

  /// The runs below a folder, itself included, by path; and what could not be read.
  static func below(_ root: URL) -> (rows: [RunRow], problems: [String]) {
    var rows: [RunRow] = []
    var problems: [String] = []
    var folders = [root]
    while let folder = folders.popLast() {
      let run = RunFolder(folder)
      if run.exists {
        do { rows.append(try RunRow(run)) } catch {
          let diagnosis = Diagnosis(describing: error)
          problems.append("\(diagnosis.what), in \(diagnosis.place ?? folder.relativePath)")
        }
        continue
      }
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
      for name in names.sorted().reversed() where !name.hasPrefix(".") {
        let child = folder.appending(path: name)
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: child.path, isDirectory: &isFolder)
        // A link could lead round in a circle.
        let isLink = (try? FileManager.default.destinationOfSymbolicLink(atPath: child.path)) != nil
        if isThere, isFolder.boolValue, !isLink { folders.append(child) }
      }
    }
    return (rows, problems)
  }

  private init(_ run: RunFolder) throws {
    let record = try run.readRecord()
    let evaluation = try? run.readEvaluation()
    folder = run.url.relativePath
    dataset = record.data.name
    method = record.configuration[path: "method.name"]?.stringValue ?? "–"
    seed = record.configuration[path: "seed"]?.intValue
    status = run.status(of: record)
    metric = evaluation?.metric
    full = evaluation?.scores[Condition.full]
    seconds = record.seconds
  }

  static func text(_ rows: [RunRow]) -> String {
    let cells = rows.map { row in
      [
        row.folder, row.dataset, row.method, row.seed.map { "\($0)" } ?? "–", row.status.rawValue,
        row.full.map { "\(Words.percent($0)) \(row.metric ?? "")" } ?? "–", row.seconds.map(Words.duration) ?? "–",
      ]
    }
    return Columns.text([["run", "data", "method", "seed", "status", "full", "time"]] + cells, right: [3])
  }
}
