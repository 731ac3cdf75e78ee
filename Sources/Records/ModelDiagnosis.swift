public import Foundation

/// What a model leans on, what that costs and what to try: `diagnosis.json`.
///
/// Scores and differences of scores are fractions. Intervals are of a bootstrap over test samples, and over training seeds
/// where there are several. The rules behind each word stand in Documentation/diagnosis.md; their thresholds are here.
public struct ModelDiagnosis: Codable, Equatable, Sendable {
  /// What the file says it is.
  public static let format = "seesaw-diagnosis/1"
  /// What it is called.
  public static let fileName = "diagnosis.json"

  // MARK: Rules

  /// Differences of scores below this are not worth a sentence of warning, however sure they are.
  public static let smallestDifference = 0.02
  /// An interval that reaches this far from 0 says too little to call anything even.
  public static let widestEven = 0.10
  /// A modality's shortfall in the joint model from which training is to blame.
  public static let shortfall = 0.05
  /// Confidence above the share that is right from which a model is called overconfident.
  public static let overconfidence = 0.05
  /// How far below the baseline's full score a recommended method may be, on the validation split.
  public static let tolerance = 0.02

  // MARK: What was looked at

  /// What was diagnosed.
  public enum Subject: String, SettingChoice {
    /// Models that were trained for it.
    case data
    /// A finished run.
    case run
  }

  public var format = ModelDiagnosis.format
  public var subject: Subject
  /// The run's or the data set's folder.
  public var place: String
  /// The data set's folder.
  public var data: String
  public var dataset: String
  public var task: String
  public var metric: String
  /// The method of the model that is diagnosed; `joint` for data.
  public var method: String
  public var modalities: [String]
  public var classes: Int
  /// Of the test split.
  public var samples: Int
  /// Of the diagnosed models.
  public var seeds: [Int]
  /// Whether nothing was tried besides, to be quick.
  public var quick: Bool
  /// What stood for each modality where it was missing.
  public var missing: MissingInputs?

  // MARK: Findings

  /// Of a constant prediction, by the classes' frequencies in training; of a regression, of the training targets' mean.
  public var chance: Double
  /// By condition.
  public var scores: [String: Estimate]
  /// In the order of a table.
  public var conditions: [String]
  public var leaning: Leaning
  /// By modality.
  public var worth: [String: Worth]
  /// `nil` with one modality.
  public var gap: GapParts?
  /// Of each diagnosed model; empty where losses do not part or were not recorded.
  public var partings: [LossSeparation]
  public var transfer: Transfer
  /// By condition; empty of a regression.
  public var calibration: [String: Calibration]
  public var gradients: Gradients
  /// What the model itself says that it relies on; `nil` of methods that do not tell.
  public var reliance: ModelReliance?
  /// `nil` where nothing was tried.
  public var trial: Trial?
  /// `nil` of one split.
  public var splits: SplitVerdicts?
  /// Of the diagnosed run, or of the first of the trained models.
  public var evidence: RunEvidence
  /// What the first of the models takes of what the data hold; nil in older files.
  public var audit: AuditRecord?
  /// What a reader must know.
  public var notes: [String]
  /// The answer in words, as the command gives it; empty until somebody words it.
  public var words: [String] = []

  public init(
    subject: Subject, place: String, data: String, dataset: String, task: String, metric: String, method: String,
    modalities: [String], classes: Int, samples: Int, seeds: [Int], quick: Bool, missing: MissingInputs? = nil,
    chance: Double,
    scores: [String: Estimate], conditions: [String], leaning: Leaning, worth: [String: Worth], gap: GapParts? = nil,
    partings: [LossSeparation] = [], transfer: Transfer, calibration: [String: Calibration], gradients: Gradients,
    reliance: ModelReliance? = nil, trial: Trial? = nil, evidence: RunEvidence, audit: AuditRecord? = nil,
    notes: [String] = []
  ) {
    self.reliance = reliance
    self.audit = audit
    self.subject = subject
    self.place = place
    self.data = data
    self.dataset = dataset
    self.task = task
    self.metric = metric
    self.method = method
    self.modalities = modalities
    self.classes = classes
    self.samples = samples
    self.seeds = seeds
    self.quick = quick
    self.missing = missing
    self.chance = chance
    self.scores = scores
    self.conditions = conditions
    self.leaning = leaning
    self.worth = worth
    self.gap = gap
    self.partings = partings
    self.transfer = transfer
    self.calibration = calibration
    self.gradients = gradients
    self.trial = trial
    self.evidence = evidence
    self.notes = notes
  }

