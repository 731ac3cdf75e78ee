import Foundation
public import Records
import Synchronization

/// A model that many ask at once: their samples go through it together, so many at a time.
///
/// One thread of its own computes. What arrives meanwhile waits, and goes next as one batch, so that a busy model has
/// large batches and an idle one answers at once: features of small models on the thread that asks,
/// since a change of threads takes about as long. The last digits of a probability may depend on the batch it was in.
public final class BatchingPredictor: Sendable {
  /// How much goes together and how much may wait.
  public struct Limits: Sendable {
    /// The most samples that go through the model together.
    public var batch = 32
    /// How many seconds a sample waits for others while the model is idle.
    public var wait = 0.0
    /// The most samples that wait.
    public var queue = 1024
    /// Features are computed on the thread that asks where the last batch took less than so many seconds.
    public var atOnce = 1e-3

    public init() {}
  }

  /// Why samples were not taken.
  public enum Refusal: Diagnosable, Equatable {
    /// As many samples wait as may.
    case full(Int)
    /// More samples at once than may ever wait.
    case tooMany(Int, most: Int)
    /// The model takes none any more.
    case closed

    public var diagnosis: Diagnosis {
      switch self {
      case .full(let count):
        Diagnosis("\(count) samples wait already, as many as may", remedy: "ask again later", exitStatus: .failed)
      case .tooMany(let count, let most):
        Diagnosis(
          "\(count) samples at once, and \(most) are the most that may wait", remedy: "ask about them in portions",
          exitStatus: .usage)
      case .closed: Diagnosis("the model takes no samples any more", exitStatus: .failed)
      }
    }
  }

  public let predictor: Predictor
  public let limits: Limits
  private let line: WaitingLine
  private let observe: @Sendable (Int, Double) -> Void

  /// - Parameter observe: is told of each batch how many samples it had and how many seconds it took.
  public init(
    _ predictor: Predictor, limits: Limits = Limits(), observe: @escaping @Sendable (Int, Double) -> Void = { _, _ in }
  ) {
    self.predictor = predictor
    self.limits = limits
    self.observe = observe
    let line = WaitingLine()
    self.line = line
    let worker = Thread {
      while let batch = line.next(limits) {
        let (results, seconds) = predictor.timed(batch.map(\.input))
        line.computed(batch.count, seconds: seconds)
        // A failure of the whole is one of each.
        for (sample, result) in zip(batch, results) { sample.order.answer(sample.place, result) }
        observe(batch.count, seconds)
      }
    }
    worker.name = "predictor"
    worker.stackSize = 8 << 20
    worker.start()
  }

  /// Samples that wait now.
  public var waiting: Int { line.count }

  /// A prediction for each sample, or what is wrong with it, in order.
  ///
  /// - Throws: a ``Refusal``; then none of the samples was taken.
  public func results(for samples: [PredictionInput]) async throws -> [Result<Prediction, Diagnosis>] {
    try await withCheckedThrowingContinuation { continuation in
      do { try submit(samples) { continuation.resume(returning: $0) } } catch { continuation.resume(throwing: error) }
    }
  }

  /// The same for callers that have a thread of their own to go on with.
  ///
  /// - Parameter done: is given the results once, before this returns or on the thread that computes, which waits for it; not
  ///   called where this throws.
  /// - Throws: a ``Refusal``; then none of the samples was taken.
  package func submit(
    _ samples: [PredictionInput], done: @escaping @Sendable ([Result<Prediction, Diagnosis>]) -> Void
  ) throws {
    guard !samples.isEmpty else { return done([]) }
    guard samples.count <= limits.queue else { throw Refusal.tooMany(samples.count, most: limits.queue) }
    if limits.wait == 0, samples.count <= limits.batch, samples.allSatisfy(\.isFeaturesOnly),
      line.beginAtOnce(samples.count, below: limits.atOnce)
    {
      let (results, seconds) = predictor.timed(samples)
      line.computed(samples.count, seconds: seconds)
      observe(samples.count, seconds)
      return done(results)
    }
    if let refusal = line.append(samples, Order(samples.count, done: done), most: limits.queue) { throw refusal }
  }

  /// Predictions in the order of the samples; throws at the first that cannot be predicted, and ``Refusal``.
  public func predict(_ samples: [PredictionInput]) async throws -> [Prediction] {
    try await results(for: samples).map { try $0.get() }
  }

  /// Takes no more samples; those that wait are answered.
  public func close() { line.close() }

  deinit { line.close() }
}

