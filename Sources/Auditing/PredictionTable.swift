public import Multimodal
import Records

/// The one table behind every audit: what a model says of the same rows under some conditions, and what is true of them.
///
/// Conditions are named as files of predictions name them: `full`; `missing:image` (silent), `absent:image` (declared),
/// `only:image`, `alone:image` (another model, of that modality alone), `probe:image` (a linear probe on the model's own
/// embedding) and any `IMPAIRMENT:MODALITY`; sets of modalities are joined by `+`, as in `only:image+text`; `none` is the
/// model with nothing there. Only `full` is needed: each measure says which array it would have needed.
public struct PredictionTable: Sendable, Equatable {
  /// What is true of the rows.
  public enum Labels: Sendable, Equatable {
    /// A class number a row.
    case classes([Int])
    /// One yes or no a class, rows × classes, row by row.
    case several([Bool])
  }

  /// One modality taken from other rows, everything else kept.
  public struct Swap: Sendable, Equatable {
    public let modality: String
    /// Which repetition, from 0.
    public let k: Int
    /// The row that the modality was taken from, for each row.
    public let index: [Int]
    public let scores: AnswerTable

    public init(modality: String, k: Int, index: [Int], scores: AnswerTable) {
      self.modality = modality
      self.k = k
      self.index = index
      self.scores = scores
    }
  }

  /// The first modality of each of n rows with the second modality of each.
  public struct Grid: Sendable, Equatable {
    /// The rows of the table that take part, n.
    public let index: [Int]
    /// n × n rows: row i·n + j is the first modality of row `index[i]` with the second of row `index[j]`.
    public let scores: AnswerTable

    public init(index: [Int], scores: AnswerTable) {
      self.index = index
      self.scores = scores
    }
  }

  /// Each modality of each of n rows with the others of n draws, where there are more than two modalities.
  public struct Grids: Sendable, Equatable {
    /// The rows of the table that take part, n.
    public let index: [Int]
    /// n draws, each a row of `index` for every modality, in the order of the modalities.
    public let partners: [[Int]]
    /// By modality n × n rows: row i·n + r is that modality of row `index[i]`, with every other as draw r has it.
    public let scores: [String: AnswerTable]

    public init(index: [Int], partners: [[Int]], scores: [String: AnswerTable]) {
      self.index = index
      self.partners = partners
      self.scores = scores
    }
  }

  /// What a modality's inputs are to models of it: a row of numbers for every row of the table.
  public struct Embedding: Sendable, Equatable {
    public let width: Int
    /// rows × width, row by row.
    public let values: [Float]

    public var rows: Int { width > 0 ? values.count / width : 0 }

    public init(width: Int, values: [Float]) {
      self.width = width
      self.values = values
    }
  }

  /// The same models on rows that were not audited, by which temperatures are fitted.
  public struct Validation: Sendable, Equatable {
    public let labels: Labels
    public let conditions: [String: AnswerTable]

    public init(labels: Labels, conditions: [String: AnswerTable]) {
      self.labels = labels
      self.conditions = conditions
    }
  }

  /// With everything there.
  public static let full = "full"

  public let task: PredictionTask
  /// One a row, in the order of every array; they need not be different.
  public let ids: [String]
  public let classes: [String]
  /// In the order of the grid's two sides.
  public let modalities: [String]
  /// nil where nobody knows.
  public let labels: Labels?
  /// Rows of one group are drawn together where intervals are computed; nil where each row stands for itself.
  public let groups: [String]?
  public let conditions: [String: AnswerTable]
  public let swaps: [Swap]
  public let grid: Grid?
  /// Of more than two modalities.
  public let grids: Grids?
  /// A second model's answers, by condition.
  public let baseline: [String: AnswerTable]
  public let validation: Validation?
  /// The frequency of each class where the models were trained; nil: that of the labels here.
  public let prior: [Double]?
  /// What each modality adds to the model's logits, where they are such a sum by construction.
  public let parts: [String: AnswerTable]?
  /// By modality, in which bits of single samples are told apart.
  public let embeddings: [String: Embedding]

  public var rows: Int { ids.count }
  public var severalLabels: Bool { task == .multiLabel }

  /// A table; what does not fit is refused.
  ///
  /// - Parameters:
  ///   - ids: nil numbers the rows.
  ///   - task: nil is `PredictionTask.multiLabel` for several labels, else one label a row.
  /// - Throws: `Diagnosis` that names the array.
  public init(
    ids: [String]? = nil, classes: [String], modalities: [String], labels: Labels?, task: PredictionTask? = nil,
    groups: [String]? = nil, conditions: [String: AnswerTable], swaps: [Swap] = [], grid: Grid? = nil,
    grids: Grids? = nil, baseline: [String: AnswerTable] = [:], validation: Validation? = nil,
    prior: [Double]? = nil, parts: [String: AnswerTable]? = nil, embeddings: [String: Embedding] = [:]
  ) throws {
    guard let full = conditions[Self.full] else {
      throw Diagnosis(
        "'full' is missing: the model's answers with everything there", found: ["there are \(Self.listed(conditions))"],
        remedy: "add an array 'full' of rows × classes", exitStatus: .input)
    }
    self.ids = ids ?? (0..<full.rows).map { "\($0)" }
    self.classes = classes
    self.modalities = modalities
    self.labels = labels
    if let task {
      self.task = task
    } else if case .several = labels {
      self.task = .multiLabel
    } else {
      self.task = .singleLabel
    }
    self.groups = groups
    self.conditions = conditions
    self.swaps = swaps
    self.grid = grid
    self.grids = grids
    self.baseline = baseline
    self.validation = validation
    self.prior = prior
    self.parts = parts
    self.embeddings = embeddings
    try check()
  }

