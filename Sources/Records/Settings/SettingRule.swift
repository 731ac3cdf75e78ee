/// What the value of a setting may be, beyond its type.
public struct SettingRule: Codable, Equatable, Sendable {
  /// The words that may be given; empty where any may.
  public var allowed: [String]
  public var range: SettingRange?

  public init(allowed: [String] = [], range: SettingRange? = nil) {
    self.allowed = allowed
    self.range = range
  }

  /// One of these words.
  public static func oneOf(_ words: [String]) -> SettingRule { SettingRule(allowed: words) }
  /// A number in this range.
  public static func range(_ range: SettingRange) -> SettingRule { SettingRule(range: range) }

  /// What is wrong with a value, as a phrase; `nil` where nothing is.
  func objection(to value: Tree) -> String? {
    if let word = value.stringValue, !allowed.isEmpty, canonical(word) == nil {
      let near = nearest(to: word, in: allowed).map { "; did you mean '\($0)'?" } ?? ""
      return "'\(word)' is not one of \(allowed.joined(separator: ", "))\(near)"
    }
    if let range {
      let numbers = value.listValue?.compactMap(\.numberValue) ?? [value.numberValue].compactMap { $0 }
      if let outside = numbers.first(where: { !range.contains($0) }) {
        return "is \(Int(exactly: outside).map { "\($0)" } ?? "\(outside)"), must be \(range.words)"
      }
    }
    return nil
  }

  /// The allowed word that is meant; ignores case, `-` and `_`.
  func canonical(_ word: String) -> String? { allowed.first { $0.tolerantKey == word.tolerantKey } }
}

/// One thing in a configuration that cannot be used.
public struct ConfigurationProblem: Equatable, Sendable {
  /// A file's name, or `--set`; `nil` where the configuration was made in code.
  public var source: String?
  /// From 1.
  public var line: Int?
  /// From 1.
  public var column: Int?
  /// The dotted path, as it was written; empty for the file as a whole.
  public var path: String
  /// What is wrong, as a phrase that follows the path.
  public var what: String

  public init(source: String? = nil, line: Int? = nil, column: Int? = nil, path: String, _ what: String) {
    self.source = source
    self.line = line
    self.column = column
    self.path = path
    self.what = what
  }
}

/// All that is wrong with a configuration, told at once.
public struct ConfigurationProblems: Diagnosable, Equatable {
  /// In the order of the sources.
  public let problems: [ConfigurationProblem]
  /// What would help, where one thing helps with all.
  public var remedy: String?

  public init(_ problems: [ConfigurationProblem], remedy: String? = nil) {
    self.problems = problems
    self.remedy = remedy
  }

  public var diagnosis: Diagnosis {
    let sources = Set(problems.map(\.source))
    let place = sources.count == 1 ? problems.first?.source : nil
    // A file can hold thousands, with keys of any length.
    let most = 20
    let rows = problems.prefix(most).map { problem in
      var position: [String] = []
      if place == nil, let source = problem.source { position.append(source) }
      if let line = problem.line { position.append("\(line)") }
      if problem.line != nil, let column = problem.column { position.append("\(column)") }
      return [position.joined(separator: ":").clipped(100), problem.path.clipped(100), problem.what]
    }
    let widths = (0..<2).map { column in rows.map { $0[column].count }.max() ?? 0 }
    let found = rows.map { row in
      let cells = (0..<2).filter { widths[$0] > 0 }
        .map { row[$0] + String(repeating: " ", count: widths[$0] - row[$0].count) }
      return "  " + (cells + [row[2]]).joined(separator: "  ")
    }
    let count = problems.count
    return Diagnosis(
      count == 1 ? "1 setting cannot be used" : "\(count) settings cannot be used", place: place,
      found: found + (count > most ? ["  and \(count - most) more"] : []),
      remedy: remedy, exitStatus: .usage)
  }
}
