import Records

/// Scores and gaps against the share of impaired samples, a row of panels for each kind; nil where there are no curves.
func sweepFigure(_ table: SweepTable) -> String? {
  let conditions = table.conditions.map { Condition($0, modalities: table.modalities) }.filter { condition in
    condition.modality != nil && table.curves.contains { $0.scores[condition.name] != nil }
  }
  var kinds: [String] = []
  for condition in conditions where !kinds.contains(condition.kind) { kinds.append(condition.kind) }
  guard !kinds.isEmpty, !table.ratios.isEmpty else { return nil }

  let metric = metricTitle(table.metric)
  let title = "What impaired test samples cost"
  var svg = SVG(
    title: "\(title): \(table.dataset)",
    summary: table.curves.flatMap { curve in
      kinds.compactMap { kind in
        curve.gap[kind]?.last.map { "\(curve.name): gap \(kind) of \(percent($0)) points at the largest share." }
      }
    }.joined(separator: " "))
  svg.words(title, SVG.margin, 28, "title")
  let runs = table.curves.map(\.runs).max() ?? 1
  let means = runs > 1 ? " · means of \(counted(runs, "run"))" : ""
  svg.words(SVG.shortened("\(table.dataset) · \(metric)\(means)", to: 680), SVG.margin, 47, "aside")

  let horizontal = Axis(table.ratios.map { $0 * 100 } + [0, 100], count: 4)
  var y = 56.0
  for kind in kinds {
    var plots: [(title: String, up: String, curves: [[Double]?])] = conditions.filter { $0.kind == kind }.map {
      condition in
      ("\(condition.modality ?? "") \(kind)", "\(metric) in %", table.curves.map { $0.scores[condition.name] })
    }
    let scores = Axis(plots.flatMap { $0.curves.compactMap { $0 }.joined() }.map { $0 * 100 }, count: 4)
    let gaps = table.curves.map { $0.gap[kind] }
    if gaps.contains(where: { $0 != nil }) { plots.append(("gap \(kind)", "points between best and worst", gaps)) }
    let columns = min(plots.count, 3)
    let width = (SVG.width - 2 * SVG.margin) / Double(columns)
    for (number, plot) in plots.enumerated() {
      let isGap = number == plots.count - 1 && plot.title == "gap \(kind)"
      let vertical =
        isGap ? Axis(plot.curves.compactMap { $0 }.joined().map { $0 * 100 } + [0], count: 4) : scores
      let panel = Panel(
        x: SVG.margin + width * Double(number % columns) - 8, y: y + 240 * Double(number / columns), width: width,
        height: 240, horizontal, vertical)
      panel.frame(&svg, title: plot.title, across: "impaired samples in %", up: plot.up)
      for (colour, values) in plot.curves.enumerated() {
        let points = zip(table.ratios, values ?? []).map { ($0 * 100, $1 * 100) }
        panel.curve(&svg, points, colour: colour, dash: colour / SVG.colours)
      }
    }
    y += 240 * Double((plots.count + columns - 1) / columns)
  }
  let keys = table.curves.enumerated().map { colour, curve in
    SVG.Key(mark: .curve(colour: colour, dash: colour / SVG.colours), words: curve.name)
  }
  let keysHeight = svg.legend(keys, y: y + 8)
  return svg.text(height: y + keysHeight + 20)
}
