public import Foundation

/// What has changed from one audit to another: `change.json`.
///
/// Differences are the new number less the old. Bits are by logarithms to base 2, everything else is a fraction.
public struct AuditChange: Codable, Equatable, Sendable {
  /// What the file says it is.
  public static let format = "seesaw-audit-change/1"
  /// What it is called.
  public static let fileName = "change.json"

  /// A number before and after.
  public struct Difference: Codable, Equatable, Sendable {
    public var old: Double
    public var new: Double
    /// New less old.
    public var difference: Estimate

    public init(old: Double, new: Double, difference: Estimate) {
      self.old = old
      self.new = new
      self.difference = difference
    }

    /// Whether the interval leaves zero out.
    public var isClear: Bool {
      guard let interval = difference.interval95 else { return false }
      return interval.low > 0 || interval.high < 0
    }
  }

  public var format = AuditChange.format
  public var modalities: [String]
  /// Samples of the old audit and of the new.
  public var samples: [Int]
  /// Whether both are of the same samples, and differences are taken sample by sample.
  public var paired: Bool
  /// nil without labels.
  public var metric: String?
  /// By the number's path in `audit.json`, as `scores.full` or `swap.image.drop`; and `lean.MODALITY`, how much more is
  /// lost with that modality taken from another sample than with the others.
  public var differences: [String: Difference]
  /// The answer in words.
  public var words: [String]
  /// What a reader must know.
  public var notes: [String]

  public init(
    modalities: [String], samples: [Int], paired: Bool, metric: String?, differences: [String: Difference],
    notes: [String] = []
  ) {
    self.modalities = modalities
    self.samples = samples
    self.paired = paired
    self.metric = metric
    self.differences = differences
    self.notes = notes
    words = []
    words = worded
  }

  static let keyOrder = [
    "format", "words", "modalities", "samples", "paired", "metric", "differences", "old", "new", "difference", "value",
    "interval95", "notes",
  ]

  /// The file's text.
  public func json(_ layout: JSONLayout = .pretty) throws -> String {
    try Tree(encoding: self, keys: .asNamed).json(layout, order: Self.keyOrder)
  }

  /// Writes ``fileName`` into a folder, which is made where it is missing.
  public func write(to folder: URL) throws {
    try Diagnosis.placing(folder) {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    try AtomicFile.write(Data((json() + "\n").utf8), to: folder.appendingPathComponent(Self.fileName))
  }
}

// MARK: - Words

extension AuditChange {
  /// The sentences that follow from the numbers: the score, what is leaned on, how far each modality moves the answers.
  private var worded: [String] {
    var sentences: [String] = []
    let whom = paired ? "than the old on the same \(samples[1]) samples" : "than the old, on other samples"
    if let score = differences["scores.full"] {
      sentences.append(
        score.isClear
          ? "With everything there the new model scores \(Self.points(score)) \(score.difference.value > 0 ? "higher" : "lower") \(whom)."
          : "With everything there the two score alike: \(Self.percent(score.old)) and \(Self.percent(score.new)) %\(Self.within(score))."
      )
    }
    // Of two modalities the one is the other's mirror.
    let leans = modalities.compactMap { name in differences["lean.\(name)"].map { (name, $0) } }
    let told = leans.count == 2 ? leans.filter { $0.1.difference.value >= 0 }.prefix(1) : leans[...]
    for (name, lean) in told {
      sentences.append(
        lean.isClear
          ? "It leans \(Self.points(lean)) \(lean.difference.value > 0 ? "more" : "less") on \(name) \(whom)."
          : "It leans on \(name) as before\(Self.within(lean)).")
    }
    for name in modalities {
      if let share = differences["shares.\(name)"], leans.isEmpty, share.isClear {
        sentences.append(
          "\(Self.points(share)) \(share.difference.value > 0 ? "more" : "less") of what speaks for its answers is \(name)."
        )
      }
      guard let moved = differences["swap.\(name).divergence"], moved.isClear else { continue }
      let silent = moved.new < 0.25 * moved.old
      sentences.append(
        "Another sample's \(name) moves its answers by \(Self.bits(moved.new)) bits, and moved them by "
          + "\(Self.bits(moved.old)) before\(silent ? ": the \(name) has fallen nearly silent" : "").")
    }
    if sentences.isEmpty { sentences.append("The two have no number in common that tells use.") }
    return sentences
  }

  private static func points(_ difference: Difference) -> String {
    let value = difference.difference
    let sign = value.value < 0 ? -1.0 : 1.0
    let text = "\(percent(sign * value.value)) points"
    guard let interval = value.interval95 else { return text }
    let ends = [sign * interval.low, sign * interval.high].sorted()
    return "\(text) (\(percent(ends[0])) to \(percent(ends[1])))"
  }

  private static func within(_ difference: Difference) -> String {
    guard let interval = difference.difference.interval95 else { return "" }
    return " (\(percent(interval.low)) to \(percent(interval.high)) points)"
  }

  private static func percent(_ value: Double) -> String { rounded(100 * value, "%.1f") }
  private static func bits(_ value: Double) -> String { rounded(value, "%.3f") }

  private static func rounded(_ value: Double, _ form: String) -> String {
    let text = String(format: form, value)
    return text.allSatisfy { "-0.".contains($0) } ? text.replacing("-", with: "") : text
  }
}
