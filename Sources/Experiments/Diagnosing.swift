import Balancing
import Datasets
import Evaluation
public import Foundation
import Multimodal
public import Records
import Torch

/// A diagnosis as it is asked for.
public struct DiagnoseRequest: Sendable {
  /// The folder of a feature set, or of a finished run.
  public var subject: URL
  /// Where models that are trained for it lie, to be found again.
  public var out: URL
  /// Of every model that is trained: 0, 1, 2, ….
  public var seeds = 3
  /// Trains with one seed and tries no methods.
  public var quick = false
  /// What to try where something is wrong; empty takes ``Experiment/usuallyTried``.
  public var methods: [String] = []
  /// Telling samples of each kind.
  public var samples = 3
  /// Of models for a data set; a run's have its own settings.
  public var files: [URL] = []
  public var settings: [String] = []
  /// Trainings at the same time; 0 is as many as the cores admit.
  public var jobs = 0
  /// Trains anew what is there already.
  public var again = false
  /// Waits for whoever is at work in the folder, instead of refusing.
  public var wait = false
  /// Trains nothing, and takes what is finished of the planned runs.
  public var joins = false
  /// Of the bootstrap behind every interval; nil takes 200 to 1,000, fewer where there is much to compute.
  public var replicates: Int?

  public init(subject: URL, out: URL) {
    self.subject = subject
    self.out = out
  }
}

extension Experiment {
  /// What a diagnosis tries where something is wrong: methods that differ in kind, and are cheap.
  public static let usuallyTried = ["uniform", "balgrad", "modality-dropout", "mmpareto", "ume", "fulcrum"]

  /// Finds out which modality a model leans on, how strongly, since when, what that costs, and what helps.
  ///
  /// For a data set it trains joint training; for a run it takes the run's own weights and records. Each modality is
  /// trained alone besides, and where something is wrong a few methods are tried and chosen among by validation score.
  /// Models lie in `out` and are not trained twice; the answer itself is returned, not written.
  ///
  /// - Throws: `CancellationError` where it was stopped; what is finished stays.
  public static func diagnose(
    _ request: DiagnoseRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> ModelDiagnosis {
    guard request.seeds >= 1 else {
      throw Diagnosis("the number of seeds is \(request.seeds), must be at least 1", exitStatus: .usage)
    }
    guard request.samples >= 0 else {
      throw Diagnosis("the number of samples is \(request.samples), must be at least 0", exitStatus: .usage)
    }
    var work = try DiagnosisWork(request, stop: stop, events: events)
    defer { work.lock?.release() }
    let notes = try request.joins ? work.joinFinished() : []
    return try scoring("the test split", of: work.set) {
      var diagnosis = try work.answer()
      diagnosis.notes += notes
      return diagnosis
    }
  }
}

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
  private var finishedSeeds: Set<Int>?

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
    var trials: [ModelTrial] = []
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

  private func checkStop() throws { if stop.isRequested { throw CancellationError() } }

  private var quiet: EventSink { { [events] event in if case .note = event { events(event) } } }

  // MARK: Training

  /// The diagnosed model's own method.
  private func baselineRow(_ method: String) -> ComparisonRow {
    guard let run else {
      return ComparisonRow(
        label: method, method: method,
        settings: request.settings + ["training.probe.form=conflicts", "training.probe.every=2"])
    }
    var settings = run.configuration[path: "method"] ?? [:]
    settings[path: "name"] = nil
    return ComparisonRow(
      label: method, method: method, settings: Recipe.words(["method": settings]).filter { !$0.hasPrefix("method={") })
  }

  private var aloneRows: [ComparisonRow] {
    names.enumerated().map { place, name in
      let isShared = names.count { Experiment.folderName($0) == Experiment.folderName(name) } > 1
      return ComparisonRow(
        label: isShared ? "\(name) alone \(place)" : "\(name) alone", method: UnimodalTraining.card.name,
        settings: request.settings + ["method.modality=\(Tree.string(name).json())"])
    }
  }

