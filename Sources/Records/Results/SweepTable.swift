/// Scores against the share of test samples that are impaired: `sweep.json`.
public struct SweepTable: Codable, Equatable, Sendable {
  /// One method or run.
  public struct Curve: Codable, Equatable, Sendable {
    public var name: String
    /// How many runs each value is the mean of.
    public var runs: Int
    /// By condition: the score at each ratio.
    public var scores: [String: [Double]]
    /// By kind of impairment: the distance of best and worst modality at each ratio.
    public var gap: [String: [Double]]
    /// By kind of impairment: the mean over the modalities at each ratio.
    public var average: [String: [Double]]

    /// Gaps and averages follow from the scores.
    public init(name: String, runs: Int = 1, scores: [String: [Double]], modalities: [String]) {
      self.name = name
      self.runs = runs
      self.scores = scores
      gap = [:]
      average = [:]
      let count = scores.values.map(\.count).min() ?? 0
      let tables = (0..<count).map { index in
        Robustness(scores: scores.mapValues { $0[index] }, modalities: modalities)
      }
      for kind in Set(tables.flatMap(\.gap.keys)) { gap[kind] = tables.map { $0.gap[kind] ?? .nan } }
      for kind in Set(tables.flatMap(\.average.keys)) { average[kind] = tables.map { $0.average[kind] ?? .nan } }
    }
  }

  public var dataset: String
  public var metric: String
  public var modalities: [String]
  /// The shares, from 0 to 1; at 1 every sample is impaired.
  public var ratios: [Double]
  /// In the order of a table.
  public var conditions: [String]
  public var curves: [Curve]

  public init(
    dataset: String, metric: String, modalities: [String], ratios: [Double], conditions: [String], curves: [Curve]
  ) {
    self.dataset = dataset
    self.metric = metric
    self.modalities = modalities
    self.ratios = ratios
    self.conditions = conditions
    self.curves = curves
  }

  /// The means of several runs' curves under one name; the runs must have one curve each over the same ratios.
  public static func mean(of tables: [SweepTable], named name: String) -> Curve? {
    let curves = tables.compactMap(\.curves.first)
    guard let first = tables.first, !curves.isEmpty else { return nil }
    var scores: [String: [Double]] = [:]
    for condition in first.conditions {
      let rows = curves.compactMap { $0.scores[condition] }
      guard rows.count == curves.count else { continue }
      scores[condition] = first.ratios.indices.map { index in
        rows.map { $0[index] }.reduce(0, +) / Double(rows.count)
      }
    }
    var curve = Curve(name: name, runs: curves.count, scores: scores, modalities: first.modalities)
    // The mean of the runs' gaps, as in a comparison: seeds that lean either way do not cancel.
    for kind in curve.gap.keys {
      curve.gap[kind] = first.ratios.indices.map { index in
        curves.map { $0.gap[kind]?[index] ?? .nan }.reduce(0, +) / Double(curves.count)
      }
    }
    return curve
  }

  /// The file's text.
  public func json(_ layout: JSONLayout = .pretty) throws -> String {
    let order = ["dataset", "metric", "modalities", "ratios", "conditions", "curves", "name", "runs", "scores"]
    return try Tree(encoding: self, keys: .asNamed).json(layout, order: order + conditions)
  }
}
