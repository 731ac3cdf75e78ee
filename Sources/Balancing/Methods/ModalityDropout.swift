public import Multimodal
public import Records
import Torch
import TorchNN

/// Modality dropout: each modality of each training row is hidden now and then, never all of a row.
///
///     xₘᵢ ← x⁰ₘ with probability p, else xₘᵢ;   L = loss(z, y)
///
/// where p is ``Configuration/probability`` and x⁰ₘ what ``Configuration/hide`` says: the input that stands for a missing
/// modality, zeros, or the mean of the training inputs. Nothing is scaled up for it. A row that would lose all keeps the
/// one that was nearest to being kept, each equally likely.
public struct ModalityDropout: BalancingMethod, PreparesBeforeTraining, Checkpointed {
  public struct Configuration: Settings {
    public var probability = 0.3
    public var hide = Hiding.missing
    public init() {}
  }
  public enum Hiding: String, SettingChoice { case missing, zero, mean }

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
      "Hides with what a missing input is encoded to, which the model is tested on; with zeros as published (`hide=zero`) it "
        + "is tested on an input that it never saw.",
    ],
    settings: settings([
      SettingNote("probability", "p, with which each modality of a row is hidden", range: .fraction),
      SettingNote("hide", "What stands for a hidden modality", allowed: Hiding.allowed),
    ]), sees: ["clean", "missing"])

  private let probability: Double
  private let hide: Hiding
  /// Of the training inputs, [1, …] each, where they are asked for.
  private var means: [Modality: Tensor] = [:]

  public init(_ configuration: Configuration) {
    probability = configuration.probability
    hide = configuration.hide
  }

  public mutating func prepare(_ context: TrainingContext) throws {
    guard hide == .mean else { return }
    var sums: [Modality: Tensor] = [:]
    try context.forEachBatch(of: context.training) { batch in
      for (modality, rows) in batch.inputs {
        let sum = try rows.to(.float64).sum(0, keeping: true)
        sums[modality] = try sums[modality].map { try $0 + sum } ?? sum
      }
    }
    means = try sums.mapValues { try $0 / Double(max(context.training.count, 1)) }
  }

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
      let stand = try hide == .missing ? session.missingInputs(batch) : nil
      seen = Batch(
        samples: batch.samples,
        inputs: try batch.inputs.map { modality, rows in
          let column = [batch.count] + [Int](repeating: 1, count: rows.rank - 1)
          let mask = try hidden[modality].to(on: rows.device).reshaped(column)
          guard let other = try stand?[modality] ?? means[modality]?.to(rows.elementType, on: rows.device) else {
            return try rows.maskedFill(mask, 0)
          }
          return try mask.choose(other, rows)
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

  // MARK: State

  public func state() throws -> MethodState {
    MethodState(tensors: means.sorted { $0.key.name < $1.key.name }.map { ($0.key.name, $0.value) })
  }

  public mutating func restore(_ state: MethodState) throws {
    means = Dictionary(state.tensors.map { (Modality($0.name), $0.tensor) }, uniquingKeysWith: { first, _ in first })
  }
}