  /// The runs of some rows with every seed, by label; what is finished in the folder is taken as it is.
  ///
  /// - Parameter mayDiverge: whether a row of which a run diverges is left out, rather than the end of all.
  private func train(
    _ rows: [ComparisonRow], on data: LoadedData, in folder: String, mayDiverge: Bool = false
  ) throws -> [String: [RunSummary]] {
    var plans = try self.plans(rows, on: data, in: folder)
    if let finishedSeeds {
      // Nothing is trained: what is not finished is left out.
      plans = try plans.filter {
        try finishedSeeds.contains($0.configuration.seed) && Experiment.finishedRun($0, data) != nil
      }
    }
    let summaries = try Experiment.run(
      plans, data, jobs: request.jobs, mayDiverge: mayDiverge, stop: stop, events: progress(to: events, as: "Training"))
    let byFolder = Dictionary(
      summaries.map { ($0.folder.standardizedFileURL, $0) }, uniquingKeysWith: { first, _ in first })
    var found: [String: [RunSummary]] = [:]
    for plan in plans {
      if let summary = byFolder[plan.folder.standardizedFileURL] { found[plan.label, default: []].append(summary) }
    }
    return found
  }

  /// The runs of some rows with every seed.
  private func plans(
    _ rows: [ComparisonRow], on data: LoadedData, in folder: String
  ) throws -> [Experiment.PlannedRun] {
    var compare = CompareRequest(
      data: data.set.folder, rows: rows, seeds: seeds, out: request.out.appending(path: folder))
    compare.files = files
    return try Experiment.plans(of: compare)
  }

  // MARK: Shares

  /// A run, and what it is trained on.
  struct Planned {
    let run: Experiment.PlannedRun
    let data: LoadedData
    /// Whether it is of a method that is tried, which may diverge.
    let isTried: Bool
  }

  /// All that is trained where something is wrong, the dearest first.
  func planned() throws -> [Planned] {
    let method = try diagnosed()
    let own = run == nil ? [baselineRow(method)] : []
    var all = try plans(own + aloneRows, on: data, in: "runs").map { Planned(run: $0, data: data, isTried: false) }
    if !request.quick {
      let (tried, data, folder) = try self.tried(method)
      let known = Set(all.map(\.run.folder))
      all += try plans([baselineRow(method)] + tried, on: data, in: folder)
        .filter { !known.contains($0.folder) }.map { Planned(run: $0, data: data, isTried: true) }
    }
    return Experiment.order(of: all.map(\.run), jobs: 2).map { all[$0] }
  }

  /// Whether a run has ended; one of a method that is tried may have diverged.
  static func hasEnded(_ planned: Planned) throws -> Bool {
    try Experiment.finishedRun(planned.run, planned.data) != nil
      || planned.isTried && Experiment.hasDiverged(planned.run, planned.data)
  }

  /// Takes what is finished of the planned runs, and trains nothing.
  ///
  /// - Returns: notes on how many runs stand in the answer.
  mutating func joinFinished() throws -> [String] {
    let all = try planned()
    let missing = try all.filter { try !Self.hasEnded($0) }.map { $0.run.name(in: request.out) }
    let needed = Dictionary(grouping: all.filter { !$0.isTried }, by: \.run.configuration.seed)
    finishedSeeds = try Set(needed.filter { try $0.value.allSatisfy(Self.hasEnded) }.keys)
    guard finishedSeeds?.isEmpty == false else {
      throw Diagnosis(
        "no seed of this diagnosis has all its runs finished", place: request.out.relativePath,
        found: missing.count > 10 ? Array(missing.prefix(10)) + ["…"] : missing,
        remedy: "--plan lists what there is to do", exitStatus: .input)
    }
    let words = "\(all.count - missing.count) of \(all.count) planned runs stand in this diagnosis"
    guard !missing.isEmpty else { return [words] }
    return [
      "\(words); missing: \(missing.prefix(10).joined(separator: ", "))\(missing.count > 10 ? ", …" : "")"
    ]
  }

  private var seedCount: Int { finishedSeeds?.count ?? seeds }

  /// The method that is looked at.
  private func diagnosed() throws -> String {
    try run.map { try RunConfiguration(recorded: $0.configuration) }?.methodName ?? JointTraining.card.name
  }

  // MARK: Findings

