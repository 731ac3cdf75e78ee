import Multimodal
import Records
import TestSupport
import SeesawConformance
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("MMCosine")
struct MMCosineTests {
  private static let cases = ListedStep.all("mmcosine.json")

  @Test("golden steps are there for two and three modalities and both kinds of labels")
  func complete() {
    #expect(Set(Self.cases.map(\.modalities.count)) == [2, 3])
    #expect(Set(Self.cases.map(\.task)) == [.singleLabel, .multiLabel])
  }

  @Test("losses and direction are PyTorch's", arguments: cases)
  func golden(_ example: ListedStep) throws {
    let session = try example.session()
    let method = try MethodRegistry.entry("mmcosine")(example.tree())
    let (report, inspection) = try session.inspecting {
      var method = method
      return try method.step(example.examples(), session)
    }
    try example.check(report, try #require(inspection.updates.first), session.model)
  }

  /// A session whose features are the inputs: embeddings are the identity.
  private func session(
    _ widths: [Int], classes: [[Double]], bias: [Double], names: [Modality] = ["image", "text", "audio"]
  ) throws -> TrainingSession {
    Conditions.prepare()
    let model = try MultimodalModel(
      modalities: Array(names.prefix(widths.count)), inputWidths: widths, embeddingWidths: widths,
      classes: classes.count, task: .singleLabel,
      store: ParameterStore(random: RandomSource(seed: 1), elementType: .float64))
    for (modality, width) in zip(model.modalities, widths) {
      let identity = matrix(width, width) { $0 == $1 ? 1 : 0 }
      let embedding = model.embeddings[modality]
      try embedding.weight.tensor.copy(from: Tensor(identity, shape: [width, width]))
      try embedding.bias.tensor.copy(from: Tensor([Double](repeating: 0, count: width)))
    }
    let fusion = try #require(model.fusion as? Concatenation)
    try fusion.classifier.weight.tensor.copy(from: .rows(classes))
    try fusion.classifier.bias.tensor.copy(from: Tensor(bias))
    return TrainingSession(
      model, optimizer: try SGD(model.store), learningRate: LearningRate(0.1),
      clock: TrainingClock(steps: 10, epochs: 1), random: RandomSource(seed: 0))
  }

  private func logits(_ session: TrainingSession, _ inputs: [[[Double]]], absent: Set<Modality> = []) throws -> [Double]
  {
    let tensors = PerModality(session.model.modalities, try inputs.map { try Tensor.rows($0) })
    return try values(MMCosine(.init()).logits(session.model(tensors), absent: absent))
  }

  private static let classes = Loops.rows(4, 5, seed: 2)

  @Test("logits are ten times the sum of cosines, as in plain loops", arguments: [0.0, 1e-10, 1, 1e8])
  func formula(_ size: Double) throws {
    let session = try session([2, 3], classes: Self.classes, bias: [5, -5, 1, 0])
    let inputs = [Loops.rows(6, 2, seed: 7), Loops.rows(6, 3, seed: 8).map { $0.map { $0 * size } }]
    func cosine(_ a: [Double], _ b: [Double]) -> Double {
      func length(_ v: [Double]) -> Double { max(v.map { $0 * $0 }.reduce(0, +).squareRoot(), 1e-12) }
      return zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } / length(a) / length(b)
    }
    let expected = (0..<6).flatMap { i in
      Self.classes.map { w in 10 * (cosine(inputs[0][i], Array(w[..<2])) + cosine(inputs[1][i], Array(w[2...]))) }
    }
    #expect(allClose(try logits(session, inputs), expected, relative: 1e-9, absolute: 1e-9))
  }

  @Test("a modality cannot win by longer weights or features")
  func scaleInvariant() throws {
    let inputs = [Loops.rows(6, 2, seed: 7), Loops.rows(6, 3, seed: 8)]
    let plain = try logits(session([2, 3], classes: Self.classes, bias: [0, 0, 0, 0]), inputs)
    let longer = Self.classes.map { Array($0[..<2]) + $0[2...].map { $0 * 1000 } }
    let louder = [inputs[0], inputs[1].map { $0.map { $0 * 1e6 } }]
    #expect(allClose(try logits(session([2, 3], classes: longer, bias: [0, 0, 0, 0]), louder), plain, relative: 1e-9))
    #expect(plain.allSatisfy { abs($0) <= 20 })
  }

  @Test("predicts with the cosines it trains, without the bias")
  func predictsAsTrained() throws {
    let biased = try session([2, 3], classes: Self.classes, bias: [100, -100, 0, 0])
    let inputs = [Loops.rows(6, 2, seed: 7), Loops.rows(6, 3, seed: 8)]
    let tensors = PerModality(biased.model.modalities, try inputs.map { try Tensor.rows($0) })
    let labels = Loops.labels(6)
    let batch = Batch(samples: Array(0..<6), inputs: tensors, labels: try Tensor(labels))
    var method = MMCosine(.init())
    let (report, inspection) = try biased.inspecting { try method.step(batch, biased) }
    let z = try logits(biased, inputs)
    let expected = Loops.mean((0..<6).map { Loops.crossEntropy(Array(z[($0 * 4)..<($0 * 4 + 4)]), labels[$0]) })
    #expect(allClose([try #require(report.losses["fused"])], [expected]))
    #expect(try inspection.updates[0]["fusion.classifier.bias"] == nil)
    #expect(allClose(z, try logits(session([2, 3], classes: Self.classes, bias: [0, 0, 0, 0]), inputs)))
  }

  @Test("a modality known to be absent has no say, though its embedding has a bias")
  func absent() throws {
    let session = try session([2, 3], classes: Self.classes, bias: [0, 0, 0, 0])
    try session.model.embeddings["text"].bias.tensor.copy(from: Tensor([3.0, 1, -2]))
    let inputs = [Loops.rows(6, 2, seed: 7), Loops.rows(6, 3, seed: 8)]
    let without = try logits(session, inputs, absent: ["text"])
    #expect(allClose(try logits(session, [inputs[0], Loops.rows(6, 3, seed: 9)], absent: ["text"]), without))
    #expect(without.allSatisfy { abs($0) <= 10 })
    #expect(!allClose(try logits(session, inputs), without))
  }

  @Test("features of zeros have a finite gradient")
  func zeros() throws {
    let session = try session([2, 3], classes: Self.classes, bias: [0, 0, 0, 0])
    let inputs = PerModality(
      session.model.modalities, [try Tensor.zeros([4, 2], .float64), try Tensor.zeros([4, 3], .float64)])
    let batch = Batch(samples: [0, 1, 2, 3], inputs: inputs, labels: try Tensor([0, 1, 2, 3]))
    var method = MMCosine(.init())
    let (_, inspection) = try session.inspecting { try method.step(batch, session) }
    #expect(try inspection.updates[0].isFinite())
  }

  @Test("a fusion that is no such classifier is refused")
  func refusal() throws {
    let data = SyntheticData()
    let session = try FeatureProduct.session(data)
    var method = MMCosine(.init())
    let error = try #require(throws: Diagnosis.self) { try method.step(data.whole(), session) }
    #expect(error.what.contains("mmcosine") && error.exitStatus == .usage)
    #expect(MMCosine.requirements.additiveFusion)
  }
}
