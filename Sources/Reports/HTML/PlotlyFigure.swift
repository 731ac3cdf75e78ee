import Foundation
import Records

/// A figure as Plotly reads it; colours are names after `@`, which the page turns into those of its theme.
struct PlotlyFigure: Codable, Equatable {
  struct Line: Codable, Equatable {
    var color: String
    var width: Double?
    var dash: String?
    var shape: String?
  }

  struct Marker: Codable, Equatable {
    var color: String
    var symbol: String?
    var size: Double?
    var line: Line?
  }

  struct ColorBar: Codable, Equatable {
    var title: Title
    var thickness = 10
    var outlinewidth = 0
  }

  /// A stop of a colour scale: `[0.5, "@paper"]`.
  struct Stop: Codable, Equatable {
    var at: Double
    var color: String

    init(_ at: Double, _ color: String) {
      self.at = at
      self.color = color
    }

    init(from decoder: any Swift.Decoder) throws {
      var c = try decoder.unkeyedContainer()
      at = try c.decode(Double.self)
      color = try c.decode(String.self)
    }

    func encode(to encoder: any Swift.Encoder) throws {
      var c = encoder.unkeyedContainer()
      try c.encode(at)
      try c.encode(color)
    }
  }

  struct Trace: Codable, Equatable {
    var type: String
    var name: String?
    var mode: String?
    var x: [Double]?
    var y: [Double]?
    /// Of a heat map.
    var z: [[Double?]]?
    var line: Line?
    var marker: Marker?
    var fill: String?
    var fillcolor: String?
    var text: [String]?
    var hovertext: [String]?
    var hovertemplate: String?
    var hoverinfo: String?
    var textposition: String?
    var width: [Double]?
    var showlegend: Bool?
    var legendgroup: String?
    var colorscale: [Stop]?
    var zmin: Double?
    var zmax: Double?
    var colorbar: ColorBar?
    var xgap: Double?
    var ygap: Double?
  }

  struct Title: Codable, Equatable {
    var text: String
  }

  struct Axis: Codable, Equatable {
    var title: Title
    var range: [Double]?
    var dtick: Double?
    var tickvals: [Double]?
    var ticktext: [String]?
    var autorange: String?
    var zeroline: Bool?
    var showgrid: Bool?
  }

  struct Shape: Codable, Equatable {
    var type = "line"
    var x0: Double
    var y0: Double
    var x1: Double
    var y1: Double
    var line: Line
    var layer = "below"
  }

  struct Annotation: Codable, Equatable {
    var x: Double
    var y: Double
    var text: String
    var showarrow = false
    var xanchor: String
    var yanchor: String
  }

  struct Layout: Codable, Equatable {
    var xaxis: Axis
    var yaxis: Axis
    var shapes: [Shape]?
    var annotations: [Annotation]?
    var barmode: String?
    var bargap: Double?
    var showlegend: Bool
    var hovermode: String
  }

  var data: [Trace]
  var layout: Layout

  private static let dashes = ["solid", "dash", "dot", "dashdot", "longdash"]
  private static let symbols = [
    "circle", "square", "diamond", "triangle-up", "x", "star", "cross", "triangle-down", "pentagon", "hexagram",
  ]

