import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Evaluation

@Suite("Scores of a regression")
struct RegressionTests {
  private struct Golden: Decodable {
    struct Score: Decodable, CustomTestStringConvertible {
      let name: String
      let targets, predictions, weights: [Double]
      let r2, mae, rmse, pearson: Double
      let weightedR2: Double?
      var testDescription: String { name }
    }
    let scores: [Score]
  }

  private let golden: [Golden.Score]

  init() throws {
    golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: Conditions.golden("regression.json"))).scores
  }

  @Test("are scikit-learn's, also where a prediction is worse than the mean, and under weights")
  func scikitLearn() throws {
    #expect(golden.count == 5 && golden.contains { $0.r2 < 0 })
    for c in golden {
      let (y, p) = (c.targets, c.predictions)
      #expect(allClose([try #require(Metrics.r2(targets: y, predictions: p))], [c.r2], relative: 1e-10), "\(c.name)")
      #expect(allClose([try Metrics.meanAbsoluteError(targets: y, predictions: p)], [c.mae], relative: 1e-12))
      #expect(allClose([try Metrics.rootMeanSquaredError(targets: y, predictions: p)], [c.rmse], relative: 1e-12))
      #expect(allClose([try #require(Metrics.pearson(targets: y, predictions: p))], [c.pearson], relative: 1e-10))
      let score = WeightedScore(try Predictions(targets: y, answers: p), metric: .r2)
      #expect(allClose([try #require(score(y.map { _ in 1 }))], [c.r2], relative: 1e-10))
      if let weighted = c.weightedR2 {
        #expect(allClose([try #require(score(c.weights))], [weighted], relative: 1e-10))
      }
    }
  }

  @Test("the evaluator gives them in the target's unit, of standardized outputs and targets")
  func evaluator() throws {
    for c in golden {
      let scale = TargetScale(mean: 40, deviation: 7)
      func standardized(_ numbers: [Double]) -> [Double] { numbers.map { ($0 - scale.mean) / scale.deviation } }
      let evaluator = Evaluator(task: .regression, metric: .r2, targets: scale)
      let outputs = try Tensor(standardized(c.predictions), shape: [c.predictions.count, 1])
      let found = try evaluator.metrics(outputs, Tensor(standardized(c.targets)))
      #expect(Set(found.keys) == ["loss", "r2", "mae", "rmse", "pearson"])
      #expect(
        allClose(
          [found["r2"] ?? .nan, found["mae"] ?? .nan, found["rmse"] ?? .nan], [c.r2, c.mae, c.rmse], relative: 1e-9))
      #expect(allClose([found["loss"] ?? .nan], [c.rmse * c.rmse / 49], relative: 1e-9))
      #expect(try evaluator.score(found) == found["r2"])
    }
  }

  @Test("targets that do not vary have none, and a prediction that is not finite is an error")
  func undefined() throws {
    #expect(Metrics.r2(targets: [2, 2, 2], predictions: [1, 2, 3]) == nil)
    #expect(Metrics.pearson(targets: [1, 2], predictions: [3, 3]) == nil)
    let evaluator = Evaluator(task: .regression, metric: .r2)
    #expect(throws: MetricError.oneTargetOnly(2)) {
      try evaluator.metrics(Tensor([1.0, 2], shape: [2, 1]), Tensor([2.0, 2]))
    }
    #expect(throws: MetricError.notANumber(row: 1)) {
      try evaluator.metrics(Tensor([1.0, .infinity], shape: [2, 1]), Tensor([2.0, 3]))
    }
    #expect(throws: MetricError.notANumber(row: 0)) { try Predictions(targets: [1, 2], answers: [.nan, 2]) }
    #expect(throws: MetricError.countsDiffer(truth: 2, predictions: 1)) {
      try Predictions(targets: [1, 2], answers: [2])
    }
  }

  @Test("what the samples are worth averages to R², and nothing of classes is kept of a condition")
  func worths() throws {
    for c in golden {
      let predictions = try Predictions(targets: c.targets, answers: c.predictions)
      let worths = predictions.worths
      #expect(allClose([worths.reduce(0, +) / Double(worths.count)], [c.r2], relative: 1e-9))
      let evidence = predictions.evidence("full", score: c.r2)
      #expect(evidence.confusion == nil && evidence.labelCounts == nil && evidence.reliability == nil)
      #expect(evidence.classScores.isEmpty)
      let telling = TellingSamples(
        conditions: ["full": predictions], alone: [("text", predictions)], weak: "text", classes: [])
      #expect(telling.clearest(3).isEmpty)
    }
  }

  @Test("the constant prediction is the mean of the training targets, and scores 0 at most")
  func constant() throws {
    let constant = ConstantPrediction(mean: 2.5)
    #expect(constant.words([]) == "always 2.5, the mean of the training targets")
    #expect(allClose([try #require(try constant.score(Tensor([2.0, 3])))], [0], absolute: 1e-12))
    #expect(try #require(try constant.score(Tensor([4.0, 6]))) < 0)
    #expect(try constant.score(Tensor([4.0, 4])) == nil)
    #expect(try constant.predictions(ofTargets: [1, 9]).probabilities == [2.5, 2.5])
  }
}
