import Foundation
public import Multimodal
import Records
public import Torch

/// SMV re-sampling: what each modality adds is valued, and the modality that adds little is trained more, alone.
///
///     v(S) = |S| where the prediction from the modalities S is right, else 0;   φₘ: its Shapley value
///
///     sample level:    each sample comes again with m alone, n(φₘ) times:
///                      n = 3 below −0.1,  2 below 0.4,  1 below 1,  else 0
///     modality level:  ⌊pₘ N⌋ random samples come again with m alone,  pₘ = f(⅔ (maxⱼ φ̄ⱼ − φ̄ₘ)),  φ̄: mean over a share
///                      f(x) = α x,  tanh(α x)  or  α x^1.5
///
/// where predictions are made with the features of the others set to zero, and so are the copies. N is the size of the
/// training split, f ``ModalityLevel/map`` and α ``ModalityLevel/alpha``. Values are taken anew before each epoch once
/// ``Configuration/warmup`` is over; until then it is joint training. With several labels a prediction is right where all
/// of them are.
///
/// An epoch gets longer by its copies. What the plan hides has a feature of zeros; a sample whose input is zeros by itself,
/// such as an empty text, is not hidden and has the feature that the embedding layer gives it, as in the test. Other public
/// code takes v in {0, 1}, by which samples that need both modalities are re-sampled too, and zero inputs; this follows the
/// authors', but for its n = 0 from 0.9: with four modalities or more a value may lie between that and 1.
public struct SMV: FeedForwardMethod, PlansSampling, Checkpointed {
  private let configuration: Configuration
  /// What was found before this epoch, by the names it is reported under.
  private var findings = Findings()

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func plan(forEpoch epoch: Int, _ context: TrainingContext) throws -> SamplingPlan {
    findings = Findings()
    let (modalities, count) = (context.model.modalities, context.training.count)
    guard modalities.count <= Shapley.mostPlayers else {
      throw Diagnosis(
        "'smv' predicts from every subset of modalities, and \(modalities.count) have too many",
        remedy: "use at most \(Shapley.mostPlayers) modalities", exitStatus: .usage)
    }
    // The small number makes up for shares that are not exact, such as 0.1.
    guard Double(epoch) + 1e-9 >= configuration.warmup * Double(context.session.clock.epochs), modalities.count > 1
    else {
      return context.shuffled(epoch)
    }
    func stream(_ name: String) -> SeededNumbers {
      SeededNumbers(seed: context.random.seed, stream: "method/smv/\(epoch)/\(name)")
    }
    var samples = Array(0..<count)
    if configuration.level == .modality {
      var numbers = stream("valued")
      samples = numbers.sample(max(1, Int(Double(count) * configuration.modality.share)), of: count)
    }
    let values = try Self.contributions(of: samples, context)
    let means = values.map { $0.reduce(0, +) / Double(max(samples.count, 1)) }
    let best = means.max() ?? 0

    var visits = SamplingPlan.inOrder(count).visits
    // By name, so that the order of the modalities decides nothing.
    for position in modalities.indices.sorted(by: { modalities[$0].name < modalities[$1].name }) {
      let modality = modalities[position]
      var copied: [Int] = []
      switch configuration.level {
      case .sample:
        copied = zip(samples, values[position]).flatMap { Array(repeating: $0, count: Self.copies($1)) }
      case .modality:
        let share = Self.share(best - means[position], configuration.modality)
        var numbers = stream("copies/\(modality.name)")
        copied = numbers.sampleInRounds(Int(share * Double(count) + 1e-9), of: count)
      }
      let others = Set(modalities).subtracting([modality])
      visits += copied.map { SamplingPlan.Visit($0, hidden: others) }
      findings.copies += copied.count
      findings.values["contribution.\(modality.name)"] = means[position]
      findings.values["copies.\(modality.name)"] = Double(copied.count) / Double(count)
    }
    var order = SeededNumbers(seed: context.random.seed, stream: "order/\(epoch)")
    return SamplingPlan(order.permutation(visits.count).map { visits[$0] })
  }

  public mutating func features(
    _ features: PerModality<Tensor>, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> PerModality<Tensor> {
    report.scalars.merge(findings.values) { $1 }
    // A hidden modality is a row of zeros, of which the embedding layer's bias would make a feature.
    return try features.map { modality, feature in
      guard batch.hidden.contains(where: { $0.contains(modality) }) else { return feature }
      let keep = batch.hidden.map { $0.contains(modality) ? 0.0 : 1 }
      return try feature * Tensor(keep, shape: [keep.count, 1]).to(feature.elementType).to(on: feature.device)
    }
  }

  // MARK: Parts

  /// φₘ of each sample, for each modality.
  static func contributions(of samples: [Int], _ context: TrainingContext) throws -> [[Double]] {
    var values: [[Double]] = context.model.modalities.map { _ in [] }
    try context.forEachBatch(of: context.training, SamplingPlan(samples.map { SamplingPlan.Visit($0) })) { batch in
      let found = try withoutGradients {
        try contributions(context.session.forward(batch).features, batch.labels, context.model)
      }
      for (position, numbers) in found.enumerated() { values[position] += try numbers.array(of: Double.self) }
    }
    return values
  }

  /// φₘ for each modality, [B] each, from the features and the labels.
  static func contributions(
    _ features: PerModality<Tensor>, _ labels: Tensor, _ model: MultimodalModel
  ) throws -> [Tensor] {
    let worths = try Shapley.coalitions(of: features.modalities).map { members in
      let kept = try features.map {
        members.contains($0) ? $1 : try .zeros($1.shape, $1.elementType, on: $1.device)
      }
      let right = try Certainty.right(model.outputs(ofFeatures: kept).logits, labels, model.task)
      // Sums of sixths and twelfths are compared with 0.4 and 1: float32 would not tell 719/720 from 1.
      return try right.to(on: .cpu).to(.float64) * Double(members.count)
    }
    return try Shapley.values(worths)
  }

  /// How often a sample comes again with a modality alone that is worth so much to it.
  static func copies(_ contribution: Double) -> Int {
    // What lies at a bound is not below it, although its sum may come out a last place short.
    let value = contribution + 1e-9
    return value < -0.1 ? 3 : value < 0.4 ? 2 : value < 1 ? 1 : 0
  }

  /// pₘ, from how much less a modality is worth than the best.
  static func share(_ difference: Double, _ settings: ModalityLevel) -> Double {
    let x = 2 * difference / 3
    return switch settings.map {
    case .linear: settings.alpha * x
    case .tanh: Foundation.tanh(settings.alpha * x)
    case .power: settings.alpha * pow(x, 1.5)
    }
  }

  // MARK: State

  private struct Findings: Codable {
    var values: [String: Double] = [:]
    var copies = 0
  }

  public func state() throws -> MethodState { MethodState(numbers: try Tree(encoding: findings)) }

  public mutating func restore(_ state: MethodState) throws { findings = try state.numbers.decode(Findings.self) }
}
