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
  }

  /// Trains to the end, or until the observer wants to stop.
  ///
  /// - Parameter position: where to begin; where it ended afterwards.
  /// - Returns: whether all epochs are done.
  public func train(
    _ method: inout any BalancingMethod, _ lab: Lab, from position: inout Position, observer: any Observer,
    probe: StepProbe? = nil
  ) throws -> Bool {
    let session = lab.session
    if position == Position(), var preparing = method as? any PreparesBeforeTraining {
      try preparing.prepare(lab)
      method = preparing
    }
    while position.epoch < epochs {
      session.clock.epoch = position.epoch
      let plan = try position.plan ?? begin(&method, lab, position.epoch)
      position.plan = plan
      let batches = plan.batches(of: batchSize, droppingLast: dropLast)
      let feed = try lab.training.feed(batches, from: position.batch)
      while let batch = try feed.next() {
        session.measuresUpdates = position.batch % Self.measureUpdatesEvery == 0
        let probed = try probe?.measure(batch, session) ?? [:]
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
        if observer.wantsStop, position.batch < batches.count { return false }
      }
      let counts = position.counts
      let means = Dictionary(
        uniqueKeysWithValues: position.sums.map { ($0.key, $0.value / Double(max(counts[$0.key] ?? 1, 1))) })
      let ended = position.epoch
      position = Position()
      position.epoch = ended + 1
      try observer.epochEnded(ended, means: means, method, position)
      if observer.wantsStop, position.epoch < epochs { return false }
    }
    return true
  }

  /// Measuring a step costs a copy of the model, so not every one is.
  private static let measureUpdatesEvery = 10

  private func begin(_ method: inout any BalancingMethod, _ lab: Lab, _ epoch: Int) throws -> SamplingPlan {
    if var acting = method as? any ActsBetweenEpochs {
      try acting.epochWillBegin(epoch, lab)
      method = acting
    }
    if var planning = method as? any PlansSampling {
      let plan = try planning.plan(forEpoch: epoch, lab)
      method = planning
      return plan
    }
    return lab.shuffled(epoch)
  }

  private func check(_ report: StepReport, _ session: TrainingSession) throws {
    guard let (loss, _) = report.losses.sorted(by: { $0.key < $1.key }).first(where: { !$0.value.isFinite }) else {
      return
    }
    let parameter = try session.model.store.parameters.first { try !$0.tensor.isFinite().all().truth() }
    throw TrainingDiverged(
      loss: loss, step: session.clock.step, epoch: session.clock.epoch, parameter: parameter?.path.description)
  }
}

extension Tensor {
  fileprivate func truth() throws -> Bool { try array(of: Bool.self).first ?? true }
}

/// A loss that is not a number.
public struct TrainingDiverged: Diagnosable, Equatable {
  public let loss: String
  public let step: Int
  public let epoch: Int
  /// The first parameter that holds something not finite; nil where all are finite.
  public let parameter: String?

  public var diagnosis: Diagnosis {
    Diagnosis(
      "the loss '\(loss)' is not a number at epoch \(epoch), step \(step)",
      found: parameter.map { ["parameter '\($0)' is not finite any more"] }
        ?? ["all parameters are finite: look at the features"],
      remedy: "a smaller --set optimizer.learning_rate is the usual cure", exitStatus: .failed)
  }
}
