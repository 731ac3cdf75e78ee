import Evaluation
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

struct MetricsTests {
  struct Golden: Decodable {
    struct Case: Decodable {
      let classes: Int
      let truth: [Int]
      let probabilities: [Double]
      let accuracy, macroF1, weightedF1, logLoss, calibrationError: Double
    }
    struct Curve: Decodable {
      let truth: [Int]
      let scores: [Double]
      let area: Double
    }
    let metrics: [Case]
    let auroc: [Curve]
  }

  let golden: Golden

  init() throws {
    let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Golden/metrics.json")
    golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
  }

  /// Numbers from 0 to 1 that are the same every time.
  struct Dice {
    var state: UInt64
    mutating func next() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 11) / Double(1 << 53)
    }
    mutating func below(_ bound: Int) -> Int { Int(next() * Double(bound)) }
  }

  @Test("scores are NumPy's and SciPy's")
  func reference() throws {
    #expect(golden.metrics.count == 4)
    for c in golden.metrics {
      let predictions = try Metrics.argmax(c.probabilities, classes: c.classes)
      #expect(abs(try Metrics.accuracy(truth: c.truth, predictions: predictions) - c.accuracy) < 1e-12)
      #expect(abs(try Metrics.macroF1(truth: c.truth, predictions: predictions) - c.macroF1) < 1e-12)
      #expect(abs(try Metrics.weightedF1(truth: c.truth, predictions: predictions) - c.weightedF1) < 1e-12)
      let loss = try Metrics.logLoss(truth: c.truth, probabilities: c.probabilities, classes: c.classes)
      #expect(abs(loss - c.logLoss) < 1e-12)
      let error = try Metrics.calibrationError(truth: c.truth, probabilities: c.probabilities, classes: c.classes)
      #expect(abs(error - c.calibrationError) < 1e-12)
    }
    for c in golden.auroc { #expect(abs(try Metrics.auroc(truth: c.truth, scores: c.scores) - c.area) < 1e-12) }
  }

  // MARK: Accuracy

  @Test("accuracy counts hits")
  func accuracy() throws {
    #expect(try Metrics.accuracy(truth: [0, 1, 2, 2], predictions: [0, 2, 2, 2]) == 0.75)
  }

  @Test("of equal values the first is the prediction")
  func argmaxTies() throws { #expect(try Metrics.argmax([1, 1, 0, 0, 2, 2], classes: 3) == [0, 1]) }

  // MARK: F1

  @Test("macro F1 is over the classes that occur, weighted F1 by how often they are true")
  func f1() throws {
    // Class 0: 2·1/(2·1+1+0), class 2: 0 as never predicted, class 5: 0 as never true; class 1 occurs nowhere.
    let truth = [0, 2, 2]
    let predictions = [0, 0, 5]
    #expect(abs(try Metrics.macroF1(truth: truth, predictions: predictions) - (2.0 / 3) / 3) < 1e-15)
    #expect(abs(try Metrics.weightedF1(truth: truth, predictions: predictions) - (2.0 / 3) / 3) < 1e-15)
    #expect(try Metrics.macroF1(truth: [1, 1], predictions: [1, 1]) == 1)
  }

  @Test("multi-label F1 is the mean of the columns' F1, an empty column 0")
  func multiLabel() throws {
    var dice = Dice(state: 3)
    for classes in [1, 3, 6] {
      let truth = (0..<40 * classes).map { $0 % classes == 2 ? 0 : dice.below(2) }
      let predictions = (0..<40 * classes).map { $0 % classes == 2 ? 0 : dice.below(2) }
      var sum = 0.0
      for column in 0..<classes where column != 2 {
        var hits = 0.0
        var right = 0.0
        var said = 0.0
        for row in 0..<40 {
          let label = truth[row * classes + column]
          let prediction = predictions[row * classes + column]
          if label == 1, prediction == 1 { hits += 1 }
          if label == 1 { right += 1 }
          if prediction == 1 { said += 1 }
        }
        let precision = hits / said
        let recall = hits / right
        sum += 2 * precision * recall / (precision + recall)
      }
      let score = try Metrics.multiLabelMacroF1(truth: truth, predictions: predictions, classes: classes)
      #expect(abs(score - sum / Double(classes)) < 1e-12)
    }
  }

  // MARK: AUROC

  @Test("the area is the share of pairs in order, ties half")
  func aurocPairs() throws {
    var dice = Dice(state: 9)
    for levels in [2, 5, 1000] {
      let truth = [0, 1] + (0..<60).map { _ in dice.below(2) }
      let scores = truth.map { Double(dice.below(levels)) / 10 + Double($0) * 0.05 }
      var won = 0.0
      var pairs = 0.0
      for i in truth.indices where truth[i] == 1 {
        for j in truth.indices where truth[j] == 0 {
          pairs += 1
          if scores[i] > scores[j] { won += 1 } else if scores[i] == scores[j] { won += 0.5 }
        }
      }
      #expect(try Metrics.auroc(truth: truth, scores: scores) == won / pairs)
    }
  }

  @Test("perfect, reversed and constant scores")
  func aurocEnds() throws {
    #expect(try Metrics.auroc(truth: [0, 0, 1], scores: [-.infinity, 0, .infinity]) == 1)
    #expect(try Metrics.auroc(truth: [1, 1, 0], scores: [0.1, 0.2, 0.3]) == 0)
    #expect(try Metrics.auroc(truth: [1, 0, 1, 0], scores: [2, 2, 2, 2]) == 0.5)
  }

  @Test("equal predictions have the area one half, whatever noise a matrix product puts on them")
  func aurocNoise() throws {
    var dice = Dice(state: 4)
    for logit in [0.0, 0.3, -7, 40] {
      let truth = (0..<80).map { _ in dice.below(2) }
      // A few last places of float32 about the same logit, as rows at the edge of a block have them.
      let place = Double(Float(max(1, abs(logit))).ulp)
      let logits = truth.map { _ -> Double in Double(Float(logit)) + Double(dice.below(5) - 2) * place }
      let probabilities = logits.flatMap { (z: Double) in [1 / (1 + exp(z)), 1 / (1 + exp(-z))] }
      let margins = Metrics.margins(probabilities)
      #expect(allClose(margins, logits, relative: 1e-12, absolute: 1e-12))
      #expect(try Metrics.auroc(truth: truth, scores: margins) != 0.5)
      #expect(try Metrics.auroc(truth: truth, scores: margins, noise: Metrics.scoreNoise) == 0.5)
      let predictions = try Predictions(
        task: .binary, classes: 2, truth: truth, probabilities: probabilities)
      let weighted = WeightedScore(predictions, metric: .auroc)
      #expect(weighted([Double](repeating: 1, count: 80)) == 0.5)
      #expect(weighted((0..<80).map { Double($0 % 3) }) == 0.5)
    }
  }

  @Test("what lies further apart than noise is ranked, sure predictions by their margins, and ties do not chain")
  func aurocBeyondNoise() throws {
    // At 40 and 60 both probabilities are 1 to the last place.
    let logits = [40.0, 60, 30, -50]
    let margins = Metrics.margins(logits.flatMap { (z: Double) in [1 / (1 + exp(z)), 1 / (1 + exp(-z))] })
    #expect(try Metrics.auroc(truth: [0, 1, 0, 0], scores: margins, noise: Metrics.scoreNoise) == 1)
    // Each is within noise of the next, and the ends are not.
    let steps = (0..<10).map { 0.7 * Metrics.scoreNoise * Double($0) }
    let area = try Metrics.auroc(
      truth: [0, 0, 0, 0, 0, 1, 1, 1, 1, 1], scores: steps, noise: Metrics.scoreNoise)
    // In groups of two, and the middle one is mixed.
    #expect(area == (25 - 0.5) / 25)
    #expect(try Metrics.auroc(truth: [0, 1], scores: [-.infinity, 3], noise: Metrics.scoreNoise) == 1)
    #expect(try Metrics.auroc(truth: [0, 1], scores: [3, .infinity], noise: Metrics.scoreNoise) == 1)
  }

  @Test("one class alone has no area", arguments: [0, 1])
  func oneClass(label: Int) {
    #expect(throws: MetricError.oneClassOnly(label: label)) {
      try Metrics.auroc(truth: [label, label], scores: [0.1, 0.2])
    }
    #expect(
      MetricError.oneClassOnly(label: label).diagnosis.what
        == "the AUROC needs both classes, and every label is \(label)")
  }

  // MARK: Probabilities

  @Test("a sure mistake costs much, and not infinitely much")
  func sureMistake() throws {
    let loss = try Metrics.logLoss(truth: [0], probabilities: [0, 1], classes: 2)
    #expect(abs(loss - 52 * log(2)) < 1e-12)
    #expect(abs(try Metrics.binaryLogLoss(truth: [1], probabilities: [0]) - 52 * log(2)) < 1e-12)
    #expect(try Metrics.logLoss(truth: [1], probabilities: [0, 1], classes: 2) < 1e-15)
  }

  @Test("the binary log loss is that of two classes")
  func binary() throws {
    let p = [0.1, 0.8, 0.5, 0.99]
    let truth = [0, 1, 1, 0]
    let two = try Metrics.logLoss(truth: truth, probabilities: p.flatMap { [1 - $0, $0] }, classes: 2)
    #expect(abs(try Metrics.binaryLogLoss(truth: truth, probabilities: p) - two) < 1e-12)
  }

  @Test("calibration is perfect where confidence is the share that is right")
  func calibrated() throws {
    #expect(
      try Metrics.calibrationError(confidences: [0.75, 0.75, 0.75, 0.75], correct: [true, true, true, false]) == 0)
    #expect(try Metrics.calibrationError(confidences: [1, 1], correct: [false, false]) == 1)
    #expect(try Metrics.calibrationError(confidences: [0, 0], correct: [true, true]) == 1)
  }

  @Test("a confidence on the edge of two bins belongs to the lower")
  func edges() throws {
    // With two bins 0.5 joins 0.25: |2 − 0.75| / 2. In the upper bin it would be (0.75 + 0.5) / 2 all the same, so a miss.
    let error = try Metrics.calibrationError(confidences: [0.5, 0.25], correct: [false, true], bins: 2)
    #expect(error == abs(1 - 0.75) / 2)
  }

  // MARK: Refusals

  @Test("what cannot be scored is told")
  func refusals() {
    #expect(throws: MetricError.noSamples) { try Metrics.accuracy(truth: [], predictions: []) }
    #expect(throws: MetricError.countsDiffer(truth: 1, predictions: 2)) {
      try Metrics.macroF1(truth: [0], predictions: [0, 1])
    }
    #expect(throws: MetricError.ragged(values: 3, classes: 2)) { try Metrics.argmax([1, 2, 3], classes: 2) }
    #expect(throws: MetricError.notANumber(row: 1)) { try Metrics.argmax([1, 2, .nan, 3], classes: 2) }
    #expect(throws: MetricError.notANumber(row: 1)) { try Metrics.auroc(truth: [0, 1], scores: [1, .nan]) }
    #expect(throws: MetricError.labelOutOfRange(row: 1, label: 2, classes: 2)) {
      try Metrics.auroc(truth: [0, 2], scores: [1, 2])
    }
    #expect(throws: MetricError.labelOutOfRange(row: 0, label: 2, classes: 2)) {
      try Metrics.logLoss(truth: [2], probabilities: [0.5, 0.5], classes: 2)
    }
    #expect(throws: MetricError.labelOutOfRange(row: 1, label: 3, classes: 2)) {
      try Metrics.multiLabelMacroF1(truth: [0, 1, 3, 0], predictions: [0, 0, 0, 0], classes: 2)
    }
  }

  @Test(
    "every refusal is a sentence",
    arguments: [
      (MetricError.noSamples, "nothing to score: there are no samples"),
      (.countsDiffer(truth: 1, predictions: 2), "1 labels and 2 predictions"),
      (.ragged(values: 3, classes: 2), "3 values are no table of 2 classes"),
      (.labelOutOfRange(row: 4, label: 2, classes: 2), "label 2 of sample 4 is not among 2 classes"),
      (.notANumber(row: 4), "the prediction for sample 4 is not a number"),
    ])
  func sentences(error: MetricError, what: String) { #expect(error.diagnosis.what == what) }
}
