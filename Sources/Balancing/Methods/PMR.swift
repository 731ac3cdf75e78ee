public import Multimodal
import Records
public import Torch
import TorchNN

/// PMR: the modality that is behind is drawn towards the means of its classes.
///
///     c(m,k)  = mean of eₘ over class k, measured before each epoch;  c ← (1−μ) new + μ old
///     dₘ[i,k] = −‖eₘ[i] − c(m,k)‖,   PCEₘ = loss(dₘ, y),   sₘ = Σᵢ softmax(dₘ)[i, yᵢ]
///     βₘ = α · clip(mean over j ≠ m of sⱼ / sₘ − 1, 0, 1)
///     L  = L_T + Σₘ βₘ PCEₘ − ν Σₘ clip(sₘ / mean over j ≠ m of sⱼ − 1, 0, 1) · H(softmax dₘ)
///
/// where eₘ are the features, μ is `momentum`, α `alpha`, ν `entropy.weight` until `entropy.end`: early on the modality
/// that is ahead is kept from settling. With several labels a class has a mean of the samples that have it and one of the
/// others, and dₘ is the difference of the two distances. A class without samples keeps its mean, or begins with the mean
/// of all.
///
/// The authors' code has no entropy term and switches: βₘ = α where m is behind, else 0 (`variant=official`).
public struct PMR: ObjectiveMethod, ActsBetweenEpochs, Checkpointed {
  private let configuration: Configuration
  /// The class means of each modality, [C, D], or [2C, D] with several labels: with the label, then without it.
  private var prototypes: PerModality<Tensor>?

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func epochWillBegin(_ epoch: Int, _ context: TrainingContext) throws {
    var plan = context.shuffled(epoch)
    plan.visits = Array(plan.visits.prefix(max(1, Int((Double(plan.visits.count) * configuration.share).rounded()))))
    var sums = ClassMeans()
    try context.forEachBatch(of: context.training, plan) { batch in
      try withoutGradients { try sums.add(context.session.forward(batch).features, batch, context.model) }
    }
    prototypes = try sums.means(after: prototypes, momentum: configuration.momentum)
  }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    var total = try session.loss(outputs.logits, batch)
    report.losses["fused"] = try total.scalar()
    guard configuration.window.contains(session.clock) else { return total }

    let task = session.model.task
    let known = try prototypes ?? own(outputs, batch)
    let similarities = try outputs.features.map { try Self.similarities($1, known[$0], task) }
    let scores = try withoutGradients {
      try Tensor.stack(similarities.values.map { try task.trueProbability($0, batch.labels).sum() })
        .array(of: Double.self)
    }
    let lag = Self.lag(scores)
    let early = configuration.variant == .paper && session.clock.progress <= configuration.entropy.end
    for (m, (modality, similarity)) in similarities.enumerated() {
      let graded = configuration.variant == .paper ? max(0, min(1, lag.behind[m])) : lag.behind[m] > 0 ? 1 : 0
      let pull = configuration.alpha * graded
      let softening = early ? configuration.entropy.weight * max(0, min(1, lag.ahead[m])) : 0
      let loss = try session.loss(similarity, batch)
      if pull > 0 { total = try total + loss * pull }
      if softening > 0 { total = try total - Self.entropy(similarity, task) * softening }
      report.scalars["score.\(modality.name)"] = scores[m] / Double(batch.count)
      report.scalars["prototype.\(modality.name)"] = try loss.scalar()
      report.scalars["pull.\(modality.name)"] = pull
      report.scalars["softening.\(modality.name)"] = softening
    }
    return total
  }

  // MARK: Parts

  /// By how much each modality is behind the mean of the others, and ahead of it, as a share.
  static func lag(_ scores: [Double]) -> (behind: [Double], ahead: [Double]) {
    let others = ModalityScores.meanOfOthers(scores)
    return (
      zip(others, scores).map { $0 / max($1, 1e-12) - 1 }, zip(others, scores).map { $1 / max($0, 1e-12) - 1 }
    )
  }

  /// dₘ, [B, C].
  static func similarities(_ features: Tensor, _ prototypes: Tensor, _ task: PredictionTask) throws -> Tensor {
    // ‖e − c‖² = ‖e‖² + ‖c‖² − 2⟨e, c⟩, seen from the middle of all c, so that less is lost in the difference.
    let middle = try prototypes.mean(0)
    let (e, c) = (try features - middle, try prototypes - middle)
    let lengths = try e.square().sum(1, keeping: true) + c.square().sum(1)
    let squares = try lengths.added(e.matmul(c.transposed()), scale: -2)
    // A distance that is nothing but rounding has no slope, as the root of zero has none.
    let rounding = 16 * (e.elementType == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne))
    let least = try (lengths.detached() * rounding).clamped(min: 1e-24)
    let distances = try squares.maximum(least).squareRoot()
    guard task == .multiLabel else { return try -distances }
    let classes = prototypes.shape[0] / 2
    return try distances.narrowed(1, from: classes, length: classes) - distances.narrowed(1, from: 0, length: classes)
  }

  /// H, the mean over samples, and over labels where there are several.
  static func entropy(_ logits: Tensor, _ task: PredictionTask) throws -> Tensor {
    let logs = try task.logProbabilities(logits)
    let mean = try Divergence.meanOverSamples(-(logs.exp() * logs))
    return task == .multiLabel ? try mean / Double(logits.shape[1]) : mean
  }

  /// The class means of a batch itself, for a step that is looked at before any epoch has begun.
  private func own(_ outputs: Outputs, _ batch: Batch) throws -> PerModality<Tensor> {
    try withoutGradients {
      var sums = ClassMeans()
      try sums.add(outputs.features, batch, outputs.model)
      return try sums.means(after: nil, momentum: 0)
    }
  }

  // MARK: State

  public func state() throws -> MethodState {
    MethodState(tensors: prototypes.map { $0.map { ("\($0.0.name).prototypes", $0.1) } } ?? [])
  }

  public mutating func restore(_ state: MethodState) throws {
    let named = state.tensors.filter { $0.name.hasSuffix(".prototypes") }
    prototypes =
      named.isEmpty
      ? nil : PerModality(named.map { Modality(String($0.name.dropLast(".prototypes".count))) }, named.map(\.tensor))
  }
}
