public import Foundation

/// A measured number and where it lies with 95 % confidence; the interval is `nil` where nothing could be resampled.
public struct Estimate: Codable, Equatable, Sendable {
  public var value: Double
  public var interval95: Interval?

  public init(_ value: Double, interval95: Interval? = nil) {
    self.value = value
    self.interval95 = interval95
  }

  /// Whether the whole interval is above a bound.
  public func isAbove(_ bound: Double) -> Bool { interval95.map { $0.low > bound } ?? false }

  /// Whether the whole interval is below a bound.
  public func isBelow(_ bound: Double) -> Bool { interval95.map { $0.high < bound } ?? false }
}

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
  public enum Subject: String, Choice {
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

  /// What a modality is worth, alone and in the model.
  public struct Worth: Codable, Equatable, Sendable {
    /// What it adds to the score of the model (Shapley).
    public var adds: Estimate
    /// What the score loses when it is missing.
    public var lost: Estimate
    /// The score of the model with nothing else there.
    public var only: Estimate
    /// The score of a model trained on it alone.
    public var alone: Estimate
    /// `alone` above the score of a constant prediction.
    public var aloneAboveChance: Estimate
    /// `alone` above `only`: what training the modalities together left unused.
    public var unused: Estimate
    /// The score of a linear classifier on the model's embedding of it, the embedding fixed.
    public var probe: Estimate?
    /// Its mean relative update in training, over that of the other modalities.
    public var speed: Double?

    public init(
      adds: Estimate, lost: Estimate, only: Estimate, alone: Estimate, aloneAboveChance: Estimate, unused: Estimate,
      probe: Estimate? = nil, speed: Double? = nil
    ) {
      self.adds = adds
      self.lost = lost
      self.only = only
      self.alone = alone
      self.aloneAboveChance = aloneAboveChance
      self.unused = unused
      self.probe = probe
      self.speed = speed
    }

    /// Whether a model trained on it alone beats a constant prediction beyond noise.
    public var isInformative: Bool { aloneAboveChance.isAbove(0) }
  }

  /// How firmly something can be said of what a model leans on.
  public enum Verdict: String, Choice {
    /// On one modality, beyond noise.
    case leans
    /// On none by more than a little, and the interval is narrow enough to say so.
    case even
    /// The interval holds 0 and reaches too far.
    case unclear
    /// The model is not better than a constant prediction beyond noise.
    case learnedNothing = "learned-nothing"
  }

  /// Which modality a model leans on, and how strongly.
  public struct Leaning: Codable, Equatable, Sendable {
    public var verdict: Verdict
    /// What adds most.
    public var modality: String
    /// What adds as much as that one within noise, where others add less.
    public var peers: [String]
    /// What it and its peers add on average, above the mean of the others, in score.
    public var above: Estimate
    /// `above`, times how many they are, as a share of what all add: 1 where they alone add, 0 where all add alike.
    public var strength: Double
    /// What would be said with something else in place of a missing input; nil in older files.
    public var conventions: [Convention]?

    public init(
      verdict: Verdict, modality: String, peers: [String] = [], above: Estimate, strength: Double,
      conventions: [Convention]? = nil
    ) {
      self.verdict = verdict
      self.modality = modality
      self.peers = peers
      self.above = above
      self.strength = strength
      self.conventions = conventions
    }

    /// The conventions under which another modality leads, by more than a little.
    public var turning: [Convention] {
      (conventions ?? []).filter { convention in
        !([modality] + peers).contains(convention.modality) && convention.above >= ModelDiagnosis.smallestDifference
      }
    }
  }

  /// Something that may stand for a missing input.
  public struct Convention: Codable, Equatable, Sendable {
    public enum Form: String, Choice {
      /// Features of zeros.
      case zeros
      /// The mean of the training features.
      case mean
      /// The model is told, and answers as its run does.
      case told
    }
    public var form: Form
    /// What adds most then.
    public var modality: String
    /// How much more than the next.
    public var above: Double

    public init(form: Form, modality: String, above: Double) {
      self.form = form
      self.modality = modality
      self.above = above
    }
  }

  /// The distance of the strongest and the weakest modality, taken apart.
  public struct GapParts: Codable, Equatable, Sendable {
    public var strong: String
    public var weak: String
    /// The model's score with the strong one only, above that with the weak one only.
    public var model: Estimate
    /// The same of models trained on each alone: what lies in the data.
    public var data: Estimate
    /// The rest: what lies in training them together.
    public var training: Estimate

    public init(strong: String, weak: String, model: Estimate, data: Estimate, training: Estimate) {
      self.strong = strong
      self.weak = weak
      self.model = model
      self.data = data
      self.training = training
    }
  }

  /// How far confidence can be believed under a condition.
  public struct Calibration: Codable, Equatable, Sendable {
    public var error: Estimate
    /// Mean confidence less the share that was right.
    public var overconfidence: Estimate

    public init(error: Estimate, overconfidence: Estimate) {
      self.error = error
      self.overconfidence = overconfidence
    }
  }

  /// Negative transfer in both senses.
  public struct Transfer: Codable, Equatable, Sendable {
    /// By condition, the impaired score less the full one: above 0 a modality does harm.
    public var impaired: [String: Estimate]
    /// The modality whose model, trained alone, is best; chosen by validation where there is a split for it.
    public var best: String
    public var chosenBy: String
    /// The full score less that of the best modality alone: below 0 fusing does harm.
    public var fused: Estimate

    public init(impaired: [String: Estimate], best: String, chosenBy: String, fused: Estimate) {
      self.impaired = impaired
      self.best = best
      self.chosenBy = chosenBy
      self.fused = fused
    }
  }

  /// What the steps say of gradients.
  public struct Gradients: Codable, Equatable, Sendable {
    /// The share of steps in which the fused loss and the modalities' agreement pull against each other.
    public var conflict: Double?
    /// The mean cosine of their gradients.
    public var cosine: Double?
    /// Mean norm of a step's move of a modality's branch, over the norm of the branch.
    public var updates: [String: Double]

    public init(conflict: Double? = nil, cosine: Double? = nil, updates: [String: Double] = [:]) {
      self.conflict = conflict
      self.cosine = cosine
      self.updates = updates
    }
  }

  /// A method that was tried on the data.
  public struct Tried: Codable, Equatable, Sendable {
    public var name: String
    /// What was set besides, as `key=value`.
    public var settings: [String]
    /// Validation score with everything there; mean over seeds.
    public var validationFull: Double
    /// Validation score averaged over each modality missing; mean over seeds.
    public var validationMissing: Double
    /// Test score less the baseline's, with everything there.
    public var full: Estimate
    /// Test score averaged over each modality missing (silent), less the baseline's.
    public var missing: Estimate
    /// The same with each modality absent (declared); nil in older files.
    public var validationAbsent: Double?
    public var absent: Estimate?
    /// The same over both, which decides.
    public var without: Estimate?
    /// Test scores by condition; means over seeds.
    public var scores: [String: Double]?

    /// What is not trained but put together: the diagnosed model, with one of each other modality alone for absence.
    public static let bundle = "bundle"

    /// What it is chosen by.
    public var validationWithout: Double {
      validationAbsent.map { ($0 + validationMissing) / 2 } ?? validationMissing
    }

    public init(
      name: String, settings: [String] = [], validationFull: Double, validationMissing: Double, full: Estimate,
      missing: Estimate, validationAbsent: Double? = nil, absent: Estimate? = nil, without: Estimate? = nil,
      scores: [String: Double]? = nil
    ) {
      self.validationAbsent = validationAbsent
      self.absent = absent
      self.without = without
      self.scores = scores
      self.name = name
      self.settings = settings
      self.validationFull = validationFull
      self.validationMissing = validationMissing
      self.full = full
      self.missing = missing
    }
  }

  /// A few methods, tried over a few seeds; chosen by validation score alone.
  public struct Trial: Codable, Equatable, Sendable {
    /// What was diagnosed, trained anew.
    public var baseline: Tried
    public var methods: [Tried]
    public var seeds: Int
    /// The best on the validation split; `nil` where none is better than the baseline there.
    public var chosen: String?
    /// The share of the training split that was held out to choose by; `nil` where there is a validation split.
    public var heldOut: Double?

    public init(baseline: Tried, methods: [Tried], seeds: Int, chosen: String? = nil, heldOut: Double? = nil) {
      self.baseline = baseline
      self.methods = methods
      self.seeds = seeds
      self.chosen = chosen
      self.heldOut = heldOut
    }

    /// The chosen method's row.
    public var pick: Tried? { methods.first { $0.name == chosen } }
    /// Whether the chosen method is better with a modality missing or absent, beyond noise, by more than a little.
    public var helps: Bool {
      pick.map {
        let gain = $0.without ?? $0.missing
        return gain.isAbove(0) && gain.value >= ModelDiagnosis.smallestDifference
      } ?? false
    }
  }

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
  public var partings: [Parting]
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
    partings: [Parting] = [], transfer: Transfer, calibration: [String: Calibration], gradients: Gradients,
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
