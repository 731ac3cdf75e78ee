import Balancing
import Datasets
import Evaluation
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// One run, from its first step to its evaluation, recorded in its folder.
final class TrainingRun: Trainer.Observer {
  private var builder: RunBuilder
  private let resolved: ResolvedConfiguration
  private let folder: RunFolder
  private let digest: String
  private let stop: SharedStop
  private let events: EventSink

  private let session: TrainingSession
  private let context: TrainingContext
  private var best: Checkpoint.Best?
  private var selection: EpochSelection
  private let steps: JSONLinesWriter
  private let epochs: JSONLinesWriter
  /// For TensorBoard, where that is asked for.
  private let board: EventFile?
  private var lastStep = 0
  private var record: RunRecord
  private let clock = ContinuousClock()
  private let begun: ContinuousClock.Instant
  private var epochBegun: ContinuousClock.Instant
  private var lastCheckpoint: ContinuousClock.Instant
  private var lastEvent: ContinuousClock.Instant
  private var secondsBefore = 0.0
  private var method: any BalancingMethod
  private let probe: StepProbe?
  /// What an epoch is judged by, besides the validation split as it is.
  private let judged: [(name: String, split: FeatureSplit)]
  private var position = Trainer.Position()
  private var checkpointEvery: Duration

  /// A run in its folder, whose lock the caller has; goes on from a checkpoint where there is one.
  init(
    _ builder: RunBuilder, _ resolved: ResolvedConfiguration, in folder: RunFolder, digest: String,
    from checkpoint: Checkpoint?, tensorboard: Bool = false, stop: StopFlag, events: @escaping EventSink
  ) throws {
    self.builder = builder
    self.resolved = resolved
    self.folder = folder
    self.digest = digest
    self.stop = SharedStop(stop, builder.group)
    self.events = events
    Runtime.setThreads(builder.threads)
    session = try builder.session()
    context = try builder.context(session)
    method = try builder.method()
    selection = EpochSelection(
      builder.configuration.training.selection, recent: checkpoint?.numbers.recentMerits ?? [])
    judged = try EpochSelection.conditions(selection.form, builder.data.set).map {
      ($0.name, builder.prepared($0.split))
    }
    probe = try builder.probe(session, method)
    begun = clock.now
    epochBegun = begun
    lastCheckpoint = begun
    lastEvent = begun
    checkpointEvery = .seconds(builder.configuration.training.checkpointSeconds)

    record = RunRecord(
      configuration: resolved.tree, provenance: resolved.provenance, versions: Versions.here, threads: builder.threads,
      device: builder.device.name, processor: Machine.processor, data: builder.data.record(builder.digests),
      started: RunRecord.timestamp())
    record.configuration = builder.chosen(resolved.tree)
    record.arithmetic = Machine.arithmetic
    record.processes = builder.group?.count
    if let checkpoint {
      (position, best) = try checkpoint.restore(session, session.optimizer, &method, probe)
      secondsBefore = checkpoint.numbers.secondsBefore
      record.started = (try? folder.readRecord().started) ?? record.started
    }
    // From here on the folder says what is going on in it; only then is anything in it changed.
    let isRun = folder.exists
    try folder.write(record)
    if checkpoint == nil, isRun { try folder.clear() }
    AtomicFile.removeUnfinished(in: folder.url)
    steps = try JSONLinesWriter(resuming: folder.steps, where: "step", isBelow: checkpoint?.numbers.step ?? 0)
    epochs = try JSONLinesWriter(resuming: folder.epochs, where: "epoch", isBelow: position.epoch)
    let stepsDone = checkpoint?.numbers.step ?? 0
    lastStep = max(stepsDone - 1, 0)
    board = tensorboard ? try EventFile(of: folder, stepsBelow: stepsDone) : nil
  }

  /// Trains and evaluates; nil where it was stopped and a checkpoint waits.
  func run() throws -> RunSummary? {
    // The trainer's own copies: the observer writes to this run's while it works.
    var trained = method
    var reached = position
    do {
      let isDone = try builder.trainer.train(&trained, context, from: &reached, observer: self, probe: probe)
      method = trained
      position = reached
      try stop.check()
      guard isDone else {
        try checkpoint(method, position)
        try finish(.interrupted)
        return nil
      }
      // From here on this process works alone.
      builder.group = nil
      session.model.store.group = nil
      return try evaluateAndRecord()
    } catch let error as TrainingDiverged {
      position = reached
      // The others wait for what is written.
      defer { try? builder.group?.meet() }
      try saveDivergence(error)
      try finish(.diverged)
      throw error.diagnosis.placed(in: folder.url.relativePath)
    } catch {
      try? finish(.failed)
      throw error
    }
  }

