import Records

extension HTMLReport {
  /// Rows in the figure; the table of scores has all.
  private static let mostRanked = 40
  /// Conditions that have a column each; of more, their averages have.
  private static let mostColumns = 9

  /// Each method's scores with their intervals, a row a method and a column a condition, best on top.
  func leaderboard() -> SectionView? {
    let results = contents.results
    guard results.methods.count > 1 else { return nil }
    let columns = leaderboardColumns
    guard !columns.isEmpty else { return nil }
    let kinds = impairmentKinds(of: results)
    let ranked = results.methods.enumerated().sorted { a, b in
      let (x, y) = (rank(a.element, kinds), rank(b.element, kinds))
      return x == y ? a.offset < b.offset : x > y
    }.map(\.element)
    let shown = Array(ranked.prefix(Self.mostRanked))
    let titles = shown.map { ComparisonTable.marked(title($0.name), $0) }
    let picture = DotTable(
      rows: zip(shown, titles).map { row, title in
        DotTable.Row(
          title: title, token: Ink.family(stage(row)).token,
          marks: columns.map { column in
            row.mean[column.quantity].map { value in
              DotTable.Mark(
                value: 100 * value, range: row.interval95[column.quantity].map { (100 * $0.low, 100 * $0.high) })
            }
          })
      },
      columns: columns.map { DotTable.Column(title: $0.title, line: $0.specialist.map { 100 * $0 }) },
      line: results.specialists.isEmpty ? nil : "a model made for the condition")
    let figure = FigureView(
      id: "leaderboard-figure", title: finding(ranked, kinds),
      summary: zip(shown, titles).map { row, title in
        "\(title): "
          + columns.compactMap { column in row.mean[column.quantity].map { "\(column.title) \(percent($0))" } }
          .joined(separator: ", ")
      }.joined(separator: "; ") + ".",
      rawPicture: picture.text, rawData: "null", isWide: true, height: 440,
      aside: "\(metricTitle(results.metric)) in %", isBroad: true)
    return SectionView(
      id: "leaderboard", heading: "Every method under every condition",
      lead: [
        (shown.allSatisfy { $0.runs.count < 2 }
          ? "A dot is the score of one seed" : "A dot is a mean over seeds, its bar the 95 % interval")
          + (results.specialists.isEmpty ? "." : ", the dashed line a model that was trained for just that condition.")
          + " All columns have the same scale. The table of scores below has the numbers"
          + (ranked.count > shown.count
            ? ", and the \(ranked.count - shown.count) methods that score lowest too." : ".")
      ], blocks: [BlockView(figures: FiguresView([figure]))])
  }

  /// What rows are ordered by: the average over impairments, else the score with everything there.
  private func rank(_ row: ComparisonResults.MethodRow, _ kinds: [String]) -> Double {
    (kinds.isEmpty ? nil : row.averageImpaired(kinds)) ?? row.mean.scores[Condition.full] ?? 0
  }

  private var leaderboardColumns: [(quantity: String, title: String, specialist: Double?)] {
    let results = contents.results
    guard results.conditions.count > Self.mostColumns else {
      return results.conditions.map { ($0, words($0), results.specialists[$0]?.score) }
    }
    let kinds = impairmentKinds(of: results)
    let full = results.conditions.filter { kindOf($0, kinds) == nil }
    return full.map { ($0, words($0), results.specialists[$0]?.score) }
      + kinds.map { kind in
        let own = results.conditions.filter { kindOf($0, kinds) == kind }
        let made = own.compactMap { results.specialists[$0]?.score }
        return ("average.\(kind)", "Avg. \(kind)", made.count == own.count ? Statistics.mean(made) : nil)
      }
  }

  /// The figure's title, which says what it shows.
  private func finding(_ ranked: [ComparisonResults.MethodRow], _ kinds: [String]) -> String {
    func name(_ row: ComparisonResults.MethodRow) -> String { ComparisonTable.marked(title(row.name), row) }
    let what = kinds.isEmpty ? "with everything there" : "on average over impaired inputs"
    guard let highest = ranked.first, ranked.count > 1 else {
      return ranked.first.map { "\(name($0)) scores \(percent(rank($0, kinds))) % \(what)" } ?? ""
    }
    func scored(_ row: ComparisonResults.MethodRow) -> String { "\(name(row)) \(percent(rank(row, kinds))) %" }
    // What the verdict names comes first here too.
    let best = StandingWords(contents.results, titles: titles).flatMap { contents.results.method($0.best) } ?? highest
    let base = baseline.flatMap { $0.name == best.name ? nil : $0 } ?? ranked.first { $0.name != best.name }
    let rest = base.map { "; \(scored($0))" } ?? ""
    if best.name == highest.name {
      return "\(name(best)) scores highest \(what), \(percent(rank(best, kinds))) %\(rest)"
    }
    return "\(scored(best)) \(what), where \(name(highest)) has the most, \(percent(rank(highest, kinds))) %\(rest)"
  }
}

