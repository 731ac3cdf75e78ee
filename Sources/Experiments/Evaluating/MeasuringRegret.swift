import Datasets
import Evaluation
import Foundation
import Records

extension Experiment {
  /// Puts intervals over seeds and test samples in the place of those over seeds alone, where predictions were kept.
  ///
  /// A row's run is set against the specialist of the same seed, on the same test samples.
  static func measureRegret(
    _ results: inout ComparisonResults, _ rows: [(label: String, run: RunSummary)], _ specialists: [TrainedSpecialist],
    _ data: LoadedData
  ) throws {
    guard let samples = data.set.test?.count, !specialists.isEmpty else { return }
    let conditions = results.specialists.keys.sorted()
    var runs: [[String: SampleReplicates.Score]] = []
    // The specialists of a seed together are one run, whose score under each condition is that of the condition's own.
    var bySeed: [Int: [String: SampleReplicates.Score]] = [:]
    for specialist in specialists {
      for summary in specialist.summaries {
        let seed = summary.record.configuration[path: "seed"]?.intValue ?? 0
        let own = try scores(of: summary, data, samples: samples, under: [Condition.full])?[Condition.full]
        for condition in specialist.plan.conditions { bySeed[seed, default: [:]][condition] = own }
      }
    }
    var specialistPlaces: [Int: Int] = [:]
    for (seed, scores) in bySeed.sorted(by: { $0.key < $1.key }) {
      specialistPlaces[seed] = runs.count
      runs.append(scores)
    }
    var places: [String: [Int: Int]] = [:]
    for (label, summary) in rows {
      let seed = summary.record.configuration[path: "seed"]?.intValue ?? 0
      guard let scores = try scores(of: summary, data, samples: samples, under: conditions) else { continue }
      places[label, default: [:]][seed] = runs.count
      runs.append(scores)
    }
    var asked: [(row: Int, condition: String, question: SampleReplicates.Question)] = []
    for (number, row) in results.methods.enumerated() {
      for condition in row.mean.regretConditions {
        let pairs = row.runs.compactMap { run -> (first: Int, second: Int, difference: Double)? in
          guard let first = places[row.name]?[run.seed], let second = specialistPlaces[run.seed],
            let regret = run.quantities.regret[condition]
          else { return nil }
          return (first, second, regret)
        }
        if pairs.count == row.runs.count { asked.append((number, condition, .init(condition, pairs))) }
      }
    }
    guard !asked.isEmpty else { return }
    let replicates = try SampleReplicates(
      runs, answering: asked.map(\.question), samples: samples, modalities: data.set.manifest.modalities)
    for number in results.methods.indices {
      let own = asked.indices.filter { asked[$0].row == number && replicates.differences[$0] != nil }
      guard own.count == results.methods[number].mean.regretConditions.count, !own.isEmpty else { continue }
      let intervals = RegretIntervals(
        bySeed: own.map { asked[$0].question.pairs.map(\.difference) },
        replicates: own.compactMap { replicates.differences[$0] }, samples: samples)
      for (place, index) in own.enumerated() {
        results.methods[number].interval95.regret[asked[index].condition] = intervals.conditions[place]
      }
      results.methods[number].interval95.regret["mean"] = intervals.mean
      results.methods[number].interval95.regret["worst"] = intervals.worst
    }
  }
}
