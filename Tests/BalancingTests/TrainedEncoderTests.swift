import Balancing
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

/// One convolution, batch normalization and a rectifier, whose every number is a feature.
private struct TinyCNN: TrainedEncoder {
  static let channels = 2
  let places: Int
  var width: Int { Self.channels * places }

  func makeParameters(_ scope: Scope) throws(TorchError) {
    _ = try (scope / "convolution").parameter("weight", [Self.channels, 3, 3, 3], .uniform(fanIn: 27))
    let norm = scope / "normalization"
    _ = try norm.parameter("weight", [Self.channels], .ones)
    _ = try norm.parameter("bias", [Self.channels], .zeros)
    for (name, start) in [("running_mean", Initializer.zeros), ("running_var", .ones)] {
      _ = try scope.store.make(norm.path / name, [Self.channels], start, isStatistic: true)
    }
  }

  func callAsFunction(_ inputs: Tensor, _ weights: EncoderWeights) throws(TorchError) -> Tensor {
    func weight(_ name: String) throws(TorchError) -> Tensor {
      guard let found = weights[name] else { throw TorchError(operation: name, shapes: [], message: "is not there") }
      return found
    }
    let kernel = try weight("convolution.weight")
    let pixels = try inputs.to(kernel.elementType) / 128 - 1
    let x = try pixels.convolved(kernel, padding: (1, 1))
    let (gain, shift) = (try weight("normalization.weight"), try weight("normalization.bias"))
    let (mean, variance) = (try weight("normalization.running_mean"), try weight("normalization.running_var"))
    guard Autograd.isRecording, gain.requiresGradient else {
      return try x.batchNormalized(gain, shift, mean: mean, variance: variance).relu().reshaped([x.shape[0], width])
    }
    let (y, own, spread, _) = try weights.batchNormalized(x, gain, shift)
    weights.note("normalization.running_mean", own)
    weights.note("normalization.running_var", spread)
    return try y.relu().reshaped([x.shape[0], width])
  }
}

/// The synthetic samples, the image's features painted as the columns of a picture; a hidden image is black.
private struct Paintings: BatchSource {
  let data: SyntheticData
  static let height = 3

  var count: Int { data.count }

  func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
    let batch = try data.batch(visits)
    return Batch(
      samples: batch.samples,
      inputs: try batch.inputs.map { modality, rows in
        guard modality == "image" else { return rows }
        let isThere = try rows.abs().max(1, keeping: true).greater(than: 0).to(rows.elementType)
        let bytes = try ((rows * 30 + 128).clamped(min: 1).clamped(max: 255) * isThere).to(.uint8)
        let (samples, columns) = (rows.shape[0], rows.shape[1])
        return try bytes.reshaped([samples, 1, 1, columns]).expanded([samples, 3, Self.height, columns]).contiguous()
      }, labels: batch.labels)
  }
}

@Suite("Every method with an encoder that is trained")
struct TrainedEncoderTests {
  /// Those that train encoders: `logistic` is a regression on features.
  private static let candidates = Candidate.all.filter { $0.card.name != "logistic" }

  private func bench(_ name: String) throws -> Bench {
    var bench = try Bench(name)
    bench.showing = Paintings.init
    bench.encoders = ["image": TinyCNN(places: Paintings.height * bench.data.widths[0])]
    return bench
  }

