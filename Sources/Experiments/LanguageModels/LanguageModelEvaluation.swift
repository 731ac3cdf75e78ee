import Auditing
import Datasets
import Evaluation
import Foundation
public import LanguageModels
import Multimodal
public import Records

/// An evaluation of a language model as it is asked for.
public struct LanguageModelEvaluationRequest: Sendable {
  /// How the model answers.
  public enum Answer: String, SettingChoice {
    /// The likelihood of each class's label.
    case likelihood
    /// The model writes, and only labels may be written.
    case constrained
    /// The model writes what it likes, and its words are read.
    case free
  }

  public var model: LanguageModelSettings
  /// Which data, how much of it, under what conditions, and where results lie; its door is not looked at.
  public var audit: AuditRequest
  public var answer = Answer.likelihood
  /// nil: the best of the forms on validation samples; without such `LabelScore.pmi`.
  public var score: LabelScore?
  /// Validation samples that the form is chosen by, at most.
  public var validationSamples = 100
  /// Whether picture and text are also hidden by attention masks.
  public var hides = false
  /// Whether the adapter is also used by image tokens alone, by text tokens alone, and by none.
  public var measuresReliance = false
  /// Tokens of a free answer at most.
  public var maximumTokens = 16

  public init(model: LanguageModelSettings, audit: AuditRequest) {
    self.model = model
    self.audit = audit
  }
}

/// What an evaluation found.
public struct LanguageModelSummary: Sendable {
  public var record: LanguageModelRecord
  /// The same as any model's audit.
  public var audit: AuditSummary
}

extension Experiment {
  /// Asks a language model about pictures and texts under all conditions of an audit, and measures its answers.
  ///
  /// What was answered is kept in `out`, so that an evaluation that was broken off goes on. The records are returned, not
  /// written.
  /// - Throws: `CancellationError` where it was stopped.
  public static func evaluateLanguageModel(
    _ request: LanguageModelEvaluationRequest, stop: StopFlag = StopFlag(), events: @escaping EventSink = { _ in }
  ) throws -> LanguageModelSummary {
    let work = try AuditWork(request.audit, stop: stop, events: events)
    defer { work.lock.release() }
    return try LanguageModelEvaluation(request, work, stop: stop, events: events).summary()
  }
}

extension Experiment {
  /// Refuses, before a model is read, a place that holds no pictures and texts which one could be shown.
  static func requireRaw(_ data: URL) throws {
    guard FileManager.default.fileExists(atPath: data.path) else {
      throw Diagnosis(
        "no such file or folder", place: data.relativePath,
        remedy: "name raw samples, pictures with texts: a folder or a table, as 'seesaw check' reads them",
        exitStatus: .input)
    }
    guard !FileManager.default.fileExists(atPath: data.appending(path: "dataset.json").path) else {
      throw Diagnosis(
        "a language model is shown pictures and texts, and this is a feature set", place: data.relativePath,
        remedy: "name the raw data that it was made of", exitStatus: .input)
    }
  }
}

/// One call of `evaluateLanguageModel`.
private struct LanguageModelEvaluation {
  let request: LanguageModelEvaluationRequest
  let work: AuditWork
  let stop: StopFlag
  let events: EventSink
  let opened: OpenedLanguageModel
  /// Names the model and all that it is asked with.
  let identity: String

  init(
    _ request: LanguageModelEvaluationRequest, _ work: AuditWork, stop: StopFlag, events: @escaping EventSink
  ) throws {
    self.request = request
    self.work = work
    self.stop = stop
    self.events = events
    try Experiment.requireRaw(request.audit.subject)
    opened = try OpenedLanguageModel(request.model, events: events)
    identity = try request.model.fileIdentity()
    if request.measuresReliance, opened.adapter == nil {
      throw Diagnosis(
        "there is no adapter whose use could be measured", place: "--reliance", remedy: "--adapter FOLDER names one",
        exitStatus: .usage)
    }
  }

