public import Multimodal
import Records
public import Torch
import TorchNN

/// MIDAS: features of different samples are put together and labelled with the classes of all, by how sure each modality is.
///
///     cₘ = pₘ(yₘ),   c̃ₘ = cₘ / Σⱼ cⱼ,   s = mean of cos(eₘ, what replaces it),   w = 1 + (s + 1)/2
///     Lₓ = mean over mixed rows of w Σₘ αₘ c̃ₘ loss(F(mixed features), yₘ)
///     L = loss(z, y) + Σₘ loss(zₘ, y) + λ Lₓ
///
/// where zₘ are the unimodal classifiers, pₘ their probabilities, and yₘ, eₘ those of the sample that modality m of a mixed row
/// is from. A row's M samples are i and its images under M − 1 permutations; every modality takes each of them once, so that a
/// sample is in M mixed rows; rows of one class are left out. c̃, s and w carry no gradient. The α of the modality with the
/// least mean c̃ moves by ±η after each step, up where its share of F's prediction is below its mean c̃, and never below 1;
/// all others are 1, and all are 1 again when an epoch begins. In the first ``Configuration/warmup`` of the epochs
/// L = Σₘ loss(zₘ, y). With several labels, loss is the mean over labels and p(y) that of the labels' probabilities.
public struct MIDAS: ObjectiveMethod, ActsBetweenEpochs, Checkpointed, TrainsUnimodalClassifiers {
  private let configuration: Configuration
  /// αₘ by name, where it is not 1.
  private var weights: [String: Double] = [:]

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func epochWillBegin(_ epoch: Int, _ context: TrainingContext) throws { weights = [:] }

  /// How many epochs train the unimodal classifiers alone; some epoch is always left.
  func warmup(of epochs: Int) -> Int {
    min(Int((configuration.warmup * Double(epochs)).rounded(.up)), epochs - 1)
  }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let fused = try session.loss(outputs.logits, batch)
    let unimodal = try outputs.unimodal()
    report.losses["fused"] = try fused.scalar()
    var total: Tensor?
    for (modality, logits) in unimodal {
      let loss = try session.loss(logits, batch)
      report.losses[modality.name] = try loss.scalar()
      total = try total.map { try $0 + loss } ?? loss
      report.scalars["method.alpha.\(modality)"] = weights[modality.name] ?? 1
    }
    let alone = total ?? fused
    guard session.clock.epoch >= warmup(of: session.clock.epochs) else { return alone }
    let all = try fused + alone
    let count = outputs.modalities.count
    let permutations = try configuration.shuffle.permutations(count - 1, of: batch.count, session)
    guard configuration.weight > 0, let rows = try MixedRows(batch, outputs.modalities, permutations) else {
      return all
    }
    return try all + mixed(rows, outputs.features, unimodal, batch, session, &report) * configuration.weight
  }

  // MARK: Mixed rows

  private mutating func mixed(
    _ rows: MixedRows, _ features: PerModality<Tensor>, _ unimodal: PerModality<Tensor>, _ batch: Batch,
    _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let (task, modalities) = (session.model.task, features.modalities)
    let parts = try features.map { try $1.indexed(0, by: rows.sources[$0]) }
    let labels = try rows.sources.map { try batch.labels.indexed(0, by: $1) }
    let logits = try session.outputs(ofFeatures: parts).logits
    // [R, M] each.
    let (shares, hardness) = try withoutGradients {
      let sure = try modalities.map {
        try task.trueProbability(unimodal[$0], batch.labels).indexed(0, by: rows.sources[$0])
      }
      let likeness = try modalities.map { modality in
        let own = try features[modality].indexed(0, by: rows.own).unitRows()
        let isOwn = try rows.sources[modality].equal(to: rows.own).to(own.elementType)
        return try (own * parts[modality].unitRows()).sum(-1) * (1 - isOwn)
      }
      let replaced = Double(max(modalities.count - 1, 1))
      return (try Self.shares(.stack(sure, 1)), try Tensor.total(likeness) / replaced * 0.5 + 1.5)
    }
    let losses = try modalities.enumerated().map { place, modality in
      try task.losses(logits, labels[modality], classWeights: session.classWeights) * shares.selected(1, place)
        * (weights[modality.name] ?? 1)
    }
    let loss = try (hardness * Tensor.total(losses)).mean()
    report.scalars["mixed"] = try loss.scalar()
    try withoutGradients {
      let truths = try Tensor.stack(modalities.map { try task.trueProbability(logits, labels[$0]) }, 1)
      try adjust(modalities, shares.mean(0).array(), Self.shares(truths).mean(0).array(), &report)
    }
    return loss
  }

  /// Each row over its sum, [R, M].
  static func shares(_ values: Tensor) throws(TorchError) -> Tensor {
    let positive = try values.clamped(min: 1e-30)
    return try positive / positive.sum(1, keeping: true)
  }

  /// Moves α of the modality with the least mean share.
  mutating func adjust(
    _ modalities: [Modality], _ confidence: [Double], _ used: [Double], _ report: inout StepReport
  ) {
    let named = zip(modalities.map(\.name), zip(confidence, used)).sorted { $0.0 < $1.0 }
    for (name, (share, _)) in named { report.scalars["share.\(name)"] = share }
    guard let (weak, (share, use)) = named.min(by: { $0.1.0 < $1.1.0 }) else { return }
    let sign: Double = share > use ? 1 : share < use ? -1 : 0
    weights = [weak: max(1, (weights[weak] ?? 1) + configuration.rate * sign)]
  }

  // MARK: State

  public func state() throws -> MethodState { MethodState(numbers: try Tree(encoding: weights)) }

  public mutating func restore(_ state: MethodState) throws { weights = try state.numbers.decode() }
}
