import Auditing
import Datasets
import Evaluation
public import Foundation
import Multimodal
public import Records

extension Experiment {
  /// The samples that show best what an audited model leans on, with their pictures and texts where they can be found again.
  ///
  /// - Parameters:
  ///   - subject: what was audited: a file of predictions, a folder of samples, or a feature set that says where they lie.
  ///   - limit: samples of each kind.
  /// - Returns: nil where there are no labels, or no sample tells anything.
  public static func evidence(of summary: AuditSummary, subject: URL, limit: Int = 2) throws -> RunEvidence? {
    let table = try PredictionTable(at: summary.table, needsLabels: false)
    guard let answers = try TableAnswers(table) else { return nil }
    let telling = TellingSamples(
      conditions: answers.conditions, alone: answers.alone, weak: summary.record.weakest, classes: table.classes
    ).clearest(limit)
    guard !telling.isEmpty else { return nil }
    let raw = RawOrigins(of: subject, wanted: Set(telling.map { table.ids[$0.row] }))
    return RunEvidence(
      dataset: subject.lastPathComponent, task: table.task.rawValue, metric: summary.record.metric, samples: table.rows,
      classes: table.classes, modalities: table.modalities,
      conditions: answers.conditions.sorted { $0.key < $1.key }.map { name, predictions in
        predictions.evidence(name, score: summary.record.scores[answers.names[name] ?? name]?.value ?? 0)
      }, alone: answers.isTrainedAlone ? .trainedAlone : .onlyPresent,
      telling: telling.map { sample in
        var sample = sample
        sample.id = table.ids[sample.row]
        if let origin = raw?.byID[table.ids[sample.row]] { sample.show(origin) }
        return sample
      }, raw: raw?.folder.path(percentEncoded: false))
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

/// The raw samples behind a subject, by id; where they are not to be had, a page does without pictures.
private struct RawOrigins {
  let folder: URL
  let byID: [String: SampleOrigin]

  init?(of subject: URL, wanted: Set<String>) {
    let files = FileManager.default
    var isFolder: ObjCBool = false
    guard files.fileExists(atPath: subject.path, isDirectory: &isFolder) else { return nil }
    var found: [SampleOrigin] = []
    if files.fileExists(atPath: subject.appending(path: "dataset.json").path) {
      guard let set = try? FeatureSet(at: subject), let raw = set.rawFolder, let origins = try? set.origins(of: "test")
      else { return nil }
      folder = raw
      found = origins.filter { wanted.contains($0.id) }
    } else {
      guard let data = try? RawDataset(at: subject, for: .asking), data.samples.count > 0 else { return nil }
      folder = data.samples[0].folder
      for place in 0..<data.samples.count where wanted.contains(data.samples[place].id) {
        found.append(SampleOrigin(data.samples[place]))
      }
    }
    byID = Dictionary(found.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
  }
}