  func summary() throws -> LanguageModelSummary {
    let (form, scoring) = try form()
    let isFree = if case .free = form { true } else { false }
    var asking: LanguageModelAsking?
    var shown: (source: RawAuditSource, rows: [Int])?
    var audit = try work.asking(
      "\(identity)\n\(form.words)", declaresAbsence: true, noAnswer: isFree ? EndpointDoor.noAnswer : nil
    ) { source, plan, store, classes in
      guard let raw = source as? RawAuditSource, !raw.samples.isMultiLabel else {
        throw Diagnosis(
          "the model answers with one class, and samples have several labels",
          place: request.audit.subject.relativePath, exitStatus: .input)
      }
      let own = try asking ?? LanguageModelAsking(opened, raw, classes: raw.samples.classes)
      if form == .scores(.firstToken), try !own.differInFirstToken() {
        throw Diagnosis(
          "'first-token' does not tell the labels apart: some begin with the same token", place: "--score",
          remedy: "--score sum", exitStatus: .usage)
      }
      (asking, shown) = (own, (raw, plan.rows))
      try own.run(plan, store, classes, form, stop: stop, events: events)
      return []
    }
    guard let asking, let shown else { throw Diagnosis("nothing was asked", exitStatus: .failed) }
    var notes = [opened.template.note].compactMap { $0 }
    if !opened.model.seesPictures {
      notes.append("the model reads text only: pictures were not shown, and nothing here says how it would use them")
    }
    audit.record.notes += notes
    let table = try PredictionTable(at: request.audit.out, needsLabels: !request.audit.unlabelled)
    let hidden = try further(shown.source, shown.rows, form)
    let record = try record(table, hidden, asking, scoring, row: shown.rows[0], notes: notes)
    return LanguageModelSummary(record: record, audit: audit)
  }

  // MARK: The form of scores

  private func form() throws -> (LanguageModelAsking.Form, LanguageModelRecord.Scoring) {
    switch request.answer {
    case .constrained: return (.constrained, .init(form: request.answer.rawValue))
    case .free: return (.free(tokens: request.maximumTokens), .init(form: request.answer.rawValue))
    case .likelihood: break
    }
    if let score = request.score { return (.scores(score), .init(form: score.rawValue)) }
    var settings = RawDatasetSettings()
    settings.followLinks = request.audit.followLinks
    settings.layout = request.audit.layout ?? ""
    settings.variant = request.audit.variant ?? ""
    let data = try RawDataset(
      at: request.audit.subject, settings: settings, for: request.audit.unlabelled ? .askingUnlabelled : .asking)
    guard !data.samples(in: .validation).isEmpty, request.validationSamples > 0, !request.audit.unlabelled,
      !data.isMultiLabel
    else {
      // A trained model is scored as it was trained.
      let score: LabelScore = opened.adapter == nil ? .pmi : .sum
      return (.scores(score), .init(form: score.rawValue))
    }
    var sampling = AuditSampling()
    sampling.split = .validation
    sampling.most = request.validationSamples
    sampling.settings.seed = request.audit.seed
    sampling.classes = request.audit.classes
    let folder = request.audit.out.appending(path: "inputs")
    let source = try RawAuditSource(
      at: request.audit.subject, sampling, data: settings, folder: folder, stop: stop, events: events)
    let scoring = try chosen(source)
    guard let score = LabelScore(rawValue: scoring.form) else { return (.scores(.pmi), scoring) }
    let all = scoring.validation.sorted { $0.key < $1.key }.map { "\($0.key) \(percent($0.value))" }
    events(
      .phase(
        "Scoring",
        "'\(score.rawValue)', the best on \(scoring.validationSamples) validation samples: "
          + all.joined(separator: ", ")))
    return (.scores(score), scoring)
  }

  private func percent(_ share: Double) -> String { String(format: "%.1f %%", 100 * share) }

  private struct Choice: Codable {
    var identity: String
    var scoring: LanguageModelRecord.Scoring
  }

  /// The choice by validation samples, which is made once.
  private func chosen(_ source: RawAuditSource) throws -> LanguageModelRecord.Scoring {
    let url = request.audit.out.appending(path: "scoring.json")
    let samples = source.samples
    let name = FileDigest.sha256(
      of: ([identity] + samples.classes + samples.ids + ["\(request.validationSamples)"]).joined(separator: "\n"))
    if !request.audit.again, let known: Choice = try? Tree.read(from: url), known.identity == name {
      return known.scoring
    }
    let asking = try LanguageModelAsking(opened, source, classes: samples.classes)
    // Named by what it is of, so that no other choice goes on from it.
    let kept = request.audit.out.appending(path: "choosing-\(name.prefix(12)).jsonl")
    if request.audit.again { try? FileManager.default.removeItem(at: kept) }
    let measured = try asking.measured(keptIn: kept, stop: stop, events: events)
    let forms = try LabelScore.allCases.filter { try $0 != .firstToken || asking.differInFirstToken() }
    // Of equal ones that which zero-shot models need most.
    let ordered = [LabelScore.pmi] + forms.filter { $0 != .pmi }
    let best = LabelLikelihood.best(of: ordered, measured, null: try asking.nullLikelihood())
    let scoring = LanguageModelRecord.Scoring(
      form: best.form.rawValue,
      validation: Dictionary(uniqueKeysWithValues: zip(ordered.map(\.rawValue), best.accuracies)),
      validationSamples: measured.count)
    let text = try Tree(encoding: Choice(identity: name, scoring: scoring), keys: .asNamed).json(.pretty)
    try AtomicFile.write(Data((text + "\n").utf8), to: url)
    try? FileManager.default.removeItem(at: kept)
    return scoring
  }

