public import Foundation
public import Records

/// One run, with what a page shows of it.
public struct ReportedRun: Sendable {
  /// The row that it belongs to.
  public var label: String
  public var folder: URL
  public var record: RunRecord
  public var evaluation: EvaluationTable?
  public var evidence: RunEvidence?
  public var epochs: [EpochRow]
  /// Cosines of target and divergence gradient, of some of its steps.
  public var cosines: [Double]

  public init(
    label: String, folder: URL, record: RunRecord, evaluation: EvaluationTable? = nil, evidence: RunEvidence? = nil,
    epochs: [EpochRow] = [], cosines: [Double] = []
  ) {
    self.label = label
    self.folder = folder
    self.record = record
    self.evaluation = evaluation
    self.evidence = evidence
    self.epochs = epochs
    self.cosines = cosines
  }
}

/// Everything that a report is made of: records, and nothing that was not measured.
public struct ReportContents: Sendable {
  public var results: ComparisonResults
  public var sweep: SweepTable?
  public var tuning: TuningTable?
  /// What a guard found in the data.
  public var check: DataFindings?
  public var diagnosis: ModelDiagnosis?
  /// Of a model that nobody diagnosed.
  public var audit: AuditRecord?
  /// The command that made it, as a shell takes it.
  public var command: String?
  /// What such a page is called.
  public var name = ""
  /// Telling samples of no run.
  public var evidence: RunEvidence?
  public var runs: [ReportedRun]
  /// What a comparison that has not ended still has to train; nil where it has, or is none.
  public var unfinished: Unfinished?

  /// A comparison on its way.
  public struct Unfinished: Equatable, Sendable {
    public var ended: Int
    public var planned: Int
    /// As `fulcrum, seed 3`, in the order of the plan.
    public var missing: [String]

    public init(ended: Int, planned: Int, missing: [String]) {
      self.ended = ended
      self.planned = planned
      self.missing = missing
    }

    /// What is there and what is not.
    public var words: String {
      if missing.isEmpty {
        return
          "Not finished: all \(counted(planned, "run")) of the methods have ended, and the comparison has not: models "
          + "made for one condition, or the tests, are to come. The same command goes on from here."
      }
      let shown = missing.prefix(6).joined(separator: "; ")
      let rest = missing.count > 6 ? "; and \(missing.count - 6) more" : ""
      return "Not finished: \(ended) of \(counted(planned, "run")) have ended, and only those are shown. Missing: "
        + "\(shown)\(rest). The same command goes on from here."
    }
  }

  /// What the page of an audit is made of.
  ///
  /// - Parameters:
  ///   - name: of what was audited.
  ///   - evidence: its telling samples, where inputs are known.
  ///   - command: the one that made it, as a shell takes it.
  public init(audit: AuditRecord, name: String, evidence: RunEvidence? = nil, command: String? = nil) {
    self.init(
      results: ComparisonResults(
        dataset: name, metric: audit.metric, modalities: audit.modalities, conditions: [], methods: []))
    self.audit = audit
    self.name = name
    self.command = command
    self.evidence = evidence
  }

  public init(
    results: ComparisonResults, sweep: SweepTable? = nil, tuning: TuningTable? = nil, check: DataFindings? = nil,
    diagnosis: ModelDiagnosis? = nil, runs: [ReportedRun] = []
  ) {
    self.results = results
    self.sweep = sweep
    self.tuning = tuning
    self.check = check
    self.diagnosis = diagnosis
    self.runs = runs
  }

  /// Reads folders of comparisons, of diagnoses and of runs, or folders that hold runs.
  ///
  /// - Throws: a `Diagnosis` where there is no run, or the runs are of different data.
  public init(reading places: [URL]) throws {
    let sources = try places.flatMap(Source.found(at:))
    guard !sources.isEmpty else {
      throw Diagnosis(
        "there are no results in \(places.map { "'\($0.relativePath)'" }.joined(separator: ", "))",
        remedy: "seesaw compare and seesaw train make them", exitStatus: .input)
    }
    var named: [(label: String, folder: RunFolder)] = []
    for source in sources { named += try source.comparedRuns(isAlone: sources.count == 1) }
    named += try Source.looseRuns(sources)
    diagnosis = try Self.read(ModelDiagnosis.self, ModelDiagnosis.fileName, sources)
    let budget = max(100, Self.mostSteps / max(named.count, 1))
    runs = try named.map { try ReportedRun(label: $0.label, $0.folder, steps: budget) }
    let data = Set(runs.map { "\($0.record.data.name): \($0.record.data.modalities), \($0.record.data.classes)" })
    guard data.count < 2 else {
      throw Diagnosis(
        "the runs are of different data", found: Set(runs.map(\.record.data.name)).sorted().map { "'\($0)'" },
        remedy: "write one report for each data set", exitStatus: .input)
    }
    if sources.count == 1, case .unfinished(let folder, let plan) = sources[0] {
      results = Self.results(of: runs)
      unfinished = Self.unfinished(plan, in: folder)
    } else if sources.count == 1, case .comparison(let folder) = sources[0] {
      results = try Tree.read(ComparisonResults.self, from: folder.appending(path: "results.json"))
    } else {
      results = Self.results(of: runs)
    }
    sweep = try Self.read(SweepTable.self, "sweep.json", sources)
    tuning = try Self.read(TuningTable.self, "tuning.json", sources)
    check = try Self.read(DataFindings.self, "check.json", sources)
  }

