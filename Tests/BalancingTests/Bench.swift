import Balancing
import Multimodal
import Records
import TestSupport
import Testing
import Torch
import TorchNN

/// A method on the synthetic data set: everything that a run needs, made anew each time it is asked for.
struct Bench {
  var data = SyntheticData()
  var entry: MethodRegistry.Entry
  var settings: Tree
  var seed = 1
  var epochs = 3
  var batchSize = 8
  var dropLast = false
  /// Plain momentum instead of Adam, whose division would blow differences of rounding up.
  var plainDescent = false
  var learningRate = 0.02
  var frozen: [ParameterPath] = []
  /// By attention instead of concatenation.
  var fusesByAttention = false
  var embeddingWidth = 4
  /// Of each class in losses.
  var classWeights: [Double]?
  /// γ of the focal loss; 0: cross-entropy.
  var focus = 0.0
  /// Trained with the model, and what they are shown of the data.
  var encoders: [Modality: any TrainedEncoder] = [:]
  var showing: (SyntheticData) -> any BatchSource = { $0 }
  /// What is done to every model before it is trained.
  var changing: (MultimodalModel) throws -> Void = { _ in }

  init(_ name: String, _ settings: [String: Tree] = [:], data: SyntheticData = SyntheticData()) throws {
    Conditions.prepare()
    entry = try MethodRegistry.entry(name)
    fusesByAttention = entry.requirements.attentionFusion
    self.settings = entry.defaults
    for (path, value) in settings { self.settings[path: path] = value }
    self.data = data
  }

  func method() throws -> any BalancingMethod { try entry(settings) }

  var trainer: Trainer { Trainer(epochs: epochs, batchSize: batchSize, dropLast: dropLast) }

  func model() throws -> MultimodalModel {
    let store = ParameterStore(random: RandomSource(seed: seed), elementType: Conditions.elementType)
    let model = try MultimodalModel(
      modalities: data.modalities, inputWidths: data.widths,
      embeddingWidths: data.modalities.map { _ in embeddingWidth }, classes: data.classes, task: data.task,
      store: store, encoders: encoders
    ) { scope, widths, classes throws(TorchError) in
      if fusesByAttention { return try CrossAttentionFusion(scope, widths: widths, classes: classes) }
      return try Concatenation(scope, widths: widths, classes: classes)
    }
    if let adding = try method() as? any AddsParameters {
      try adding.addParameters(store.root / "method", for: model)
      _ = try store.flat()
    }
    try changing(model)
    for path in frozen { try store.freeze(path) }
    return model
  }

  func session() throws -> TrainingSession {
    let model = try model()
    let optimizer: any Optimizer = plainDescent ? try SGD(model.store, momentum: 0.9) : try Adam(model.store)
    return TrainingSession(
      model, optimizer: optimizer, learningRate: LearningRate(learningRate),
      clock: TrainingClock(steps: trainer.steps(over: data.count), epochs: epochs), random: RandomSource(seed: seed),
      classWeights: try classWeights.map { try .of($0) }, focus: focus)
  }

  func lab(_ session: TrainingSession) -> Lab {
    Lab(
      session: session, training: showing(data),
      validation: showing(
        SyntheticData(
          modalities: data.modalities, widths: data.widths, task: data.task, classes: data.classes, count: 12, seed: 2)),
      batchSize: batchSize, random: RandomSource(seed: seed), makeSession: { try self.session() })
  }

  /// All that is needed to go on.
  struct Kept {
    let weights: Tensor
    let optimizer: [(String, Tensor)]
    let method: (numbers: String, tensors: [(name: String, tensor: Tensor)])?
    let position: Trainer.Position
    let step: Int
  }

  /// What a run did.
  struct Outcome {
    var reports: [StepReport] = []
    /// The samples of each epoch, in order.
    var orders: [[Int]] = []
    var means: [[String: Double]] = []
    var first: [String: [Double]] = [:]
    var last: [String: [Double]] = [:]
    var finished = false
    var kept: Kept?
    var method: any BalancingMethod
    var session: TrainingSession
  }

  /// Trains from the start, or on from where `kept` was, and stops after `stop` steps in all.
  func run(stopAfter stop: Int? = nil, from kept: Kept? = nil) throws -> Outcome {
    let session = try session()
    var method = try method()
    var position = Trainer.Position()
    if let kept {
      try session.model.store.restore(kept.weights)
      try session.optimizer.restore { name in try #require(kept.optimizer.first { $0.0 == name }?.1) }
      if let state = kept.method, var checkpointed = method as? any Checkpointed {
        let numbers = try Tree(json: state.numbers, place: "a checkpoint")
        try checkpointed.restore(MethodState(numbers: numbers, tensors: state.tensors))
        method = checkpointed
      }
      position = kept.position
      session.clock.step = kept.step
    }
    let follower = Follower(stopAfter: stop)
    var outcome = Outcome(method: method, session: session)
    outcome.first = try Self.weights(session.model)
    outcome.finished = try trainer.train(&method, lab(session), from: &position, observer: follower)
    outcome.method = method
    outcome.reports = follower.reports
    outcome.orders = follower.orders
    outcome.means = follower.means
    outcome.last = try Self.weights(session.model)
    let state = try (method as? any Checkpointed)?.state()
    outcome.kept = Kept(
      weights: try session.model.store.snapshot(),
      optimizer: try session.optimizer.state().map { ($0.0, try $0.1.cloned()) },
      method: try state.map { ($0.numbers.json(), try $0.tensors.map { ($0.name, try $0.tensor.cloned()) }) },
      position: position, step: session.clock.step)
    return outcome
  }

  static func weights(_ model: MultimodalModel) throws -> [String: [Double]] {
    try Dictionary(uniqueKeysWithValues: model.store.named().map { ($0, try values($1)) })
  }
}

/// Writes down what a trainer tells it, and stops it after some steps.
final class Follower: Trainer.Observer {
  private let stop: Int?
  private(set) var reports: [StepReport] = []
  private(set) var orders: [[Int]] = []
  private(set) var means: [[String: Double]] = []
  private(set) var clocks: [TrainingClock] = []

  init(stopAfter stop: Int? = nil) { self.stop = stop }

  var wantsStop: Bool { stop.map { reports.count >= $0 } ?? false }

  func stepEnded(_ report: StepReport, _ clock: TrainingClock, stepsInEpoch: Int, _ position: Trainer.Position) {
    reports.append(report)
    clocks.append(clock)
    if position.batch == 1 { orders.append(position.plan?.visits.map(\.sample) ?? []) }
  }

  func epochEnded(
    _ epoch: Int, means: [String: Double], _ method: any BalancingMethod, _ position: Trainer.Position
  ) {
    self.means.append(means)
  }
}
