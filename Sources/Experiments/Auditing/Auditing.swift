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
    guard let metric = Metric(rawValue: name) else {
      throw Diagnosis(
        "there is no metric '\(name.shown.clipped(40))'", place: "--metric",
        found: ["there are \(Metric.allCases.map(\.rawValue).joined(separator: ", "))"], exitStatus: .usage)
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
private struct AuditWork {
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
      ("--grid", request.grid, 0), ("--samples", request.samples, 0),
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
      return try measured(table, notes: [], asked: 0, known: 0)
    case .program(let command):
      let settings = ProgramSettings(
        command: command, jobs: request.jobs, window: request.window, timeout: request.timeout)
      return try asking(settings.identity(request.stamp), declaresAbsence: true) { source, plan, store, classes in
        try ProgramDoor(source, plan, store, classes, settings, stop: stop, events: events).run()
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
        settings.identity(request.stamp), declaresAbsence: true, noAnswer: EndpointDoor.noAnswer
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

  private func measured(
    _ table: PredictionTable, notes: [String], asked: Int, known: Int
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
    var record = try Audit.measure(table, options: options)
    record.notes += notes
    return AuditSummary(record: record, table: url, asked: asked, known: known)
  }

  // MARK: Asking

  private var answers: URL { request.out.appending(path: "answers") }
  /// Where impaired inputs lie while they are needed.
  private var inputs: URL { request.out.appending(path: "inputs") }

  private func source() throws -> (source: any AuditSource, prior: [Double]?) {
    var sampling = AuditSampling()
    guard let split = RawSplit(rawValue: request.split) else {
      throw Diagnosis(
        "there is no split '\(request.split.shown.clipped(40))'", place: "--split",
        found: ["there are train, validation and test"], exitStatus: .usage)
    }
    sampling.split = split
    sampling.most = request.samples
    sampling.impairments = request.impairments
    sampling.settings.seed = request.seed
    sampling.classes = request.classes
    sampling.needsLabels = !request.unlabelled
    if FileManager.default.fileExists(atPath: request.subject.appending(path: "dataset.json").path) {
      let source = try FeatureAuditSource(at: request.subject, sampling)
      return (source, source.prior)
    }
    let source = try RawAuditSource(
      at: request.subject, sampling, data: rawSettings, folder: inputs, stop: stop, events: events)
    return (source, source.prior)
  }

  /// Asks a model about everything that is not known, and measures its answers.
  ///
  /// - Parameters:
  ///   - model: names the model and its state.
  ///   - noAnswer: a class of its own for answers that are none.
  ///   - ask: asks, and says which samples could not be answered for.
  private func asking(
    _ model: String, declaresAbsence: Bool, noAnswer: String? = nil,
    _ ask: (any AuditSource, AuditPlan, AnswerStore, AnswerClasses) throws -> [LeftOut]
  ) throws -> AuditSummary {
    let files = FileManager.default
    try Diagnosis.placing(request.out) {
      if request.again, files.fileExists(atPath: answers.path) { try files.removeItem(at: answers) }
      // What a killed process had left.
      if files.fileExists(atPath: inputs.path) { try files.removeItem(at: inputs) }
      try files.createDirectory(at: inputs, withIntermediateDirectories: true)
    }
    defer { try? files.removeItem(at: inputs) }
    let (source, prior) = try source()
    let samples = source.samples
    guard source.modalities.count > 1 else {
      throw Diagnosis(
        "the data has one modality, and nothing else to lean on", place: request.subject.relativePath,
        found: ["it is '\(source.modalities.first ?? "none")'"], exitStatus: .usage)
    }
    events(
      .phase(
        "Data",
        "\(source.name) · \(grouped(samples.count)) samples, \(samples.classes.count) classes, "
          + source.modalities.joined(separator: ", ")))
    let conditions = AuditConditions(
      swaps: request.swaps, grid: request.grid, seed: request.seed, declaresAbsence: declaresAbsence)
    let classes = AnswerClasses(
      samples.classes + (noAnswer.map { [$0] } ?? []), isMultiLabel: samples.isMultiLabel)
    var rows = Array(0..<samples.count)
    var leftOut: [LeftOut] = []
    var first: (plan: Int, known: Int)?
    while true {
      let plan = AuditPlan(source, rows: rows, conditions)
      let store = try AnswerStore(
        keys(plan, source, "\(model)\n\(samples.classes.joined(separator: "\n"))"), classes: classes.count,
        folder: answers)
      if first == nil {
        first = (plan.count, store.knownBefore)
        let known = store.knownBefore > 0 ? ", \(grouped(store.knownBefore)) answered before" : ""
        events(.phase("Requests", "\(grouped(plan.count))\(known)"))
      }
      let failed = try ask(source, plan, store, classes)
      if failed.isEmpty {
        var notes = source.notes
        if store.form == .label {
          notes.append(
            "the model answers with labels alone, which stand here as probabilities of 0 and 1: bits and divergences "
              + "say little of it")
        }
        notes += try told(leftOut)
        let without = noAnswer == nil ? 0 : try unanswered(plan, store, classes.count)
        if without > 0 {
          notes.append(
            "\(grouped(without)) of \(grouped(plan.count)) answers are no class: they count as wrong, under "
              + "'\(noAnswer ?? "")'")
        }
        let names = without > 0 ? classes.names : samples.classes
        let alone = try request.alone ? alone(source.samples.rows(plan.rows), source.modalities, names) : nil
        if let alone { notes.append(alone.note) }
        let table = try table(
          plan, source, store, names, width: classes.count, prior, alone: alone?.probabilities ?? [:])
        let known = first?.known ?? 0
        return try measured(table, notes: notes, asked: store.answered - known, known: known)
      }
      leftOut += failed
      let out = Set(failed.map(\.row))
      rows.removeAll(where: out.contains)
    }
  }

  /// What models of one modality say of the same samples.
  private func alone(_ samples: AuditSamples, _ modalities: [String], _ classes: [String]) throws -> AloneModels.Answers
  {
    let models = AloneModels(
      folder: request.out.appending(path: "alone"), jobs: 0, stop: stop, events: events)
    return try models.answers(
      for: request.subject, modalities: modalities, ids: samples.ids, classes: classes, settings: rawSettings,
      encoders: request.usualEncoders)
  }

  private var rawSettings: RawDatasetSettings {
    var settings = RawDatasetSettings()
    settings.followLinks = request.followLinks
    settings.layout = request.layout ?? ""
    settings.variant = request.variant ?? ""
    return settings
  }

  private func keys(_ plan: AuditPlan, _ source: any AuditSource, _ model: String) throws -> [RowKey] {
    let model = FileDigest.sha256(of: model)
    return try parallelMap(plan.count) { request in
      var bytes: [UInt8] = []
      try source.identify(plan.shown(request), into: &bytes)
      return RowKey(InputDigest(of: bytes), condition: model)
    }
  }

  /// A list of what the program died at, and a sentence.
  private func told(_ leftOut: [LeftOut]) throws -> [String] {
    let url = request.out.appending(path: "left-out.jsonl")
    guard !leftOut.isEmpty else {
      try? FileManager.default.removeItem(at: url)
      return []
    }
    let lines = leftOut.map { out in
      let tree: Tree = ["id": .string(out.id), "condition": .string(out.condition), "reason": .string(out.reason)]
      return tree.json(order: ["id"])
    }
    try AtomicFile.write(Data((lines.joined(separator: "\n") + "\n").utf8), to: url)
    return [
      "\(leftOut.count == 1 ? "1 sample is" : "\(leftOut.count) samples are") left out, at which the program died twice: "
        + "left-out.jsonl lists \(leftOut.count == 1 ? "it" : "them")"
    ]
  }

  /// How many answers are no class.
  private func unanswered(_ plan: AuditPlan, _ store: AnswerStore, _ width: Int) throws -> Int {
    let values = store.scores(of: (0..<plan.count).map(Int32.init))
    return (0..<plan.count).count { values[($0 + 1) * width - 1] > 0.5 }
  }

  /// - Parameters:
  ///   - names: of the classes, the first of those that answers are about.
  ///   - width: the numbers of an answer.
  private func table(
    _ plan: AuditPlan, _ source: any AuditSource, _ store: AnswerStore, _ names: [String], width: Int,
    _ prior: [Double]?, alone: [String: [Double]]
  ) throws -> PredictionTable {
    let samples = source.samples.rows(plan.rows)
    let classes = names.count
    func scores(_ requests: [Int32], _ name: String) throws -> AnswerTable {
      var values = store.scores(of: requests)
      if classes < width { values = values.enumerated().filter { $0.offset % width < classes }.map(\.element) }
      return try AnswerTable(
        rows: requests.count, classes: classes, kind: store.form == .logits ? .logits : .probabilities,
        values: values, severalLabels: samples.isMultiLabel, name: name)
    }
    var conditions = Dictionary(
      uniqueKeysWithValues: try plan.columns.map { ($0.key, try scores($0.requests, $0.key)) })
    for (name, values) in alone {
      let key = AuditKeys.alone(name)
      conditions[key] = try AnswerTable(
        rows: samples.count, classes: classes, values: values, severalLabels: samples.isMultiLabel, name: key)
    }
    let labels = samples.labels.map { labels -> PredictionTable.Labels in
      guard samples.isMultiLabel else { return .classes(labels.map { $0.first ?? 0 }) }
      return .several(labels.flatMap { own in (0..<classes).map(own.contains) })
    }
    return try PredictionTable(
      ids: samples.ids, classes: names, modalities: source.modalities, labels: labels,
      task: samples.isMultiLabel ? .multiLabel : nil, groups: samples.groups.map(Self.unique),
      conditions: conditions,
      swaps: plan.swaps.map { swap in
        let name = source.modalities[swap.modality]
        return .init(
          modality: name, k: swap.number, index: swap.index,
          scores: try scores(swap.requests, AuditKeys.swap(name, swap.number)))
      },
      grid: plan.grid.map { .init(index: $0.index, scores: try scores($0.requests, AuditKeys.grid)) },
      prior: samples.labels == nil
        ? nil : prior.map { $0 + [Double](repeating: 0, count: classes - $0.count) })
  }

  /// Groups where every sample has one: whoever belongs to nobody stands alone.
  private static func unique(_ groups: [String]) -> [String] {
    groups.enumerated().map { $1.isEmpty ? "\u{1}\($0)" : $1 }
  }
}
