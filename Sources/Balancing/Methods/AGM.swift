import Foundation
public import Multimodal
import Records
import Torch
import TorchNN

/// AGM: the response of each modality, its Shapley value in the fused logits, gets a gradient of its own strength.
///
///     φₘ = Σ_S |S|! (M−|S|−1)! / M! · (z(S ∪ m) − z(S))        S: subsets of the others; z(∅) = 0, so that Σₘ φₘ = z
///     Sₘ = −mean log softmax(φₘ)[i, yᵢ]                         probabilities not below 10⁻⁸
///     rₘ = exp(mean over j ≠ m of Sⱼ − Sₘ),   τₘ likewise of the running means Ŝ
///     κₘ = exp(α · min(τₘ − rₘ, cap))
///     θ : ∇ loss(Σₘ φₘ, y), the gradient that enters φₘ multiplied by κₘ
///     Ŝₘ ← Ŝₘ (t−1)/t + Sₘ/t
///
/// where z(S) are the fused logits with zero inputs outside S, α is ``Configuration/alpha`` and Ŝ `memory`, empty before
/// the first step: τ = 1. A modality that is further ahead of the others than it was on average (rₘ > τₘ) is damped. Where
/// the fusion is a sum of parts cₘ, φₘ = cₘ(xₘ) − cₘ(0) + z(0)/M, one pass instead of 2^M − 1.
///
/// Other public code takes Sₘ − mean in rₘ and so strengthens the modality that is ahead; this follows the paper.
public struct AGM: BalancingMethod, Checkpointed {
  private let configuration: Configuration
  private var memory = Memory()

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let outputs = try session.forward(batch)
    let responses =
      configuration.modulate == .responses
      ? try Self.responses(outputs, batch, session)
      : try withoutGradients { try Self.responses(outputs, batch, session) }
    let scores = try Self.scores(responses, batch, session)
    let discrepancies = Self.discrepancies(scores)
    let references = Self.discrepancies(memory.means(scores.count))
    memory.add(scores)
    var factors = Self.factors(references, discrepancies, alpha: configuration.alpha, cap: configuration.cap)
    if !configuration.window.contains(session.clock) { factors = factors.map { _ in 1 } }

    let scaled = factors.contains { $0 != 1 }
    let logits =
      scaled && configuration.modulate == .responses ? try Self.modulated(responses, factors) : outputs.logits
    let loss = try session.loss(logits, batch)
    var direction = try session.gradients(of: loss)
    let branches = session.model.modalities.map { session.model.branch($0).filter(direction.presentIndices.contains) }
    var scalings: [(parameters: [Int], factor: Double)] = []
    if configuration.modulate == .step { scalings = zip(branches, factors).filter { $0.1 != 1 } }
    if configuration.modulate == .gradient {
      for (branch, factor) in zip(branches, factors) where factor != 1 {
        direction = try direction.scaled(by: factor, within: branch)
      }
    }
    try session.update(along: direction, scalingSteps: scalings)

    var report = StepReport(losses: ["fused": try loss.scalar()])
    for (m, modality) in session.model.modalities.enumerated() {
      report.scalars["score.\(modality.name)"] = scores[m]
      report.scalars["discrepancy.\(modality.name)"] = discrepancies[m]
      report.scalars["reference.\(modality.name)"] = references[m]
      report.scalars["factor.\(modality.name)"] = factors[m]
    }
    return report
  }

  // MARK: Parts

  /// φₘ for each modality, [B, C].
  static func responses(_ outputs: Outputs, _ batch: Batch, _ session: TrainingSession) throws -> PerModality<Tensor> {
    guard let parts = try outputs.contributions() else { return try shapley(outputs, batch, session) }
    let one = try session.outputs(batch.inputs.map { try $1.narrowed(0, from: 0, length: 1) * 0 })
    guard let empty = try one.contributions() else { return try shapley(outputs, batch, session) }
    let share = try empty.values.dropFirst().reduce(empty.values[0]) { try $0 + $1 } / Double(parts.count)
    return try parts.map { try $1 - empty[$0] + share }
  }

  /// φₘ from the definition, with a pass for every subset.
  static func shapley(_ outputs: Outputs, _ batch: Batch, _ session: TrainingSession) throws -> PerModality<Tensor> {
    let modalities = outputs.modalities
    guard modalities.count <= Shapley.mostPlayers else {
      throw Diagnosis(
        "'agm' needs a pass for every subset of \(modalities.count) modalities with this fusion",
        remedy: "a fusion that is a sum, such as concatenation, needs but one", exitStatus: .usage)
    }
    let logits = try Shapley.coalitions(of: modalities).map { present in
      if present.isEmpty { return try outputs.logits.detached() * 0 }
      let absent = Set(modalities).subtracting(present)
      return absent.isEmpty ? outputs.logits : try session.forward(batch, without: absent).logits
    }
    return try PerModality(modalities, Shapley.values(logits))
  }

  /// Sₘ of every modality.
  static func scores(_ responses: PerModality<Tensor>, _ batch: Batch, _ session: TrainingSession) throws -> [Double] {
    try withoutGradients {
      let means = try responses.values.map {
        try session.model.task.losses($0, batch.labels).clamped(max: -log(1e-8)).mean()
      }
      return try Tensor.stack(means).array()
    }
  }

  /// rₘ, above 1 where m is ahead.
  static func discrepancies(_ scores: [Double]) -> [Double] {
    zip(ModalityScores.meanOfOthers(scores), scores).map { exp($0 - $1) }
  }

  /// κₘ, below 1 where m is further ahead than it was on average.
  static func factors(_ references: [Double], _ discrepancies: [Double], alpha: Double, cap: Double) -> [Double] {
    zip(references, discrepancies).map { exp(alpha * min($0 - $1, cap)) }
  }

  /// Σₘ φₘ, whose gradient reaches φₘ multiplied by κₘ.
  private static func modulated(_ responses: PerModality<Tensor>, _ factors: [Double]) throws -> Tensor {
    let parts = try zip(responses.values, factors).map { response, factor in
      let scaled = try response * factor
      // The bracket is zero to the last bit.
      return try (scaled - scaled.detached()) + response.detached()
    }
    return try parts.dropFirst().reduce(parts[0]) { try $0 + $1 }
  }

  // MARK: State

  /// Ŝ and how many steps it is the mean of.
  private struct Memory: Codable {
    var average: [Double] = []
    var count = 0

    func means(_ modalities: Int) -> [Double] {
      average.isEmpty ? [Double](repeating: 0, count: modalities) : average
    }

    mutating func add(_ scores: [Double]) {
      count += 1
      let t = Double(count)
      average = zip(means(scores.count), scores).map { $0 * (t - 1) / t + $1 / t }
    }
  }

  public func state() throws -> MethodState { MethodState(numbers: try Tree(encoding: memory)) }

  public mutating func restore(_ state: MethodState) throws { memory = try state.numbers.decode(Memory.self) }
}
