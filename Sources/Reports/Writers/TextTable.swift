extension ComparisonTable {
  /// For a terminal: aligned columns, the methods side by side, in several blocks where they do not fit.
  ///
  /// - Parameter width: columns of the terminal.
  public func text(width: Int = 100) -> String {
    let label = (lines.map(\.title.count) + trainingLines.map(\.title.count)).max() ?? 0
    let (methods, cells) = (self.columns, columnCells)
    let columns = methods.indices.map { method in
      max(
        methods[method].count, cells.map { $0[method].text.count }.max() ?? 0,
        trainingCells.map { $0[method].count }.max() ?? 0)
    }
    var blocks: [[Int]] = []
    var used = 0
    for method in methods.indices {
      if blocks.isEmpty || used + 2 + columns[method] > width {
        blocks.append([])
        used = label
      }
      blocks[blocks.count - 1].append(method)
      used += 2 + columns[method]
    }
    let tables = blocks.map { block in
      var rows = [row("", block.map { methods[$0] }, label, block.map { columns[$0] })]
      for (i, line) in lines.enumerated() {
        if i > 0, line.kind != lines[i - 1].kind { rows.append("") }
        rows.append(row(line.title, block.map { cells[i][$0].text }, label, block.map { columns[$0] }))
      }
      if !trainingLines.isEmpty { rows.append("") }
      for (line, texts) in zip(trainingLines, trainingCells) {
        rows.append(row(line.title, block.map { texts[$0] }, label, block.map { columns[$0] }))
      }
      return rows.joined(separator: "\n")
    }
    return ([heading] + tables + footer).joined(separator: "\n\n")
  }

  private var footer: [String] {
    let lines = legend + notes.map { "note: \($0)" }
    return lines.isEmpty ? [] : [lines.joined(separator: "\n")]
  }

  private func row(_ title: String, _ texts: [String], _ label: Int, _ widths: [Int]) -> String {
    var out = title.padded(to: label)
    for (text, width) in zip(texts, widths) { out += "  " + text.padded(to: width) }
    while out.last == " " { out.removeLast() }
    return out
  }
}

extension String {
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
