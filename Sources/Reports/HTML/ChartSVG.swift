import Records

/// A chart as a still picture inside a page, painted by the page's style.
enum ChartSVG {
  private static let narrow = (width: 440.0, height: 290.0)
  private static let wide = (width: 880.0, height: 420.0)

  static func text(_ chart: Chart) -> String {
    let size = chart.isWide ? wide : narrow
    let values = chart.series.flatMap { series -> [Double] in
      series.y + (series.band?.low ?? []) + (series.band?.high ?? []) + (series.form == .bars ? [0] : [])
    }
    let horizontal = Axis(
      chart.series.flatMap(\.x) + bounds(chart.xBounds), count: chart.isWide ? 9 : 5, whole: chart.isWhole)
    let vertical = Axis(values + bounds(chart.yBounds), count: 5)
    var out = Picture(size.width, size.height)
    let panel = Panel(x: 0, y: -14, width: size.width, height: size.height + 14, horizontal, vertical)
    out.frame(panel, across: chart.across, up: chart.up)
    for rule in chart.rules {
      let (a, b) = (panel.place(rule.from.x, rule.from.y), panel.place(rule.to.x, rule.to.y))
      out.line(a.x, a.y, b.x, b.y, "rule")
      if !rule.name.isEmpty { out.words(rule.name, b.x + 4, b.y + 12, "tick") }
    }
    for series in chart.series { draw(series, panel, &out) }
    return out.text
  }

  private static func bounds(_ range: ClosedRange<Double>?) -> [Double] {
    range.map { [$0.lowerBound, $0.upperBound] } ?? []
  }

  private static func draw(_ series: Chart.Series, _ panel: Panel, _ out: inout Picture) {
    let places = zip(series.x, series.y).map { $0.isFinite && $1.isFinite ? panel.place($0, $1) : nil }
    switch series.form {
    case .line:
      if let band = series.band {
        let high = zip(series.x, band.high).filter { $1.isFinite }.map { panel.place($0, $1) }
        let low = zip(series.x, band.low).filter { $1.isFinite }.map { panel.place($0, $1) }
        out.path(high + low.reversed(), "band fill-\(series.ink.token)", closed: true)
      }
      for run in places.split(whereSeparator: { $0 == nil }) {
        let points = run.compactMap { $0 }
        if points.count == 1 {
          out.dot(points[0].x, points[0].y, 3, series.ink.token)
        } else {
          out.path(points, "curve stroke-\(series.ink.token) dash-\(series.dash % 5)", closed: false)
        }
      }
    case .points:
      for (number, place) in places.enumerated() {
        guard let place else { continue }
        out.dot(place.x, place.y, 5, series.ink.token)
        if number < series.labels.count {
          let isRight = place.x > panel.x + panel.width * 0.8
          out.words(
            series.labels[number], place.x + (isRight ? -9 : 9), place.y + 4, "tick", anchor: isRight ? "end" : "start")
        }
      }
    case .bars:
      let step = series.x.count > 1 ? abs(series.x[1] - series.x[0]) : 1
      for (x, y) in zip(series.x, series.y) where y.isFinite && y != 0 {
        let (a, b) = (panel.place(x - step * 0.47, y), panel.place(x + step * 0.47, 0))
        out.box(a.x, min(a.y, b.y), b.x - a.x, abs(b.y - a.y), "bar fill-\(series.ink.token)")
      }
    }
  }

  static func text(_ chart: HeatChart) -> String {
    let size = chart.isWide ? wide : narrow
    let longest = chart.rows.map { SVG.length($0) }.max() ?? 0
    let left = min(max(longest + 12, 40), size.width * 0.32)
    let showsColumns = chart.columns.count <= 30
    let bottom = showsColumns ? min((chart.columns.map { SVG.length($0) }.max() ?? 0) * 0.71 + 34, 130) : 30
    let width = size.width - left - 12
    let height = max(size.height - bottom - 26, min(Double(chart.rows.count) * 12, 700))
    var out = Picture(size.width, height + bottom + 26)
    out.words(chart.up, 4, 14, "tick")
    let (w, h) = (width / Double(max(chart.columns.count, 1)), height / Double(max(chart.rows.count, 1)))
    let limit = chart.limit
    for (row, values) in chart.values.enumerated() {
      let y = 22 + h * Double(row)
      if h >= 9 {
        out.words(SVG.shortened(chart.rows[row], to: left - 12), left - 6, y + h / 2 + 4, "tick", anchor: "end")
      }
      for (column, value) in values.enumerated() {
        guard let value, value.isFinite, value != 0 else { continue }
        let ink: Ink
        switch chart.scale {
        case .sequential(let one):
          guard value > 0 else { continue }
          ink = one
        case .diverging(let low, let high, _): ink = value < 0 ? low : high
        }
        out.box(
          left + w * Double(column), y, max(w - 0.6, 0.4), max(h - 0.6, 0.4), "fill-\(ink.token)",
          opacity: min(abs(value) / limit, 1))
      }
    }
    out.outline(left, 22, width, height)
    if showsColumns {
      for (column, name) in chart.columns.enumerated() {
        out.words(
          SVG.shortened(name, to: 150), left + w * (Double(column) + 0.5), 22 + height + 14, "tick", anchor: "end",
          turned: chart.columns.count > 4)
      }
    }
    out.words(chart.across, left + width / 2, 22 + height + bottom - 4, "tick", anchor: "middle")
    legend(chart, right: size.width - 12, &out)
    return out.text
  }