/// Samples that were asked about together, until all are answered.
private final class Order: @unchecked Sendable {
  // Only the thread that computes touches these after the order was placed.
  private var results: [Result<Prediction, Diagnosis>?]
  private var open: Int
  private let done: @Sendable ([Result<Prediction, Diagnosis>]) -> Void

  init(_ count: Int, done: @escaping @Sendable ([Result<Prediction, Diagnosis>]) -> Void) {
    results = Array(repeating: nil, count: count)
    open = count
    self.done = done
  }

  func answer(_ place: Int, _ result: Result<Prediction, Diagnosis>) {
    results[place] = result
    open -= 1
    if open == 0 { done(results.compactMap { $0 }) }
  }
}

/// Samples that wait, first come first served.
private final class WaitingLine: Sendable {
  struct Sample: Sendable {
    let input: PredictionInput
    let order: Order
    let place: Int
    let arrived: ContinuousClock.Instant
  }

  private struct State {
    var samples: [Sample] = []
    /// The place of the first that waits; those before it are gone.
    var first = 0
    var isClosed = false
    /// Whether a batch is being computed.
    var isBusy = false
    /// The last batch.
    var last: (samples: Int, seconds: Double)?

    var count: Int { samples.count - first }

    mutating func take(_ most: Int) -> [Sample] {
      let end = min(first + max(most, 1), samples.count)
      let batch = Array(samples[first..<end])
      first = end
      if first == samples.count || first > 4096 {
        samples.removeFirst(first)
        first = 0
      }
      return batch
    }
  }

  /// What ``next(_:)`` does.
  private enum Step {
    case take([Sample])
    /// For so many seconds at most; nil: until something happens.
    case wait(Double?)
    case end
  }

  private let state = Mutex(State())
  /// Something happened: samples came, or the end.
  private let news = DispatchSemaphore(value: 0)

  var count: Int { state.withLock { $0.count } }

  func append(_ inputs: [PredictionInput], _ order: Order, most: Int) -> BatchingPredictor.Refusal? {
    let refusal = state.withLock { state -> BatchingPredictor.Refusal? in
      guard !state.isClosed else { return .closed }
      guard state.count + inputs.count <= most else { return .full(state.count) }
      let now = ContinuousClock.now
      state.samples += inputs.enumerated().map { Sample(input: $1, order: order, place: $0, arrived: now) }
      return nil
    }
    if refusal == nil { news.signal() }
    return refusal
  }

  func close() {
    state.withLock { $0.isClosed = true }
    news.signal()
  }

  /// Whether the caller may compute so many samples itself now: nothing waits, and as many took less than `seconds`.
  ///
  /// Then ``computed(_:seconds:)`` has to follow.
  func beginAtOnce(_ samples: Int, below seconds: Double) -> Bool {
    state.withLock { state in
      guard !state.isBusy, !state.isClosed, state.count == 0, let last = state.last, samples <= last.samples,
        last.seconds < seconds
      else { return false }
      state.isBusy = true
      return true
    }
  }

  /// A batch has been computed.
  func computed(_ samples: Int, seconds: Double) {
    let othersWait = state.withLock { state in
      state.isBusy = false
      state.last = (samples, seconds)
      return state.count > 0
    }
    if othersWait { news.signal() }
  }

  /// Waits for samples, and for more of them as long as `limits` allows; nil at the end.
  func next(_ limits: BatchingPredictor.Limits) -> [Sample]? {
    while true {
      switch step(limits) {
      case .take(let batch): return batch
      case .end: return nil
      case .wait(let seconds?): _ = news.wait(timeout: .now() + seconds)
      case .wait(nil): news.wait()
      }
    }
  }

  private func step(_ limits: BatchingPredictor.Limits) -> Step {
    state.withLock { state in
      guard state.count > 0 else { return state.isClosed ? .end : .wait(nil) }
      // Whoever computes now gives news.
      guard !state.isBusy else { return .wait(nil) }
      if limits.wait > 0, !state.isClosed, state.count < limits.batch {
        let waited = state.samples[state.first].arrived.duration(to: .now).seconds
        if waited < limits.wait { return .wait(limits.wait - waited) }
      }
      state.isBusy = true
      return .take(state.take(limits.batch))
    }
  }
}

extension PredictionInput {
  fileprivate var isFeaturesOnly: Bool { image == nil && text == nil && audio == nil }
}

extension Predictor {
  /// The results, and how many seconds they took.
  fileprivate func timed(_ inputs: [PredictionInput]) -> (results: [Result<Prediction, Diagnosis>], seconds: Double) {
    let start = ContinuousClock.now
    let results = results(for: inputs)
    return (results, start.duration(to: .now).seconds)
  }
}

extension Duration {
  package var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
