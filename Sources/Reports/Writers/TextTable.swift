import Records

extension ComparisonTable {
  /// More methods than these stand under each other where they do not fit side by side.
  static let mostBeside = 4

  /// For a terminal: aligned columns, the methods side by side; where they do not fit, a few in several blocks, and many
  /// under each other with the quantities that sum up the others.
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
    if blocks.count > 1, rankedCount > Self.mostBeside { return methodsDown(width: width) }
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
    return ([heading] + tables + footer(width)).joined(separator: "\n\n")
  }

  /// A row a method; of the quantities those that matter most and fit, and a sentence names the others.
  private func methodsDown(width: Int) -> String {
    let label = columns.map(\.count).max() ?? 0
    func widest(_ line: Int) -> Int {
      max(lines[line].title.count, columnCells[line].map(\.text.count).max() ?? 0)
    }
    var room = width - label
    var shown: Set<Int> = []
    for line in lines.indices.sorted(by: { (Self.weight(lines[$0]), $0) < (Self.weight(lines[$1]), $1) }) {
      guard room >= widest(line) + 2 || shown.isEmpty else { break }
      room -= widest(line) + 2
      shown.insert(line)
    }
    let order = lines.indices.filter(shown.contains)
    let widths = order.map(widest)
    let rows =
      [row("", order.map { lines[$0].title }, label, widths)]
      + columns.indices.map { method in
        row(columns[method], order.map { columnCells[$0][method].text }, label, widths)
      }
    let others = lines.indices.filter { !shown.contains($0) }.map { lines[$0].title } + trainingLines.map(\.title)
    let rest =
      others.isEmpty
      ? []
      : [
        wrapped("In table.md and on the page: \(others.joined(separator: ", ")).", width: width).joined(separator: "\n")
      ]
    return ([heading, rows.joined(separator: "\n")] + rest + footer(width)).joined(separator: "\n\n")
  }

  /// What a quantity comes after where not all fit.
  private static func weight(_ line: Line) -> Int {
    switch line.quantity {
    case Condition.full: 0
    case "regret.worst": 1
    case "regret.mean": 3
    case let name where name.hasPrefix("average."): 2
    case let name where name.hasPrefix("gap."): 5
    default: 4
    }
  }

  private func footer(_ width: Int) -> [String] {
    let lines = (legend + notes.map { "note: \($0)" }).flatMap { wrapped($0, width: max(width, 40)) }
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
