public import Multimodal
import Records
public import Torch
public import TorchNN

/// ReconBoost: one modality at a time learns what the others do not know yet, as in boosting.
///
///     zₘ = W₂ relu(W₁ eₘ + b₁) + b₂,   z = ρ Σₘ zₘ,   qₘ = P(y | ρ Σ_{j ≠ m} zⱼ), held fixed
///
///     stage s, alone:     L = (1/C) (w₁ − w₂ qₘ) loss(zₘ, y) + α mean (pₘ − sg pₙ)²       m: modality s mod M, n: that before
///              together:  L = loss(z, y)
///
/// where W₁ ([`hidden`, H]), W₂ and ρ are one for all modalities, w₁ is ``Configuration/fit``, w₂
/// ``Configuration/reconcilement``, α ``Configuration/memory``, pₘ the probabilities of zₘ; stages take
/// ``Configuration/Stage/alone`` and ``Configuration/Stage/together`` epochs, modalities come by name. Alone, nothing but eₘ's
/// branch and the shared classifier moves. With several labels, q and the loss are per label and C is their mean. Under
/// class weights each sample's, or label's, loss counts by its class alone as together; the memory term, which knows no
/// labels, does not. The prediction is z of the modalities that are there.
///
/// In the authors' code the memory term has no gradient, both sides being cut off from the graph: here pₘ has one.
public struct ReconBoost: ObjectiveMethod, AddsParameters, AnswersAbsence {
  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public func addParameters(_ scope: Scope, for model: MultimodalModel) throws {
    let widths = model.embeddings.values.map { $0.weight.shape[0] }
    guard let width = widths.first, widths.allSatisfy({ $0 == width }) else {
      throw Diagnosis(
        "'reconboost' has one classifier for all modalities, and their embeddings differ in width",
        found: zip(model.modalities, widths).map { "\($0): \($1)" }, remedy: "give all embeddings one width",
        exitStatus: .usage)
    }
    _ = try Linear(scope / "first", in: width, out: configuration.hidden)
    _ = try Linear(scope / "second", in: configuration.hidden, out: model.classes)
    _ = try scope.parameter("rate", [1], .constant(configuration.rate))
  }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let model = session.model
    let learners = try Self.learners(outputs)
    let loss = try session.loss(Self.ensemble(learners.values, model), batch)
    report.losses["fused"] = try loss.scalar()
    try withoutGradients {
      for (modality, logits) in learners { report.losses[modality.name] = try session.loss(logits, batch).scalar() }
    }
    report.scalars["rate"] = try model.methodTensor("rate").scalar()

    let turn = Turn(session.clock.epoch, configuration.stage, model.modalities)
    for modality in model.modalities {
      report.scalars["alone.\(modality.name)"] = !turn.together && modality == turn.modality ? 1 : 0
    }
    guard !turn.together else { return loss }
    let rest = try withoutGradients {
      try Self.ensemble(learners.filter { $0.0 != turn.modality }.map(\.1), model)
    }
    let own = learners[turn.modality]
    let boosting = try Self.boosting(
      own, rest, batch.labels, model.task, fit: configuration.fit, reconcilement: configuration.reconcilement,
      classWeights: session.classWeights)
    report.scalars["boosting"] = try boosting.scalar()
    guard let before = turn.before else { return boosting }
    let memory = try Self.memory(own, learners[before], model.task)
    report.scalars["memory"] = try memory.scalar()
    return configuration.memory > 0 ? try boosting + memory * configuration.memory : boosting
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    let all = try Self.learners(outputs)
    let present = all.filter { !absent.contains($0.0) }.map(\.1)
    return try Self.ensemble(present.isEmpty ? all.values : present, outputs.model)
  }

  // MARK: Parts

  /// Whose turn it is in an epoch.
  struct Turn: Equatable {
    /// The stage's modality.
    let modality: Modality
    /// That of the stage before; nil in the first.
    let before: Modality?
    /// Whether all modalities are trained.
    let together: Bool

    init(_ epoch: Int, _ stage: Configuration.Stage, _ modalities: [Modality]) {
      let order = modalities.sorted { $0.name < $1.name }
      let length = stage.alone + stage.together
      let number = epoch / length
      modality = order[number % order.count]
      before = number > 0 ? order[(number - 1) % order.count] : nil
      together = epoch % length >= stage.alone
    }
  }

  /// zₘ for each modality, [B, C].
  static func learners(_ outputs: Outputs) throws -> PerModality<Tensor> {
    let model = outputs.model
    let (w1, b1) = (try model.methodTensor("first", "weight"), try model.methodTensor("first", "bias"))
    let (w2, b2) = (try model.methodTensor("second", "weight"), try model.methodTensor("second", "bias"))
    return try outputs.features.map { try $1.linear(w1, b1).relu().linear(w2, b2) }
  }

  /// ρ Σ zₘ.
  static func ensemble(_ learners: [Tensor], _ model: MultimodalModel) throws -> Tensor {
    try Tensor.stack(learners).sum(0) * model.methodTensor("rate")
  }

  /// The loss of one learner, with less weight on the samples, or labels, that the rest knows.
  static func boosting(
    _ own: Tensor, _ rest: Tensor, _ labels: Tensor, _ task: PredictionTask, fit: Double, reconcilement: Double,
    classWeights: Tensor? = nil
  ) throws(TorchError) -> Tensor {
    let loss = try residualLoss(
      own, beside: rest, labels, task, fit: fit, reduction: reconcilement, classWeights: classWeights)
    return task == .multiLabel ? loss : try loss / Double(own.shape[1])
  }

  /// How far a learner's probabilities are from those of the one before it, which stay where they are.
  static func memory(_ own: Tensor, _ before: Tensor, _ task: PredictionTask) throws(TorchError) -> Tensor {
    try (task.probabilities(own) - task.probabilities(before).detached()).square().mean()
  }
}