  private func findings(
    _ method: String, _ folders: [URL], _ trials: [ModelTrial], _ tables: [EvaluationTable],
    _ alone: [[Predictions]], _ aloneModels: [[ModelTrial]], _ aloneRuns: [[RunSummary]]
  ) throws -> ModelDiagnosis {
    let manifest = set.manifest
    let samples = set.test?.count ?? 0
    let conditions = try set.conditions()
    var bootstrap = Bootstrap(samples: samples)
    for condition in conditions {
      bootstrap.add("score:\(condition)", try trials.map { try $0.measure(under: condition) })
      guard manifest.task.hasClasses else { continue }
      bootstrap.add(
        "error:\(condition)", try trials.map { try $0.predictions(under: condition).weightedCalibrationError() })
      bootstrap.add("sure:\(condition)", try trials.map { try $0.predictions(under: condition).weightedOverconfidence })
    }
    let game = Game(modalities: names.count, samples: samples)
    let singles = names.indices.map { UInt64(1) << UInt64($0) }
    for present in Swift.Set(game.coalitions + singles).sorted() {
      try checkStop()
      bootstrap.add("worth:\(present)", try trials.map { try $0.measure(present: present) })
    }
    let metric = manifest.metric
    func measures(_ predictions: [Predictions]) -> [Bootstrap.Measure] {
      predictions.map { predictions in
        let score = WeightedScore(predictions, metric: metric)
        return { score($0) }
      }
    }
    for (name, predictions) in zip(names, alone) { bootstrap.add("alone:\(name)", measures(predictions)) }
    bootstrap.add("chance", measures([try set.constantPredictions()]))
    let probes = try modalities.map { modality in
      try zip(trials, folders).map { try probe($0, RunFolder($1), modality) }
    }
    for (name, probes) in zip(names, probes) { bootstrap.add("probe:\(name)", measures(probes.map(\.test))) }

    let means = bootstrap.means
    let adds = game.values { means["worth:\($0)"] ?? .nan }
    let (best, chosenBy) = try bestAlone(aloneRuns, means)
    let order = adds.indices.sorted { (-adds[$0], $0) < (-adds[$1], $1) }
    // The choice of what adds most is made by the same numbers: of more modalities more could have seemed to.
    let tail = 0.05 / Double(names.count)
    let levels = Dictionary(
      names.indices.flatMap { [("above:\($0)", tail), ("behind:\($0)", tail)] }, uniquingKeysWith: { first, _ in first }
    )
    let estimates = bootstrap.estimates(replicates: request.replicates, levels: levels) { v in
      derived(v, conditions, game, order: order, best: best)
    }
    func estimate(_ name: String) -> Estimate { estimates[name] ?? Estimate(.nan) }
    func byName(_ names: [String], _ prefix: String) -> [String: Estimate] {
      Dictionary(names.map { ($0, estimate("\(prefix):\($0)")) }, uniquingKeysWith: { first, _ in first })
    }
    let training = try folders.map { try Experiment.trainingMeans($0) }
    func trainingMean(_ name: String) -> Double? { Statistics.mean(training.compactMap { $0[name] }) }
    let updates = Dictionary(
      names.compactMap { name in trainingMean("update.\(name)").map { (name, $0) } },
      uniquingKeysWith: { first, _ in first }
    )
    let worth = names.map { name in
      let others = Statistics.mean(updates.filter { $0.key != name }.map(\.value))
      return ModelDiagnosis.Worth(
        adds: estimate("adds:\(name)"), lost: estimate("lost:\(name)"), only: estimate("only:\(name)"),
        alone: estimate("alone:\(name)"), aloneAboveChance: estimate("aloneAboveChance:\(name)"),
        unused: estimate("unused:\(name)"), probe: estimate("probe:\(name)"),
        speed: updates[name].flatMap { own in others.flatMap { $0 > 0 ? own / $0 : nil } })
    }
    let (top, least) = (order[0], order[order.count - 1])
    var leaning = leaning(order, total: adds.reduce(0, +), learned: estimate("fullAboveChance"), estimate)
    leaning.conventions = try Conventions(trials, game).found()
    let impaired = conditions.filter { $0 != Condition.full }
    let partings = folders.compactMap { folder in
      (try? RunFolder(folder).readSteps()).flatMap { Parting($0, modalities: names) }
    }
    let aloneNamed = zip(names, alone).compactMap { name, predictions in predictions.first.map { (name, $0) } }
    var notes: [String] = []
    for note in (run?.notes ?? []) + (tables.first?.notes ?? []) where !notes.contains(note) { notes.append(note) }
    if let note = try set.shiftNote() { notes.append(note) }
    var found = ModelDiagnosis(
      subject: run == nil ? .data : .run, place: request.subject.relativePath, data: data.set.folder.relativePath,
      dataset: manifest.name,
      task: manifest.task.rawValue, metric: manifest.metric.rawValue, method: method, modalities: names,
      classes: manifest.classes.count, samples: samples, seeds: trials.map(\.builder.configuration.seed),
      quick: request.quick, missing: tables.first?.missing, chance: means["chance"] ?? .nan,
      scores: byName(conditions, "score"), conditions: conditions, leaning: leaning,
      worth: Dictionary(zip(names, worth), uniquingKeysWith: { first, _ in first }),
      gap: ModelDiagnosis.GapParts(
        strong: names[top], weak: names[least], model: estimate("gap.model"), data: estimate("gap.data"),
        training: estimate("gap.training")),
      partings: partings,
      transfer: ModelDiagnosis.Transfer(
        impaired: byName(impaired, "transfer"), best: names[best], chosenBy: chosenBy, fused: estimate("fused")),
      calibration: Dictionary(
        (manifest.task.hasClasses ? conditions : []).map { condition in
          (
            condition,
            ModelDiagnosis.Calibration(
              error: estimate("error:\(condition)"), overconfidence: estimate("sure:\(condition)"))
          )
        }, uniquingKeysWith: { first, _ in first }),
      gradients: ModelDiagnosis.Gradients(
        conflict: trainingMean("probe.conflict") ?? trainingMean("conflict"),
        cosine: trainingMean("probe.cosine") ?? trainingMean("cosine"), updates: updates),
      reliance: try ModelReliance(trials, alone: manifest.task.hasClasses ? Array(zip(names, alone)) : []),
      evidence: try trials[0].evidence(
        tables[0], parting: partings.first, alone: aloneNamed, samples: request.samples),
      notes: notes)
    // Swaps, grids and bits are of class probabilities, and so are the parts of telling samples.
    guard manifest.task.hasClasses else { return found }
    try checkStop()
    events(.phase("Auditing", "swapped inputs, sums of what each modality says, bits that each holds"))
    found.audit = try ModelTable.audited(
      trials.enumerated().map { place, trial in
        ModelTable(
          trial: trial,
          alone: zip(aloneModels, alone).compactMap { models, answers in
            // Of a run that is diagnosed there may be more models of one modality than of all.
            guard models.indices.contains(place), answers.indices.contains(place) else { return nil }
            return ModelTable.Alone(trial: models[place], predictions: answers[place])
          }, probes: probes.compactMap { $0.indices.contains(place) ? $0[place] : nil })
      }, replicates: request.replicates)
    if let parts = try TellingParts(trials[0], warn: { events(.warning($0)) }) {
      found.evidence.telling = parts.explained(found.evidence.telling)
    }
    return found
  }

