public import Multimodal
public import Records
import Torch
import TorchNN

/// The only training loop.
public struct Trainer {
  public let epochs: Int
  public let batchSize: Int
  public let dropLast: Bool

  public init(epochs: Int, batchSize: Int, dropLast: Bool = false) {
    self.epochs = epochs
    self.batchSize = batchSize
    self.dropLast = dropLast
  }

  /// How many steps there are over `count` samples, where every epoch visits each once.
  public func steps(over count: Int) -> Int {
    let full = count / batchSize
    let partial = count % batchSize > 0 && !(dropLast && full > 0) ? 1 : 0
    return epochs * (full + partial)
  }

  /// Where training stands, between two steps.
  public struct Position: Equatable, Sendable {
    /// Whether the method has done what it does before training.
    public var isPrepared = false
    public var epoch = 0
    /// How many batches of the epoch's plan are done.
    public var batch = 0
    /// The plan of the epoch under way; nil before it has begun.
    public var plan: SamplingPlan?
    /// Sums over the steps of this epoch, for its means.
    public var sums: [String: Double] = [:]
    /// How many steps measured each.
    public var counts: [String: Int] = [:]

    public init() {}
  }

  /// Whoever follows the training.
  public protocol Observer: AnyObject {
    /// Whether to stop after the step that just ended.
    var wantsStop: Bool { get }
    func stepEnded(_ report: StepReport, _ clock: TrainingClock, stepsInEpoch: Int, _ position: Position) throws
    /// The epoch's means of all losses and scalars.
    func epochEnded(_ epoch: Int, means: [String: Double], _ method: any BalancingMethod, _ position: Position) throws
    /// Between two steps of an epoch, and after the method's preparation: training could go on from here.
    func reached(_ method: any BalancingMethod, _ position: Position) throws
  }

  /// Trains to the end, or until the observer wants to stop.
  ///
  /// - Parameter position: where to begin; where it ended afterwards.
  /// - Returns: whether all epochs are done.
  public func train(
    _ method: inout any BalancingMethod, _ context: TrainingContext, from position: inout Position,
    observer: any Observer,
    probe: StepProbe? = nil
  ) throws -> Bool {
    context.wantsStop = { observer.wantsStop }
    defer { context.wantsStop = { false } }
    do {
      return try work(&method, context, &position, observer, probe)
    } catch is TrainingStopped {
      // What was broken off is done again, and counted then.
      context.session.tally.work.otherModels = context.workBesides.models
      context.session.tally.work.otherUpdates = context.workBesides.updates
      return false
    }
  }

  private func work(
    _ method: inout any BalancingMethod, _ context: TrainingContext, _ position: inout Position,
    _ observer: any Observer,
    _ probe: StepProbe?
  ) throws -> Bool {
    let session = context.session
    if !position.isPrepared {
      context.keepWorkBesides()
      if var preparing = method as? any PreparesBeforeTraining {
        try preparing.prepare(context)
        method = preparing
      }
      position.isPrepared = true
      try observer.reached(method, position)
    }
    while position.epoch < epochs {
      session.clock.epoch = position.epoch
      let begun = try position.plan ?? begin(&method, context, position.epoch)
      // Not stored with a plan, since epoch and seed say it.
      let plan = begun.flipping(context.random, epoch: position.epoch)
      position.plan = plan
      let batches = plan.batches(of: batchSize, droppingLast: dropLast)
      let feed = try context.training.feed(batches, from: position.batch)
      while let batch = try feed.next() {
        session.measuresUpdates = position.batch % Self.measureUpdatesEvery == 0
        let probed = try probe?.measure(batch, session) ?? [:]
        session.begin()
        session.tally.visited(batch.count)
        var report = try method.step(batch, session)
        report.scalars.merge(session.takeRelativeUpdates()) { own, _ in own }
        report.scalars.merge(try session.takeSplitLosses()) { own, _ in own }
        report.scalars.merge(probed) { own, _ in own }
        try check(report, session)
        for (name, value) in report.losses.merging(report.scalars, uniquingKeysWith: { loss, _ in loss }) {
          position.sums[name, default: 0] += value
          position.counts[name, default: 0] += 1
        }
        position.batch += 1
        let clock = session.clock
        session.clock.step += 1
        try observer.stepEnded(report, clock, stepsInEpoch: batches.count, position)
        guard position.batch < batches.count else { break }
        if observer.wantsStop { return false }
        try observer.reached(method, position)
      }
      try checkWeights(session)
      let counts = position.counts
      let means = Dictionary(
        uniqueKeysWithValues: position.sums.map { ($0.key, $0.value / Double(max(counts[$0.key] ?? 1, 1))) })
      let ended = position.epoch
      position = Position()
      position.isPrepared = true
      position.epoch = ended + 1
      try observer.epochEnded(ended, means: means, method, position)
      if observer.wantsStop, position.epoch < epochs { return false }
    }
    return true
  }

