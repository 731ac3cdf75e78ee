import Foundation
public import Multimodal
import Records
public import Torch
import TorchNN

/// IPRM: modalities are mixed along the arc between them, in shares that a look at each batch has just corrected.
///
///     x_ab(λ) = fuse of sin(λ_a θ)/sin θ · ê_a and sin(λ_b θ)/sin θ · ê_b,   cos θ = ⟨ê_a, ê_b⟩,   ê = e/‖e‖
///     look:   λ ← κ λ + (1 − κ) λ̂ (the last step's),   K_m = D_KL(pₘ ‖ p(x_ab(λ))),   λ̂_a = K_b/(K_a + K_b) = 1 − λ̂_b
///     learn:  L = mean over pairs of loss(f_T(x_ab(λ̂)), y) + Σₘ loss(zₘ, y)
///
/// where zₘ are the unimodal classifiers' logits, pₘ their probabilities and κ ``Configuration/keep``; λ begins at ½, and
/// the look has no gradient. The prediction is the mean over pairs of f_T(x_ab(λ)) plus Σₘ zₘ. With
/// `model.fusion=addition` x_ab is the mixture of the paper, with others each feature has its own map; the features of
/// modalities that are not of the pair are zero. `strength: label` takes K_m = loss(zₘ, y).
///
/// Of two features in one direction or in opposite ones, cos θ is kept within ±(1 − 10⁻⁶). A modality that is known to be
/// absent is left out; of one that is left alone λ is 1.
public struct IPRM: ObjectiveMethod, AnswersAbsence, Checkpointed, TrainsUnimodalClassifiers {
  private let configuration: Configuration
  /// λ of the first of each pair, by `first/second`: the running share, and the last look's.
  private var running: [String: Double] = [:]
  private var last: [String: Double] = [:]

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func objective(
    _ outputs: Outputs, _ batch: Batch, _ session: TrainingSession, _ report: inout StepReport
  ) throws -> Tensor {
    let (model, unimodal) = (session.model, try outputs.unimodal())
    let losses = try unimodal.map { try session.loss($1, batch) }
    var mixed: [Tensor] = []
    for (a, b) in Self.pairs(model.modalities) {
      let name = "\(a.name)/\(b.name)"
      let share = running[name].map { configuration.keep * $0 + (1 - configuration.keep) * (last[name] ?? $0) } ?? 0.5
      let strengths = try withoutGradients {
        if configuration.strength == .label { return try [a, b].map { try losses[$0].scalar() } }
        let look = try model.outputs(ofFeatures: Self.mixture(outputs.features, a, b, share)).logits
        let target = try model.task.logProbabilities(look)
        return try [a, b].map {
          try Divergence.kullbackLeibler(model.task.logProbabilities(unimodal[$0]), target).scalar()
        }
      }
      let sum = strengths[0] + strengths[1]
      let found = sum > 0 && sum.isFinite ? strengths[1] / sum : 0.5
      (running[name], last[name]) = (share, found)
      report.scalars["share.\(name)"] = found
      mixed.append(
        try session.loss(session.outputs(ofFeatures: Self.mixture(outputs.features, a, b, found)).logits, batch))
    }
    let fused = try Tensor.total(mixed) / Double(mixed.count)
    report.losses["fused"] = try fused.scalar()
    for (modality, loss) in losses { report.losses[modality.name] = try loss.scalar() }
    return try fused + Tensor.total(losses.values)
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    let (features, unimodal) = (try outputs.features, try outputs.unimodal())
    let there = outputs.modalities.filter { !absent.contains($0) }
    let present = there.isEmpty ? outputs.modalities : there
    let alone = try Tensor.total(present.map { unimodal[$0] })
    var inputs = try Self.pairs(present).map { a, b in
      try Self.mixture(features, a, b, running["\(a.name)/\(b.name)"] ?? 0.5)
    }
    if let one = present.first, present.count == 1 {
      inputs = [try features.map { try $0 == one ? $1.unitRows() : $1 * 0 }]
    }
    let mixed = try inputs.map { try outputs.model.outputs(ofFeatures: $0).logits }
    return try Tensor.total(mixed) / Double(mixed.count) + alone
  }

  // MARK: Parts

  /// All pairs, each in the order of names, so that the order of the modalities decides nothing.
  static func pairs(_ modalities: [Modality]) -> [(Modality, Modality)] {
    let names = modalities.sorted { $0.name < $1.name }
    return names.indices.flatMap { a in names.indices.filter { $0 > a }.map { (names[a], names[$0]) } }
  }

  /// x_ab: the two features at their places on the arc, and zeros for all others.
  static func mixture(
    _ features: PerModality<Tensor>, _ a: Modality, _ b: Modality, _ share: Double
  ) throws -> PerModality<Tensor> {
    let (x, y) = (features[a], features[b])
    guard x.shape == y.shape else {
      throw Diagnosis(
        "'iprm' mixes features along the arc between them, and their widths differ",
        found: ["\(a): \(x.shape[1])", "\(b): \(y.shape[1])"], remedy: "give all embeddings one width",
        exitStatus: .usage)
    }
    let (one, two) = (try x.unitRows(), try y.unitRows())
    let angle = try (one * two).sum(1, keeping: true).clamped(min: -1 + 1e-6).clamped(max: 1 - 1e-6).arccosine()
    let sine = try angle.sine()
    return try features.map { modality, feature in
      switch modality {
      case a: try one * ((angle * share).sine() / sine)
      case b: try two * ((angle * (1 - share)).sine() / sine)
      default: try feature * 0
      }
    }
  }

  // MARK: State

  private struct Memory: Codable {
    var running, last: [String: Double]
  }

  public func state() throws -> MethodState {
    MethodState(numbers: try Tree(encoding: Memory(running: running, last: last)))
  }

  public mutating func restore(_ state: MethodState) throws {
    let memory = try state.numbers.decode(Memory.self)
    (running, last) = (memory.running, memory.last)
  }
}
