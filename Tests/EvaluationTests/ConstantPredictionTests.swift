import Evaluation
import Multimodal
import Records
import TestSupport
import Testing

@Suite("The best constant prediction")
struct ConstantPredictionTests {
  @Test("of one label it is the most frequent class of training, the first of equals, scored on the split at hand")
  func oneLabel() throws {
    let constant = ConstantPrediction(task: .singleLabel, metric: .accuracy, shares: [0.3, 0.35, 0.35])
    #expect(constant.given == [1])
    #expect(constant.words(["a", "b", "c"]) == "always 'b'")
    // Of the split at hand one in four is of that class, though half are of another.
    let truth = [0, 0, 1, 2]
    #expect(try constant.score(truth) == 0.25)
    let predictions = try constant.predictions(truth)
    #expect((0..<4).allSatisfy { predictions.predicted($0) == [1] })
    #expect(predictions.trueProbability(0) == 0.3)
    // F1 of the class is 2 · ¼ / (1 + ¼); the other two have 0.
    let macro = ConstantPrediction(task: .singleLabel, metric: .macroF1, shares: [0.3, 0.35, 0.35])
    #expect(allClose([try #require(try macro.score(truth))], [0.4 / 3], relative: 1e-12))
    let weighted = ConstantPrediction(task: .singleLabel, metric: .weightedF1, shares: [0.3, 0.35, 0.35])
    #expect(allClose([try #require(try weighted.score(truth))], [0.4 * 0.25], relative: 1e-12))
  }

  @Test("by AUROC no constant is better than another: one half")
  func area() throws {
    let constant = ConstantPrediction(task: .binary, metric: .auroc, shares: [0.9, 0.1])
    #expect(try constant.score([0, 0, 1, 1, 0]) == 0.5)
    #expect(constant.words(["no", "yes"]) == "the same for every sample")
    #expect(try constant.score([0, 0]) == nil)
  }

  @Test(
    "no constant over several labels has a better macro-F1 on training than every label that occurs",
    arguments: [1, 2, 3])
  func severalLabels(_ seed: UInt64) throws {
    var numbers = SeededNumbers(seed: seed, stream: "labels")
    let truth = (0..<60).map { place in place % 3 == 2 && seed == 3 ? 0 : numbers.chance(0.2) ? 1 : 0 }
    let shares = (0..<3).map { label in
      Double(stride(from: label, to: 60, by: 3).count { truth[$0] == 1 }) / 20
    }
    let constant = ConstantPrediction(task: .multiLabel, metric: .macroF1, shares: shares)
    let score = try #require(try constant.score(truth))
    for chosen in 0..<8 {
      let given = (0..<20).flatMap { _ in (0..<3).map { chosen >> $0 & 1 } }
      #expect(try Metrics.multiLabelMacroF1(truth: truth, predictions: given, classes: 3) <= score + 1e-12)
    }
    #expect(constant.given == (0..<3).filter { shares[$0] > 0 })
    // Predicting by one half, as a model at its start does, gives nothing.
    let half = try Predictions(
      task: .multiLabel, classes: 3, truth: truth, probabilities: (0..<20).flatMap { _ in shares })
    #expect(WeightedScore(half, metric: .macroF1)([Double](repeating: 1, count: 20)) == 0 && score > 0.2)
  }

  @Test("by accuracy over several labels it is those that more than half of the samples have")
  func labelwise() throws {
    let constant = ConstantPrediction(task: .multiLabel, metric: .accuracy, shares: [0.7, 0.5, 0.1])
    #expect(constant.given == [0])
    #expect(constant.words(["a", "b", "c"]) == "always 'a'")
    #expect(try constant.score([1, 0, 0, 0, 1, 0]) == 4.0 / 6)
    let none = ConstantPrediction(task: .multiLabel, metric: .accuracy, shares: [0.2, 0.1])
    #expect(none.words(["a", "b"]) == "no label")
    let all = ConstantPrediction(task: .multiLabel, metric: .macroF1, shares: [0.2, 0.1])
    #expect(all.words(["a", "b"]) == "every label")
  }
}
