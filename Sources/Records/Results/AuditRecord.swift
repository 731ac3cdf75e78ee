public import Foundation

/// What a model leans on by its predictions alone: `audit.json`.
///
/// Bits are by logarithms to base 2, everything else is a fraction. What could not be computed is nil, is left out of the
/// file, and is named in ``untold`` with the array that would tell. The 95 % intervals of all numbers stand in
/// ``interval95`` under the numbers' own paths, such as `swap.image.drop`.
public struct AuditRecord: Codable, Equatable, Sendable {
  /// What the file says it is.
  public static let format = "seesaw-audit/1"
  /// What it is called.
  public static let fileName = "audit.json"

  /// A share of rows, and how many of them the model has right.
  public struct Share: Codable, Equatable, Sendable {
    public var share: Double
    /// nil where there are no such rows.
    public var right: Double?

    public init(share: Double, right: Double?) {
      self.share = share
      self.right = right
    }
  }

  /// Rows by which of the models of one modality are right.
  public struct Routing: Codable, Equatable, Sendable {
    /// All of them.
    public var both: Share
    /// That modality's and no other.
    public var only: [String: Share]
    /// Of more than two modalities: more than one of them, and not all.
    public var some: Share?
    public var neither: Share
    /// Of two: right where only the second is, less right where only the first is; of more: the most less the least.
    public var lean: Double?
    /// What a model would reach that is right wherever one modality is, and as often as this one where none is.
    public var ceiling: Double

    public init(
      both: Share, only: [String: Share], some: Share? = nil, neither: Share, lean: Double?, ceiling: Double
    ) {
      self.both = both
      self.only = only
      self.some = some
      self.neither = neither
      self.lean = lean
      self.ceiling = ceiling
    }
  }

  /// What happens where a modality comes from another row.
  public struct Swap: Codable, Equatable, Sendable {
    /// The score lost (perceptual score).
    public var drop: Double?
    /// `drop` as a share of the score.
    public var dropByModel: Double?
    /// The score lost where the other row has the same label: what the pairing is worth.
    public var dropWithinClass: Double?
    /// Of disagreeing pairs, how many are given the class of the swapped modality's row.
    public var follow: Double?
    /// The same of the class of the rest's row.
    public var rest: Double?
    /// (follow − rest) / (follow + rest), −1…1.
    public var lean: Double?
    /// How often the two classes are the two most likely.
    public var bothInTopTwo: Double?
    /// The disagreeing pairs that were counted.
    public var pairs: Int?
    /// Whether only pairs count of which each side is right on its own.
    public var decidable: Bool?
    /// The mean Jensen–Shannon divergence of the answers, bits.
    public var divergence: Double?

    public init() {}
  }

  /// The model, and the sum of what each modality says alone.
  public struct Additivity: Codable, Equatable, Sendable {
    /// Of the additive model; nil without labels.
    public var score: Double?
    /// The model's own score on the same rows, less that.
    public var gap: Double?
    /// Of the variance of logits, by modality and `together`; they add up to 1.
    public var shares: [String: Double]
    /// Whether the model is such a sum by construction.
    public var byConstruction: Bool
    /// Rows of the grid; nil where none was needed.
    public var rows: Int?

    public init(
      score: Double? = nil, gap: Double? = nil, shares: [String: Double], byConstruction: Bool = false, rows: Int? = nil
    ) {
      self.score = score
      self.gap = gap
      self.shares = shares
      self.byConstruction = byConstruction
      self.rows = rows
    }

    /// The key of what no modality says alone in ``shares``.
    public static let together = "together"
  }

  /// Bits about the label in two sources, taken apart.
  public struct Decomposition: Codable, Equatable, Sendable {
    /// In both alike; of more than two modalities the mean over each against the rest.
    public var redundant: Double
    /// In that modality alone.
    public var unique: [String: Double]
    /// Only in their combination; nil where ``told`` is false.
    public var synergy: Double?
    /// How far the solver's minimum may be off, bits.
    public var bound: Double
    /// Whether there are enough rows to tell synergy from chance.
    public var told: Bool
    /// What permuted labels show in 95 % of draws at most: under `redundant` and a modality's name.
    public var chance: [String: Double]
    /// The same of what the model answers in place of the label.
    public var model: Model?

