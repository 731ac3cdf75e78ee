import Balancing
import Datasets
import Foundation
import Multimodal
import Records

extension DiagnosisWork {
  /// The methods that are tried beside the diagnosed one, on what data, and in which folder.
  func tried(_ method: String) throws -> (rows: [ComparisonRow], data: LoadedData, folder: String) {
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

  func tryMethods(_ method: String, _ alone: [[ModelEvaluation]]) throws -> ModelDiagnosis.Trial? {
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
  func row(for method: String, _ data: LoadedData) -> ComparisonRow? {
    do {
      let entry = try MethodRegistry.entry(method)
      let row = ComparisonRow(
        label: method, method: method,
        settings: request.settings + entry.settingsUnderAdam)
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
