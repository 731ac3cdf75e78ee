public import Multimodal
public import Records
import Torch
import TorchNN

/// Data remixing: each sample trains the modality that is least sure of it, alone, in batches of one such set.
///
///     first   L = loss(z, y) + (1/M) Σₘ loss(zₘ, y)
///     then    dₘᵢ = D_KL(pₘᵢ ‖ uniform),   mᵢ = argmin over m of dₘᵢ
///             L = loss(z⁰, y) + γ loss(z_mᵢ, y),   z⁰ = f_T(fuse(0, …, e_mᵢ, …, 0))
///
/// where zₘ are the unimodal classifiers' logits, pₘ their probabilities and γ ``Configuration/unimodal``. The first part is
/// a share ``Configuration/warmup`` of training. Before each later epoch every sample is given to a modality, of equal ones
/// to the first by name; the epoch's order is cut into batches of one modality each, and the batches come in an order of
/// their own. What is left of the sets fills the epoch's last batches, in which every row keeps its own modality.
///
/// A step outside an epoch, as `seesaw gradients` takes it, gives its rows to modalities by the weights it begins with.
public struct Remix: PlansSampling, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    public var warmup = 0.17
    public var unimodal = 0.5
    public init() {}
  }

  public static let card = MethodCard(
    name: "remix", title: "Data remixing",
    citation: Citation(
      authors: ["Xiaoyu Ma", "Hao Chen", "Yongjian Deng"],
      title: "Improving Multimodal Learning Balance and Sufficiency through Data Remixing", venue: "ICML", year: 2025,
      url: "https://arxiv.org/abs/2506.11550"),
    stage: .dataInput,
    summary: "Gives each sample to the modality that is least sure of it, and trains on that modality of it alone.",
    needs: ["unimodal classifiers", "a pass over the training split before each epoch"], modalities: .several,
    departures: [
      "The warm-up is a share of training, not ten of sixty epochs.",
      "Batches of the modalities come in mixed order, as in the paper; the authors' code takes all of one, then all of the "
        + "other.",
      "What is left of the sets after whole batches shares the epoch's last batches, row by row.",
      "A modality that a sample is not given to updates no running statistics, as it does in the authors' code.",
      "Of equally sure modalities the first by name is given the sample, in the authors' code the second.",
      "With several labels, the divergence is the mean over labels of that of yes and no.",
    ],
    settings: settings([
      SettingNote("warmup", "The share of training before samples are given to modalities", range: .fraction),
      SettingNote("unimodal", "γ, of the unimodal loss after that", range: .nonNegative),
    ]), sees: ["clean", "missing"])

  public static let requirements = MethodRequirements(
    needsClasses: "it gives samples to modalities by how sure their class probabilities are")

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func plan(forEpoch epoch: Int, _ context: TrainingContext) throws -> SamplingPlan {
    guard !isWarmingUp(context.session.clock) else { return context.shuffled(epoch) }
    let modalities = context.model.modalities
    var chosen: [Int] = []
    try withoutGradients {
      try context.forEachBatch(of: context.training) { batch in
        chosen += try Self.leastSure(context.model(batch.inputs).unimodal(), context.model.task)
      }
    }
    // By name, so that the order of the modalities decides nothing.
    let names = modalities.indices.sorted { modalities[$0].name < modalities[$1].name }
    let order = context.shuffled(epoch).visits.map(\.sample)
    var (batches, rest): ([[SamplingPlan.Visit]], [SamplingPlan.Visit]) = ([], [])
    for place in names {
      let others = Set(modalities).subtracting([modalities[place]])
      let own = order.filter { chosen[$0] == place }.map { SamplingPlan.Visit($0, hidden: others) }
      let whole = own.count / context.batchSize * context.batchSize
      for start in stride(from: 0, to: whole, by: context.batchSize) {
        batches.append(Array(own[start..<(start + context.batchSize)]))
      }
      rest += own[whole...]
    }
    var numbers = SeededNumbers(seed: context.random.seed, stream: "method/remix/\(epoch)")
    return SamplingPlan(numbers.permutation(batches.count).flatMap { batches[$0] } + rest)
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let outputs = try session.forward(batch)
    let unimodal = try outputs.unimodal()
    var report = StepReport(losses: [:])
    let loss =
      try isWarmingUp(session.clock)
      ? warmupLoss(outputs, unimodal, batch, session, &report)
      : remixedLoss(outputs, unimodal, batch, session, &report)
    try session.update(along: session.gradients(of: loss))
    return report
  }

  // MARK: Parts

  private func isWarmingUp(_ clock: TrainingClock) -> Bool { clock.epochProgress < configuration.warmup }

  private func warmupLoss(
    _ outputs: Outputs, _ unimodal: PerModality<Tensor>, _ batch: Batch, _ session: TrainingSession,
    _ report: inout StepReport
  ) throws -> Tensor {
    let fused = try session.loss(outputs.logits, batch)
    let losses = try unimodal.map { try session.loss($1, batch) }
    report.losses["fused"] = try fused.scalar()
    for (modality, loss) in losses { report.losses[modality.name] = try loss.scalar() }
    return try fused + Tensor.total(losses.values) / Double(losses.count)
  }

  private func remixedLoss(
    _ outputs: Outputs, _ unimodal: PerModality<Tensor>, _ batch: Batch, _ session: TrainingSession,
    _ report: inout StepReport
  ) throws -> Tensor {
    let modalities = outputs.modalities
    let chosen =
      try batch.hidden.isEmpty
      ? withoutGradients { try Self.leastSure(unimodal, session.model.task) }
      : batch.hidden.map { hidden in modalities.firstIndex { !hidden.contains($0) } ?? 0 }
    let keeps = try modalities.indices.map { place in
      try Tensor(chosen.map { $0 == place ? 1.0 : 0 }, shape: [chosen.count, 1])
        .to(outputs.logits.elementType, on: outputs.logits.device)
    }
    let kept = try zip(outputs.features.values, keeps).map { try $0 * $1 }
    let fused = try session.loss(session.outputs(ofFeatures: PerModality(modalities, kept)).logits, batch)
    let own = try session.loss(Tensor.total(zip(unimodal.values, keeps).map { try $0 * $1 }), batch)
    report.losses["fused"] = try fused.scalar()
    report.losses["unimodal"] = try own.scalar()
    for (place, modality) in modalities.enumerated() {
      report.scalars["given.\(modality.name)"] =
        Double(chosen.count { $0 == place }) / Double(chosen.count)
    }
    return configuration.unimodal > 0 ? try fused + own * configuration.unimodal : fused
  }

  /// The place of the modality whose prediction is nearest to uniform, for each row; of equal ones the first by name.
  static func leastSure(_ unimodal: PerModality<Tensor>, _ task: PredictionTask) throws -> [Int] {
    let names = unimodal.modalities.indices.sorted {
      unimodal.modalities[$0].name < unimodal.modalities[$1].name
    }
    // Σ p log p is the divergence without its constant, which is the same for all modalities.
    let negentropies: [[Double]] = try unimodal.values.map {
      let logP = try task.logProbabilities($0).reshaped([$0.shape[0], -1])
      return try (logP.exp() * logP).sum(-1).to(.float64).array()
    }
    return (0..<(negentropies.first?.count ?? 0)).map { row in
      names.min { negentropies[$0][row] < negentropies[$1][row] } ?? 0
    }
  }
}
