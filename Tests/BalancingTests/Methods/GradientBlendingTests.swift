import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("Gradient-Blending")
struct GradientBlendingTests {
  private func weights(_ gains: [Double], _ overfits: [Double]) -> [Double] {
    GradientBlending.weights(gains: gains, overfits: overfits)
  }

  @Test("gains 0.5, 0.3, 0.6 and overfitting 0.2, 0.4, 0.3 weigh 0.594059, 0.089109, 0.316832")
  func vector() {
    #expect(allClose(weights([0.5, 0.3, 0.6], [0.2, 0.4, 0.3]), [0.594059, 0.089109, 0.316832], absolute: 1e-6))
  }

  @Test(
    "weights are those of plain loops, never negative, and sum to 1",
    arguments: [
      ([0, 0, 0], [0, 0, 0]), ([1, 1], [0, 1]), ([1e-10, 1e-10], [1, 1]), ([1e15, 1], [1, 1]), ([1, 1], [-2, 2]),
      ([-1, 0.5], [0.1, 0.3]), ([-1, -2, -3], [1, 1, 1]), ([0.3], [0.5]),
    ] as [([Double], [Double])])
  func formula(_ gains: [Double], _ overfits: [Double]) {
    var raw: [Double] = []
    for k in gains.indices { raw.append(gains[k] > 0 ? gains[k] / max(overfits[k] * overfits[k], 1e-8) : 0) }
    let sum = raw.reduce(0, +)
    let expected = raw.map { sum > 0 ? $0 / sum : 1 / Double(raw.count) }
    let found = weights(gains, overfits)
    #expect(allClose(found, expected))
    #expect(allClose([found.reduce(0, +)], [1]))
    #expect(found.allSatisfy { $0 >= 0 })
  }

  @Test("a loss that got worse has no weight, however much worse")
  func worse() {
    #expect(weights([-5, 0.1], [0.1, 1]) == [0, 1])
  }

  @Test(
    "the weights are those of trials done by hand, one loss at a time and in means over samples, weighted by class",
    arguments: [nil, [0.2, 0.6, 2.2]] as [[Double]?])
  func trials(_ classWeights: [Double]?) throws {
    var bench = try Bench("g-blending")
    bench.classWeights = classWeights
    let made = bench
    let session = try bench.session()
    let context = bench.context(session)
    let validation = try #require(context.validation)
    #expect(validation.count != context.training.count)

    /// The mean loss over samples, one sample at a time.
    func mean(_ source: any BatchSource, _ loss: (Batch) throws -> Tensor) throws -> Double {
      var (sum, total) = (0.0, 0.0)
      for sample in 0..<source.count {
        // A batch of one sample has its loss, whatever it weighs.
        let batch = try source.batch([SamplingPlan.Visit(sample)][...])
        let weight = try classWeights?[Int(batch.labels.scalar())] ?? 1
        sum += try weight * loss(batch).scalar()
        total += weight
      }
      return sum / total
    }
    var (gains, overfits): ([Double], [Double]) = ([], [])
    for name in ["fused", "image", "text"] {
      let copy = try made.session()
      func loss(_ batch: Batch) throws -> Tensor {
        let outputs = try copy.forward(batch)
        return try copy.loss(name == "fused" ? outputs.logits : outputs.unimodal()[Modality(name)], batch)
      }
      let before = (try mean(validation, loss), try mean(context.training, loss))
      for epoch in 0..<bench.epochs {
        for visits in SamplingPlan.shuffled(context.training.count, context.random, epoch: epoch).batches(of: 8) {
          try copy.update(along: copy.gradients(of: loss(context.training.batch(visits))))
          copy.clock.step += 1
        }
      }
      let after = (try mean(validation, loss), try mean(context.training, loss))
      gains.append(before.0 - after.0)
      overfits.append(after.0 - after.1 - (before.0 - before.1))
    }
    var method = GradientBlending(.init())
    let untouched = try Bench.weights(session.model)
    try method.prepare(context)
    #expect(try Bench.weights(session.model) == untouched)
    #expect(session.clock.step == 0)
    let report = try session.inspecting { try method.step(bench.data.whole(), session) }.report
    let found = try ["fused", "image", "text"].map { try #require(report.scalars["weight.\($0)"]) }
    #expect(allClose(found, weights(gains, overfits), relative: 0.02, absolute: 1e-3))
    #expect(Set(found).count == 3)
  }

  @Test("the direction is that of the weighted sum of all losses")
  func direction() throws {
    let bench = try Bench("g-blending")
    let (session, batch) = (try bench.session(), try bench.data.whole())
    var method = GradientBlending(.init())
    try method.prepare(bench.context(session))
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    let outputs = try session.forward(batch)
    var expected = try session.loss(outputs.logits, batch) * (report.scalars["weight.fused"] ?? .nan)
    for (modality, logits) in try outputs.unimodal() {
      expected = try expected + session.loss(logits, batch) * (report.scalars["weight.\(modality)"] ?? .nan)
    }
    let gradient = try session.gradients(of: expected)
    for parameter in session.model.store.parameters {
      #expect(
        allClose(
          try values(inspection.updates[0][parameter.path]), try values(gradient[parameter.path]), relative: 1e-4,
          absolute: 1e-6))
    }
  }

  @Test("offline weights stay; online ones are found anew every interval, from the weights as they are")
  func modes() throws {
    func weights(_ mode: String) throws -> [Double] {
      var bench = try Bench("g-blending", ["mode": .string(mode), "interval": 0.5])
      bench.epochs = 4
      return try bench.run().reports.map { try #require($0.scalars["weight.fused"]) }
    }
    let (offline, online) = (try weights("offline"), try weights("online"))
    #expect(Set(offline).count == 1)
    // Four epochs of four steps: one trial before each half.
    #expect(Set(online[..<8]).count == 1 && Set(online[8...]).count == 1)
    #expect(online[0] != online[8])
  }

  @Test("three modalities have four weights that sum to 1")
  func three() throws {
    let modalities: [Modality] = ["image", "text", "audio"]
    let report = try #require(
      try Bench("g-blending", data: SyntheticData(modalities: modalities)).run(stopAfter: 1).reports.first)
    let found = try (["fused"] + modalities.map(\.name)).map { try #require(report.scalars["weight.\($0)"]) }
    #expect(allClose([found.reduce(0, +)], [1]))
  }

  @Test("without a validation split it does not begin")
  func noValidation() throws {
    let bench = try Bench("g-blending")
    let session = try bench.session()
    let context = TrainingContext(
      session: session, training: bench.data, validation: nil, batchSize: 8, random: RandomSource(seed: 1),
      makeSession: { try bench.session() })
    var method = GradientBlending(.init())
    let error = try #require(throws: Diagnosis.self) { try method.prepare(context) }
    #expect(error.what.contains("validation") && error.exitStatus == .usage)
    #expect(GradientBlending.requirements.validation)
  }
}
