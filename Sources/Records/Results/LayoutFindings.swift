/// What was found in the folder of a published data set.
public struct LayoutFindings: Codable, Equatable, Sendable {
  /// Several cases of one thing.
  public struct Finding: Codable, Equatable, Sendable {
    /// What it is, with `…` for what differs from case to case.
    public var what: String
    public var count: Int
    /// The first cases: where, and what exactly.
    public var examples: [String]

    public init(what: String, count: Int, examples: [String]) {
      self.what = what
      self.count = count
      self.examples = examples
    }
  }

  /// The name of the layout.
  public var layout: String
  /// Which of its ways to read it; nil where there is but one.
  public var variant: String?
  public var folder: String
  /// Usable samples by split.
  public var counts: [String: Int]
  /// Samples by split as published, as far as they are known.
  public var published: [String: Int]
  /// The classes that occur.
  public var classes: Int
  /// What makes it unusable, or leaves samples out.
  public var problems: [Finding]
  /// What is used as it is, and worth knowing.
  public var remarks: [Finding]
  /// Whether it can be encoded, be it without some samples.
  public var isUsable: Bool

  public init(
    layout: String, variant: String? = nil, folder: String, counts: [String: Int] = [:], published: [String: Int] = [:],
    classes: Int = 0, problems: [Finding] = [], remarks: [Finding] = [], isUsable: Bool
  ) {
    self.layout = layout
    self.variant = variant
    self.folder = folder
    self.counts = counts
    self.published = published
    self.classes = classes
    self.problems = problems
    self.remarks = remarks
    self.isUsable = isUsable
  }

  /// Cases in groups that differ only in names and numbers, the largest first.
  ///
  /// - Parameter cases: where each is, and what is wrong there.
  public static func groups(of cases: [(place: String, reason: String)], examples: Int = 5) -> [Finding] {
    var order: [String] = []
    var groups: [String: Finding] = [:]
    for (place, reason) in cases {
      let what = Self.pattern(of: reason)
      if groups[what] == nil {
        order.append(what)
        groups[what] = Finding(what: what, count: 0, examples: [])
      }
      groups[what]?.count += 1
      if groups[what]?.examples.count ?? 0 < examples { groups[what]?.examples.append("\(place): \(reason)") }
    }
    let found = order.compactMap { groups[$0] }
    return found.enumerated().sorted { (-$0.element.count, $0.offset) < (-$1.element.count, $1.offset) }
      .map(\.element)
  }

  /// The sentence with `…` for what is quoted, and for places such as `train.jsonl:7` and `line 7`.
  static func pattern(of reason: String) -> String {
    let unquoted = reason.replacing(/'[^']*'/, with: "…")
    return unquoted.replacing(/[^ ]+:\d+|line \d+/, with: "…").replacing(/\d+/, with: "…")
  }
}
