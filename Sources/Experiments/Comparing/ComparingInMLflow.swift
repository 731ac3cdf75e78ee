import Foundation
import Records

extension Experiment {
  /// Writes the finished runs of a comparison as MLflow keeps runs, each under the name of its row.
  static func enter(
    _ runs: [(row: String, summary: RunSummary)], _ specialists: [TrainedSpecialist] = [], in store: URL
  ) throws {
    // Specialists first: one that is a row's run too is called by the row.
    let others = specialists.flatMap { specialist in
      specialist.summaries.map {
        (row: "specialist \(specialist.plan.conditions.joined(separator: ", "))", summary: $0)
      }
    }
    for (row, summary) in others + runs {
      let seed = summary.record.configuration[path: "seed"]?.intValue ?? 0
      try MLflowStore(store).write(
        RunFolder(summary.folder), name: "\(row) seed \(seed)", tags: ["seesaw.row": row])
    }
  }
}