  /// The set of modalities that a condition names behind its colon; nil where one of them is not there.
  public func named(in condition: String) -> Set<String>? {
    guard let colon = condition.firstIndex(of: ":") else { return nil }
    let text = String(condition[condition.index(after: colon)...])
    if modalities.contains(text) { return [text] }
    let names = Set(text.split(separator: "+", omittingEmptySubsequences: false).map(String.init))
    return names.isSubset(of: modalities) ? names : nil
  }

  private static func listed(_ conditions: [String: AnswerTable]) -> String {
    conditions.isEmpty ? "none" : conditions.keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
  }
}

// MARK: - Checks

extension PredictionTable {
  private func check() throws {
    if classes.isEmpty || task != .multiLabel && classes.count < 2 {
      throw Diagnosis(
        "there \(classes.count == 1 ? "is one class" : "are no classes"), and two are needed", place: "classes",
        exitStatus: .input)
    }
    if let twice = Self.repeated(classes) {
      throw Diagnosis("the class '\(twice)' is named twice", place: "classes", exitStatus: .input)
    }
    if let twice = Self.repeated(modalities) {
      throw Diagnosis("the modality '\(twice)' is named twice", place: "modalities", exitStatus: .input)
    }
    try count(ids.count, "ids", rows)
    if let groups { try count(groups.count, "groups", rows) }
    try checkLabels(labels, "labels", rows)
    for (name, scores) in conditions.sorted(by: { $0.key < $1.key }) {
      try fits(scores, name)
      if name.contains(":"), named(in: name) == nil { throw unknown(name) }
    }
    for (name, scores) in baseline.sorted(by: { $0.key < $1.key }) { try fits(scores, "baseline/\(name)") }
    for (name, scores) in (parts ?? [:]).sorted(by: { $0.key < $1.key }) {
      try fits(scores, "parts/\(name)")
      if !modalities.contains(name) { throw unknown("parts:\(name)") }
    }
    for (name, embedding) in embeddings.sorted(by: { $0.key < $1.key }) {
      try check(embedding, "embedding:\(name)", name)
    }
    for swap in swaps { try check(swap) }
    if let grid { try check(grid) }
    if let grids { try check(grids) }
    if let validation { try check(validation) }
    if let prior {
      try count(prior.count, "prior", classes.count, of: "classes")
      let sum = prior.reduce(0, +)
      if prior.contains(where: { !$0.isFinite || $0 < 0 || $0 > 1 }) || task != .multiLabel && abs(sum - 1) > 1e-3 {
        throw Diagnosis(
          "the frequencies of the classes must lie in 0…1 and add up to 1", place: "prior", exitStatus: .input)
      }
    }
  }

  private func check(_ swap: Swap) throws {
    let name = "swap:\(swap.modality):\(swap.k)"
    guard modalities.contains(swap.modality) else { throw unknown(name) }
    try fits(swap.scores, name)
    try count(swap.index.count, "\(name):index", rows)
    if let row = swap.index.firstIndex(where: { !(0..<rows).contains($0) }) {
      throw Diagnosis(
        "row \(row) of '\(name):index' is \(swap.index[row]), and there are \(rows) rows", place: "\(name):index",
        remedy: "the index names the row that the modality was taken from, from 0", exitStatus: .input)
    }
  }

  private func check(_ embedding: Embedding, _ name: String, _ modality: String) throws {
    if !modalities.contains(modality) { throw unknown(name) }
    guard embedding.width > 0, embedding.values.count == rows * embedding.width else {
      throw Diagnosis(
        "'\(name)' has \(embedding.rows) rows, and \(rows) were expected", place: name,
        remedy: "every array has the rows of 'full', in the same order", exitStatus: .input)
    }
    if let place = embedding.values.firstIndex(where: { !$0.isFinite }) {
      throw Diagnosis(
        "row \(place / embedding.width) of '\(name)' holds \(embedding.values[place])", place: name,
        remedy: "give finite numbers, or leave the array out", exitStatus: .input)
    }
  }