    /// What the model's answers hold.
    public struct Model: Codable, Equatable, Sendable {
      public var redundant: Double
      public var unique: [String: Double]
      public var synergy: Double?
      public var told: Bool

      public init(redundant: Double, unique: [String: Double], synergy: Double?, told: Bool) {
        self.redundant = redundant
        self.unique = unique
        self.synergy = synergy
        self.told = told
      }
    }

    public init(
      redundant: Double, unique: [String: Double], synergy: Double?, bound: Double, told: Bool,
      chance: [String: Double] = [:], model: Model? = nil
    ) {
      self.chance = chance
      self.redundant = redundant
      self.unique = unique
      self.synergy = synergy
      self.bound = bound
      self.told = told
      self.model = model
    }
  }

  /// Bits about the label that models of a family can use.
  public struct Usable: Codable, Equatable, Sendable {
    /// In each modality, by a model of it alone.
    public var available: [String: Double]
    /// In all, by the audited model.
    public var together: Double?
    /// What each adds to models of the others.
    public var extra: [String: Double]
    /// What the audited model takes from each: lost without it.
    public var used: [String: Double]
    /// `used` as a share of `extra`; may lie outside 0…1.
    public var usedShare: [String: Double]
    /// In the model's own embedding of each, by a linear probe.
    public var embedded: [String: Double]
    /// `available` less `embedded`: lost on the way to the embedding.
    public var lostInEncoder: [String: Double]
    /// `together` less what is available in each: above 0, more is held by their combination than by both alike.
    public var beyond: Double?
    /// Whether temperatures were fitted on other rows first.
    public var calibrated: Bool
    /// Rows whose truth was given less than 1e-6, by condition; where there are any.
    public var clipped: [String: Int]
    /// Ids of rows whose label surprises the model of every modality by more than a bit beyond its frequency.
    public var suspicious: [String]

    public init(calibrated: Bool) {
      (available, together, extra, used, usedShare, embedded) = ([:], nil, [:], [:], [:], [:])
      (lostInEncoder, beyond) = ([:], nil)
      self.calibrated = calibrated
      (clipped, suspicious) = ([:], [])
    }
  }

  /// Samples whose label is told in one way more than others', by bits of each single sample: a ranking, and no measure of totals.
  public struct Pointwise: Codable, Equatable, Sendable {
    /// A sample, and its bits of that kind.
    public struct Sample: Codable, Equatable, Sendable {
      public var id: String
      public var bits: Double

      public init(id: String, bits: Double) {
        self.id = id
        self.bits = bits
      }
    }

    /// Told by both modalities alike, the most first.
    public var redundant: [Sample]
    /// Told by that modality alone.
    public var unique: [String: [Sample]]
    /// Told by the combination only.
    public var synergy: [Sample]
    /// Bits that were added to `redundant` and `synergy` of every sample, and taken from `unique`, so that no mean is below 0.
    public var shift: Double
    /// Principal directions of each embedding in which densities were estimated.
    public var directions: Int

    public init(
      redundant: [Sample], unique: [String: [Sample]], synergy: [Sample], shift: Double, directions: Int
    ) {
      self.redundant = redundant
      self.unique = unique
      self.synergy = synergy
      self.shift = shift
      self.directions = directions
    }
  }

  /// What could not be said, and which array would tell.
  public struct Untold: Codable, Equatable, Sendable {
    /// As `routing`, or `swap.image`.
    public var measure: String
    /// Names of arrays; empty where it is not for want of one.
    public var needs: [String]
    /// Why, where it is not for want of an array.
    public var why: String?

    public init(_ measure: String, needs: [String] = [], why: String? = nil) {
      self.measure = measure
      self.needs = needs
      self.why = why
    }
  }

  /// Which modality comes first by one measure.
  public struct Lead: Codable, Equatable, Sendable {
    public var modality: String
    /// Its number above the mean of the others'; of conflicts half of that, so that it lies in −1…1.
    public var by: Double

    public init(modality: String, by: Double) {
      self.modality = modality
      self.by = by
    }
  }