  /// Everything that is made of the measures' means.
  private func derived(
    _ v: [String: Double], _ conditions: [String], _ game: Game, order: [Int], best: Int
  ) -> [String: Double] {
    var out: [String: Double] = [:]
    for (name, value) in v where !name.hasPrefix("worth:") { out[name] = value }
    guard let full = v["score:full"], let chance = v["chance"] else { return out }
    out["fullAboveChance"] = full - chance
    for condition in conditions where condition != Condition.full {
      out["transfer:\(condition)"] = v["score:\(condition)"].map { $0 - full }
    }
    for (place, name) in names.enumerated() {
      out["lost:\(name)"] = v["score:\(name)-missing"].map { full - $0 }
      let only = v["worth:\(UInt64(1) << UInt64(place))"]
      out["only:\(name)"] = only
      out["aloneAboveChance:\(name)"] = v["alone:\(name)"].map { $0 - chance }
      out["unused:\(name)"] = v["alone:\(name)"].flatMap { alone in only.map { alone - $0 } }
    }
    let adds = game.values { v["worth:\($0)"] ?? .nan }
    for (name, value) in zip(names, adds) where value.isFinite { out["adds:\(name)"] = value }
    let ranked = order.map { adds[$0] }
    func mean(_ values: ArraySlice<Double>) -> Double { values.reduce(0, +) / Double(values.count) }
    for place in 0..<(ranked.count - 1) where ranked.allSatisfy(\.isFinite) {
      out["above:\(place)"] = mean(ranked[...place]) - mean(ranked[(place + 1)...])
      out["behind:\(place + 1)"] = ranked[0] - ranked[place + 1]
    }
    let (strong, weak) = (names[order[0]], names[order[order.count - 1]])
    if let a = out["only:\(strong)"], let b = out["only:\(weak)"], let c = out["alone:\(strong)"],
      let d = out["alone:\(weak)"]
    {
      out["gap.model"] = a - b
      out["gap.data"] = c - d
      out["gap.training"] = (a - b) - (c - d)
    }
    out["fused"] = out["alone:\(names[best])"].map { full - $0 }
    return out
  }

