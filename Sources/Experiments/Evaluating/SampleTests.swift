import Datasets
import Evaluation
import Foundation
import Records
import Torch

extension Experiment {
  /// Tests a comparison over its test samples as well, where the runs' predictions were kept.
  static func testSamples(
    _ results: inout ComparisonResults, _ summaries: [(label: String, run: RunSummary)], _ data: LoadedData
  ) throws {
    guard let samples = data.set.test?.count, !results.tests.isEmpty else { return }
    var places: [RunName: Int] = [:]
    var runs: [[String: SampleReplicates.Score]] = []
    for (label, summary) in summaries {
      let seed = summary.record.configuration[path: "seed"]?.intValue ?? 0
      guard let scores = try scores(of: summary, data, samples: samples) else { continue }
      places[RunName(label: label, seed: seed)] = runs.count
      runs.append(scores)
    }
    guard !runs.isEmpty else { return }
    var asked: [(test: Int, question: SampleReplicates.Question)] = []
    for (index, test) in results.tests.enumerated() {
      guard let first = results.method(test.methods[0]), let second = results.method(test.methods[1]) else { continue }
      var pairs: [(first: Int, second: Int, difference: Double)] = []
      for run in first.runs {
        guard let other = second.runs.first(where: { $0.seed == run.seed }),
          let value = run.quantities[test.quantity], let another = other.quantities[test.quantity]
        else { continue }
        guard let a = places[RunName(label: first.name, seed: run.seed)],
          let b = places[RunName(label: second.name, seed: run.seed)]
        else {
          pairs = []
          break
        }
        pairs.append((a, b, another - value))
      }
      // Over the same seeds as the test over seeds, or not at all.
      if pairs.count == test.seeds, !pairs.isEmpty { asked.append((index, .init(test.quantity, pairs))) }
    }
    let replicates = try SampleReplicates(
      runs, answering: asked.map(\.question), samples: samples, modalities: data.set.manifest.modalities)
    for (place, asked) in asked.enumerated() { results.tests[asked.test].joint = replicates.test(place) }
    results.adjust()
  }

  private struct RunName: Hashable {
    let label: String
    let seed: Int
  }

  /// By condition, a run's score as a function of how often each sample counts; nil where its predictions are not there.
  static func scores(
    of run: RunSummary, _ data: LoadedData, samples: Int, under conditions: [String]? = nil
  ) throws -> [String: SampleReplicates.Score]? {
    let url = RunFolder(run.folder).predictions
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let file = try SafeTensors(reading: url)
    let labels = try file.tensor("labels")
    var scores: [String: SampleReplicates.Score] = [:]
    let wanted = conditions ?? run.evaluation.conditions
    for name in run.evaluation.conditions where wanted.contains(name) && file.entry(name) != nil {
      let probabilities = try file.tensor(name)
      guard probabilities.shape.first == samples else { return nil }
      let isRegression = data.set.targets != nil
      let predictions =
        try isRegression
        ? Predictions(targets: labels.array(), answers: probabilities.array())
        : Predictions(
          task: data.set.manifest.task, classes: probabilities.shape[1], truth: labels.array(),
          probabilities: probabilities.array(), thresholds: run.record.thresholds)
      let score = WeightedScore(predictions, metric: data.set.manifest.metric)
      scores[name] = { score($0) }
    }
    return scores
  }
}
