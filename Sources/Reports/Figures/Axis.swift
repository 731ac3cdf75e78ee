import Foundation

/// A scale with round ticks.
struct Axis: Equatable {
  let low: Double
  let high: Double
  let ticks: [Double]
  /// What stands at each tick.
  let labels: [String]
  /// `× 10⁻⁴`, where the labels leave it out; empty where they do not.
  let factor: String

  /// From tick to tick around finite values.
  ///
  /// - Parameters:
  ///   - count: about how many steps there are.
  ///   - whole: whether ticks are whole numbers.
  init(_ values: [Double], count: Int = 5, whole: Bool = false) {
    let finite = values.filter(\.isFinite)
    var (least, most) = (finite.min() ?? 0, finite.max() ?? 1)
    if least == most {
      let room = whole ? 1 : max(abs(least) * 0.1, least == 0 ? 1 : 0)
      (least, most) = (least - room, most + room)
    }
    let step = Self.roundStep((most - least) / Double(max(count, 1)), whole: whole)
    // A value that is a tick but for rounding needs no tick beyond it.
    let (first, last) = ((least / step + 1e-9).rounded(.down), (most / step - 1e-9).rounded(.up))
    self.init(ticks: (0...Int(min(max(last - first, 1), 100))).map { (first + Double($0)) * step }, step: step)
  }

  /// From −limit to limit; the limit is the next round number.
  init(around limit: Double) {
    let step = Self.roundStep(max(limit, 1e-12) / 3, whole: false)
    let count = (max(limit, 1e-12) / step - 1e-9).rounded(.up)
    self.init(ticks: stride(from: -count, through: count, by: 1).map { $0 * step }, step: step)
  }

  private init(ticks: [Double], step: Double) {
    self.ticks = ticks
    low = ticks[0]
    high = ticks[ticks.count - 1]
    let largest = ticks.map(abs).max() ?? 1
    let exponent = largest > 0 ? Int(log10(largest).rounded(.down)) : 0
    // 0.0001 and 1000000 are hard to read.
    let isPlain = (-2...4).contains(exponent)
    factor = isPlain ? "" : "× 10" + Self.superscript(exponent)
    let unit = isPlain ? 1 : pow(10, Double(exponent))
    let scaled = step / unit
    let decimals = (0...6).first { abs(scaled * pow(10, Double($0)) - (scaled * pow(10, Double($0))).rounded()) < 1e-6 }
    labels = ticks.map { fixed($0 / unit, decimals ?? 6).replacing("-", with: "−") }
  }

  /// The next of 1, 2, 2.5, 5 and 10 times a power of ten.
  static func roundStep(_ least: Double, whole: Bool) -> Double {
    guard least.isFinite, least > 0 else { return 1 }
    let power = pow(10, log10(least).rounded(.down))
    let factors = whole ? [1.0, 2, 5, 10] : [1, 2, 2.5, 5, 10]
    let step = (factors.first { $0 * power >= least * (1 - 1e-9) } ?? 10) * power
    return whole ? max(step, 1) : step
  }

  private static func superscript(_ number: Int) -> String {
    let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
    return (number < 0 ? "⁻" : "") + String(String(abs(number)).compactMap { $0.wholeNumberValue.map { digits[$0] } })
  }

  /// Where a value lies, 0 at the low end and 1 at the high.
  func share(_ value: Double) -> Double { (value - low) / (high - low) }
}

/// One plot: a frame with two scales, and what is drawn inside.
struct Panel {
  let x: Double
  let y: Double
  let width: Double
  let height: Double
  let horizontal: Axis
  let vertical: Axis

  /// Room above the frame for title and unit, below it for ticks and their unit, and left of it.
  static let above = 46.0
  static let below = 40.0
  static let left = 48.0

  /// - Parameters: the corner and size of everything, frame and words.
  init(x: Double, y: Double, width: Double, height: Double, _ horizontal: Axis, _ vertical: Axis) {
    self.x = x + Self.left
    self.y = y + Self.above
    self.width = width - Self.left - 12
    self.height = height - Self.above - Self.below
    self.horizontal = horizontal
    self.vertical = vertical
  }

  func place(_ a: Double, _ b: Double) -> (x: Double, y: Double) {
    (x + width * horizontal.share(a), y + height * (1 - vertical.share(b)))
  }

  /// Grid, ticks and words.
  func frame(_ svg: inout SVG, title: String, across: String, up: String) {
    svg.words(SVG.shortened(title, to: (width + Self.left) * 0.92), x - Self.left + 8, y - 29, "head")
    svg.words(
      SVG.shortened(joined(up, vertical.factor), to: width + Self.left), x - Self.left + 8, y - 13, "tick")
    for (tick, label) in zip(vertical.ticks, vertical.labels) {
      let level = place(horizontal.low, tick).y
      svg.line(x, level, x + width, level, "grid")
      svg.words(label, x - 6, level + 4, "tick", anchor: .end)
    }
    let base = y + height
    for (tick, label) in zip(horizontal.ticks, horizontal.labels) {
      let at = place(tick, vertical.low).x
      svg.line(at, base, at, base + 4, "edge")
      svg.words(label, at, base + 16, "tick", anchor: .middle)
    }
    svg.line(x, base, x + width, base, "edge")
    svg.words(joined(across, horizontal.factor), x + width / 2, base + 32, "tick", anchor: .middle)
  }

  private func joined(_ words: String, _ factor: String) -> String { factor.isEmpty ? words : "\(words) (\(factor))" }

  /// A curve through what is finite; a gap where it is not.
  func curve(_ svg: inout SVG, _ points: [(Double, Double)], colour: Int, dash: Int = 0) {
    var run: [(x: Double, y: Double)] = []
    for (a, b) in points {
      if a.isFinite, b.isFinite {
        run.append(place(a, b))
      } else {
        svg.path(run, colour: colour, dash: dash)
        run = []
      }
    }
    svg.path(run, colour: colour, dash: dash)
  }
}
