import Foundation

/// What a search by validation score tried for every row of a comparison, and what it chose: `tuning.json`.
public struct TuningTable: Codable, Equatable, Sendable {
  /// One setting of a row, trained with seed 0.
  public struct Trial: Codable, Equatable, Sendable {
    /// From 0, the row as it is.
    public var number: Int
    /// By path, what is set besides the row's own settings.
    public var settings: [String: Tree]
    /// Of the selected epoch; `nil` where the run diverged.
    public var validation: Double?
    public var chosen: Bool

    public init(number: Int, settings: [String: Tree] = [:], validation: Double? = nil, chosen: Bool = false) {
      self.number = number
      self.settings = settings
      self.validation = validation
      self.chosen = chosen
    }
  }

  /// The trials of one row.
  public struct Row: Codable, Equatable, Sendable {
    public var name: String
    public var trials: [Trial]

    /// Chooses the trial with the best validation score; the earlier of two that are as good.
    public init(name: String, trials: [Trial]) {
      self.name = name
      self.trials = trials
      var best: Int?
      for (i, trial) in trials.enumerated() {
        guard let score = trial.validation, score.isFinite else { continue }
        if score > best.flatMap({ trials[$0].validation }) ?? -.infinity { best = i }
      }
      for i in self.trials.indices { self.trials[i].chosen = i == best }
    }

    /// The trial that all seeds are run with; `nil` where every one diverged.
    public var chosen: Trial? { trials.first(where: \.chosen) }
  }

  public var dataset: String
  public var metric: String
  /// How many each row had.
  public var trials: Int
  /// In the order of the comparison.
  public var rows: [Row]

  public init(dataset: String, metric: String, trials: Int, rows: [Row]) {
    self.dataset = dataset
    self.metric = metric
    self.trials = trials
    self.rows = rows
  }

  /// Writes what was chosen into a comparison: into its notes, and into the settings of each row, where what is not the
  /// method's own stands under its whole path.
  public func enter(_ results: inout ComparisonResults) {
    results.notes.append(
      "tuned: every row had \(trials) \(trials == 1 ? "trial" : "trials") with seed 0, chosen by validation \(metric)")
    for row in rows {
      guard let chosen = row.chosen else { continue }
      let settings = chosen.settings.sorted { $0.key < $1.key }
      let words =
        settings.isEmpty ? "as it is" : settings.map { "\($0.key)=\(Self.short($0.value))" }.joined(separator: ", ")
      results.notes.append("tuned: \(row.name) is trial \(chosen.number), \(words)")
      guard let index = results.methods.firstIndex(where: { $0.name == row.name }) else { continue }
      for (path, value) in settings {
        let own = path.hasPrefix("method.") ? String(path.dropFirst("method.".count)) : path
        results.methods[index].settings[path: own] = value
      }
    }
  }

  /// A number as it is read; the table has it to the last digit.
  private static func short(_ value: Tree) -> String {
    if case .number(let number) = value { String(format: "%.4g", number) } else { value.description }
  }

  /// The file's text.
  public func json(_ layout: JSONLayout = .pretty) throws -> String {
    let order = ["dataset", "metric", "trials", "rows", "name", "number", "chosen", "validation", "settings"]
    return try Tree(encoding: self, keys: .asNamed).json(layout, order: order)
  }
}
