import Balancing
import Datasets
import Foundation
import Records

extension Experiment {
  /// From what share on a row's updates are called others than the baseline's.
  private static let sameUpdates = 0.05

  /// Gives each row as many epochs as bring its updates, with those of models that it trains besides, to the baseline's.
  ///
  /// How many updates a row makes is counted in a run with seed 0. Rows that make none, which are fitted before training,
  /// stay as they are.
  ///
  /// - Parameter plans: the runs of the comparison as it was asked for.
  /// - Returns: the request with those epochs, and what was changed, a sentence each.
  static func equalized(
    _ request: CompareRequest, _ plans: [PlannedRun], _ data: LoadedData, stop: StopFlag, events: @escaping EventSink
  ) throws -> (CompareRequest, notes: [String]) {
    let rows = plans.filter { $0.configuration.seed == 0 }
    let counting = rows.map { row in
      PlannedRun(
        label: row.label, configuration: row.configuration, resolved: row.resolved,
        folder: row.folder.deletingLastPathComponent().appending(path: "counting"))
    }
    events(.phase("Counting", "updates of \(rows.count) rows, with seed 0"))
    let told = progress(to: events, as: "Counting")
    let counted = try run(counting, data, jobs: request.jobs, stop: stop, events: told).map { summary -> Double in
      summary.record.work.map { Double($0.updates + $0.otherUpdates) } ?? 0
    }
    let place = rows.firstIndex { $0.label == JointTraining.card.name } ?? 0
    let budget = counted[place]
    var changed = request
    var notes: [String] = []
    for (index, row) in rows.enumerated() {
      let epochs = row.configuration.training.epochs
      let few = max(1, Int((Double(epochs) * budget / max(counted[index], 1)).rounded()))
      guard counted[index] > 0, budget > 0, abs(counted[index] / budget - 1) > sameUpdates, few != epochs else {
        try take(counting[index].folder, as: row.folder)
        continue
      }
      changed.rows[index].settings.append("training.epochs=\(few)")
      notes.append(
        "equal updates: \(row.label) trains \(few) epochs in place of \(epochs), which make "
          + "\(Int(counted[index])) updates where \(rows[place].label) makes \(Int(budget))")
    }
    return (changed, notes)
  }
}
