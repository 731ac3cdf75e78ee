import Foundation
public import Records

/// The table of a paper: methods against conditions, with averages and gaps, ready to be written in any form.
///
/// Scores are in percent with one decimal; what follows ± is half the 95 % interval of the mean over seeds.
public struct ComparisonTable: Equatable, Sendable {
  /// A quantity under which every method has a cell.
  public struct Line: Equatable, Sendable {
    /// `full`, `image-missing`, `average.missing`, `gap.missing`.
    public let quantity: String
    /// `full`, `image missing`, `Avg. missing`, `gap missing`.
    public let title: String
    /// The kind of impairment; lines of one kind belong together.
    public let kind: String
    /// Gaps are better small.
    public let smallerIsBetter: Bool
  }

  /// What training measured of every method.
  public struct TrainingLine: Equatable, Sendable {
    public let title: String
    /// By method: in percent, updates (`180 + 360` with those of models trained besides), or seconds.
    public let cells: [String]
    /// Whether the cells are shares in percent.
    public var isShare = true
  }

  /// How a cell compares with the others of its line.
  public enum Rank: Sendable {
    case best
    case second
    case none
  }

  /// A mean as it is shown.
  public struct Cell: Equatable, Sendable {
    /// `86.1`; `nil` where it was not measured.
    public let mean: String?
    /// `0.7`; `nil` with one seed.
    public let halfWidth: String?
    /// `0.4 to 2.6`, of an interval that is not even about its mean; `nil` of one that is.
    public var range: String? = nil
    /// Two cells that read alike rank alike.
    public let rank: Rank
    /// An impaired score above the method's own full score.
    public let negativeTransfer: Bool
    /// Whether it is better or worse than the baseline's beyond noise; `neither` where that was not tested.
    public var worth = ComparisonResults.Worth.neither

    /// `86.1 ± 0.7*`, `1.3 (0.4 to 2.6)`, or `–`.
    public var text: String {
      guard let mean else { return "–" }
      return mean + (range.map { " (\($0))" } ?? halfWidth.map { " ± \($0)" } ?? "") + (negativeTransfer ? "*" : "")
    }
  }

  public let dataset: String
  public let metric: String
  /// What differences are tested against, as it is called in the table; nil where nothing was tested.
  public let baseline: String?
  public private(set) var lines: [Line]
  /// As they are called in the table.
  public private(set) var methods: [String]
  /// How many of them are ranked: all but the constant prediction.
  public private(set) var rankedCount: Int
  /// By line, then method.
  public private(set) var cells: [[Cell]]
  /// By line, the score of the model that was trained for just that; empty where none was.
  public private(set) var specialists: [Cell]
  /// What rows saw in training besides clean inputs: `Modality dropout: missing`.
  public let seen: [String]
  /// How many runs each mean is of: `5 seeds`, `3 to 5 seeds`.
  public let seeds: String
  /// Whether they are means over splits of the same rows.
  private let isOverSplits: Bool
  public private(set) var notes: [String]
  /// What training measured and took, by line then method: the share of conflicting steps, updates, seconds.
  public private(set) var trainingLines: [TrainingLine]
  /// Of the methods, as files have them.
  private var names: [String]

  /// - Parameter titles: what to call a method, by name; its name where there is none.
  public init(_ results: ComparisonResults, titles: [String: String] = [:]) {
    dataset = results.dataset
    metric = metricTitle(results.metric)
    methods = results.methods.map { row in Self.marked(titles[row.name] ?? row.name, row) }
    seen = results.methods.filter(\.seesImpaired).map { row in
      "\(titles[row.name] ?? row.name): \(row.sees.filter { $0 != "clean" }.joined(separator: ", "))"
    }
    rankedCount = results.methods.count
    names = results.methods.map(\.name)
    notes = results.notes
    lines = Self.lines(of: results)
    let counts = results.methods.map(\.runs.count)
    let low = counts.min() ?? 0
    let high = counts.max() ?? 0
    seeds =
      results.splits.map { "\($0.count) splits × \($0.seeds == 1 ? "1 seed" : "\($0.seeds) seeds")" }
      ?? (low == high ? (low == 1 ? "1 seed" : "\(low) seeds") : "\(low) to \(high) seeds")
    isOverSplits = results.splits != nil
    specialists =
      results.specialists.isEmpty
      ? []
      : lines.map { line in
        let specialist = results.specialists[line.quantity]
        return Cell(
          mean: specialist.map { percent($0.score) }, halfWidth: specialist?.interval95.map { percent($0.halfWidth) },
          rank: .none, negativeTransfer: false)
      }
    let base = results.tests.isEmpty ? nil : results.baseline.flatMap(results.method)
    baseline = base.map { Self.marked(titles[$0.name] ?? $0.name, $0) }
    let cells = lines.map { line in
      let tests = base.map { results.tests(against: $0.name, line.quantity) } ?? []
      return zip(Self.cells(of: line, results.methods), results.methods).map { cell, method in
        var cell = cell
        if let test = tests.first(where: { $0.methods.last == method.name }) { cell.worth = results.worth(of: test) }
        return cell
      }
    }
    let trainingLines = Self.trainingLines(of: results.methods) + Self.workLines(of: results.methods)
    guard let constant = results.constant else {
      (self.cells, self.trainingLines) = (cells, trainingLines)
      return
    }
    // A last row that was not trained: it takes no part in the ranks.
    methods.append("constant")
    names.append("constant")
    self.cells = zip(lines, cells).map { line, row in
      let isScore = !line.quantity.hasPrefix("regret.")
      let mean = percent(line.quantity.hasPrefix("gap.") ? 0 : constant.score)
      return row + [Cell(mean: isScore ? mean : nil, halfWidth: nil, rank: .none, negativeTransfer: false)]
    }
    self.trainingLines = trainingLines.map {
      TrainingLine(title: $0.title, cells: $0.cells + ["–"], isShare: $0.isShare)
    }
    notes.insert("constant, which looks at nothing, says \(constant.says)", at: 0)
  }