  private func check(_ grid: Grid) throws {
    guard modalities.count == 2 else {
      throw Diagnosis(
        "'grid' needs two modalities, and there are \(modalities.count)", place: "grid",
        remedy: modalities.count > 2 ? "give 'grid:\(modalities[0])' and so on, with 'grid:partners'" : nil,
        exitStatus: .input)
    }
    let n = grid.index.count
    if let place = grid.index.firstIndex(where: { !(0..<rows).contains($0) }) {
      throw Diagnosis(
        "place \(place) of 'grid:index' is \(grid.index[place]), and there are \(rows) rows", place: "grid:index",
        exitStatus: .input)
    }
    guard n > 1, grid.scores.rows == n * n, grid.scores.classes == classes.count else {
      throw Diagnosis(
        "'grid' has \(grid.scores.rows) cells of \(grid.scores.classes) classes, and 'grid:index' has \(n) rows",
        place: "grid", remedy: "give n × n × \(classes.count) numbers for n rows, at least 2", exitStatus: .input)
    }
  }

  private func check(_ grids: Grids) throws {
    func refusal(_ what: String, _ place: String, _ remedy: String? = nil) -> Diagnosis {
      Diagnosis(what, place: place, remedy: remedy, exitStatus: .input)
    }
    guard modalities.count > 2 else {
      throw refusal(
        "grids of single modalities need more than two, and there are \(modalities.count)", "grid:partners",
        "give one 'grid', of the first modality and the second")
    }
    let n = grids.index.count
    if let place = grids.index.firstIndex(where: { !(0..<rows).contains($0) }) {
      throw refusal(
        "place \(place) of 'grid:index' is \(grids.index[place]), and there are \(rows) rows", "grid:index")
    }
    guard n > 1, Set(grids.index).count == n else {
      throw refusal("'grid:index' needs two different rows, and none twice", "grid:index")
    }
    guard grids.partners.count == n, grids.partners.allSatisfy({ $0.count == modalities.count }) else {
      throw refusal(
        "'grid:partners' does not have \(n) draws of \(modalities.count) rows", "grid:partners",
        "give a row for each modality in each of \(n) draws")
    }
    let known = Set(grids.index)
    if let odd = grids.partners.joined().first(where: { !known.contains($0) }) {
      throw refusal(
        "'grid:partners' names the row \(odd), which is not in 'grid:index'", "grid:partners",
        "draw from the rows of the index")
    }
    for name in grids.scores.keys.sorted() where !modalities.contains(name) { throw unknown("grid:\(name)") }
    for name in modalities {
      guard let scores = grids.scores[name] else { throw refusal("there is no 'grid:\(name)'", "grid:\(name)") }
      guard scores.rows == n * n, scores.classes == classes.count else {
        throw refusal(
          "'grid:\(name)' has \(scores.rows) cells of \(scores.classes) classes, and 'grid:index' has \(n) rows",
          "grid:\(name)", "give n × n × \(classes.count) numbers for n rows")
      }
    }
  }

  private func check(_ validation: Validation) throws {
    guard let first = validation.conditions.min(by: { $0.key < $1.key }) else { return }
    try checkLabels(validation.labels, "validation/labels", first.value.rows)
    for (name, scores) in validation.conditions.sorted(by: { $0.key < $1.key }) {
      try fits(scores, "validation/\(name)", rows: first.value.rows)
    }
  }

  private func checkLabels(_ labels: Labels?, _ name: String, _ rows: Int) throws {
    switch labels {
    case nil: return
    case .classes(let numbers):
      try count(numbers.count, name, rows)
      guard task != .multiLabel else {
        throw Diagnosis(
          "'\(name)' has one class a row, and the task has several labels", place: name, exitStatus: .input)
      }
      guard let row = numbers.firstIndex(where: { !classes.indices.contains($0) }) else { return }
      throw Diagnosis(
        "row \(row) of '\(name)' is class \(numbers[row]), and there are \(classes.count) classes", place: name,
        remedy: "classes are numbered from 0", exitStatus: .input)
    case .several(let given):
      guard task == .multiLabel else {
        throw Diagnosis("'\(name)' has several labels a row, and the task has one", place: name, exitStatus: .input)
      }
      try count(given.count, name, rows * classes.count, of: "rows × classes")
    }
  }

  private func fits(_ scores: AnswerTable, _ name: String, rows expected: Int? = nil) throws {
    let expected = expected ?? rows
    guard scores.rows == expected, scores.classes == classes.count else {
      throw Diagnosis(
        "'\(name)' has \(scores.rows) rows of \(scores.classes) classes, and \(expected) of \(classes.count) were expected",
        place: name, remedy: "every array has the rows of 'full', in the same order", exitStatus: .input)
    }
  }

  private func count(_ found: Int, _ name: String, _ expected: Int, of what: String = "rows") throws {
    guard found != expected else { return }
    throw Diagnosis(
      "'\(name)' has \(found) entries, and there are \(expected) \(what)", place: name, exitStatus: .input)
  }

  private func unknown(_ name: String) -> Diagnosis {
    Diagnosis(
      "'\(name)' names a modality that is not there", place: name,
      found: ["the modalities are \(modalities.map { "'\($0)'" }.joined(separator: ", "))"],
      remedy: "give 'modalities', in order, if there are others", exitStatus: .input)
  }

  private static func repeated(_ names: [String]) -> String? {
    var seen: Set<String> = []
    return names.first { !seen.insert($0).inserted }
  }
}