  /// Something that is wrong, beyond noise and by more than a little.
  public enum Problem: Equatable, Sendable {
    /// Training the modalities together left much of this one unused.
    case unused(String)
    /// The model is worse than the best modality trained alone.
    case fusing
    /// The model is better with a modality impaired: the condition.
    case impaired(String)
    /// The model is surer than right with a modality missing: the condition.
    case overconfident(String)

    /// Whether another way of training may mend it.
    public var isOfTraining: Bool { if case .overconfident = self { false } else { true } }
  }

  /// Whether a number is predicted, and no class.
  public var isRegression: Bool { task == "regression" }

  /// What is wrong; empty where nothing is.
  public var problems: [Problem] {
    var found: [Problem] = []
    for name in modalities {
      // Where nothing is lost without any other, the model need not do with this one alone.
      let isNeeded = modalities.contains { other in
        guard other != name, let lost = worth[other]?.lost else { return false }
        return lost.value >= Self.smallestDifference && lost.isAbove(0)
      }
      if isNeeded, let unused = worth[name]?.unused, unused.value >= Self.shortfall, unused.isAbove(0) {
        found.append(.unused(name))
      }
    }
    if transfer.fused.value <= -Self.smallestDifference, transfer.fused.isBelow(0) { found.append(.fusing) }
    for condition in conditions {
      guard let change = transfer.impaired[condition], change.value >= Self.smallestDifference, change.isAbove(0) else {
        continue
      }
      found.append(.impaired(condition))
    }
    for condition in conditions where condition.hasSuffix("-missing") {
      guard let surplus = calibration[condition]?.overconfidence, surplus.value >= Self.overconfidence,
        surplus.isAbove(0)
      else { continue }
      found.append(.overconfident(condition))
    }
    return found
  }

  static let keyOrder =
    [
      "format", "words", "subject", "place", "data", "dataset", "task", "metric", "method", "modalities", "classes",
      "samples",
      "seeds", "quick", "missing", "chance", "conditions", "scores", "leaning", "verdict", "modality", "peers", "above",
      "strength",
      "worth", "adds", "lost", "only", "alone", "aloneAboveChance", "unused", "probe", "speed", "gap", "strong", "weak",
      "model", "data", "training", "partings", "transfer", "calibration", "gradients", "trial", "baseline", "chosen",
      "value", "interval95", "notes", "audit", "evidence",
    ]
    + AuditRecord.keyOrder.filter {
      !["format", "words", "samples", "classes", "modalities", "metric", "task"].contains($0)
    }

  /// The file's text.
  public func json(_ layout: JSONLayout = .pretty) throws -> String {
    try Tree(encoding: self, keys: .asNamed).json(layout, order: Self.keyOrder)
  }

  /// Writes ``fileName`` into a folder; the file appears whole or not at all.
  public func write(to folder: URL) throws {
    try AtomicFile.write(Data((json() + "\n").utf8), to: folder.appendingPathComponent(Self.fileName))
  }

  /// Reads what ``write(to:)`` wrote.
  public static func read(from folder: URL) throws -> ModelDiagnosis {
    let url = folder.appendingPathComponent(fileName)
    let found: ModelDiagnosis = try Tree.read(from: url)
    guard found.format == format else {
      throw Diagnosis(
        "'\(found.format)' was met where '\(format)' is read", place: url.relativePath, exitStatus: .input)
    }
    return found
  }
}
