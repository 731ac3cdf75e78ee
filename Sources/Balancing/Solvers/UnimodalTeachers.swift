import Multimodal
import Torch
import TorchNN

/// A model whose modalities are trained each on its own loss, from the first weights and on the training split.
///
/// - Parameters:
///   - epochs: how long; 0: as long as the run.
///   - keepingBest: takes each modality's weights from the epoch with its least loss on the validation split, where there is
///     one, in place of the last.
func trainedUnimodally(_ context: TrainingContext, epochs: Int = 0, keepingBest: Bool = false) throws -> MultimodalModel
{
  let session = try context.fresh()
  let model = session.model
  let parts = model.modalities.map { modality in
    ValidatedPart(model, within: [modality.encoder, modality.embedding, modality.head]) { try $0.unimodal()[modality] }
  }
  try train(UnimodalTraining(.init()), session, context, epochs: epochs, keepingBest: keepingBest ? parts : [])
  return model
}

/// Parameters that have an epoch of their own: the one with the least validation loss of some logits.
struct ValidatedPart {
  let parameters: [Int]
  let logits: (Outputs) throws -> Tensor

  /// Everything at or below some paths, running statistics too.
  init(_ model: MultimodalModel, within paths: [ParameterPath], _ logits: @escaping (Outputs) throws -> Tensor) {
    parameters = model.store.parameters.filter { parameter in paths.contains { parameter.path.isWithin($0) } }.map(
      \.index)
    self.logits = logits
  }
}

/// Trains the model of a session by a method that needs no preparation.
///
/// - Parameters:
///   - epochs: how long; 0: as long as the run.
///   - parts: end at their best epochs, where there is a validation split; the first of equals.
func train(
  _ method: any BalancingMethod, _ session: TrainingSession, _ context: TrainingContext, epochs: Int,
  keepingBest parts: [ValidatedPart]
) throws {
  var method = method
  let epochs = epochs > 0 ? epochs : session.clock.epochs
  let trainer = Trainer(epochs: epochs, batchSize: context.batchSize)
  session.clock = TrainingClock(steps: trainer.steps(over: context.training.count), epochs: epochs)
  let apart = TrainingContext(
    session: session, training: context.training, validation: context.validation, batchSize: context.batchSize,
    random: context.random, shuffle: context.shuffle, makeSession: context.fresh)
  var position = Trainer.Position()
  position.isPrepared = true
  let observer = Onlooker(context, session, parts)
  guard try trainer.train(&method, apart, from: &position, observer: observer) else { throw TrainingStopped() }
  try observer.restoreBest()
}

/// Follows a training, stops it where the one it belongs to is to stop, and remembers the best epoch of each part.
private final class Onlooker: Trainer.Observer {
  private let context: TrainingContext
  private let session: TrainingSession
  private let parts: [ValidatedPart]
  private var best: [(loss: Double, weights: [Tensor])?]

  init(_ context: TrainingContext, _ session: TrainingSession, _ parts: [ValidatedPart]) {
    self.context = context
    self.session = session
    self.parts = context.validation == nil ? [] : parts
    best = self.parts.map { _ in nil }
  }

  var wantsStop: Bool { context.wantsStop() }

  func stepEnded(_ report: StepReport, _ clock: TrainingClock, stepsInEpoch: Int, _ position: Trainer.Position) {}

  func epochEnded(
    _ epoch: Int, means: [String: Double], _ method: any BalancingMethod, _ position: Trainer.Position
  ) throws {
    guard let validation = context.validation, !parts.isEmpty else { return }
    var sums = parts.map { _ in 0.0 }
    try withoutGradients {
      try context.forEachBatch(of: validation) { batch in
        let outputs = try session.model(batch.inputs)
        for (place, part) in parts.enumerated() {
          sums[place] += try session.model.task.loss(part.logits(outputs), batch.labels).scalar() * Double(batch.count)
        }
      }
      for (place, part) in parts.enumerated() where sums[place] < best[place]?.loss ?? .infinity {
        let parameters = session.model.store.parameters
        best[place] = (sums[place], try part.parameters.map { try parameters[$0].tensor.detached().cloned() })
      }
    }
  }

  func restoreBest() throws {
    try withoutGradients {
      for (part, best) in zip(parts, best) {
        for (index, weights) in zip(part.parameters, best?.weights ?? []) {
          try session.model.store.parameters[index].tensor.copy(from: weights)
        }
      }
    }
  }
}

/// Branches and unimodal classifiers that were trained alone, and stay as they are.
struct UnimodalTeachers {
  /// By the path of the parameter.
  private var weights: [String: Tensor] = [:]

  init() {}

  /// Copies those of a model.
  init(_ model: MultimodalModel) throws {
    let paths = model.modalities.flatMap { [$0.encoder, $0.embedding, $0.head] }
    for parameter in model.store.parameters where paths.contains(where: { parameter.path.isWithin($0) }) {
      weights[parameter.path.description] = try parameter.tensor.detached().cloned()
    }
  }

  /// Those that ``tensors`` gave.
  init(_ tensors: [(name: String, tensor: Tensor)]) {
    weights = Dictionary(tensors.map { ($0.name, $0.tensor) }, uniquingKeysWith: { $1 })
  }

  /// What a checkpoint must keep.
  var tensors: [(name: String, tensor: Tensor)] { weights.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }

  /// The feature [B, H] and the logits [B, C] of a modality's inputs, with no graph; nil where there is no such teacher.
  func callAsFunction(
    _ modality: Modality, _ input: Tensor, _ model: MultimodalModel
  ) throws -> (feature: Tensor, logits: Tensor)? {
    func layer(_ path: ParameterPath) -> (weight: Tensor, bias: Tensor)? {
      guard let weight = weights[(path / "weight").description], let bias = weights[(path / "bias").description] else {
        return nil
      }
      return (weight, bias)
    }
    guard let embedding = layer(modality.embedding), let head = layer(modality.head) else { return nil }
    return try withoutGradients {
      let encoded = try model.encoded(modality, input) { weights[$0.path.description] }
      let feature = try encoded.linear(embedding.weight, embedding.bias)
      return (feature, try feature.linear(head.weight, head.bias))
    }
  }
}

/// The mean probability that each unimodal classifier gives the truth over the training split, by modality.
func truthScores(_ model: MultimodalModel, _ context: TrainingContext) throws -> [String: Double] {
  var sums: [String: Double] = [:]
  try withoutGradients {
    try context.forEachBatch(of: context.training) { batch in
      for (modality, logits) in try model(batch.inputs).unimodal() {
        sums[modality.name, default: 0] += try model.task.trueProbability(logits, batch.labels).sum().scalar()
      }
    }
  }
  return sums.mapValues { $0 / Double(max(context.training.count, 1)) }
}
