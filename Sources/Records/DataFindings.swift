/// What is wrong, or worth knowing, about a data set before anything is trained on it: `check --json`.
public struct DataFindings: Codable, Equatable, Sendable {
  /// How much a finding matters; worst first.
  public enum Severity: String, SettingChoice, Comparable {
    /// Scores on this data are not what they seem: samples or groups in two splits, test samples left out.
    case grave
    /// Scores may be flattered, or are less sure than they look.
    case warning
    /// Good to know.
    case remark

    public static func < (a: Severity, b: Severity) -> Bool {
      (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
    }
  }

  /// What a finding is about.
  public enum Kind: String, SettingChoice {
    /// More rows, a whole class or a whole modality cannot be used.
    case lostData = "lost-data"
    /// The labels of a split make its score impossible.
    case noScore = "no-score"
    case identicalAcrossSplits = "identical-across-splits"
    case identicalWithinSplit = "identical-within-split"
    case nearAcrossSplits = "near-across-splits"
    /// One modality's content is the same in two splits, the rest of the sample is not.
    case sharedModality = "shared-modality"
    case nearModality = "near-modality"
    case conflictingLabels = "conflicting-labels"
    case groupAcrossSplits = "group-across-splits"
    case guessedGroupAcrossSplits = "guessed-group-across-splits"
    case classNameInText = "class-name-in-text"
    case idInText = "id-in-text"
    case classMissingInSplit = "class-missing-in-split"
    case labelDrift = "label-drift"
    case imbalance
    case missingModality = "missing-modality"
    /// How often a modality is missing depends on the class.
    case missingByClass = "missing-by-class"
    case noValidation = "no-validation"
    case noTest = "no-test"
    case testSamplesLeftOut = "test-samples-left-out"
    case samplesLeftOut = "samples-left-out"
    case smallTest = "small-test"
  }

  /// A sample, by where it lies.
  public struct Sample: Codable, Equatable, Sendable {
    /// `train`, `validation` or `test`.
    public var split: String
    /// Of the split's features, from 0; `nil` for raw samples.
    public var row: Int?
    /// Of the raw file, from 1; `nil` where it is not known.
    public var line: Int?
    public var id: String?
    /// Its class, or classes.
    public var labels: [String]

    public init(split: String, row: Int? = nil, line: Int? = nil, id: String? = nil, labels: [String] = []) {
      self.split = split
      self.row = row
      self.line = line
      self.id = id
      self.labels = labels
    }
  }

  /// Samples that belong together: copies of each other, or members of one group; a single one where each stands alone.
  public struct Case: Codable, Equatable, Sendable {
    /// The group's name, or what the samples share.
    public var name: String?
    public var samples: [Sample]
    /// How alike, 1 being the same; `nil` where that is not measured.
    public var similarity: Double?

    public init(name: String? = nil, samples: [Sample], similarity: Double? = nil) {
      self.name = name
      self.samples = samples
      self.similarity = similarity
    }
  }

  /// One finding.
  public struct Finding: Codable, Equatable, Sendable {
    public var kind: Kind
    public var severity: Severity
    /// A sentence.
    public var what: String
    /// Where, by the first few examples, or how much.
    public var detail: String?
    /// What to do about it.
    public var remedy: String?
    /// The modality it is about; `nil` where it is about whole samples.
    public var modality: String?
    /// How many samples are concerned.
    public var count: Int
    /// All of them, or so many as ``caseLimit``.
    public var cases: [Case]
    /// Numbers behind the sentence, by name: shares, `p`, `chiSquare`.
    public var numbers: [String: Double]

    public init(
      _ kind: Kind, _ severity: Severity, _ what: String, _ detail: String? = nil, remedy: String? = nil,
      modality: String? = nil, count: Int, cases: [Case] = [], numbers: [String: Double] = [:]
    ) {
      self.kind = kind
      self.severity = severity
      self.what = what
      self.detail = detail
      self.remedy = remedy
      self.modality = modality
      self.count = count
      self.cases = cases
      self.numbers = numbers
    }
  }

  /// More cases than this are counted and not listed.
  public static let caseLimit = 10_000

  public var dataset: String
  public var path: String
  /// `features` or `raw`.
  public var form: String
  /// Samples by split.
  public var counts: [String: Int]
  public var modalities: [String]
  public var classes: [String]
  /// Samples by split, then class.
  public var labels: [String: [String: Int]]
  /// The share of samples without it, by modality, then split.
  public var missing: [String: [String: Double]]
  /// Worst first.
  public var findings: [Finding]
  /// What was looked at and how, a sentence each; also what was not.
  public var looked: [String]
  /// Names the content that was checked and how.
  public var key: String?
  /// The whole check, decoding of pictures and sounds included.
  public var seconds: Double
  /// What lies there, a line each; nil where that was not asked.
  public var seen: [String]?

  public init(
    dataset: String, path: String, form: String, counts: [String: Int], modalities: [String], classes: [String],
    labels: [String: [String: Int]] = [:], missing: [String: [String: Double]] = [:], findings: [Finding] = [],
    looked: [String] = [], key: String? = nil, seconds: Double = 0
  ) {
    self.dataset = dataset
    self.path = path
    self.form = form
    self.counts = counts
    self.modalities = modalities
    self.classes = classes
    self.labels = labels
    self.missing = missing
    self.findings = findings
    self.looked = looked
    self.key = key
    self.seconds = seconds
  }

  /// The findings of one severity.
  public func findings(_ severity: Severity) -> [Finding] { findings.filter { $0.severity == severity } }

  /// Whether scores on this data would not be what they seem.
  public var isGrave: Bool { findings.contains { $0.severity == .grave } }

  static let keyOrder = [
    "dataset", "path", "form", "seen", "counts", "modalities", "classes", "labels", "missing", "findings", "kind",
    "severity",
    "what", "detail", "remedy", "modality", "count", "numbers", "cases", "name", "similarity", "samples", "split",
    "row", "line",
    "id", "looked", "seconds", "key",
  ]

  /// The file's text.
  public func json(_ layout: JSONLayout = .pretty) throws -> String {
    try Tree(encoding: self, keys: .asNamed).json(layout, order: Self.keyOrder)
  }
}
