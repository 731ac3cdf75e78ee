import Balancing
import Datasets
import Encoders
import Evaluation
public import Foundation
import Multimodal
public import Records
import Torch
import TorchNN

extension Experiment {
  /// Tries a finished run under every condition, on its own data or on another feature set of the same shape.
  public static func evaluate(
    run: URL, data: URL? = nil, events: EventSink = { _ in }
  ) throws -> EvaluationTable {
    let folder = RunFolder(run)
    // What is found on the run's own data is kept in its folder.
    let lock = data == nil && folder.exists ? try folder.lock() : nil
    defer { lock?.release() }
    let trial = try finishedTrial(run, data: data.map { try LoadedData(at: $0) }, events: events)
    let table = try evaluation(trial)
    if data == nil {
      try folder.write(table)
      try keepEvidence(table, trial, in: folder)
    }
    return table
  }

  /// A finished run, ready to be tried; it answers absence as its record says.
  static func finishedTrial(_ run: URL, data: LoadedData?, events: EventSink) throws -> ModelEvaluation {
    let (builder, model, method) = try finishedRun(run, data: data, events: events)
    let folder = RunFolder(run)
    return ModelEvaluation(
      builder, model, method, absence: try Absence(in: folder, folder.readRecord(), model, method))
  }

  /// A finished run's data, model and method.
  ///
  /// - Parameter data: what to try it on; nil reads the run's own.
  static func finishedRun(
    _ run: URL, data: LoadedData?, events: EventSink
  ) throws -> (RunBuilder, MultimodalModel, any BalancingMethod) {
    let folder = RunFolder(run)
    guard folder.exists else {
      throw Diagnosis("there is no run here", place: run.relativePath, exitStatus: .input)
    }
    let record = try folder.readRecord()
    guard record.status == .finished else {
      throw Diagnosis(
        "the run is not finished: its status is '\(folder.status(of: record).rawValue)'", place: run.relativePath,
        remedy: "seesaw train --resume --out \(run.relativePath)", exitStatus: .input)
    }
    let configuration = try RunConfiguration(recorded: record.configuration, in: folder.record.relativePath)
    _ = try MethodRegistry.entry(recorded: configuration.methodName, in: folder.record.relativePath)
    let loaded = try (data ?? LoadedData(at: URL(filePath: record.data.path))).shown(configuration.data)
    try check(loaded.set, fits: record, in: folder)
    if data == nil, !loaded.fits(RunBuilder.ofData(record.data.digests)) {
      events(.note("the data has changed since the run was trained: \(loaded.set.folder.relativePath)"))
    }
    let weights = try SafeTensors(reading: folder.weights)
    // Other data, or data that has changed, has another mean: the model knows the one it was trained with.
    let standardized = try loaded.standardized(by: ModelFile.targets(weights))
    var builder = try RunBuilder(configuration, standardized, encoders: ModelFile.encoders(weights))
    builder.thresholds = record.thresholds.flatMap { $0.count == loaded.set.manifest.classes.count ? $0 : nil }
    Runtime.setThreads(builder.threads)
    events(.phase("Data", loaded.words))
    let model = try builder.model()
    try model.store.load(weights)
    return (builder, model, try ModelFile.method(builder, in: folder))
  }

  /// Keeps predictions and what they show in a run's folder, where that is wished for and something was scored.
  static func keepEvidence(_ table: EvaluationTable, _ trial: ModelEvaluation, in folder: RunFolder) throws {
    guard trial.builder.configuration.evaluation.evidence, table.conditions.contains(Condition.full) else { return }
    let steps = (try? folder.readSteps()) ?? []
    try trial.write(table, parting: LossSeparation(steps, modalities: table.modalities), to: folder)
  }

