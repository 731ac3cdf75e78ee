import Evaluation
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@Suite("Temperatures")
struct TemperatureTests {
  /// Labels drawn from the probabilities of random logits, and the logits.
  private func drawn(_ task: PredictionTask, count: Int, classes: Int) throws -> (logits: Tensor, labels: Tensor) {
    var numbers = SeededNumbers(seed: 4, stream: "temperature")
    let logits = (0..<(count * classes)).map { _ in 2 * numbers.normal() }
    let tensor = try Tensor(logits, shape: [count, classes])
    let probabilities: [Double] = try task.probabilities(tensor).array()
    if task == .multiLabel {
      let labels = probabilities.map { numbers.chance($0) ? 1 : 0 }
      return (tensor, try Tensor(labels, shape: [count, classes]).to(.uint8))
    }
    let labels = (0..<count).map { row in
      var rest = numbers.uniform()
      for label in 0..<classes {
        rest -= probabilities[row * classes + label]
        if rest < 0 { return label }
      }
      return classes - 1
    }
    return (tensor, try Tensor(labels))
  }

  @Test(
    "a model that is too sure by a factor is found out, and so is one that is too modest",
    arguments: [PredictionTask.singleLabel, .binary, .multiLabel], [0.25, 1, 3])
  func finds(_ task: PredictionTask, _ factor: Double) throws {
    let (logits, labels) = try drawn(task, count: 4000, classes: task == .binary ? 2 : 4)
    let found = try Temperature.fitted(logits * factor, labels, task: task)
    #expect(abs(found / factor - 1) < 0.06, "\(found)")
  }

  @Test("it is the least log-loss, with labels believed by (N + 1)/(N + 2)")
  func least() throws {
    // One sample of logits ±a that is right: σ(2a/T) = 1 − 1/(2·3), so T = 2a / ln 5.
    let found = try Temperature.fitted(Tensor([1.5, -1.5], shape: [1, 2]), Tensor([0]), task: .singleLabel)
    #expect(abs(found - 3 / log(5)) < 1e-4, "\(found)")
    let yes = try Temperature.fitted(Tensor([1.5], shape: [1, 1]), Tensor([1], shape: [1, 1]), task: .multiLabel)
    #expect(abs(yes - 1.5 / log(2)) < 1e-4, "\(yes)")
  }

  @Test("tempered probabilities are those of divided logits, and predictions stay", arguments: PredictionTask.ofClasses)
  func tempered(_ task: PredictionTask) throws {
    let (logits, labels) = try drawn(task, count: 60, classes: task == .binary ? 2 : 4)
    let plain = try Predictions(task: task, logits: logits, labels: labels)
    let expected = try Predictions(task: task, logits: logits / 2.5, labels: labels)
    let tempered = try plain.tempered(2.5)
    for (a, b) in zip(tempered.probabilities, expected.probabilities) { #expect(abs(a - b) < 1e-12) }
    #expect((0..<60).allSatisfy { tempered.predicted($0) == plain.predicted($0) })
    let error = try #require(plain.reliability?.error)
    #expect(abs(try #require(plain.tempered(1).reliability?.error) - error) < 1e-12)
  }

  @Test("probabilities of 0 and 1 stay finite")
  func extremes() throws {
    for task in [PredictionTask.singleLabel, .multiLabel] {
      let truth = task == .multiLabel ? [1, 0] : [0]
      let sure = try Predictions(task: task, classes: 2, truth: truth, probabilities: [1, 0])
      #expect(try sure.tempered(3).probabilities.allSatisfy { $0.isFinite })
    }
  }
}
