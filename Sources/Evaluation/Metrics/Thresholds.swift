public import Multimodal
public import Records
public import Torch

/// The probabilities above which labels are predicted, where a sample may have several.
public enum Thresholds {
  /// For each label, the threshold of the best F1 on a split; nil where one half is as good as any rule: with one label a
  /// sample, and by the accuracy over all labels, which one half serves best.
  ///
  /// A threshold lies half way between two probabilities that were given; of several that are as good it is the one nearest
  /// to one half. A label that nobody has keeps one half.
  ///
  /// - Parameters:
  ///   - logits: [N, C] on the validation split, never on the test split.
  ///   - labels: [N, C].
  public static func fitted(
    _ logits: Tensor, _ labels: Tensor, task: PredictionTask, metric: Metric
  ) throws -> [Double]? {
    guard task == .multiLabel, metric == .macroF1, logits.shape[0] > 0 else { return nil }
    let classes = logits.shape[1]
    let probabilities: [Double] = try task.probabilities(logits.to(.float64)).array()
    let truth: [Int] = try labels.array()
    return (0..<classes).map { label in
      let places = stride(from: label, to: probabilities.count, by: classes)
      return best(probabilities: places.map { probabilities[$0] }, truth: places.map { truth[$0] })
    }
  }

  /// The threshold of the best F1 of one label.
  static func best(probabilities: [Double], truth: [Int]) -> Double {
    let positives = truth.count { $0 == 1 }
    guard positives > 0 else { return 0.5 }
    let order = probabilities.indices.sorted { (probabilities[$0], $0) > (probabilities[$1], $1) }
    var found = (score: -1.0, threshold: 0.5)
    var hits = 0
    // The threshold below the first `given` samples, where the next is less probable.
    for (place, sample) in order.enumerated() {
      hits += truth[sample]
      let given = place + 1
      let next = given < order.count ? probabilities[order[given]] : 0
      guard probabilities[sample] > next else { continue }
      let score = 2 * Double(hits) / Double(given + positives)
      let threshold = next < 0.5 && probabilities[sample] > 0.5 ? 0.5 : (next + probabilities[sample]) / 2
      if score > found.score + 1e-12
        || (score > found.score - 1e-12 && abs(threshold - 0.5) < abs(found.threshold - 0.5))
      {
        found = (score, threshold)
      }
    }
    return found.score < 0 ? 0.5 : found.threshold
  }
}
