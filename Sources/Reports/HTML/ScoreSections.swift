import Records

extension HTMLReport {
  // MARK: The papers' table

  func scores() -> SectionView? {
    let results = contents.results
    guard !results.methods.isEmpty, !results.conditions.isEmpty else { return nil }
    let table = ComparisonTable(results, titles: titles)
    var groups: [TableView.Group] = []
    var columns: [TableView.Column] = []
    for (number, line) in table.lines.enumerated() {
      let isFirst = number == 0 || table.lines[number - 1].kind != line.kind
      if isFirst {
        let span = table.lines.count { $0.kind == line.kind }
        groups.append(TableView.Group(words: line.kind.isEmpty ? "everything there" : line.kind, span: span))
      }
      let words = line.kind.isEmpty ? line.title : String(line.title.dropLast(line.kind.count + 1))
      columns.append(TableView.Column(words: words, isEdge: isFirst))
    }
    let times = results.methods.map { row in Statistics.mean(row.runs.compactMap(\.seconds)) }
    // Times stand in a column of their own.
    let conflicts = table.trainingLines.filter { $0.title != "seconds" }
    let extra = conflicts.count + (times.contains { $0 != nil } ? 1 : 0)
    if extra > 0 { groups.append(TableView.Group(words: "training", span: extra)) }
    for (number, line) in conflicts.enumerated() {
      columns.append(TableView.Column(words: line.isShare ? "\(line.title) %" : line.title, isEdge: number == 0))
    }
    if extra > conflicts.count { columns.append(TableView.Column(words: "time a run", isEdge: conflicts.isEmpty)) }

    let worse = results.methods.map { row -> Bool in
      let known = row.runs.compactMap(\.worseThanUnimodal)
      return known.count { $0 } * 2 > known.count
    }
    var rows = results.methods.enumerated().map { number, row in
      var cells = table.lines.indices.map { line -> TableView.Cell in
        let cell = table.cells[line][number]
        let value = row.mean[table.lines[line].quantity]
        let isWorse = table.lines[line].quantity == Condition.full && worse[number]
        return TableView.Cell(
          words: (cell.mean ?? "–") + (cell.negativeTransfer ? "*" : "") + (isWorse ? "†" : ""),
          aside: cell.range ?? cell.halfWidth.map { "± \($0)" }, value: value.map { "\($0)" } ?? "",
          kind: "figures" + (cell.rank == .best ? " best" : cell.rank == .second ? " second" : "")
            + (columns[line].isEdge ? " edge" : ""))
      }
      for line in conflicts {
        let text = line.cells[number]
        cells.append(
          TableView.Cell(
            words: text, value: text == "–" ? "" : text,
            kind: "figures\(cells.count == table.lines.count ? " edge" : "")"))
      }
      if extra > conflicts.count {
        cells.append(
          TableView.Cell(
            words: times[number].map(PageText.duration) ?? "–", value: times[number].map { "\($0)" } ?? "",
            kind: "figures\(conflicts.isEmpty ? " edge" : "")"))
      }
      return TableView.Row(head: table.methods[number], token: Ink.family(stage(row)).token, cells: cells)
    }
    let best =
      table.specialists.isEmpty
      ? []
      : [
        TableView.Row(
          head: "specialists", token: Ink.faint.token,
          cells: columns.enumerated().map { number, column in
            let cell = number < table.lines.count ? table.specialists[number] : nil
            return TableView.Cell(
              words: cell?.mean ?? "–", aside: cell?.halfWidth.map { "± \($0)" },
              value: cell?.mean ?? "", kind: "figures" + (column.isEdge ? " edge" : ""))
          })
      ]
    if results.constant != nil {
      let cells = columns.indices.map { column -> TableView.Cell in
        let cell = table.lines.indices.contains(column) ? table.cells[column].last : nil
        return TableView.Cell(
          words: cell?.mean ?? "–", value: cell?.mean ?? "", kind: "figures" + (columns[column].isEdge ? " edge" : ""))
      }
      rows.append(TableView.Row(head: "constant", token: Ink.faint.token, cells: cells))
    }
    var legend: [String] = []
    if results.methods.count > 2 { legend.append("Bold is best of its column, underlined second.") }
    if results.methods.count == 2 { legend.append("Bold is better.") }
    legend += table.legend.map { $0.prefix(1).uppercased() + $0.dropFirst() + "." }
    if worse.contains(true) {
      legend.append("† Below the best model of one modality, trained alone, with most seeds.")
    }
    if columns.contains(where: { $0.words == "gap" }) {
      legend.append(
        "Gap: the difference in score between losing one modality and losing another. It is small where everything is bad, too, so it is not ranked."
      )
    }
    let words = "\(metricTitle(results.metric)) in %, mean of \(table.seeds)"
    let blocks = [
      BlockView(
        table: TableView(
          "Scores: \(words)", corner: "method", groups: groups.count > 1 ? groups : [], columns: columns,
          rows: rows + best,
          legend: [legend.joined(separator: " ")].filter { !$0.isEmpty }, isSortable: rows.count > 1))
    ]
    return SectionView(
      id: "scores", heading: "Scores",
      lead: [
        "\(words.prefix(1).uppercased() + words.dropFirst()), with everything there and with each modality impaired"
          + (rows.count > 1 ? "; a heading sorts its column." : ".")
      ],
      blocks: blocks)
  }

