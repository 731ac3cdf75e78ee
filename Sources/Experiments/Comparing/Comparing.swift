import Balancing
import Datasets
import Dispatch
import Foundation
public import Records
import Synchronization
import Torch

extension Experiment {
  /// Trains every method with every seed, and puts the scores side by side.
  ///
  /// Runs that are finished in `out` are taken as they are. All read the same mapped features, and as many run at once
  /// as there are cores. Every run computes on one thread unless the settings say otherwise, so that results do not
  /// depend on how many run at once. `results.json` in `out` holds the answer.
  ///
  /// - Throws: `CancellationError` where it was stopped; what is finished stays.
  public static func compare(
    _ request: CompareRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> ComparisonResults {
    let work = try ComparisonWork(request, events: events)
    var plans = work.plans
    let (whole, data) = (work.whole, work.data)
    events(.phase("Data", data.words))
    if request.tuning != 0 { try checkTuning(request, data) }
    let findings = try guardData(whole, events: events)
    var request = request
    let lock = try FolderLock(
      inside: request.out, waiting: patience(request.wait, for: request.out, stop: stop, events: events))
    defer { lock.release() }
    AtomicFile.removeUnfinished(in: request.out)
    var tuning: TuningTable?
    if request.tuning != 0 {
      (request, tuning) = try tuned(request, plans, whole, stop: stop, events: events)
      plans = try Self.plans(of: request)
    }
    var equalized: [String] = []
    if request.equalUpdates {
      (request, equalized) = try Self.equalized(request, plans, whole, stop: stop, events: events)
      plans = try Self.plans(of: request)
    }
    events(
      .phase(
        "Comparing",
        "\(plans.count) \(plans.count == 1 ? "run" : "runs"): \(request.rows.map(\.label).joined(separator: ", ")) × \(request.seeds) "
          + (request.seeds == 1 ? "seed" : "seeds")))
    try plan(of: plans).write(to: request.out)
    var joined: [String] = []
    if request.joins { (plans, joined) = try finished(of: plans, whole, in: request.out) }
    var (planned, leftOut) = try specialists(of: request, plans, data, whole)
    if request.joins {
      let (complete, notes) = try finished(of: planned, whole)
      planned = complete
      joined += notes
    }
    for note in joined { events(.note(note)) }
    if let words = cost(of: planned, besides: plans) { events(.phase("Specialists", words)) }
    for note in leftOut { events(.note(note)) }
    if let words = discernible(request, data) { events(.phase("Telling", words)) }

    let (summaries, trained) = try run(plans, planned, whole, request, stop: stop, events: events)
    if let mlflow = request.mlflow { try enter(Array(zip(plans.map(\.label), summaries)), trained, in: mlflow) }
    var results = try results(of: Array(zip(plans.map(\.label), summaries)), rows(of: trained), data)
    results.notes += joined + leftOut + equalized
    try measureRegret(&results, Array(zip(plans.map(\.label), summaries)), trained, data)
    // Before the samples are tested: among many methods only the baseline is tested against.
    if let baseline = request.baseline { try results.compare(with: baseline) }
    try testSamples(&results, Array(zip(plans.map(\.label), summaries)), data)
    if let tuning { tuning.enter(&results) }
    try enterConstant(&results, data.set)
    results.notes += findings.findings(.grave).map { "the data: \($0.what)" }
    try AtomicFile.write(Data((results.json() + "\n").utf8), to: request.out.appending(path: "results.json"))
    try AtomicFile.write(Data((findings.json() + "\n").utf8), to: request.out.appending(path: "check.json"))
    if !request.sweepRatios.isEmpty {
      let table = try sweep(Array(zip(plans.map(\.label), summaries)), whole, request.sweepRatios)
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
        useOneThread(&configuration, &resolved)
        let folder = request.out.appending(path: "\(folderName(label))/seed-\(seed)")
        plans.append(PlannedRun(label: label, configuration: configuration, resolved: resolved, folder: folder))
      }
    }
    return plans
  }

  /// What a report of the comparison finds missing until it has ended.
  static func plan(of plans: [PlannedRun]) -> ComparisonPlan {
    var rows: [ComparisonPlan.Row] = []
    for plan in plans {
      if rows.last?.name != plan.label { rows.append(ComparisonPlan.Row(name: plan.label, seeds: [])) }
      rows[rows.count - 1].seeds.append(plan.configuration.seed)
    }
    return ComparisonPlan(rows: rows)
  }

  /// Rows and specialists, in one queue.
  private static func run(
    _ plans: [PlannedRun], _ specialists: [PlannedSpecialist], _ data: LoadedData, _ request: CompareRequest,
    stop: StopFlag, events: @escaping EventSink
  ) throws -> ([RunSummary], [TrainedSpecialist]) {
    let own = specialists.flatMap { specialist in zip(specialist.runs, specialist.same).filter { $1 == nil }.map(\.0) }
    var summaries = try run(
      plans + own, data, jobs: request.jobs, tensorboard: request.tensorboard, renews: request.renews, stop: stop,
      events: events)
    var others = summaries[plans.count...]
    summaries = Array(summaries.prefix(plans.count))
    try link(specialists, to: plans)
    let trained = specialists.map { specialist in
      TrainedSpecialist(
        plan: specialist, summaries: specialist.same.compactMap { $0.map { summaries[$0] } ?? others.popFirst() })
    }
    return (summaries, trained)
  }