  /// The same table with some of its methods and quantities, in the order given; marks stay those of the whole.
  ///
  /// - Parameters:
  ///   - chosen: names of methods; nil for all.
  ///   - quantities: as `full`, `image-missing`, `average.missing`, `regret.worst`; nil for all.
  /// - Throws: a `Diagnosis` where one is not in the table.
  public func showing(methods chosen: [String]?, quantities: [String]?) throws -> ComparisonTable {
    func places(_ wanted: [String], in known: [String], _ what: String) throws -> [Int] {
      try wanted.map { name in
        guard let place = known.firstIndex(of: name) else {
          throw Diagnosis(
            "there is no \(what) '\(name)' in the table", remedy: "it has \(known.joined(separator: ", "))",
            exitStatus: .usage)
        }
        return place
      }
    }
    var copy = self
    if let quantities {
      let kept = try places(quantities, in: lines.map(\.quantity), "column")
      copy.lines = kept.map { lines[$0] }
      copy.cells = kept.map { cells[$0] }
      if !specialists.isEmpty { copy.specialists = kept.map { specialists[$0] } }
      copy.trainingLines = []
    }
    if let chosen {
      let kept = try places(chosen, in: names, "method")
      copy.names = kept.map { names[$0] }
      copy.methods = kept.map { methods[$0] }
      copy.cells = copy.cells.map { line in kept.map { line[$0] } }
      copy.trainingLines = copy.trainingLines.map { line in
        TrainingLine(title: line.title, cells: kept.map { line.cells[$0] }, isShare: line.isShare)
      }
      copy.rankedCount = kept.count { $0 < rankedCount }
    }
    return copy
  }

  /// What training took, where it was counted and is not the same for all: updates, with those of models trained besides.
  private static func workLines(of methods: [ComparisonResults.MethodRow]) -> [TrainingLine] {
    let means = methods.map { row -> (updates: Double, others: Double)? in
      let works = row.runs.compactMap(\.work)
      guard let updates = row.updates else { return nil }
      return (updates, works.reduce(0) { $0 + Double($1.otherUpdates) } / Double(works.count))
    }
    guard means.contains(where: { $0 != nil }) else { return [] }
    let updates = means.map { mean in
      mean.map { fixed($0.updates, 0) + ($0.others > 0 ? " + \(fixed($0.others, 0))" : "") } ?? "–"
    }
    let seconds = methods.map { $0.seconds.map { fixed($0, $0 < 10 ? 1 : 0) } ?? "–" }
    return [
      TrainingLine(title: "updates", cells: updates, isShare: false),
      TrainingLine(title: "seconds", cells: seconds, isShare: false),
    ]
  }

  private static func trainingLines(
    of methods: [ComparisonResults.MethodRow]
  ) -> [TrainingLine] {
    [("conflict", "conflicting steps"), ("probe.conflict", "conflicts, probed")].compactMap { key, title in
      let means = methods.map { method -> Double? in
        let values = method.runs.compactMap { $0.training[key] }
        return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
      }
      guard means.contains(where: { $0 != nil }) else { return nil }
      return TrainingLine(title: title, cells: means.map { $0.map { percent($0) } ?? "–" })
    }
  }

  /// A row's title, marked where it saw impaired inputs in training: it is no match for those that did not.
  static func marked(_ title: String, _ row: ComparisonResults.MethodRow) -> String {
    row.seesImpaired ? "\(title) \(mark)" : title
  }

  static let mark = "°"

  /// The methods, and the specialists beside them where there are some.
  var columns: [String] { methods + (specialists.isEmpty ? [] : ["specialists"]) }

  /// By line, then column.
  var columnCells: [[Cell]] {
    specialists.isEmpty ? cells : zip(cells, specialists).map { $0 + [$1] }
  }

  /// By training line, then column.
  var trainingCells: [[String]] { trainingLines.map { $0.cells + (specialists.isEmpty ? [] : ["–"]) } }

  var starred: Bool { cells.contains { $0.contains(where: \.negativeTransfer) } }
  var hasTested: Bool { cells.contains { $0.contains { $0.worth != .neither } } }
  var hasIntervals: Bool { cells.contains { $0.contains { $0.halfWidth != nil } } }

