import Balancing
import Datasets
import Evaluation
import Foundation
import LanguageModels
import Multimodal
public import Records
import Torch
import TorchNN

extension Experiment {
  /// Trains an adapter beside a language model's frozen weights, and writes it with its record into the folder.
  ///
  /// The same request goes on from a checkpoint where there is one; a training that is finished is not done twice.
  /// - Throws: `CancellationError` where it was stopped; a checkpoint is left behind.
  public static func fineTune(
    _ request: FineTuningRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> FineTuningRecord {
    try request.settings.check()
    guard request.model.adapter == nil else {
      throw Diagnosis(
        "an adapter is trained from its beginning", place: "--adapter", remedy: "leave it out", exitStatus: .usage)
    }
    guard request.model.tower == nil || request.settings.adapter.trainsProjector else {
      throw Diagnosis(
        "a tower's projector begins at random and has to be trained", place: "--frozen-projector",
        remedy: "leave it out", exitStatus: .usage)
    }
    guard [.standard, .order, .instruct].contains(request.model.variant), request.model.method == .ordinary else {
      throw Diagnosis(
        "training shows each sample's picture and text once and decodes as usual",
        found: ["prompt variants are standard, order and instruct"], exitStatus: .usage)
    }
    try requireRaw(request.data)
    let lock = try FolderLock(
      inside: request.out, waiting: patience(request.wait, for: request.out, stop: stop, events: events))
    defer { lock.release() }
    AtomicFile.removeUnfinished(in: request.out)
    return try FineTuning(request, stop: stop, events: events).run()
  }
}

/// One call of `fineTune`.
private final class FineTuning {
  private let request: FineTuningRequest
  private let settings: FineTuningSettings
  private let stop: StopFlag
  private let events: EventSink
  private let opened: OpenedLanguageModel
  private let adapter: ModelAdapter
  private let train: FineTuningExamples
  private let validation: FineTuningExamples?
  private let random: RandomSource
  private let optimizer: Adam
  private let rate: LearningRate
  private let stepsInEpoch: Int
  private var clock: TrainingClock
  private var record: FineTuningRecord
  private let folder: RunFolder

  private var batch = 0
  private var sums: [String: Double] = [:]
  private var counts: [String: Int] = [:]
  private var best: Checkpoint.Best?
  private var secondsBefore = 0.0
  private let begun = ContinuousClock.now
  private var lastCheckpoint = ContinuousClock.now
  private var epochBegun = ContinuousClock.now

  init(_ request: FineTuningRequest, stop: StopFlag, events: @escaping EventSink) throws {
    (self.request, settings, self.stop, self.events) = (request, request.settings, stop, events)
    if let threads = request.threads { Runtime.setThreads(threads) }
    folder = RunFolder(request.out)
    let opened = try OpenedLanguageModel(request.model, events: events)
    self.opened = opened
    random = RandomSource(seed: Int(truncatingIfNeeded: settings.seed))
    adapter = try ModelAdapter(opened.model, settings.adapter, random: random)
    optimizer = try Adam(adapter.store, weightDecay: settings.weightDecay, decoupled: true)

    var raw = RawDatasetSettings()
    raw.followLinks = request.followLinks
    raw.layout = request.layout ?? ""
    raw.variant = request.variant ?? ""
    let data = try RawDataset(at: request.data, settings: raw, for: .asking)
    func examples(_ split: RawSplit, _ most: Int) throws -> FineTuningExamples {
      var sampling = AuditSampling()
      sampling.split = split
      sampling.most = most
      sampling.settings.seed = request.settings.seed
      let source = try RawAuditSource(
        at: request.data, sampling, data: raw, folder: request.out.appending(path: "inputs"), stop: stop,
        events: events)
      return try FineTuningExamples(
        opened, source, usesFeatures: request.settings.adapter.trainsProjector && !opened.model.projector.isEmpty,
        limit: request.keptFeatures / 2)
    }
    train = try examples(.train, settings.samples)
    validation =
      data.samples(in: .validation).isEmpty ? nil : try examples(.validation, settings.validationSamples)
    stepsInEpoch = (train.count + settings.batchSize - 1) / settings.batchSize
    let steps = settings.epochs * stepsInEpoch
    clock = TrainingClock(steps: steps, epochs: settings.epochs)
    rate = LearningRate(
      settings.learningRate, .cosine, warmup: Int((settings.warmup * Double(steps)).rounded(.up)))

    var bytes = Array(try request.model.fileIdentity().utf8)
    let tree = try Tree(encoding: settings, keys: .asNamed)
    bytes += Array("\n\(tree.json())\n\(train.source.samples.classes)\n\(Runtime.threads) threads\n".utf8)
    try train.identify(into: &bytes)
    bytes += Array("\nvalidation\n".utf8)
    try validation?.identify(into: &bytes)
    record = FineTuningRecord(
      model: request.model.folder.standardizedFileURL.lastPathComponent, family: opened.model.family,
      data: request.data.standardizedFileURL.lastPathComponent, classes: train.source.samples.classes,
      trainSamples: train.count, validationSamples: validation?.count ?? 0, prompt: try train.written(),
      settings: tree, weights: adapter.count, digest: FileDigest.sha256(of: String(decoding: bytes, as: UTF8.self)),
      threads: Runtime.threads,
      versions: Versions.here, notes: train.source.notes)
    if !opened.model.seesPictures {
      record.notes.append("the model reads text only: pictures were not shown")
    }
  }