  private static func unfinished(_ plan: ComparisonPlan, in folder: URL) -> Unfinished? {
    var missing: [String] = []
    for row in plan.rows {
      for seed in row.seeds {
        let run = ComparisonPlan.run(row.name, seed: seed, in: folder)
        let isThere = FileManager.default.fileExists(atPath: run.evaluation.path)
        if !isThere { missing.append("\(row.name), seed \(seed)") }
      }
    }
    let planned = plan.rows.reduce(0) { $0 + $1.seeds.count }
    return Unfinished(ended: planned - missing.count, planned: planned, missing: missing)
  }

  /// More steps than these change no histogram that a person reads.
  static let mostSteps = 60_000

  /// A file of the only comparison or diagnosis there is.
  private static func read<T: Decodable>(_ type: T.Type, _ name: String, _ sources: [Source]) throws -> T? {
    let files = Set(sources.compactMap(\.home)).map { $0.appending(path: name) }
    guard files.count == 1, FileManager.default.fileExists(atPath: files[0].path) else { return nil }
    return try Tree.read(type, from: files[0])
  }

  /// The comparison that a number of runs makes.
  static func results(of runs: [ReportedRun]) -> ComparisonResults {
    var rows: [MethodRuns] = []
    var notes: [String] = []
    func hasEnded(_ label: String) -> Bool { runs.contains { $0.label == label && $0.evaluation != nil } }
    for run in runs {
      for note in run.record.notes + (run.evaluation?.notes ?? []) where !notes.contains(note) { notes.append(note) }
      let isFirst = !rows.contains { $0.name == run.label }
      // Its curves are shown while it trains; beside runs that have ended it would take their means away.
      guard run.evaluation != nil || (isFirst && !run.epochs.isEmpty && !hasEnded(run.label)) else { continue }
      let measured = MeasuredRun(
        seed: run.seed, scores: run.evaluation?.scores ?? [:], shapley: run.evaluation?.shapley ?? [:],
        seconds: run.record.seconds)
      if let index = rows.firstIndex(where: { $0.name == run.label }) {
        rows[index].runs.append(measured)
      } else {
        rows.append(
          MethodRuns(name: run.label, settings: run.record.configuration[path: "method"] ?? [:], runs: [measured]))
      }
    }
    let tables = runs.compactMap(\.evaluation)
    let first = runs.first?.record.data
    return ComparisonResults(
      dataset: first?.name ?? "", metric: tables.first?.metric ?? "", modalities: first?.modalities ?? [],
      conditions: tables.map(\.conditions).max { $0.count < $1.count } ?? [], methods: rows,
      missing: tables.compactMap(\.missing).first, notes: notes)
  }

  /// The modalities in the data set's order.
  public var modalities: [String] {
    if let data = runs.first?.record.data { return data.modalities }
    if let sweep { return sweep.modalities }
    // Names of conditions are all there is.
    let kinds = impairmentKinds(of: results)
    var found: [String] = []
    for condition in results.conditions {
      guard let kind = kindOf(condition, kinds) else { continue }
      let name = String(condition.dropLast(kind.count + 1))
      if !found.contains(name) { found.append(name) }
    }
    return found
  }

  /// The runs of a row.
  func runs(of label: String) -> [ReportedRun] { runs.filter { $0.label == label } }

  /// The method of a row.
  func method(of row: ComparisonResults.MethodRow) -> String {
    runs.first { $0.label == row.name }?.method ?? row.settings[path: "name"]?.stringValue ?? row.name
  }
}

extension ReportedRun {
  public var seed: Int { record.configuration[path: "seed"]?.intValue ?? 0 }
  public var method: String { record.configuration[path: "method.name"]?.stringValue ?? label }

  init(label: String, _ folder: RunFolder, steps budget: Int) throws {
    func isThere(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }
    self.label = label
    self.folder = folder.url
    record = try folder.readRecord()
    evaluation = isThere(folder.evaluation) ? try folder.readEvaluation() : nil
    evidence = isThere(folder.evidence) ? try folder.readEvidence() : nil
    epochs = isThere(folder.epochs) ? try folder.readEpochs() : []
    cosines = isThere(folder.steps) ? try Self.cosines(folder.steps, budget) : []
  }

  /// The cosines of evenly chosen steps: the probe's where there is one, else the method's own.
  private static func cosines(_ url: URL, _ budget: Int) throws -> [Double] {
    let data = try BoundedFile.read(url, limit: BoundedFile.largestTable)
    let lines = data.split(separator: UInt8(ascii: "\n"))
    let every = max(1, lines.count / budget)
    return stride(from: 0, to: lines.count, by: every).compactMap { number in
      let line = String(decoding: lines[number], as: UTF8.self)
      // Most methods measure none: then the line need not be taken apart.
      guard line.contains("cosine"), let row = try? Tree(json: line).decode(StepRow.self, keys: .asNamed) else {
        return nil
      }
      return (row.scalars["probe.cosine"] ?? row.scalars["cosine"]).flatMap { $0.isFinite ? $0 : nil }
    }
  }
}

