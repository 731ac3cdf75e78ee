import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Evaluation

@Suite("Thresholds of several labels")
struct ThresholdsTests {
  private func f1(_ probabilities: [Double], _ truth: [Int], above threshold: Double) -> Double {
    var (hits, alarms, misses) = (0.0, 0.0, 0.0)
    for (p, y) in zip(probabilities, truth) {
      if p > threshold, y == 1 { hits += 1 }
      if p > threshold, y == 0 { alarms += 1 }
      if p <= threshold, y == 1 { misses += 1 }
    }
    return hits + alarms + misses > 0 ? 2 * hits / (2 * hits + alarms + misses) : 0
  }

  @Test("no threshold has a better F1, by trying every one", arguments: [1, 2, 3, 4, 5, 6])
  func best(_ seed: UInt64) {
    var numbers = SeededNumbers(seed: seed, stream: "thresholds")
    // Few levels, so that there are ties.
    let probabilities = (0..<40).map { _ in Double(numbers.uniform(below: 12)) / 24 }
    let truth = probabilities.map { numbers.chance(0.1 + $0) ? 1 : 0 }
    let found = Thresholds.best(probabilities: probabilities, truth: truth)
    let tried = (-1...48).map { f1(probabilities, truth, above: (Double($0) + 0.5) / 48) }
    #expect(abs(f1(probabilities, truth, above: found) - (tried.max() ?? 0)) < 1e-12)
  }

  @Test("a label that nobody has keeps one half, and of thresholds that are as good the one nearest to it is taken")
  func plain() {
    #expect(Thresholds.best(probabilities: [0.1, 0.4], truth: [0, 0]) == 0.5)
    #expect(Thresholds.best(probabilities: [], truth: []) == 0.5)
    #expect(Thresholds.best(probabilities: [0.9, 0.1], truth: [1, 0]) == 0.5)
    #expect(allClose([Thresholds.best(probabilities: [0.3, 0.1], truth: [1, 0])], [0.2], relative: 1e-12))
    #expect(allClose([Thresholds.best(probabilities: [0.9, 0.7], truth: [1, 0])], [0.8], relative: 1e-12))
    #expect(allClose([Thresholds.best(probabilities: [0.2, 0.2], truth: [1, 0])], [0.1], relative: 1e-12))
  }

  @Test("each label has its own, by macro-F1 of several labels alone")
  func fitted() throws {
    let p = [0.3, 0.9, 0.1, 0.7, 0.2, 0.8]
    let logits = try Tensor(p.map { log($0 / (1 - $0)) }, shape: [3, 2])
    let labels = try Tensor([1, 1, 0, 0, 0, 1], shape: [3, 2])
    let found = try #require(try Thresholds.fitted(logits, labels, task: .multiLabel, metric: .macroF1))
    #expect(allClose(found, [0.25, 0.75], relative: 1e-9))
    #expect(try Thresholds.fitted(logits, labels, task: .multiLabel, metric: .accuracy) == nil)
    #expect(try Thresholds.fitted(logits, Tensor([0, 1, 0]), task: .singleLabel, metric: .macroF1) == nil)
    // Predictions, their weighted score and the evaluator's all heed them.
    let predictions = try Predictions(task: .multiLabel, logits: logits, labels: labels, thresholds: found)
    #expect((0..<3).map(predictions.predicted) == [[0, 1], [], [1]])
    #expect(WeightedScore(predictions, metric: .macroF1)([1, 1, 1]) == 1)
    let evaluator = Evaluator(task: .multiLabel, metric: .macroF1)
    #expect(try evaluator.metrics(logits, labels, thresholds: found)["macro-f1"] == 1)
    #expect(try evaluator.metrics(logits, labels)["macro-f1"] ?? 1 < 1)
    #expect(predictions.labelCounts?.map(\.truePositives) == [1, 2])
  }
}
