import Evaluation
import Foundation
import Testing

@Suite("Metrics are scikit-learn's to nine digits")
struct ScikitLearnTests {
  struct Golden: Decodable {
    struct SingleLabel: Decodable {
      let name: String
      let truth, predictions: [Int]
      let accuracy, macroF1, weightedF1: Double
    }
    struct MultiLabel: Decodable {
      let name: String
      let classes: Int
      let truth, predictions: [Int]
      let macroF1: Double
    }
    struct Ranking: Decodable {
      let name: String
      let truth: [Int]
      let scores: [Double]
      let auroc: Double
    }
    struct Likelihood: Decodable {
      let name: String
      let classes: Int
      let truth: [Int]
      let probabilities: [Double]
      let logLoss: Double
    }
    let singleLabel: [SingleLabel]
    let multiLabel: [MultiLabel]
    let ranking: [Ranking]
    let likelihood: [Likelihood]
  }

  private let golden: Golden

  init() throws {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    golden = try JSONDecoder().decode(
      Golden.self, from: Data(contentsOf: tests.appending(path: "Golden/scores.json")))
  }

  @Test("of one label a sample, with classes that nobody has")
  func singleLabel() throws {
    #expect(golden.singleLabel.count == 7)
    for c in golden.singleLabel {
      #expect(abs(try Metrics.accuracy(truth: c.truth, predictions: c.predictions) - c.accuracy) < 1e-9, "\(c.name)")
      #expect(abs(try Metrics.macroF1(truth: c.truth, predictions: c.predictions) - c.macroF1) < 1e-9, "\(c.name)")
      #expect(
        abs(try Metrics.weightedF1(truth: c.truth, predictions: c.predictions) - c.weightedF1) < 1e-9, "\(c.name)")
    }
  }

  @Test("of several labels a sample")
  func multiLabel() throws {
    #expect(golden.multiLabel.count == 3)
    for c in golden.multiLabel {
      let score = try Metrics.multiLabelMacroF1(truth: c.truth, predictions: c.predictions, classes: c.classes)
      #expect(abs(score - c.macroF1) < 1e-9, "\(c.name)")
    }
  }

  @Test("of a ranking, with ties")
  func ranking() throws {
    #expect(golden.ranking.count == 6)
    for c in golden.ranking {
      #expect(abs(try Metrics.auroc(truth: c.truth, scores: c.scores) - c.auroc) < 1e-9, "\(c.name)")
    }
  }

  @Test("of the likelihood of the truth")
  func likelihood() throws {
    #expect(golden.likelihood.count == 2)
    for c in golden.likelihood {
      let loss = try Metrics.logLoss(truth: c.truth, probabilities: c.probabilities, classes: c.classes)
      #expect(abs(loss - c.logLoss) < 1e-9, "\(c.name)")
    }
  }
}
