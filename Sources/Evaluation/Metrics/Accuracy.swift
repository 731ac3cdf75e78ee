extension Metrics {
  /// The share of samples whose predicted class is the true one.
  ///
  /// - Throws: ``MetricError``.
  public static func accuracy(truth: [Int], predictions: [Int]) throws -> Double {
    try same(truth.count, predictions.count)
    return Double(zip(truth, predictions).count { $0 == $1 }) / Double(truth.count)
  }
}