  /// Runs of a comparison compute on one thread where nothing else is said, so that they do not depend on how many do.
  static func useOneThread(_ configuration: inout RunConfiguration, _ resolved: inout ResolvedConfiguration) {
    guard configuration.training.threads == 0 else { return }
    configuration.training.threads = 1
    resolved.tree[path: "training.threads"] = 1
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

  /// How many of the runs compute at once: never more threads than there are cores.
  ///
  /// - Parameter wanted: 0 is as many as the cores admit, and one where runs stream from a disk they would share.
  static func jobs(_ wanted: Int, for plans: [PlannedRun], _ data: LoadedData) throws -> Int {
    let builders = try plans.map { try RunBuilder($0.configuration, data) }
    let threads = builders.map(\.threads).max() ?? 1
    let cores = max(1, ProcessInfo.processInfo.activeProcessorCount / threads)
    if wanted == 0 { return builders.contains { $0.shuffling == .blocks } ? 1 : cores }
    return min(wanted, cores)
  }

  /// The order in which runs begin: as planned, or, of several at once, the dearest first, lest one be long alone at the
  /// end.
  static func order(of plans: [PlannedRun], jobs: Int) -> [Int] {
    guard jobs > 1 else { return Array(plans.indices) }
    let costs = plans.map { cost(of: $0) }
    return plans.indices.sorted { (costs[$1], $0) < (costs[$0], $1) }
  }

  /// How long a run takes, beside others on the same data.
  static func cost(of plan: PlannedRun) -> Double {
    let method = try? MethodRegistry.entry(plan.configuration.methodName)
    return (method?.card.cost ?? 1) * Double(plan.configuration.training.epochs)
  }

  /// Every run, several at once, each on a thread of its own over the same data.
  ///
  /// - Parameter mayDiverge: whether a run that diverges is left out of the answer, rather than the end of all.
  /// - Throws: the error of the first run in order that failed; the others stop where they are.
  static func run(
    _ plans: [PlannedRun], _ data: LoadedData, jobs wanted: Int, mayDiverge: Bool = false, tensorboard: Bool = false,
    renews: Bool = false, stop: StopFlag, events: @escaping EventSink
  ) throws -> [RunSummary] {
    struct Progress {
      var next = 0
      var done = 0
      var failure: (index: Int, error: any Error)?
      var summaries: [RunSummary?]
    }
    let work = SharedRuns(plans: plans, data: data)
    let jobs = min(try Self.jobs(wanted, for: plans, data), max(plans.count, 1))
    let order = Self.order(of: plans, jobs: jobs)
    let progress = Mutex(Progress(summaries: plans.map { _ in nil }))
    let failed = StopFlag()
    DispatchQueue.concurrentPerform(iterations: jobs) { _ in
      while !failed.isRequested {
        let turn = progress.withLock { progress in
          defer { progress.next += 1 }
          return progress.next
        }
        guard turn < order.count else { return }
        let index = order[turn]
        let plan = work.plans[index]
        do {
          let summary = try train(
            plan, work.data, mayDiverge: mayDiverge, tensorboard: tensorboard, renews: renews, stop: stop,
            failed: failed
          ) { event in
            // One at a time, as a listener expects.
            progress.withLock { progress in
              switch event {
              case .progress(_, _, _, let detail):
                events(
                  .progress(
                    label: "Comparing", done: progress.done, total: work.plans.count,
                    detail: "\(plan.words)  \(detail)"))
              // What is said of one seed holds for the others.
              case .note(let words): if plan.configuration.seed == 0 { events(.note("\(plan.label): \(words)")) }
              case .warning: events(event)
              case .phase: break
              }
            }
          }
          progress.withLock { progress in
            progress.summaries[index] = summary
            progress.done += 1
            events(
              .progress(label: "Comparing", done: progress.done, total: work.plans.count, detail: plan.words))
          }
        } catch {
          failed.request()
          progress.withLock { progress in
            // That another stopped is no reason of its own.
            let isReason = !(error is CancellationError) || stop.isRequested
            if isReason, progress.failure.map({ index < $0.index }) ?? true { progress.failure = (index, error) }
          }
        }
      }
    }
    return try progress.withLock { progress in
      if let failure = progress.failure { throw failure.error }
      return progress.summaries.compactMap { $0 }
    }
  }

  /// One run of several; nil where it diverged and may.
  private static func train(
    _ plan: PlannedRun, _ data: LoadedData, mayDiverge: Bool, tensorboard: Bool, renews: Bool, stop: StopFlag,
    failed: StopFlag, events: @escaping EventSink
  ) throws -> RunSummary? {
    if mayDiverge, hasDiverged(plan, data) { return nil }
    var request = TrainRequest()
    request.out = plan.folder
    request.tensorboard = tensorboard
    request.renews = renews
    // Whoever is at work there will soon be done.
    request.wait = true
    do {
      switch try train(
        plan.configuration, plan.resolved, data, request, stop: StopFlag(any: [stop, failed]), events: events)
      {
      case .finished(let summary), .alreadyDone(let summary): return summary
      // Nobody follows where no process is named.
      case .interrupted, .followed: throw CancellationError()
      }
    } catch {
      guard mayDiverge, hasDiverged(plan, data) else { throw error }
      return nil
    }
  }

  /// What runs at the same time share: nothing writes to it.
  private struct SharedRuns: @unchecked Sendable {
    let plans: [PlannedRun]
    let data: LoadedData
  }

  /// Whether the same run diverged in its folder.
  static func hasDiverged(_ plan: PlannedRun, _ data: LoadedData) -> Bool {
    guard let found = try? RunFolder(plan.folder).readRecord() else { return false }
    guard found.status == .diverged, let builder = try? RunBuilder(plan.configuration, data) else { return false }
    return RunBuilder.digest(of: found.configuration, found.data.digests)
      == RunBuilder.digest(of: builder.chosen(plan.resolved.tree), builder.digests)
  }

  /// A label as the name of a folder.
  static func folderName(_ label: String) -> String { RunFolder.name(ofRow: label) }

  private static func results(
    of summaries: [(label: String, run: RunSummary)], _ specialists: [String: ComparisonResults.Specialist],
    _ data: LoadedData
  ) throws -> ComparisonResults {
    var rows: [MethodRuns] = []
    var unimodal: [Int: Double] = [:]
    var notes: [String] = []
    for (label, summary) in summaries {
      let configuration = try RunConfiguration(recorded: summary.record.configuration)
      let run = MeasuredRun(
        seed: configuration.seed, scores: summary.evaluation.scores, training: try trainingMeans(summary.folder),
        shapley: summary.evaluation.shapley ?? [:], seconds: summary.record.seconds, work: summary.record.work,
        validation: try validation(of: summary, data))
      if let index = rows.firstIndex(where: { $0.name == label }) {
        rows[index].runs.append(run)
      } else {
        rows.append(MethodRuns(name: label, settings: configuration.method, sees: try sees(configuration), runs: [run]))
      }
      if configuration.methodName == UnimodalTraining.card.name {
        let full = summary.evaluation.metrics[Condition.full] ?? [:]
        unimodal[configuration.seed] = full.filter { $0.key.hasPrefix("unimodal.") }.values.max()
      }
      for note in summary.record.notes + summary.evaluation.notes where !notes.contains(note) { notes.append(note) }
    }
    notes.append(contentsOf: try keptEpochs(summaries))
    let conditions = summaries.map(\.run.evaluation.conditions).max { $0.count < $1.count } ?? []
    return ComparisonResults(
      dataset: data.set.manifest.name, metric: data.set.manifest.metric.rawValue,
      modalities: data.set.manifest.modalities, conditions: conditions, methods: rows, unimodal: unimodal,
      specialists: specialists, missing: summaries.compactMap(\.run.evaluation.missing).first, notes: notes)
  }

  /// What inputs a row sees in training: what its method's card says, or the view that it is trained on.
  private static func sees(_ configuration: RunConfiguration) throws -> [String] {
    let view = configuration.data.view
    guard let dash = view.lastIndex(of: "-") else {
      return try MethodRegistry.entry(configuration.methodName).card.sees
    }
    return [view[dash...].dropFirst() == "missing" ? "missing" : "noisy"]
  }

  /// Which epochs' weights were kept, in one sentence: a table can hang on it.
  private static func keptEpochs(_ summaries: [(label: String, run: RunSummary)]) throws -> [String] {
    var kept: [(label: String, epochs: [Int])] = []
    var rules: Set<String> = []
    var total = 0
    for (label, summary) in summaries {
      guard let epoch = summary.record.selectedEpoch else { continue }
      let training = try RunConfiguration(recorded: summary.record.configuration).training
      rules.insert(training.selection.rawValue)
      total = max(total, training.epochs)
      if let index = kept.firstIndex(where: { $0.label == label }) {
        kept[index].epochs.append(epoch + 1)
      } else {
        kept.append((label, [epoch + 1]))
      }
    }
    guard !kept.isEmpty else { return [] }
    let words = kept.map { entry in
      let (low, high) = (entry.epochs.min() ?? 0, entry.epochs.max() ?? 0)
      return "\(entry.label) \(low)" + (low == high ? "" : "–\(high)")
    }
    return [
      "kept epochs (selection=\(rules.sorted().joined(separator: ", ")), of \(total)): \(words.joined(separator: ", "))"
    ]
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
