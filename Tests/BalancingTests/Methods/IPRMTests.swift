import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("IPRM")
struct IPRMTests {
  private static let cases = FusedStep.all("iprm.json")

  @Test("golden steps are there for every fusion, every task and two and three modalities")
  func complete() { FusedStep.complete(Self.cases) }

  @Test("losses, shares and direction are PyTorch's", arguments: cases, [GradientPath.factored, .autograd])
  func golden(_ example: FusedStep, _ path: GradientPath) throws { try example.check(path) }

  private func mixture(_ x: [Double], _ y: [Double], _ share: Double) throws -> [Double] {
    let features = PerModality(["a", "b"] as [Modality], [try Tensor.rows([x]), try .rows([y])])
    let mixed = try IPRM.mixture(features, "a", "b", share)
    return try values(Tensor.total(mixed.values))
  }

  @Test("the mixture runs along the unit sphere from one feature to the other, at a steady angle")
  func arc() throws {
    let (x, y) = ([3.0, 0, 0], [0.0, 5, 0])
    for share in [0, 0.25, 0.5, 0.75, 1] {
      let point = try mixture(x, y, share)
      let angle = (1 - share) * Double.pi / 2
      #expect(allClose(point, [cos(angle), sin(angle), 0], relative: 1e-9, absolute: 1e-12))
    }
    let (one, two) = (numbers(6, seed: 1), numbers(6, seed: 2))
    for share in [0.1, 0.6, 0.9] {
      #expect(allClose([plainDot(try mixture(one, two, share), try mixture(one, two, share))], [1]))
    }
  }

  @Test("features in one direction, in opposite ones and of no length mix to finite numbers with finite slopes")
  func degenerate() throws {
    for (x, y) in [([1.0, 2], [2.0, 4]), ([1.0, 2], [-1.0, -2]), ([0.0, 0], [1.0, 0]), ([0.0, 0], [0.0, 0])] {
      let a = try Tensor.rows([x]).requiringGradient()
      let features = PerModality(["a", "b"] as [Modality], [a, try .rows([y])])
      let sum = try Tensor.total(IPRM.mixture(features, "a", "b", 0.3).values).sum()
      #expect(try sum.scalar().isFinite)
      #expect(try values(gradients(of: sum, withRespectTo: [a])[0]).allFinite)
    }
  }

  @Test("widths that differ are refused with what to do")
  func widths() throws {
    let features = PerModality(
      ["a", "b"] as [Modality], [try Tensor.zeros([1, 2], .float64), try .zeros([1, 3], .float64)])
    let error = try #require(throws: Diagnosis.self) { try IPRM.mixture(features, "a", "b", 0.5) }
    #expect(error.what.contains("widths differ") && error.remedy != nil)
  }

  @Test("the modality that the mixture agrees with has the larger share, and shares add up to 1")
  func shares() throws {
    let outcome = try Bench("iprm").run()
    for report in outcome.reports {
      let share = try #require(report.scalars["share.image/text"])
      #expect((0...1).contains(share))
    }
  }

  @Test("a modality that is absent is left out, and of one alone the mixture is its direction")
  func absent() throws {
    let outcome = try Bench("iprm").run()
    let (data, method) = (SyntheticData(), try #require(outcome.method as? IPRM))
    let outputs = try outcome.session.forward(data.whole(), without: ["text"])
    let alone = PerModality(
      outputs.modalities,
      [try outputs.features["image"].unitRows(), try outputs.features["text"] * 0])
    let expected = try outputs.model.outputs(ofFeatures: alone).logits + outputs.unimodal()["image"]
    #expect(try allClose(values(method.logits(outputs, absent: ["text"])), values(expected), relative: 1e-5))
  }

  private func plainDot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
}
