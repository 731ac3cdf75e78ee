import Balancing
import Multimodal
import TestSupport
import SeesawConformance
import Testing
import Torch
import TorchNN

/// Two modalities of one number, ±1, and a label that says whether they are equal: neither tells anything by itself.
struct ExclusiveOr {
  static let modalities: [Modality] = ["image", "text"]

  let session: TrainingSession
  let batch: Batch

  var model: MultimodalModel { session.model }

  init(
    _ width: Int, fusion: @escaping (Scope, [Int], Int) throws(TorchError) -> any Fusion
  ) throws {
    Conditions.prepare()
    let model = try MultimodalModel(
      modalities: Self.modalities, inputWidths: [1, 1], embeddingWidths: [width, width], classes: 2, task: .binary,
      store: ParameterStore(random: RandomSource(seed: 3), elementType: .float64), fusion: fusion)
    session = TrainingSession(
      model, optimizer: try SGD(model.store), learningRate: LearningRate(0.5),
      clock: TrainingClock(steps: 200, epochs: 1), random: RandomSource(seed: 3))
    batch = Batch(
      samples: [0, 1, 2, 3],
      inputs: PerModality(
        Self.modalities,
        [try Tensor([-1.0, -1, 1, 1], shape: [4, 1]), try Tensor([-1.0, 1, -1, 1], shape: [4, 1])]),
      labels: try Tensor([1, 0, 0, 1]))
  }

  func set(_ path: ParameterPath, _ values: [Double]) throws {
    let parameter = try #require(model.store[path])
    try withoutGradients { try parameter.tensor.copy(from: Tensor(values, shape: parameter.shape)) }
  }

  /// Trains on all four samples, and gives the share of them that is classified rightly then.
  func accuracy(after steps: Int, _ method: any BalancingMethod) throws -> Double {
    var method = method
    for _ in 0..<steps {
      _ = try method.step(batch, session)
      session.clock.step += 1
    }
    let found: [Int] = try withoutGradients { try model(batch.inputs).logits.argmax(-1).array() }
    let labels: [Int] = try batch.labels.array()
    return Double(zip(found, labels).count { $0 == $1 }) / 4
  }
}
