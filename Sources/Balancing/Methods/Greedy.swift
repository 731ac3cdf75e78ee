public import Multimodal
import Records
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
  private let configuration: Configuration
  var memory = Memory()
  /// The mean of each branch's gates over the steps that were not curated, [H].
  var meanGates: [String: Tensor] = [:]

  struct Memory: Codable {
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
