import Multimodal
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

/// A product of the features, which is no sum of parts.
struct ProductFusion: Fusion {
  let classifier: Linear

  init(_ scope: Scope, widths: [Int], classes: Int) throws(TorchError) {
    classifier = try Linear(scope / "classifier", in: widths[0], out: classes)
  }

  func logits(_ features: PerModality<Tensor>) throws(TorchError) -> Tensor {
    var product = try features.values[0] + 1
    for feature in features.values.dropFirst() { product = try product * (feature + 1) }
    return try classifier(product)
  }

  func contributions(_ features: PerModality<Tensor>) throws(TorchError) -> PerModality<Tensor>? { nil }

  /// A session over a model with this fusion, and a batch.
  static func session(_ modalities: [Modality] = ["image", "text"]) throws -> (TrainingSession, Batch) {
    Conditions.prepare()
    let data = SyntheticData(modalities: modalities)
    let store = ParameterStore(random: RandomSource(seed: 1), elementType: Conditions.elementType)
    let model = try MultimodalModel(
      modalities: modalities, inputWidths: data.widths, embeddingWidths: modalities.map { _ in 4 },
      classes: data.classes, task: data.task, store: store,
      fusion: { (scope, widths, classes) throws(TorchError) in
        try ProductFusion(scope, widths: widths, classes: classes)
      })
    let session = TrainingSession(
      model, optimizer: try SGD(store), learningRate: LearningRate(0.1), clock: TrainingClock(steps: 10, epochs: 1),
      random: RandomSource(seed: 1))
    return (session, try data.whole())
  }
}

@Suite("Scores of modalities")
struct ModalityScoresTests {
  @Test("the parts of the fused logits sum to them, the bias shared equally", arguments: [Setting.two, .three])
  func parts(_ setting: Setting) throws {
    let step = try StepTaken(Bench("joint", data: setting.data))
    let outputs = try step.session.forward(step.batch)
    let logits = try ModalityScores.logits(outputs, step.batch, step.session)
    let plain = try PlainModel(step.session, step.batch)
    for m in plain.modalities.indices {
      #expect(try allClose(values(logits.values[m]), plain.part(m).flatMap { $0 }, relative: 1e-4, absolute: 1e-5))
    }
    let sum = try logits.values.dropFirst().reduce(logits.values[0]) { try $0 + $1 }
    #expect(try allClose(sum, outputs.logits, relative: 1e-4, absolute: 1e-5))
  }

  @Test("a fusion that is no sum is asked with the others' inputs at zero")
  func masked() throws {
    let (session, batch) = try ProductFusion.session()
    let logits = try ModalityScores.logits(session.forward(batch), batch, session)
    #expect(try values(logits["image"]) == values(session.forward(batch, without: ["text"]).logits))
    #expect(try values(logits["text"]) == values(session.forward(batch, without: ["image"]).logits))
  }

  @Test("scores are the sums of the true classes' probabilities", arguments: Setting.withClasses)
  func sums(_ setting: Setting) throws {
    let step = try StepTaken(Bench("joint", data: setting.data))
    let found = try ModalityScores.sums(step.session.forward(step.batch), step.batch, step.session)
    let plain = try PlainModel(step.session, step.batch)
    let wanted = plain.modalities.indices.map { plain.truth(plain.part($0)).reduce(0, +) }
    #expect(allClose(found, wanted, relative: 1e-4))
  }

  @Test("the mean of the others leaves out the one itself, however large it is")
  func others() {
    #expect(ModalityScores.meanOfOthers([1, 3]) == [3, 1])
    #expect(ModalityScores.meanOfOthers([1, 2, 6]) == [4, 3.5, 1.5])
    #expect(ModalityScores.meanOfOthers([1e15, 1e-10, 1e-10])[0] == 1e-10)
  }
}
