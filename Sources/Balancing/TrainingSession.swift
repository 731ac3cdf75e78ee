public import Multimodal
public import Records
public import Torch
public import TorchNN

/// Where in training a step stands.
public struct TrainingClock: Equatable, Sendable {
  /// From 0, over all epochs.
  public var step = 0
  /// From 0.
  public var epoch = 0
  /// T, how many steps there will be.
  public var steps: Int
  public var epochs: Int

  public init(steps: Int, epochs: Int) {
    self.steps = steps
    self.epochs = epochs
  }

  /// τ where it is given and not counted, as for a single step that is looked at.
  package var exactProgress: Double?

  /// τ = t/(T − 1), from 0 to 1; a method that plans more visits than there are samples stays at 1.
  public var progress: Double { exactProgress ?? (steps > 1 ? min(Double(step) / Double(steps - 1), 1) : 0) }

  /// The same by epochs.
  public var epochProgress: Double { exactProgress ?? (epochs > 1 ? Double(epoch) / Double(epochs - 1) : 0) }
}

/// The learning rate of a step.
public struct LearningRate: Sendable {
  public var base: Double
  public var schedule: Schedule
  public var warmup: Int

  public init(_ base: Double, _ schedule: Schedule = .constant, warmup: Int = 0) {
    self.base = base
    self.schedule = schedule
    self.warmup = warmup
  }

  public func callAsFunction(_ clock: TrainingClock) -> Double {
    base * schedule.factor(step: clock.step, of: clock.steps, epoch: clock.epoch, warmup: warmup)
  }
}

/// The verbs of one step.
public final class TrainingSession {
  public let model: MultimodalModel
  public package(set) var clock: TrainingClock { didSet { if clock.step != oldValue.step { passes = 0 } } }
  /// The weight of each class in losses, [C]; nil where all count alike.
  public let classWeights: Tensor?
  /// γ of the focal loss; 0: cross-entropy.
  public let focus: Double
  /// What an input looks like where its modality is missing, [1, …] each; nil: zeros.
  public let missing: PerModality<Tensor>?

  package let optimizer: any Optimizer
  /// What the training has taken so far.
  package var tally = WorkTally()
  private let learningRate: LearningRate
  private let gradientClip: Double
  private let random: RandomSource
  /// Records the layers over frozen features; nil where every gradient is taken through the whole graph.
  private let graph: FactoredGraph?
  /// What this step's batch says of the encoders' running means, which follow after the update.
  private let statistics = BatchStatistics()
  private var statisticsStep = -1
  /// p of encoders' dropout; nil: as each says.
  private let dropout: Double?
  /// Passes of this step that something was left out in.
  private var passes = 0
  private var dropsNothing = false

  /// What the step handed over, where it is only looked at.
  private(set) var inspection: StepInspection?

  /// - Parameters:
  ///   - gradientClip: the longest direction that is followed as it is; longer ones are shortened to it. 0: no limit.
  ///   - path: how gradients are taken.
  ///   - dropout: p at every place where an encoder has dropout, 0: nowhere; nil: as each encoder says.
  ///   - focus: γ of the focal loss; 0: cross-entropy.
  public init(
    _ model: MultimodalModel, optimizer: any Optimizer, learningRate: LearningRate, clock: TrainingClock,
    random: RandomSource, classWeights: Tensor? = nil, gradientClip: Double = 0, path: GradientPath = .factored,
    dropout: Double? = 0, missing: PerModality<Tensor>? = nil, focus: Double = 0
  ) {
    self.focus = focus
    self.dropout = dropout
    self.missing = missing
    self.model = model
    self.optimizer = optimizer
    self.learningRate = learningRate
    self.clock = clock
    self.random = random
    self.classWeights = classWeights
    self.gradientClip = gradientClip
    graph = path == .factored ? FactoredGraph(sharedBy: model.store.group) : nil
  }

  /// A random stream for this step alone, so that nothing needs to be remembered from step to step.
  public func random(_ stream: String) throws -> Generator {
    try random.generator("method/\(stream)/\(clock.step)")
  }

  /// What encoders leave out in the next pass: drawn from a stream of the step and the number of its pass.
  private func dropping() -> EncoderDropout? {
    guard dropout != 0, !dropsNothing, !model.encoders.isEmpty, Autograd.isRecording else { return nil }
    passes += 1
    return EncoderDropout(share: dropout, random, pass: "\(clock.step)/\(passes)")
  }

  /// Lets a step draw what it would without whatever was tried before it.
  func begin() { passes = 0 }

