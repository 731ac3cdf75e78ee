import Balancing
import Datasets
import Foundation
import Records
import Torch

extension Experiment {
  /// Trains one model and evaluates it.
  ///
  /// A folder that holds the same run finished is left alone; one that holds it unfinished is gone on with.
  public static func train(
    _ request: TrainRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> TrainOutcome {
    let group = try joined(request)
    // One of them speaks.
    var heard = events
    if let group, group.rank > 0 { heard = { _ in } }
    do {
      return try trained(request, by: group, stop: stop, events: heard)
    } catch {
      guard let group else { throw error }
      throw group.explaining(error, in: request.out ?? URL(filePath: "runs"))
    }
  }

  private static func trained(
    _ request: TrainRequest, by group: ProcessGroup?, stop: StopFlag, events: @escaping EventSink
  ) throws -> TrainOutcome {
    var files = request.files
    if request.resume {
      guard let out = request.out else {
        throw Diagnosis("--resume needs the run's folder", remedy: "name it with --out", exitStatus: .usage)
      }
      guard RunFolder(out).exists else {
        throw Diagnosis("there is no run to resume", place: out.relativePath, exitStatus: .input)
      }
      files.insert(RunFolder(out).record, at: 0)
    }
    // Of a run that is repeated; one that is gone on with says so itself.
    for file in request.files {
      if let record = try? Tree.read(RunRecord.self, from: file), let note = Machine.note(on: record) {
        events(.note(note))
      }
    }
    let usual = request.method == nil ? try usualMethod(request, files) : nil
    var (configuration, resolved) = try resolve(
      method: request.method ?? usual?.name, seed: request.seed, data: request.data, files: files,
      settings: request.settings)
    guard !configuration.dataset.isEmpty else {
      throw Diagnosis(
        "no data set is named", remedy: "seesaw train DATA, or dataset: in the configuration",
        exitStatus: .usage)
    }
    let data = try LoadedData(at: URL(filePath: configuration.dataset), events: events)
    if let usual {
      // What cannot work is said first, and nothing else then.
      _ = try RunBuilder(configuration, data)
      events(.note("no method is named: \(usual.title) it is; --method chooses another"))
    }
    try guardData(data, events: events)
    if let process = request.process, configuration.training.threads == 0 {
      configuration.training.threads = min(RunBuilder.usualThreads(configuration, data.set), process.threads)
    }
    return try train(configuration, resolved, data, request, by: group, stop: stop, events: events)
  }

  /// The method where nobody names one: what stands best with a modality missing or noisy, or joint training of a single
  /// modality; nil where a configuration names one.
  private static func usualMethod(_ request: TrainRequest, _ files: [URL]) throws -> MethodCard? {
    let sources = try files.map(ConfigurationFile.init(reading:))
    guard ConfigurationResolver.peek("method.name", files: sources, settings: request.settings) == nil else {
      return nil
    }
    let named = ConfigurationResolver.peek("dataset", files: sources, settings: request.settings).map {
      URL(filePath: $0)
    }
    guard let folder = request.data ?? named else { return nil }
    let manifest = try DatasetManifest.read(in: folder)
    return manifest.modalities.count > 1 ? Fulcrum.card : JointTraining.card
  }

  /// The same, over data that is loaded already.
  static func train(
    _ configuration: RunConfiguration, _ resolved: ResolvedConfiguration, _ data: LoadedData, _ request: TrainRequest,
    by group: ProcessGroup? = nil, stop: StopFlag, events: @escaping EventSink
  ) throws -> TrainOutcome {
    var builder = try RunBuilder(configuration, data)
    builder.group = group
    let digest = try builder.digest(of: resolved.tree)
    let folder =
      request.out.map(RunFolder.init)
      ?? RunFolder(
        in: URL(filePath: "runs"), dataset: data.set.manifest.name, method: configuration.methodName,
        seed: configuration.seed, digest: digest)
    if let group {
      try check(group, builder, digest: digest)
      if group.rank > 0 { return try follow(group, builder, folder, digest: digest, stop: stop) }
    }
    let lead = Lead(group)
    defer { lead.end() }
    events(.phase("Data", builder.data.words))
    let card = try MethodRegistry.entry(configuration.methodName).card
    events(
      .phase("Method", "\(card.title)\(card.citation.map { " (\($0.short))" } ?? "") · seed \(configuration.seed)"))

    for warning in try builder.warnings() { events(.note(warning)) }
    if let group {
      let batch = configuration.training.batchSize
      events(
        .phase("Processes", "\(group.count), which share each batch of \(batch), with \(builder.threads) threads each"))
    }

    var request = request
    if request.renews, isOutdated(folder, builder, digest) {
      events(.note("the run in \(folder.url.relativePath) was made otherwise, and is begun anew"))
      request.again = true
    }
    if let done = try finished(folder, builder, resolved, digest, request) {
      tidy(folder)
      try request.mlflow.map { try MLflowStore($0).write(folder) }
      return .alreadyDone(done)
    }
    let lock = try folder.lock(waiting: patience(request.wait, for: folder.url, stop: stop, events: events))
    defer { lock.release() }
    // Whoever was waited for may have done the same.
    if let done = try finished(folder, builder, resolved, digest, request) { return .alreadyDone(done) }
    let checkpoint = request.again ? nil : try checkpoint(in: folder, digest, processes: group?.count, events: events)
    try lead.begin(from: checkpoint)
    let run = try TrainingRun(
      builder, resolved, in: folder, digest: digest, from: checkpoint, tensorboard: request.tensorboard, stop: stop,
      events: events)
    let outcome = Result { try run.run() }
    // One that diverged or was interrupted too.
    try request.mlflow.map { try MLflowStore($0).write(folder) }
    guard let summary = try outcome.get() else { return .interrupted(folder.url) }
    return .finished(summary)
  }

  /// Whether a folder holds a run on the same data that was made otherwise, or begun by another version.
  private static func isOutdated(_ folder: RunFolder, _ builder: RunBuilder, _ digest: String) -> Bool {
    guard folder.exists, let found = try? folder.readRecord() else { return false }
    guard found.data.path == builder.data.set.folder.standardizedFileURL.path else { return false }
    return RunBuilder.digest(of: found.configuration, found.data.digests) != digest
      || (found.status != .finished && found.versions != Versions.here)
  }

  /// Takes away what a process left that was killed after a run's last record; nobody's work where that cannot be.
  private static func tidy(_ folder: RunFolder) {
    guard let lock = try? folder.lock() else { return }
    defer { lock.release() }
    try? folder.removeCheckpoints()
    AtomicFile.removeUnfinished(in: folder.url)
  }

  /// The same run where it is finished; nil where there is work to do.
  private static func finished(
    _ folder: RunFolder, _ builder: RunBuilder, _ resolved: ResolvedConfiguration, _ digest: String,
    _ request: TrainRequest
  ) throws -> RunSummary? {
    guard folder.exists else {
      guard !FileManager.default.fileExists(atPath: folder.url.appending(path: "dataset.json").path) else {
        throw Diagnosis(
          "the folder holds a data set", place: folder.url.relativePath, remedy: "choose another --out",
          exitStatus: .usage)
      }
      return nil
    }
    guard !request.again else { return nil }
    let found = try folder.readRecord()
    guard RunBuilder.digest(of: found.configuration, found.data.digests) == digest else {
      throw Diagnosis(
        request.resume ? "the run was begun with other settings or other data" : "the folder holds another run",
        place: folder.url.relativePath,
        found: differences(
          found.configuration.essence, builder.chosen(resolved.tree).essence, found.data.digests, builder.digests),
        remedy: "choose another --out, or --again to replace it", exitStatus: .usage)
    }
    guard found.status == .finished else { return nil }
    if request.tensorboard, EventFile.files(in: folder.url).isEmpty {
      try EventFile(of: folder, stepsBelow: .max).close()
    }
    return RunSummary(folder: folder.url, record: found, evaluation: try folder.readEvaluation())
  }

  /// A planned run where its folder holds it finished; nil where there is work to do.
  ///
  /// - Throws: a `Diagnosis` where the folder holds another run.
  static func finishedRun(_ plan: PlannedRun, _ data: LoadedData) throws -> RunSummary? {
    let builder = try RunBuilder(plan.configuration, data)
    return try finished(
      RunFolder(plan.folder), builder, plan.resolved, builder.digest(of: plan.resolved.tree), TrainRequest())
  }

  /// What an unfinished run is gone on from; nil where it is begun anew.
  private static func checkpoint(
    in folder: RunFolder, _ digest: String, processes: Int?, events: EventSink
  ) throws -> Checkpoint? {
    guard folder.exists else { return nil }
    let (checkpoint, faults) = Checkpoint.newest(in: folder, digest: digest)
    for fault in faults { events(.note(fault)) }
    guard let checkpoint else {
      if !faults.isEmpty {
        events(.note("no checkpoint can be gone on from: the run is begun anew, and will end as it would have"))
      }
      return nil
    }
    let record = try folder.readRecord()
    let changes = record.versions.changes(to: .here)
    guard changes.isEmpty else {
      throw Diagnosis(
        "the run was begun with another version, and would not end as either's", place: folder.url.relativePath,
        found: changes, remedy: "go on with that version, or --again to begin anew", exitStatus: .usage)
    }
    if let note = Machine.note(on: record) { events(.note(note)) }
    if record.processes != processes {
      events(
        .note(
          "the run was begun by \(record.processes ?? 1) processes and goes on with \(processes ?? 1): its last digits "
            + "will differ"))
    }
    events(.note("going on from the checkpoint in \(folder.url.relativePath)"))
    return checkpoint
  }

  private static func differences(
    _ old: Tree, _ new: Tree, _ oldData: [String: String], _ newData: [String: String]
  )
    -> [String]
  {
    var lines = old.changes(to: new, besides: ["training.threads"])
    lines += Set(oldData.keys).union(newData.keys).sorted().filter { oldData[$0] != newData[$0] }
      .map { "\($0) has changed" }
    if lines.isEmpty { lines = ["the number of threads differs"] }
    return lines
  }
}

extension Versions {
  /// In which a run would not go on to the same bits, a part of a sentence each.
  func changes(to new: Versions) -> [String] {
    [("seesaw", seesaw, new.seesaw), ("libtorch", libtorch, new.libtorch), ("the platform", platform, new.platform)]
      .filter { $0.1 != $0.2 }.map { "\($0.0) was \($0.1), now \($0.2)" }
  }
}

extension Tree {
  /// The values that are others in another configuration, a part of a sentence each.
  func changes(to new: Tree, besides passedOver: Set<String> = []) -> [String] {
    Set(leafPaths).union(new.leafPaths).subtracting(passedOver).sorted()
      .filter { self[path: $0] != new[path: $0] }
      .map { path in
        "\(path) was \(self[path: path]?.description ?? "not there"), now "
          + "\(new[path: path]?.description ?? "not there")"
      }
  }

  /// A configuration without what determines no result.
  var essence: Tree {
    var tree = self
    for path in RunConfiguration.withoutEffect { tree[path: path] = nil }
    // Runs from before there was a choice were shuffled in full.
    if tree[path: "training.shuffle"]?.stringValue == Shuffling.full.rawValue { tree[path: "training.shuffle"] = nil }
    // Nor did anybody flip anything.
    if tree[path: "training.flip"]?.stringValue == Flipping.off.rawValue { tree[path: "training.flip"] = nil }
    return RunConfiguration.withoutLater(tree)
  }
}
