package import Balancing
package import ConformanceSupport
package import Multimodal
package import Records
package import Torch
package import TorchNN

/// A method on the synthetic data set: everything that a run needs, made anew each time it is asked for.
package struct Bench {
  package var data = SyntheticData()
  package var entry: MethodRegistry.Entry
  package var settings: Tree
  package var seed = 1
  package var epochs = 3
  package var batchSize = 8
  package var dropLast = false
  /// Plain momentum instead of Adam, whose division would blow differences of rounding up.
  package var plainDescent = false
  package var learningRate = 0.02
  package var frozen: [ParameterPath] = []
  /// By attention instead of concatenation.
  package var fusesByAttention = false
  package var embeddingWidth = 4
  /// Of each class in losses.
  package var classWeights: [Double]?
  /// γ of the focal loss; 0: cross-entropy.
  package var focus = 0.0
  /// Trained with the model, and what they are shown of the data.
  package var encoders: [Modality: any TrainedEncoder] = [:]
  package var showing: (SyntheticData) -> any BatchSource = { $0 }
  /// The processes, or threads, that train together, each with a bench of its own.
  package var group: ProcessGroup?
  /// What is done to every model before it is trained.
  package var changing: (MultimodalModel) throws -> Void = { _ in }

  package init(_ name: String, _ settings: [String: Tree] = [:], data: SyntheticData = SyntheticData()) throws {
    self.init(try MethodRegistry.entry(name), settings, data: data)
  }

  package init(
    _ entry: MethodRegistry.Entry, _ settings: [String: Tree] = [:], data: SyntheticData = SyntheticData()
  ) {
    Conditions.prepare()
    self.entry = entry
    fusesByAttention = entry.requirements.attentionFusion
    self.settings = entry.defaults
    for (path, value) in settings { self.settings[path: path] = value }
    self.data = data
  }

  package func method() throws -> any BalancingMethod { try entry(settings) }

  package var trainer: Trainer { Trainer(epochs: epochs, batchSize: batchSize, dropLast: dropLast) }

  package func model() throws -> MultimodalModel {
    let store = ParameterStore(random: RandomSource(seed: seed), elementType: Conditions.elementType)
    store.group = group
    let model = try MultimodalModel(
      modalities: data.modalities, inputWidths: data.widths,
      embeddingWidths: data.modalities.map { _ in embeddingWidth }, classes: data.classes, task: data.task,
      store: store, encoders: encoders
    ) { scope, widths, classes throws(TorchError) in
      if fusesByAttention { return try CrossAttentionFusion(scope, widths: widths, classes: classes) }
      return try Concatenation(scope, widths: widths, classes: classes)
    }
    try model.addParameters(of: method())
    try changing(model)
    for path in frozen { try store.freeze(path) }
    return model
  }

  package func session() throws -> TrainingSession {
    let model = try model()
    let optimizer: any Optimizer = plainDescent ? try SGD(model.store, momentum: 0.9) : try Adam(model.store)
    return TrainingSession(
      model, optimizer: optimizer, learningRate: LearningRate(learningRate),
      clock: TrainingClock(steps: trainer.steps(over: data.count), epochs: epochs), random: RandomSource(seed: seed),
      classWeights: try classWeights.map { try .of($0) }, focus: focus)
  }

  package func context(_ session: TrainingSession) -> TrainingContext {
    TrainingContext(
      session: session, training: showing(data),
      validation: showing(
        SyntheticData(
          modalities: data.modalities, widths: data.widths, task: data.task, classes: data.classes, count: 12, seed: 2)),
      batchSize: batchSize, random: RandomSource(seed: seed), makeSession: { try self.session() })
  }

  /// All that is needed to go on.
  package struct Kept {
    package let weights: Tensor
    package let optimizer: [(String, Tensor)]
    package let method: (numbers: String, tensors: [(name: String, tensor: Tensor)])?
    package let position: Trainer.Position
    package let step: Int
  }

  /// What a run did.
  package struct Outcome {
    package var reports: [StepReport] = []
    /// The samples of each epoch, in order.
    package var orders: [[Int]] = []
    package var means: [[String: Double]] = []
    package var first: [String: [Double]] = [:]
    package var last: [String: [Double]] = [:]
    package var finished = false
    package var kept: Kept?
    package var method: any BalancingMethod
    package var session: TrainingSession
  }

  /// Trains from the start, or on from where `kept` was, and stops after `stop` steps in all.
  package func run(stopAfter stop: Int? = nil, from kept: Kept? = nil) throws -> Outcome {
    let session = try session()
    var method = try method()
    var position = Trainer.Position()
    if let kept {
      try session.model.store.restore(kept.weights)
      try session.optimizer.restore { name in
        guard let kept = kept.optimizer.first(where: { $0.0 == name }) else {
          throw Diagnosis("the optimizer asks for '\(name)', which it did not keep", exitStatus: .defect)
        }
        return kept.1
      }
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
    outcome.finished = try trainer.train(&method, context(session), from: &position, observer: follower)
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

  package static func weights(_ model: MultimodalModel) throws -> [String: [Double]] {
    try Dictionary(uniqueKeysWithValues: model.store.named().map { ($0, try values($1)) })
  }
}

/// Writes down what a trainer tells it, and stops it after some steps.
package final class Follower: Trainer.Observer {
  private let stop: Int?
  package private(set) var reports: [StepReport] = []
  package private(set) var orders: [[Int]] = []
  package private(set) var means: [[String: Double]] = []
  package private(set) var clocks: [TrainingClock] = []

  package init(stopAfter stop: Int? = nil) { self.stop = stop }

  package var wantsStop: Bool { stop.map { reports.count >= $0 } ?? false }

  package func stepEnded(_ report: StepReport, _ clock: TrainingClock, stepsInEpoch: Int, _ position: Trainer.Position)
  {
    reports.append(report)
    clocks.append(clock)
    if position.batch == 1 { orders.append(position.plan?.visits.map(\.sample) ?? []) }
  }

  package func epochEnded(
    _ epoch: Int, means: [String: Double], _ method: any BalancingMethod, _ position: Trainer.Position
  ) {
    self.means.append(means)
  }
}