  /// The scores of a model under every condition that was asked for, and the predictions behind them.
  static func evaluation(_ trial: ModelEvaluation) throws -> EvaluationTable {
    let (builder, model, method) = (trial.builder, trial.model, trial.method)
    let set = builder.data.set
    let evaluator = builder.evaluator
    var notes = set.partNotes
    let known = set.test == nil ? [] : try set.conditions()
    let wanted = builder.configuration.evaluation.conditions
    let conditions = wanted.isEmpty ? known : known.filter { $0 == Condition.full || wanted.contains($0) }
    var unmeasured = wanted.filter { !known.contains($0) }
    if wanted.isEmpty, set.test != nil { unmeasured = try set.absentConditions() }
    if set.test == nil { notes.append("the data has no test split: nothing was scored") }
    if !unmeasured.isEmpty {
      notes.append(
        "not measured, for want of a file test@<condition>.safetensors: \(unmeasured.joined(separator: ", "))")
    }

    var scores: [String: Double] = [:]
    var metrics: [String: [String: Double]] = [:]
    var zeroFeatures: [String] = []
    for name in conditions {
      let (split, missing, zero) = try set.test(under: name)
      if zero { zeroFeatures.append(name) }
      let prepared = builder.prepared(split)
      let predict = try trial.rule(told: trial.told(name, missing))
      let withHeads = name == Condition.full && method is any TrainsUnimodalClassifiers
      let (logits, labels) = try evaluator.allLogits(model, prepared) { outputs in
        [try predict(outputs)] + (withHeads ? try outputs.unimodal().values : [])
      }
      metrics[name] = try scoring("the test split under '\(name)'", of: set) {
        trial.keep(try trial.predictions(logits[0], labels, of: split), under: name)
        var found = try evaluator.metrics(logits[0], labels, thresholds: builder.thresholds)
        scores[name] = try evaluator.score(found)
        for (modality, unimodal) in zip(model.modalities, logits.dropFirst()) {
          found["unimodal.\(modality.name)"] = try evaluator.score(
            evaluator.metrics(unimodal, labels, thresholds: builder.thresholds))
        }
        return found
      }
    }
    let values = try scoring("the test split", of: set) {
      set.test == nil ? nil : try ModalityValues(trial, known: scores)
    }
    if let note = values?.note { notes.append(note) }
    zeroFeatures += (values?.zeroFeatures ?? []).filter { !zeroFeatures.contains($0) }
    if !zeroFeatures.isEmpty {
      notes.append("features of a missing modality are zeros in \(zeroFeatures.joined(separator: ", "))")
    }
    return EvaluationTable(
      dataset: set.manifest.name, metric: set.manifest.metric.rawValue, modalities: set.manifest.modalities,
      conditions: conditions, scores: scores, metrics: metrics, shapley: values?.shapley, samples: set.test?.count,
      missing: set.test == nil ? nil : try set.missingInputs(), validation: try trial.validation(), notes: notes)
  }

  /// Says of which split something cannot be scored.
  static func scoring<R>(_ split: String, of set: FeatureSet, _ body: () throws -> R) throws -> R {
    do { return try body() } catch let error as MetricError {
      throw error.diagnosis.placed(in: "\(set.folder.relativePath), \(split)")
    }
  }

  private static func check(_ set: FeatureSet, fits record: RunRecord, in folder: RunFolder) throws {
    var faults: [String] = []
    if set.manifest.modalities != record.data.modalities {
      faults.append(
        "modalities are \(set.manifest.modalities.joined(separator: ", ")), the model has "
          + record.data.modalities.joined(separator: ", "))
    }
    if set.manifest.classes != record.data.classes {
      faults.append("classes differ: \(set.manifest.classes.count) here, the model has \(record.data.classes.count)")
    }
    let weights = try SafeTensors(reading: folder.weights)
    let encoders = try ModelFile.encoders(weights)
    for (name, form) in zip(set.manifest.modalities, set.forms) {
      let width = form.count
      if let encoder = encoders[Modality(name)] {
        if encoder.input != form {
          faults.append("'\(name)' is \(form.words) a sample, the model's encoder reads \(encoder.input.words)")
        }
        continue
      }
      guard let built = weights.entry("\(name).embedding.weight")?.shape.last, built != width else { continue }
      faults.append("features of '\(name)' are \(width) wide, the model was built for \(built)")
    }
    guard faults.isEmpty else {
      throw Diagnosis(
        "the data does not fit the model", place: set.folder.relativePath,
        found: faults, remedy: "encode it with the encoders the run was trained on: \(folder.url.relativePath)",
        exitStatus: .input)
    }
  }
}
