import ArgumentParser
import Experiments
import Foundation
import Records

struct Runs: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Look at runs: list, show and compare them, and remove them.",
    subcommands: [List.self, Show.self, Diff.self, Remove.self])

  static let examples = ["seesaw runs ls --sort scores.full --reverse", "seesaw runs diff runs/first runs/second"]

  struct List: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(commandName: "ls", abstract: "List the runs below a folder.")

    static let examples = [
      "seesaw runs ls --where method.name=balgrad --where 'training.epochs>10' --sort scores.full --reverse",
      "seesaw runs ls runs/demo --json",
    ]

    @Argument(help: "A folder.", completion: .directory)
    var folder = "runs"

    @Option(
      name: .customLong("where"),
      help: ArgumentHelp(
        "Only runs that match: a setting or fact, then = != < <= > >= or ~ (contains), then a value; may be "
          + "repeated.", valueName: "condition"))
    var conditions: [String] = []

    @Option(
      help: ArgumentHelp(
        "Sort by a setting or fact, such as scores.full, gap.missing, seconds or optimizer.learning_rate.",
        valueName: "path"))
    var sort: String?

    @Flag(help: "Reverse the order.")
    var reverse = false

    @Option(help: ArgumentHelp("List at most this many.", valueName: "number"))
    var limit: Int?

    @Flag(help: "Print the list as JSON.")
    var json = false

    @OptionGroup var talk: TalkOptions

    func validate() throws {
      if let limit, limit < 1 { throw ValidationError("--limit is \(limit); at least 1 is needed.") }
    }

    func run() throws {
      let output = Output(talk)
      let root = URL(filePath: folder)
      guard FileManager.default.fileExists(atPath: root.path) else {
        throw Diagnosis("there is no folder '\(folder)'", exitStatus: .input)
      }
      let wanted = try conditions.map(RunCondition.init)
      let found = RunRow.below(root)
      for problem in found.problems { output.note(problem) }
      let rows = try RunRow.selected(found.rows, wanted, sort: sort, reverse: reverse, limit: limit)
      if json {
        try output.json(rows, order: RunRow.keyOrder)
      } else if rows.isEmpty {
        output.note(
          found.rows.isEmpty
            ? "there are no runs below '\(folder)'"
            : "none of \(Words.plural(found.rows.count, "run")) below '\(folder)' matches")
      } else {
        try output.data(RunRow.text(rows))
      }
    }
  }

  struct Diff: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
      abstract: "Show what differs between two runs, and only that: settings, versions, data, scores.")

    static let examples = ["seesaw runs diff runs/first runs/second", "seesaw runs diff runs/a runs/b --json"]

    @Argument(help: ArgumentHelp("The folder of a run.", valueName: "run"), completion: .run)
    var first: String

    @Argument(help: ArgumentHelp("The folder of another.", valueName: "run"), completion: .run)
    var second: String

    @Flag(help: "Print the differences as JSON.")
    var json = false

    @OptionGroup var talk: TalkOptions

    func run() throws {
      let output = Output(talk)
      let difference = try RunDifference(Runs.folder(first), Runs.folder(second))
      if json {
        try output.json(difference, order: RunDifference.keyOrder)
      } else {
        try output.data(difference.text)
      }
    }
  }

  struct Remove: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(
      commandName: "rm", abstract: "Remove runs, with everything in their folders.",
      discussion: "Asks on a terminal; elsewhere --yes is needed. A run that is still training is not removed.")

    static let examples = ["seesaw runs rm runs/first", "seesaw runs rm runs/first runs/second --yes"]

    @Argument(help: ArgumentHelp("The folders of runs.", valueName: "run"), completion: .run)
    var folders: [String]

    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false

    @OptionGroup var talk: TalkOptions

    func run() throws {
      let output = Output(talk)
      var seen: Set<String> = []
      let runs = try folders.map(Runs.folder).filter { seen.insert($0.url.standardizedFileURL.path).inserted }
      // All are looked at before any is removed.
      let records = try runs.map { run in
        let record = try run.readRecord()
        guard run.holder == nil else {
          throw Diagnosis(
            "the run is still training", place: run.url.relativePath,
            remedy: "stop it first, or wait: seesaw watch shows it",
            exitStatus: .usage)
        }
        return record
      }
      if !yes {
        guard output.surroundings.redraws, isatty(STDIN_FILENO) == 1 else {
          throw Diagnosis(
            "this is not interactive, so nobody can be asked",
            found: ["\(Words.plural(runs.count, "run")) would be removed"],
            remedy: "--yes removes without asking", exitStatus: .usage)
        }
        for (run, record) in zip(runs, records) { output.say("Run", Self.words(run, record)) }
        output.say("Remove", "\(runs.count == 1 ? "it" : "all \(runs.count)"), for good? [y/N]")
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
          throw Diagnosis("nothing was removed", exitStatus: .interrupted)
        }
      }
      for run in runs { try Diagnosis.placing(run.url) { try FileManager.default.removeItem(at: run.url) } }
      output.say("Done", "removed \(runs.map(\.url.relativePath).joined(separator: ", "))")
    }

    /// Whether a process writes there.
    private static func words(_ run: RunFolder, _ record: RunRecord) -> String {
      let method = record.configuration[path: "method.name"]?.stringValue ?? "–"
      return "\(run.url.relativePath) · \(record.data.name) · \(method) · \(record.status.rawValue)"
    }
  }

  /// The folder of a run; anything else is refused.
  static func folder(_ path: String) throws -> RunFolder {
    let run = RunFolder(URL(filePath: path))
    guard run.exists else {
      throw Diagnosis("there is no run here", place: path, remedy: "seesaw runs ls lists them", exitStatus: .input)
    }
    return run
  }

  struct Show: ParsableCommand, Exemplified {
    static let configuration = CommandConfiguration(abstract: "Show a run: what it was made with, and how it did.")

    static let examples = ["seesaw runs show runs/first", "seesaw runs show runs/first --json"]

    @Argument(help: ArgumentHelp("The folder of a run.", valueName: "run"), completion: .run)
    var folder: String

    @Flag(help: "Print record and evaluation as JSON.")
    var json = false

    @OptionGroup var talk: TalkOptions

    func run() throws {
      let output = Output(talk)
      let run = try Runs.folder(folder)
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
struct RunRow: Encodable, Equatable {
  var folder: String
  var dataset: String
  var method: String
  var seed: Int?
  var status: RunStatus
  var metric: String?
  /// On the test split with everything there.
  var full: Double?
  var seconds: Double?
  /// What it was chosen or sorted by, besides.
  var values: [String: Tree] = [:]
  /// Everything that can be asked of it.
  private var facts: RunFacts

  static let keyOrder = ["folder", "dataset", "method", "seed", "status", "metric", "full", "seconds", "values"]

  private enum CodingKeys: String, CodingKey {
    case folder, dataset, method, seed, status, metric, full, seconds, values
  }

  /// The runs below a folder, itself included, by path.
  static func folders(below root: URL) -> [RunFolder] {
    var found: [RunFolder] = []
    var folders = [root]
    while let folder = folders.popLast() {
      let run = RunFolder(folder)
      if run.exists {
        found.append(run)
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
    return found
  }

  /// The same as rows, and what could not be read.
  static func below(_ root: URL) -> (rows: [RunRow], problems: [String]) {
    var rows: [RunRow] = []
    var problems: [String] = []
    for run in folders(below: root) {
      do { rows.append(try RunRow(run)) } catch {
        let diagnosis = Diagnosis(describing: error)
        problems.append("\(diagnosis.what), in \(diagnosis.place ?? run.url.relativePath)")
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
    facts = RunFacts(record, evaluation, status: status)
  }

  /// The rows that are so, in order.
  ///
  /// - Throws: a `Diagnosis` where no run knows a path; it names the nearest that some run knows.
  static func selected(
    _ rows: [RunRow], _ conditions: [RunCondition], sort: String? = nil, reverse: Bool = false, limit: Int? = nil
  ) throws -> [RunRow] {
    let asked = conditions.map(\.path) + (sort.map { [$0] } ?? [])
    for path in asked where !rows.isEmpty && !rows.contains(where: { $0.facts[path] != nil }) {
      let near = nearest(to: path, in: Set(rows.flatMap(\.facts.paths)).sorted())
      throw Diagnosis(
        "no run has '\(path)'", remedy: near.map { "did you mean '\($0)'?" } ?? "seesaw runs show RUN --json shows all",
        exitStatus: .usage)
    }
    var found = rows.filter { row in conditions.allSatisfy { $0.holds(for: row.facts[$0.path]) } }
    if let sort {
      // Runs that are alike stay in the order of their paths.
      found = found.enumerated().sorted { a, b in
        let (x, y) = (a.element.facts[sort], b.element.facts[sort])
        // What is not there comes last either way.
        if x == nil || y == nil { return y == nil && x != nil || (x == nil) == (y == nil) && a.offset < b.offset }
        if Tree.precedes(x, y) { return !reverse }
        if Tree.precedes(y, x) { return reverse }
        return a.offset < b.offset
      }.map(\.element)
    } else if reverse {
      found.reverse()
    }
    let columns = asked.filter { !shown.contains($0) }
    for index in found.indices {
      for path in columns { found[index].values[path] = found[index].facts[path] }
    }
    return limit.map { Array(found.prefix($0)) } ?? found
  }

  /// What has a column of its own.
  private static let shown: Set = ["method.name", "seed", "status", "scores.full", "seconds", "data.name"]

  static func text(_ rows: [RunRow]) -> String {
    let columns = Set(rows.flatMap(\.values.keys)).sorted()
    let cells = rows.map { row in known(row) + columns.map { word(row.values[$0], at: $0) } }
    return Columns.text([["run", "data", "method", "seed", "status", "full", "time"] + columns] + cells, right: [3])
  }

  /// What every run has a column for.
  private static func known(_ row: RunRow) -> [String] {
    let seed: String = row.seed.map { String($0) } ?? "–"
    let full: String = row.full.map { Words.percent($0) + " " + (row.metric ?? "") } ?? "–"
    let time: String = row.seconds.map(Words.duration) ?? "–"
    return [row.folder, row.dataset, row.method, seed, row.status.rawValue, full, time]
  }

  private static func word(_ value: Tree?, at path: String) -> String {
    guard let value else { return "–" }
    let isScore = ["scores.", "average.", "gap."].contains(where: path.hasPrefix)
    return isScore ? value.numberValue.map(Words.percent) ?? "–" : value.plainWord
  }
}