  @Test("begins with joint training's weights and order, and trains with finite losses", arguments: candidates)
  func trains(_ entry: Candidate) throws {
    guard entry.card.modalities.admits(2) else { return }
    var plain = try bench("joint")
    plain.fusesByAttention = entry.entry.requirements.attentionFusion
    let (own, joint) = (try bench(entry.card.name).run(), try plain.run())
    #expect(own.finished)
    #expect(joint.first.keys.contains("encoder.image.normalization.running_var"))
    for (name, values) in joint.first { #expect(own.first[name] == values, "\(name)") }
    if !entry.can("plans sampling") { #expect(own.orders == joint.orders) }
    for report in own.reports {
      #expect(report.losses.merging(report.scalars, uniquingKeysWith: { $1 }).values.allFinite, "\(report)")
    }
    #expect(own.last.values.allSatisfy { $0.allFinite })
    for name in ["convolution.weight", "normalization.running_mean", "normalization.running_var"] {
      #expect(own.first["encoder.image.\(name)"] != own.last["encoder.image.\(name)"], "\(name)")
    }
  }

  @Test("stopped and gone on with is bit for bit a run that was not stopped", arguments: candidates)
  func resumes(_ entry: Candidate) throws {
    guard entry.card.modalities.admits(2) else { return }
    let bench = try bench(entry.card.name)
    let whole = try bench.run()
    let half = try bench.run(stopAfter: 6)
    let rest = try bench.run(from: half.kept)
    #expect(half.reports + rest.reports == whole.reports)
    #expect(rest.last == whole.last)
  }

  @Test("a step that is looked at moves nothing, running means included", arguments: candidates)
  func inspects(_ entry: Candidate) throws {
    guard entry.card.modalities.admits(2) else { return }
    let bench = try bench(entry.card.name)
    let session = try bench.session()
    var method = try bench.method()
    if var preparing = method as? any PreparesBeforeTraining {
      try preparing.prepare(bench.context(session))
      method = preparing
    }
    let before = try Bench.weights(session.model)
    let batch = try Paintings(data: bench.data).batch(SamplingPlan.inOrder(bench.data.count).visits[...])
    let (_, inspection) = try session.inspecting { try method.step(batch, session) }
    #expect(try Bench.weights(session.model) == before)
    #expect(!inspection.updates.isEmpty)
  }

  @Test("a frozen encoder stays as it begins, its running means too, and the rest is trained")
  func frozen() throws {
    var bench = try bench("balgrad")
    bench.frozen = ["encoder.image"]
    let outcome = try bench.run()
    for (name, values) in outcome.first where name.hasPrefix("encoder.") { #expect(outcome.last[name] == values) }
    #expect(outcome.first["image.embedding.weight"] != outcome.last["image.embedding.weight"])
  }

  @Test("an encoder that is held answers as in prediction, and keeps its weights and its running means")
  func held() throws {
    let bench = try bench("joint")
    let session = try bench.session()
    let batch = try Paintings(data: bench.data).batch(SamplingPlan.inOrder(bench.data.count).visits[...])
    let before = try Bench.weights(session.model)
    let expected = try withoutGradients { try values(session.model(batch.inputs).features["image"]) }
    let outputs = try session.forward(batch, holding: ["image"])
    #expect(try values(outputs.features["image"]) == expected)
    try session.update(along: session.gradients(of: session.loss(outputs.logits, batch)))
    let after = try Bench.weights(session.model)
    for (name, values) in before {
      #expect((after[name] == values) == (name.hasPrefix("encoder.") || name.contains("head")), "\(name)")
    }
  }

  @Test("a learning rate of its own moves an encoder as far as that rate alone would", arguments: [true, false])
  func rates(_ plainDescent: Bool) throws {
    func moves(_ changing: @escaping (MultimodalModel) throws -> Void, rate: Double) throws -> [String: [Double]] {
      var bench = try bench("joint")
      bench.plainDescent = plainDescent
      bench.learningRate = rate
      bench.changing = changing
      let outcome = try bench.run(stopAfter: 1)
      return outcome.first.reduce(into: [:]) { moves, entry in
        moves[entry.key] = zip(outcome.last[entry.key] ?? [], entry.value).map { $0 - $1 }
      }
    }
    let scaled = try moves({ $0.store.scaleLearningRate(of: "encoder", by: 0.25) }, rate: 0.02)
    let (fast, slow) = (try moves({ _ in }, rate: 0.02), try moves({ _ in }, rate: 0.005))
    for (name, move) in scaled {
      #expect(move == (name.hasPrefix("encoder.") ? slow : fast)[name], "\(name)")
    }
    #expect(scaled["encoder.image.convolution.weight"] != fast["encoder.image.convolution.weight"])
  }

  @Test("several processes with shares of the pictures train the encoder of one, statistics too", arguments: candidates)
  func together(_ entry: Candidate) throws {
    @Sendable func weights(_ name: String, _ group: ProcessGroup?) throws -> [String: [Double]] {
      var bench = try bench(name)
      bench.plainDescent = true
      bench.group = group
      return try bench.run().last
    }
    let name = entry.card.name
    let alone = try weights(name, nil)
    // 26 samples in batches of 8: the last has fewer than there are processes.
    for count in [2, 3] {
      let all = try TestSupport.together(count) { try weights(name, $0) }
      for other in all { #expect(other == all[0], "\(count) processes") }
      // Rounding grows through a rectifier.
      #expect(TogetherTests.distance(all[0], alone) <= 1e-4, "\(count) processes")
    }
  }
}
