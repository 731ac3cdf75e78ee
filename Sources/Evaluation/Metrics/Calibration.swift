import Foundation

extension Metrics {
  /// The mean of −ln of the probability given to the true class.
  ///
  /// Probabilities are kept 2⁻⁵² away from 0 and 1, so that a sure mistake costs much and not infinitely much.
  ///
  /// - Parameter probabilities: samples × classes, flat; rows that sum to 1.
  /// - Throws: ``MetricError``.
  public static func logLoss(truth: [Int], probabilities: [Double], classes: Int) throws -> Double {
    try same(truth.count, rows(probabilities.count, classes: classes))
    var sum = 0.0
    for (row, label) in truth.enumerated() {
      guard (0..<classes).contains(label) else {
        throw MetricError.labelOutOfRange(row: row, label: label, classes: classes)
      }
      sum -= log(try kept(probabilities[row * classes + label], row))
    }
    return sum / Double(truth.count)
  }

  /// The mean over all entries of −ln of the probability given to what is true; for binary and multi-label tasks.
  ///
  /// - Parameters:
  ///   - truth: 0 and 1; of several labels a flat table.
  ///   - probabilities: of 1, as many.
  /// - Throws: ``MetricError``.
  public static func binaryLogLoss(truth: [Int], probabilities: [Double]) throws -> Double {
    try same(truth.count, probabilities.count)
    var sum = 0.0
    for (row, (label, probability)) in zip(truth, probabilities).enumerated() {
      guard label == 0 || label == 1 else { throw MetricError.labelOutOfRange(row: row, label: label, classes: 2) }
      sum -= log(try kept(label == 1 ? probability : 1 - probability, row))
    }
    return sum / Double(truth.count)
  }

  private static func kept(_ probability: Double, _ row: Int) throws -> Double {
    guard probability.isFinite else { throw MetricError.notANumber(row: row) }
    return min(max(probability, .ulpOfOne), 1 - .ulpOfOne)
  }

  /// The expected calibration error: how far, on average, confidence is from the share that is right.
  ///
  ///     ECE = Σ_b |B_b|/n · |right(B_b) − confidence(B_b)|
  ///
  /// over equal bins of confidence, each open below and closed above (Guo et al., ICML 2017). 0 is perfect.
  ///
  /// - Parameters:
  ///   - confidences: of the predicted class, 0…1.
  ///   - correct: whether that class was the true one.
  /// - Throws: ``MetricError``.
  public static func calibrationError(confidences: [Double], correct: [Bool], bins: Int = 15) throws -> Double {
    precondition(bins > 0, "calibration needs at least one bin")
    try same(correct.count, confidences.count)
    var gaps = [Double](repeating: 0, count: bins)
    for (row, (confidence, right)) in zip(confidences, correct).enumerated() {
      guard confidence.isFinite else { throw MetricError.notANumber(row: row) }
      let bin = min(max(Int((confidence * Double(bins)).rounded(.up)) - 1, 0), bins - 1)
      gaps[bin] += (right ? 1 : 0) - confidence
    }
    return gaps.reduce(0) { $0 + abs($1) } / Double(correct.count)
  }

  /// The expected calibration error of a table of class probabilities.
  ///
  /// - Parameter probabilities: samples × classes, flat; rows that sum to 1.
  /// - Throws: ``MetricError``.
  public static func calibrationError(
    truth: [Int], probabilities: [Double], classes: Int, bins: Int = 15
  ) throws -> Double {
    let predictions = try argmax(probabilities, classes: classes)
    try same(truth.count, predictions.count)
    return try calibrationError(
      confidences: predictions.enumerated().map { probabilities[$0.offset * classes + $0.element] },
      correct: zip(truth, predictions).map { $0 == $1 }, bins: bins)
  }
}
