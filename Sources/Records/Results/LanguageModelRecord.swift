public import Foundation

/// What a language model does with picture and text on a data set: `results.json` of `seesaw mllm evaluate`.
///
/// Scores are fractions; log-probabilities are natural. Zero-shot there is one model, so that intervals are of samples alone.
public struct LanguageModelRecord: Codable, Equatable, Sendable {
  /// What the file says it is.
  public static let format = "seesaw-mllm/1"
  /// What it is called.
  public static let fileName = "results.json"

  /// The model and how it was prompted.
  public struct Model: Codable, Equatable, Sendable {
    public var folder: String
    /// Its `model_type`.
    public var family: String
    public var weights: Int
    public var seesPictures: Bool
    public var template: String
    /// The SHA-256 digest of the folder's own template.
    public var chatTemplate: String?
    /// The first sample's prompt as it would be written.
    public var prompt: String
    public var variant: String
    public var method: String

    public init(
      folder: String, family: String, weights: Int, seesPictures: Bool, template: String, chatTemplate: String?,
      prompt: String, variant: String, method: String
    ) {
      self.folder = folder
      self.family = family
      self.weights = weights
      self.seesPictures = seesPictures
      self.template = template
      self.chatTemplate = chatTemplate
      self.prompt = prompt
      self.variant = variant
      self.method = method
    }
  }

  /// How answers became classes.
  public struct Scoring: Codable, Equatable, Sendable {
    /// `sum`, `mean`, `byte`, `pmi`, `first-token`; `constrained`, `free`.
    public var form: String
    /// Of each form its accuracy on the validation samples that it was chosen by; empty where nobody chose.
    public var validation: [String: Double]
    public var validationSamples: Int

    public init(form: String, validation: [String: Double] = [:], validationSamples: Int = 0) {
      self.form = form
      self.validation = validation
      self.validationSamples = validationSamples
    }
  }

  /// The scores under one condition.
  public struct Row: Codable, Equatable, Sendable {
    /// As the table of predictions calls it: `full`, `missing:image`, `absent:image`, `hidden:image`, `swap:image:0`.
    public var condition: String
    /// In words: `image missing (black)`.
    public var title: String
    public var accuracy: Estimate
    /// How often the most predicted class is predicted.
    public var largestShare: Double
    /// That class.
    public var largestClass: String
    public var samples: Int

    public init(
      condition: String, title: String, accuracy: Estimate, largestShare: Double, largestClass: String, samples: Int
    ) {
      self.condition = condition
      self.title = title
      self.accuracy = accuracy
      self.largestShare = largestShare
      self.largestClass = largestClass
      self.samples = samples
    }
  }

  /// Shapley values of picture and text, where each is taken away in one way.
  public struct Shapley: Codable, Equatable, Sendable {
    /// `drop` where they are left out of the prompt, `mask` where they are hidden from all other tokens: different functions.
    public var ablation: String
    /// By modality, of the accuracy.
    public var accuracy: [String: Estimate]
    /// Of log p of the true label, mean over samples.
    public var likelihood: [String: Estimate]
    /// v(all) − Σ v(one) + v(none), of log p.
    public var interaction: Estimate
    /// By modality φ / Σ φ of log p; empty unless all are above 0.
    public var shares: [String: Double]

    public init(
      ablation: String, accuracy: [String: Estimate], likelihood: [String: Estimate], interaction: Estimate,
      shares: [String: Double]
    ) {
      self.ablation = ablation
      self.accuracy = accuracy
      self.likelihood = likelihood
      self.interaction = interaction
      self.shares = shares
    }
  }

  /// Pictures of one class with texts of another.
  public struct Conflict: Codable, Equatable, Sendable {
    /// Pairs of which each side is right on its own, and the answer is one of the two classes.
    public var pairs: Int
    /// How many of them get the text's class; one half is balance.
    public var textShare: Estimate

    public init(pairs: Int, textShare: Estimate) {
      self.pairs = pairs
      self.textShare = textShare
    }
  }

  /// What answers cost.
  public struct Cost: Codable, Equatable, Sendable {
    /// Prompts that were answered now; the others were known.
    public var asked: Int
    /// Seconds a prompt; nil where none was answered.
    public var seconds: Double?

    public init(asked: Int, seconds: Double?) {
      self.asked = asked
      self.seconds = seconds
    }
  }

  public var format: String
  public var model: Model
  public var data: String
  public var samples: Int
  public var classes: [String]
  public var scoring: Scoring
  public var rows: [Row]
  /// The mean over the modalities with each missing, and the distance of the best and the worst.
  public var averageMissing: Double?
  public var gapMissing: Double?
  public var shapley: [Shapley]
  public var conflict: Conflict?
  public var cost: Cost
  public var notes: [String]

  public init(
    model: Model, data: String, samples: Int, classes: [String], scoring: Scoring, rows: [Row],
    averageMissing: Double? = nil, gapMissing: Double? = nil, shapley: [Shapley] = [], conflict: Conflict? = nil,
    cost: Cost, notes: [String] = []
  ) {
    format = Self.format
    self.model = model
    self.data = data
    self.samples = samples
    self.classes = classes
    self.scoring = scoring
    self.rows = rows
    self.averageMissing = averageMissing
    self.gapMissing = gapMissing
    self.shapley = shapley
    self.conflict = conflict
    self.cost = cost
    self.notes = notes
  }

  static let keyOrder = [
    "format", "model", "folder", "family", "weights", "seesPictures", "template", "chatTemplate", "prompt", "variant",
    "method", "data", "samples", "classes", "scoring", "form", "validation", "validationSamples", "rows", "condition",
    "title", "accuracy", "value", "interval95", "largestShare", "largestClass", "averageMissing", "gapMissing",
    "shapley", "ablation", "likelihood", "interaction", "shares", "conflict", "pairs", "textShare", "cost", "asked",
    "seconds", "notes",
  ]

  /// The file's text.
  public func json(_ layout: JSONLayout = .pretty) throws -> String {
    try Tree(encoding: self, keys: .asNamed).json(layout, order: Self.keyOrder)
  }

  /// Writes ``fileName`` into a folder; the file appears whole or not at all.
  public func write(to folder: URL) throws {
    try AtomicFile.write(Data((json() + "\n").utf8), to: folder.appendingPathComponent(Self.fileName))
  }
}
