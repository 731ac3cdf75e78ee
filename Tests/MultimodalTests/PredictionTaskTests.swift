import Foundation
import TestSupport
import Testing
import Torch

@testable import Multimodal

@Suite("Prediction tasks")
struct PredictionTaskTests {
  private let z = numbers(12, in: -3...3)
  private let classLabels = [2, 0, 3]
  private let flags = [1.0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1]

  private func logits() throws -> Tensor { try Tensor(z, shape: [3, 4]) }
  private func labels(_ task: PredictionTask) throws -> Tensor {
    task == .multiLabel ? try Tensor(flags.map { UInt8($0) }, shape: [3, 4]) : try Tensor(classLabels)
  }

  private func softmax(_ i: Int, _ k: Int) -> Double { exp(z[i * 4 + k]) / total(4) { exp(z[i * 4 + $0]) } }
  private func sigmoid(_ i: Int, _ k: Int) -> Double { 1 / (1 + exp(-z[i * 4 + k])) }
  private func probability(_ task: PredictionTask, _ i: Int, _ k: Int) -> Double {
    task == .multiLabel ? sigmoid(i, k) : softmax(i, k)
  }
  private func loss(_ task: PredictionTask, _ i: Int) -> Double {
    guard task == .multiLabel else { return -log(softmax(i, classLabels[i])) }
    return total(4) { k in
      let (y, p) = (flags[i * 4 + k], sigmoid(i, k))
      return -(y * log(p) + (1 - y) * log(1 - p)) / 4
    }
  }

  @Test("each task reads its own name", arguments: PredictionTask.ofClasses)
  func names(_ task: PredictionTask) {
    #expect(PredictionTask(rawValue: task.rawValue) == task)
    #expect(["single-label", "binary", "multi-label"].contains(task.rawValue))
  }

  @Test("the loss is the mean of the samples' losses", arguments: PredictionTask.ofClasses)
  func losses(_ task: PredictionTask) throws {
    let expected = (0..<3).map { loss(task, $0) }
    #expect(try allClose(task.losses(logits(), labels(task)).array(), expected, relative: 1e-12))
    #expect(
      try allClose([task.loss(logits(), labels(task)).scalar()], [expected.reduce(0, +) / 3], relative: 1e-12))
  }

  @Test("class weights weigh samples by their class, or labels by theirs", arguments: PredictionTask.ofClasses)
  func classWeights(_ task: PredictionTask) throws {
    let weights = [0.5, 1, 2, 4]
    let found = try task.loss(logits(), labels(task), classWeights: Tensor(weights)).scalar()
    let expected: Double
    if task == .multiLabel {
      expected =
        total(3) { i in
          total(4) { k in
            let (y, p) = (flags[i * 4 + k], sigmoid(i, k))
            return -weights[k] * (y * log(p) + (1 - y) * log(1 - p))
          }
        } / 12
    } else {
      expected = total(3) { weights[classLabels[$0]] * loss(task, $0) } / total(3) { weights[classLabels[$0]] }
    }
    #expect(allClose([found], [expected], relative: 1e-12))
  }

  @Test("probabilities and their logarithms are softmax or sigmoid", arguments: PredictionTask.ofClasses)
  func probabilities(_ task: PredictionTask) throws {
    let expected = matrix(3, 4) { probability(task, $0, $1) }
    #expect(try allClose(task.probabilities(logits()).array(), expected, relative: 1e-12))
    let logs = try task.logProbabilities(logits())
    if task == .multiLabel {
      #expect(logs.shape == [3, 4, 2])
      #expect(try allClose(logs.selected(2, 0).array(), expected.map { log($0) }, relative: 1e-12))
      #expect(try allClose(logs.selected(2, 1).array(), expected.map { log(1 - $0) }, relative: 1e-10))
    } else {
      #expect(try allClose(logs.array(), expected.map { log($0) }, relative: 1e-12))
    }
  }

  @Test("the truth's probability is the label's, or the mean over labels", arguments: PredictionTask.ofClasses)
  func trueProbability(_ task: PredictionTask) throws {
    let expected = matrix(3, 1) { i, _ in
      guard task == .multiLabel else { return softmax(i, classLabels[i]) }
      return total(4) { k in flags[i * 4 + k] == 1 ? sigmoid(i, k) : 1 - sigmoid(i, k) } / 4
    }
    let found = try task.trueProbability(logits(), labels(task))
    #expect(found.shape == [3])
    #expect(try allClose(found.array(), expected, relative: 1e-12))
  }

  @Test("a label that no class has is refused")
  func wrongLabel() throws {
    #expect(throws: TorchError.self) { try PredictionTask.singleLabel.loss(logits(), Tensor([0, 1, 4])) }
    #expect(throws: TorchError.self) { try PredictionTask.multiLabel.loss(logits(), Tensor([0, 1, 1])) }
  }
}

@Suite("Sampling plans")
struct SamplingPlanTests {
  @Test("every sample is visited once, in order or shuffled")
  func plans() {
    #expect(SamplingPlan.inOrder(4).visits.map(\.sample) == [0, 1, 2, 3])
    let shuffled = SamplingPlan.shuffled(50, RandomSource(seed: 1), epoch: 0).visits.map(\.sample)
    #expect(shuffled.sorted() == Array(0..<50))
    #expect(shuffled != Array(0..<50))
    #expect(SamplingPlan.inOrder(0).visits.isEmpty)
    #expect(SamplingPlan.inOrder(0).batches(of: 3).isEmpty)
  }

  @Test("a shuffle depends on seed and epoch, and on nothing else")
  func shuffles() {
    let random = RandomSource(seed: 1)
    let first = SamplingPlan.shuffled(50, random, epoch: 0)
    #expect(SamplingPlan.shuffled(50, random, epoch: 0) == first)
    #expect(SamplingPlan.shuffled(50, random, epoch: 1) != first)
    #expect(SamplingPlan.shuffled(50, RandomSource(seed: 2), epoch: 0) != first)
  }

  @Test("batches are portions; a smaller last one is left out on demand, but never the only one")
  func batches() {
    func sizes(_ count: Int, _ size: Int, _ dropping: Bool) -> [Int] {
      SamplingPlan.inOrder(count).batches(of: size, droppingLast: dropping).map(\.count)
    }
    #expect(sizes(10, 4, false) == [4, 4, 2])
    #expect(sizes(10, 4, true) == [4, 4])
    #expect(sizes(8, 4, true) == [4, 4])
    #expect(sizes(3, 4, true) == [3])
    let visits = SamplingPlan.inOrder(10).batches(of: 4).flatMap { $0 }.map(\.sample)
    #expect(visits == Array(0..<10))
  }

  @Test("the synthetic data set hides what a visit hides")
  func hiding() throws {
    let data = SyntheticData()
    let visits: [SamplingPlan.Visit] = [.init(3), .init(3, hidden: ["text"]), .init(0, hidden: ["image", "text"])]
    let batch = try data.batch(visits[...])
    #expect(batch.samples == [3, 3, 0])
    #expect(batch.count == 3)
    let (image, text) = (try values(batch.inputs["image"]), try values(batch.inputs["text"]))
    #expect(image[0..<6] == image[6..<12])
    #expect(image[12...].allSatisfy { $0 == 0 })
    #expect(text[5...].allSatisfy { $0 == 0 })
    #expect(text[..<5].contains { $0 != 0 })
  }
}
