import Multimodal
import Torch

/// How well each modality predicts on its own, as the methods measure it that compare modalities batch by batch.
enum ModalityScores {
  /// The logits [B, C] of each modality alone: its part of the fused logits where these are a sum, otherwise the fused
  /// logits of a pass in which the inputs of the others are zero.
  static func logits(_ outputs: Outputs, _ batch: Batch, _ session: TrainingSession) throws -> PerModality<Tensor> {
    if let parts = try outputs.contributions() { return parts }
    let all = Set(outputs.modalities)
    return try PerModality(outputs.modalities) { modality in
      try session.forward(batch, without: all.subtracting([modality])).logits
    }
  }

  /// sₘ = Σᵢ pₘ[i, yᵢ], the sum over the batch of the probability of the truth.
  static func sums(_ outputs: Outputs, _ batch: Batch, _ session: TrainingSession) throws -> [Double] {
    try withoutGradients {
      let scores = try logits(outputs, batch, session).values.map {
        try session.model.task.trueProbability($0, batch.labels).sum()
      }
      return try Tensor.stack(scores).array()
    }
  }

  /// The share of right answers of each modality alone; of right labels where a sample may have several, and of a regression
  /// the mean squared error with a minus sign.
  static func accuracies(
    _ session: TrainingSession, _ context: TrainingContext, _ source: any BatchSource,
    _ logits: (Outputs, Batch) throws -> PerModality<Tensor>
  ) throws -> [Double] {
    var right = [Double](repeating: 0, count: session.model.modalities.count)
    var count = 0
    try context.forEachBatch(of: source) { batch in
      try withoutGradients {
        let hits = try logits(session.forward(batch), batch).values.map { logits in
          guard session.model.task.hasClasses else {
            return try -session.model.task.losses(logits, batch.labels).to(.float64).sum()
          }
          let found = session.model.task == .multiLabel ? try logits.greater(than: 0) : try logits.argmax(-1)
          return try found.to(.int64).equal(to: batch.labels.to(.int64)).to(.float64).sum()
        }
        right = try zip(right, Tensor.stack(hits).array(of: Double.self)).map(+)
        count += batch.labels.count
      }
    }
    return right.map { $0 / Double(max(count, 1)) }
  }

  /// For each value, the mean of all others.
  static func meanOfOthers(_ values: [Double]) -> [Double] {
    // One modality has no others; it is neither ahead of itself nor behind.
    values.count < 2 ? values : sumsOfOthers(values, +).map { $0 / Double(values.count - 1) }
  }
}
