import Foundation
import Records
import Testing

@testable import Reports

@Suite("Figures that move and figures that stand still")
struct ChartTests {
  private let hostile = "</svg><script>x</script>\u{202E}"

  private var chart: Chart {
    Chart(
      title: hostile, across: hostile, up: hostile,
      series: [
        Chart.Series(
          name: hostile, ink: .modality(1), x: [1, 2, 3, 4], y: [0.5, .nan, 0.25, 0.2],
          band: ([0.4, .nan, 0.2, 0.1], [0.6, .nan, 0.3, 0.3])),
        Chart.Series(name: "dots", ink: .family(.objective), form: .points, x: [1], y: [0.1], labels: [hostile]),
      ], rules: [Chart.Rule(from: (0, 0), to: (3, 1), name: hostile)], summary: "s")
  }

  private let heat = HeatChart(
    title: "t", across: "a", up: "u", rows: ["<a>", "b"], columns: ["c", "</script>"], values: [[1, nil], [0, -2]],
    scale: .diverging(.modality(0), .modality(1), limit: 2), unit: "points", summary: "s")

  @Test("what Plotly gets is valid JSON that it reads back, with nothing where nothing was measured")
  func plotly() throws {
    for figure in [PlotlyFigure(chart), PlotlyFigure(heat)] {
      let text = try PageText.json(figure)
      let data = Data(text.utf8)
      #expect(!text.contains("<") && !text.contains("NaN") && !text.lowercased().contains("inf\""))
      let object = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
      #expect(Set(object.keys) == ["data", "layout"])
    }
    let lines = try Tree(json: PageText.json(PlotlyFigure(chart)))
    // The band comes before its line.
    let line = try #require(lines[path: "data"]?.listValue?[1])
    #expect(line[path: "y"] == .list([0.5, .null, 0.25, 0.2]))
    #expect(line[path: "line.color"] == "@m1")
    #expect(line[path: "name"]?.stringValue?.contains("<") == false)
    #expect(lines[path: "data"]?.listValue?.last?[path: "marker.color"] == "@f-objective")
    let table = try Tree(json: PageText.json(PlotlyFigure(heat)))
    #expect(table[path: "data"]?.listValue?.first?[path: "z"] == .list([.list([1.0, .null]), .list([0.0, -2.0])]))
    #expect(table[path: "data"]?.listValue?.first?[path: "zmin"] == -2.0)
  }

  @Test("still figures are whole pictures in which no text is markup")
  func still() {
    for text in [ChartSVG.text(chart), ChartSVG.text(heat)] {
      #expect(text.hasPrefix("<svg ") && text.hasSuffix("</svg>"))
      #expect(!text.contains("<script") && !text.contains("\u{202E}"))
      #expect(!text.contains("nan") && !text.contains("inf"))
      #expect(text.components(separatedBy: "<svg").count == 2)
    }
    #expect(ChartSVG.text(chart).contains("stroke-m1"))
    #expect(ChartSVG.text(chart).contains("fill-f-objective"))
    // A cell without a value, or with nothing in it, is left as the ground; five more explain the colours.
    #expect(ChartSVG.text(heat).components(separatedBy: "class=\"fill-").count == 3 + 5)
  }

  @Test("every ink of either kind has a colour in both themes")
  func inks() {
    let style = String(decoding: PackageResources.page_css, as: UTF8.self)
    let inks = (0..<Ink.modalities).map(Ink.modality) + Stage.allCases.map(Ink.family) + [.text, .faint]
    for ink in inks {
      #expect(style.contains("--\(ink.token): light-dark("), "\(ink.token)")
      #expect(style.contains(".stroke-\(ink.token) ") && style.contains(".fill-\(ink.token) "), "\(ink.token)")
    }
    #expect(Set(inks.map(\.token)).count == inks.count)
  }

  @Test("losses are taken together over seeds, and thinned where there are too many epochs")
  func losses() throws {
    func run(_ shift: Double) -> [EpochRow] {
      (0..<400).map {
        EpochRow(epoch: $0, train: ["image": 1 + shift, "text": .nan], validation: ["loss.image": 2], seconds: 0)
      }
    }
    let history = try #require(LossHistory([run(0), run(1)], modalities: ["image", "text"]))
    #expect(history.kind == .own && history.runs == 2)
    #expect(history.curves.map(\.modality) == ["image", "image"])
    let curve = history.curves[0]
    #expect(curve.epochs.count <= LossHistory.mostPoints + 1)
    #expect(curve.epochs.first == 1 && curve.epochs.last == 400)
    #expect(curve.mean.allSatisfy { $0 == 1.5 } && curve.low[0] == 1 && curve.high[0] == 2)
    #expect(LossHistory([], modalities: ["image"]) == nil)
  }

  @Test("a confusion matrix is told by the gaps between its counts")
  func sparse() {
    let matrix = ConfusionMatrix(counts: [[3, 0, 1], [0, 0, 0], [0, 2, 5]])
    #expect(HTMLReport.sparse(matrix) == [1, 3, 2, 1, 5, 2, 1, 5])
  }
}
