import Foundation
import Multimodal
import Records
import TestSupport
import SeesawConformance
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("CGGM")
struct CGGMTests {
  private static let cases = FusedStep.all("cggm.json")

  @Test("golden steps are there for every fusion, every task and two and three modalities")
  func complete() { FusedStep.complete(Self.cases) }

  @Test("losses, scales and direction are PyTorch's", arguments: cases, [GradientPath.factored, .autograd])
  func golden(_ example: FusedStep, _ path: GradientPath) throws { try example.check(path) }

  @Test("the modality whose classifier improves most is slowed most; together the scales are ρ (M − 1)")
  func scales() {
    #expect(allClose(CGGM.scales([0.3, 0.1], rho: 1.3), [0.325, 0.975]))
    for changes in [[0.3, 0.1], [0.2, 0.2, 0.1], [-0.1, -0.4]] {
      let found = CGGM.scales(changes, rho: 1.3)
      #expect(allClose([found.reduce(0, +)], [1.3 * Double(changes.count - 1)]))
    }
  }

  @Test("scales stay within 0 and ρ, and are 1 where changes cancel, for every sign and size")
  func bounds() {
    #expect(CGGM.scales([0.2, -0.2], rho: 1.3) == [1, 1])
    #expect(CGGM.scales([0, 0, 0], rho: 1.3) == [1, 1, 1])
    #expect(CGGM.scales([0.2, -0.1], rho: 1.3) == [0, 1.3])
    for a in stride(from: -1.0, through: 1, by: 0.125) {
      for b in stride(from: -1.0, through: 1, by: 0.125) {
        for scale in CGGM.scales([a, b, 1e-7], rho: 1.3) { #expect((0...1.3).contains(scale)) }
      }
    }
  }

  @Test("the direction term is 0 where all corrections agree, and twice the change where they are opposed")
  func direction() throws {
    let (logits, labels) = (try Tensor.rows([[1, 0], [0, 2]]), try Tensor([1, 0]))
    let agreed = try CGGM.direction(logits, [logits, logits], [0.25, 0.5], labels, .binary).scalar()
    #expect(abs(agreed) < 1e-12)
    let against = try CGGM.direction(logits, [logits], [-0.25], labels, .binary).scalar()
    #expect(allClose([against], [0.5]))
  }

  @Test("the first step has nothing to compare with: joint training, and classifiers that move no branch")
  func first() throws {
    let (report, update, bench, session) = try step("cggm")
    #expect(report.scalars["scale.image"] == 1 && report.scalars["direction"] == nil)
    let batch = try bench.data.whole()
    let joint = try session.gradients(of: session.loss(session.forward(batch).logits, batch))
    try expectEqual(update.within(session.model.branches), joint.within(session.model.branches))
    #expect(try update.norm(within: session.model.store.indices(within: "image.head")) > 0)
  }

  @Test("accuracy is of labels where there are several")
  func accuracy() throws {
    let logits = try Tensor.rows([[1, -1], [1, -1]])
    #expect(try CGGM.accuracy(logits, Tensor([0, 1]), .singleLabel) == 0.5)
    #expect(try CGGM.accuracy(logits, Tensor([1, 0, 0, 0], shape: [2, 2]), .multiLabel) == 0.75)
  }
}