  func run() throws -> FineTuningRecord {
    if let found = try earlier() { return found }
    let what = "\(settings.adapter.kind.rawValue) of rank \(settings.adapter.rank), \(grouped(adapter.count)) weights"
    events(
      .phase(
        "Adapter",
        "\(what) · \(grouped(train.count)) training and \(grouped(validation?.count ?? 0)) validation samples, "
          + "\(grouped(clock.steps)) steps"))
    let (checkpoint, faults) = Checkpoint.newest(in: folder, digest: record.digest)
    for fault in faults { events(.note(fault)) }
    if let checkpoint {
      try restore(checkpoint)
      events(.note("going on from the checkpoint in \(request.out.relativePath)"))
    } else {
      try folder.removeCheckpoints()
      // Nothing old is taken for new.
      for name in [AdapterFolder.configurationName, AdapterFolder.weightsName, AdapterFolder.ownName] {
        try? FileManager.default.removeItem(at: request.out.appending(path: name))
      }
    }
    try record.write(to: request.out)
    let steps = try JSONLinesWriter(resuming: folder.steps, where: "step", isBelow: clock.step)
    let epochs = try JSONLinesWriter(resuming: folder.epochs, where: "epoch", isBelow: clock.epoch)
    do {
      while clock.epoch < settings.epochs { try epoch(steps, epochs) }
    } catch is CancellationError {
      try keep(steps, epochs)
      record.status = .interrupted
      record.seconds = seconds
      try record.write(to: request.out)
      throw CancellationError()
    }
    try steps.close()
    try epochs.close()
    return try finish()
  }

  /// The record of the same training where it is finished; nil where there is work to do.
  private func earlier() throws -> FineTuningRecord? {
    if request.again { try folder.removeCheckpoints() }
    guard !request.again, let found = try FineTuningRecord.read(from: request.out) else { return nil }
    guard found.digest == record.digest else {
      var lines = found.settings.changes(to: record.settings)
      if found.threads != record.threads { lines.append("threads were \(found.threads), now \(record.threads)") }
      throw Diagnosis(
        "the folder holds another training", place: request.out.relativePath,
        found: lines.isEmpty ? ["the model, its prompts or the data have changed"] : lines,
        remedy: "choose another --out, or --again to replace it", exitStatus: .usage)
    }
    if found.status == .finished { return found }
    let changes = found.versions.changes(to: record.versions)
    guard changes.isEmpty else {
      throw Diagnosis(
        "the training was begun with another version, and would not end as either's", place: request.out.relativePath,
        found: changes, remedy: "go on with that version, or --again to begin anew", exitStatus: .usage)
    }
    return nil
  }

  private var seconds: Double { secondsBefore + (ContinuousClock.now - begun) / .seconds(1) }

  // MARK: Steps

  private func epoch(_ steps: JSONLinesWriter, _ epochs: JSONLinesWriter) throws {
    var numbers = SeededNumbers(seed: settings.seed, stream: "mllm/order/\(clock.epoch)")
    let order = numbers.permutation(train.count)
    while batch < stepsInEpoch {
      if stop.isRequested { throw CancellationError() }
      let rows = Array(order[(batch * settings.batchSize)..<min((batch + 1) * settings.batchSize, train.count)])
      let row = try step(rows)
      try steps.append(row)
      for (name, value) in row.losses {
        sums[name, default: 0] += value
        counts[name, default: 0] += 1
      }
      batch += 1
      clock.step += 1
      let loss = String(format: "%.3f", row.losses["fused"] ?? 0)
      events(
        .progress(
          label: "Training", done: clock.step, total: clock.steps,
          detail: "epoch \(clock.epoch + 1)/\(settings.epochs)  loss \(loss)"))
      if (ContinuousClock.now - lastCheckpoint) / .seconds(1) > request.checkpointSeconds { try keep(steps, epochs) }
    }
    try endEpoch(epochs)
    try keep(steps, epochs)
  }

  private func step(_ rows: [Int]) throws -> StepRow {
    adapter.mode.dropout = try random.generator("mllm/adapter-dropout/\(clock.step)")
    defer { adapter.mode.dropout = nil }
    let shown = shown(rows)
    let examples = try shown.map { try train.example($0.row, $0.part) }
    let loss = try opened.model.loss(
      settings.loss, of: examples.map(\.prompt), rows: examples.map(\.rows), labels: shown.map { train.labels[$0.row] })
    let value = try loss.scalar()
    let slopes = try Gradients(of: loss, adapter.store)
    let norm = try slopes.norm()
    guard value.isFinite, norm.isFinite else {
      throw Diagnosis(
        "the \(value.isFinite ? "gradient" : "loss") is not a number at epoch \(clock.epoch), step \(clock.step)",
        place: request.out.relativePath, remedy: "a smaller --learning-rate is the usual cure", exitStatus: .failed)
    }
    let factor = rate(clock)
    try optimizer.step(slopes, learningRate: factor)
    return StepRow(
      step: clock.step, epoch: clock.epoch, losses: ["fused": value],
      scalars: ["learning_rate": factor, "gradient_norm": norm])
  }

