import Balancing
import Datasets
import Evaluation
import Foundation
import Multimodal
import Records

/// One call of `diagnose`.
struct DiagnosisWork {
  let request: DiagnoseRequest
  let stop: StopFlag
  let events: EventSink
  let data: LoadedData
  /// Of the diagnosed run; nil where a data set is diagnosed.
  let run: RunRecord?
  /// Configuration files under every training.
  let files: [URL]
  let seeds: Int
  /// Of the folder of models; nil where others may be at work in it.
  let lock: FolderLock?
  /// The seeds of which every model that is looked at is finished; nil where all are trained here.
  var finishedSeeds: Set<Int>?

  var set: FeatureSet { data.set }
  var names: [String] { data.set.manifest.modalities }
  var modalities: [Modality] { data.set.modalities }

  /// - Parameter isShared: whether other processes may be at work in the folder of models.
  init(_ request: DiagnoseRequest, isShared: Bool = false, stop: StopFlag, events: @escaping EventSink) throws {
    self.request = request
    self.stop = stop
    self.events = events
    seeds = request.quick ? 1 : request.seeds
    let folder = RunFolder(request.subject)
    run = folder.exists ? try folder.readRecord() : nil
    if run != nil, !(request.files.isEmpty && request.settings.isEmpty) {
      throw Diagnosis(
        "a run has its own settings", place: request.subject.relativePath,
        remedy: "leave --config and --set out, or diagnose the data", exitStatus: .usage)
    }
    data = try LoadedData(at: run.map { URL(filePath: $0.data.path) } ?? request.subject).shown(
      Experiment.dataSettings(run, files: request.files, settings: request.settings))
    guard data.set.test != nil else {
      throw Diagnosis(
        "the data set has no test split", place: data.set.folder.relativePath,
        remedy: "add test.safetensors: nothing can be scored without it", exitStatus: .input)
    }
    guard data.set.modalities.count > 1 else {
      throw Diagnosis(
        "the data has one modality, and nothing else to lean on", place: data.set.folder.relativePath,
        found: ["it is '\(data.set.manifest.modalities[0])'"], exitStatus: .usage)
    }
    for method in request.methods { _ = try MethodRegistry.entry(method) }
    lock =
      isShared
      ? nil
      : try FolderLock(
        inside: request.out, waiting: Experiment.patience(request.wait, for: request.out, stop: stop, events: events))
    if !isShared { AtomicFile.removeUnfinished(in: request.out) }
    let files = FileManager.default
    if request.again {
      for name in Self.kept where files.fileExists(atPath: request.out.appending(path: name).path) {
        try Diagnosis.placing(request.out) { try files.removeItem(at: request.out.appending(path: name)) }
      }
    }
    guard let run else {
      self.files = request.files
      return
    }
    var tree = run.configuration
    for key in ["dataset", "seed", "method"] { tree[path: key] = nil }
    let url = request.out.appending(path: "configuration.json")
    try Diagnosis.placing(url) { try files.createDirectory(at: request.out, withIntermediateDirectories: true) }
    try AtomicFile.write(Data((tree.json(.pretty) + "\n").utf8), to: url)
    self.files = [url]
  }

  /// What a diagnosis leaves in its folder besides the answer.
  private static let kept = ["runs", "held-out", "held-out-runs", "probes"]

  func answer() throws -> ModelDiagnosis {
    let method = try diagnosed()
    events(.phase("Data", data.words))
    let checked = try Experiment.guardData(data, events: events)
    try AtomicFile.write(Data((checked.json() + "\n").utf8), to: request.out.appending(path: "check.json"))
    let own = run == nil ? [baselineRow(method)] : []
    let alone = aloneRows
    events(
      .phase(
        "Training",
        (run == nil ? "joint training and each modality alone" : "each modality alone")
          + (seeds == 1 ? ", one seed" : ", \(seeds) seeds each")))
    let trained = try train(own + alone, on: data, in: "runs")
    let subjects = run == nil ? trained[own[0].label] ?? [] : []
    let folders = run == nil ? subjects.map(\.folder) : [request.subject]

    events(.phase("Looking", "predictions with every set of modalities, linear probes, gradients"))
    var trials: [ModelEvaluation] = []
    var tables: [EvaluationTable] = []
    for folder in folders {
      try checkStop()
      let trial = try Experiment.finishedTrial(folder, data: data, events: quiet)
      tables.append(try Experiment.evaluation(trial))
      trials.append(trial)
    }
    let aloneModels = try alone.map { row in
      try (trained[row.label] ?? []).map { summary in
        return try Experiment.finishedTrial(summary.folder, data: data, events: quiet)
      }
    }
    let aloneOnTest = try aloneModels.enumerated().map { place, models in
      try models.map { try $0.predictions(only: place) }
    }
    var diagnosis = try findings(
      method, folders, trials, tables, aloneOnTest, aloneModels, alone.map { trained[$0.label] ?? [] })
    diagnosis.notes += checked.findings(.grave).map { "the data: \($0.what)" }
    guard diagnosis.problems.contains(where: \.isOfTraining), !request.quick else { return diagnosis }
    diagnosis.trial = try tryMethods(method, aloneModels)
    return diagnosis
  }

  func checkStop() throws { if stop.isRequested { throw CancellationError() } }

  var quiet: EventSink { { [events] event in if case .note = event { events(event) } } }

}
