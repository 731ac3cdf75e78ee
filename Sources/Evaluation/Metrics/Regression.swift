extension Metrics {
  /// The coefficient of determination: 1 − Σw(y − ŷ)² / Σw(y − ȳ)², about the mean ȳ of these very samples.
  ///
  /// 1 is perfect, 0 no better than their mean, and below 0 worse than it.
  ///
  /// - Parameter weights: how often each sample counts; nil: once.
  /// - Returns: nil where the targets do not vary.
  public static func r2(targets: [Double], predictions: [Double], weights: [Double]? = nil) -> Double? {
    precondition(targets.count == predictions.count, "a score needs a prediction for every target")
    func weight(_ row: Int) -> Double { weights?[row] ?? 1 }
    var (total, sum) = (0.0, 0.0)
    for row in targets.indices {
      total += weight(row)
      sum += weight(row) * targets[row]
    }
    guard total > 0 else { return nil }
    let mean = sum / total
    var (missed, spread) = (0.0, 0.0)
    for row in targets.indices {
      missed += weight(row) * (targets[row] - predictions[row]) * (targets[row] - predictions[row])
      spread += weight(row) * (targets[row] - mean) * (targets[row] - mean)
    }
    // Of equal numbers rounding leaves a last place.
    guard spread > total * mean * mean * 1e-24, spread > 0 else { return nil }
    return 1 - missed / spread
  }

  /// The mean of |y − ŷ|, in the target's unit.
  ///
  /// - Throws: ``MetricError``.
  public static func meanAbsoluteError(targets: [Double], predictions: [Double]) throws -> Double {
    try same(targets.count, predictions.count)
    return zip(targets, predictions).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(targets.count)
  }

  /// The square root of the mean of (y − ŷ)², in the target's unit.
  ///
  /// - Throws: ``MetricError``.
  public static func rootMeanSquaredError(targets: [Double], predictions: [Double]) throws -> Double {
    try same(targets.count, predictions.count)
    let sum = zip(targets, predictions).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (sum / Double(targets.count)).squareRoot()
  }

  /// Pearson's correlation of targets and predictions.
  ///
  /// - Returns: nil where one of them does not vary.
  public static func pearson(targets: [Double], predictions: [Double]) -> Double? {
    precondition(targets.count == predictions.count, "a score needs a prediction for every target")
    let count = Double(targets.count)
    let (x, y) = (targets.reduce(0, +) / count, predictions.reduce(0, +) / count)
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    for (target, prediction) in zip(targets, predictions) {
      xx += (target - x) * (target - x)
      yy += (prediction - y) * (prediction - y)
      xy += (target - x) * (prediction - y)
    }
    guard xx > count * x * x * 1e-24, yy > count * y * y * 1e-24, xx > 0, yy > 0 else { return nil }
    return xy / (xx * yy).squareRoot()
  }
}
