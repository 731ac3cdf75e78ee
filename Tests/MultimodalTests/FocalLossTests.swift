import Foundation
import Multimodal
import TestSupport
import Testing
import Torch

@Suite("The focal loss")
struct FocalLossTests {
  private struct Example: Decodable, Sendable, CustomTestStringConvertible {
    let task: PredictionTask
    let gamma: Double
    let classes: Int
    let logits: [Double]
    let labels: [Int]
    let weights: [Double]?
    let loss: Double
    let gradient: [Double]

    var testDescription: String { "\(task.rawValue), γ \(gamma)\(weights == nil ? "" : ", weighted")" }

    func tensors() throws -> (logits: Tensor, labels: Tensor) {
      let rows = logits.count / classes
      return (
        try Tensor(logits, shape: [rows, classes]).requiringGradient(),
        try Tensor(labels, shape: task == .multiLabel ? [rows, classes] : [rows])
      )
    }
  }
  private struct File: Decodable { let cases: [Example] }

  private static let cases =
    (try? JSONDecoder().decode(File.self, from: Data(contentsOf: Conditions.golden("focal.json"))).cases) ?? []

  @Test("the golden losses are there, for every task, with and without class weights")
  func complete() {
    #expect(Set(Self.cases.map(\.task)) == Set(PredictionTask.ofClasses))
    #expect(Set(Self.cases.map(\.gamma)).count == 4 && Set(Self.cases.map { $0.weights == nil }).count == 2)
  }

  @Test("loss and gradient are PyTorch's", arguments: cases)
  private func golden(_ example: Example) throws {
    let (logits, labels) = try example.tensors()
    let loss = try example.task.loss(
      logits, labels, classWeights: example.weights.map { try Tensor($0) }, focus: example.gamma)
    #expect(allClose([try loss.scalar()], [example.loss], relative: 1e-10))
    let slope = try values(gradients(of: loss, withRespectTo: [logits])[0])
    #expect(allClose(slope, example.gradient, relative: 1e-9, absolute: 1e-12))
  }

  @Test("with γ 0 it is cross-entropy bit for bit", arguments: cases)
  private func neutral(_ example: Example) throws {
    let (logits, labels) = try example.tensors()
    #expect(
      try example.task.loss(logits, labels, focus: 0).scalar() == example.task.loss(logits, labels).scalar())
  }

  @Test("it is finite with a finite slope where the truth is certain or ruled out", arguments: [0.5, 2])
  func extremes(_ gamma: Double) throws {
    for scale in [1e3, 1e15] {
      for task in PredictionTask.ofClasses {
        let logits = try Tensor([scale, -scale, -scale, scale], shape: [2, 2]).requiringGradient()
        let labels = try task == .multiLabel ? Tensor([1, 0, 1, 0], shape: [2, 2]) : Tensor([0, 0])
        let loss = try task.loss(logits, labels, focus: gamma)
        #expect(try loss.scalar().isFinite)
        #expect(try values(gradients(of: loss, withRespectTo: [logits])[0]).allFinite)
      }
    }
  }

  @Test("what is right already counts less than what is wrong, by the factor that γ says")
  func focus() throws {
    let (logits, labels) = (try Tensor([2.0, 0], shape: [1, 2]), try Tensor([0]))
    let p = 1 / (1 + exp(-2.0))
    let ratio =
      try PredictionTask.binary.loss(logits, labels, focus: 2).scalar()
      / PredictionTask.binary.loss(logits, labels).scalar()
    #expect(allClose([ratio], [(1 - p) * (1 - p)]))
  }
}
