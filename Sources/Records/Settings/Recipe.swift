import Yams

/// A comparison worth repeating, as a file: which rows, with what settings, over how many seeds.
public struct Recipe: Settings {
  /// One line of words for lists.
  public var title = ""
  /// What it shows and how to read it.
  public var summary = ""
  public var seeds = 5
  /// For every row: a table of settings as in a run's configuration.
  public var settings: Tree = .table([:])
  public var rows: [Row] = []
  /// Ratios of impaired test samples to try besides.
  public var sweep: [Double] = []
  /// What a paper printed for these rows, by label, then quantity (`full`, `image-missing`, `gap.missing`), in percent.
  public var expected: Tree = .table([:])
  /// Where `expected` is printed.
  public var source = ""

  public init() {}

  /// A method, and what is set for it alone.
  public struct Row: Codable, Equatable, Sendable {
    public var label: String
    public var method: String
    public var set: Tree

    public init(label: String, method: String, set: Tree = .table([:])) {
      self.label = label
      self.method = method
      self.set = set
    }

    fileprivate enum CodingKeys: String, CodingKey, CaseIterable { case label, method, set }

    public init(from decoder: any Swift.Decoder) throws {
      let c = try decoder.container(keyedBy: CodingKeys.self)
      method = try c.decode(String.self, forKey: .method)
      label = try c.decodeIfPresent(String.self, forKey: .label) ?? method
      set = try c.decodeIfPresent(Tree.self, forKey: .set) ?? .table([:])
    }
  }

  /// Reads a recipe; all that is wrong with it is told at once.
  public init(reading file: ConfigurationFile) throws {
    let overlay = ConfigurationResolver(
      defaults: try Tree(encoding: Recipe()),
      rules: ["seeds": .range(.atLeast(1)), "sweep": .range(.fraction)])
    let tree = try overlay.resolve(files: [file]).tree
    try Self.checkRows(of: file)
    do { self = try tree.decode(Recipe.self) } catch {
      var diagnosis = Diagnosis(describing: error)
      diagnosis.exitStatus = .usage
      throw diagnosis.placed(in: file.name)
    }
    guard !rows.isEmpty else {
      throw Diagnosis(
        "the recipe has no rows", place: file.name, remedy: "rows: a list of {label, method, set}", exitStatus: .usage)
    }
  }

  /// Refuses what no row has: the rows are a list, whose elements an overlay takes as they come.
  private static func checkRows(of file: ConfigurationFile) throws {
    guard case .mapping(let root)? = try SafeYAML.compose(file.text),
      case .sequence(let rows)? = root.first(where: { $0.key.scalar?.string.tolerantKey == "rows" })?.value
    else { return }
    let known = Row.CodingKeys.allCases.map(\.rawValue)
    var problems: [ConfigurationProblem] = []
    for (number, row) in rows.enumerated() {
      guard case .mapping(let pairs) = row else {
        problems.append(
          ConfigurationProblem(
            source: file.name, line: row.mark?.line, column: row.mark?.column, path: "rows[\(number)]",
            "a table (\(known.joined(separator: ", "))) is needed"))
        continue
      }
      for (key, _) in pairs {
        let name = key.scalar?.string ?? ""
        if known.contains(name) { continue }
        let near = nearest(to: name, in: known).map { "; did you mean '\($0)'?" } ?? ""
        problems.append(
          ConfigurationProblem(
            source: file.name, line: key.mark?.line, column: key.mark?.column, path: "rows[\(number)].\(name)",
            "no such setting\(near)"))
      }
    }
    if !problems.isEmpty { throw ConfigurationProblems(problems) }
  }

  /// A table of settings as `key=value` words; a dot in a key is a path, as at the prompt.
  public static func words(_ settings: Tree) -> [String] {
    guard let entries = settings.tableValue else { return [] }
    return entries.sorted { $0.key < $1.key }.flatMap { key, value in
      if let below = value.tableValue, !below.isEmpty { return words(value).map { "\(key).\($0)" } }
      // A text that would be read as something else is quoted.
      if let text = value.stringValue, let first = text.first, "[{\"'".contains(first) {
        return ["\(key)=\(value.json())"]
      }
      return ["\(key)=\(value.description)"]
    }
  }
}
