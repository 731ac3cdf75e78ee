package import Auditing
import Datasets
import Evaluation
public import Foundation
import Multimodal
public import Records

extension Experiment {
  /// Measures what a model leans on that Seesaw did not train: from a file of its predictions, or by asking it.
  ///
  /// The table behind the answer lies in `out`, and so does everything that was answered, so that an audit broken off goes
  /// on where it was. The record is returned, not written.
  ///
  /// - Throws: `CancellationError` where it was stopped; what was answered stays.
  public static func audit(
    _ request: AuditRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> AuditSummary {
    let work = try AuditWork(request, stop: stop, events: events)
    defer { work.lock.release() }
    return try work.summary()
  }
}

extension Experiment {
  /// What has changed from one audit to another; each is a file of predictions or the folder of an audit.
  ///
  /// - Parameters:
  ///   - metric: nil takes accuracy, of several labels a sample macro-F1.
  ///   - replicates: of the bootstrap behind every interval.
  public static func compareAudits(
    _ old: URL, _ new: URL, metric: String? = nil, seed: UInt64 = 0, replicates: Int? = nil, unlabelled: Bool = false
  ) throws -> AuditChange {
    let tables = try [old, new].map { try PredictionTable(at: $0, needsLabels: !unlabelled) }
    var options = AuditOptions(metric: try auditMetric(metric, tables[1]), seed: seed)
    if let replicates { options.replicates = replicates }
    return try Audit.changes(from: tables[0], to: tables[1], options: options)
  }

  /// What scores of a table are by.
  static func auditMetric(_ name: String?, _ table: PredictionTable) throws -> Metric {
    guard let name else { return table.severalLabels ? .macroF1 : .accuracy }
    guard let metric = Metric(rawValue: name), Metric.ofClasses.contains(metric) else {
      throw Diagnosis(
        "there is no metric '\(name.escapedForTerminal.clipped(40))'", place: "--metric",
        found: ["there are \(Metric.ofClasses.map(\.rawValue).joined(separator: ", "))"], exitStatus: .usage)
    }
    return metric
  }
}

extension PredictionTable {
  /// The table of a file, or of the folder of an audit.
  package init(at url: URL, needsLabels: Bool) throws {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    guard exists, isFolder.boolValue else {
      try self.init(reading: url, needsLabels: needsLabels)
      return
    }
    let table = url.appending(path: Self.fileName)
    guard FileManager.default.fileExists(atPath: table.path) else {
      throw Diagnosis(
        "the folder holds no audit", place: url.relativePath, found: ["there is no '\(Self.fileName)' in it"],
        remedy:
          "name a file of predictions or the --out of an audit; samples need a model to ask: --command, --module or "
          + "--endpoint", exitStatus: .input)
    }
    try self.init(reading: table, needsLabels: needsLabels)
  }
}

/// One call of `audit`.
struct AuditWork {
  let request: AuditRequest
  let stop: StopFlag
  let events: EventSink
  let lock: FolderLock

  init(_ request: AuditRequest, stop: StopFlag, events: @escaping EventSink) throws {
    self.request = request
    self.stop = stop
    self.events = events
    try Self.check(request)
    guard FileManager.default.fileExists(atPath: request.subject.path) else {
      throw Diagnosis("no such file or folder", place: request.subject.relativePath, exitStatus: .input)
    }
    lock = try FolderLock(
      inside: request.out, waiting: Experiment.patience(request.wait, for: request.out, stop: stop, events: events))
    AtomicFile.removeUnfinished(in: request.out)
  }

  private static func check(_ request: AuditRequest) throws {
    for (name, number, least) in [
      ("--jobs", request.jobs, 1), ("--window", request.window, 1), ("--swaps", request.swaps, 0),
      ("--grid", request.grid, 0), ("--samples", request.samples, 0), ("--parts", request.parts, 0),
    ] where number < least {
      throw Diagnosis("\(name) is \(number), must be at least \(least)", exitStatus: .usage)
    }
    guard request.timeout > 0, request.timeout.isFinite else {
      throw Diagnosis("--timeout is \(request.timeout), must be above 0 seconds", exitStatus: .usage)
    }
  }

