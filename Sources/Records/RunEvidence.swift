/// What a run's predictions show beside its scores: `evidence.json`.
public struct RunEvidence: Codable, Equatable, Sendable {
  /// What the file says it is.
  public static let format = "seesaw-evidence/1"

  /// The predictions under one condition.
  public struct UnderCondition: Codable, Equatable, Sendable {
    /// As in the score table: `full`, `image-missing`.
    public var condition: String
    /// By the data set's metric, 1 at most.
    public var score: Double
    /// Of a task with one label a sample.
    public var confusion: ConfusionMatrix?
    /// Of a task with several labels a sample, in the order of the classes.
    public var labelCounts: [LabelCounts]?
    /// `nil` of a regression.
    public var reliability: Reliability?

    public init(
      condition: String, score: Double, confusion: ConfusionMatrix? = nil, labelCounts: [LabelCounts]? = nil,
      reliability: Reliability? = nil
    ) {
      self.condition = condition
      self.score = score
      self.confusion = confusion
      self.labelCounts = labelCounts
      self.reliability = reliability
    }

    /// Precision, recall, F1 and count of every class.
    public var classScores: [ClassScores] { confusion?.scores ?? labelCounts?.map(\.scores) ?? [] }
  }

  /// Who gives the answers of single modalities in ``telling``.
  public enum Alone: String, SettingChoice {
    /// The run's own model, with every other modality missing.
    case onlyPresent = "only-present"
    /// A model trained on that modality alone.
    case trainedAlone = "trained-alone"
  }

  public var dataset: String
  /// `single-label`, `binary`, `multi-label` or `regression`.
  public var task: String
  /// What the scores are by.
  public var metric: String
  public var split: String
  public var samples: Int
  /// Their names, in the order of every table here; empty of a regression.
  public var classes: [String]
  public var modalities: [String]
  /// In the order of the score table.
  public var conditions: [UnderCondition]
  public var shapley: ShapleyShares?
  /// When the modalities' losses part; `nil` where they do not, or were not recorded.
  public var parting: LossSeparation?
  public var alone: Alone
  /// A few test samples that show what the model leans on.
  public var telling: [TellingSample]
  /// The folder that pictures' paths are relative to, where the raw data is known.
  public var raw: String?
  /// What a reader must know.
  public var notes: [String]

  public init(
    dataset: String, task: String, metric: String, split: String = "test", samples: Int, classes: [String],
    modalities: [String], conditions: [UnderCondition], shapley: ShapleyShares? = nil, parting: LossSeparation? = nil,
    alone: Alone = .onlyPresent, telling: [TellingSample] = [], raw: String? = nil, notes: [String] = []
  ) {
    self.dataset = dataset
    self.task = task
    self.metric = metric
    self.split = split
    self.samples = samples
    self.classes = classes
    self.modalities = modalities
    self.conditions = conditions
    self.shapley = shapley
    self.parting = parting
    self.alone = alone
    self.telling = telling
    self.raw = raw
    self.notes = notes
  }

  /// What was seen under a condition.
  public subscript(condition: String) -> UnderCondition? { conditions.first { $0.condition == condition } }

  static let keyOrder = [
    "format", "dataset", "task", "metric", "split", "samples", "classes", "modalities", "conditions", "condition",
    "score", "confusion", "labelCounts", "reliability", "shapley", "parting", "alone", "telling", "kind", "modality",
    "row", "id", "truth", "answers", "image", "text", "parts", "raw", "notes",
  ]

  private enum CodingKeys: String, CodingKey {
    case format, dataset, task, metric, split, samples, classes, modalities, conditions, shapley, parting, alone
    case telling, raw, notes
  }

  public init(from decoder: any Swift.Decoder) throws {
    let c = try decoder.container(keyedBy: CodingKeys.self)
    let format = try c.decode(String.self, forKey: .format)
    guard format == Self.format else {
      throw DecodingError.dataCorruptedError(
        forKey: .format, in: c, debugDescription: "'\(format)' was met where '\(Self.format)' is read")
    }
    dataset = try c.decode(String.self, forKey: .dataset)
    task = try c.decode(String.self, forKey: .task)
    metric = try c.decode(String.self, forKey: .metric)
    split = try c.decode(String.self, forKey: .split)
    samples = try c.decode(Int.self, forKey: .samples)
    classes = try c.decode([String].self, forKey: .classes)
    modalities = try c.decode([String].self, forKey: .modalities)
    conditions = try c.decode([UnderCondition].self, forKey: .conditions)
    shapley = try c.decodeIfPresent(ShapleyShares.self, forKey: .shapley)
    parting = try c.decodeIfPresent(LossSeparation.self, forKey: .parting)
    alone = try c.decode(Alone.self, forKey: .alone)
    telling = try c.decodeIfPresent([TellingSample].self, forKey: .telling) ?? []
    raw = try c.decodeIfPresent(String.self, forKey: .raw)
    notes = try c.decodeIfPresent([String].self, forKey: .notes) ?? []
  }

  public func encode(to encoder: any Swift.Encoder) throws {
    var c = encoder.container(keyedBy: CodingKeys.self)
    try c.encode(Self.format, forKey: .format)
    try c.encode(dataset, forKey: .dataset)
    try c.encode(task, forKey: .task)
    try c.encode(metric, forKey: .metric)
    try c.encode(split, forKey: .split)
    try c.encode(samples, forKey: .samples)
    try c.encode(classes, forKey: .classes)
    try c.encode(modalities, forKey: .modalities)
    try c.encode(conditions, forKey: .conditions)
    try c.encodeIfPresent(shapley, forKey: .shapley)
    try c.encodeIfPresent(parting, forKey: .parting)
    try c.encode(alone, forKey: .alone)
    if !telling.isEmpty { try c.encode(telling, forKey: .telling) }
    try c.encodeIfPresent(raw, forKey: .raw)
    try c.encode(notes, forKey: .notes)
  }
}
