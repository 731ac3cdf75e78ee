import Auditing
import Datasets
import Evaluation
import Foundation
import Multimodal
import Records

// What asks a model.
extension AuditWork {
  private var answers: URL { request.out.appending(path: "answers") }
  /// Where impaired inputs lie while they are needed.
  private var inputs: URL { request.out.appending(path: "inputs") }

  private func source() throws -> (source: any AuditSource, prior: [Double]?) {
    var sampling = AuditSampling()
    guard let split = RawSplit(rawValue: request.split) else {
      throw Diagnosis(
        "there is no split '\(request.split.escapedForTerminal.clipped(40))'", place: "--split",
        found: ["there are train, validation and test"], exitStatus: .usage)
    }
    sampling.split = split
    sampling.most = request.samples
    sampling.impairments = request.impairments
    sampling.settings.seed = request.seed
    sampling.classes = request.classes
    sampling.needsLabels = !request.unlabelled
    if FileManager.default.fileExists(atPath: request.subject.appending(path: "dataset.json").path) {
      let source = try FeatureAuditSource(at: request.subject, sampling)
      return (source, source.prior)
    }
    let source = try RawAuditSource(
      at: request.subject, sampling, data: rawSettings, folder: inputs, stop: stop, events: events)
    return (source, source.prior)
  }

  /// Asks a model about everything that is not known, and measures its answers.
  ///
  /// - Parameters:
  ///   - model: names the model and its state.
  ///   - noAnswer: a class of its own for answers that are none.
  ///   - pairs: of walks through the words and patches of a sample, at most.
  ///   - ask: asks, and says which samples could not be answered for.
  func asking(
    _ model: String, declaresAbsence: Bool, noAnswer: String? = nil, pairs: Int = 10,
    _ ask: (any AuditSource, AuditPlan, AnswerStore, AnswerClasses) throws -> [LeftOut]
  ) throws -> AuditSummary {
    let files = FileManager.default
    try Diagnosis.placing(request.out) {
      if request.again, files.fileExists(atPath: answers.path) { try files.removeItem(at: answers) }
      // What a killed process had left.
      if files.fileExists(atPath: inputs.path) { try files.removeItem(at: inputs) }
      try files.createDirectory(at: inputs, withIntermediateDirectories: true)
    }
    defer { try? files.removeItem(at: inputs) }
    let (source, prior) = try source()
    let samples = source.samples
    guard source.modalities.count > 1 else {
      throw Diagnosis(
        "the data has one modality, and nothing else to lean on", place: request.subject.relativePath,
        found: ["it is '\(source.modalities.first ?? "none")'"], exitStatus: .usage)
    }
    events(
      .phase(
        "Data",
        "\(source.name) · \(grouped(samples.count)) samples, \(samples.classes.count) classes, "
          + source.modalities.joined(separator: ", ")))
    let conditions = AuditConditions(
      swaps: request.swaps, grid: request.grid, seed: request.seed, declaresAbsence: declaresAbsence)
    let classes = AnswerClasses(
      samples.classes + (noAnswer.map { [$0] } ?? []), isMultiLabel: samples.isMultiLabel)
    var rows = Array(0..<samples.count)
    var leftOut: [LeftOut] = []
    var first: (plan: Int, known: Int)?
    while true {
      let plan = AuditPlan(source, rows: rows, conditions)
      let store = try answerStore(plan, source, classes, model)
      if first == nil {
        first = (plan.count, store.knownBefore)
        let known = store.knownBefore > 0 ? ", \(grouped(store.knownBefore)) answered before" : ""
        let parts = (source as? RawAuditSource).map {
          samples.labels == nil ? 0 : AuditedParts.mostRequests($0, samples: request.parts, pairs: pairs)
        }
        let besides = parts.map { $0 > 0 ? "; at most \(grouped($0)) more for words and patches (--parts)" : "" } ?? ""
        events(.phase("Requests", "\(grouped(plan.count))\(known)\(besides)"))
      }
      let failed = try ask(source, plan, store, classes)
      if failed.isEmpty {
        var notes = source.notes
        if store.form == .label {
          notes.append(
            "the model answers with labels alone, which stand here as probabilities of 0 and 1: bits and divergences "
              + "say little of it")
        }
        notes += try told(leftOut)
        let without = noAnswer == nil ? 0 : try unanswered(plan, store, classes.count)
        if without > 0 {
          notes.append(
            "\(grouped(without)) of \(grouped(plan.count)) answers are no class: they count as wrong, under "
              + "'\(noAnswer ?? "")'")
        }
        let names = without > 0 ? classes.names : samples.classes
        let alone = try request.alone ? alone(source.samples.rows(plan.rows), source.modalities, names) : nil
        if let alone { notes.append(alone.note) }
        let table = try table(
          plan, source, store, names, width: classes.count, prior, alone: alone)
        let known = first?.known ?? 0
        return try measured(table, notes: notes, asked: store.answered - known, known: known) { telling in
          try explained(telling, source, plan, table, store, classes, pairs: pairs, model: model) {
            try ask(source, $0, $1, classes)
          }
        }
      }
      leftOut += failed
      let out = Set(failed.map(\.row))
      rows.removeAll(where: out.contains)
    }
  }

