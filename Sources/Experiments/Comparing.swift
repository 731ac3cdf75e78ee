import Balancing
import Datasets
import Foundation
public import Records
import Torch

extension Experiment {
  /// Trains every method with every seed, and puts the scores side by side.
  ///
  /// Runs that are finished in `out` are taken as they are. Every run computes on one thread unless the settings say
  /// otherwise, so that results do not depend on how many run at once. `results.json` in `out` holds the answer.
  ///
  /// - Throws: `CancellationError` where it was stopped; what is finished stays.
  public static func compare(
    _ request: CompareRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> ComparisonResults {
    guard request.seeds >= 1 else {
      throw Diagnosis("the number of seeds is \(request.seeds), must be at least 1", exitStatus: .usage)
    }
    guard !request.rows.isEmpty else { throw Diagnosis("no method is named", exitStatus: .usage) }
    try check(request.sweepRatios)
    var plans = try plans(of: request)
    let data = try LoadedData(at: request.data)
    for plan in plans { _ = try RunBuilder(plan.configuration, data) }
    events(.phase("Data", data.words))
    let findings = try guardData(data, events: events)
    var request = request
    var tuning: TuningTable?
    if request.tuning != 0 {
      (request, tuning) = try tuned(request, plans, data, stop: stop, events: events)
      plans = try Self.plans(of: request)
    }
    events(
      .phase(
        "Comparing",
        "\(plans.count) \(plans.count == 1 ? "run" : "runs"): \(request.rows.map(\.label).joined(separator: ", ")) × \(request.seeds) "
          + (request.seeds == 1 ? "seed" : "seeds")))

    let summaries =
      request.jobs > 1
      ? try runAsProcesses(plans, data, request, stop: stop, events: events)
      : try runHere(plans, data, tensorboard: request.tensorboard, stop: stop, events: events)
    for summary in summaries where request.tensorboard && EventFile.files(in: summary.folder).isEmpty {
      try EventFile(of: RunFolder(summary.folder), stepsBelow: .max).close()
    }
    var results = try results(of: Array(zip(plans.map(\.label), summaries)), data)
    if let tuning { tuning.enter(&results) }
    results.notes += findings.findings(.grave).map { "the data: \($0.what)" }
    try Diagnosis.placing(request.out) {
      try FileManager.default.createDirectory(at: request.out, withIntermediateDirectories: true)
    }
    try AtomicFile.write(Data((results.json() + "\n").utf8), to: request.out.appending(path: "results.json"))
    try AtomicFile.write(Data((findings.json() + "\n").utf8), to: request.out.appending(path: "check.json"))
    if !request.sweepRatios.isEmpty {
      let table = try sweep(Array(zip(plans.map(\.label), summaries)), data, request.sweepRatios)
      try AtomicFile.write(Data((table.json() + "\n").utf8), to: request.out.appending(path: "sweep.json"))
    }
    return results
  }

  /// The runs of a comparison: every row with every seed.
  static func plans(of request: CompareRequest) throws -> [PlannedRun] {
    var plans: [PlannedRun] = []
    var labels: Set<String> = []
    for row in request.rows {
      // A row that is named like its method is called what the method's card calls it.
      let name = try MethodRegistry.entry(row.method).card.name
      let label = row.label.tolerantKey == name.tolerantKey ? name : row.label
      guard labels.insert(label).inserted else {
        throw Diagnosis("'\(label)' is named twice", exitStatus: .usage)
      }
      if let other = labels.first(where: { $0 != label && folderName($0) == folderName(label) }) {
        throw Diagnosis(
          "'\(other)' and '\(label)' would share the folder '\(folderName(label))'", remedy: "rename one of the rows",
          exitStatus: .usage)
      }
      for seed in 0..<request.seeds {
        var (configuration, resolved) = try resolve(
          method: name, seed: seed, data: request.data, files: request.files,
          settings: request.settings + row.settings)
        if configuration.training.threads == 0 {
          configuration.training.threads = 1
          resolved.tree[path: "training.threads"] = 1
        }
        let folder = request.out.appending(path: "\(folderName(label))/seed-\(seed)")
        plans.append(PlannedRun(label: label, configuration: configuration, resolved: resolved, folder: folder))
      }
    }
    return plans
  }

  /// The sweeps of all runs, as one mean curve for each label.
  private static func sweep(
    _ summaries: [(label: String, run: RunSummary)], _ data: LoadedData, _ ratios: [Double]
  ) throws -> SweepTable {
    var tables: [(label: String, table: SweepTable)] = []
    for (label, summary) in summaries {
      tables.append((label, try sweep(run: summary.folder, on: data, ratios: ratios)))
    }
    var all = tables[0].table
    var labels: [String] = []
    for (label, _) in tables where !labels.contains(label) { labels.append(label) }
    all.curves = labels.compactMap { label in
      SweepTable.mean(of: tables.filter { $0.label == label }.map(\.table), named: label)
    }
    return all
  }

  /// One run of a comparison.
  struct PlannedRun {
    let label: String
    let configuration: RunConfiguration
    let resolved: ResolvedConfiguration
    let folder: URL

    var words: String { "\(label) seed \(configuration.seed)" }
  }

  /// One run after the other.
  ///
  /// - Parameter mayDiverge: whether a run that diverges is left out of the answer, rather than the end of all.
  static func runHere(
    _ plans: [PlannedRun], _ data: LoadedData, mayDiverge: Bool = false, tensorboard: Bool = false, stop: StopFlag,
    events: @escaping EventSink
  ) throws -> [RunSummary] {
    var summaries: [RunSummary] = []
    for (number, plan) in plans.enumerated() {
      var request = TrainRequest()
      request.out = plan.folder
      request.tensorboard = tensorboard
      let relay: EventSink = { event in
        switch event {
        case .progress(_, _, _, let detail):
          events(.progress(label: "Comparing", done: number, total: plans.count, detail: "\(plan.words)  \(detail)"))
        // What is said of one seed holds for the others.
        case .note(let words): if plan.configuration.seed == 0 { events(.note("\(plan.label): \(words)")) }
        case .phase: break
        }
      }
      do {
        if mayDiverge, hasDiverged(plan, data) { continue }
        switch try train(plan.configuration, plan.resolved, data, request, stop: stop, events: relay) {
        case .finished(let summary): summaries.append(summary)
        case .alreadyDone(let summary): summaries.append(summary)
        case .interrupted: throw CancellationError()
        }
      } catch { guard mayDiverge, hasDiverged(plan, data) else { throw error } }
      events(.progress(label: "Comparing", done: number + 1, total: plans.count, detail: plan.words))
    }
    return summaries
  }

  /// Several runs at once, each a process: a crash ends one run, and no two share libtorch's threads.
  static func runAsProcesses(
    _ plans: [PlannedRun], _ data: LoadedData, _ request: CompareRequest, mayDiverge: Bool = false, stop: StopFlag,
    events: @escaping EventSink
  ) throws -> [RunSummary] {
    guard let executable = request.executable else {
      throw Diagnosis("several jobs need the seesaw command", remedy: "use --jobs 1", exitStatus: .usage)
    }
    let folder = request.out.appending(path: "configurations")
    try Diagnosis.placing(folder) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    var waiting = plans[...]
    var running: [(plan: PlannedRun, process: Process, errors: URL)] = []
    var done = 0
    func stopAll() {
      for job in running { job.process.terminate() }
      for job in running { job.process.waitUntilExit() }
    }
    while !waiting.isEmpty || !running.isEmpty {
      while running.count < request.jobs, let plan = waiting.popFirst() {
        if (try? finished(plan, data)) != nil || (mayDiverge && hasDiverged(plan, data)) {
          done += 1
          events(.progress(label: "Comparing", done: done, total: plans.count, detail: "\(plan.words), already done"))
          continue
        }
        let name = "\(folderName(plan.label))-\(plan.configuration.seed)"
        let file = folder.appending(path: "\(name).json")
        try AtomicFile.write(Data(plan.resolved.tree.json(.pretty).utf8), to: file)
        let errors = folder.appending(path: "\(name).log")
        try AtomicFile.write(Data(), to: errors)
        let process = Process()
        process.executableURL = executable
        process.arguments = ["train", "--config", file.path, "--out", plan.folder.path, "--quiet"]
        if request.tensorboard { process.arguments?.append("--tensorboard") }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        running.append((plan, process, errors))
      }
      if stop.isRequested {
        stopAll()
        throw CancellationError()
      }
      Thread.sleep(forTimeInterval: 0.01)
      for (index, job) in running.enumerated().reversed() where !job.process.isRunning {
        running.remove(at: index)
        guard job.process.terminationStatus == 0 || (mayDiverge && hasDiverged(job.plan, data)) else {
          stopAll()
          let words = (try? String(contentsOf: job.errors, encoding: .utf8)) ?? ""
          throw Diagnosis(
            "the run '\(job.plan.words)' failed", place: job.plan.folder.relativePath,
            found: words.split(separator: "\n").suffix(6).map(String.init))
        }
        done += 1
        events(.progress(label: "Comparing", done: done, total: plans.count, detail: job.plan.words))
      }
    }
    let summaries = try plans.filter { !mayDiverge || !hasDiverged($0, data) }.map { try finished($0, data) }
    try? FileManager.default.removeItem(at: folder)
    return summaries
  }

  /// The finished run of a plan; throws where there is none, or another.
  static func finished(_ plan: PlannedRun, _ data: LoadedData) throws -> RunSummary {
    let folder = RunFolder(plan.folder)
    guard folder.exists, try folder.readRecord().status == .finished else { throw CancellationError() }
    var request = TrainRequest()
    request.out = plan.folder
    guard
      case .alreadyDone(let summary) = try train(
        plan.configuration, plan.resolved, data, request, stop: StopFlag(), events: { _ in })
    else { throw CancellationError() }
    return summary
  }

  /// Whether the same run diverged in its folder.
  static func hasDiverged(_ plan: PlannedRun, _ data: LoadedData) -> Bool {
    guard let found = try? RunFolder(plan.folder).readRecord() else { return false }
    var (there, here) = (found.configuration, plan.resolved.tree)
    there[path: "dataset"] = nil
    here[path: "dataset"] = nil
    return found.status == .diverged && there.json() == here.json() && found.data.digests == data.digests
  }

  /// A label as the name of a folder.
  static func folderName(_ label: String) -> String { RunFolder.name(ofRow: label) }

  private static func results(
    of summaries: [(label: String, run: RunSummary)], _ data: LoadedData
  ) throws -> ComparisonResults {
    var rows: [MethodRuns] = []
    var unimodal: [Int: Double] = [:]
    var notes: [String] = []
    for (label, summary) in summaries {
      let configuration = try summary.record.configuration.decode(RunConfiguration.self)
      let run = MeasuredRun(
        seed: configuration.seed, scores: summary.evaluation.scores, training: try trainingMeans(summary.folder),
        shapley: summary.evaluation.shapley ?? [:], seconds: summary.record.seconds)
      if let index = rows.firstIndex(where: { $0.name == label }) {
        rows[index].runs.append(run)
      } else {
        rows.append(MethodRuns(name: label, settings: configuration.method, runs: [run]))
      }
      if configuration.methodName == UnimodalTraining.card.name {
        let full = summary.evaluation.metrics[Condition.full] ?? [:]
        unimodal[configuration.seed] = full.filter { $0.key.hasPrefix("unimodal.") }.values.max()
      }
      for note in summary.record.notes + summary.evaluation.notes where !notes.contains(note) { notes.append(note) }
    }
    let conditions = summaries.map(\.run.evaluation.conditions).max { $0.count < $1.count } ?? []
    return ComparisonResults(
      dataset: data.set.manifest.name, metric: data.set.manifest.metric.rawValue,
      modalities: data.set.manifest.modalities, conditions: conditions, methods: rows, unimodal: unimodal,
      missing: summaries.compactMap(\.run.evaluation.missing).first, notes: notes)
  }

  /// Means over all epochs of what tells how training went: conflicts, cosines, relative updates.
  static func trainingMeans(_ folder: URL) throws -> [String: Double] {
    let epochs = try RunFolder(folder).readEpochs()
    var means: [String: Double] = [:]
    for name in Set(epochs.flatMap(\.train.keys)) {
      let isTold = ["conflict", "cosine", "probe.conflict", "probe.cosine"].contains(name) || name.hasPrefix("update.")
      let values = epochs.compactMap { $0.train[name] }.filter(\.isFinite)
      if isTold, !values.isEmpty { means[name] = values.reduce(0, +) / Double(values.count) }
    }
    return means
  }
}
