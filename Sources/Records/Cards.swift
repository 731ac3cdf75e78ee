/// Who published something, and where.
public struct Citation: Codable, Equatable, Sendable {
  /// In order, as they sign.
  public var authors: [String]
  public var title: String
  /// The conference or journal.
  public var venue: String
  public var year: Int
  public var url: String?

  public init(authors: [String], title: String, venue: String, year: Int, url: String? = nil) {
    self.authors = authors
    self.title = title
    self.venue = venue
    self.year = year
    self.url = url
  }

  /// Short, for a line of text: `Kwon et al., NAACL 2025`.
  public var short: String {
    let names = authors.map { $0.split(separator: " ").last.map(String.init) ?? $0 }
    let who =
      switch names.count {
      case 0: ""
      case 1: "\(names[0]), "
      case 2: "\(names[0]) and \(names[1]), "
      default: "\(names[0]) et al., "
      }
    return "\(who)\(venue) \(year)"
  }
}

/// Where in training a method acts, after the taxonomy of the field.
public enum Stage: String, SettingChoice {
  /// What is trained as it is, to compare with.
  case baseline
  /// Which samples and modalities are seen.
  case dataInput
  /// What is computed between encoder and prediction.
  case feedForward
  /// The loss.
  case objective
  /// The gradient and the update.
  case optimization
}

/// How many modalities a method can take.
public enum ModalityCount: String, SettingChoice {
  /// One and more.
  case any
  /// Exactly two.
  case two
  /// Two and more.
  case several

  /// Whether a data set of so many modalities will do.
  public func admits(_ count: Int) -> Bool {
    switch self {
    case .any: count >= 1
    case .two: count == 2
    case .several: count >= 2
    }
  }

  /// `two`, `two or more`, `any number`.
  public var words: String {
    switch self {
    case .any: "any number"
    case .two: "two"
    case .several: "two or more"
    }
  }
}

/// The numbers that a setting may have; a bound that is `nil` is none.
public struct SettingRange: Codable, Equatable, Sendable {
  public var minimum: Double?
  public var maximum: Double?
  /// Whether `minimum` itself is refused.
  public var aboveMinimum: Bool
  /// Whether `maximum` itself is refused.
  public var belowMaximum: Bool

  public init(minimum: Double? = nil, maximum: Double? = nil, aboveMinimum: Bool = false, belowMaximum: Bool = false) {
    self.minimum = minimum
    self.maximum = maximum
    self.aboveMinimum = aboveMinimum
    self.belowMaximum = belowMaximum
  }

  /// Above 0.
  public static let positive = SettingRange(minimum: 0, aboveMinimum: true)
  /// 0 and above.
  public static let nonNegative = SettingRange(minimum: 0)
  /// 0 to 1, both included.
  public static let fraction = SettingRange(minimum: 0, maximum: 1)

  /// `low` and above.
  public static func atLeast(_ low: Double) -> SettingRange { SettingRange(minimum: low) }

  public func contains(_ value: Double) -> Bool {
    if value.isNaN { return false }
    if let minimum, aboveMinimum ? value <= minimum : value < minimum { return false }
    if let maximum, belowMaximum ? value >= maximum : value > maximum { return false }
    return true
  }

  /// In words: `above 0`, `at least 1`, `from 0 to 1`, `from 0 to below 1`.
  public var words: String {
    let low = minimum.map(Self.short)
    let high = maximum.map(Self.short)
    switch (low, high) {
    case (nil, nil): return "any number"
    case (let low?, nil): return aboveMinimum ? "above \(low)" : "at least \(low)"
    case (nil, let high?): return belowMaximum ? "below \(high)" : "at most \(high)"
    case (let low?, let high?):
      return "\(aboveMinimum ? "above" : "from") \(low) to \(belowMaximum ? "below " : "")\(high)"
    }
  }

  private static func short(_ value: Double) -> String {
    Int(exactly: value).map { "\($0)" } ?? "\(value)"
  }
}

/// One setting of a method: its key, what it does, and what it may be.
public struct SettingDescription: Codable, Equatable, Sendable {
  /// Dotted, snake case, relative to the method's own table: `ramp.lambda0`.
  public var key: String
  /// One sentence.
  public var summary: String
  /// The default value.
  public var `default`: Tree
  /// The words that may be given; empty where it is no choice.
  public var allowed: [String]
  /// The numbers that may be given.
  public var range: SettingRange?