  // MARK: While it runs

  var wantsStop: Bool { stop.isRequested }

  func stepEnded(_ report: StepReport, _ clock: TrainingClock, stepsInEpoch: Int, _ position: Trainer.Position) throws {
    self.position = position
    let row = StepRow(step: clock.step, epoch: clock.epoch, losses: report.losses, scalars: report.scalars)
    try steps.append(row)
    try board?.append(row.scalarsByTag, step: row.step)
    lastStep = row.step
    let now = self.clock.now
    if now - lastEvent > .milliseconds(200) {
      lastEvent = now
      tell(clock.epoch, "step \(position.batch)/\(stepsInEpoch)  \(lossWords(report.losses))")
    }
  }

  func epochEnded(
    _ epoch: Int, means: [String: Double], _ method: any BalancingMethod, _ position: Trainer.Position
  ) throws {
    self.position = position
    self.method = method
    var validation = try validate(method)
    let score = validation[builder.data.set.manifest.metric.rawValue]
    if let score {
      let measured = [EpochSelection.Merit(score: score, loss: validation["loss"] ?? 0)] + (try judge(method))
      for (condition, merit) in zip(judged, measured.dropFirst()) { validation[condition.name] = merit.score }
      if let merit = selection.judge(measured) {
        if selection.form == .standing { validation["standing"] = merit.score }
        if merit.isBetter(than: best?.merit) {
          best = Checkpoint.Best(
            epoch: epoch, merit: merit, weights: try session.model.store.snapshot(),
            method: try (method as? any Checkpointed)?.state())
        }
      }
    }
    let now = clock.now
    let row = EpochRow(epoch: epoch, train: means, validation: validation, seconds: (now - epochBegun).seconds)
    try epochs.append(row)
    try board?.append(row.scalarsByTag, step: lastStep)
    // Somebody may be watching.
    try epochs.flush()
    try board?.flush()
    epochBegun = now
    lastEvent = now
    let scoreWords = score.map { "  validation \(builder.data.set.manifest.metric.title) \(percent($0))" } ?? ""
    tell(epoch + 1, lossWords(means) + scoreWords)
    if epoch + 1 < builder.configuration.training.epochs { try reached(method, position) }
  }

  func reached(_ method: any BalancingMethod, _ position: Trainer.Position) throws {
    let began = clock.now
    guard began - lastCheckpoint > checkpointEvery else { return }
    try checkpoint(method, position)
    lastCheckpoint = clock.now
    // What is large is written more seldom: never for more than a twentieth of the time.
    if checkpointEvery > .zero { checkpointEvery = max(checkpointEvery, (lastCheckpoint - began) * 20) }
  }

  private func validate(_ method: any BalancingMethod) throws -> [String: Double] {
    guard let validation = context.validation else { return [:] }
    let evaluator = builder.evaluator
    let predict = prediction(of: method)
    // A modality's own classifier where it is trained, else its part of the fused logits, where these are a sum.
    let ownHeads = method is any TrainsUnimodalClassifiers
    let (logits, labels) = try evaluator.allLogits(session.model, validation) { outputs in
      let parts = ownHeads ? try outputs.unimodal() : try outputs.contributions()
      return [try predict(outputs)] + (parts?.values ?? [])
    }
    var metrics = try Experiment.scoring("the validation split", of: builder.data.set) {
      // An epoch is judged by what it could decide, not by where its probabilities happen to lie about one half.
      try evaluator.metrics(
        logits[0], labels,
        thresholds: Thresholds.fitted(logits[0], labels, task: evaluator.task, metric: evaluator.metric))
    }
    for (modality, part) in zip(session.model.modalities, logits.dropFirst()) {
      metrics["\(ownHeads ? "loss" : "split").\(modality.name)"] =
        try builder.data.set.manifest.task.loss(part.to(.float64), labels).scalar()
    }
    return metrics
  }

