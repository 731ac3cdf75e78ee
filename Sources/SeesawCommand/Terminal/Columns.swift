/// Rows of text under each other.
enum Columns {
  /// Pads every column to its widest cell; `right` are the columns that hold numbers.
  static func text(_ rows: [[String]], right: Set<Int> = [], indent: Int = 0) -> String {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let gap = String(repeating: " ", count: widths[column] - cell.count)
        return right.contains(column) ? gap + cell : cell + gap
      }
      return (String(repeating: " ", count: indent) + cells.joined(separator: "  ")).trimmingSuffix(" ")
    }.joined(separator: "\n")
  }
}