  /// What adds most, and what cannot be told from it where something else can.
  private func leaning(
    _ order: [Int], total: Double, learned: Estimate, _ estimate: (String) -> Estimate
  ) -> ModelDiagnosis.Leaning {
    let alike = (1..<order.count).prefix { !estimate("behind:\($0)").isAbove(0) }.count
    let peers = alike < order.count - 1 ? order[1..<(1 + alike)].map { names[$0] } : []
    let above = estimate("above:\(peers.count)")
    return ModelDiagnosis.Leaning(
      verdict: verdict(above, learned: learned), modality: names[order[0]], peers: peers, above: above,
      strength: total > 0 ? above.value * Double(1 + peers.count) / total : 0)
  }

  private func verdict(_ above: Estimate, learned: Estimate) -> ModelDiagnosis.Verdict {
    guard learned.isAbove(0) else { return .learnedNothing }
    guard let interval = above.interval95 else { return .unclear }
    if interval.low > 0 { return above.value >= ModelDiagnosis.smallestDifference ? .leans : .even }
    return max(abs(interval.low), abs(interval.high)) <= ModelDiagnosis.widestEven ? .even : .unclear
  }

  /// The modality whose models are best, and on which split.
  private func bestAlone(_ runs: [[RunSummary]], _ means: [String: Double]) throws -> (Int, String) {
    let metric = set.manifest.metric.rawValue
    let scores = try runs.map { runs in
      Statistics.mean(try runs.compactMap { try Experiment.validationScore(RunFolder($0.folder), metric) })
    }
    if scores.allSatisfy({ $0 != nil }) {
      return (scores.indices.max { (scores[$0] ?? 0) < (scores[$1] ?? 0) } ?? 0, "validation")
    }
    let onTest = names.map { means["alone:\($0)"] ?? 0 }
    return (onTest.indices.max { onTest[$0] < onTest[$1] } ?? 0, "test")
  }