  /// The validation score and loss under each condition that an epoch is judged by; nobody tells the model.
  private func judge(_ method: any BalancingMethod) throws -> [EpochSelection.Merit] {
    let evaluator = builder.evaluator
    return try judged.map { name, split in
      let (logits, labels) = try evaluator.logits(session.model, split, prediction(of: method))
      return try Experiment.scoring("the validation split under '\(name)'", of: builder.data.set) {
        let metrics = try evaluator.metrics(logits, labels)
        return EpochSelection.Merit(score: try evaluator.score(metrics), loss: metrics["loss"] ?? 0)
      }
    }
  }

  private func tell(_ epoch: Int, _ detail: String) {
    let total = builder.configuration.training.epochs
    events(.progress(label: "Training", done: epoch, total: total, detail: "epoch \(epoch)/\(total)  \(detail)"))
  }

  private func lossWords(_ losses: [String: Double]) -> String {
    guard let loss = losses["fused"] ?? losses.sorted(by: { $0.key < $1.key }).first?.value else { return "" }
    return "loss " + loss.formatted(.number.precision(.fractionLength(3)).locale(Locale(identifier: "en_US")))
  }

  private func percent(_ value: Double) -> String {
    (100 * value).formatted(.number.precision(.fractionLength(1)).locale(Locale(identifier: "en_US")))
  }

  // MARK: Ends

  private var seconds: Double { secondsBefore + (clock.now - begun).seconds }

  private func checkpoint(_ method: any BalancingMethod, _ position: Trainer.Position) throws {
    // The rows that a checkpoint stands on are on disk before it is.
    try steps.synchronize()
    try epochs.synchronize()
    try Checkpoint.write(
      in: folder, digest: digest, session: session, optimizer: session.optimizer, method: method, probe: probe,
      position: position, best: best, recentMerits: selection.recent, seconds: seconds)
  }

  private func finish(_ status: RunStatus) throws {
    try steps.close()
    try epochs.close()
    try board?.close()
    record.status = status
    record.ended = RunRecord.timestamp()
    record.seconds = seconds
    record.work = session.tally.work
    try folder.write(record)
  }

  private func evaluateAndRecord() throws -> RunSummary {
    let lastEpoch = builder.configuration.training.epochs - 1
    if let best {
      try session.model.store.restore(best.weights)
      if let state = best.method, var checkpointed = method as? any Checkpointed {
        try checkpointed.restore(state)
        method = checkpointed
      }
    }
    record.selectedEpoch = best?.epoch ?? lastEpoch
    if selection.form != .last, context.validation == nil {
      record.notes.append("no validation split: nothing was selected, the weights are the last epoch's")
    }
    try ModelFile.write(builder, session.model, method, to: folder)
    builder.thresholds = try ModelEvaluation(builder, session.model, method).fittedThresholds()
    record.thresholds = builder.thresholds
    let absence = try Absence(fitting: builder, session.model, method)
    try absence.write(to: folder)
    record.absence = absence.chosen
    record.absenceScores = absence.scores
    let trial = ModelEvaluation(builder, session.model, method, absence: absence)
    let table = try Experiment.evaluation(trial)
    record.calibration = try trial.calibration()
    try folder.write(table)
    try steps.flush()
    try Experiment.keepEvidence(table, trial, in: folder)
    try finish(.finished)
    try? folder.removeCheckpoints()
    return RunSummary(folder: folder.url, record: record, evaluation: table)
  }

  private func saveDivergence(_ error: TrainingDiverged) throws {
    let target = folder.diverged
    try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
    try SafeTensors.write(session.model.store.named(), to: target.appending(path: "weights.safetensors"))
    record.notes.append(
      "diverged at epoch \(error.epoch), step \(error.step); weights and batch are in \(target.lastPathComponent)/")
    guard let plan = position.plan else { return }
    let batches = plan.batches(of: builder.configuration.training.batchSize)
    // At the end of an epoch, the last that was taken.
    let current = min(position.batch, batches.count - 1)
    try save(batches[current], "batch.safetensors")
    if error.isFromStepBefore, current > 0 { try save(batches[current - 1], "batch-before.safetensors") }
  }

  private func save(_ visits: ArraySlice<SamplingPlan.Visit>, _ name: String) throws {
    let batch = try context.training.batch(visits)
    let tensors =
      batch.inputs.map { ($0.name, $1) } + [
        ("labels", batch.labels), ("samples", try Tensor(batch.samples)),
      ]
    try SafeTensors.write(tensors, to: folder.diverged.appending(path: name))
  }
}