  // MARK: Hidden tokens, and tokens without the adapter

  /// The scores with picture, text and both hidden by masks, and with the adapter on some tokens alone, by condition.
  private func further(
    _ source: RawAuditSource, _ rows: [Int], _ form: LanguageModelAsking.Form
  ) throws -> [String: AnswerTable] {
    guard case .scores(let score) = form else { return [:] }
    var kinds: [(condition: String, roles: Set<TokenRole>, takers: AdapterMode.Takers)] = []
    if request.hides {
      kinds += [
        ("hidden:image", [.image], .all), ("hidden:text", [.sampleText], .all),
        ("hidden:image+text", [.image, .sampleText], .all),
      ]
    }
    if request.measuresReliance {
      kinds += AdapterMode.Takers.allCases.filter { $0 != .all }.map { ("adapter:\($0.rawValue)", [], $0) }
    }
    var found: [String: AnswerTable] = [:]
    defer { opened.adapter?.mode.takers = .all }
    for kind in kinds {
      opened.adapter?.mode.takers = kind.takers
      let asking = try LanguageModelAsking(opened, source, classes: source.samples.classes)
      let model = FileDigest.sha256(
        of: "\(identity)\n\(form.words)\n\(source.samples.classes.joined(separator: "\n"))\n\(kind.condition)")
      let cells = rows.map { row in source.modalities.indices.map { _ in AuditCell(row: Int32(row), view: .own) } }
      let keys = try cells.map { cells in
        var bytes: [UInt8] = []
        try source.identify(cells, into: &bytes)
        return RowKey(InputDigest(of: bytes), condition: model)
      }
      let store = try AnswerStore(
        keys, classes: source.samples.classes.count, folder: request.audit.out.appending(path: "answers"))
      for request in store.unanswered.map(Int.init) {
        if stop.isRequested { throw CancellationError() }
        let shown = try asking.shown(cells[request], owner: rows[request])
        let values = try asking.likelihood(shown, hiding: kind.roles).scores(
          score, null: score == .pmi ? asking.nullLikelihood() : nil)
        try store.take([(request, ModelScores(form: .logits, values: values))])
        events(.progress(label: "Asking", done: store.answered, total: rows.count, detail: kind.condition))
      }
      try store.synchronize()
      found[kind.condition] = try AnswerTable(
        rows: rows.count, classes: source.samples.classes.count, kind: .logits,
        values: store.scores(of: rows.indices.map(Int32.init)), name: kind.condition)
    }
    return found
  }

  // MARK: The record

  private func record(
    _ table: PredictionTable, _ hidden: [String: AnswerTable], _ asking: LanguageModelAsking,
    _ scoring: LanguageModelRecord.Scoring, row: Int, notes: [String]
  ) throws -> LanguageModelRecord {
    let settings = request.model
    let model = LanguageModelRecord.Model(
      folder: settings.folder.standardizedFileURL.lastPathComponent, family: opened.model.family,
      weights: opened.memory.parameters,
      seesPictures: opened.model.seesPictures, template: opened.template.template.name,
      chatTemplate: opened.template.digest, prompt: try asking.example(row), variant: settings.variant.rawValue,
      method: settings.method.rawValue)
    var record = LanguageModelRecord(
      model: model, data: request.audit.subject.standardizedFileURL.lastPathComponent, samples: table.rows,
      classes: table.classes,
      scoring: scoring, rows: [],
      cost: .init(asked: asking.asked, seconds: asking.asked > 0 ? asking.seconds / Double(asking.asked) : nil),
      notes: notes)
    let numbers = LanguageModelTable(
      table, hidden, replicates: request.audit.replicates, seed: request.audit.seed)
    guard let numbers else { return record }
    record.rows = numbers.rows()
    let missing = record.rows.filter { $0.condition.hasPrefix("missing:") }.map { $0.accuracy.value }
    if missing.count == table.modalities.count, let low = missing.min(), let high = missing.max() {
      record.averageMissing = missing.reduce(0, +) / Double(missing.count)
      record.gapMissing = high - low
    }
    let all = Set(table.modalities)
    let dropped = try numbers.shapley("drop") { left in
      left == all ? "full" : left.isEmpty ? "none" : "only:\(left.sorted().joined(separator: "+"))"
    }
    let masked = try numbers.shapley("mask") { left in
      left == all ? "full" : "hidden:\(all.subtracting(left).sorted().joined(separator: "+"))"
    }
    record.shapley = [dropped, masked].compactMap { $0 }
    record.conflict = numbers.conflict()
    return record
  }
}
