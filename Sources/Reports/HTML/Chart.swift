import Records

/// What a series is painted with; the page knows the colour in either theme.
enum Ink: Equatable {
  /// By number in the data set's order.
  case modality(Int)
  case family(Stage)
  /// As text.
  case text
  /// As a grid's labels.
  case faint
  /// What is there and not spoken of.
  case quiet

  /// How many modalities have a colour of their own.
  static let modalities = 8

  /// The name of the colour in the page's style.
  var token: String {
    switch self {
    case .modality(let number): "m\(number % Self.modalities)"
    case .family(let stage): "f-\(stage.rawValue.lowercased())"
    case .text: "ink"
    case .faint: "muted"
    case .quiet: "quiet"
    }
  }
}

/// A figure told once: ``PlotlyFigure`` makes it move, ``ChartSVG`` holds it still on paper and where no script runs.
struct Chart {
  enum Form {
    case line
    case points
    /// Steps down to zero: a histogram.
    case bars
  }

  struct Series {
    var name: String
    var ink: Ink
    var form = Form.line
    /// 0 is solid; series of one ink differ by it.
    var dash = 0
    var x: [Double]
    var y: [Double]
    /// Around `y`, as far as the seeds reach.
    var band: (low: [Double], high: [Double])?
    /// What is told of each point besides its numbers.
    var texts: [String] = []
    /// What stands beside each point.
    var labels: [String] = []
    var isInLegend = true
  }

  /// A line that is there to compare with.
  struct Rule {
    var from: (x: Double, y: Double)
    var to: (x: Double, y: Double)
    var name = ""
  }

  var title: String
  /// What stands small behind the title.
  var aside: String?
  var across: String
  var up: String
  var series: [Series]
  var rules: [Rule] = []
  /// Bounds of the axes; by default what the values need.
  var xBounds: ClosedRange<Double>?
  var yBounds: ClosedRange<Double>?
  /// Whether the ticks across are whole numbers.
  var isWhole = false
  /// Whether it takes the whole width.
  var isWide = false
  /// What it shows, for who cannot see it.
  var summary: String
  /// Whether its lines are told apart beside it; not where a key stands above several figures.
  var hasLegend = true
}

/// A table of colours.
struct HeatChart {
  enum Scale {
    /// From nothing to much.
    case sequential(Ink)
    /// From one side over nothing to the other; −limit to limit.
    case diverging(Ink, Ink, limit: Double)
  }

  var title: String
  /// What stands small behind the title.
  var aside: String?
  var across: String
  var up: String
  var rows: [String]
  var columns: [String]
  /// By row; nil is left empty.
  var values: [[Double?]]
  var scale: Scale
  /// What a value is of.
  var unit: String
  var isWide = false
  var summary: String

  /// The greatest value that a colour stands for.
  var limit: Double {
    if case .diverging(_, _, let limit) = scale { return max(limit, 1e-9) }
    return max(values.joined().compactMap { $0 }.max() ?? 1, 1e-9)
  }
}
