import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("MASAM")
struct MASAMTests {
  private static let cases = FusedStep.all("masam.json")

  @Test("golden steps are there for every fusion, every task and two and three modalities")
  func complete() {
    FusedStep.complete(Self.cases)
    // With and without a perturbation, and of the first and of another modality.
    let perturbed = Self.cases.map { example in
      example.step.modalities.firstIndex { example.step.scalars["perturbed.\($0)"] == 1 }
    }
    #expect(perturbed.contains(nil) && perturbed.contains(0) && perturbed.contains(1))
  }

  @Test("losses, scores and direction are PyTorch's", arguments: cases, [GradientPath.factored, .autograd])
  func golden(_ example: FusedStep, _ path: GradientPath) throws { try example.check(path) }

  @Test("progress is how far the last loss lies above the running mean, and never negative")
  func progress() {
    var memory = MASAM.Memory()
    #expect(memory.progress("image", 2, decay: 0.9) == 0)
    // The mean falls to 1.9, from a last loss of 2.
    #expect(allClose([memory.progress("image", 1, decay: 0.9)], [0.1]))
    // 1.91, above the last loss of 1.
    #expect(memory.progress("image", 2, decay: 0.9) == 0)
    #expect(allClose([memory.mean["image"] ?? 0], [1.91]))
  }

  @Test("with no radius it is uniform training")
  func neutral() throws {
    func last(_ name: String, _ settings: [String: Tree] = [:]) throws -> [String: [Double]] {
      var bench = try Bench(name, settings)
      bench.plainDescent = true
      return try bench.run().last
    }
    let (plain, uniform) = (try last("masam", ["radius": 0.0]), try last("uniform"))
    #expect(plain.keys == uniform.keys)
    for (name, weights) in plain {
      #expect(allClose(weights, try #require(uniform[name]), relative: 1e-4, absolute: 1e-5), "\(name)")
    }
  }

  @Test("only the chosen branch's gradient differs, and is the fused loss's from up the slope")
  func perturbed() throws {
    let (report, update, bench, session) = try step("masam", ["opposed": "whole"])
    let batch = try bench.data.whole()
    let chosen = try #require(session.model.modalities.first { report.scalars["perturbed.\($0.name)"] == 1 })
    let outputs = try session.forward(batch)
    let unimodal = try Tensor.total(outputs.unimodal().values.map { try session.loss($0, batch) })
    let plain = try session.gradients(of: session.loss(outputs.logits, batch) + unimodal)
    let branch = session.model.branch(chosen)
    let rest = session.model.store.trainable.filter { !branch.contains($0) }
    try expectEqual(update.within(rest), plain.within(rest))
    let difference = try (update + plain.scaled(by: -1)).norm(within: branch)
    #expect(difference > 1e-6)
  }
}
