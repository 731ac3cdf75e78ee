import Auditing
import Balancing
import Datasets
import Evaluation
import Foundation
import Multimodal
import Records
import Reports
import Torch

/// The table that an audit of a model of our own is made from.
///
/// Embeddings of the test rows are computed once; swaps and the grid only cost what is behind them. The models of one
/// modality are those that a diagnosis trains anyway.
struct ModelTable {
  /// A model of one modality, and what it says of the test rows.
  struct Alone {
    let trial: ModelEvaluation
    let predictions: Predictions
  }

  /// A linear probe's answers, on the test rows and on the validation rows where there are any.
  struct Probed {
    let test: Predictions
    let validation: [Double]?
  }

  let trial: ModelEvaluation
  /// In the order of the modalities.
  let alone: [Alone]
  let probes: [Probed]

  /// Repetitions of each swap.
  private static let swaps = 10
  /// Numbers of one answer array at most; more rows than hold these are drawn from.
  private static let mostNumbers = 400_000
  /// Numbers of a grid at most, and rows of one.
  private static let mostCells = 8_000_000
  private static let mostGridRows = 500
  /// Rows that go through a fusion together.
  private static let portion = 8192

  private var names: [String] { trial.modalities.map(\.name) }

  /// What models of all seeds take of what the data hold.
  static func audited(_ models: [ModelTable], replicates: Int?) throws -> AuditRecord {
    let made = try models.map { try $0.made() }
    guard let first = models.first else { throw MetricError.noSamples }
    var options = AuditOptions(metric: first.trial.set.manifest.metric)
    if let replicates { options.replicates = min(replicates, options.replicates) }
    var record = try Audit.measure(made.map { $0.table }, options: options)
    record.notes = made[0].notes
    if models.count > 1 {
      let seeds = models.map { "\($0.trial.builder.configuration.seed)" }.joined(separator: ", ")
      record.notes.append(
        "the audit's numbers are means over \(models.count) models (seeds \(seeds)), its intervals over models and samples"
      )
    }
    record.words = AuditText(record).words
    return record
  }

  /// The table, and what its reader must know.
  func made() throws -> (table: PredictionTable, notes: [String]) {
    let set = trial.set
    guard let test = set.test else { throw MetricError.noSamples }
    let classes = set.manifest.classes
    let rows = Self.rows(of: test.count, classes: classes.count)
    let model = try EmbeddedModel(trial, test, rows: rows, portion: Self.portion)
    var conditions = [PredictionTable.full: try model.answers()]
    for condition in try set.conditions() where condition != Condition.full {
      let parsed = Condition(condition, modalities: names)
      guard let modality = parsed.modality, parsed.kind != "swapped" else { continue }
      conditions["\(parsed.kind):\(modality)"] = try table(of: trial.predictions(under: condition), rows)
    }
    conditions["none"] = try table(of: trial.predictionsOfNothing(), rows)
    if names.count > 2, names.count <= 6 {
      for present in 1..<(UInt64(1) << UInt64(names.count)) - 1 {
        let members = names.indices.filter { present >> UInt64($0) & 1 == 1 }.map { names[$0] }
        conditions["only:\(members.joined(separator: "+"))"] = try table(of: trial.predictions(present: present), rows)
      }
    }
    for (name, alone) in zip(names, alone) { conditions["alone:\(name)"] = try table(of: alone.predictions, rows) }
    for (name, probe) in zip(names, probes) { conditions["probe:\(name)"] = try table(of: probe.test, rows) }
    let parts = try model.parts()
    let origins = try set.origins(of: "test")
    let hasGroups = origins?.contains { $0.group != nil } ?? false
    let table = try PredictionTable(
      ids: rows.map { origins?[$0].id ?? "\($0)" }, classes: classes, modalities: names,
      labels: labels(test.labels, rows), task: set.manifest.task,
      groups: hasGroups ? rows.map { origins?[$0].group ?? "row \($0)" } : nil, conditions: conditions,
      swaps: model.swaps(Self.swaps),
      grid: parts == nil && names.count == 2 ? model.grid(try gridRows(rows.count, classes.count)) : nil,
      grids: parts == nil && names.count > 2
        ? model.grids(try gridRows(rows.count, names.count * classes.count)) : nil,
      validation: validation(), prior: set.constant().shares, parts: parts,
      embeddings: embeddings(test, rows))
    var notes: [String] = []
    if rows.count < test.count {
      notes.append("measured on \(grouped(rows.count)) of the \(grouped(test.count)) test samples, evenly drawn")
    }
    if set.manifest.task == .multiLabel {
      notes.append("a label counts as predicted from a probability of one half up")
    }
    return (table, notes)
  }

