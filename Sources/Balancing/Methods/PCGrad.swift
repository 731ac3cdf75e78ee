public import Multimodal
public import Records
import Torch
import TorchNN

/// PCGrad: of several losses' gradients each loses what points against another, and the rest is summed.
///
///     hᵢ = gᵢ;  for every j ≠ i, in random order:  if ⟨hᵢ, gⱼ⟩ < 0,  hᵢ ← hᵢ − ⟨hᵢ, gⱼ⟩ / ‖gⱼ‖² · gⱼ
///     θ : Σᵢ hᵢ
///
/// over the losses L_T, L₁, …, L_M. Only branches are shared, and branch m by L_T and Lₘ alone, so that `scope` says
/// which parameters one inner product runs over: a modality's branch, a tensor, or all branches. The gⱼ stay as they
/// were, and everything happens to the weights of the gⱼ in hᵢ, found from their inner products.
public struct PCGrad: BalancingMethod, TrainsUnimodalClassifiers {
  public struct Configuration: Settings {
    public var scope = ProjectionScope.perModality
    public var order = Order.random
    public var reduction = Reduction.sum
    public init() {}
  }
  public enum ProjectionScope: String, SettingChoice {
    case perModality = "per_modality"
    case perTensor = "per_tensor"
    case global

    var grouping: BranchGrouping {
      switch self {
      case .perModality: .perModality
      case .perTensor: .perTensor
      case .global: .global
      }
    }
  }
  public enum Order: String, SettingChoice { case random, fixed }
  public enum Reduction: String, SettingChoice { case sum, mean }

  public static let card = MethodCard(
    name: "pcgrad", title: "PCGrad",
    citation: Citation(
      authors: ["Tianhe Yu", "Saurabh Kumar", "Abhishek Gupta", "Sergey Levine", "Karol Hausman", "Chelsea Finn"],
      title: "Gradient Surgery for Multi-Task Learning", venue: "NeurIPS", year: 2020,
      url: "https://arxiv.org/abs/2001.06782"),
    stage: .optimization,
    summary: "Adds the unimodal losses, and takes out of each gradient what points against another's.",
    needs: ["unimodal classifiers", "two gradients a step"],
    departures: [
      "The tasks are the fused and the unimodal losses, which share a branch two by two: conflicts are looked for branch "
        + "by branch, where the order does not matter; `scope=global` takes all branches as one vector.",
      "Gradients are summed as in the paper; well-known PyTorch code takes their mean (`reduction`).",
    ],
    settings: settings([
      SettingNote(
        "scope", "What one inner product runs over: a modality's branch, a tensor, all branches",
        allowed: ProjectionScope.allowed),
      SettingNote("order", "In which order a gradient meets the others", allowed: Order.allowed),
      SettingNote("reduction", "Sum what is left of the gradients, or take their mean", allowed: Reduction.allowed),
    ]))

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let model = session.model
    let outputs = try session.forward(batch)
    let fused = try session.loss(outputs.logits, batch)
    let losses = try outputs.unimodal().map { try session.loss($1, batch) }
    var report = StepReport(losses: ["fused": try fused.scalar()])
    let target = try session.gradients(of: fused, keepingGraph: true)
    // Each unimodal loss reaches its own branch only: their sum has all of their gradients side by side.
    let unimodal = try session.gradients(of: Tensor.stack(losses.values).sum())
    // Two gradients have but one order.
    let shuffled = configuration.order == .random && configuration.scope == .global
    let order = shuffled ? try session.random("order") : nil
    for (modality, loss) in losses { report.losses[modality.name] = try loss.scalar() }
    try session.note("target", target)
    try session.note("unimodal", unimodal)
    try session.update(along: combined(target, unimodal, model, order, &report))
    return report
  }

  /// The gradients' sum after each has lost what points against another.
  func combined(
    _ target: Gradients, _ unimodal: Gradients, _ model: MultimodalModel, _ order: Generator?,
    _ report: inout StepReport
  ) throws -> Gradients {
    var update = try target + unimodal
    let pair = GradientPair(target, unimodal)
    let groups = configuration.scope.grouping.groups(of: model)
    var conflicts = 0.0
    for parts in groups {
      let (weights, conflict) = try Self.weights(pair.products(parts), order)
      if conflict { conflicts += 1 }
      let share = configuration.reduction == .mean ? 1 / Double(weights.count) : 1
      for (position, part) in parts.enumerated() where conflict || share != 1 {
        let both = pair.shared(part)
        update = try update.replacing(
          both, by: pair.mixed(share * weights[0], share * weights[position + 1], within: both))
      }
    }
    report.scalars["conflict"] = conflicts / Double(groups.count)
    for modality in model.modalities {
      let branch = model.branch(modality)
      let lengths = try target.norm(within: branch) * unimodal.norm(within: branch)
      report.scalars["cosine.\(modality.name)"] =
        lengths > 0 ? try target.dot(unimodal, within: branch) / lengths : 0
    }
    return update
  }

  /// What each gradient is multiplied by in Σᵢ hᵢ, and whether any two conflict.
  static func weights(_ products: [[Double]], _ order: Generator?) throws -> ([Double], conflict: Bool) {
    var total = [Double](repeating: 0, count: products.count)
    var conflict = false
    for i in products.indices {
      var weights = products.indices.map { $0 == i ? 1.0 : 0 }
      for j in try order?.permutation(products.count).array(of: Int.self) ?? Array(products.indices) where j != i {
        let dot = zip(weights, products[j]).reduce(0) { $0 + $1.0 * $1.1 }
        guard dot < 0, products[j][j] > 0 else { continue }
        weights[j] -= dot / products[j][j]
        conflict = true
      }
      total = zip(total, weights).map(+)
    }
    return (total, conflict)
  }
}
