import Balancing
import Datasets
import Foundation
import Multimodal
import Records

extension DiagnosisWork {
  /// The diagnosed model's own method.
  func baselineRow(_ method: String) -> ComparisonRow {
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

  var aloneRows: [ComparisonRow] {
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
  func train(
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
  func plans(
    _ rows: [ComparisonRow], on data: LoadedData, in folder: String
  ) throws -> [Experiment.PlannedRun] {
    var compare = CompareRequest(
      data: data.set.folder, rows: rows, seeds: seeds, out: request.out.appending(path: folder))
    compare.files = files
    return try Experiment.plans(of: compare)
  }

  /// The method that is looked at.
  func diagnosed() throws -> String {
    try run.map { try RunConfiguration(recorded: $0.configuration) }?.methodName ?? JointTraining.card.name
  }
}