/// Where runs come from.
private enum Source {
  case comparison(URL)
  /// A comparison that has not ended.
  case unfinished(URL, ComparisonPlan)
  /// A run, and the folder of the diagnosis that made it.
  case run(URL, of: URL?)

  /// The folder with the files that speak of all its runs.
  var home: URL? {
    switch self {
    case .comparison(let folder), .unfinished(let folder, _): folder
    case .run(_, let folder): folder
    }
  }

  static func found(at place: URL) throws -> [Source] {
    let files = FileManager.default
    func isThere(_ url: URL) -> Bool { files.fileExists(atPath: url.path) }
    let folder = place.lastPathComponent == "results.json" ? place.deletingLastPathComponent() : place
    guard isThere(folder) else {
      throw Diagnosis("there is no folder '\(place.relativePath)'", exitStatus: .input)
    }
    if isThere(folder.appending(path: "results.json")) { return [.comparison(folder)] }
    if isThere(folder.appending(path: ModelDiagnosis.fileName)) { return try diagnosed(folder) }
    if let plan = try ComparisonPlan.read(from: folder) { return [.unfinished(folder, plan)] }
    var runs: [Source] = []
    var waiting = [folder]
    while let next = waiting.popLast() {
      if RunFolder(next).exists {
        runs.append(.run(next, of: nil))
        continue
      }
      let names = (try? files.contentsOfDirectory(atPath: next.path)) ?? []
      for name in names.sorted().reversed() where !name.hasPrefix(".") {
        let child = next.appending(path: name)
        var isFolder: ObjCBool = false
        // A link could lead round in a circle.
        let isLink = (try? files.destinationOfSymbolicLink(atPath: child.path)) != nil
        if files.fileExists(atPath: child.path, isDirectory: &isFolder), isFolder.boolValue, !isLink {
          waiting.append(child)
        }
      }
    }
    return runs
  }

  /// The runs of the models that a diagnosis speaks of, and of the methods it tried; not of single modalities.
  private static func diagnosed(_ folder: URL) throws -> [Source] {
    let diagnosis = try Tree.read(ModelDiagnosis.self, from: folder.appending(path: ModelDiagnosis.fileName))
    let methods = [diagnosis.method] + (diagnosis.trial?.methods.map(\.name) ?? [])
    let runs = methods.flatMap { name in
      diagnosis.seeds.map { seed in
        RunFolder(folder.appending(path: "runs/\(RunFolder.name(ofRow: name))/seed-\(seed)"))
      }
    }.filter(\.exists)
    let own = RunFolder(URL(filePath: diagnosis.place))
    let all = (diagnosis.subject == .run && own.exists ? [own] : []) + runs
    return try all.filter { try $0.readRecord().data.modalities == diagnosis.modalities }.map {
      .run($0.url, of: folder)
    }
  }

  /// A comparison's runs with the rows they belong to.
  func comparedRuns(isAlone: Bool) throws -> [(label: String, folder: RunFolder)] {
    if case .unfinished(let folder, let plan) = self {
      return plan.rows.flatMap { row in
        row.seeds.map { (row.name, ComparisonPlan.run(row.name, seed: $0, in: folder)) }
      }.filter { $0.1.exists }
    }
    guard case .comparison(let folder) = self else { return [] }
    let results = try Tree.read(ComparisonResults.self, from: folder.appending(path: "results.json"))
    return results.methods.flatMap { row in
      row.runs.map { run in
        let place = ComparisonPlan.run(row.name, seed: run.seed, in: folder)
        return (isAlone ? row.name : "\(row.name) (\(folder.lastPathComponent))", place)
      }
    }.filter { $0.1.exists }
  }

  /// Runs of no comparison: called as their method, and what was set besides where it was not always the same.
  static func looseRuns(_ sources: [Source]) throws -> [(label: String, folder: RunFolder)] {
    let runs = try sources.compactMap {
      source -> (method: String, settings: String, words: String, folder: RunFolder)? in
      guard case .run(let url, _) = source else { return nil }
      let record = try RunFolder(url).readRecord()
      var settings = record.configuration
      settings[path: "seed"] = nil
      settings[path: "dataset"] = nil
      let changed = record.provenance.filter { path, source in
        source != "default" && !["seed", "dataset", "method.name", "training.threads"].contains(path)
      }
      let words = changed.keys.sorted().compactMap { path in
        record.configuration[path: path].map { "\(path)=\($0.description)" }
      }
      return (
        record.configuration[path: "method.name"]?.stringValue ?? url.lastPathComponent, settings.json(),
        words.joined(separator: ", "), RunFolder(url)
      )
    }
    return runs.map { run in
      let isOneOfMany = runs.contains { $0.method == run.method && $0.settings != run.settings }
      return (isOneOfMany && !run.words.isEmpty ? "\(run.method), \(run.words)" : run.method, run.folder)
    }
  }
}
