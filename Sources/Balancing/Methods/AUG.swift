public import Multimodal
import Records
public import Torch
public import TorchNN

/// AUG: each modality has a stack of small classifiers with one output layer for all, and the weakest one's stack grows.
///
///     rₘₖ = G relu(Aₘₖ eₘ + aₘₖ) + g,   Fₘ = Σ over k ≤ Kₘ of rₘₖ,   Oₘ = Fₘ − Nₘ,   Nₘ = rₘ of the last stage
///
///     for one m after the other:   descend loss(Fₘ, y)                                              if Kₘ = 1
///                                  descend loss(Fₘ, y) + loss(Oₘ, y) + mean (1 − γ q) loss(Nₘ, y)   if Kₘ > 1
///
/// where q = p(y) by Oₘ carries no gradient, so that the last term is −Σ_c ỹ_c log p_c for the target ỹ = y (1 − γ p(Oₘ)) that is
/// not normalised; of several labels each has its own q. All Kₘ begin at ``Configuration/first``. After the first epoch and then
/// every tenth of the epochs, the modality with the least mean p(y) by Fₘ over the epoch before gets a stage if the largest mean
/// is more than 1 + τ times as much. The prediction is Σₘ wₘ Fₘ of the modalities that are there, Σ w = 1. The turns go by
/// name. All stages there may be are parameters `method.stage` from the start; one that is not begun is neither computed nor moved.
public struct AUG: AddsParameters, ActsBetweenEpochs, Checkpointed, AnswersAbsence {
  private let configuration: Configuration
  private var memory = Memory()

  struct Memory: Codable, Equatable {
    var stages: [String: Int] = [:]
    /// Σᵢ p(yᵢ) over the epoch so far.
    var confidence: [String: Double] = [:]
    /// What each weighs in prediction; empty where all weigh alike.
    var weights: [String: Double] = [:]
  }

  public init(_ configuration: Configuration) { self.configuration = configuration }

  private var most: Int { max(configuration.maxStages, configuration.first) }

  func count(_ modality: Modality) -> Int { memory.stages[modality.name] ?? configuration.first }

  public func addParameters(_ scope: Scope, for model: MultimodalModel) throws {
    try ClassifierStacks.make(scope, for: model, hidden: configuration.hidden, stages: most)
  }

  public mutating func epochWillBegin(_ epoch: Int, _ context: TrainingContext) throws {
    defer { memory.confidence = [:] }
    if epoch > 0, (epoch - 1) % max(context.session.clock.epochs / 10, 1) == 0 { grow(context.model.modalities) }
    guard configuration.weights == .validation else { return }
    memory.weights = try validationWeights(context, "aug") { try stacks($0) }
  }

  /// One stage more for the modality with the least confidence, where the others are too far ahead of it.
  mutating func grow(_ modalities: [Modality]) {
    let ranked = modalities.map { (memory.confidence[$0.name] ?? 0, $0.name) }.sorted(by: <)
    guard let (least, weakest) = ranked.first, let (largest, _) = ranked.last,
      largest > (1 + configuration.threshold) * least
    else { return }
    memory.stages[weakest] = min((memory.stages[weakest] ?? configuration.first) + 1, most)
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let (model, task) = (session.model, session.model.task)
    var report = StepReport(losses: [:])
    var answers: [(Modality, Tensor)] = []
    for modality in model.modalities.sorted(by: { $0.name < $1.name }) {
      let feature = try session.feature(modality, batch)
      let stages = try ClassifierStacks.answers(modality, feature, model, stages: count(modality))
      let whole = try Tensor.total(stages)
      var loss = try session.loss(whole, batch)
      report.losses[modality.name] = try loss.scalar()
      if let new = stages.last, stages.count > 1 {
        let old = try Tensor.total(stages.dropLast())
        let residual = try residualLoss(
          new, beside: old, batch.labels, task, fit: 1, reduction: configuration.residual,
          classWeights: session.classWeights)
        report.scalars["residual.\(modality)"] = try residual.scalar()
        loss = try loss + session.loss(old, batch) + residual
      }
      var direction = try session.gradients(of: loss)
      if configuration.stages == .frozen {
        direction = ClassifierStacks.leavingOut(stagesFrom: configuration.first, of: direction, model.store)
      }
      try session.update(along: direction)
      answers.append((modality, try whole.detached()))
      report.scalars["method.stages.\(modality)"] = Double(stages.count)
    }
    try withoutGradients {
      for (modality, logits) in answers {
        memory.confidence[modality.name, default: 0] += try task.trueProbability(logits, batch.labels).sum().scalar()
      }
      report.losses["fused"] = try session.loss(weightedMean(answers, memory.weights), batch).scalar()
    }
    return report
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    let all = try Array(stacks(outputs))
    let present = all.filter { !absent.contains($0.0) }
    return try weightedMean(present.isEmpty ? all : present, memory.weights)
  }

  /// Fₘ, [B, C] each.
  private func stacks(_ outputs: Outputs) throws -> PerModality<Tensor> {
    try outputs.features.map { try .total(ClassifierStacks.answers($0, $1, outputs.model, stages: count($0))) }
  }

  public func state() throws -> MethodState { MethodState(numbers: try Tree(encoding: memory)) }

  public mutating func restore(_ state: MethodState) throws { memory = try state.numbers.decode(Memory.self) }
}
