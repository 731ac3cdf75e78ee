import Foundation
public import Multimodal
public import Records
public import Torch
public import TorchNN

/// Balanced learning against greed: where one branch learns faster from the other than the other from it, it is made to
/// go without for a while.
///
///     h = relu(Σₘ Qₘ eₘ + q),   gₘ = σ(Gₘ h + bₘ),   zₘ = fₘ(gₘ ⊙ eₘ),   z = ½ (z₁ + z₂),   L = loss(z, y)
///     BDRₘ = log₁₀ (Σ_t μ(θ_bypass,m) / Σ_t μ(θ_main,m)),   μ(θ) = ‖∇_θ L‖² / ‖θ‖²
///
/// where eₘ are the features, fₘ the unimodal classifiers, θ_main the parameters of a branch and its classifier,
/// θ_bypass Gₘ, bₘ and all of the shared Q, q. The sums run over all steps that are not curated. Once the two BDR
/// differ by more than ``Configuration/tolerance``, the gates gₘ of the branch with the larger one are held at their
/// mean over training for ``Configuration/steps`` steps. This is the gate of a multimodal transfer module on one
/// feature vector, whose width is halved in between. The prediction is z.
///
/// Each branch keeps the running mean of its own gates; the authors' code fills the second one's from the first.
public struct Greedy: BalancingMethod, PredictsItsOwnWay, AddsParameters, Checkpointed, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    public var policy = Policy.guided
    public var tolerance = 0.01
    public var steps = 5
    public var warmup = 0.1
    public init() {}
  }
  public enum Policy: String, Choice {
    case guided
    /// Each step by lot: nobody's gates, the one's, or the other's.
    case random
  }

  public static let card = MethodCard(
    name: "greedy", title: "Balanced multi-modal learning (Greedy)",
    citation: Citation(
      authors: ["Nan Wu", "Stanisław Jastrzębski", "Kyunghyun Cho", "Krzysztof J. Geras"],
      title: "Characterizing and Overcoming the Greedy Nature of Learning in Multi-Modal Deep Neural Networks",
      venue: "ICML", year: 2022, url: "https://arxiv.org/abs/2202.05306"),
    stage: .feedForward,
    summary: "Lets two branches gate each other, and holds the gates of the one that learns too fast from the other.",
    needs: ["unimodal classifiers", "gates between the two embeddings"], modalities: .two,
    departures: [
      "The gates are on the embeddings, one vector each, not on several layers of convolutional encoders.",
      "The plain steps at the start are a fraction of training, not two epochs.",
    ],
    settings: settings([
      SettingNote("policy", "Hold the faster branch's gates, or those that the lot falls on", allowed: Policy.allowed),
      SettingNote("tolerance", "How far the learning speeds may be apart", range: .nonNegative),
      SettingNote("steps", "For how many steps gates are held", range: .atLeast(1)),
      SettingNote("warmup", "The fraction of training before that", range: .fraction),
    ]))

  private let configuration: Configuration
  private var memory = Memory()
  /// The mean of each branch's gates over the steps that were not curated, [H].
  private var meanGates: [String: Tensor] = [:]

  private struct Memory: Codable {
    var steps = 0
    var main: [String: Double] = [:]
    var bypass: [String: Double] = [:]
    /// Whose gates are held, and for how many more steps.
    var held = ""
    var remaining = 0
  }

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public func addParameters(_ scope: Scope, for model: MultimodalModel) throws {
    let widths = model.embeddings.map { $1.weight.shape[0] }
    let total = widths.values.reduce(0, +)
    let hidden = max(total / 2, 1)
    // A matrix for each modality, so that their order in the data decides nothing.
    for (modality, width) in widths {
      _ = try (scope / "squeeze").parameter(modality.name, [hidden, width], .uniform(fanIn: total))
      _ = try Linear(scope / "gate" / modality.name, in: hidden, out: width)
    }
    _ = try scope.parameter("squeeze_bias", [hidden], .uniform(fanIn: total))
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let model = session.model
    guard model.modalities.count == 2 else {
      throw Diagnosis(
        "greedy is made for two modalities", found: ["the data has \(model.modalities.count)"], exitStatus: .usage)
    }
    let held = try heldBranch(session)
    let outputs = try session.forward(batch)
    let gates = try Self.gates(outputs)
    let used = try gates.map { modality, gate in
      modality == held ? try meanGates[modality.name]?.expanded(gate.shape) ?? gate : gate
    }
    let branches = try Self.branches(outputs, gates: used)
    let loss = try session.loss(Tensor.stack(branches.values).mean(0), batch)
    let direction = try session.gradients(of: loss)
    if held == nil { try remember(gates, direction, model) }

    var report = StepReport(losses: ["fused": try loss.scalar()])
    try withoutGradients {
      for (modality, logits) in branches {
        let name = modality.name
        report.losses[name] = try session.loss(logits, batch).scalar()
        report.scalars["gate.\(name)"] = try used[modality].mean().scalar()
        report.scalars["speed.\(name)"] = Self.speed(main: memory.main[name], bypass: memory.bypass[name]) ?? 0
        report.scalars["held.\(name)"] = modality == held ? 1 : 0
      }
    }
    decide(held, model.modalities, session.clock)
    try session.update(along: direction)
    return report
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    try Tensor.stack(Self.branches(outputs, gates: Self.gates(outputs)).values).mean(0)
  }

  // MARK: The gates

  /// gₘ, [B, H].
  static func gates(_ outputs: Outputs) throws -> PerModality<Tensor> {
    let model = outputs.model
    let squeezed = try outputs.features.map { try $1.linear(model.methodTensor("squeeze", $0.name), nil) }
    let hidden = try (Tensor.total(squeezed.values) + model.methodTensor("squeeze_bias")).relu()
    return try PerModality(outputs.modalities) { modality in
      try hidden.linear(
        model.methodTensor("gate", modality.name, "weight"), model.methodTensor("gate", modality.name, "bias")
      ).sigmoid()
    }
  }

  /// zₘ, [B, C].
  private static func branches(_ outputs: Outputs, gates: PerModality<Tensor>) throws -> PerModality<Tensor> {
    try outputs.features.map { try outputs.model.heads[$0]($1 * gates[$0]) }
  }

  // MARK: Learning speeds

  private mutating func remember(
    _ gates: PerModality<Tensor>, _ direction: Gradients, _ model: MultimodalModel
  ) throws {
    memory.steps += 1
    let shared = model.store.indices(within: "method.squeeze") + model.store.indices(within: "method.squeeze_bias")
    for (modality, gate) in gates {
      let name = modality.name
      let mean = try gate.detached().mean(0)
      let old = meanGates[name] ?? mean
      meanGates[name] = try old + (mean - old) / Double(memory.steps)
      let main = model.branch(modality) + model.store.indices(within: modality.head)
      let bypass = model.store.indices(within: ParameterPath(["method", "gate", name])) + shared
      memory.main[name, default: 0] += try Self.relativeEnergy(direction, main, model.store)
      memory.bypass[name, default: 0] += try Self.relativeEnergy(direction, bypass, model.store)
    }
  }

  /// μ: ‖∇‖² / ‖θ‖² over some parameters.
  static func relativeEnergy(_ direction: Gradients, _ indices: [Int], _ store: ParameterStore) throws -> Double {
    let squares = try indices.map { index in
      let weights = try store.parameters[index].tensor.detached().flattened()
      return try weights.dot(weights)
    }
    let size = squares.isEmpty ? 0 : try Tensor.stack(squares).sum().scalar()
    return size > 0 ? try direction.dot(direction, within: indices) / size : 0
  }

  /// BDR; nil where nothing has moved yet.
  static func speed(main: Double?, bypass: Double?) -> Double? {
    guard let main, let bypass, main > 0, bypass > 0 else { return nil }
    return log10(bypass / main)
  }

  // MARK: Who is held

  private func heldBranch(_ session: TrainingSession) throws -> Modality? {
    switch configuration.policy {
    case .guided: return session.model.modalities.first { memory.remaining > 0 && $0.name == memory.held }
    case .random:
      guard memory.steps > 0, session.clock.progress >= configuration.warmup,
        try session.random("policy").uniform([1], .float64).scalar() >= 1.0 / 3
      else { return nil }
      let lots = try session.model.modalities.map {
        ($0, try session.random("lot/\($0)").uniform([1], .float64).scalar())
      }
      return lots.max { $0.1 < $1.1 }?.0
    }
  }

  /// Counts a curated step down, or begins to curate.
  private mutating func decide(_ held: Modality?, _ modalities: [Modality], _ clock: TrainingClock) {
    guard configuration.policy == .guided else { return }
    if held != nil {
      memory.remaining -= 1
      return
    }
    let speeds = modalities.map { Self.speed(main: memory.main[$0.name], bypass: memory.bypass[$0.name]) }
    guard clock.progress >= configuration.warmup, let first = speeds[0], let second = speeds[1],
      abs(first - second) > configuration.tolerance
    else { return }
    memory.held = modalities[first < second ? 1 : 0].name
    memory.remaining = configuration.steps
  }

  // MARK: State

  public func state() throws -> MethodState {
    MethodState(
      numbers: try Tree(encoding: memory), tensors: meanGates.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
  }

  public mutating func restore(_ state: MethodState) throws {
    memory = try state.numbers.decode(Memory.self)
    meanGates = Dictionary(uniqueKeysWithValues: state.tensors.map { ($0.name, $0.tensor) })
  }
}