  init(_ chart: Chart) {
    var traces: [Trace] = []
    for series in chart.series {
      let x = series.x.map(PageText.drawn)
      let y = series.y.map(PageText.drawn)
      let color = "@\(series.ink.token)"
      let name = PageText.label(series.name)
      if let band = series.band {
        traces.append(
          Trace(
            type: "scatter", mode: "lines", x: x + x.reversed(),
            y: band.high.map(PageText.drawn) + band.low.reversed().map(PageText.drawn),
            line: Line(color: "transparent", width: 0), fill: "toself", fillcolor: "\(color)/18", hoverinfo: "skip",
            showlegend: false, legendgroup: name))
      }
      let hovered = series.texts.isEmpty ? nil : series.texts.map { $0 }
      switch series.form {
      case .line:
        traces.append(
          Trace(
            type: "scatter", name: name, mode: series.x.count == 1 ? "markers" : "lines", x: x, y: y,
            line: Line(color: color, width: 2, dash: Self.dashes[series.dash % Self.dashes.count]),
            marker: Marker(color: color, size: 7), hovertext: hovered,
            hovertemplate: hovered == nil ? "%{y}<extra>%{fullData.name}</extra>" : "%{hovertext}<extra></extra>",
            showlegend: series.isInLegend, legendgroup: name))
      case .points:
        traces.append(
          Trace(
            type: "scatter", name: name, mode: series.labels.isEmpty ? "markers" : "markers+text", x: x, y: y,
            marker: Marker(
              color: color, symbol: Self.symbols[series.dash % Self.symbols.count], size: 11,
              line: Line(color: "@paper", width: 1)),
            text: series.labels.isEmpty ? nil : series.labels.map { PageText.label($0) }, hovertext: hovered,
            hovertemplate: hovered == nil ? "%{x}, %{y}<extra>%{fullData.name}</extra>" : "%{hovertext}<extra></extra>",
            textposition: "top center", showlegend: series.isInLegend, legendgroup: name))
      case .bars:
        traces.append(
          Trace(
            type: "bar", name: name, x: x, y: y, marker: Marker(color: color), hovertext: hovered,
            hovertemplate: hovered == nil ? "%{y}<extra>%{fullData.name}</extra>" : "%{hovertext}<extra></extra>",
            showlegend: series.isInLegend, legendgroup: name))
      }
    }
    data = traces
    let shapes = chart.rules.map { rule in
      Shape(
        x0: PageText.drawn(rule.from.x), y0: PageText.drawn(rule.from.y), x1: PageText.drawn(rule.to.x),
        y1: PageText.drawn(rule.to.y), line: Line(color: "@muted", width: 1, dash: "dot"))
    }
    let named = chart.rules.filter { !$0.name.isEmpty }.map { rule in
      Annotation(
        x: PageText.drawn(rule.to.x), y: PageText.drawn(rule.to.y), text: PageText.label(rule.name), xanchor: "left",
        yanchor: "top")
    }
    let isBars = chart.series.contains { $0.form == .bars }
    layout = Layout(
      xaxis: Axis(title: Title(text: PageText.label(chart.across)), range: Self.range(chart.xBounds)),
      yaxis: Axis(title: Title(text: PageText.label(chart.up)), range: Self.range(chart.yBounds)),
      shapes: shapes.isEmpty ? nil : shapes, annotations: named.isEmpty ? nil : named,
      barmode: isBars ? "overlay" : nil, bargap: isBars ? 0.06 : nil,
      showlegend: chart.hasLegend && chart.series.count { $0.isInLegend } > 1,
      hovermode: chart.series.contains { $0.form == .points } ? "closest" : "x unified")
  }

  init(_ chart: HeatChart) {
    let numbers = chart.columns.indices.map(Double.init)
    let stops: [Stop] =
      switch chart.scale {
      case .sequential(let ink): [Stop(0, "@sheet"), Stop(1, "@\(ink.token)")]
      case .diverging(let low, let high, _):
        [Stop(0, "@\(low.token)"), Stop(0.5, "@sheet"), Stop(1, "@\(high.token)")]
      }
    var low = 0.0
    if case .diverging = chart.scale { low = -chart.limit }
    let rows = chart.rows.map { PageText.label($0, longest: 32) }
    let columns = chart.columns.map { PageText.label($0, longest: 32) }
    data = [
      Trace(
        type: "heatmap", x: numbers, y: chart.rows.indices.map(Double.init),
        z: chart.values.map { $0.map { $0.map(PageText.drawn) } },
        hovertemplate: "%{text}<br><b>%{z}</b> \(PageText.label(chart.unit))<extra></extra>", colorscale: stops,
        zmin: low, zmax: PageText.drawn(chart.limit),
        colorbar: ColorBar(title: Title(text: PageText.label(chart.unit))),
        xgap: chart.columns.count > 60 ? 0 : 1, ygap: chart.rows.count > 60 ? 0 : 1)
    ]
    layout = Layout(
      xaxis: Axis(
        title: Title(text: PageText.label(chart.across)), tickvals: numbers, ticktext: columns, zeroline: false,
        showgrid: false),
      yaxis: Axis(
        title: Title(text: PageText.label(chart.up)), tickvals: chart.rows.indices.map(Double.init), ticktext: rows,
        autorange: "reversed", zeroline: false, showgrid: false),
      showlegend: false, hovermode: "closest")
  }

  private static func range(_ bounds: ClosedRange<Double>?) -> [Double]? {
    bounds.map { [PageText.drawn($0.lowerBound), PageText.drawn($0.upperBound)] }
  }
}