  func summary() throws -> AuditSummary {
    switch request.door {
    case .file:
      let table = try PredictionTable(at: request.subject, needsLabels: !request.unlabelled)
      tell(table)
      return try measured(table, notes: [], asked: 0, known: 0) { try seen(before: $0) }
    case .program(let command):
      let settings = ProgramSettings(
        command: command, jobs: request.jobs, window: request.window, timeout: request.timeout)
      let pool = ProgramPool()
      defer { pool.end() }
      return try asking(settings.identity(request.stamp), declaresAbsence: true) { source, plan, store, classes in
        try ProgramDoor(source, plan, store, classes, settings, pool: pool, stop: stop, events: events).run()
      }
    case .module(let module):
      let settings = try ModuleDoor.Settings(module)
      if let warning = settings.warning { events(.warning(warning)) }
      var door: ModuleDoor?
      return try asking(settings.identity(), declaresAbsence: false) { source, plan, store, classes in
        let opened = try door ?? ModuleDoor(settings, source)
        door = opened
        try opened.run(plan, store, classes, stop: stop, events: events)
        return []
      }
    case .endpoint(let endpoint):
      let settings = try EndpointDoor.Settings(endpoint, jobs: request.jobs, timeout: request.timeout)
      return try asking(
        settings.identity(request.stamp), declaresAbsence: true, noAnswer: EndpointDoor.noAnswer, pairs: 3
      ) { source, plan, store, classes in
        try EndpointDoor(settings, source, classes: classes.names).run(plan, store, stop: stop, events: events)
        return []
      }
    }
  }

  private func tell(_ table: PredictionTable) {
    events(
      .phase(
        "Data",
        "\(request.subject.lastPathComponent) · \(grouped(table.rows)) samples, \(table.classes.count) classes, "
          + table.modalities.joined(separator: ", ")))
  }

  /// Measures a table, which is kept first.
  ///
  /// - Parameter explain: what is known besides of the telling samples: their pictures and texts, and what their parts speak for.
  func measured(
    _ table: PredictionTable, notes: [String], asked: Int, known: Int,
    _ explain: ([TellingSample]) throws -> Explained
  ) throws -> AuditSummary {
    let url = request.out.appending(path: PredictionTable.fileName)
    // The table of an audit that is looked at again is the one that lies there.
    let own = request.subject.appending(path: PredictionTable.fileName)
    if request.door != .file || url.standardizedFileURL != own.standardizedFileURL {
      try table.write(to: url)
    }
    events(.phase("Measuring", "\(table.conditions.count) conditions, \(table.swaps.count) swaps"))
    var options = AuditOptions(metric: try Experiment.auditMetric(request.metric, table), seed: request.seed)
    if let replicates = request.replicates { options.replicates = replicates }
    var (record, bits) = try Audit.measured([table], options: options)
    record.notes += notes
    let samples = try bits.map { try write($0) }
    // Two of each kind, of which there are at least four.
    let limit = max(2, (request.parts + 3) / 4)
    guard let telling = try Experiment.telling(table, weak: record.weakest, limit: limit) else {
      return AuditSummary(record: record, table: url, samples: samples, asked: asked, known: known)
    }
    let explained = try explain(telling)
    record.telling = explained.samples
    record.raw = explained.raw
    record.notes += explained.notes
    return AuditSummary(
      record: record, table: url, samples: samples, asked: asked + explained.asked, known: known + explained.known)
  }

  private struct SampleLine: Encodable {
    let id: String
    let redundant: Double
    let unique: [String: Double]
    let synergy: Double
  }

  /// Writes a line a sample: `{"id":"7","redundant":0.4,"unique":{"image":1.2,"text":0},"synergy":0.1}`.
  private func write(_ bits: SampleBits) throws -> URL {
    let url = request.out.appending(path: "samples.jsonl")
    let lines = try bits.ids.indices.map { row in
      let line = SampleLine(
        id: bits.ids[row], redundant: bits.redundant[row],
        unique: Dictionary(uniqueKeysWithValues: zip(bits.modalities, bits.unique.map { $0[row] })),
        synergy: bits.synergy[row])
      return try Tree(encoding: line, keys: .asNamed).json(.compact, order: ["id", "redundant", "unique", "synergy"])
    }
    try AtomicFile.write(Data((lines.joined(separator: "\n") + "\n").utf8), to: url)
    return url
  }

  /// Telling samples, and what became known of them.
  struct Explained {
    var samples: [TellingSample]
    var raw: String?
    var notes: [String] = []
    var asked = 0
    var known = 0

    /// Shows pictures and texts where they are to be had; else a page does without.
    mutating func show(_ origins: RawOrigins?) {
      guard let origins else { return }
      raw = origins.folder.path(percentEncoded: false)
      for place in samples.indices {
        if let id = samples[place].id, let origin = origins.byID[id] { samples[place].show(origin) }
      }
    }
  }

  /// What an audit that is looked at again knew of its samples.
  private func seen(before samples: [TellingSample]) throws -> Explained {
    var explained = Explained(samples: samples)
    guard let earlier = try? AuditRecord.read(from: request.subject), let telling = earlier.telling else {
      return explained
    }
    explained.raw = earlier.raw
    let byRow = Dictionary(telling.map { ($0.row, $0) }, uniquingKeysWith: { first, _ in first })
    for place in samples.indices {
      guard let known = byRow[samples[place].row], known.id == samples[place].id else { continue }
      (explained.samples[place].image, explained.samples[place].text) = (known.image, known.text)
      explained.samples[place].parts = known.parts
    }
    return explained
  }
}