  /// What models of one modality make of it.
  private func embeddings(_ test: FeatureSplit, _ rows: [Int]) throws -> [String: PredictionTable.Embedding] {
    guard alone.count == names.count else { return [:] }
    return Dictionary(
      uniqueKeysWithValues: try names.enumerated().map { place, name in
        (name, try alone[place].trial.embedding(of: place, test, rows: rows))
      })
  }

  private static func rows(of count: Int, classes: Int) -> [Int] {
    let most = max(1000, mostNumbers / max(classes, 1))
    guard count > most else { return Array(0..<count) }
    var numbers = SeededNumbers(seed: 0, stream: "audit/rows")
    return numbers.sample(most, of: count).sorted()
  }

  private func gridRows(_ rows: Int, _ classes: Int) throws -> [Int] {
    let most = min(Self.mostGridRows, Int(Double(Self.mostCells / max(classes, 1)).squareRoot()), rows)
    var numbers = SeededNumbers(seed: 0, stream: "audit/grid")
    return numbers.sample(most, of: rows).sorted()
  }

  private func labels(_ tensor: Tensor, _ rows: [Int]) throws -> PredictionTable.Labels {
    let all: [Int] = try tensor.array()
    guard trial.set.manifest.task == .multiLabel else { return .classes(rows.map { all[$0] }) }
    let classes = trial.set.manifest.classes.count
    return .several(rows.flatMap { row in all[(row * classes)..<((row + 1) * classes)].map { $0 != 0 } })
  }

  private func table(of predictions: Predictions, _ rows: [Int]) throws -> AnswerTable {
    try table(predictions.probabilities, rows)
  }

  private func table(_ probabilities: [Double], _ rows: [Int]) throws -> AnswerTable {
    let classes = trial.set.manifest.classes.count
    return try AnswerTable(
      rows: rows.count, classes: classes,
      values: rows.flatMap { probabilities[($0 * classes)..<(($0 + 1) * classes)] },
      severalLabels: trial.set.manifest.task == .multiLabel)
  }

  /// What temperatures are fitted by; nil without a validation split.
  private func validation() throws -> PredictionTable.Validation? {
    guard let split = trial.set.validation else { return nil }
    let classes = trial.set.manifest.classes.count
    let rows = Array(0..<split.count)
    func table(_ trial: ModelEvaluation, without absent: Set<Modality>) throws -> AnswerTable? {
      try trial.validationLogits(without: absent).map { logits, _ in
        try AnswerTable(rows: split.count, classes: classes, kind: .logits, values: logits.to(.float64).array())
      }
    }
    var conditions: [String: AnswerTable] = [:]
    conditions[PredictionTable.full] = try table(trial, without: [])
    for (place, modality) in trial.modalities.enumerated() {
      conditions["missing:\(modality.name)"] = try table(trial, without: [modality])
      let others = Set(trial.modalities).subtracting([modality])
      if alone.indices.contains(place) {
        conditions["alone:\(modality.name)"] = try table(alone[place].trial, without: others)
      }
      if probes.indices.contains(place), let held = probes[place].validation {
        conditions["probe:\(modality.name)"] = try self.table(held, rows)
      }
    }
    return PredictionTable.Validation(labels: try labels(split.labels, rows), conditions: conditions)
  }
}

extension ModelEvaluation {
  /// What the model makes of each modality before it joins them, of some rows of a split: [rows, width] each.
  fileprivate func embeddings(of split: FeatureSplit, rows: [Int]) throws -> [Tensor] {
    let all = try builder.evaluator.allLogits(model, builder.prepared(split)) { outputs in
      try modalities.map { try outputs.features[$0] }
    }.logits
    guard rows != Array(0..<split.count) else { return all }
    let index = try Tensor(rows)
    return try all.map { try $0.indexed(0, by: index) }
  }