/// Dots with intervals, a line a row and a panel a column, all panels to one scale.
struct DotTable {
  struct Mark {
    var value: Double
    var range: (low: Double, high: Double)?
  }

  struct Row {
    var title: String
    var token: String
    /// By column; nil is left empty.
    var marks: [Mark?]
  }

  struct Column {
    var title: String
    /// What the column is compared with.
    var line: Double?
  }

  var rows: [Row]
  var columns: [Column]
  /// What the columns' lines are; nil where they have none.
  var line: String?

  private static let width = 880.0

  var text: String {
    let left = min(max((rows.map { SVG.length($0.title) }.max() ?? 0) + 16, 70), 230)
    let panel = (Self.width - left - 6) / Double(max(columns.count, 1))
    let step = rows.count > 12 ? 19.0 : 26.0
    let isTurned = columns.contains { SVG.length($0.title) > panel - 6 }
    let top = isTurned ? 88.0 : 26.0
    let bottom = top + step * Double(rows.count)
    var out = ChartSVG.Picture(Self.width, bottom + (line == nil ? 26 : 46))
    let spans = columns.indices.map(bounds)
    let span = max(spans.map { $0.upperBound - $0.lowerBound }.max() ?? 1, 2) * 1.16
    let inner = panel - 14
    for (place, column) in columns.enumerated() {
      let x = left + panel * Double(place)
      let middle = (spans[place].lowerBound + spans[place].upperBound) / 2
      let low = middle - span / 2
      func at(_ value: Double) -> Double { x + 7 + (value - low) / span * inner }
      out.words(
        SVG.shortened(column.title, to: isTurned ? 110 : panel - 4), isTurned ? x + 14 : x + panel / 2, top - 12,
        "tick",
        anchor: isTurned ? "start" : "middle", turned: isTurned)
      out.box(x + 2, top, panel - 4, bottom - top, "outline")
      for tick in Self.ticks(low, low + span, count: 3) {
        out.line(at(tick), top, at(tick), bottom, "grid")
        // One at the edge would run into the next column's.
        let label = fixed(tick, span < 5 ? 1 : 0)
        let reach = SVG.length(label) / 2 + 4
        guard at(tick) - reach > x, at(tick) + reach < x + panel else { continue }
        out.words(label, at(tick), bottom + 15, "tick", anchor: "middle")
      }
      if let line = column.line { out.line(at(line), top, at(line), bottom, "rule") }
      for (number, row) in rows.enumerated() {
        guard let mark = row.marks[place], mark.value.isFinite else { continue }
        let y = top + step * (Double(number) + 0.5)
        if let range = mark.range {
          out.path([(at(range.low), y), (at(range.high), y)], "curve stroke-\(row.token)", closed: false)
        }
        let interval = mark.range.map { ", 95 % interval \(fixed($0.low, 1)) to \(fixed($0.high, 1))" } ?? ""
        out.dot(
          at(mark.value), y, rows.count > 12 ? 3.2 : 4, row.token,
          told: "\(row.title), \(column.title): \(fixed(mark.value, 1))\(interval)")
      }
    }
    for (number, row) in rows.enumerated() {
      out.words(
        SVG.shortened(row.title, to: left - 12), left - 8, top + step * (Double(number) + 0.5) + 4, "tick",
        anchor: "end")
    }
    if let line {
      out.line(left + 2, bottom + 36, left + 26, bottom + 36, "rule")
      out.words(line, left + 32, bottom + 40, "tick")
    }
    return out.text
  }

  /// Round numbers between two.
  private static func ticks(_ low: Double, _ high: Double, count: Int) -> [Double] {
    let step = Axis.roundStep((high - low) / Double(count), whole: high - low > 5)
    return Array(stride(from: (low / step).rounded(.up) * step, through: high, by: step))
  }

  /// What a column's marks and line reach over.
  private func bounds(_ place: Int) -> ClosedRange<Double> {
    let values =
      rows.compactMap { $0.marks[place] }.flatMap { [$0.value, $0.range?.low ?? $0.value, $0.range?.high ?? $0.value] }
      + [columns[place].line].compactMap { $0 }
    let known = values.filter(\.isFinite)
    return (known.min() ?? 0)...(known.max() ?? 0)
  }
}
