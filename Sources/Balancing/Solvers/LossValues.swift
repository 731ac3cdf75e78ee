import Multimodal
import Torch

/// A number for the fused loss and for each unimodal loss.
struct LossValues: Codable, Equatable {
  var fused = 0.0
  var unimodal: [String: Double] = [:]

  /// The fused one first, then the others by name.
  var inOrder: [Double] { [fused] + unimodal.keys.sorted().compactMap { unimodal[$0] } }

  init(fused: Double, unimodal: [String: Double]) {
    self.fused = fused
    self.unimodal = unimodal
  }

  /// Back from `inOrder`.
  init(_ values: [Double], names: some Sequence<String>) {
    self.init(
      fused: values[0], unimodal: Dictionary(uniqueKeysWithValues: zip(names.sorted(), values.dropFirst())))
  }
}

extension LossValues {
  /// The mean losses over the samples of a split, weighted where classes are.
  static func means(
    _ session: TrainingSession, _ context: TrainingContext, over source: any BatchSource
  ) throws -> LossValues {
    var sums = LossValues(fused: 0, unimodal: [:])
    var total = 0.0
    try withoutGradients {
      try context.forEachBatch(of: source) { batch in
        // A batch of rare classes is heavier than one of common ones.
        let share = try session.weight(of: batch)
        total += share
        let outputs = try session.forward(batch)
        sums.fused += try share * session.loss(outputs.logits, batch).scalar()
        for (modality, logits) in try outputs.unimodal() {
          sums.unimodal[modality.name, default: 0] += try share * session.loss(logits, batch).scalar()
        }
      }
    }
    return LossValues(fused: sums.fused / total, unimodal: sums.unimodal.mapValues { $0 / total })
  }
}
