/// A condition's name taken apart: `image-missing` is the modality `image` and the kind `missing`.
public struct Condition: Equatable, Hashable, Sendable {
  /// As written in tables and file names.
  public let name: String
  /// What is impaired; `nil` for `full` and for what names no modality.
  public let modality: String?
  /// `missing`, `absent`, `noisy`, …; `full` where nothing is impaired.
  public let kind: String

  /// Nothing is impaired.
  public static let full = "full"
  /// The input is empty, is encoded like any other, and nobody tells the model: silent absence.
  public static let missing = "missing"
  /// Whoever predicts knows that the modality is not there, and the model may answer in a way of its own: declared absence.
  public static let absent = "absent"
  /// The input is that of another sample, which may contradict.
  public static let swapped = "swapped"

  /// Takes a name apart, knowing the modalities; the longest that fits is meant.
  public init(_ name: String, modalities: [String]) {
    self.name = name
    modality = modalities.filter { name.hasPrefix("\($0)-") && name.count > $0.count + 1 }.max { $0.count < $1.count }
    kind = modality.map { String(name.dropFirst($0.count + 1)) } ?? name
  }
}

/// How scores hold up when a modality is impaired.
public struct Robustness: Codable, Equatable, Sendable {
  /// The mean over the modalities, by kind of impairment; only where each of them was impaired so.
  public var average: [String: Double]
  /// The distance of best and worst over the modalities, by kind; only with two or more of them.
  public var gap: [String: Double]
  /// Whether some impaired score is above the full one; `nil` where that was not measured.
  public var negativeTransfer: Bool?

  /// From the scores by condition.
  public init(scores: [String: Double], modalities: [String]) {
    average = [:]
    gap = [:]
    let conditions = scores.keys.map { Condition($0, modalities: modalities) }.filter { $0.modality != nil }
    for kind in Set(conditions.map(\.kind)) {
      let impaired = modalities.compactMap { scores["\($0)-\(kind)"] }
      guard impaired.count == modalities.count, let low = impaired.min(), let high = impaired.max() else { continue }
      average[kind] = impaired.reduce(0, +) / Double(impaired.count)
      if impaired.count > 1 { gap[kind] = high - low }
    }
    if let full = scores[Condition.full], !conditions.isEmpty {
      negativeTransfer = conditions.contains { (scores[$0.name] ?? full) > full }
    }
  }
}

/// One run's scores under every condition: `evaluation.json`.
public struct EvaluationTable: Codable, Equatable, Sendable {
  public var dataset: String
  /// The metric of `scores`.
  public var metric: String
  /// What it was measured on, `test` as a rule.
  public var split: String
  public var modalities: [String]
  /// In the order of the table.
  public var conditions: [String]
  /// 0…1, by condition.
  public var scores: [String: Double]
  /// Other metrics, by condition, then name.
  public var metrics: [String: [String: Double]]
  /// Mean over the modalities, by kind of impairment.
  public var average: [String: Double]
  /// Distance of best and worst modality, by kind of impairment.
  public var gap: [String: Double]
  public var negativeTransfer: Bool?
  /// What each modality adds to the score; `nil` where that was not measured.
  ///
  /// Shapley's values over the scores with every set of modalities missing: they add up to the full score less that of the
  /// best constant prediction, which is what no modality is worth.
  public var shapley: [String: Double]?
  /// How unevenly the modalities add, as ``imbalance(of:)``; `nil` with one modality.
  public var imbalance: Double?
  /// What stood for each modality where it was missing: `encoded-empty` or `zeros`; `nil` where none was.
  public var missing: MissingInputs?
  /// The same model's scores on the validation split; `nil` where there is none.
  public var validation: ValidationScores?
  /// How many were scored.
  public var samples: Int?
  /// What a reader of the numbers must know.
  public var notes: [String]

  /// Averages, gaps and negative transfer follow from the scores.
  public init(
    dataset: String, metric: String, split: String = "test", modalities: [String], conditions: [String],
    scores: [String: Double], metrics: [String: [String: Double]] = [:], shapley: [String: Double]? = nil,
    samples: Int? = nil, missing: MissingInputs? = nil, validation: ValidationScores? = nil, notes: [String] = []
  ) {
    self.validation = validation
    self.dataset = dataset
    self.metric = metric
    self.missing = missing
    self.split = split
    self.modalities = modalities
    self.conditions = conditions
    self.scores = scores
    self.metrics = metrics
    self.samples = samples
    self.notes = notes
    self.shapley = shapley
    imbalance = Self.imbalance(of: shapley)
    let robustness = Robustness(scores: scores, modalities: modalities)
    average = robustness.average
    gap = robustness.gap
    negativeTransfer = robustness.negativeTransfer
  }

  static let keyOrder = [
    "dataset", "metric", "split", "samples", "modalities", "conditions", "scores", "average", "gap", "negativeTransfer",
    "shapley", "imbalance", "missing", "validation", "full", "metrics", "notes",
  ]

  /// The mean distance between the values of two modalities, over all pairs; `nil` with fewer than two.
  ///
  /// With two modalities |φ₁ − φ₂|. That is |v({1}) − v({2})|, and so their gap when missing; with more the two differ.
  public static func imbalance(of shapley: [String: Double]?) -> Double? {
    // In one order, so that the sum's last digit does not change from run to run.
    let values = (shapley ?? [:]).sorted { $0.key < $1.key }.map(\.value)
    guard values.count > 1 else { return nil }
    let distances = values.indices.flatMap { i in values[(i + 1)...].map { abs(values[i] - $0) } }
    return distances.reduce(0, +) / Double(distances.count)
  }

  /// The file's text.
  public func json(_ layout: JSONLayout = .pretty) throws -> String {
    try Tree(encoding: self, keys: .asNamed).json(layout, order: Self.keyOrder + conditions)
  }
}
