import Auditing
import Datasets
import Evaluation
import Foundation
import Multimodal
public import Records

extension Experiment {
  /// What a page shows of an audit's telling samples, with their pictures and texts where they are at hand.
  ///
  /// - Returns: nil where there are no labels, or no sample tells anything.
  public static func evidence(of summary: AuditSummary, named name: String) throws -> RunEvidence? {
    guard let telling = summary.record.telling, !telling.isEmpty else { return nil }
    let table = try PredictionTable(at: summary.table, needsLabels: false)
    guard let answers = try TableAnswers(table) else { return nil }
    return RunEvidence(
      dataset: name, task: table.task.rawValue, metric: summary.record.metric, samples: table.rows,
      classes: table.classes, modalities: table.modalities,
      conditions: answers.conditions.sorted { $0.key < $1.key }.map { name, predictions in
        predictions.evidence(name, score: summary.record.scores[answers.names[name] ?? name]?.value ?? 0)
      }, alone: answers.isTrainedAlone ? .trainedAlone : .onlyPresent, telling: telling, raw: summary.record.raw)
  }

  /// The samples of a table that show best what the model leans on.
  ///
  /// - Parameters:
  ///   - weak: the modality that is leaned on least.
  ///   - limit: samples of each kind.
  /// - Returns: nil without labels.
  static func telling(_ table: PredictionTable, weak: String?, limit: Int) throws -> [TellingSample]? {
    guard let answers = try TableAnswers(table) else { return nil }
    return TellingSamples(
      conditions: answers.conditions, alone: answers.alone, weak: weak, classes: table.classes
    ).clearest(limit).map { sample in
      var sample = sample
      sample.id = table.ids[sample.row]
      return sample
    }
  }
}

extension TellingSample {
  /// Shows the picture and the text that it was made of; a page shows no more of a text than its beginning.
  mutating func show(_ origin: SampleOrigin) {
    image = origin.image
    text = origin.text.map { $0.count > 400 ? $0.prefix(399) + "…" : $0 }
  }
}

/// A table's answers as telling samples are found in.
private struct TableAnswers {
  /// `full`, and `<modality>-missing` where the table has that, silent or declared.
  private(set) var conditions: [String: Predictions] = [:]
  /// What the table calls them.
  private(set) var names: [String: String] = [:]
  private(set) var alone: [(modality: String, predictions: Predictions)] = []
  /// Whether ``alone`` are models of one modality, or the audited one with nothing else.
  private(set) var isTrainedAlone = false

  /// nil without labels.
  init?(_ table: PredictionTable) throws {
    guard let labels = table.labels, table.modalities.count > 1 else { return nil }
    let truth =
      switch labels {
      case .classes(let numbers): numbers
      case .several(let given): given.map { $0 ? 1 : 0 }
      }
    func predictions(_ name: String) throws -> Predictions? {
      try table.conditions[name].map {
        try Predictions(
          task: table.task, classes: table.classes.count, truth: truth,
          probabilities: $0.probabilities(severalLabels: table.severalLabels))
      }
    }
    func add(_ name: String, _ keys: [String]) throws {
      guard let key = keys.first(where: { table.conditions[$0] != nil }) else { return }
      conditions[name] = try predictions(key)
      names[name] = key
    }
    try add(Condition.full, [PredictionTable.full])
    for name in table.modalities {
      try add("\(name)-\(Condition.missing)", ["missing:\(name)", "absent:\(name)"])
    }
    isTrainedAlone = table.modalities.allSatisfy { table.conditions["alone:\($0)"] != nil }
    for name in table.modalities {
      guard let found = try predictions("\(isTrainedAlone ? "alone" : "only"):\(name)") else { continue }
      alone.append((name, found))
    }
  }
}

/// Where the pictures and texts of samples come from.
struct RawOrigins {
  /// What the paths of pictures are meant from.
  let folder: URL
  let byID: [String: SampleOrigin]

  /// Of the samples that a model was asked about.
  init?(_ source: RawAuditSource, rows: [Int]) {
    guard let folder = source.folder else { return nil }
    self.folder = folder
    byID = Dictionary(
      rows.map { (source.samples.ids[$0], source.origin(of: $0)) }, uniquingKeysWith: { first, _ in first })
  }

  /// Of a feature set that says where they lie.
  init?(features: URL, wanted: Set<String>) {
    guard let set = try? FeatureSet(at: features), let raw = set.rawFolder, let origins = try? set.origins(of: "test")
    else { return nil }
    folder = raw
    byID = Dictionary(
      origins.filter { wanted.contains($0.id) }.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
  }
}
