import Balancing
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

/// Two modalities of one sign each, and the class that says whether the signs differ: neither modality tells anything.
private struct ExclusiveOrRows: BatchSource {
  let count: Int
  let seed: UInt64

  func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
    func sign(_ sample: Int, _ name: String) -> Bool {
      var numbers = SeededNumbers(seed: seed, stream: "\(name)/\(sample)")
      return numbers.chance(0.5)
    }
    let samples = visits.map(\.sample)
    func rows(_ name: String) throws -> Tensor {
      try Tensor(
        samples.flatMap { sample -> [Double] in
          var noise = SeededNumbers(seed: seed, stream: "noise/\(name)/\(sample)")
          return [sign(sample, name) ? 1 : -1, noise.chance(0.5) ? 0.3 : -0.3]
        }, shape: [samples.count, 2])
    }
    return Batch(
      samples: samples, inputs: PerModality(["image", "text"], [try rows("image"), try rows("text")]),
      labels: try Tensor(samples.map { sign($0, "image") == sign($0, "text") ? 0 : 1 }))
  }
}

@Suite("Fusions that can combine")
struct CombiningFusionTests {
  private func accuracy(_ method: String, _ form: FusionForm) throws -> Double {
    Conditions.prepare()
    let entry = try MethodRegistry.entry(method)
    let (training, test) = (ExclusiveOrRows(count: 160, seed: 1), ExclusiveOrRows(count: 200, seed: 2))
    func session() throws -> TrainingSession {
      let store = ParameterStore(random: RandomSource(seed: 1), elementType: .float64)
      let model = try MultimodalModel(
        modalities: ["image", "text"], inputWidths: [2, 2], embeddingWidths: [8, 8], classes: 2, task: .binary,
        store: store
      ) { scope, widths, classes throws(TorchError) in
        if form == .bilinear { return try BilinearFusion(scope, widths: widths, classes: classes, rank: 4) }
        return try Concatenation(scope, widths: widths, classes: classes)
      }
      if let adding = try entry(entry.defaults) as? any AddsParameters {
        try adding.addParameters(store.root / "method", for: model)
        _ = try store.flat()
      }
      return TrainingSession(
        model, optimizer: try Adam(store), learningRate: LearningRate(0.02),
        clock: TrainingClock(steps: 160, epochs: 32),
        random: RandomSource(seed: 1))
    }
    let made = try session()
    let context = TrainingContext(
      session: made, training: training, validation: ExclusiveOrRows(count: 60, seed: 3), batchSize: 32,
      random: RandomSource(seed: 1), makeSession: session)
    var trained = try entry(entry.defaults)
    var position = Trainer.Position()
    _ = try Trainer(epochs: 32, batchSize: 32).train(&trained, context, from: &position, observer: Follower())
    let batch = try test.batch(SamplingPlan.inOrder(test.count).visits[...])
    let outputs = try made.forward(batch)
    let logits = try (trained as? any PredictsItsOwnWay)?.logits(outputs, absent: []) ?? outputs.logits
    return try logits.argmax(1).equal(to: batch.labels).to(.float64).mean().scalar()
  }

  @Test("joint training by concatenation stays at chance on exclusive or, and by the bilinear fusion solves it")
  func joint() throws {
    #expect(try accuracy("joint", .concatenation) < 0.65)
    #expect(try accuracy("joint", .bilinear) > 0.99)
  }

  @Test(
    "methods that train the fused classifier solve it too",
    arguments: ["uniform", "balgrad", "fulcrum", "ogm", "agm", "mmpareto", "modality-dropout", "cggm", "masam", "mbsd"])
  func methods(_ name: String) throws { #expect(try accuracy(name, .bilinear) > 0.95) }
}