  public init(
    _ key: String, _ summary: String, default: Tree, allowed: [String] = [], range: SettingRange? = nil
  ) {
    self.key = key
    self.summary = summary
    self.default = `default`
    self.allowed = allowed
    self.range = range
  }

  /// What the overlay checks.
  public var rule: SettingRule { SettingRule(allowed: allowed, range: range) }
}

/// Everything a reader wants to know of a method, declared once.
public struct MethodCard: Codable, Equatable, Sendable {
  /// As typed at the prompt: `ogm-ge`.
  public var name: String
  /// As the paper writes it.
  public var title: String
  /// `nil` for what nobody published.
  public var citation: Citation?
  public var stage: Stage
  /// One or two sentences on what it does.
  public var summary: String
  /// What it asks of model, data or time beyond a plain step; a phrase each.
  public var needs: [String]
  public var modalities: ModalityCount
  /// Where it differs from the paper, a sentence each.
  public var departures: [String]
  public var settings: [SettingDescription]
  /// What inputs it sees in training: `clean` alone, or `missing` and `noisy` ones besides.
  public var sees: [String]
  /// How many times as long as joint training's a step takes, as measured; `nil` where it was not.
  public var cost: Double?
  /// Why it means nothing for a regression, as the end of a sentence; `nil` where it means something.
  public var needsClasses: String?

  public init(
    name: String, title: String, citation: Citation? = nil, stage: Stage, summary: String, needs: [String] = [],
    modalities: ModalityCount = .any, departures: [String] = [], settings: [SettingDescription] = [],
    sees: [String] = MethodCard.clean
  ) {
    self.name = name
    self.title = title
    self.citation = citation
    self.stage = stage
    self.summary = summary
    self.needs = needs
    self.modalities = modalities
    self.departures = departures
    self.settings = settings
    self.sees = sees
  }

  /// Of a method that sees no impaired input in training.
  public static let clean = ["clean"]

  /// What it can predict, in words.
  public var taskWords: String {
    needsClasses.map { "classes; no regression, as \($0)" } ?? "classes and numbers (regression)"
  }

  /// What the overlay checks, by full path: `method.ramp.lambda0`.
  public var rules: [String: SettingRule] {
    Dictionary(settings.map { ("method.\($0.key)", $0.rule) }, uniquingKeysWith: { $1 })
  }
}

/// One of several ways to read the same files: another target, other splits, another text.
public struct DatasetVariant: Codable, Equatable, Sendable {
  /// As typed at the prompt.
  public var name: String
  /// A phrase.
  public var summary: String

  public init(_ name: String, _ summary: String) {
    self.name = name
    self.summary = summary
  }
}

/// Everything a reader wants to know of a data set.
public struct DatasetCard: Codable, Equatable, Sendable {
  /// As typed at the prompt.
  public var name: String
  public var title: String
  public var citation: Citation?
  public var summary: String
  public var modalities: [String]
  /// `single-label`, `multi-label` or `binary`.
  public var task: String
  /// How many classes.
  public var classes: Int
  /// The names of the classes, in order; empty where folders or a file of the data set name them.
  public var classNames: [String]
  /// `accuracy`, `auroc`, `macro-f1` or `weighted-f1`.
  public var metric: String
  /// Samples by split (`train`, `validation`, `test`), as published.
  public var splits: [String: Int]
  /// What papers do with it: splits and scores, a sentence each.
  public var protocols: [String]
  /// Where it is to be had, a line each.
  public var sources: [String]
  /// Terms of use.
  public var terms: String
  /// Files and folders that must be there, drawn as a tree.
  public var layout: [String]
  /// Ways to read it; the first is taken where none is named.
  public var variants: [DatasetVariant]
  /// What surprises in the published files, a sentence each.
  public var peculiarities: [String]

  public init(
    name: String, title: String, citation: Citation? = nil, summary: String, modalities: [String], task: String,
    classes: Int, classNames: [String] = [], metric: String, splits: [String: Int] = [:], protocols: [String] = [],
    sources: [String] = [], terms: String, layout: [String], variants: [DatasetVariant] = [],
    peculiarities: [String] = []
  ) {
    self.name = name
    self.title = title
    self.citation = citation
    self.summary = summary
    self.modalities = modalities
    self.task = task
    self.classes = classes
    self.classNames = classNames
    self.metric = metric
    self.splits = splits
    self.protocols = protocols
    self.sources = sources
    self.terms = terms
    self.layout = layout
    self.variants = variants
    self.peculiarities = peculiarities
  }
}