  /// The same of one modality, for a table.
  func embedding(of place: Int, _ split: FeatureSplit, rows: [Int]) throws -> PredictionTable.Embedding {
    let found = try embeddings(of: split, rows: rows)[place].to(on: .cpu).to(.float32)
    return .init(width: found.shape[1], values: try found.array())
  }
}

/// A model whose embeddings of some test rows are known.
private struct EmbeddedModel {
  private let trial: ModelEvaluation
  private let features: [Tensor]
  private let count: Int
  private let portion: Int
  private let predict: (Outputs) throws -> Tensor

  init(_ trial: ModelEvaluation, _ split: FeatureSplit, rows: [Int], portion: Int) throws {
    self.trial = trial
    self.portion = portion
    count = rows.count
    predict = prediction(of: trial.method)
    features = try trial.embeddings(of: split, rows: rows).map { try $0.to(on: trial.builder.device) }
  }

  /// What the model says where modality m of each row comes from `sources[m]`; nil is the row's own.
  private func logits(_ sources: [[Int]?], _ rows: Int) throws -> AnswerTable {
    let classes = trial.set.manifest.classes.count
    var values: [Double] = []
    values.reserveCapacity(rows * classes)
    try withoutGradients {
      for start in stride(from: 0, to: rows, by: portion) {
        let end = min(start + portion, rows)
        let inputs = try zip(features, sources).map { feature, source -> Tensor in
          guard let source else { return try feature.narrowed(0, from: start, length: end - start) }
          return try feature.indexed(0, by: Tensor(Array(source[start..<end])).to(on: trial.builder.device))
        }
        let outputs = try trial.model.outputs(ofFeatures: PerModality(trial.modalities, inputs))
        let part: [Double] = try predict(outputs).to(on: .cpu).to(.float64).array()
        values += part
      }
    }
    return try AnswerTable(rows: rows, classes: classes, kind: .logits, values: values, name: "the model's answers")
  }

  func answers() throws -> AnswerTable { try logits(features.map { _ in nil }, count) }

  /// Each modality from other rows, so many times.
  func swaps(_ repetitions: Int) throws -> [PredictionTable.Swap] {
    try trial.modalities.enumerated().flatMap { place, modality in
      try (0..<repetitions).map { k in
        var numbers = SeededNumbers(seed: 0, stream: "audit/swap/\(modality.name)/\(k)")
        let index = numbers.permutation(count)
        return PredictionTable.Swap(
          modality: modality.name, k: k, index: index,
          scores: try logits(trial.modalities.indices.map { $0 == place ? index : nil }, count))
      }
    }
  }

  /// The first modality of each of these rows with the second of each.
  func grid(_ rows: [Int]) throws -> PredictionTable.Grid {
    let first = rows.flatMap { i in rows.map { _ in i } }
    let second = rows.flatMap { _ in rows }
    return PredictionTable.Grid(index: rows, scores: try logits([first, second], rows.count * rows.count))
  }

  /// Each modality of each of these rows with the others of as many draws.
  func grids(_ rows: [Int]) throws -> PredictionTable.Grids {
    let names = trial.modalities.map(\.name)
    let partners = AuditPartners.draws(rows, modalities: names, seed: 0)
    let scores = try names.enumerated().map { place, name in
      let sources = names.indices.map { other in
        rows.flatMap { row in partners.map { other == place ? row : $0[other] } }
      }
      return (name, try logits(sources, rows.count * rows.count))
    }
    return PredictionTable.Grids(
      index: rows, partners: partners, scores: Dictionary(scores, uniquingKeysWith: { first, _ in first }))
  }

  /// What each modality adds to the logits, where the model is such a sum by construction; nil where it is not.
  func parts() throws -> [String: AnswerTable]? {
    guard !(trial.method is any PredictsItsOwnWay) else { return nil }
    let classes = trial.set.manifest.classes.count
    let found = try withoutGradients {
      try trial.model.outputs(ofFeatures: PerModality(trial.modalities, features)).contributions()
    }
    guard let found else { return nil }
    return try Dictionary(
      zip(trial.modalities, found.values).map { modality, part in
        (
          modality.name,
          try AnswerTable(
            rows: count, classes: classes, kind: .logits, values: part.to(on: .cpu).to(.float64).array(),
            name: "the part of \(modality.name)")
        )
      }, uniquingKeysWith: { first, _ in first })
  }
}