  /// What is known of a plan's requests.
  private func answerStore(
    _ plan: AuditPlan, _ source: any AuditSource, _ classes: AnswerClasses, _ model: String, form: AnswerForm? = nil
  ) throws -> AnswerStore {
    try AnswerStore(
      keys(plan, source, "\(model)\n\(source.samples.classes.joined(separator: "\n"))"), classes: classes.count,
      folder: answers, form: form)
  }

  /// Pictures and texts of telling samples, and what their words and patches speak for.
  private func explained(
    _ telling: [TellingSample], _ source: any AuditSource, _ plan: AuditPlan, _ table: PredictionTable,
    _ known: AnswerStore, _ classes: AnswerClasses, pairs: Int, model: String,
    _ ask: (AuditPlan, AnswerStore) throws -> [LeftOut]
  ) throws -> Explained {
    var explained = Explained(samples: telling)
    guard let raw = source as? RawAuditSource else {
      explained.show(RawOrigins(features: request.subject, wanted: Set(telling.compactMap(\.id))))
      return explained
    }
    explained.show(RawOrigins(raw, rows: telling.map { plan.rows[$0.row] }))
    guard request.parts > 0, let full = table.conditions[PredictionTable.full] else { return explained }
    let parts = try withoutActuallyEscaping(ask) { ask in
      try AuditedParts(
        source: raw, rows: plan.rows, classes: classes, most: request.parts, pairs: pairs, events: events
      ) { plan in
        let store = try answerStore(plan, source, classes, model, form: known.form)
        return (store, try ask(plan, store))
      }.explained(explained.samples, full: full)
    }
    (explained.samples, explained.notes) = (parts.samples, parts.notes)
    (explained.asked, explained.known) = (parts.asked, parts.known)
    return explained
  }

  /// What models of one modality say of the same samples.
  private func alone(_ samples: AuditSamples, _ modalities: [String], _ classes: [String]) throws -> AloneModels.Answers
  {
    let models = AloneModels(
      folder: request.out.appending(path: "alone"), jobs: 0, stop: stop, events: events)
    return try models.answers(
      for: request.subject, modalities: modalities, ids: samples.ids, classes: classes, settings: rawSettings,
      encoders: request.usualEncoders)
  }

  private var rawSettings: RawDatasetSettings {
    var settings = RawDatasetSettings()
    settings.followLinks = request.followLinks
    settings.layout = request.layout ?? ""
    settings.variant = request.variant ?? ""
    return settings
  }

  private func keys(_ plan: AuditPlan, _ source: any AuditSource, _ model: String) throws -> [RowKey] {
    let model = FileDigest.sha256(of: model)
    return try parallelMap(plan.count) { request in
      var bytes: [UInt8] = []
      try source.identify(plan.shown(request), into: &bytes)
      return RowKey(InputDigest(of: bytes), condition: model)
    }
  }

