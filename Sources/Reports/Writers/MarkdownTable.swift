extension ComparisonTable {
  /// For a README or an issue: the best of each line bold, the second italic.
  ///
  /// - Parameter methodsDown: whether each method is a row; by default where there are more than six.
  public func markdown(methodsDown: Bool? = nil) -> String {
    let body =
      columnCells.map { row in
        row.map { cell -> String in
          switch cell.rank {
          case .best: "**\(Markdown.escaped(cell.text))**"
          case .second: "_\(Markdown.escaped(cell.text))_"
          case .none: Markdown.escaped(cell.text)
          }
        }
      } + trainingCells
    let titles = (lines.map(\.title) + trainingLines.map(\.title)).map(Markdown.escaped)
    let names = columns.map(Markdown.escaped)
    let table =
      methodsDown ?? (rankedCount > 6)
      ? Markdown.table(
        ["method"] + titles, names.indices.map { method in [names[method]] + body.map { $0[method] } })
      : Markdown.table([""] + names, titles.indices.map { [titles[$0]] + body[$0] })
    let marks = rankedCount > 2 ? ["bold is best, italic second"] : rankedCount == 2 ? ["bold is better"] : []
    let signs = (marks + legend).map(Markdown.escaped).joined(separator: "; ")
    let remarks = notes.map { "- \(Markdown.escaped($0))" }.joined(separator: "\n")
    return ([Markdown.escaped(heading), table, signs, remarks].filter { !$0.isEmpty }).joined(separator: "\n\n") + "\n"
  }
}

/// Markdown as text.
enum Markdown {
  /// Text whose signs mean nothing; on one line.
  static func escaped(_ text: String) -> String {
    var out = ""
    for character in text {
      if character.isNewline {
        out += " "
      } else {
        if "\\`*_[]<>|".contains(character) { out.append("\\") }
        out.append(character)
      }
    }
    return out
  }

  /// Cells are taken as Markdown.
  static func table(_ header: [String], _ rows: [[String]]) -> String {
    let rule = header.indices.map { $0 == 0 ? ":--" : "--:" }
    return ([header, rule] + rows).map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
  }
}