  public var format = AuditRecord.format
  public var samples: Int
  public var classes: [String]
  public var modalities: [String]
  public var metric: String
  /// `single-label`, `binary` or `multi-label`.
  public var task: String
  /// By condition.
  public var scores: [String: Estimate]
  /// Of a constant prediction, by the classes' frequencies.
  public var chance: Double?
  /// The score with everything there above ``chance``.
  public var aboveChance: Double?
  /// By measure: `conflict`, `routing`, `swap`, `variance`, `missing`, `shares`, `divergence`.
  public var leaning: [String: Lead]
  public var routing: Routing?
  /// By modality.
  public var swap: [String: Swap]
  public var emap: Additivity?
  public var pid: Decomposition?
  public var usable: Usable?
  public var pointwise: Pointwise?
  /// Of the predicted class's log-probability, by modality: how much of it each speaks for; label-free.
  public var shares: [String: Double]
  /// With its sign, bits: above 0 it speaks for what is predicted.
  public var contributions: [String: Double]
  /// What the score with all has above the sum of what each has alone.
  public var cooperation: Double?
  /// By modality, the share of the score that goes without it.
  public var utilisation: [String: Double]
  /// By condition, the score below that of a model made for it.
  public var regret: [String: Double]
  /// The largest of ``regret``.
  public var worstRegret: Double?
  public var untold: [Untold]
  /// Of every number above that has one, by its path.
  public var interval95: [String: Interval]
  /// The answer in words; empty of a record that no audit made.
  public var words: [String] = []
  /// What a reader must know.
  public var notes: [String]
  /// Samples that show best what the model leans on, the first with their words and patches where those were asked about; nil
  /// without labels, and in the audit of a diagnosis, which has its own.
  public var telling: [TellingSample]?
  /// The folder that pictures of ``telling`` lie in; nil where it is not known.
  public var raw: String?

  public init(samples: Int, classes: [String], modalities: [String], metric: String, task: String) {
    self.samples = samples
    self.classes = classes
    self.modalities = modalities
    self.metric = metric
    self.task = task
    (scores, swap, shares, contributions, utilisation, regret) = ([:], [:], [:], [:], [:], [:])
    leaning = [:]
    (interval95, untold, notes) = ([:], [], [])
  }

  /// A number of the record with its interval, by its path; nil where there is none.
  public func estimate(_ path: String, _ value: Double?) -> Estimate? {
    value.map { Estimate($0, interval95: interval95[path]) }
  }

  static let keyOrder = [
    "format", "words", "samples", "classes", "modalities", "metric", "task", "scores", "chance",
    "aboveChance", "leaning", "modality", "by", "value",
    "routing", "both", "only", "some", "neither", "lean", "ceiling", "share", "right", "swap", "drop", "dropByModel",
    "dropWithinClass", "follow", "rest", "bothInTopTwo", "pairs", "decidable", "divergence", "emap", "score", "gap",
    "pid", "redundant", "unique", "synergy", "bound", "told", "model", "usable", "available", "together", "extra",
    "used", "usedShare", "embedded", "lostInEncoder", "beyond", "calibrated", "clipped", "suspicious", "pointwise",
    "bits", "shift",
    "directions", "shares",
    "byConstruction", "rows",
    "contributions", "cooperation", "utilisation", "regret", "worstRegret", "untold", "measure", "needs", "why",
    "interval95", "notes", "raw", "telling", "kind", "row", "id", "truth", "answers", "alone", "image", "text", "parts",
    "answer", "words", "grid", "patches",
  ]

  /// The file's text.
  public func json(_ layout: JSONLayout = .pretty) throws -> String {
    try Tree(encoding: self, keys: .asNamed).json(layout, order: Self.keyOrder)
  }

  /// Writes ``fileName`` into a folder; the file appears whole or not at all.
  public func write(to folder: URL) throws {
    try AtomicFile.write(Data((json() + "\n").utf8), to: folder.appendingPathComponent(Self.fileName))
  }

  /// Reads what ``write(to:)`` wrote.
  public static func read(from folder: URL) throws -> AuditRecord {
    let url = folder.appendingPathComponent(fileName)
    let found: AuditRecord = try Tree.read(from: url)
    guard found.format == format else {
      throw Diagnosis(
        "'\(found.format)' was met where '\(format)' is read", place: url.relativePath, exitStatus: .input)
    }
    return found
  }
}
