import Foundation
public import Multimodal
import Records
public import Torch
import TorchNN

/// Diagnosing & Re-learning: now and then each branch goes back towards its first values, the further the better its
/// features separate the training split than the validation split.
///
///     Pₘ = share of samples whose class is the commonest in their cluster,   clusters: k-means of eₘ with k = C
///     gₘ = |Pₘ(training) − Pₘ(validation)|,   aₘ = tanh(λ gₘ)
///     θₘ ← aₘ θₘ(first) + (1 − aₘ) θₘ
///
/// where eₘ are the features, each dimension stretched to −1…1 in each split, θₘ the branch, λ ``Configuration/lambda``;
/// between these moments, joint training. With several labels P is the mean over labels. Both splits are judged by as many
/// samples, since few samples form purer clusters than many; the authors take all of each.
public struct Relearning: ObjectiveMethod, PreparesBeforeTraining, ActsBetweenEpochs, Checkpointed {
  private let configuration: Configuration
  /// What was found the last time, by the names it is reported under.
  private var findings = Findings()

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func prepare(_ context: TrainingContext) throws { _ = try Self.validation(context) }

  public mutating func epochWillBegin(_ epoch: Int, _ context: TrainingContext) throws {
    guard Self.isDue(epoch, of: context.session.clock.epochs, configuration) else { return }
    let validation = try Self.validation(context)
    let count = min(context.training.count, validation.count, configuration.samples)
    let training = try purities(of: context.training, "training", count, epoch, context)
    let held = try purities(of: validation, "validation", count, epoch, context)
    let first = try context.fresh().model.store.snapshot()
    let store = context.model.store
    for modality in context.model.modalities {
      let gap = abs(training[modality] - held[modality])
      let factor = Self.factor(gap, lambda: configuration.lambda)
      findings.values["purity.training.\(modality.name)"] = training[modality]
      findings.values["purity.validation.\(modality.name)"] = held[modality]
      findings.values["gap.\(modality.name)"] = gap
      findings.values["factor.\(modality.name)"] = factor
      guard factor > 0 else { continue }
      let trained = Set(store.trainable)
      // first + (1 − a) · (now − first)
      try store.interpolate(
        from: first, factor: 1 - factor, within: context.model.branch(modality).filter(trained.contains))
    }
  }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let loss = try session.loss(outputs.logits, batch)
    report.losses["fused"] = try loss.scalar()
    report.scalars.merge(findings.values) { $1 }
    return loss
  }

  // MARK: Parts

  /// Whether it is done before an epoch: the 1st to the `times`-th multiple of `every`, to the nearest epoch.
  static func isDue(_ epoch: Int, of epochs: Int, _ configuration: Configuration) -> Bool {
    guard epoch > 0, configuration.times > 0 else { return false }
    return (1...configuration.times).contains {
      Int((Double($0) * configuration.every * Double(epochs)).rounded()) == epoch
    }
  }

  /// aₘ.
  static func factor(_ gap: Double, lambda: Double) -> Double { tanh(lambda * gap) }

  /// P for clusters and the classes of the same samples.
  static func purity(_ clusters: [Int], _ classes: [Int]) -> Double {
    var counts: [Int: [Int: Int]] = [:]
    for (cluster, label) in zip(clusters, classes) { counts[cluster, default: [:]][label, default: 0] += 1 }
    let commonest = counts.values.reduce(0) { $0 + ($1.values.max() ?? 0) }
    return clusters.isEmpty ? 0 : Double(commonest) / Double(clusters.count)
  }

  /// Each column stretched to −1…1; one that is the same throughout becomes −1.
  static func stretched(_ features: Tensor) throws(TorchError) -> Tensor {
    let values = try features.to(.float64, on: .cpu)
    let low = try values.min(0, keeping: true)
    let range = try values.max(0, keeping: true) - low
    return try (values - low) / range.clamped(min: 1e-12) * 2 - 1
  }

  private func purities(
    of source: any BatchSource, _ split: String, _ count: Int, _ epoch: Int, _ context: TrainingContext
  ) throws -> PerModality<Double> {
    let model = context.model
    func stream(_ name: String) -> SeededNumbers {
      SeededNumbers(seed: context.random.seed, stream: "method/relearning/\(epoch)/\(split)/\(name)")
    }
    var samples = stream("samples")
    let plan = SamplingPlan(samples.sample(count, of: source.count).map { SamplingPlan.Visit($0) })
    var features: [[Tensor]] = model.modalities.map { _ in [] }
    var labels: [Tensor] = []
    try context.forEachBatch(of: source, plan) { batch in
      let found = try withoutGradients { try context.session.forward(batch).features }
      for (position, feature) in found.values.enumerated() { features[position].append(feature) }
      labels.append(batch.labels)
    }
    let truth = try Tensor.cat(labels, 0)
    // A column of classes for each label, or one of all.
    let columns: [[Int]] =
      model.task == .multiLabel
      ? try (0..<model.classes).map { try truth.selected(1, $0).array() } : [try truth.array()]
    let stretched = try features.map { try Self.stretched(Tensor.cat($0, 0)) }
    return try PerModality(
      model.modalities,
      zip(model.modalities, stretched).map { modality, points in
        var numbers = stream("clusters/\(modality.name)")
        let clusters = try KMeans.clusters(points, model.classes, &numbers)
        return columns.reduce(0) { $0 + Self.purity(clusters, $1) } / Double(columns.count)
      })
  }

  private static func validation(_ context: TrainingContext) throws -> any BatchSource {
    guard let validation = context.validation, validation.count > 0 else {
      throw Diagnosis(
        "'relearning' compares the training split with a validation split, and there is none",
        remedy: "take some training samples as a validation split, or choose another method", exitStatus: .input)
    }
    return validation
  }

  // MARK: State

  private struct Findings: Codable { var values: [String: Double] = [:] }

  public func state() throws -> MethodState { MethodState(numbers: try Tree(encoding: findings)) }

  public mutating func restore(_ state: MethodState) throws { findings = try state.numbers.decode(Findings.self) }
}
