import Evaluation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

struct PredictionsTests {
  @Test("one label a sample: the most probable class, its probability, and whether it is the true one")
  func single() throws {
    let found = try Predictions(
      task: .singleLabel, classes: 3, truth: [0, 2, 1], probabilities: [0.5, 0.5, 0, 0.2, 0.5, 0.3, 0.1, 0.8, 0.1])
    #expect((0..<3).map { found.predicted($0) } == [[0], [1], [1]])
    #expect((0..<3).map { found.isRight($0) } == [true, false, true])
    #expect((0..<3).map { found.trueProbability($0) } == [0.5, 0.3, 0.8])
    #expect((0..<3).map { found.confidence($0) } == [0.5, 0.5, 0.8])
    #expect(found.confusion?.counts == [[1, 0, 0], [0, 1, 0], [0, 1, 0]])
    #expect(found.labelCounts == nil)
    #expect(abs(try #require(found.reliability).confidence - 0.6) < 1e-12)
  }

  @Test("several labels a sample: all above one half, and each label's own yes or no")
  func several() throws {
    let found = try Predictions(
      task: .multiLabel, classes: 2, truth: [1, 0, 1, 1, 0, 0], probabilities: [0.9, 0.2, 0.6, 0.4, 0.1, 0.3])
    #expect((0..<3).map { found.predicted($0) } == [[0], [0], []])
    #expect((0..<3).map { found.labels(of: $0) } == [[0], [0, 1], []])
    #expect((0..<3).map { found.isRight($0) } == [true, false, true])
    #expect(allClose((0..<3).map { found.trueProbability($0) }, [0.85, 0.5, 0.8], relative: 1e-12))
    #expect(allClose((0..<3).map { found.confidence($0) }, [0.85, 0.6, 0.8], relative: 1e-12))
    #expect(found.confusion == nil)
    let counts = try #require(found.labelCounts)
    #expect(counts[0] == LabelCounts(truePositives: 2, falsePositives: 0, falseNegatives: 0, trueNegatives: 1))
    #expect(counts[1] == LabelCounts(truePositives: 0, falsePositives: 0, falseNegatives: 1, trueNegatives: 2))
    #expect(found.decisions.map(\.isRight) == [true, true, true, false, true, true])
  }

  @Test("tables that do not fit each other are refused")
  func refused() {
    #expect(throws: MetricError.self) {
      try Predictions(task: .singleLabel, classes: 2, truth: [0], probabilities: [0.5, 0.5, 1, 0])
    }
    #expect(throws: MetricError.labelOutOfRange(row: 1, label: 2, classes: 2)) {
      try Predictions(task: .singleLabel, classes: 2, truth: [0, 2], probabilities: [0.5, 0.5, 1, 0])
    }
    #expect(throws: MetricError.notANumber(row: 0)) {
      try Predictions(task: .binary, classes: 2, truth: [0], probabilities: [0.5, .nan])
    }
  }

  /// Predictions at random, coarse so that there are ties.
  static func random(_ task: PredictionTask, classes: Int, count: Int, seed: UInt64) throws -> Predictions {
    var numbers = SeededNumbers(seed: seed, stream: "predictions")
    let truth = (0..<(task == .multiLabel ? count * classes : count)).map { _ in
      numbers.uniform(below: task == .multiLabel ? 2 : classes)
    }
    let probabilities = (0..<count).flatMap { _ -> [Double] in
      let raw = (0..<classes).map { _ in Double(1 + numbers.uniform(below: 9)) }
      let sum = raw.reduce(0, +)
      return task == .multiLabel ? raw.map { $0 / 10 } : raw.map { $0 / sum }
    }
    return try Predictions(task: task, classes: classes, truth: truth, probabilities: probabilities)
  }

  @Test(
    "a score under whole weights is the metric of the samples repeated so often",
    arguments: [
      (PredictionTask.singleLabel, 4, Metric.accuracy), (.singleLabel, 4, .macroF1), (.singleLabel, 4, .weightedF1),
      (.binary, 2, .auroc), (.multiLabel, 3, .macroF1), (.multiLabel, 3, .accuracy),
    ])
  func weighted(task: PredictionTask, classes: Int, metric: Metric) throws {
    let predictions = try Self.random(task, classes: classes, count: 40, seed: 5)
    var numbers = SeededNumbers(seed: 1, stream: "weights")
    let weights = (0..<40).map { _ in Double(numbers.uniform(below: 4)) }
    let rows = (0..<40).flatMap { [Int](repeating: $0, count: Int(weights[$0])) }
    let width = task == .multiLabel ? classes : 1
    let truth = rows.flatMap { Array(predictions.truth[($0 * width)..<(($0 + 1) * width)]) }
    let repeated = rows.flatMap { Array(predictions.probabilities[($0 * classes)..<(($0 + 1) * classes)]) }
    let chosen =
      try task == .multiLabel ? repeated.map { $0 > 0.5 ? 1 : 0 } : Metrics.argmax(repeated, classes: classes)
    let expected: Double
    switch metric {
    case .r2: throw MetricError.noSamples
    case .accuracy: expected = try Metrics.accuracy(truth: truth, predictions: chosen)
    case .macroF1 where task == .multiLabel:
      expected = try Metrics.multiLabelMacroF1(truth: truth, predictions: chosen, classes: classes)
    case .macroF1: expected = try Metrics.macroF1(truth: truth, predictions: chosen)
    case .weightedF1: expected = try Metrics.weightedF1(truth: truth, predictions: chosen)
    case .auroc:
      expected = try Metrics.auroc(
        truth: truth, scores: stride(from: 1, to: repeated.count, by: 2).map { repeated[$0] })
    }
    let found = try #require(WeightedScore(predictions, metric: metric)(weights))
    #expect(abs(found - expected) < 1e-12)
    let again = try Predictions(task: task, classes: classes, truth: truth, probabilities: repeated)
    let sure = try #require(predictions.weightedOverconfidence(weights))
    let reliability = try #require(again.reliability)
    #expect(abs(sure - reliability.overconfidence) < 1e-12)
    let error = try #require(predictions.weightedCalibrationError()(weights))
    #expect(abs(error - reliability.error) < 1e-12)
  }

  @Test("an AUROC of one class has no value")
  func undefined() throws {
    let predictions = try Predictions(
      task: .binary, classes: 2, truth: [0, 1], probabilities: [0.7, 0.3, 0.2, 0.8])
    #expect(WeightedScore(predictions, metric: .auroc)([1, 0]) == nil)
    #expect(WeightedScore(predictions, metric: .auroc)([1, 1]) == 1)
    #expect(WeightedScore(predictions, metric: .accuracy)([0, 0]) == nil)
  }
}
