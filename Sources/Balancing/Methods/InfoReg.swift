import Foundation
public import Multimodal
import Records
import Torch
import TorchNN

/// InfoReg: while a branch still learns fast, the modality that is ahead is held near where it began the epoch.
///
///     Trₘ(T) = Σ over weight matrices of θₘ of the mean square of their gradient, summed over the steps of epoch T
///     Kₘ(T)  = (mean of the last n − mean of the n before the last) / mean of the last n;    Kₘ = 1 at first
///     gapₘ   = sₘ − mean over j ≠ m of sⱼ,   sₘ = mean of softmax(zₘ)[i, yᵢ]
///     θₘ : ∇ L + β e^tanh(gapₘ) · (θₘ − θₘ at the epoch's start)      if gapₘ > 0 and Kₘ > K
///
/// where zₘ is the modality's part of the fused logits, n is `window.share` of all epochs, K `window.threshold` and β
/// `beta`. Epochs before the first count as Tr = 0. Weight matrices are the weights of linear and convolutional layers, as
/// in the authors' code: biases, and the scales of normalizations, take no part in Tr, and are held with the rest.
///
/// The authors' code tests the window by the first modality's trace for all, takes sums over the batch for scores, which
/// saturates tanh, and adds the losses of the zₘ to the objective: `variant=official`.
public struct InfoReg: BalancingMethod, ActsBetweenEpochs, Checkpointed {
  private let configuration: Configuration
  private var memory = Memory()
  /// All weights as they were when the epoch began.
  private var anchor: Tensor?

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func epochWillBegin(_ epoch: Int, _ context: TrainingContext) throws {
    anchor = try context.model.store.snapshot()
    let span = max(1, Int((configuration.window.share * Double(context.session.clock.epochs)).rounded()))
    memory.endEpoch(context.model.modalities.count)
    memory.growth = memory.traces.map { Self.growth($0, span: span) }
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let model = session.model
    let official = configuration.variant == .official
    let outputs = try session.forward(batch)
    var loss = try session.loss(outputs.logits, batch)
    var report = StepReport(losses: ["fused": try loss.scalar()])
    if official {
      for (modality, logits) in try ModalityScores.logits(outputs, batch, session) {
        let own = try session.loss(logits, batch)
        report.losses[modality.name] = try own.scalar()
        loss = try loss + own
      }
    }
    let sums = try ModalityScores.sums(outputs, batch, session)
    let scores = official ? sums : sums.map { $0 / Double(batch.count) }
    let gaps = zip(scores, ModalityScores.meanOfOthers(scores)).map { $0 - $1 }

    let gradients = try session.gradients(of: loss)
    var direction = gradients
    var away: Gradients?
    for (m, modality) in model.modalities.enumerated() {
      let branch = model.branch(modality).filter(gradients.presentIndices.contains)
      try memory.add(
        branch.filter { model.store.parameters[$0].shape.count > 1 }.map {
          try gradients.dot(gradients, within: [$0]) / Double(model.store.parameters[$0].count)
        }
        .reduce(0, +), m, of: gaps.count)
      let open = memory.isOpen(official ? 0 : m, threshold: configuration.window.threshold)
      let hold = open && gaps[m] > 0 ? Self.strength(gaps[m], beta: configuration.beta) : 0
      if hold > 0, let anchor {
        let drift = try away ?? Self.drift(model, from: anchor, like: gradients)
        away = drift
        direction = try direction.adding(drift, scale: hold, within: branch)
      }
      report.scalars["score.\(modality.name)"] = sums[m] / Double(batch.count)
      report.scalars["hold.\(modality.name)"] = hold
      report.scalars["open.\(modality.name)"] = open ? 1 : 0
    }
    try session.update(along: direction)
    return report
  }

  // MARK: Parts

  /// How hard a modality that is ahead by so much is held, β e^tanh(gap).
  static func strength(_ gap: Double, beta: Double) -> Double { beta * exp(tanh(gap)) }

  /// K after the epochs whose traces are given; 1 where there are none.
  static func growth(_ traces: [Double], span: Int) -> Double {
    guard let last = traces.last else { return 1 }
    let recent = traces.suffix(span).reduce(0, +)
    // The two means share all but the last trace of one and the first of the other.
    let left = traces.count > span ? traces[traces.count - 1 - span] : 0
    return recent > 0 ? (last - left) / recent : 0
  }

  /// θ − θ at the epoch's start.
  private static func drift(
    _ model: MultimodalModel, from anchor: Tensor, like gradients: Gradients
  ) throws -> Gradients {
    try Gradients(model.store, flat: try model.store.flat() - anchor, present: Set(gradients.presentIndices))
  }

  // MARK: State

  /// The traces of past epochs, of this one so far, and what they say; one of each for every modality.
  private struct Memory: Codable {
    var traces: [[Double]] = []
    var current: [Double] = []
    var growth: [Double] = []

    mutating func add(_ trace: Double, _ m: Int, of count: Int) {
      if current.isEmpty { current = [Double](repeating: 0, count: count) }
      current[m] += trace
    }

    mutating func endEpoch(_ count: Int) {
      if traces.isEmpty { traces = [[Double]](repeating: [], count: count) }
      if !current.isEmpty { traces = zip(traces, current).map { $0 + [$1] } }
      current = []
    }

    /// Open until something is known.
    func isOpen(_ m: Int, threshold: Double) -> Bool { growth.isEmpty || growth[m] > threshold }
  }

  public func state() throws -> MethodState {
    MethodState(numbers: try Tree(encoding: memory), tensors: anchor.map { [("anchor", $0)] } ?? [])
  }

  public mutating func restore(_ state: MethodState) throws {
    memory = try state.numbers.decode(Memory.self)
    anchor = state.tensor("anchor")
  }
}
