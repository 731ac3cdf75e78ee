public import Multimodal
public import Records
import Torch
import TorchNN

/// Modality dropout: each modality of each training row is hidden now and then, never all of a row.
///
///     xₘᵢ ← bₘᵢ xₘᵢ,   bₘᵢ = 0 with probability p, else 1;   L = loss(z, y)
///
/// where p is ``Configuration/probability``. A hidden modality is a row of zeros at the embedding layer's input;
/// nothing is scaled up for it. A row that would lose all keeps the one that was nearest to being kept, each equally
/// likely.
public struct ModalityDropout: BalancingMethod {
  public struct Configuration: Settings {
    public var probability = 0.3
    public init() {}
  }

  public static let card = MethodCard(
    name: "modality-dropout", title: "Modality dropout",
    citation: Citation(
      authors: ["Natalia Neverova", "Christian Wolf", "Graham W. Taylor", "Florian Nebout"],
      title: "ModDrop: Adaptive Multi-Modal Gesture Recognition", venue: "TPAMI", year: 2016,
      url: "https://arxiv.org/abs/1501.00102"),
    stage: .dataInput,
    summary: "Hides modalities of training rows at random, so that the model learns to do without each.",
    modalities: .several,
    departures: [
      "ModDrop begins with modalities trained alone and fuses them bit by bit; this is the random hiding alone.",
      "Never hides all modalities of a row.",
    ],
    settings: settings([
      SettingNote("probability", "p, with which each modality of a row is hidden", range: .fraction)
    ]))

  private let probability: Double

  public init(_ configuration: Configuration) { probability = configuration.probability }

  public mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    var report = StepReport(losses: [:])
    var seen = batch
    if probability > 0 {
      // A stream for each modality's name, so that the order of the modalities decides nothing.
      let draws = try batch.inputs.modalities.map {
        try session.random("hide/\($0)").uniform([batch.count], .float64)
      }
      let hidden = try PerModality(batch.inputs.modalities, Self.hidden(draws, probability))
      for (modality, rows) in hidden {
        report.scalars["hidden.\(modality.name)"] = try rows.to(.float64).mean().scalar()
      }
      seen = Batch(
        samples: batch.samples,
        inputs: try batch.inputs.map { modality, rows in
          let column = [batch.count] + [Int](repeating: 1, count: rows.rank - 1)
          return try rows.maskedFill(hidden[modality].to(on: rows.device).reshaped(column), 0)
        },
        labels: batch.labels)
    }
    let loss = try session.loss(session.forward(seen).logits, seen)
    report.losses["fused"] = try loss.scalar()
    try session.update(along: session.gradients(of: loss))
    return report
  }

  /// Which rows of each modality are hidden, from a number in 0..<1 for each: where it is at most p and not the row's
  /// largest.
  static func hidden(_ draws: [Tensor], _ probability: Double) throws(TorchError) -> [Tensor] {
    let largest = try Tensor.stack(draws).max(0)
    var hidden: [Tensor] = []
    for draw in draws {
      hidden.append(try draw.greater(than: probability).logicalOr(draw.equal(to: largest)).logicalNot())
    }
    return hidden
  }
}