  /// What a linear probe of a model says, from its file where it was trained before.
  private func probe(_ trial: ModelTrial, _ run: RunFolder, _ modality: Modality) throws -> ModelTable.Probed {
    try checkStop()
    let seed = trial.builder.configuration.seed
    let folder = request.out.appending(path: "probes")
    let place = modalities.firstIndex(of: modality) ?? 0
    let url = folder.appending(path: "\(place)-seed-\(seed).safetensors")
    let key = FileDigest.sha256(
      of: "\(modality.name) \(try FileDigest.sha256(of: run.weights)) "
        + data.digests.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: " "))
    let test = set.test
    let hasValidation = set.validation != nil
    if let file = try? SafeTensors(reading: url), file.metadata["key"] == key, let test,
      hasValidation == (file.entry("validation") != nil)
    {
      if set.targets != nil {
        return ModelTable.Probed(
          test: try Predictions(targets: test.labels.array(), answers: file.tensor("probabilities").array()),
          validation: hasValidation ? try file.tensor("validation").array() : nil)
      }
      return ModelTable.Probed(
        test: try Predictions(
          task: set.manifest.task, classes: set.manifest.classes.count, truth: test.labels.array(),
          probabilities: file.tensor("probabilities").array(),
          thresholds: file.entry("thresholds") == nil ? nil : file.tensor("thresholds").array()),
        validation: hasValidation ? try file.tensor("validation").array() : nil)
    }
    let found = try LinearProbe(trial: trial, modality: modality).predictions()
    try Diagnosis.placing(folder) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    let classes = set.manifest.outputs
    try SafeTensors.write(
      [("probabilities", try Tensor(found.test.probabilities, shape: [found.test.count, classes]))]
        + (found.test.thresholds.map { [("thresholds", try Tensor($0))] } ?? [])
        + (found.validation.map { [("validation", try Tensor($0, shape: [$0.count / classes, classes]))] } ?? []),
      metadata: ["key": key], to: url)
    return found
  }

  // MARK: What to try

  /// The methods that are tried beside the diagnosed one, on what data, and in which folder.
  private func tried(_ method: String) throws -> (rows: [ComparisonRow], data: LoadedData, folder: String) {
    var data = data
    let hasValidation = set.validation != nil
    if !hasValidation {
      let folder = request.out.appending(path: "held-out")
      // Processes that share the work make it once.
      let lock = try FolderLock(
        beside: folder, waiting: Experiment.patience(true, for: folder, stop: stop, events: { _ in }))
      defer { lock.release() }
      data = try HeldOutData.make(of: data, in: folder)
    }
    let baseline = baselineRow(method)
    let wanted = try (request.methods.isEmpty ? Experiment.usuallyTried : request.methods)
      .map { try MethodRegistry.entry($0).card.name }.filter { $0 != baseline.label }
    return (wanted.compactMap { row(for: $0, data) }, data, hasValidation ? "runs" : "held-out-runs")
  }

  private func tryMethods(_ method: String, _ alone: [[ModelTrial]]) throws -> ModelDiagnosis.Trial? {
    let hasValidation = set.validation != nil
    let (rows, data, folder) = try tried(method)
    let baseline = baselineRow(method)
    guard !rows.isEmpty else { return nil }
    events(
      .phase(
        "Trying",
        "\(rows.map(\.label).joined(separator: ", ")), \(seeds == 1 ? "one seed" : "\(seeds) seeds each"); "
          + (hasValidation ? "the validation split chooses" : "a held-out part of the training split chooses")))
    let trained = try train([baseline] + rows, on: data, in: folder, mayDiverge: true)
    guard let own = trained[baseline.label], own.count == seedCount else { return nil }
    let complete = rows.filter { trained[$0.label]?.count == seedCount }
    for row in rows where !complete.contains(row) {
      events(.note("'\(row.label)' \(request.joins ? "is not finished, or diverged," : "diverged") and is left out"))
    }
    var candidates = try ([baseline] + complete).map { row in
      Candidate(
        name: row.label, settings: row.settings,
        trials: try (trained[row.label] ?? []).map { summary in
          try checkStop()
          return try Experiment.finishedTrial(summary.folder, data: data, events: quiet)
        })
    }
    // A model of each other modality alone is there already, and answers where one is known to be absent.
    if hasValidation, names.count == 2, alone.allSatisfy({ $0.count == seedCount }) {
      candidates.append(
        Candidate(name: ModelDiagnosis.Tried.bundle, trials: candidates[0].trials, alone: alone.reversed()))
    }
    return try CandidateTrial(candidates, data.set, replicates: request.replicates)
      .answer(seeds: seedCount, heldOut: hasValidation ? nil : HeldOutData.share)
  }

  /// A method as a row, where it can work on this data with these settings.
  private func row(for method: String, _ data: LoadedData) -> ComparisonRow? {
    do {
      let entry = try MethodRegistry.entry(method)
      let row = ComparisonRow(
        label: method, method: method,
        settings: request.settings + (entry.defaults[path: "modulate"] == nil ? [] : ["method.modulate=step"]))
      var compare = CompareRequest(data: data.set.folder, rows: [row], seeds: 1, out: request.out)
      compare.files = files
      for plan in try Experiment.plans(of: compare) { _ = try RunBuilder(plan.configuration, data) }
      return row
    } catch {
      events(.note("'\(method)' is not tried: \(Diagnosis(describing: error).what)"))
      return nil
    }
  }
}

/// The game of modalities: which sets are played, and what each player is worth.
struct Game {
  let players: Int
  /// Orders of joining; nil where every set is played.
  private let orders: [[Int]]?
  let coalitions: [UInt64]

  init(modalities: Int, samples: Int) {
    players = modalities
    guard modalities > ModalityValues.mostModalities else {
      orders = nil
      coalitions = Array(0..<(1 << UInt64(modalities)))
      return
    }
    var numbers = SeededNumbers(seed: 0, stream: "shapley")
    let count = ModelTrial.permutations(samples: samples, modalities: modalities)
    let drawn = (0..<count).map { _ in numbers.permutation(modalities) }
    orders = drawn
    coalitions = Array(Swift.Set(drawn.flatMap(Self.path))).sorted()
  }

  /// The sets that an order passes through, from nobody to everybody.
  private static func path(_ order: [Int]) -> [UInt64] {
    order.reduce(into: [0]) { $0.append(($0.last ?? 0) | 1 << UInt64($1)) }
  }

  /// What each player adds.
  func values(_ worth: (UInt64) -> Double) -> [Double] {
    guard let orders else { return (try? Shapley.values(coalitions.map(worth))) ?? [] }
    var sums = [Double](repeating: 0, count: players)
    for order in orders {
      let worths = Self.path(order).map(worth)
      for (place, player) in order.enumerated() { sums[player] += worths[place + 1] - worths[place] }
    }
    return sums.map { $0 / Double(orders.count) }
  }
}
