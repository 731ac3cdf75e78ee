public import Multimodal
public import Records
import Torch
import TorchNN

/// CGGM: the branch of a modality whose classifier is improving is slowed down, and the fused prediction is drawn towards
/// the corrections that classifiers ask for which improve.
///
///     εₘ = Aₘ(this step) − Aₘ(the last),   sₘ = clip(ρ (Σₖ εₖ − εₘ) / Σₖ εₖ, 0, ρ)
///     L = loss(z, y) + (λ/M) Σₘ (|εₘ| − εₘ cos(δ, δₘ)),   δ = p − y,  δₘ = sg(pₘ − y)
///     θₘ ← θₘ − η sₘ ∇ L,   f_T ← f_T − η ∇ L,   fₘ ← fₘ − η ∇ loss(fₘ(sg eₘ), y)
///
/// where Aₘ is the share of a batch that the modality's own classifier fₘ gets right (of labels, where there are several),
/// and δ the derivative of cross-entropy at the logits, [B, C], all of it as one vector. sₘ is 1 where |Σ εₖ| < 10⁻⁶, and in
/// the first step, which has no last one and no direction term. ρ is ``Configuration/rho`` and λ ``Configuration/direction``.
public struct CGGM: BalancingMethod, Checkpointed, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    @Setting("ρ, the largest scale of a branch's gradient", .positive) public var rho = 1.3
    @Setting("λ, of the direction term", .nonNegative) public var direction = 0.2
    public init() {}
  }

  public static let card = MethodCard(
    name: "cggm", title: "CGGM",
    citation: Citation(
      authors: ["Zirun Guo", "Tao Jin", "Jingyuan Chen", "Zhou Zhao"],
      title: "Classifier-guided Gradient Modulation for Enhanced Multimodal Learning", venue: "NeurIPS", year: 2024,
      url: "https://arxiv.org/abs/2411.01409"),
    stage: .optimization,
    summary: "Slows the branch whose own classifier improves, and turns the fused prediction after those that do.",
    needs: ["unimodal classifiers"], modalities: .several,
    departures: [
      "Published: ahead of all its comparisons. Replicated by others over five seeds: below joint training (CREMA-D 50.2, "
        + "Kinetics-Sounds 73.2 against 79.1, AVE 76.7). Compare it with `joint` before you rely on it.",
      "The scale is kept within 0 and ρ, and is 1 where the changes cancel; in the authors' code it grows without bound there.",
      "The direction term compares the derivatives at the logits, which every fusion has; the authors' code compares weights "
        + "of output layers, and adds the last step's value, through which no gradient flows.",
      "The direction term weighs a modality by εₘ; the authors' code by its scale over ρ.",
      "The modalities' classifiers are linear and learn at the run's rate; the authors' are transformers at 5·10⁻⁴.",
    ],
    settings: settings)

  public static let requirements = MethodRequirements(
    scalesGradients: true, trainedEncoders: true,
    needsClasses: "it slows branches by the accuracy of their classifiers")

  private let configuration: Configuration
  /// Aₘ of the last step by name; empty before the first.
  private var accuracies: [String: Double] = [:]

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let (model, outputs) = (session.model, try session.forward(batch))
    // The classifiers learn from features that they do not move.
    let unimodal = try model.heads.map { try $1(outputs.features[$0].detached()) }
    let fused = try session.loss(outputs.logits, batch)
    let losses = try unimodal.map { try session.loss($1, batch) }
    var report = StepReport(losses: ["fused": try fused.scalar()])
    for (modality, loss) in losses { report.losses[modality.name] = try loss.scalar() }

    let now = try withoutGradients {
      try unimodal.map { try Self.accuracy($1, batch.labels, model.task) }
    }
    let changes = accuracies.isEmpty ? nil : now.map { $1 - (accuracies[$0.name] ?? 0) }
    for (modality, accuracy) in now { accuracies[modality.name] = accuracy }
    var total = try fused + Tensor.total(losses.values)
    if let changes, configuration.direction > 0 {
      let term = try Self.direction(outputs.logits, unimodal.values, changes.values, batch.labels, model.task)
      report.scalars["direction"] = try term.scalar()
      total = try total + term * configuration.direction
    }
    var update = try session.gradients(of: total)
    let scales = Self.scales(changes?.values ?? now.values.map { _ in 0 }, rho: configuration.rho)
    for (place, modality) in model.modalities.enumerated() {
      report.scalars["accuracy.\(modality.name)"] = now[modality]
      report.scalars["scale.\(modality.name)"] = scales[place]
      if scales[place] != 1 { update = try update.scaled(by: scales[place], within: model.branch(modality)) }
    }
    try session.update(along: update)
    return report
  }

  // MARK: Parts

  /// Aₘ.
  static func accuracy(_ logits: Tensor, _ labels: Tensor, _ task: PredictionTask) throws -> Double {
    switch task {
    case .singleLabel, .binary: try Certainty.right(logits, labels, task).to(.float64).mean().scalar()
    case .multiLabel:
      try logits.greater(than: 0).to(.int64).equal(to: labels.to(.int64)).to(.float64).mean().scalar()
    case .regression: preconditionFailure("a regression has no accuracy")
    }
  }

  /// sₘ, from ε.
  static func scales(_ changes: [Double], rho: Double) -> [Double] {
    let sum = changes.reduce(0, +)
    guard abs(sum) >= 1e-6 else { return changes.map { _ in 1 } }
    return changes.map { min(max(rho * (sum - $0) / sum, 0), rho) }
  }

  /// (1/M) Σₘ (|εₘ| − εₘ cos(δ, δₘ)).
  static func direction(
    _ fused: Tensor, _ unimodal: [Tensor], _ changes: [Double], _ labels: Tensor, _ task: PredictionTask
  ) throws -> Tensor {
    func slope(_ logits: Tensor) throws -> Tensor {
      let truth = task == .multiLabel ? labels : try labels.oneHot(logits.shape[1])
      return try (task.probabilities(logits) - truth.to(logits.elementType)).reshaped([1, -1])
    }
    let own = try slope(fused).unitRows()
    let terms = try zip(unimodal, changes).map { logits, change in
      try abs(change) - (own * slope(logits.detached()).unitRows()).sum() * change
    }
    return try Tensor.total(terms) / Double(terms.count)
  }

  // MARK: State

  public func state() throws -> MethodState { MethodState(numbers: try Tree(encoding: accuracies)) }

  public mutating func restore(_ state: MethodState) throws {
    accuracies = try state.numbers.decode([String: Double].self)
  }
}