  /// What the signs mean, a phrase each.
  var legend: [String] {
    (hasIntervals
      ? ["± is half the 95 % interval of the mean" + (isOverSplits ? ", including the variation between splits" : "")]
      : [])
      + (starred ? ["* better with a modality impaired than with all of them"] : [])
      + (specialists.isEmpty
        ? []
        : [
          "specialists are trained for just that condition, and regret is what a method gives away against them, in "
            + "points; in brackets the worst one's 95 % interval"
        ])
      + (seen.isEmpty ? [] : ["\(Self.mark) saw impaired inputs in training (\(seen.joined(separator: "; ")))"])
  }

  /// What it is a table of, as `emoji · accuracy in % · 5 seeds`.
  var heading: String { "\(dataset) · \(metric) in % · \(seeds)" }

  private static func lines(of results: ComparisonResults) -> [Line] {
    let kinds = impairmentKinds(of: results)
    var lines: [Line] = []
    for condition in results.conditions where kinds.allSatisfy({ !condition.hasSuffix("-\($0)") }) {
      lines.append(Line(quantity: condition, title: condition, kind: "", smallerIsBetter: false))
    }
    for kind in kinds {
      for condition in results.conditions where kindOf(condition, kinds) == kind {
        lines.append(
          Line(
            quantity: condition, title: "\(condition.dropLast(kind.count + 1)) \(kind)", kind: kind,
            smallerIsBetter: false))
      }
      if results.methods.contains(where: { $0.mean.average[kind] != nil }) {
        lines.append(Line(quantity: "average.\(kind)", title: "Avg. \(kind)", kind: kind, smallerIsBetter: false))
      }
      if results.methods.contains(where: { $0.mean.gap[kind] != nil }) {
        lines.append(Line(quantity: "gap.\(kind)", title: "gap \(kind)", kind: kind, smallerIsBetter: true))
      }
    }
    if results.methods.contains(where: { $0.mean.regret["worst"] != nil }) {
      lines += ["worst", "mean"].map {
        Line(quantity: "regret.\($0)", title: "\($0) regret", kind: "regret", smallerIsBetter: true)
      }
    }
    return lines
  }

  private static func cells(of line: Line, _ methods: [ComparisonResults.MethodRow]) -> [Cell] {
    let means = methods.map { $0.mean[line.quantity].map(percent) }
    // Ranked as they read: nobody can see a difference in the third decimal, and it would mean nothing.
    let distinct = Set(means.compactMap { $0.flatMap(Double.init) }).sorted(by: line.smallerIsBetter ? (<) : (>))
    return zip(methods, means).map { method, mean in
      var rank = Rank.none
      // A gap can be made small by being bad at everything: it crowns nobody.
      let isRanked = !line.quantity.hasPrefix("gap.") && methods.count > 1 && distinct.count > 1
      if isRanked, let value = mean.flatMap(Double.init) {
        if value == distinct[0] { rank = .best }
        if value == distinct[1], methods.count > 2 { rank = .second }
      }
      let isImpaired = !line.kind.isEmpty && !line.quantity.contains(".")
      let score = method.mean[line.quantity]
      let full = method.mean[Condition.full]
      let interval = method.interval95[line.quantity]
      return Cell(
        mean: mean, halfWidth: interval.map { percent($0.halfWidth) },
        // Of a maximum: its ends are not as far from it.
        range: line.quantity == "regret.worst" ? interval.map { "\(percent($0.low)) to \(percent($0.high))" } : nil,
        rank: rank,
        negativeTransfer: isImpaired && score.flatMap { score in full.map { score > $0 } } ?? false)
    }
  }
}

/// `86.1` for 0.8612.
func percent(_ fraction: Double) -> String { fixed(fraction * 100, 1) }

/// So many decimals; no minus before a zero.
func fixed(_ value: Double, _ decimals: Int) -> String {
  let text = String(format: "%.\(decimals)f", value)
  return text.allSatisfy { "-0.".contains($0) } ? text.replacing("-", with: "") : text
}

/// A metric as it is spoken of.
func metricTitle(_ metric: String) -> String {
  switch metric {
  case "auroc": "AUROC"
  case "macro-f1": "macro F1"
  case "weighted-f1": "weighted F1"
  case "r2": "R²"
  default: metric
  }
}

/// The kinds of impairment, in the order in which the conditions bring them.
func impairmentKinds(of results: ComparisonResults) -> [String] {
  let known = Set(results.methods.flatMap { $0.mean.average.keys })
  var kinds: [String] = []
  for condition in results.conditions where condition != Condition.full {
    guard
      let kind = kindOf(condition, Array(known)) ?? condition.split(separator: "-").dropFirst().last.map(String.init),
      !kinds.contains(kind)
    else { continue }
    kinds.append(kind)
  }
  return kinds
}

/// The kind that a condition's name ends with; the longest of them.
func kindOf(_ condition: String, _ kinds: [String]) -> String? {
  kinds.filter { condition.hasSuffix("-\($0)") && condition.count > $0.count + 1 }.max { $0.count < $1.count }
}
