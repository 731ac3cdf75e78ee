import Records

extension HTMLReport {
  /// Rows in the figure; the table has all.
  private static let mostHung = 12

  /// What each method gives away in each condition, hung from the line of the models that were trained for just that.
  func regret() -> SectionView? {
    let results = contents.results
    let rows = results.methods.filter { $0.worstRegret != nil }
      .sorted { ($0.worstRegret?.value ?? 0) < ($1.worstRegret?.value ?? 0) }
    let conditions = results.conditions.filter { results.specialists[$0] != nil }
    guard !rows.isEmpty, !conditions.isEmpty else { return nil }
    let titles = rows.map { ComparisonTable.marked(title($0.name), $0) }
    let shown = Array(rows.prefix(Self.mostHung))
    let kinds = impairmentKinds(of: results)
    let words = conditions.map { condition -> String in
      guard let kind = kindOf(condition, kinds) else { return condition }
      return "\(condition.dropLast(kind.count + 1)) \(kind)"
    }
    let picture = HungBars(
      rows: zip(shown, titles).map { row, title in
        HungBars.Row(
          title: title, token: Ink.family(stage(row)).token,
          values: conditions.map { row.mean.regret[$0].map { $0 * 100 } })
      }, columns: words)
    let figure = FigureView(
      id: "regret-bars", title: finding(rows, titles, conditions, words),
      summary: zip(shown, titles).map { row, title in
        "\(title): at worst \(percent(row.worstRegret?.value ?? 0)) points, on average "
          + "\(percent(row.mean.regret["mean"] ?? 0))"
      }.joined(separator: "; ") + ".",
      rawPicture: picture.text, rawData: "null", isWide: true, height: 440, aside: nil,
      table: table(rows, titles, conditions, words), isBroad: true)
    return SectionView(
      id: "regret", heading: "What one model gives away",
      lead: [
        "Each line is the score of models that were trained, selected and tested for one condition alone; a bar hangs from "
          + "it as far as the method is below, and stands on it where it is above. A method stands if it is sure to hang "
          + "at most \(fixed(100 * ComparisonResults.mostGivenAway, 0)) points."
      ],
      blocks: [BlockView(figures: FiguresView([figure]))]
        + (rows.count > shown.count
          ? [
            BlockView(words: [
              "The table behind the figure has the other \(counted(rows.count - shown.count, "method"))."
            ])
          ]
          : []))
  }

  /// The figure's title, which says what it shows.
  private func finding(
    _ rows: [ComparisonResults.MethodRow], _ titles: [String], _ conditions: [String], _ words: [String]
  ) -> String {
    func worst(_ row: ComparisonResults.MethodRow) -> String {
      let place = row.worstRegret.flatMap { conditions.firstIndex(of: $0.condition) }
      return "\(percent(row.worstRegret?.value ?? 0)) points\(place.map { " (\(words[$0]))" } ?? "")"
    }
    guard let last = rows.last, rows.count > 1 else { return "\(titles[0]) gives away \(worst(rows[0])) at worst" }
    return
      "\(titles[0]) gives away least, at worst \(worst(rows[0])), and \(titles[rows.count - 1]) most, \(worst(last))"
  }

  private func table(
    _ rows: [ComparisonResults.MethodRow], _ titles: [String], _ conditions: [String], _ words: [String]
  ) -> TableView {
    let quantities = conditions.map { "regret.\($0)" } + ["regret.worst", "regret.mean"]
    return TableView(
      "Points given away against models trained for each condition", corner: "method",
      columns: words.map { TableView.Column(words: $0) }
        + [
          TableView.Column(words: "worst", isEdge: true), TableView.Column(words: "mean"),
          TableView.Column(words: "stands", isNumber: false),
        ],
      rows: zip(rows, titles).map { row, title in
        TableView.Row(
          head: title, token: Ink.family(stage(row)).token,
          cells: quantities.map { quantity in
            let value = row.mean[quantity]
            return TableView.Cell(
              words: value.map(percent) ?? "–",
              aside: row.interval95[quantity].map { "\(percent($0.low)) to \(percent($0.high))" },
              value: value.map { "\($0)" } ?? "", kind: "figures\(quantity == "regret.worst" ? " edge" : "")")
          } + [TableView.Cell(words: row.stands.map { $0 ? "yes" : "no" } ?? "not known", kind: "text")])
      },
      legend: [
        "Small behind a number its 95 % interval over seeds and test samples; below 0 is better than the specialist."
      ],
      isSortable: rows.count > 1)
  }
}

/// Small bars that hang from a line, one line a row and one bar a column.
struct HungBars {
  struct Row {
    var title: String
    /// The colour of its bars.
    var token: String
    /// In points, downwards; nil is left empty.
    var values: [Double?]
  }

  var rows: [Row]
  var columns: [String]

  /// Of one bar at most, in the picture's units.
  private static let deepest = 26.0
  private static let highest = 8.0

  var text: String {
    let width = 880.0
    let left = min(max((rows.map { SVG.length($0.title) }.max() ?? 0) + 16, 60), 240)
    let step = (width - left - 8) / Double(max(columns.count, 1))
    // A bar for 2 points can be seen, and one for 40 does not push the others off the page.
    let most = max(rows.flatMap(\.values).compactMap { $0 }.map(abs).max() ?? 1, 4)
    let isTurned = columns.contains { SVG.length($0) > step - 6 }
    let top = isTurned ? 96.0 : 30.0
    let height = Self.deepest + Self.highest + 16
    var out = ChartSVG.Picture(width, top + height * Double(rows.count))
    for (place, name) in columns.enumerated() {
      let x = left + step * (Double(place) + 0.5)
      out.words(
        SVG.shortened(name, to: 120), x, top - 12, "tick", anchor: isTurned ? "start" : "middle", turned: isTurned)
    }
    for (number, row) in rows.enumerated() {
      let line = top + height * Double(number) + Self.highest
      out.words(SVG.shortened(row.title, to: left - 12), 4, line + 5, "tick")
      out.line(left, line, width - 8, line, "edge")
      for (place, value) in row.values.enumerated() {
        guard let value, value.isFinite else { continue }
        let x = left + step * (Double(place) + 0.5)
        let half = min(step * 0.3, 16)
        let length = min(abs(value) / most * Self.deepest, value < 0 ? Self.highest : Self.deepest)
        out.box(x - half, value < 0 ? line - length : line, 2 * half, length, "bar fill-\(row.token)")
        out.words(
          fixed(value, 1).replacing("-", with: "−"), x, (value < 0 ? line : line + length) + 13, "tick",
          anchor: "middle")
      }
    }
    return out.text
  }
}