  /// Passes in which encoders leave out nothing, such as those that only look.
  func withoutDropout<Result>(_ body: () throws -> Result) rethrows -> Result {
    dropsNothing = true
    defer { dropsNothing = false }
    return try body()
  }

  /// The outputs for a batch; the inputs of absent modalities are set to zero.
  ///
  /// - Parameter held: modalities whose encoders stay as they are: they answer as in prediction, no gradient reaches them and
  ///   none of their running statistics follows. What is behind them is trained unless the direction leaves it out.
  public func forward(
    _ batch: Batch, without absent: Set<Modality> = [], holding held: Set<Modality> = []
  ) throws -> Outputs {
    guard !absent.isEmpty else {
      // What an earlier step has left would not be in its checkpoint.
      if statisticsStep != clock.step { statistics.forget() }
      statisticsStep = clock.step
      let outputs = try recording { () throws(TorchError) in
        try model(batch.inputs, noting: statistics, dropping: dropping(), holding: held)
      }
      try observe(batch) { () throws(TorchError) in try outputs.contributions() }
      return outputs
    }
    return try outputs(
      batch.inputs.map { absent.contains($0) ? try .zeros($1.shape, $1.elementType, on: $1.device) : $1 })
  }

  /// Runs a part of a pass in which layers over frozen features are recorded apart, where gradients are factored.
  private func recording<Value>(_ body: () throws(TorchError) -> Value) throws(TorchError) -> Value {
    guard let graph else { return try body() }
    return try graph.recording(body)
  }

  private func observe(_ batch: Batch, _ parts: () throws(TorchError) -> PerModality<Tensor>?) throws {
    guard measuresUpdates, observed == nil else { return }
    observed = try withoutGradients(parts).map { ($0, batch) }
  }

  /// eₘ of a batch and, as one row more, e⁰ₘ of an input that is missing: [B + 1, H] each.
  ///
  /// Over features that lie ready it is one product a modality for both, and the fused logits are not computed.
  func featuresAndMissing(_ batch: Batch) throws -> PerModality<Tensor> {
    let missing = try missingInputs(batch)
    guard model.encoders.isEmpty else {
      let (rows, none) = (try forward(batch).features, try outputs(missing).features)
      return try rows.map { try Tensor.cat([$1, none[$0]], 0) }
    }
    let rows = try batch.inputs.map { try Tensor.cat([$1, missing[$0]], 0) }
    let features = try recording { () throws(TorchError) in try model.embedded(rows) }
    try observe(batch) { () throws(TorchError) in
      try model.fusion.contributions(
        features.map { (_, feature) throws(TorchError) in try feature.narrowed(0, from: 0, length: batch.count) })
    }
    return features
  }

  /// The feature of one modality, [B, H], without those of the others where nobody asks for them.
  func feature(_ modality: Modality, _ batch: Batch) throws -> Tensor {
    guard graph != nil, model.encoders.isEmpty, !measuresUpdates else { return try forward(batch).features[modality] }
    return try recording { () throws(TorchError) in try model.embedded(modality, batch.inputs[modality]) }
  }

  /// One input of each modality that is missing, [1, …], in the type and on the device of a batch's.
  func missingInputs(_ batch: Batch) throws -> PerModality<Tensor> {
    try batch.inputs.map { modality, rows in
      guard let missing else { return try .zeros([1] + rows.shape.dropFirst(), rows.elementType, on: rows.device) }
      return try missing[modality].to(rows.elementType, on: rows.device)
    }
  }

  /// The outputs for any inputs.
  func outputs(_ inputs: PerModality<Tensor>) throws -> Outputs {
    try recording { () throws(TorchError) in try model(inputs, dropping: dropping()) }
  }

  /// The outputs for features, such as a method has changed.
  public func outputs(ofFeatures features: PerModality<Tensor>) throws -> Outputs {
    try recording { () throws(TorchError) in try model.outputs(ofFeatures: features) }
  }

  /// The task's loss of logits on a batch.
  public func loss(_ logits: Tensor, _ batch: Batch) throws -> Tensor {
    try model.task.loss(logits, batch.labels, classWeights: classWeights, focus: focus)
  }

  /// What a batch counts in a mean of losses over several: its samples' weights by class together, or how many they are.
  ///
  /// With several labels every sample has every label's weight, so that samples are counted.
  func weight(of batch: Batch) throws -> Double {
    guard let classWeights, model.task != .multiLabel else { return Double(batch.count) }
    return try classWeights.indexed(0, by: batch.labels).sum().scalar()
  }

  /// The gradient of a loss with respect to all trained parameters.
  public func gradients(of loss: Tensor, keepingGraph: Bool = false) throws -> Gradients {
    try recording { () throws(TorchError) in try Gradients(of: loss, model.store, keepingGraph: keepingGraph) }
  }

