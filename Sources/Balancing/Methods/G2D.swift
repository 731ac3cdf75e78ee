public import Multimodal
import Records
public import Torch
import TorchNN

/// G2D: joint training near unimodal teachers, in which the weaker modalities' branches are trained first.
///
///     L = loss(z, y) + Σₘ [ a mean (eₘ − tₘ)² + b T² D_KL(p(uₘ / T) ‖ p(z / T)) ],   z = 1/M Σₘ fₘ(eₘ)
///
/// where tₘ and uₘ are the features and logits of a teacher that was trained on modality m alone before, and fixed, and fₘ the
/// unimodal classifiers; means are over samples and elements, and with several labels over labels. Sequential modality
/// prioritisation: modalities are ranked by the teachers' mean probability of the truth over the training split. For the first
/// ``Configuration/prioritised`` of the epochs, in M − 1 phases of one length, only one branch is trained, the weakest's first
/// and that of the strongest never alone; then all are. A branch that waits stays as it is, momentum, decay and running
/// statistics included. Classifiers are always trained. With `student: fused`, z are the fused logits, and the unimodal
/// classifiers are trained on features cut off from the graph.
public struct G2D: PreparesBeforeTraining, Checkpointed, AnswersAbsence, TrainsUnimodalClassifiers {
  private let configuration: Configuration
  private var teachers = UnimodalTeachers()
  /// The teachers' mean probability of the truth, by modality; nil before they are trained.
  private(set) var scores: [String: Double]?

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func prepare(_ context: TrainingContext) throws {
    guard configuration.distil || configuration.prioritised > 0 else { return }
    let model = try trainedUnimodally(context, epochs: configuration.teacherEpochs, keepingBest: true)
    teachers = try UnimodalTeachers(model)
    scores = try truthScores(model, context)
  }

  /// The modalities whose branches wait in the epoch under way, and the number of its phase from 0, the last being that of all.
  func waiting(_ modalities: [Modality], _ clock: TrainingClock) throws -> (held: Set<Modality>, phase: Int) {
    let phases = modalities.count - 1
    let ends = (0..<phases).map {
      Int(Double(clock.epochs) * configuration.prioritised * Double($0 + 1) / Double(phases))
    }
    guard let phase = ends.firstIndex(where: { clock.epoch < $0 }) else { return ([], phases) }
    guard let scores else { throw unprepared }
    let ranked = modalities.sorted { (scores[$0.name] ?? 0, $0.name) < (scores[$1.name] ?? 0, $1.name) }
    return (Set(modalities).subtracting([ranked[phase]]), phase)
  }

  private var unprepared: Diagnosis {
    Diagnosis(
      "g2d has no teachers", found: ["they are trained when a run begins"],
      remedy: "of a single step: --state method.safetensors of a run, or --set distil=false --set prioritised=0",
      exitStatus: .usage)
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let model = session.model
    let (held, phase) = try waiting(model.modalities, session.clock)
    let outputs = try session.forward(batch, holding: held)
    let late = configuration.student == .late
    let unimodal = late ? try outputs.unimodal() : try outputs.features.map { try model.heads[$0]($1.detached()) }
    let logits = late ? try Tensor.total(unimodal.values) / Double(unimodal.count) : outputs.logits
    var total = try session.loss(logits, batch)
    var report = StepReport(losses: ["fused": try total.scalar()], scalars: ["method.phase": Double(phase)])
    for (modality, own) in unimodal {
      let loss = try session.loss(own, batch)
      report.losses[modality.name] = try loss.scalar()
      if !late { total = try total + loss }
    }
    if configuration.distil { total = try total + distillation(outputs, logits, batch, session, &report) }
    let waiting = Set(held.flatMap(model.branch))
    let moving = model.store.trainable.filter { !waiting.contains($0) }
    try session.update(along: session.gradients(of: total).within(moving))
    return report
  }

  /// Σₘ of the distances from the teacher of m.
  private func distillation(
    _ outputs: Outputs, _ logits: Tensor, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let (model, task, temperature) = (session.model, session.model.task, configuration.temperature)
    let student = try task.logProbabilities(logits / temperature)
    return try outputs.features.reduce(logits.sum() * 0) { total, entry in
      let (modality, feature) = entry
      guard let (own, answer) = try teachers(modality, batch.inputs[modality], model) else { throw unprepared }
      let distance = try (feature - own).square().mean()
      let teacher = try task.logProbabilities(answer / temperature)
      let divergence = try (teacher.exp() * (teacher - student)).sum(-1).mean()
      report.scalars["distance.\(modality)"] = try distance.scalar()
      report.scalars["divergence.\(modality)"] = try divergence.scalar()
      return try total + distance * configuration.features
        + divergence * (configuration.logits * temperature * temperature)
    }
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    guard configuration.student == .late else { return outputs.logits }
    let all = try outputs.unimodal()
    let present = all.filter { !absent.contains($0.0) }.map(\.1)
    return try Tensor.stack(present.isEmpty ? all.values : present).mean(0)
  }

  public func state() throws -> MethodState {
    MethodState(numbers: .table(["scores": try Tree(encoding: scores ?? [:])]), tensors: teachers.tensors)
  }

  public mutating func restore(_ state: MethodState) throws {
    let kept = try state.numbers[path: "scores"]?.decode([String: Double].self) ?? [:]
    scores = kept.isEmpty ? nil : kept
    teachers = UnimodalTeachers(state.tensors)
  }
}
