public import Multimodal
import Records
public import Torch
import TorchNN

/// The verbs between epochs: whole splits, and copies of the model to try things on.
public final class TrainingContext {
  public let session: TrainingSession
  public let training: any BatchSource
  public let validation: (any BatchSource)?
  public let batchSize: Int
  public let random: RandomSource
  /// How an epoch's order of samples is made.
  public let shuffle: SampleOrder.Shuffle

  private let makeSession: () throws -> TrainingSession

  /// Whether somebody wants the work to end; asked before every batch.
  package var wantsStop: () -> Bool = { false }

  /// What was trained besides when the work that may be broken off began.
  private(set) var workBesides = (models: 0, updates: 0)

  func keepWorkBesides() { workBesides = (session.tally.work.otherModels, session.tally.work.otherUpdates) }

  /// - Parameter makeSession: a session over a new model with the first weights and a new optimizer.
  public init(
    session: TrainingSession, training: any BatchSource, validation: (any BatchSource)?, batchSize: Int,
    random: RandomSource, shuffle: SampleOrder.Shuffle = .full, makeSession: @escaping () throws -> TrainingSession
  ) {
    self.session = session
    self.training = training
    self.validation = validation
    self.batchSize = batchSize
    self.random = random
    self.shuffle = shuffle
    self.makeSession = makeSession
  }

  public var model: MultimodalModel { session.model }

  /// A session over a model with the first weights; training it leaves this one alone.
  public func fresh() throws -> TrainingSession {
    let made = try makeSession()
    made.tally = WorkTally(of: session.tally)
    return made
  }

  /// A session over a copy of the model as it is now, with a new optimizer.
  public func fork() throws -> TrainingSession {
    let copy = try fresh()
    try copy.model.store.restore(model.store.snapshot())
    copy.clock = session.clock
    return copy
  }

  /// Every training sample once, in the order that all methods have in this epoch.
  public func shuffled(_ epoch: Int) -> SamplingPlan {
    SamplingPlan(SampleOrder(training.count, shuffle, random, epoch: epoch)).flipping(random, epoch: epoch)
  }

  /// Calls `body` with every batch of a plan.
  ///
  /// - Throws: `TrainingStopped` before a batch, where somebody wants the work to end.
  public func forEachBatch(
    of source: any BatchSource, _ plan: SamplingPlan? = nil, _ body: (Batch) throws -> Void
  ) throws {
    let feed = try source.feed((plan ?? .inOrder(source.count)).batches(of: batchSize), from: 0)
    while let batch = try feed.next() {
      if wantsStop() { throw TrainingStopped() }
      try body(batch)
    }
  }
}

/// Work before training or between epochs was broken off; the trainer takes it back, so that it can be done again.
struct TrainingStopped: Error {}
