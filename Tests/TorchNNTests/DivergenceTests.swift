import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

/// Losses and divergences that PyTorch computed, with their gradients.
struct LossGolden: Decodable {
  struct CrossEntropy: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let logits: [[Double]]
    let labels: [Int]
    let classWeights: [Double]?
    let value: Double
    let each: [Double]
    let gradient: [[Double]]

    var testDescription: String { name }
  }

  struct BinaryCrossEntropy: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let logits: [[Double]]
    let labels: [[Double]]
    let classWeights: [Double]?
    let value: Double
    let each: [[Double]]
    let gradient: [[Double]]

    var testDescription: String { name }
  }

  struct Divergences: Decodable, Sendable, CustomTestStringConvertible {
    struct Values: Decodable, Sendable {
      let kl: Double
      let gradientP: [[Double]]
      let gradientQ: [[Double]]
      let js: Double
      let jsGradientP: [[Double]]
      let jsGradientQ: [[Double]]
    }

    let name: String
    let p: [[Double]]
    let q: [[Double]]
    let temperature: Double
    let softmax: Values
    let sigmoid: Values

    var testDescription: String { name }
  }

  let crossEntropy: [CrossEntropy]
  let binaryCrossEntropy: [BinaryCrossEntropy]
  let divergences: [Divergences]

  static let file = Result {
    try JSONDecoder().decode(LossGolden.self, from: Data(contentsOf: Conditions.golden("losses.json")))
  }
}

extension Tensor {
  fileprivate static func variable(_ rows: [[Double]]) throws -> Tensor {
    try Tensor(rows.flatMap { $0 }, shape: [rows.count, rows[0].count]).requiringGradient()
  }
}

@Suite("Losses as PyTorch computes them")
struct GoldenLossTests {
  @Test("the golden file is there")
  func goldenFile() throws {
    let golden = try LossGolden.file.get()
    #expect(!golden.crossEntropy.isEmpty && !golden.binaryCrossEntropy.isEmpty && !golden.divergences.isEmpty)
  }

  @Test("cross-entropy and its gradient", arguments: (try? LossGolden.file.get().crossEntropy) ?? [])
  func crossEntropy(_ example: LossGolden.CrossEntropy) throws {
    let logits = try Tensor.variable(example.logits)
    let (labels, weights) = (try Tensor(example.labels), try example.classWeights.map { try Tensor($0) })
    let loss = try logits.crossEntropy(labels, classWeights: weights)
    #expect(try allClose([loss.scalar()], [example.value], relative: 1e-12))
    let each = try logits.crossEntropy(labels, classWeights: weights, mean: false)
    #expect(try allClose(each.array(), example.each, relative: 1e-12))
    let slope = try gradients(of: loss, withRespectTo: [logits])[0]
    #expect(try allClose(values(slope), example.gradient.flatMap { $0 }, relative: 1e-10, absolute: 1e-15))
  }

  @Test("binary cross-entropy and its gradient", arguments: (try? LossGolden.file.get().binaryCrossEntropy) ?? [])
  func binaryCrossEntropy(_ example: LossGolden.BinaryCrossEntropy) throws {
    let logits = try Tensor.variable(example.logits)
    let targets = try Tensor.variable(example.labels).detached()
    let each = try logits.binaryCrossEntropy(targets, mean: false)
    let weighted = try example.classWeights.map { try each * Tensor($0) } ?? each
    let loss = try example.classWeights == nil ? logits.binaryCrossEntropy(targets) : weighted.mean()
    #expect(try allClose([loss.scalar()], [example.value], relative: 1e-12))
    #expect(try allClose(weighted.array(), example.each.flatMap { $0 }, relative: 1e-12))
    let slope = try gradients(of: loss, withRespectTo: [logits])[0]
    #expect(try allClose(values(slope), example.gradient.flatMap { $0 }, relative: 1e-10, absolute: 1e-15))
  }
}

@Suite("Divergences")
struct DivergenceTests {
  @Test(
    "both divergences and their gradients are PyTorch's, for classes and for labels",
    arguments: (try? LossGolden.file.get().divergences) ?? [], [false, true])
  func golden(_ example: LossGolden.Divergences, severalLabels: Bool) throws {
    let expected = severalLabels ? example.sigmoid : example.softmax
    let (p, q) = (try Tensor.variable(example.p), try Tensor.variable(example.q))
    func logarithms(_ logits: Tensor) throws -> Tensor {
      let cooled = try logits / example.temperature
      return severalLabels
        ? try Tensor.stack([cooled.logSigmoid(), (-cooled).logSigmoid()], -1) : try cooled.logSoftmax(-1)
    }
    func check(_ loss: Tensor, _ value: Double, _ slopes: [[[Double]]]) throws {
      #expect(try allClose([loss.scalar()], [value], relative: 1e-10, absolute: 1e-14))
      let found = try gradients(of: loss, withRespectTo: [p, q])
      for (slope, rows) in zip(found, slopes) {
        #expect(try allClose(values(slope), rows.flatMap { $0 }, relative: 1e-8, absolute: 1e-12))
      }
    }
    try check(
      Divergence.kullbackLeibler(logarithms(p), logarithms(q)), expected.kl, [expected.gradientP, expected.gradientQ])
    try check(
      Divergence.jensenShannon(logarithms(p), logarithms(q)), expected.js,
      [expected.jsGradientP, expected.jsGradientQ])
  }

  @Test("the divergence of a prediction from itself is 0, and from another is more")
  func zeroAndPositive() throws {
    let (p, q) = (
      try Tensor.of(numbers(12), [3, 4]).logSoftmax(1), try Tensor.of(numbers(12, seed: 2), [3, 4]).logSoftmax(1)
    )
    #expect(try Divergence.kullbackLeibler(p, p).scalar() == 0)
    #expect(try Divergence.kullbackLeibler(p, q).scalar() > 0)
    #expect(try Divergence.jensenShannon(p, q).scalar() > 0)
    #expect(
      try allClose(
        [Divergence.jensenShannon(p, q).scalar()], [Divergence.jensenShannon(q, p).scalar()], relative: 1e-5))
    #expect(try Divergence.jensenShannon(p, q).scalar() <= Foundation.log(2) + 1e-6)
  }

  @Test("the mean over samples does not depend on how many numbers a sample has")
  func meanOverSamples() throws {
    #expect(try Divergence.meanOverSamples(.of([1, 2, 3, 4, 5, 6], [2, 3])).scalar() == 10.5)
    #expect(try Divergence.meanOverSamples(.of([1, 2, 3, 4], [2, 1, 2])).scalar() == 5)
    #expect(try Divergence.meanOverSamples(.of([3], [])).scalar() == 3)
  }
}