  /// Moves the model along a direction.
  ///
  /// - Parameters:
  ///   - scalingSteps: factors by which the optimizer's own move of some parameters is stretched, after whatever it divides
  ///     by; a factor on the gradient would be cancelled by Adam, this one is not.
  ///   - rate: what the learning rate is multiplied by.
  public func update(
    along direction: Gradients, scalingSteps: [(parameters: [Int], factor: Double)] = [], rate: Double = 1
  ) throws {
    defer { graph?.clear() }
    var direction = direction
    if gradientClip > 0 {
      let norm = try direction.norm()
      guard norm.isFinite else { throw diverged(.gradient, try direction.named()) }
      if norm > gradientClip { direction = try direction.scaled(by: gradientClip / norm) }
    }
    if inspection != nil {
      inspection?.updates.append(direction)
      return
    }
    let store = model.store
    let before = measuresUpdates || !scalingSteps.isEmpty ? try store.passingSnapshot() : nil
    try optimizer.step(direction, learningRate: learningRate(clock) * rate)
    tally.updated()
    try statistics.apply()
    guard let before else { return }
    for (parameters, factor) in scalingSteps {
      // before + factor · (after − before)
      let trained = parameters.filter(Set(store.trainable).contains)
      try store.interpolate(from: before, factor: factor, within: trained)
    }
    if measuresUpdates {
      for modality in model.modalities {
        let (move, weight) = try store.distance(from: before, within: model.branch(modality))
        if !move.isFinite {
          // The square of what is merely very large is infinite too.
          let found = diverged(.weights, store.named())
          if found.parameter != nil { throw found }
        }
        relativeUpdates["update.\(modality.name)", default: 0] += weight > 0 ? move / weight : 0
      }
    }
  }

  /// The error that something is not a number any more, with the first of some tensors that shows it.
  func diverged(_ sign: TrainingDiverged.Sign, _ tensors: [(String, Tensor)]) -> TrainingDiverged {
    let culprit = tensors.first { (try? $0.1.isFinite().all().array(of: Bool.self).first) == false }
    return TrainingDiverged(sign, step: clock.step, epoch: clock.epoch, parameter: culprit?.0)
  }

  /// Whether this step tells also what costs time and decides nothing: when it is taken apart, and now and then in
  /// training.
  public var isMeasured: Bool { measuresUpdates || inspection != nil }

  /// Whether updates are measured: how far each modality's branch moves, over the length of its weights.
  var measuresUpdates = false
  private var relativeUpdates: [String: Double] = [:]

  /// Each modality's part of the fused logits in the first whole forward pass of a step that is measured.
  private var observed: (parts: PerModality<Tensor>, batch: Batch)?

  /// The loss of each modality's part of the fused logits, `split.<modality>`, where they are such a sum.
  ///
  /// It tells how far each modality has come for methods that have no unimodal losses, at the price of one product.
  func takeSplitLosses() throws -> [String: Double] {
    defer { observed = nil }
    guard let (parts, batch) = observed else { return [:] }
    return try withoutGradients {
      var losses: [String: Double] = [:]
      for (modality, logits) in parts {
        losses["split.\(modality.name)"] = try loss(logits, batch).scalar()
      }
      return losses
    }
  }

  /// The updates measured since the last call.
  func takeRelativeUpdates() -> [String: Double] {
    defer { relativeUpdates = [:] }
    return relativeUpdates
  }

  /// Keeps a part of the direction for whoever takes the step apart.
  public func note(_ part: String, _ gradients: @autoclosure () throws -> Gradients) throws {
    if inspection != nil { inspection?.parts.append((part, try gradients())) }
  }

  /// Runs a step without moving the model, and returns what it would have done.
  public func inspecting(_ step: () throws -> StepReport) throws -> (report: StepReport, StepInspection) {
    inspection = StepInspection()
    let passes = passes
    defer {
      inspection = nil
      self.passes = passes
    }
    let report = try step()
    let found = inspection ?? StepInspection()
    // What was seen may be looked at when the model has moved.
    for gradients in found.updates + found.parts.map(\.gradients) { try gradients.settle() }
    return (report, found)
  }
}

/// A step taken apart.
public struct StepInspection {
  /// The directions that were handed to the optimizer, in order.
  public fileprivate(set) var updates: [Gradients] = []
  /// The parts that methods name: `target`, `balance`, `unimodal`, `projected`.
  public fileprivate(set) var parts: [(name: String, gradients: Gradients)] = []
}
