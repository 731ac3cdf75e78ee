import Records

/// What the template shows, in the order in which it shows it; the template escapes every text but those called `raw`.
struct PageView {
  let title: String
  let description: String
  let policy: String
  /// Whether no script makes the figures move.
  let isStill: Bool
  let rawStyle: String
  let rawScript: String
  /// What it is a report of, as `emoji · accuracy · 28 methods × 3 seeds`.
  let subtitle: String
  let verdict: String
  let numbers: [NumberView]
  /// Whose numbers they are; nil where there is one model.
  let numbersOf: String?
  let next: CodeView?
  let answer: [AnswerView]
  /// What is not there yet.
  let notices: [String]
  /// Seconds after which it looks whether it has grown; nil where it is finished.
  let live: String?
  /// Said where figures stand still.
  let stillness: [String]
  let seesaws: [SeesawView]
  let questions: [QuestionView]
  let footer: String
}

/// One of the numbers on the first screen.
struct NumberView {
  let name: String
  let value: String
  /// `%` or `points`.
  let unit: String
  /// Its interval.
  let aside: String?
  /// Where it is so, and what it is to be compared with.
  let note: String
}

/// What a reader asks, with the parts of the page that answer it; closed it shows their headings alone.
struct QuestionView {
  let id: String
  let heading: String
  let isOpen: Bool
  let parts: [SectionView]
  /// The parts' headings.
  let gist: String

  init?(_ id: String, _ heading: String, isOpen: Bool, _ parts: [SectionView?]) {
    self.id = id
    self.heading = heading
    self.isOpen = isOpen
    self.parts = parts.compactMap { part in
      guard var part else { return nil }
      part.lead = part.lead.map(PageText.typeset)
      return part
    }
    gist = self.parts.map(\.heading).joined(separator: " · ")
    if self.parts.isEmpty { return nil }
  }
}

/// A paragraph of the answer, with what it is about in front where it is said.
struct AnswerView {
  var about: String?
  let words: String
}

/// A part of the page under a heading.
struct SectionView {
  let id: String
  let heading: String
  var lead: [String] = []
  var blocks: [BlockView] = []
}

/// One thing in a section; exactly one of these is there.
struct BlockView {
  var words: [String]?
  var subheading: String?
  var table: TableView?
  /// A table that is folded away.
  var folded: TableView?
  var figures: FiguresView?
  var confusion: ConfusionView?
  var samples: SamplesView?
  var facts: FactsView?
  var code: CodeView?
  var methods: [MethodView]?
}

/// Which side a model leans to, drawn as a beam.
struct SeesawView {
  let name: String
  let words: String
  /// In degrees, positive where the second side is down.
  let tilt: String
  let left: String
  let right: String
  let leftToken: String
  let rightToken: String
}

struct TableView {
  struct Group {
    let words: String
    let span: Int
  }

  struct Column {
    let words: String
    var isNumber = true
    /// Whether a group begins here.
    var isEdge = false
  }

  struct Cell {
    var words: String
    /// What stands small behind it, as half an interval.
    var aside: String?
    /// What it is sorted by; empty where there is nothing.
    var value = ""
    var kind = ""
  }

  struct Row {
    let head: String
    var token: String?
    let cells: [Cell]
  }

  let caption: String
  /// Of columns that belong together; empty, or as wide as all of them.
  var groups: [Group] = []
  let hasGroups: Bool
  let columns: [Column]
  let rows: [Row]
  var legend: [String] = []
  let isSortable: Bool
  /// What stands over the rows' heads.
  let corner: String

  init(
    _ caption: String, corner: String, groups: [Group] = [], columns: [Column], rows: [Row], legend: [String] = [],
    isSortable: Bool = true
  ) {
    self.caption = caption
    self.corner = corner
    self.groups = groups
    hasGroups = !groups.isEmpty
    self.columns = columns
    self.rows = rows
    self.legend = legend
    self.isSortable = isSortable
  }
}

struct FigureView {
  let id: String
  let title: String
  let summary: String
  let rawPicture: String
  let rawData: String
  let isWide: Bool
  /// Of the moving figure, in pixels.
  let height: Int
  /// What stands small behind the title.
  let aside: String?
  var table: TableView?
  /// Whether it keeps its width on a phone and scrolls, since it could not be read any smaller.
  var isBroad = false
}

struct KeyView {
  let words: String
  let token: String
  var dash = 0
}

struct FiguresView {
  let keys: [KeyView]
  let hasKeys: Bool
  let figures: [FigureView]
  /// Those that are folded away, and what is said of them.
  let more: [FigureView]
  let moreWords: String?

  /// How many are shown at once.
  static let most = 6

  init(_ all: [FigureView], keys: [KeyView] = [], noun: String = "method") {
    self.keys = keys
    hasKeys = !keys.isEmpty
    figures = Array(all.prefix(Self.most))
    more = Array(all.dropFirst(Self.most))
    moreWords = more.isEmpty ? nil : "\(counted(more.count, "more \(noun)"))"
  }
}

struct ConfusionView {
  struct Choice {
    let value: String
    let words: String
    var isFirst = false
    var isSecond = false
  }

  let rawData: String
  let methods: [Choice]
  let conditions: [Choice]
  let hasChoice: Bool
  let pictures: [FigureView]
  let table: TableView
}

struct SamplesView {
  struct Answer {
    let condition: String
    let words: String
    let sure: String
    let kind: String
  }

  /// A word, or several, with what it speaks for.
  struct Word {
    let words: String
    /// `for` or `against`.
    let kind: String
    /// 0…1, of the most that any part speaks for.
    let weight: String
    let value: String
  }

  struct Sample {
    let why: String
    let image: String?
    let alternative: String
    /// Patches over the picture.
    var rawHeat: String?
    /// nil where the words are shaded.
    let text: String?
    var isShaded = false
    var shades: [Word] = []
    var shares: String?
    let truth: String
    let place: String
    let answers: [Answer]
  }

  let samples: [Sample]
}

struct FactsView {
  struct Fact {
    let name: String
    let words: [String]
  }
  let facts: [Fact]
}

struct CodeView {
  let caption: String
  let text: String
}

struct MethodView {
  let title: String
  let name: String
  let stage: String
  let token: String
  let summary: String
  let paper: String
  let link: String?
  let foldWords: String
  let settings: String?
  let departures: [String]
  let hasDepartures: Bool
}
