import Foundation

/// A picture as text: elements from top to bottom over a ground that follows the reader's light or dark setting.
struct SVG {
  static let width = 720.0
  static let margin = 16.0
  /// How many series have a colour of their own.
  static let colours = 8

  /// For readers that cannot see it.
  let title: String
  let summary: String
  private(set) var elements: [String] = []

  init(title: String, summary: String) {
    self.title = title
    self.summary = summary
  }

  /// The whole file.
  func text(height: Double) -> String {
    let (w, h) = (Self.number(Self.width), Self.number(height.rounded(.up)))
    let head = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(w)\" height=\"\(h)\" viewBox=\"0 0 \(w) \(h)\" role=\"img\">",
      "<title>\(Self.escaped(title))</title>", "<desc>\(Self.escaped(summary))</desc>", "<style>\(Self.style)</style>",
      "<rect class=\"ground\" width=\"\(w)\" height=\"\(h)\"/>",
    ]
    return (head + elements + ["</svg>"]).joined(separator: "\n") + "\n"
  }

  // MARK: Elements

  enum Anchor: String {
    case start
    case middle
    case end
  }

  mutating func words(_ text: String, _ x: Double, _ y: Double, _ kind: String = "", anchor: Anchor = .start) {
    let place = anchor == .start ? "" : " text-anchor=\"\(anchor.rawValue)\""
    let name = kind.isEmpty ? "" : " class=\"\(kind)\""
    elements.append("<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\"\(place)\(name)>\(Self.escaped(text))</text>")
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ kind: String) {
    let ends = zip(["x1", "y1", "x2", "y2"], [x1, y1, x2, y2]).map { "\($0)=\"\(Self.number($1))\"" }
    elements.append("<line \(ends.joined(separator: " ")) class=\"\(kind)\"/>")
  }

  /// A line through points; a single one is a dot.
  mutating func path(_ points: [(x: Double, y: Double)], colour: Int, dash: Int = 0, closed: Bool = false) {
    guard let first = points.first else { return }
    guard points.count > 1 else { return dot(first.x, first.y, colour: colour, radius: 3, hollow: dash > 0) }
    let steps = points.map { "\(Self.number($0.x)) \(Self.number($0.y))" }
    let kind = closed ? "area f\(colour % Self.colours)" : "curve s\(colour % Self.colours)\(Self.dashes[dash % 3])"
    elements.append("<path d=\"M\(steps.joined(separator: " L"))\(closed ? "Z" : "")\" class=\"\(kind)\"/>")
  }

  /// A dot; a ring where it is hollow, and where the colours begin anew.
  mutating func dot(_ x: Double, _ y: Double, colour: Int, radius: Double, hollow: Bool = false) {
    let place = "cx=\"\(Self.number(x))\" cy=\"\(Self.number(y))\" r=\"\(Self.number(radius))\""
    let isRing = hollow || colour / Self.colours % 2 == 1
    let kind = isRing ? "ring s\(colour % Self.colours)" : "dot f\(colour % Self.colours)"
    elements.append("<circle \(place) class=\"\(kind)\"/>")
  }

  private static let dashes = ["", " dashed", " dotted"]

  // MARK: Legends

  /// What stands for a series.
  struct Key {
    enum Mark {
      case curve(colour: Int, dash: Int)
      case dot(colour: Int)
      case plain(String)
    }
    let mark: Mark
    let words: String
  }

  /// Keys side by side, in as many rows as they need.
  ///
  /// - Returns: the height they take.
  mutating func legend(_ keys: [Key], y: Double) -> Double {
    var x = Self.margin
    var row = 0.0
    let room = Self.width - 2 * Self.margin
    for key in keys {
      let words = Self.shortened(key.words, to: room - 34)
      let length = 28 + Self.length(words)
      if x > Self.margin, x + length > Self.width - Self.margin {
        x = Self.margin
        row += 1
      }
      let base = y + 20 * row + 12
      switch key.mark {
      case .curve(let colour, let dash): path([(x, base - 4), (x + 22, base - 4)], colour: colour, dash: dash)
      case .dot(let colour): dot(x + 11, base - 4, colour: colour, radius: 4)
      case .plain(let kind): line(x, base - 4, x + 22, base - 4, kind)
      }
      self.words(words, x + 28, base)
      x += length + 18
    }
    return keys.isEmpty ? 0 : 20 * (row + 1)
  }

  // MARK: Text

  /// About how long 12-point text is; rather too long than too short.
  static func length(_ text: String) -> Double {
    text.unicodeScalars.reduce(0) {
      $0 + ($1.value >= 0x2E80 ? 12.5 : "il.,:'|fjtrI ".unicodeScalars.contains($1) ? 4.6 : 7.5)
    }
  }

  /// The text, or its beginning and an ellipsis.
  static func shortened(_ text: String, to room: Double) -> String {
    guard length(text) > room else { return text }
    var kept = text
    while !kept.isEmpty, length(kept) + 8 > room { kept.removeLast() }
    return kept + "…"
  }

  /// Text that means nothing to XML and holds nothing that XML forbids.
  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value): out += " "
      case "\u{FFFE}", "\u{FFFF}": continue
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  /// A coordinate.
  static func number(_ value: Double) -> String {
    let text = fixed(value, 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private static let style = """
    text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:12px;fill:#1f2328}
    .title{font-size:16px;font-weight:600}
    .head{font-size:13px;font-weight:600}
    .aside{fill:#59636e}
    .tick{font-size:11px;fill:#59636e}
    .ground{fill:#ffffff}
    .grid{stroke:#e3e7eb}
    .edge{stroke:#8b949e}
    .zero{stroke:#59636e;stroke-dasharray:5 4}
    .curve{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
    .dashed{stroke-dasharray:7 5}
    .dotted{stroke-dasharray:1 5}
    .area{fill-opacity:.13}
    .dot{fill-opacity:.65}
    .ring{fill:none;stroke-width:1.2}
    \(palette(["0068b5", "d1500b", "00805e", "a3317f", "9a7400", "3aa3dd", "6b4a2b", "6e7781"]))
    @media (prefers-color-scheme:dark){
    text{fill:#e6edf3}
    .aside,.tick{fill:#9aa4af}
    .ground{fill:#0d1117}
    .grid{stroke:#262c34}
    .edge{stroke:#6e7681}
    .zero{stroke:#9aa4af}
    .area{fill-opacity:.2}
    \(palette(["4aa3f0", "ff8f4a", "30c793", "ee86c4", "e5c04b", "a5dcff", "c99a6b", "b1bac4"]))
    }
    """

  private static func palette(_ colours: [String]) -> String {
    colours.enumerated().map { ".s\($0){stroke:#\($1)}.f\($0){fill:#\($1)}" }.joined()
  }
}
