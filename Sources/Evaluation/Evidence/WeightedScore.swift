import Multimodal
public import Records

/// A score of predictions in which each sample counts as often as it is told to: what a bootstrap asks for a thousand times.
///
/// With a weight of 1 everywhere it is the score itself; with whole weights that of the samples repeated so often.
public struct WeightedScore: Sendable {
  private let metric: Metric
  private let task: PredictionTask
  private let classes: Int
  private let count: Int
  // Each of these only where the metric asks for it: there may be thousands of scores in memory.
  private let truth: [Int]
  /// Of one label a sample.
  private let predicted: [Int]
  /// Of several labels, 0 and 1, flat.
  private let given: [Int]
  /// Samples by ascending margin of the positive class, and whether each cannot be told from the one before it.
  private let order: [(sample: Int, isTied: Bool)]
  /// The share of a sample's decisions that are right.
  private let right: [Double]
  /// Of a regression, and what is predicted.
  private let targets: [Double]
  private let answers: [Double]

  public init(_ predictions: Predictions, metric: Metric) {
    self.metric = metric
    task = predictions.task
    classes = predictions.classes
    count = predictions.count
    let isMulti = predictions.task == .multiLabel
    targets = predictions.targets
    answers = predictions.task.hasClasses ? [] : predictions.probabilities
    let isAccuracy = metric == .accuracy
    truth = isAccuracy ? [] : predictions.truth
    let given =
      isMulti
      ? (0..<predictions.count).flatMap { row in
        (0..<predictions.classes).map { predictions.isGiven(row, $0) ? 1 : 0 }
      } : []
    let predicted =
      isMulti || metric == .auroc || metric == .r2 ? [] : (0..<predictions.count).map { predictions.predicted($0)[0] }
    self.given = metric == .macroF1 ? given : []
    self.predicted = isAccuracy ? [] : predicted
    if metric == .auroc, !isMulti, predictions.classes == 2 {
      let ranked = RankedScores(Metrics.margins(predictions.probabilities), noise: Metrics.scoreNoise)
      order = zip(ranked.order, ranked.isTied).map { (sample: $0, isTied: $1) }
    } else {
      order = []
    }
    right =
      !isAccuracy
      ? []
      : (0..<predictions.count).map { row in
        guard isMulti else { return predicted[row] == predictions.truth[row] ? 1 : 0 }
        let places = (row * predictions.classes)..<((row + 1) * predictions.classes)
        return Double(places.count { given[$0] == predictions.truth[$0] }) / Double(predictions.classes)
      }
  }

  /// The score; nil where it is not defined, as an AUROC of one class.
  public func callAsFunction(_ weights: [Double]) -> Double? {
    precondition(weights.count == count, "a weight is needed for every sample")
    let total = weights.reduce(0, +)
    guard total > 0 else { return nil }
    switch (metric, task) {
    case (.r2, _), (_, .regression): return Metrics.r2(targets: targets, predictions: answers, weights: weights)
    case (.accuracy, _): return zip(right, weights).reduce(0) { $0 + $1.0 * $1.1 } / total
    case (.auroc, .multiLabel), (.weightedF1, .multiLabel): return nil
    case (.auroc, _): return auroc(weights)
    case (.macroF1, .multiLabel): return multiLabelMacroF1(weights)
    case (.macroF1, _): return f1(weights, isWeighted: false)
    case (.weightedF1, _): return f1(weights, isWeighted: true)
    }
  }

  private func auroc(_ weights: [Double]) -> Double? {
    guard !order.isEmpty else { return nil }
    var (positives, negatives) = (0.0, 0.0)
    for (label, weight) in zip(truth, weights) { if label == 1 { positives += weight } else { negatives += weight } }
    guard positives > 0, negatives > 0 else { return nil }
    var (won, below, tiedPositives, tiedNegatives) = (0.0, 0.0, 0.0, 0.0)
    func close() {
      won += tiedPositives * (below + tiedNegatives / 2)
      below += tiedNegatives
      (tiedPositives, tiedNegatives) = (0, 0)
    }
    for (sample, isTied) in order {
      if !isTied { close() }
      if truth[sample] == 1 { tiedPositives += weights[sample] } else { tiedNegatives += weights[sample] }
    }
    close()
    return won / (positives * negatives)
  }

  private func f1(_ weights: [Double], isWeighted: Bool) -> Double? {
    var hits = [Double](repeating: 0, count: classes)
    var (alarms, misses) = (hits, hits)
    for (row, weight) in weights.enumerated() {
      if predicted[row] == truth[row] {
        hits[truth[row]] += weight
      } else {
        misses[truth[row]] += weight
        alarms[predicted[row]] += weight
      }
    }
    var (sum, count) = (0.0, 0.0)
    for index in hits.indices {
      let below = 2 * hits[index] + alarms[index] + misses[index]
      // A class that is neither true nor predicted does not count.
      guard below > 0 else { continue }
      let share = isWeighted ? hits[index] + misses[index] : 1
      sum += share * 2 * hits[index] / below
      count += share
    }
    return count > 0 ? sum / count : nil
  }

  private func multiLabelMacroF1(_ weights: [Double]) -> Double? {
    var sum = 0.0
    for label in 0..<classes {
      var (hits, others) = (0.0, 0.0)
      for (row, weight) in weights.enumerated() {
        let place = row * classes + label
        if given[place] == 1, truth[place] == 1 {
          hits += weight
        } else if given[place] != truth[place] {
          others += weight
        }
      }
      if hits + others > 0 { sum += 2 * hits / (2 * hits + others) }
    }
    return sum / Double(classes)
  }
}
