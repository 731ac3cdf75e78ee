import Foundation
public import Multimodal
public import Records
public import Torch
public import TorchNN

/// CRMT: margins for each modality alone, and then weights that move the whole away from its decision boundary.
///
///     oₘ = Ŵₘ eₘ,   z = Σₘ aₘ ⊙ oₘ + b,   ŵₘ_c = wₘ_c / ‖wₘ_c‖
///     first   L = loss(z, y) + (ρ/B) Σᵢ log(10⁻⁵ + Σₘ Σ_{c≠y} exp(oₘ_c − oₘ_y))          all parameters
///     then    L = −(1/B) Σᵢ rᵢ                                                          the weights aₘ alone
///     r = (Σₘ (aₘ_y oₘ_y − aₘ_j oₘ_j) + b_y − b_j) / √(Σₘ ‖Hₘᵀ (aₘ_y ŵₘ_y − aₘ_j ŵₘ_j)‖²),   j = argmax over c≠y of z_c
///
/// where wₘ_c are the fused classifier's weights between eₘ and class c, b its bias, aₘ, [C], the method's own weights and
/// Hₘ the embedding layer. r is the distance of the features that enter the embedding layers to the boundary with class j:
/// no change of them of any modality that is shorter, all modalities together, swaps y and j; below 0 where that is so
/// already. ρ is ``Configuration/margin``; the second part is the last ``Configuration/second`` of training, at
/// ``Configuration/rate`` times the learning rate.
///
/// With several labels each label is a decision of its own against 0: exp(∓oₘ_c), with its sign by the truth, is the term,
/// and r is of label c against 0, without j; both are means over labels.
public struct CRMT: BalancingMethod, AddsParameters, AnswersAbsence {
  public struct Configuration: Settings {
    @Setting("ρ, of the margins of the modalities", .nonNegative) public var margin = 1.0
    @Setting("The share of training in which the weights alone are trained", .fraction) public var second = 0.25
    @Setting("By what the learning rate is multiplied there", .positive) public var rate = 0.03
    @Setting("What the weights begin with", .positive) public var weight = 0.1
    public init() {}
  }

  public static let card = MethodCard(
    name: "crmt", title: "CRMT",
    citation: Citation(
      authors: ["Zequn Yang", "Yake Wei", "Ce Liang", "Di Hu"],
      title: "Quantifying and Enhancing Multi-modal Robustness with Modality Preference", venue: "ICLR", year: 2024,
      url: "https://arxiv.org/abs/2402.06244"),
    stage: .objective,
    summary:
      "Gives every modality a margin of its own, then weighs them so that no small change of the input tips the answer.",
    needs: ["one linear classifier over the features side by side"],
    departures: [
      "Made against attacks on one modality: it aims at the distance to the boundary, not at accuracy.",
      "The Lipschitz constants are exact, of the features that enter the embedding layers; the authors' code takes the largest "
        + "gradient seen at the input.",
      "Rows are of unit length. The authors' code subtracts each row's mean first, and has one class a group, so that rows "
        + "are not orthogonal to each other in either.",
      "The second part is the last share of training, in the authors' code a third more epochs with a decay of 0.01.",
      "Leaves a modality that is known to be absent out of the sum.",
    ],
    settings: settings)

  public static let requirements = MethodRequirements(
    additiveFusion: true, concatenation: true,
    needsClasses: "it widens the margin between the true class and the others")

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public func addParameters(_ scope: Scope, for model: MultimodalModel) throws {
    for modality in model.modalities {
      _ = try (scope / "weight").parameter(modality.name, [model.classes], .constant(configuration.weight))
    }
  }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let (model, outputs) = (session.model, try session.forward(batch))
    let parts = try UnitRowClassifier(outputs)
    let logits = try parts.logits(of: model.modalities)
    let fused = try session.loss(logits, batch)
    var report = StepReport(losses: ["fused": try fused.scalar()])
    let radii = try parts.radii(logits.detached(), batch.labels)
    report.scalars["radius"] = try radii.mean().scalar()
    for modality in model.modalities {
      report.scalars["weight.\(modality.name)"] = try parts.weights[modality].mean().scalar()
    }
    guard session.clock.epochProgress <= 1 - configuration.second else {
      let direction = try session.gradients(of: -radii.mean())
      try session.update(along: direction.within(model.store.indices(within: "method")), rate: configuration.rate)
      return report
    }
    let margin = try Self.margin(parts.outputs.values, batch.labels, model.task)
    report.scalars["margin"] = try margin.scalar()
    let loss = configuration.margin > 0 ? try fused + margin * configuration.margin : fused
    try session.update(along: session.gradients(of: loss))
    return report
  }

  public func logits(_ outputs: Outputs, absent: Set<Modality>) throws -> Tensor {
    let present = outputs.modalities.filter { !absent.contains($0) }
    return try UnitRowClassifier(outputs).logits(of: present.isEmpty ? outputs.modalities : present)
  }

  /// (1/B) Σ log(10⁻⁵ + Σₘ Σ_{c≠y} exp(oₘ_c − oₘ_y)).
  static func margin(_ outputs: [Tensor], _ labels: Tensor, _ task: PredictionTask) throws -> Tensor {
    let excesses = try outputs.map { output in
      guard task != .multiLabel else { return try output * (1 - labels.to(output.elementType) * 2) }
      let truth = try labels.oneHot(output.shape[1]).greater(than: 0)
      return try (output - output.gathered(1, by: labels.unsqueezed(1))).maskedFill(truth, -1e30)
    }
    // [M, B, C] or [M, B · C, 1]: what is summed is first and last.
    let all = try Tensor.stack(excesses.map { task == .multiLabel ? try $0.reshaped([-1, 1]) : $0 })
    let floor = try Tensor.full([1, all.shape[1]], log(1e-5), all.elementType, on: all.device)
    return try Tensor.cat([all.logSumExp(2), floor], 0).logSumExp(0).mean()
  }
}