  /// What a reader of the numbers must know.
  func notes() -> SectionView? {
    let notes = contents.results.notes
    guard !notes.isEmpty else { return nil }
    return SectionView(
      id: "notes", heading: "To know",
      blocks: [BlockView(facts: FactsView(facts: [FactsView.Fact(name: "notes", words: notes)]))])
  }

  // MARK: Score against balance

  func balance() -> SectionView? {
    let results = contents.results
    guard let front = results.front ?? ParetoFront(results.methods) else { return nil }
    let text = FrontText(results, titles: titles)
    let picks = front.picks.compactMap { pick in text?.sentence(pick.preference) }
    let columns = ["full", "Avg. missing", "gap missing", "imbalance"].map { TableView.Column(words: $0) }
    let rows = front.points.map { point in
      let numbers = [point.full, point.averageMissing, point.gapMissing, point.imbalance]
      return TableView.Row(
        head: title(point.name), token: results.method(point.name).map { Ink.family(stage($0)).token },
        cells: numbers.map {
          TableView.Cell(words: $0.map(percent) ?? "–", value: $0.map { "\($0)" } ?? "", kind: "figures")
        } + [
          TableView.Cell(
            words: point.isOnFront ? "on it" : "beaten by \(PageText.list(point.beatenBy.map(title)))", kind: "text")
        ])
    }
    let table = TableView(
      "Score and balance of each method", corner: "method",
      columns: columns + [TableView.Column(words: "front", isNumber: false)], rows: rows,
      legend: [
        "On the front: no other method has both a better score and a better balance."
          + (front.by == .imbalance ? " Imbalance is how unevenly the modalities add to the score." : "")
      ])
    return SectionView(
      id: "balance", heading: "Which method to take", lead: picks,
      blocks: [rows.count > 8 ? BlockView(folded: table) : BlockView(table: table)])
  }

  /// The Shapley value of each modality, a row for each method.
  func additions() -> SectionView? {
    let rows = contents.results.methods.filter { !$0.shapley.isEmpty }
    let names = contents.modalities
    guard !rows.isEmpty, !names.isEmpty else { return nil }
    let table = TableView(
      "What each modality adds to the score (Shapley value), in points", corner: "method",
      columns: names.map { TableView.Column(words: $0) } + [TableView.Column(words: "imbalance", isEdge: true)],
      rows: rows.map { row in
        TableView.Row(
          head: title(row.name), token: Ink.family(stage(row)).token,
          cells: (names.map { row.shapley[$0] } + [row.imbalance]).enumerated().map { number, value in
            TableView.Cell(
              words: value.map(percent) ?? "–", value: value.map { "\($0)" } ?? "",
              kind: "figures" + (number == names.count ? " edge" : ""))
          })
      }, isSortable: rows.count > 1)
    return SectionView(
      id: "additions", heading: "What each modality adds",
      lead: [
        "The Shapley value of each modality: its mean gain in score over every order in which the modalities come; "
          + "all of them add up to the full score less that with nothing there."
      ], blocks: [rows.count > 8 ? BlockView(folded: table) : BlockView(table: table)])
  }

  // MARK: Robustness by ratio

  func sweep() throws -> SectionView? {
    guard let sweep = contents.sweep, !sweep.ratios.isEmpty, !sweep.curves.isEmpty else { return nil }
    let results = contents.results
    let conditions = sweep.conditions.map { Condition($0, modalities: sweep.modalities) }.filter { $0.modality != nil }
    var kinds: [String] = []
    for condition in conditions where !kinds.contains(condition.kind) { kinds.append(condition.kind) }
    let shares = sweep.ratios.map { $0 * 100 }
    func chart(_ title: String, _ kind: String, _ up: String, _ values: (SweepTable.Curve) -> [Double]?) -> Chart? {
      let series = sweep.curves.compactMap { curve -> Chart.Series? in
        guard let found = values(curve) else { return nil }
        let row = results.method(curve.name)
        return Chart.Series(
          name: self.title(curve.name), ink: .family(row.map(stage) ?? .baseline), dash: row.map(dash) ?? 0, x: shares,
          y: found.map { $0 * 100 })
      }
      guard !series.isEmpty else { return nil }
      let isGap = up.hasPrefix("points")
      let ranked = series.filter { $0.y.last?.isFinite ?? false }.sorted { ($0.y.last ?? 0) > ($1.y.last ?? 0) }
      let best = isGap ? ranked.last : ranked.first
      let finding = best.map { best in
        ranked.count > 1
          ? ": \(best.name) \(isGap ? "keeps it smallest" : "keeps most"), \(fixed(best.y.last ?? .nan, 1))" : ""
      }
      let ends = series.prefix(8).map { "\($0.name) \(fixed($0.y.last ?? .nan, 1))" }
      return Chart(
        title: title + (finding ?? ""), across: "\(kind) samples in %", up: up, series: series,
        summary: "\(title): at the largest share \(ends.joined(separator: ", ")).", hasLegend: false)
    }
    var blocks: [BlockView] = []
    let keys = sweep.curves.map { curve in
      let row = results.method(curve.name)
      return KeyView(
        words: title(curve.name), token: Ink.family(row.map(stage) ?? .baseline).token, dash: (row.map(dash) ?? 0) % 5)
    }
    for kind in kinds {
      let metric = metricTitle(sweep.metric)
      var charts = conditions.filter { $0.kind == kind }.compactMap { condition in
        chart("\(condition.modality ?? "") \(kind)", kind, "\(metric) in %") { $0.scores[condition.name] }
      }
      if let gap = chart("gap \(kind)", kind, "points from best to worst", { $0.gap[kind] }) { charts.append(gap) }
      let figures = try charts.enumerated().map { number, chart in
        try figure("sweep-\(kinds.firstIndex(of: kind) ?? 0)-\(number)", chart, numbers(chart, shares))
      }
      blocks.append(BlockView(subheading: kind))
      blocks.append(BlockView(figures: FiguresView(figures, keys: keys, noun: "figure")))
    }
    return SectionView(
      id: "robustness", heading: "Robustness",
      lead: ["Scores as more and more of the test samples lose a modality: flat is robust."], blocks: blocks)
  }