  /// Five depths of colour with the least and the most that they stand for.
  private static func legend(_ chart: HeatChart, right: Double, _ out: inout Picture) {
    let most = "\(fixed(chart.limit, chart.limit < 10 ? 1 : 0)) \(chart.unit)"
    let boxes = 18.0
    var x = right - SVG.length(most) - 5 * boxes - 4
    let parts: [(ink: Ink, depth: Double)]
    switch chart.scale {
    case .sequential(let ink):
      parts = [0.1, 0.3, 0.5, 0.75, 1].map { (ink, $0) }
      out.words("0", x - 4, 14, "tick", anchor: "end")
    case .diverging(let low, let high, _):
      parts = [(low, 1), (low, 0.5), (low, 0.05), (high, 0.5), (high, 1)]
      out.words("−\(fixed(chart.limit, chart.limit < 10 ? 1 : 0))", x - 4, 14, "tick", anchor: "end")
    }
    for part in parts {
      out.box(x, 5, boxes - 1, 10, "fill-\(part.ink.token)", opacity: part.depth)
      x += boxes
    }
    out.words(most, x + 3, 14, "tick")
  }

  /// Elements from top to bottom.
  struct Picture {
    let width: Double
    let height: Double
    private var elements: [String] = []

    init(_ width: Double, _ height: Double) {
      self.width = width
      self.height = height
    }

    var text: String {
      let (w, h) = (SVG.number(width), SVG.number(height))
      return "<svg viewBox=\"0 0 \(w) \(h)\" width=\"\(w)\" height=\"\(h)\" aria-hidden=\"true\" focusable=\"false\">"
        + elements.joined() + "</svg>"
    }

    mutating func words(
      _ text: String, _ x: Double, _ y: Double, _ kind: String, anchor: String = "start", turned: Bool = false
    ) {
      let turn = turned ? " transform=\"rotate(-45 \(SVG.number(x)) \(SVG.number(y)))\"" : ""
      elements.append(
        "<text x=\"\(SVG.number(x))\" y=\"\(SVG.number(y))\" class=\"\(kind)\" text-anchor=\"\(anchor)\"\(turn)>"
          + "\(PageText.escaped(text))</text>")
    }

    mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ kind: String) {
      let ends = zip(["x1", "y1", "x2", "y2"], [x1, y1, x2, y2]).map { "\($0)=\"\(SVG.number($1))\"" }
      elements.append("<line \(ends.joined(separator: " ")) class=\"\(kind)\"/>")
    }

    mutating func path(_ points: [(x: Double, y: Double)], _ kind: String, closed: Bool) {
      guard points.count > 1 else { return }
      let steps = points.map { "\(SVG.number($0.x)) \(SVG.number($0.y))" }.joined(separator: "L")
      elements.append("<path d=\"M\(steps)\(closed ? "Z" : "")\" class=\"\(kind)\"/>")
    }

    /// - Parameter told: what is told of it under a pointer.
    mutating func dot(_ x: Double, _ y: Double, _ radius: Double, _ token: String, told: String? = nil) {
      let place = "cx=\"\(SVG.number(x))\" cy=\"\(SVG.number(y))\" r=\"\(SVG.number(radius))\""
      let inside = told.map { "><title>\(PageText.escaped($0))</title></circle>" } ?? "/>"
      elements.append("<circle \(place) class=\"fill-\(token)\"\(inside)")
    }

    mutating func box(
      _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ kind: String, opacity: Double = 1
    ) {
      let shade = opacity < 1 ? " fill-opacity=\"\(fixed(opacity, 2))\"" : ""
      elements.append(
        "<rect x=\"\(SVG.number(x))\" y=\"\(SVG.number(y))\" width=\"\(SVG.number(width))\" "
          + "height=\"\(SVG.number(height))\" class=\"\(kind)\"\(shade)/>")
    }

    mutating func outline(_ x: Double, _ y: Double, _ width: Double, _ height: Double) {
      box(x, y, width, height, "outline")
    }

    mutating func frame(_ panel: Panel, across: String, up: String) {
      func joined(_ words: String, _ factor: String) -> String { factor.isEmpty ? words : "\(words) (\(factor))" }
      words(joined(up, panel.vertical.factor), panel.x - Panel.left + 4, panel.y - 10, "tick")
      for (tick, label) in zip(panel.vertical.ticks, panel.vertical.labels) {
        let level = panel.place(panel.horizontal.low, tick).y
        line(panel.x, level, panel.x + panel.width, level, "grid")
        words(label, panel.x - 6, level + 4, "tick", anchor: "end")
      }
      let base = panel.y + panel.height
      for (tick, label) in zip(panel.horizontal.ticks, panel.horizontal.labels) {
        words(label, panel.place(tick, panel.vertical.low).x, base + 16, "tick", anchor: "middle")
      }
      line(panel.x, base, panel.x + panel.width, base, "edge")
      words(joined(across, panel.horizontal.factor), panel.x + panel.width / 2, base + 33, "tick", anchor: "middle")
    }
  }
}
