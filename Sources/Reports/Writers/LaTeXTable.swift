import Records

extension ComparisonTable {
  /// For a paper: a `table` for the package booktabs, the best of each line bold, the second underlined.
  ///
  /// - Parameters:
  ///   - caption: by default data set, metric and seeds.
  ///   - label: for `\ref`; none is written where it is `nil`.
  ///   - methodsDown: whether each method is a row; by default where there are more than six.
  public func latex(caption: String? = nil, label: String? = nil, methodsDown: Bool? = nil) -> String {
    let body = columnCells.map { $0.map(Self.latex) }
    let titles = lines.map { LaTeX.escaped($0.title) }
    let names = self.columns.map(Self.latex)
    let down = methodsDown ?? (rankedCount > 6)
    var rows: [String] = []
    if down {
      rows = names.indices.map { method in LaTeX.row([names[method]] + body.map { $0[method] }) }
    } else {
      for (i, line) in lines.enumerated() {
        if i > 0, line.kind != lines[i - 1].kind { rows.append("\\midrule") }
        rows.append(LaTeX.row([titles[i]] + body[i]))
      }
    }
    let header = LaTeX.row(down ? ["Method"] + titles : [""] + names)
    let columns = "l" + String(repeating: "r", count: down ? lines.count : names.count)
    var signs = ""
    if rankedCount > 2 { signs = " Bold is best, underlined second." }
    if rankedCount == 2 { signs = " Bold is better." }
    if hasIntervals { signs += " $\\pm$ is half the 95\\,\\% interval of the mean." }
    if starred { signs += " $^{*}$ marks a score better with a modality impaired than with all of them." }
    if hasTested, let baseline {
      signs +=
        " $^{\\uparrow}$ is better and $^{\\downarrow}$ worse than \(LaTeX.escaped(baseline)) "
        + "($p < \(fixed(ComparisonResults.significance, 2))$, corrected by Holm)."
    }
    if !specialists.isEmpty {
      signs +=
        " Specialists are trained for just that condition; regret is what a method gives away against them, in "
        + "points, and in brackets stands the worst one's 95\\,\\% interval."
    }
    if !seen.isEmpty {
      signs += " $^{\\circ}$ saw impaired inputs in training (\(LaTeX.escaped(seen.joined(separator: "; "))))."
    }
    let opening = LaTeX.escaped(caption ?? "\(dataset): \(metric) in %, \(seeds)")
    let remarks = notes.map { "% \($0.replacing("\n", with: " "))\n" }.joined()
    return remarks + """
      \\begin{table}
        \\centering
        \\caption{\(opening).\(signs)}
      \(label.map { "  \\label{\($0)}\n" } ?? "")\
        \\begin{tabular}{\(columns)}
          \\toprule
          \(header)
          \\midrule
      \(rows.map { "    \($0)" }.joined(separator: "\n"))
          \\bottomrule
        \\end{tabular}
      \\end{table}

      """
  }

  /// A method's name; its mark is raised.
  private static func latex(_ name: String) -> String {
    name.hasSuffix(" \(mark)")
      ? LaTeX.escaped(String(name.dropLast(mark.count + 1))) + "$^{\\circ}$" : LaTeX.escaped(name)
  }

  private static func latex(_ cell: Cell) -> String {
    guard let mean = cell.mean else { return "--" }
    var out =
      switch cell.rank {
      case .best: "\\textbf{\(mean)}"
      case .second: "\\underline{\(mean)}"
      case .none: mean
      }
    if cell.negativeTransfer { out += "$^{*}$" }
    switch cell.worth {
    case .better: out += "$^{\\uparrow}$"
    case .worse: out += "$^{\\downarrow}$"
    case .neither: break
    }
    if let range = cell.range { return out + " (\(range))" }
    if let halfWidth = cell.halfWidth { out += " $\\pm$ \(halfWidth)" }
    return out
  }
}

/// LaTeX as text.
enum LaTeX {
  /// Text whose signs mean nothing.
  static func escaped(_ text: String) -> String {
    var out = ""
    for character in text {
      switch character {
      case "&", "%", "$", "#", "_", "{", "}": out += "\\\(character)"
      case "\\": out += "\\textbackslash{}"
      case "~": out += "\\textasciitilde{}"
      case "^": out += "\\textasciicircum{}"
      case "<": out += "\\textless{}"
      case ">": out += "\\textgreater{}"
      case _ where character.isNewline: out += " "
      default: out.append(character)
      }
    }
    return out
  }

  /// Cells are taken as LaTeX.
  static func row(_ cells: [String]) -> String { cells.joined(separator: " & ") + " \\\\" }
}
