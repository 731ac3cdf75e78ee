import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("Data remixing")
struct RemixTests {
  private static let cases = FusedStep.all("remix.json")

  @Test("golden steps are there for every fusion, every task and two and three modalities")
  func complete() { FusedStep.complete(Self.cases) }

  @Test("losses, shares and direction are PyTorch's", arguments: cases, [GradientPath.factored, .autograd])
  func golden(_ example: FusedStep, _ path: GradientPath) throws { try example.check(path) }

  @Test("a row goes to the modality with the flattest prediction, of equal ones to the first by name")
  func given() throws {
    let (flat, sharp) = ([0.1, 0.0, -0.1], [3.0, -2, 0])
    let logits = PerModality(
      ["text", "image"] as [Modality], [try Tensor.rows([flat, sharp, flat]), try .rows([sharp, flat, flat])])
    #expect(try Remix.leastSure(logits, .singleLabel) == [0, 1, 1])
    #expect(try Remix.leastSure(logits, .multiLabel) == [0, 1, 1])
    // Sure of all labels in either direction is as far from uniform.
    let opposite = PerModality(
      ["a", "b"] as [Modality], [try Tensor.rows([[2, 2, 2]]), try .rows([[-2, 2, -2.5]])])
    #expect(try Remix.leastSure(opposite, .multiLabel) == [0])
  }

  private func plan(_ epoch: Int, count: Int = 37) throws -> (SamplingPlan, [Int], Bench) {
    var bench = try Bench("remix", data: SyntheticData(count: count))
    bench.epochs = 4
    let session = try bench.session()
    var method = Remix(.init())
    session.clock.epoch = epoch
    let context = bench.context(session)
    let chosen = try Remix.leastSure(session.forward(bench.data.whole()).unimodal(), .singleLabel)
    return (try method.plan(forEpoch: epoch, context), chosen, bench)
  }

  @Test("every sample is visited once, alone in the modality it is given to, and whole batches are of one modality")
  func plans() throws {
    let (plan, chosen, bench) = try plan(2)
    #expect(plan.visits.map(\.sample).sorted() == Array(0..<37))
    let modalities = bench.data.modalities
    for visit in plan.visits { #expect(visit.hidden == [modalities[1 - chosen[visit.sample]]]) }
    let sets = plan.batches(of: bench.batchSize).map { Set($0.map(\.hidden)).count }
    let whole = modalities.indices.map { place in chosen.count { $0 == place } / bench.batchSize }.reduce(0, +)
    #expect(whole > 0)
    #expect(sets.prefix(whole).allSatisfy { $0 == 1 })
  }

  @Test("the warm-up visits in joint training's order and hides nothing")
  func warmup() throws {
    let (plan, _, bench) = try plan(0)
    #expect(plan == bench.context(try bench.session()).shuffled(0))
  }

  @Test("what is hidden of a row moves nothing: its branch and classifier have no gradient")
  func apart() throws {
    let bench = try Bench("remix", ["warmup": 0.0])
    let session = try bench.session()
    var method = try bench.method()
    let whole = try bench.data.whole()
    let hidden = Batch(
      samples: whole.samples, inputs: whole.inputs, labels: whole.labels,
      hidden: whole.samples.map { _ in ["text"] })
    let (report, inspection) = try session.inspecting { try method.step(hidden, session) }
    #expect(report.scalars["given.image"] == 1 && report.scalars["given.text"] == 0)
    let update = try #require(inspection.updates.first)
    for name in ["text.embedding.weight", "text.head.weight"] as [ParameterPath] {
      #expect(try values(update[name]).allSatisfy { $0 == 0 })
    }
    #expect(try update.norm(within: session.model.branch("image")) > 0)
  }

  @Test("throughout a warm-up it is uniform training with unimodal losses by their mean")
  func warmupLoss() throws {
    let (report, update, bench, session) = try step("remix")
    #expect(report.losses.keys.sorted() == ["fused", "image", "text"])
    let batch = try bench.data.whole()
    let outputs = try session.forward(batch)
    let loss = try session.loss(outputs.logits, batch)
    let unimodal = try outputs.unimodal().values.map { try session.loss($0, batch) }
    try expectEqual(update, session.gradients(of: loss + Tensor.total(unimodal) * 0.5))
  }
}
