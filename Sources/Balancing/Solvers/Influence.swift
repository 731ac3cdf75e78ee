import Multimodal
import Records
import Torch
import TorchNN

/// What a modality does to a prediction: how far it moves when the modality's features come from other samples.
enum Influence {
  /// D of each modality: the mean over rows of JSD(p ‖ p̃), p̃ with the row's feature of that modality taken from another row.
  ///
  /// A lower bound of what the label and the modality share given the others, in nats; with several labels the mean over
  /// labels. Where the fused logits are a sum, only the modality's part is exchanged.
  ///
  /// - Parameters:
  ///   - features: eₘ, [B, H] each.
  ///   - rows: which rows are looked at, as often as wanted.
  ///   - others: the row that each of them gets the feature of.
  static func divergences(
    _ features: PerModality<Tensor>, _ model: MultimodalModel, rows: [Int], others: [Int]
  ) throws -> PerModality<Tensor> {
    let device = features.values[0].device
    let (kept, from) = (try Tensor(rows).to(on: device), try Tensor(others).to(on: device))
    let exchanged: (Modality) throws -> Tensor
    let own: Tensor
    if let parts = try model.fusion.contributions(features) {
      let sum = try Tensor.total(parts.values)
      own = try sum.indexed(0, by: kept)
      exchanged = { try (sum - parts[$0]).indexed(0, by: kept) + parts[$0].indexed(0, by: from) }
    } else {
      let still = try features.map { try $1.indexed(0, by: kept) }
      own = try model.fusion.logits(still)
      exchanged = { modality in
        try model.fusion.logits(still.map { $0 == modality ? try features[$0].indexed(0, by: from) : $1 })
      }
    }
    let task = model.task
    let before = try task.logProbabilities(own)
    return try features.map { modality, _ in
      let divergence = try Divergence.jensenShannon(before, task.logProbabilities(exchanged(modality)))
      return task == .multiLabel ? try divergence / Double(own.shape[1]) : divergence
    }
  }

  /// What has the gradient of a game for influence and no meaning else, Σₘ ⟨cₘ, eₘ⟩ with cₘ = ∂(−Dₘ − k/(M−1) Σⱼ≠ₘ Dⱼ)/∂eₘ;
  /// and D of each modality.
  ///
  /// D is taken of copies of the features, so that nothing of it reaches the fusion.
  ///
  /// - Parameters:
  ///   - rows, others: as in ``divergences(_:_:rows:others:)``; where there are none, all D are 0.
  ///   - factor: k.
  static func game(
    _ features: PerModality<Tensor>, _ model: MultimodalModel, rows: [Int], others: [Int], factor: Double
  ) throws -> (loss: Tensor, divergences: PerModality<Double>) {
    var loss = try features.values[0].sum() * 0
    guard !rows.isEmpty else { return (loss, features.map { _, _ in 0 }) }
    let copies = try features.map { try $1.detached().cloned().requiringGradient() }
    let found = try divergences(copies, model, rows: rows, others: others)
    for (player, divergence) in found {
      let slopes = try gradients(of: divergence, withRespectTo: copies.values, keepingGraph: true)
      for ((modality, feature), slope) in zip(features, slopes) {
        guard let slope else { continue }
        let share = modality == player ? 1 : factor / Double(features.count - 1)
        loss = try loss - (slope * feature).sum() * share
      }
    }
    return (loss, try found.map { try $1.scalar() })
  }
}

/// How hard it is to tell, among another modality's features, those of samples with the same labels.
///
///     mean over ordered pairs a, b and samples i of −(1/|P|) Σ over j in P of log softmaxⱼ cos(e_a,i, e_b,j)/τ
///
/// where P are the samples that have i's labels, itself among them.
///
/// - Parameter labels: of each sample.
func labelledContrast(
  _ features: PerModality<Tensor>, _ labels: [[Int]], temperature: Double
) throws -> Tensor {
  let widths = features.values.map { $0.shape[1] }
  guard Set(widths).count == 1 else {
    throw Diagnosis(
      "the contrast between modalities needs embeddings of one width",
      found: [widths.map(String.init).joined(separator: ", ")], remedy: "--set contrast=0", exitStatus: .usage)
  }
  let units = try features.values.map { try $0.unitRows() }
  let alike = labels.map { own in labels.map { $0 == own ? 1.0 : 0 } }
  let shares = alike.flatMap { row in row.map { $0 / row.reduce(0, +) } }
  let weights = try Tensor(shares, shape: [labels.count, labels.count]).to(units[0].elementType, on: units[0].device)
  var losses: [Tensor] = []
  for a in units.indices {
    for b in units.indices where b > a {
      let likeness = try units[a].matmul(units[b].transposed()) / temperature
      for logits in [likeness, try likeness.transposed()] {
        losses.append(try -(weights * logits.logSoftmax(1)).sum(1).mean())
      }
    }
  }
  return try Tensor.stack(losses).mean()
}
