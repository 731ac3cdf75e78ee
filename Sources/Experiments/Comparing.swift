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
    guard !request.methods.isEmpty else { throw Diagnosis("no method is named", exitStatus: .usage) }
    var plans: [PlannedRun] = []
    for name in request.methods {
      for seed in 0..<request.seeds {
        var (configuration, resolved) = try resolve(
          method: name, seed: seed, data: request.data, files: request.files, settings: request.settings)
        if configuration.training.threads == 0 {
          configuration.training.threads = 1
          resolved.tree[path: "training.threads"] = 1
        }
        let folder = request.out.appending(path: "\(configuration.methodName)/seed-\(seed)")
        plans.append(PlannedRun(configuration: configuration, resolved: resolved, folder: folder))
      }
    }
    let names = plans.map(\.configuration.methodName)
    for name in Set(names) where names.count(where: { $0 == name }) > request.seeds {
      throw Diagnosis("method '\(name)' is named twice", exitStatus: .usage)
    }
    let data = try LoadedData(at: request.data)
    for plan in plans { _ = try RunBuilder(plan.configuration, data) }
    events(.phase("Data", data.words))
    events(
      .phase(
        "Comparing",
        "\(plans.count) runs: \(request.methods.joined(separator: ", ")) × \(request.seeds) "
          + (request.seeds == 1 ? "seed" : "seeds")))

    let summaries =
      request.jobs > 1
      ? try runAsProcesses(plans, data, request, stop: stop, events: events)
      : try runHere(plans, data, stop: stop, events: events)
    let results = try results(of: summaries, data)
    try Diagnosis.placing(request.out) {
      try FileManager.default.createDirectory(at: request.out, withIntermediateDirectories: true)
    }
    try AtomicFile.write(Data((results.json() + "\n").utf8), to: request.out.appending(path: "results.json"))
    return results
  }

  /// One run of a comparison.
  private struct PlannedRun {
    let configuration: RunConfiguration
    let resolved: ResolvedConfiguration
    let folder: URL

    var label: String { "\(configuration.methodName) seed \(configuration.seed)" }
  }

  private static func runHere(
    _ plans: [PlannedRun], _ data: LoadedData, stop: StopFlag, events: @escaping EventSink
  ) throws -> [RunSummary] {
    var summaries: [RunSummary] = []
    for (number, plan) in plans.enumerated() {
      var request = TrainRequest()
      request.out = plan.folder
      let relay: EventSink = { event in
        switch event {
        case .progress(_, _, _, let detail):
          events(.progress(label: "Comparing", done: number, total: plans.count, detail: "\(plan.label)  \(detail)"))
        case .note(let words): events(.note("\(plan.label): \(words)"))
        case .phase: break
        }
      }
      switch try train(plan.configuration, plan.resolved, data, request, stop: stop, events: relay) {
      case .finished(let summary): summaries.append(summary)
      case .alreadyDone(let summary): summaries.append(summary)
      case .interrupted: throw CancellationError()
      }
      events(.progress(label: "Comparing", done: number + 1, total: plans.count, detail: plan.label))
    }
    return summaries
  }

  /// Several runs at once, each a process: a crash ends one run, and no two share libtorch's threads.
  private static func runAsProcesses(
    _ plans: [PlannedRun], _ data: LoadedData, _ request: CompareRequest, stop: StopFlag, events: @escaping EventSink
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
      for job in running { job.process.interrupt() }
      for job in running { job.process.waitUntilExit() }
    }
    while !waiting.isEmpty || !running.isEmpty {
      while running.count < request.jobs, let plan = waiting.popFirst() {
        if (try? finished(plan, data)) != nil {
          done += 1
          events(.progress(label: "Comparing", done: done, total: plans.count, detail: "\(plan.label), already done"))
          continue
        }
        let name = "\(plan.configuration.methodName)-\(plan.configuration.seed)"
        let file = folder.appending(path: "\(name).json")
        try AtomicFile.write(Data(plan.resolved.tree.json(.pretty).utf8), to: file)
        let errors = folder.appending(path: "\(name).log")
        try AtomicFile.write(Data(), to: errors)
        let process = Process()
        process.executableURL = executable
        process.arguments = ["train", "--config", file.path, "--out", plan.folder.path, "--quiet"]
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
        guard job.process.terminationStatus == 0 else {
          stopAll()
          let words = (try? String(contentsOf: job.errors, encoding: .utf8)) ?? ""
          throw Diagnosis(
            "the run '\(job.plan.label)' failed", place: job.plan.folder.relativePath,
            found: words.split(separator: "\n").suffix(6).map(String.init))
        }
        done += 1
        events(.progress(label: "Comparing", done: done, total: plans.count, detail: job.plan.label))
      }
    }
    let summaries = try plans.map { try finished($0, data) }
    try? FileManager.default.removeItem(at: folder)
    return summaries
  }

  /// The finished run of a plan; throws where there is none, or another.
  private static func finished(_ plan: PlannedRun, _ data: LoadedData) throws -> RunSummary {
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

  private static func results(of summaries: [RunSummary], _ data: LoadedData) throws -> ComparisonResults {
    var rows: [MethodRuns] = []
    var unimodal: [Int: Double] = [:]
    var notes: [String] = []
    for summary in summaries {
      let configuration = try summary.record.configuration.decode(RunConfiguration.self)
      let run = MeasuredRun(
        seed: configuration.seed, scores: summary.evaluation.scores, seconds: summary.record.seconds)
      if let index = rows.firstIndex(where: { $0.name == configuration.methodName }) {
        rows[index].runs.append(run)
      } else {
        rows.append(
          MethodRuns(name: configuration.methodName, settings: configuration.methodSettings, runs: [run]))
      }
      if configuration.methodName == UnimodalTraining.card.name {
        let full = summary.evaluation.metrics[Condition.full] ?? [:]
        unimodal[configuration.seed] = full.filter { $0.key.hasPrefix("unimodal.") }.values.max()
      }
      for note in summary.record.notes + summary.evaluation.notes where !notes.contains(note) { notes.append(note) }
    }
    let conditions = summaries.map(\.evaluation.conditions).max { $0.count < $1.count } ?? []
    return ComparisonResults(
      dataset: data.set.manifest.name, metric: data.set.manifest.metric.rawValue,
      modalities: data.set.manifest.modalities, conditions: conditions, methods: rows, unimodal: unimodal,
      notes: notes)
  }
}
