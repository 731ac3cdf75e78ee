import Balancing
import Datasets
import Foundation
import Records

extension Experiment {
  /// Trains one model and evaluates it.
  ///
  /// A folder that holds the same run finished is left alone; one that holds it unfinished is gone on with.
  public static func train(
    _ request: TrainRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
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
    let (configuration, resolved) = try resolve(
      method: request.method, seed: request.seed, data: request.data, files: files, settings: request.settings)
    guard !configuration.dataset.isEmpty else {
      throw Diagnosis(
        "no data set is named", remedy: "seesaw train DATA, or dataset: in the configuration",
        exitStatus: .usage)
    }
    let data = try LoadedData(at: URL(filePath: configuration.dataset))
    try guardData(data, events: events)
    return try train(configuration, resolved, data, request, stop: stop, events: events)
  }

  /// The same, over data that is loaded already.
  static func train(
    _ configuration: RunConfiguration, _ resolved: ResolvedConfiguration, _ data: LoadedData, _ request: TrainRequest,
    stop: StopFlag, events: @escaping EventSink
  ) throws -> TrainOutcome {
    let builder = try RunBuilder(configuration, data)
    let digest = try builder.digest(of: resolved.tree)
    let folder =
      request.out.map(RunFolder.init)
      ?? RunFolder(
        in: URL(filePath: "runs"), dataset: data.set.manifest.name, method: configuration.methodName,
        seed: configuration.seed, digest: digest)
    events(.phase("Data", data.words))
    let card = try MethodRegistry.entry(configuration.methodName).card
    events(
      .phase("Method", "\(card.title)\(card.citation.map { " (\($0.short))" } ?? "") · seed \(configuration.seed)"))

    for warning in try builder.warnings() { events(.note(warning)) }

    var resuming = false
    if folder.exists, !request.again {
      let found = try folder.readRecord()
      let same = try foundDigest(found, builder) == digest
      guard same else {
        throw Diagnosis(
          request.resume ? "the run was begun with other settings or other data" : "the folder holds another run",
          place: folder.url.relativePath,
          found: differences(found.configuration, resolved.tree, found.data.digests, data.digests),
          remedy: "choose another --out, or --again to replace it", exitStatus: .usage)
      }
      if found.status == .finished {
        if request.tensorboard, EventFile.files(in: folder.url).isEmpty {
          try EventFile(of: folder, stepsBelow: .max).close()
        }
        return .alreadyDone(RunSummary(folder: folder.url, record: found, evaluation: try folder.readEvaluation()))
      }
      resuming = FileManager.default.fileExists(atPath: folder.checkpoint.path)
      if resuming { events(.note("going on from the checkpoint in \(folder.url.relativePath)")) }
    } else if folder.exists {
      try? FileManager.default.removeItem(at: folder.checkpoint)
    }
    let run = try TrainingRun(
      builder, resolved, in: folder, digest: digest, resuming: resuming,
      tensorboard: request.tensorboard, stop: stop, events: events)
    guard let summary = try run.run() else { return .interrupted(folder.url) }
    return .finished(summary)
  }

  private static func foundDigest(_ record: RunRecord, _ builder: RunBuilder) throws -> String {
    var essence = record.configuration
    essence[path: "dataset"] = nil
    let digests = record.data.digests.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    return FileDigest.sha256(of: ([essence.json()] + digests).joined(separator: "\n"))
  }

  private static func differences(
    _ old: Tree, _ new: Tree, _ oldData: [String: String], _ newData: [String: String]
  )
    -> [String]
  {
    let paths = Set(old.leafPaths).union(new.leafPaths).subtracting(["dataset", "training.threads"]).sorted()
    var lines = paths.filter { old[path: $0] != new[path: $0] }.map { path in
      "\(path) was \(old[path: path]?.description ?? "not there"), now \(new[path: path]?.description ?? "not there")"
    }
    lines += Set(oldData.keys).union(newData.keys).sorted().filter { oldData[$0] != newData[$0] }
      .map { "\($0) has changed" }
    if lines.isEmpty { lines = ["the number of threads differs"] }
    return lines
  }
}