  /// Measuring a step costs a copy of the model, so not every one is.
  private static let measureUpdatesEvery = 10

  /// What comes before an epoch's first step; undone where it is broken off.
  private func begin(
    _ method: inout any BalancingMethod, _ context: TrainingContext, _ epoch: Int
  ) throws -> SamplingPlan {
    guard method is any ActsBetweenEpochs || method is any PlansSampling else {
      return context.shuffled(epoch)
    }
    let weights = try context.model.store.snapshot()
    let before = method
    context.keepWorkBesides()
    do {
      if var acting = method as? any ActsBetweenEpochs {
        try acting.epochWillBegin(epoch, context)
        method = acting
      }
      guard var planning = method as? any PlansSampling else {
        return context.shuffled(epoch)
      }
      let plan = try planning.plan(forEpoch: epoch, context)
      method = planning
      return plan
    } catch let stopped as TrainingStopped {
      method = before
      try context.model.store.restore(weights)
      throw stopped
    }
  }

  // What is looked at costs nothing: losses are numbers already, and so are the norms that a step takes anyway. A gradient
  // that is not finite makes weights that are not, and these the next loss; the weights themselves are looked at once an
  // epoch, so that none is kept or judged that is not finite.

  private func check(_ report: StepReport, _ session: TrainingSession) throws {
    guard let (loss, _) = report.losses.sorted(by: { $0.key < $1.key }).first(where: { !$0.value.isFinite }) else {
      return
    }
    throw session.diverged(.loss(loss), session.model.store.named())
  }

  private func checkWeights(_ session: TrainingSession) throws {
    guard try session.model.store.flat().isFinite().all().array(of: Bool.self).first == false else { return }
    session.clock.step -= 1
    throw session.diverged(.weights, session.model.store.named())
  }
}

extension Trainer.Observer {
  public func reached(_ method: any BalancingMethod, _ position: Trainer.Position) {}
}

/// Something that had to be a number is none.
public struct TrainingDiverged: Diagnosable, Equatable {
  /// What showed it first.
  public enum Sign: Equatable, Sendable {
    /// The loss of that name.
    case loss(String)
    /// The direction of a step.
    case gradient
    /// The parameters, at the end of an epoch.
    case weights
  }

  public let sign: Sign
  public let step: Int
  public let epoch: Int
  /// The first parameter that holds something not finite, or whose gradient does; nil where all are finite.
  public let parameter: String?

  public init(_ sign: Sign, step: Int, epoch: Int, parameter: String?) {
    self.sign = sign
    self.step = step
    self.epoch = epoch
    self.parameter = parameter
  }

  /// Whether the step before, and its batch, made it so.
  public var isFromStepBefore: Bool { if case .loss = sign { parameter != nil } else { false } }

  public var diagnosis: Diagnosis {
    let what =
      switch sign {
      case .loss(let name): "the loss '\(name)' is not a number"
      case .gradient: "the length of the gradient is not a number"
      case .weights: "the weights are not numbers any more"
      }
    let culprit = parameter.map {
      sign == .gradient ? "that of parameter '\($0)' is not finite" : "parameter '\($0)' is not finite any more"
    }
    return Diagnosis(
      "\(what) at epoch \(epoch), step \(step)",
      found: [culprit ?? "all parameters are finite: look at the features"],
      remedy: "a smaller --set optimizer.learning_rate is the usual cure", exitStatus: .failed)
  }
}
