import Balancing
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

// What the tests of the baselines share: one step taken apart, and the gradient it should be.

func step(
  _ name: String, _ settings: [String: Tree] = [:]
) throws -> (StepReport, Gradients, Bench, TrainingSession) {
  let bench = try Bench(name, settings)
  let session = try bench.session()
  var method = try bench.method()
  let (report, inspection) = try session.inspecting { try method.step(bench.data.whole(), session) }
  return (report, try #require(inspection.updates.first), bench, session)
}

/// The gradient of the chosen losses, made here.
func gradient(
  _ bench: Bench, _ session: TrainingSession, fused: Bool, _ modalities: [Modality]
) throws -> Gradients {
  let batch = try bench.data.whole()
  let outputs = try session.forward(batch)
  var losses = try modalities.map { try session.loss(outputs.unimodal()[$0], batch) }
  if fused { losses.append(try session.loss(outputs.logits, batch)) }
  return try session.gradients(of: Tensor.stack(losses).sum())
}

func expectEqual(_ a: Gradients, _ b: Gradients) throws {
  #expect(a.presentIndices == b.presentIndices)
  let difference = try (a + b.scaled(by: -1)).norm()
  #expect(try difference <= Conditions.tolerance * b.norm())
}
