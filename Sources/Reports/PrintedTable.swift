public import Records

/// What a paper printed beside what was measured here.
public struct PrintedTable: Equatable, Sendable {
  /// A quantity, and for each method what was measured and what was printed, in percent.
  public struct Line: Equatable, Sendable {
    public let title: String
    public let cells: [String]
  }

  public let source: String
  public let methods: [String]
  public let lines: [Line]

  /// The methods and quantities that both sides have; nil where there are none.
  ///
  /// - Parameter expected: by label, then quantity, in percent: a recipe's `expected`.
  public init?(_ results: ComparisonResults, expected: Tree, source: String, titles: [String: String] = [:]) {
    let rows = results.methods.filter { expected.tableValue?[$0.name] != nil }
    let quantities = ComparisonTable(results).lines.filter { line in
      rows.contains { expected.tableValue?[$0.name]?.tableValue?[line.quantity] != nil }
    }
    guard !rows.isEmpty, !quantities.isEmpty else { return nil }
    self.source = source
    methods = rows.map { titles[$0.name] ?? $0.name }
    lines = quantities.map { line in
      Line(
        title: line.title,
        cells: rows.map { row in
          let printed = expected.tableValue?[row.name]?.tableValue?[line.quantity]?.numberValue
          let measured = row.mean[line.quantity].map(percent) ?? "–"
          return "\(measured) (\(printed.map { fixed($0, 1) } ?? "–"))"
        })
    }
  }

  /// For a terminal.
  public var text: String {
    alignedRows([[""] + methods] + lines.map { [$0.title] + $0.cells }) + "\n\nin brackets: \(source)"
  }

  public var markdown: String {
    Markdown.table(([""] + methods).map(Markdown.escaped), lines.map { ([$0.title] + $0.cells).map(Markdown.escaped) })
      + "\n\nIn brackets: \(Markdown.escaped(source)).\n"
  }
}

/// Rows of cells as text in columns that begin under each other.
func alignedRows(_ rows: [[String]]) -> String {
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
  return rows.map { row in
    let line = zip(row, widths).map { $0.padded(to: $1) }.joined(separator: "  ")
    return String(line.reversed().drop { $0 == " " }.reversed())
  }.joined(separator: "\n")
}
