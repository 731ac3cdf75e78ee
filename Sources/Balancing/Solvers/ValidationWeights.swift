import Multimodal
import Records
import Torch

/// What modalities weigh in a weighted mean of their logits, by name: tenths, each given to the modality that lowers the
/// validation loss the most.
///
/// - Parameters:
///   - method: who asks, for the error where there is no validation split.
///   - logits: [B, C] of each modality.
func validationWeights(
  _ context: TrainingContext, _ method: String, _ logits: (Outputs) throws -> PerModality<Tensor>
) throws -> [String: Double] {
  guard let validation = context.validation else {
    throw Diagnosis(
      "\(method) finds the modalities' weights on a validation split, and there is none",
      remedy: "--set weights=equal", exitStatus: .usage)
  }
  let modalities = context.model.modalities.sorted { $0.name < $1.name }
  var counts = [Double](repeating: 0, count: modalities.count)
  try withoutGradients {
    var parts: [[Tensor]] = []
    var labels: [Tensor] = []
    try context.forEachBatch(of: validation) { batch in
      let all = try logits(context.model(batch.inputs))
      parts.append(modalities.map { all[$0] })
      labels.append(batch.labels)
    }
    let truths = try Tensor.cat(labels, 0)
    let whole = try modalities.indices.map { place in try Tensor.cat(parts.map { $0[place] }, 0) }
    var sum = try whole[0] * 0
    for given in 1...10 {
      let losses = try whole.map { try context.model.task.loss((sum + $0) / Double(given), truths).scalar() }
      guard let best = losses.indices.min(by: { losses[$0] < losses[$1] }) else { break }
      counts[best] += 1
      sum = try sum + whole[best]
    }
  }
  return Dictionary(zip(modalities.map(\.name), counts.map { $0 / 10 }), uniquingKeysWith: { $1 })
}

/// The mean of some logits by weights over their sum; all weigh alike where nothing else is said, or where the sum is 0.
func weightedMean(_ logits: [(Modality, Tensor)], _ weights: [String: Double]) throws -> Tensor {
  let own = logits.map { weights[$0.0.name] ?? 1 }
  let sum = own.reduce(0, +)
  return try .total(zip(logits, own).map { try $0.1 * (sum > 0 ? $1 / sum : 1 / Double(own.count)) })
}
