public import Multimodal
public import Records
import Torch
import TorchNN

/// MASAM: one modality's branch, the one that learns most with the fused loss, goes to where that loss is flat.
///
///     qₘ = α max(0, Lₘ(the last step) − L̄ₘ) + (1 − α) cos(∇ L_T, ∇ Lₘ) on θₘ,   a = argmax over m of qₘ
///     ε = ρ γ ∇ L_T / ‖∇ L_T‖ on θ_a,   γ = max(0, cos(∇ L_T, ∇ L_a))
///     θ_a ← θ_a − η (∇ L_T(θ_a + ε) + ∇ L_a(θ)),   all else ← all else − η (∇ L_T + Σₘ ∇ Lₘ)(θ)
///
/// where Lₘ = loss(fₘ(eₘ), y) and L̄ₘ is its running mean, this step's loss included, with decay ``Configuration/decay``; in
/// the first step the first part of qₘ is 0. θₘ is a branch as a whole. Of equal scores the first by name is taken. ρ is
/// ``Configuration/radius`` and α ``Configuration/progress``. The second pass leaves out nothing and notes no statistics.
public struct MASAM: BalancingMethod, Checkpointed, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    public var radius = 0.3
    public var progress = 0.8
    public var decay = 0.91
    public var opposed = Opposed.none
    public init() {}
  }
  /// What is done where the fused and the unimodal gradient of the chosen branch disagree.
  public enum Opposed: String, SettingChoice {
    /// γ = 0: a plain step.
    case none
    /// γ = 1, as in the authors' code.
    case whole
  }

  public static let card = MethodCard(
    name: "masam", title: "MASAM",
    citation: Citation(
      authors: ["Zijie Chen", "Kejing Yin", "Wenfang Yao", "William K. Cheung", "Jing Qin"],
      title: "MASAM: Multimodal Adaptive Sharpness-Aware Minimization for Heterogeneous Data Fusion", venue: "ICLR",
      year: 2026, url: "https://openreview.net/forum?id=AUKeDukcUi"),
    stage: .optimization,
    summary:
      "Takes the gradient of the modality that learns most a little uphill, so that its branch ends where it is flat.",
    needs: ["unimodal classifiers", "three gradients and two passes a step"], modalities: .several,
    departures: [
      "Cosines are of a branch as a whole; the authors' code takes them tensor by tensor, chooses by their mean and scales "
        + "the perturbation by the last.",
      "Where both gradients are opposed nothing is perturbed; the authors' code takes the whole fused gradient (`opposed`).",
      "Only the chosen branch takes the perturbed gradient, and its unimodal loss is that of the weights as they are.",
      "Any number of modalities; the authors' code for three does not run.",
    ],
    settings: settings([
      SettingNote("radius", "ρ, how far the branch is moved; 0: not at all", range: .nonNegative),
      SettingNote("progress", "α, of a modality's progress against the agreement of gradients", range: .fraction),
      SettingNote(
        "decay", "How much of a loss's running mean is kept in a step",
        range: SettingRange(minimum: 0, maximum: 1, belowMaximum: true)),
      SettingNote("opposed", "How far to go where both gradients are opposed", allowed: Opposed.allowed),
    ]))

  public static let requirements = MethodRequirements(trainedEncoders: true)

  private let configuration: Configuration
  private var memory = Memory()

  /// Losses by modality.
  struct Memory: Codable, Equatable {
    var last: [String: Double] = [:]
    var mean: [String: Double] = [:]

    /// max(0, L(the last step) − L̄), with this step's loss taken into L̄.
    mutating func progress(_ name: String, _ loss: Double, decay: Double) -> Double {
      defer { last[name] = loss }
      guard let before = last[name], let old = mean[name] else {
        mean[name] = loss
        return 0
      }
      let new = decay * old + (1 - decay) * loss
      mean[name] = new
      return max(0, before - new)
    }
  }

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let (model, outputs) = (session.model, try session.forward(batch))
    let fused = try session.loss(outputs.logits, batch)
    let losses = try outputs.unimodal().map { try session.loss($1, batch) }
    // Each unimodal loss reaches one branch alone, so that one gradient of their sum is enough.
    let target = try session.gradients(of: fused, keepingGraph: true)
    let unimodal = try session.gradients(of: Tensor.total(losses.values))
    try session.note("target", target)
    try session.note("unimodal", unimodal)

    var report = StepReport(losses: ["fused": try fused.scalar()])
    var scores: [(modality: Modality, score: Double, cosine: Double)] = []
    for modality in model.modalities.sorted(by: { $0.name < $1.name }) {
      let loss = try losses[modality].scalar()
      let progress = memory.progress(modality.name, loss, decay: configuration.decay)
      let cosine = try Self.cosine(target, unimodal, within: model.branch(modality))
      scores.append((modality, configuration.progress * progress + (1 - configuration.progress) * cosine, cosine))
      report.losses[modality.name] = loss
      report.scalars["cosine.\(modality.name)"] = cosine
      report.scalars["score.\(modality.name)"] = scores[scores.count - 1].score
      report.scalars["perturbed.\(modality.name)"] = 0
    }
    var update = try target + unimodal
    // The first of equals: a later one has to be larger.
    let chosen = scores.reduce(scores[0]) { $1.score > $0.score ? $1 : $0 }
    let agreement = chosen.cosine > 0 ? chosen.cosine : configuration.opposed == .whole ? 1 : 0
    let branch = model.branch(chosen.modality).filter(target.presentIndices.contains)
    let length = try target.norm(within: branch)
    if configuration.radius * agreement > 0, length > 0 {
      report.scalars["perturbed.\(chosen.modality.name)"] = 1
      for gradients in [target, unimodal, update] { try gradients.settle() }
      let move = try target.within(branch).scaled(by: configuration.radius * agreement / length)
      let perturbed = try Self.gradients(batch, session, movedBy: move)
      try session.note("perturbed", perturbed.within(branch))
      update = try update.replacing(branch, by: perturbed.adding(unimodal, scale: 1, within: branch))
    }
    try session.update(along: update)
    return report
  }

  // MARK: Parts

  static func cosine(_ a: Gradients, _ b: Gradients, within indices: [Int]) throws -> Double {
    let lengths = try a.norm(within: indices) * b.norm(within: indices)
    return lengths > 0 ? try a.dot(b, within: indices) / lengths : 0
  }

  /// ∇ L_T where the model stands after a move, which is taken back bit for bit.
  private static func gradients(_ batch: Batch, _ session: TrainingSession, movedBy move: Gradients) throws -> Gradients
  {
    let store = session.model.store
    let before = try store.snapshot()
    try withoutGradients { try store.flat().add(move.flat()) }
    let found = Result { try session.gradients(of: session.loss(session.model(batch.inputs).logits, batch)) }
    try store.restore(before)
    return try found.get()
  }

  // MARK: State

  public func state() throws -> MethodState { MethodState(numbers: try Tree(encoding: memory)) }

  public mutating func restore(_ state: MethodState) throws { memory = try state.numbers.decode(Memory.self) }
}
