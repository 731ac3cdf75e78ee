/// What a run scores on the validation split: what rows are chosen by, so that the test split has no part in it.
public struct ValidationScores: Codable, Equatable, Sendable {
  /// With everything there.
  public var full: Double
  /// By the modality that is missing.
  public var missing: [String: Double]
  /// What each modality adds; `nil` where that was not measured.
  public var shapley: [String: Double]?

  public init(full: Double, missing: [String: Double], shapley: [String: Double]? = nil) {
    self.full = full
    self.missing = missing
    self.shapley = shapley
  }

  /// The scores in one order, so that a sum's last digit does not change from run to run.
  private var values: [Double] { missing.sorted { $0.key < $1.key }.map(\.value) }

  /// Over the modalities; `nil` where there is none to miss.
  public var averageMissing: Double? { Statistics.mean(values) }
  /// The distance of best and worst; `nil` with fewer than two modalities.
  public var gapMissing: Double? {
    guard let low = values.min(), let high = values.max(), values.count > 1 else { return nil }
    return high - low
  }
  /// How unevenly the modalities add, as ``EvaluationTable/imbalance(of:)``.
  public var imbalance: Double? { EvaluationTable.imbalance(of: shapley) }
}

extension ParetoFront {
  /// The rows as their runs score on the validation split, means over seeds; `nil` where some run has no such scores.
  static func validationPoints(_ rows: [ComparisonResults.MethodRow], by measure: Measure) -> [Point]? {
    var points: [Point] = []
    for row in rows {
      let scores = row.runs.compactMap(\.validation)
      guard !scores.isEmpty, scores.count == row.runs.count else { return nil }
      func mean(_ value: (ValidationScores) -> Double?) -> Double? {
        let values = scores.compactMap(value)
        return values.count == scores.count ? Statistics.mean(values) : nil
      }
      guard let full = mean(\.full) else { return nil }
      let point = Point(
        name: row.name, full: full, averageMissing: mean(\.averageMissing), gapMissing: mean(\.gapMissing),
        imbalance: mean(\.imbalance), beatenBy: [])
      guard (measure == .imbalance ? point.imbalance : point.gapMissing) != nil else { return nil }
      points.append(point)
    }
    return points
  }
}