  /// A list of what the program died at, and a sentence.
  private func told(_ leftOut: [LeftOut]) throws -> [String] {
    let url = request.out.appending(path: "left-out.jsonl")
    guard !leftOut.isEmpty else {
      try? FileManager.default.removeItem(at: url)
      return []
    }
    let lines = leftOut.map { out in
      let tree: Tree = ["id": .string(out.id), "condition": .string(out.condition), "reason": .string(out.reason)]
      return tree.json(order: ["id"])
    }
    try AtomicFile.write(Data((lines.joined(separator: "\n") + "\n").utf8), to: url)
    return [
      "\(leftOut.count == 1 ? "1 sample is" : "\(leftOut.count) samples are") left out, at which the program died twice: "
        + "left-out.jsonl lists \(leftOut.count == 1 ? "it" : "them")"
    ]
  }

  /// How many answers are no class.
  private func unanswered(_ plan: AuditPlan, _ store: AnswerStore, _ width: Int) throws -> Int {
    let values = store.scores(of: (0..<plan.count).map(Int32.init))
    return (0..<plan.count).count { values[($0 + 1) * width - 1] > 0.5 }
  }

  /// - Parameters:
  ///   - names: of the classes, the first of those that answers are about.
  ///   - width: the numbers of an answer.
  private func table(
    _ plan: AuditPlan, _ source: any AuditSource, _ store: AnswerStore, _ names: [String], width: Int,
    _ prior: [Double]?, alone: AloneModels.Answers?
  ) throws -> PredictionTable {
    let samples = source.samples.rows(plan.rows)
    let classes = names.count
    func scores(_ requests: [Int32], _ name: String) throws -> AnswerTable {
      var values = store.scores(of: requests)
      if classes < width { values = values.enumerated().filter { $0.offset % width < classes }.map(\.element) }
      return try AnswerTable(
        rows: requests.count, classes: classes, kind: store.form == .logits ? .logits : .probabilities,
        values: values, severalLabels: samples.isMultiLabel, name: name)
    }
    var conditions = Dictionary(
      uniqueKeysWithValues: try plan.columns.map { ($0.key, try scores($0.requests, $0.key)) })
    for (name, values) in alone?.probabilities ?? [:] {
      let key = AuditKeys.alone(name)
      conditions[key] = try AnswerTable(
        rows: samples.count, classes: classes, values: values, severalLabels: samples.isMultiLabel, name: key)
    }
    let labels = samples.labels.map { labels -> PredictionTable.Labels in
      guard samples.isMultiLabel else { return .classes(labels.map { $0.first ?? 0 }) }
      return .several(labels.flatMap { own in (0..<classes).map(own.contains) })
    }
    return try PredictionTable(
      ids: samples.ids, classes: names, modalities: source.modalities, labels: labels,
      task: samples.isMultiLabel ? .multiLabel : nil, groups: samples.groups.map(Self.unique),
      conditions: conditions,
      swaps: plan.swaps.map { swap in
        let name = source.modalities[swap.modality]
        return .init(
          modality: name, k: swap.number, index: swap.index,
          scores: try scores(swap.requests, AuditKeys.swap(name, swap.number)))
      },
      grid: plan.grid.map { .init(index: $0.index, scores: try scores($0.requests, AuditKeys.grid)) },
      grids: plan.grids.map { grids in
        .init(
          index: grids.index, partners: grids.partners,
          scores: Dictionary(
            uniqueKeysWithValues: try zip(source.modalities, grids.requests).map {
              ($0, try scores($1, AuditKeys.grid($0)))
            }))
      },
      prior: samples.labels == nil
        ? nil : prior.map { $0 + [Double](repeating: 0, count: classes - $0.count) },
      embeddings: alone?.embeddings ?? [:])
  }

  /// Groups where every sample has one: whoever belongs to nobody stands alone.
  private static func unique(_ groups: [String]) -> [String] {
    groups.enumerated().map { $1.isEmpty ? "\u{1}\($0)" : $1 }
  }
}
