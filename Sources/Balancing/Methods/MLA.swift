import Foundation
public import Multimodal
import Records
public import Torch
public import TorchNN

/// MLA: the modalities take turns in training one classifier that they share, each sparing what the others have learned.
///
///     zₘ = W eₘ + b,   for one m after the other:   θₘ, W, b ← descend loss(zₘ, y), with ∇_W replaced by ∇_W Pᵀ
///     r = 1/B Σᵢ eₘ[i],   k = P r,   P ← P − k kᵀ/(λ + rᵀk),   λ = 0.1^(1 + t/n)
///     z = Σₘ wₘ zₘ,   w = softmax over m of −H(pₘ), sample by sample
///
/// where W, b are the parameters `method.head`, P is `projector`, which begins as the identity and is shared by all
/// modalities, t counts an epoch's n batches, and H is the entropy. The first update of all is not changed. The turns go by
/// name, so that the order in which modalities are listed decides nothing.
///
/// `variant: official` follows the authors' code: it divides k kᵀ element by element by λ + k rᵀ, and P by its Frobenius
/// norm afterwards. Not followed: that their modification needs a parameter name which only some set-ups give, that their
/// prediction weighs whole batches, and that a turn moves the other encoders by momentum and decay.
public struct MLA: BalancingMethod, AddsParameters, Checkpointed, AnswersAbsence {
  private let configuration: Configuration
  /// P, [H, H]; nil before the first update.
  private var projector: Tensor?

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public func addParameters(_ scope: Scope, for model: MultimodalModel) throws {
    let widths = model.embeddings.values.map { $0.weight.shape[0] }
    guard let width = widths.first, widths.allSatisfy({ $0 == width }) else {
      throw Diagnosis(
        "mla needs embeddings of one width",
        found: ["the model has \(widths.map(String.init).joined(separator: ", "))"],
        exitStatus: .usage)
    }
    _ = try Linear(scope / "head", in: width, out: model.classes)
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    var report = StepReport(losses: [:])
    var answers: [(modality: Modality, logits: Tensor)] = []
    for modality in session.model.modalities.sorted(by: { $0.name < $1.name }) {
      let feature = try session.feature(modality, batch)
      let logits = try Self.head(session.model, feature)
      let loss = try session.loss(logits, batch)
      let direction = try changed(session.gradients(of: loss), seeing: feature.detached(), session)
      try session.update(along: direction)
      report.losses[modality.name] = try loss.scalar()
      answers.append((modality, try logits.detached()))
    }
    try withoutGradients {
      let weights = try weights(answers.map(\.logits), session.model.task)
      report.losses["fused"] = try session.loss(Self.mean(answers.map(\.logits), weights), batch).scalar()
      for (position, answer) in answers.enumerated() {
        report.scalars["weight.\(answer.modality.name)"] = try weights.selected(0, position).mean().scalar()
      }
      report.scalars["norm.projector"] = try projector.map {
        try $0.flattened().dot($0.flattened()).scalar().squareRoot()
      }
    }
    return report
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    let all = try Array(outputs.features)
    let present = all.filter { !absent.contains($0.0) }
    let logits = try (present.isEmpty ? all : present).map { try Self.head(outputs.model, $0.1) }
    return try Self.mean(logits, weights(logits, outputs.model.task))
  }

  // MARK: The shared classifier

  private static func head(_ model: MultimodalModel, _ feature: Tensor) throws -> Tensor {
    try feature.linear(model.methodTensor("head", "weight"), model.methodTensor("head", "bias"))
  }

  /// The direction with the part of W turned away from the features that were seen.
  private mutating func changed(
    _ direction: Gradients, seeing feature: Tensor, _ session: TrainingSession
  ) throws -> Gradients {
    let width = feature.shape[1]
    guard let weight = session.model.store["method.head.weight"] else { return direction }
    guard let before = projector else {
      projector = try Tensor(Self.identity(width), shape: [width, width]).to(feature.elementType, on: feature.device)
      return direction
    }
    let perEpoch = max(session.clock.steps / max(session.clock.epochs, 1), 1)
    let share = Double(session.clock.step % perEpoch) / Double(perEpoch)
    let after = try Self.updated(
      before, seeing: feature.mean(0), lambda: pow(0.1, 1 + share), configuration.variant)
    projector = after
    return try direction.mapping([weight.index]) { (row) throws(TorchError) in
      try row.reshaped(weight.shape).linear(after, nil).flattened()
    }
  }

  private static func identity(_ width: Int) -> [Double] {
    (0..<(width * width)).map { $0 % (width + 1) == 0 ? 1 : 0 }
  }

  /// P after r was seen.
  static func updated(
    _ projector: Tensor, seeing r: Tensor, lambda: Double, _ variant: Variant
  ) throws(TorchError) -> Tensor {
    let row = try r.unsqueezed(0)
    let k = try projector.matmul(row.transposed())
    let square = try k * k.transposed()
    switch variant {
    case .paper:
      return try projector.added(square, scale: -1 / (row.matmul(k).scalar() + lambda))
    case .official:
      let after = try projector - square / (k * row + lambda)
      let norm = try after.norm().scalar()
      // A divisor that happens to be nothing would end the training.
      return norm > 0 && norm.isFinite ? try after / norm : projector
    }
  }

  // MARK: Prediction

  /// The weight of each modality, [M, B].
  private func weights(_ logits: [Tensor], _ task: PredictionTask) throws -> Tensor {
    switch configuration.prediction {
    case .entropy: try (-Tensor.stack(logits.map { try Self.entropy($0, task) })).softmax(0)
    case .mean:
      try .full(
        [logits.count, logits[0].shape[0]], 1 / Double(logits.count), logits[0].elementType, on: logits[0].device)
    }
  }

  /// H of each sample, [B]; the mean over labels where there are several.
  static func entropy(_ logits: Tensor, _ task: PredictionTask) throws(TorchError) -> Tensor {
    let logs = try task.logProbabilities(logits)
    let entropy = try -(logs.exp() * logs).sum(-1)
    return task == .multiLabel ? try entropy.mean(-1) : entropy
  }

  private static func mean(_ logits: [Tensor], _ weights: Tensor) throws -> Tensor {
    try (Tensor.stack(logits) * weights.unsqueezed(2)).sum(0)
  }

  // MARK: State

  public func state() throws -> MethodState {
    MethodState(tensors: projector.map { [("projector", $0)] } ?? [])
  }

  public mutating func restore(_ state: MethodState) throws { projector = state.tensor("projector") }
}
