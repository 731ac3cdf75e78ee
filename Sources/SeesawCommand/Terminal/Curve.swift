/// A curve in Braille's dots: two dots across and four down in a cell.
enum Curve {
  /// Lines from the top; what is not a number leaves a gap.
  ///
  /// - Parameters:
  ///   - width: cells across; longer curves are thinned, shorter ones spread.
  ///   - range: the values at bottom and top.
  static func lines(_ values: [Double], width: Int, height: Int, range: ClosedRange<Double>) -> [String] {
    let (columns, rows) = (2 * width, 4 * height)
    var cells = [[UInt32]](repeating: [UInt32](repeating: 0, count: width), count: height)
    let span = range.upperBound - range.lowerBound
    func level(_ value: Double) -> Int? {
      guard value.isFinite else { return nil }
      let share = span > 0 ? (value - range.lowerBound) / span : 0.5
      return rows - 1 - Int((min(max(share, 0), 1) * Double(rows - 1)).rounded())
    }
    func dot(_ x: Int, _ y: Int) {
      let bits: [[UInt32]] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]]
      cells[y / 4][x / 2] |= bits[y % 4][x % 2]
    }
    var last: (x: Int, y: Int)?
    for (index, value) in values.enumerated() {
      let x = values.count > 1 ? index * (columns - 1) / (values.count - 1) : 0
      guard let y = level(value) else {
        last = nil
        continue
      }
      if let last, x > last.x {
        for step in (last.x + 1)...x {
          let between = last.y + (y - last.y) * (step - last.x) / (x - last.x)
          let before = last.y + (y - last.y) * (step - 1 - last.x) / (x - last.x)
          for row in min(before, between)...max(before, between) { dot(step, row) }
        }
      } else {
        dot(x, y)
      }
      last = (x, y)
    }
    return cells.map { row in
      String(String.UnicodeScalarView(row.map { Unicode.Scalar(0x2800 + $0) ?? " " }))
    }
  }

  /// The smallest range that holds all that is a number.
  static func range(_ series: [[Double]]) -> ClosedRange<Double> {
    let values = series.joined().filter(\.isFinite)
    guard let low = values.min(), let high = values.max() else { return 0...1 }
    return low...high
  }

  /// One line of blocks, `▁▂▅▇`, for a table.
  static func spark(_ values: [Double], width: Int) -> String {
    let blocks = Array("▁▂▃▄▅▆▇█")
    let range = range([values])
    let span = range.upperBound - range.lowerBound
    let shown = values.count <= width ? values : (0..<width).map { values[$0 * (values.count - 1) / max(width - 1, 1)] }
    return String(
      shown.map { value in
        guard value.isFinite else { return " " }
        let share = span > 0 ? (value - range.lowerBound) / span : 0.5
        return blocks[min(blocks.count - 1, Int(share * Double(blocks.count)))]
      })
  }
}
