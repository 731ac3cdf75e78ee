extension Metrics {
  /// The mean of the classes' F1.
  ///
  /// As in scikit-learn without `labels`, the classes are those that occur in truth or prediction: one that is in neither
  /// does not count. A class that is never predicted, or never true, has an F1 of 0.
  ///
  /// - Throws: ``MetricError``.
  public static func macroF1(truth: [Int], predictions: [Int]) throws -> Double {
    let tallies = try tally(truth, predictions)
    return tallies.reduce(0) { $0 + $1.f1 } / Double(tallies.count)
  }

  /// The mean of the classes' F1, each weighted by how often it is true.
  ///
  /// - Throws: ``MetricError``.
  public static func weightedF1(truth: [Int], predictions: [Int]) throws -> Double {
    let tallies = try tally(truth, predictions)
    return tallies.reduce(0) { $0 + $1.f1 * Double($1.support) } / Double(truth.count)
  }

  /// The mean over the columns of a multi-label table of the column's F1.
  ///
  /// Every column counts; one without a true and a predicted label has an F1 of 0, as in scikit-learn with
  /// `zero_division=0`.
  ///
  /// - Parameters:
  ///   - truth: 0 and 1, samples × classes, flat.
  ///   - predictions: 0 and 1, samples × classes, flat.
  /// - Throws: ``MetricError``.
  public static func multiLabelMacroF1(truth: [Int], predictions: [Int], classes: Int) throws -> Double {
    try same(truth.count, predictions.count)
    let rows = try rows(truth.count, classes: classes)
    var tallies = [Tally](repeating: Tally(), count: classes)
    for row in 0..<rows {
      for column in 0..<classes {
        let label = truth[row * classes + column]
        let prediction = predictions[row * classes + column]
        for value in [label, prediction] where value != 0 && value != 1 {
          throw MetricError.labelOutOfRange(row: row, label: value, classes: 2)
        }
        tallies[column].add(label: label == 1, prediction: prediction == 1)
      }
    }
    return tallies.reduce(0) { $0 + $1.f1 } / Double(classes)
  }

  /// One class's hits and misses.
  private struct Tally {
    var hits = 0
    var falseAlarms = 0
    var misses = 0

    var support: Int { hits + misses }

    /// 2 TP / (2 TP + FP + FN), and 0 where that is 0 / 0.
    var f1: Double {
      let below = 2 * hits + falseAlarms + misses
      return below == 0 ? 0 : Double(2 * hits) / Double(below)
    }

    mutating func add(label: Bool, prediction: Bool) {
      switch (label, prediction) {
      case (true, true): hits += 1
      case (false, true): falseAlarms += 1
      case (true, false): misses += 1
      case (false, false): break
      }
    }
  }

  private static func tally(_ truth: [Int], _ predictions: [Int]) throws -> [Tally] {
    try same(truth.count, predictions.count)
    var tallies: [Int: Tally] = [:]
    for (label, prediction) in zip(truth, predictions) {
      if label == prediction {
        tallies[label, default: Tally()].hits += 1
      } else {
        tallies[label, default: Tally()].misses += 1
        tallies[prediction, default: Tally()].falseAlarms += 1
      }
    }
    // In the order of the labels: sums must not depend on how a dictionary happens to be laid out.
    return tallies.sorted { $0.key < $1.key }.map(\.value)
  }
}