  /// What of each sample of a batch is shown.
  private func shown(_ rows: [Int]) -> [(row: Int, part: FineTuningExamples.Part)] {
    if settings.subsets { return rows.flatMap { row in train.parts.map { (row, $0) } } }
    var numbers = SeededNumbers(seed: settings.seed, stream: "mllm/modality-dropout/\(clock.step)")
    return rows.map { row in
      let draw = numbers.uniform()
      if draw < settings.imageDropout, opened.model.seesPictures { return (row, .textAlone) }
      return (row, draw >= 1 - settings.textDropout ? .imageAlone : .whole)
    }
  }

  private func endEpoch(_ epochs: JSONLinesWriter) throws {
    var measured: [String: Double] = [:]
    if let validation {
      let parts = settings.selection == .standing ? validation.parts : [.whole]
      var (scores, losses, done) = ([Double](), [Double](), 0)
      for part in parts {
        let found = try validation.score(part, batchSize: settings.batchSize, stop: stop) { count in
          done += count
          events(
            .progress(
              label: "Validating", done: done, total: validation.count * parts.count,
              detail: "epoch \(clock.epoch + 1)/\(settings.epochs)"))
        }
        measured[part == .whole ? "accuracy" : part.condition] = found.accuracy
        if part == .whole { measured["loss"] = found.loss }
        scores.append(found.accuracy)
        losses.append(found.loss)
      }
      let merit = EpochSelection.Merit(
        score: scores.reduce(0, +) / Double(parts.count), loss: losses.reduce(0, +) / Double(parts.count))
      if settings.selection == .standing { measured["standing"] = merit.score }
      if merit.isBetter(than: best?.merit) {
        best = Checkpoint.Best(
          epoch: clock.epoch, merit: merit, weights: try adapter.store.snapshot(), method: nil)
      }
    }
    let now = ContinuousClock.now
    let means = Dictionary(
      uniqueKeysWithValues: sums.map { ($0.key, $0.value / Double(max(counts[$0.key] ?? 1, 1))) })
    try epochs.append(
      EpochRow(
        epoch: clock.epoch, train: means, validation: measured, seconds: (now - epochBegun) / .seconds(1)))
    try epochs.flush()
    epochBegun = now
    (batch, sums, counts) = (0, [:], [:])
    clock.epoch += 1
  }

  // MARK: Checkpoints

  private func keep(_ steps: JSONLinesWriter, _ epochs: JSONLinesWriter) throws {
    // The rows that a checkpoint stands on are on disk before it is.
    try steps.synchronize()
    try epochs.synchronize()
    var tensors = [("weights", try adapter.store.flat())]
    tensors += try optimizer.state().map { ("optimizer.\($0.0)", $0.1) }
    if let best { tensors.append(("best.weights", best.weights)) }
    let numbers = Checkpoint.Numbers(
      digest: record.digest, epoch: clock.epoch, batch: batch, isPrepared: true, step: clock.step, sums: sums,
      counts: counts, bestEpoch: best?.epoch, bestScore: best?.merit.score, bestLoss: best?.merit.loss,
      recentMerits: nil, method: .table([:]), bestMethod: nil, secondsBefore: seconds, order: nil, work: nil)
    try Checkpoint.write(numbers, tensors, in: folder)
    lastCheckpoint = ContinuousClock.now
  }

  private func restore(_ checkpoint: Checkpoint) throws {
    let numbers = checkpoint.numbers
    try adapter.store.restore(checkpoint.tensor("weights"))
    try optimizer.restore { try checkpoint.tensor("optimizer.\($0)") }
    (clock.epoch, clock.step, batch) = (numbers.epoch, numbers.step, numbers.batch)
    (sums, counts, secondsBefore) = (numbers.sums, numbers.counts, numbers.secondsBefore)
    if let epoch = numbers.bestEpoch, let score = numbers.bestScore {
      best = Checkpoint.Best(
        epoch: epoch, merit: EpochSelection.Merit(score: score, loss: numbers.bestLoss ?? 0),
        weights: try checkpoint.tensor("best.weights"), method: nil)
    }
  }

  private func finish() throws -> FineTuningRecord {
    if let best { try adapter.store.restore(best.weights) }
    try AdapterFolder.write(
      adapter, base: request.model.folder, layers: request.model.layers,
      tower: opened.tower.map(AdapterFolder.Tower.init), to: request.out)
    (record.selectedEpoch, record.validationScore) = (best?.epoch, best?.merit.score)
    record.status = .finished
    record.seconds = seconds
    try record.write(to: request.out)
    try folder.removeCheckpoints()
    return record
  }
}