  private func numbers(_ chart: Chart, _ shares: [Double]) -> TableView {
    TableView(
      "\(chart.title), by share of \(chart.across)", corner: "method",
      columns: shares.map { TableView.Column(words: fixed($0, 0)) },
      rows: chart.series.map { series in
        TableView.Row(
          head: series.name, token: series.ink.token,
          cells: series.y.map { TableView.Cell(words: fixed($0, 1), value: "\($0)", kind: "figures") })
      })
  }

  // MARK: Tests

  /// Pairs of methods down, quantities across; a difference is coloured where its corrected test carries it.
  func tests() -> SectionView? {
    let results = contents.results
    let quantities = ComparisonResults.testedQuantities.filter { quantity in
      results.tests.contains { $0.quantity == quantity }
    }
    guard !quantities.isEmpty else { return nil }
    var pairs: [[String]] = []
    for test in results.tests where !pairs.contains(test.methods) { pairs.append(test.methods) }
    let names = ["difference", "p", "p corrected"]
    let rows = pairs.map { pair in
      TableView.Row(
        head: "\(title(pair.last ?? "")) against \(title(pair.first ?? ""))",
        token: pair.last.flatMap(results.method).map { Ink.family(stage($0)).token },
        cells: quantities.flatMap { quantity -> [TableView.Cell] in
          guard let test = results.tests.first(where: { $0.methods == pair && $0.quantity == quantity }) else {
            return names.indices.map { TableView.Cell(words: "–", kind: "figures\($0 == 0 ? " edge" : "")") }
          }
          return cells(of: test)
        })
    }
    let table = TableView(
      "Paired tests, by pair of methods and quantity", corner: "methods",
      groups: quantities.map { TableView.Group(words: $0.replacing(".", with: " "), span: names.count) },
      columns: quantities.flatMap { _ in
        names.enumerated().map { TableView.Column(words: $1, isEdge: $0 == 0) }
      }, rows: rows,
      legend: [
        "Differences are in points; small behind them the 95 % interval. Green is better and orange worse where the "
          + "corrected p is below \(fixed(Findings.significance, 2)); what has no colour cannot be told from noise."
      ])
    return SectionView(
      id: "tests", heading: "Tests",
      lead: [testBasis], blocks: [BlockView(table: table)])
  }
}

extension HTMLReport {
  /// What the tests rest on, in a sentence.
  private var testBasis: String {
    let hasSamples = contents.results.tests.contains { $0.joint != nil }
    return "Student's paired test over common seeds, which share the order of the data and the initial weights"
      + (hasSamples ? ", and a test over seeds and test samples together, whose corrected p decides" : "")
      + "; corrected by Holm for the number of methods."
  }

  /// Difference with its interval, p, and p corrected.
  private func cells(of test: ComparisonResults.Test) -> [TableView.Cell] {
    let corrected = test.decisive
    let kind =
      switch contents.results.worth(of: test) {
      case .better: " better"
      case .worse: " worse"
      case .neither: ""
      }
    let interval = (test.joint?.interval95 ?? test.interval95).map {
      "\(percent($0.low)) to \(percent($0.high))".replacing("-", with: "−")
    }
    return [
      TableView.Cell(
        words: PageText.signed(percent(test.difference)), aside: interval, value: "\(test.difference)",
        kind: "figures edge\(kind)"),
      TableView.Cell(
        words: PageText.probability(test.joint?.p ?? test.p), value: "\(test.joint?.p ?? test.p)", kind: "figures"),
      TableView.Cell(words: PageText.probability(corrected), value: "\(corrected)", kind: "figures"),
    ]
  }
}
