import Foundation
public import Multimodal
public import Records
import Torch
import TorchNN

/// OPM: features of the modality that is ahead are dropped, the more often the further it is ahead.
///
///     rₘ = tanh(max(0, sₘ/s̄₋ₘ − 1)),   qₘ = min(1, q₀ (1 + λ rₘ)) where rₘ > 0, else 0
///     eₘᵢ ← bₘᵢ eₘᵢ / (1 − ϑ),   bₘᵢ ~ Bernoulli(1 − qₘ),   ϑ = Σₘ dₘ qₘ / Σₘ dₘ
///
/// where sₘ is the sum over the batch of the probability that modality m alone gives to the truth, s̄₋ₘ the mean of the
/// others' sums, q₀ ``Configuration/base``, λ ``Configuration/gain`` and dₘ the width of eₘ. This happens in a share
/// ``Configuration/execution`` of the steps after ``Configuration/warmup``; all others are joint training's.
///
/// All of a modality's feature is dropped for a sample at once. The modality with the smallest score has qₘ = 0, so
/// that no sample ever loses everything; the authors' code drops such samples from the batch, of which there are none
/// here either.
public struct OPM: BalancingMethod {
  public struct Configuration: Settings {
    @Setting("q₀, the probability of dropping where the modality is hardly ahead", .fraction) public var base = 0.5
    @Setting("λ, how much it rises with the lead", .nonNegative) public var gain = 0.5
    @Setting("The share of steps in which anything is dropped", .fraction) public var execution = 0.7
    @Setting("The fraction of training before that", .fraction) public var warmup = 0.05
    public init() {}
  }

  public static let card = MethodCard(
    name: "opm", title: "OPM",
    citation: Citation(
      authors: ["Yake Wei", "Di Hu", "Henghui Du", "Ji-Rong Wen"],
      title: "On-the-fly Modulation for Balanced Multimodal Learning", venue: "TPAMI", year: 2024,
      url: "https://arxiv.org/abs/2410.11582"),
    stage: .feedForward,
    summary:
      "Drops the feature of the modality that is ahead, sample by sample, the more often the further it is ahead.",
    needs: ["what each modality adds to the fused logits, or a pass for each"], modalities: .several,
    departures: [
      "The plain steps at the start are a fraction of training, not five epochs.",
      "For more than two modalities, each is compared with the mean of the others.",
    ],
    settings: settings)

  public static let requirements = MethodRequirements(
    needsClasses: "it drops features of the modality that gives the true class the larger probability")

  private let configuration: Configuration

  public init(_ configuration: Configuration) { self.configuration = configuration }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    let outputs = try session.forward(batch)
    var report = StepReport(losses: [:])
    var logits = outputs.logits
    if session.clock.progress >= configuration.warmup {
      let scores = try ModalityScores.sums(outputs, batch, session)
      let drops = Self.leads(scores).map { Self.dropProbability($0, configuration) }
      for (modality, (score, drop)) in zip(session.model.modalities, zip(scores, drops)) {
        report.scalars["score.\(modality.name)"] = score / Double(batch.count)
        report.scalars["drop.\(modality.name)"] = drop
      }
      // Strictly less, so that neither 0 nor 1 leaves anything to chance.
      let executed = try session.random("execute").uniform([1], .float64).scalar() < configuration.execution
      report.scalars["executed"] = executed ? 1 : 0
      if executed, drops.contains(where: { $0 > 0 }) {
        logits = try session.model.outputs(ofFeatures: dropping(outputs.features, drops, session, &report)).logits
      }
    }
    let loss = try session.loss(logits, batch)
    report.losses["fused"] = try loss.scalar()
    try session.update(along: session.gradients(of: loss))
    return report
  }

  private func dropping(
    _ features: PerModality<Tensor>, _ drops: [Double], _ session: TrainingSession, _ report: inout StepReport
  ) throws -> PerModality<Tensor> {
    let scale = 1 / (1 - Self.expectedLoss(drops, widths: features.values.map { $0.shape[1] }))
    var changed: [Tensor] = []
    for ((modality, feature), drop) in zip(features, drops) {
      guard drop > 0 else {
        changed.append(try feature * scale)
        continue
      }
      let draws = try session.random("keep/\(modality)").uniform([feature.shape[0], 1], .float64)
      let dropped = try draws.less(than: drop)
      report.scalars["dropped.\(modality.name)"] = try dropped.to(.float64).mean().scalar()
      changed.append(try feature.maskedFill(dropped.to(on: feature.device), 0) * scale)
    }
    return PerModality(features.modalities, changed)
  }

  /// rₘ, from the scores as they are: no score is changed while others are compared with it.
  static func leads(_ scores: [Double]) -> [Double] {
    zip(scores, ModalityScores.meanOfOthers(scores)).map { tanh(max(0, $0 / max($1, 1e-12) - 1)) }
  }

  /// qₘ.
  static func dropProbability(_ lead: Double, _ configuration: Configuration) -> Double {
    lead > 0 ? min(1, configuration.base * (1 + configuration.gain * lead)) : 0
  }

  /// ϑ, below 1 as long as some modality is never dropped.
  static func expectedLoss(_ drops: [Double], widths: [Int]) -> Double {
    zip(drops, widths).reduce(0) { $0 + $1.0 * Double($1.1) } / Double(widths.reduce(0, +))
  }
}
