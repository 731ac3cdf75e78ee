import Records
import Reports
import Testing

struct TableWritersTests {
  static let conditions = ["full", "image-missing", "text-missing"]

  static func results(_ names: [String] = ["joint", "bal_grad"], notes: [String] = []) -> ComparisonResults {
    let rows: [[[Double]]] = [
      [[0.80, 0.50, 0.81], [0.82, 0.52, 0.83]], [[0.84, 0.60, 0.70], [0.84, 0.61, 0.71]], [[0.5, 0.4, 0.3]],
    ]
    return Fixture.results(
      names.enumerated().map { Fixture.runs($1, rows[$0 % 3], conditions: conditions) }, conditions: conditions,
      notes: notes)
  }

  @Test("the terminal's table is aligned, with a legend")
  func text() {
    #expect(
      ComparisonTable(Self.results(notes: ["no validation split"])).text() == """
        emoji · accuracy in % · 2 seeds

                       joint         bal_grad
        full           81.0 ± 12.7   84.0 ± 0.0

        image missing  51.0 ± 12.7   60.5 ± 6.4
        text missing   82.0 ± 12.7*  70.5 ± 6.4
        Avg. missing   66.5 ± 12.7   65.5 ± 6.4
        gap missing    31.0 ± 0.0    10.0 ± 0.0

        ± is half the 95 % interval of the mean
        * better with a modality impaired than with all of them
        note: no validation split
        note: joint and bal_grad differ in gap.missing by the same amount on every seed: only the test
        samples can tell
        """)
  }

  @Test("many methods that do not fit stand under each other, and what is left out is named")
  func many() {
    let names = (0..<6).map { "method-\($0)" }
    let text = ComparisonTable(Self.results(names)).text(width: 60)
    let lines = text.split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= 60 })
    #expect(lines.count { $0.hasPrefix("method-") } == 6)
    #expect(
      lines[1].split(separator: "  ").map { $0.trimmingPrefix(" ") } == ["full", "image missing", "Avg. missing"])
    #expect(text.contains("In table.md and on the page: text missing, gap missing."))
  }

  @Test("of a table some methods and quantities are taken, in the order asked for, and what it has not is named")
  func chosen() throws {
    let table = ComparisonTable(Self.results(["a", "b", "c"]))
    let some = try table.showing(methods: ["c", "a"], quantities: ["average.missing", "full"])
    #expect(some.methods == ["c", "a"] && some.lines.map(\.quantity) == ["average.missing", "full"])
    #expect(some.cells[1][1] == table.cells[0][0])
    let none = #expect(throws: Diagnosis.self) { try table.showing(methods: nil, quantities: ["half"]) }
    #expect(none?.what == "there is no column 'half' in the table")
    #expect(none?.remedy?.contains("image-missing") == true)
  }

  @Test("what differs from the baseline beyond noise is marked in LaTeX, and its p stands in the CSV")
  func significance() throws {
    let scores = (0..<6).map { seed in
      let shift = 0.001 * Double(seed % 3)
      return ([0.8 + shift, 0.5 + shift, 0.6 - shift], [0.8 - shift, 0.7 + shift * 2, 0.72 + shift])
    }
    let results = Fixture.results(
      [
        Fixture.runs("joint", scores.map(\.0), conditions: Self.conditions),
        Fixture.runs("other", scores.map(\.1), conditions: Self.conditions),
      ], conditions: Self.conditions)
    let latex = ComparisonTable(results).latex()
    #expect(latex.contains("Avg. missing & 55.0 $\\pm$") && latex.contains("\\textbf{71.2}$^{\\uparrow}$"))
    #expect(latex.contains("is better and $^{\\downarrow}$ worse than joint"))
    let row = try #require(
      CSVTable.text(results).split(separator: "\r\n").first { $0.hasPrefix("emoji,accuracy,other,average.missing,") })
    let fields = row.split(separator: ",", omittingEmptySubsequences: false)
    #expect(abs((Double(fields[8]) ?? 0) - 0.1615) < 1e-3)
    #expect((Double(fields[9]) ?? 1) < 0.001)
  }

  @Test("what does not fit beside goes below, and nothing is wider than the terminal")
  func narrow() {
    let text = ComparisonTable(Self.results()).text(width: 34)
    let table = text.split(separator: "\n\n± ")[0].split(separator: "\n", omittingEmptySubsequences: false)
    #expect(table.allSatisfy { $0.count <= 34 })
    #expect(table.count { $0.hasPrefix("full ") } == 2)
    #expect(ComparisonTable(Self.results()).text(width: 1).contains("bal_grad"))
  }

  @Test("one seed has no ±, and what is missing is a dash")
  func oneSeed() {
    let results = Fixture.results(
      [
        Fixture.runs("a", [[0.8, 0.5, 0.6]], conditions: Self.conditions),
        Fixture.runs("b", [[0.7]], conditions: ["full"]),
      ], conditions: Self.conditions)
    let text = ComparisonTable(results).text()
    #expect(!text.contains("±"))
    #expect(text.contains("image missing  50.0  –"))
  }

  @Test("Markdown marks the better one and escapes names")
  func markdown() {
    let text = ComparisonTable(Self.results()).markdown()
    #expect(
      text.hasPrefix(
        """
        emoji · accuracy in % · 2 seeds

        |  | joint | bal\\_grad |
        | :-- | --: | --: |
        | full | 81.0 ± 12.7 | **84.0 ± 0.0** |
        | image missing | 51.0 ± 12.7 | **60.5 ± 6.4** |
        | text missing | **82.0 ± 12.7\\*** | 70.5 ± 6.4 |
        | Avg. missing | **66.5 ± 12.7** | 65.5 ± 6.4 |
        | gap missing | 31.0 ± 0.0 | 10.0 ± 0.0 |

        bold is better; ± is half the 95 % interval of the mean; \\* better with a modality impaired than with all of them
        """))
  }

  @Test("with three methods the second is italic, underlined in LaTeX, and the legend says so")
  func second() {
    let table = ComparisonTable(Self.results(["a", "b", "c"]))
    #expect(table.markdown().contains("| full | _81.0 ± 12.7_ | **84.0 ± 0.0** | 50.0 |"))
    #expect(table.markdown().contains("bold is best, italic second"))
    #expect(table.latex().contains("full & \\underline{81.0} $\\pm$ 12.7 & \\textbf{84.0} $\\pm$ 0.0 & 50.0 \\\\"))
    #expect(table.latex().contains("Bold is best, underlined second."))
  }

  @Test("LaTeX is a booktabs table, escaped, with caption and label")
  func latex() {
    #expect(
      ComparisonTable(Self.results()).latex(label: "tab:emoji") == """
        % joint and bal_grad differ in gap.missing by the same amount on every seed: only the test samples can tell
        \\begin{table}
          \\centering
          \\caption{emoji: accuracy in \\%, 2 seeds. Bold is better. $\\pm$ is half the 95\\,\\% interval of the mean. \
        $^{*}$ marks a score better with a modality impaired than with all of them.}
          \\label{tab:emoji}
          \\begin{tabular}{lrr}
            \\toprule
             & joint & bal\\_grad \\\\
            \\midrule
            full & 81.0 $\\pm$ 12.7 & \\textbf{84.0} $\\pm$ 0.0 \\\\
            \\midrule
            image missing & 51.0 $\\pm$ 12.7 & \\textbf{60.5} $\\pm$ 6.4 \\\\
            text missing & \\textbf{82.0}$^{*}$ $\\pm$ 12.7 & 70.5 $\\pm$ 6.4 \\\\
            Avg. missing & \\textbf{66.5} $\\pm$ 12.7 & 65.5 $\\pm$ 6.4 \\\\
            gap missing & 31.0 $\\pm$ 0.0 & 10.0 $\\pm$ 0.0 \\\\
            \\bottomrule
          \\end{tabular}
        \\end{table}

        """)
  }

  @Test("the constant prediction is a last row without a rank, and updates and seconds stand below the scores")
  func constantAndWork() {
    var results = Self.results()
    results.constant = Constant(score: 0.9, says: "always 'a'")
    for row in results.methods.indices {
      for run in results.methods[row].runs.indices {
        results.methods[row].runs[run].work = Work(updates: 180 + 42 * row, samples: 9, otherUpdates: 20 * row)
        results.methods[row].runs[run].seconds = 4.25
      }
    }
    let table = ComparisonTable(results)
    #expect(table.methods == ["joint", "bal_grad", "constant"])
    let text = table.markdown()
    #expect(text.contains("|  | joint | bal\\_grad | constant |"))
    #expect(text.contains("| full | 81.0 ± 12.7 | **84.0 ± 0.0** | 90.0 |"))
    #expect(text.contains("| gap missing | 31.0 ± 0.0 | 10.0 ± 0.0 | 0.0 |"))
    #expect(text.contains("| updates | 180 | 222 + 20 | – |"))
    #expect(text.contains("| seconds | 4.2 | 4.2 | – |"))
    #expect(text.contains("bold is better;") && text.contains("constant, which looks at nothing, says always 'a'"))
    #expect(table.text().contains("full           81.0 ± 12.7   84.0 ± 0.0  90.0"))
    #expect(table.latex().contains("\\begin{tabular}{lrrr}"))
    #expect(CSVTable.text(results).contains("emoji,accuracy,constant,text-missing,0.9,,,,,\r\n"))
  }

  @Test("more than six methods are rows")
  func manyMethods() {
    let table = ComparisonTable(Self.results((0..<7).map { "m\($0)" }))
    #expect(table.markdown().contains("| method | full | image missing | text missing | Avg. missing | gap missing |"))
    #expect(table.latex().contains("\\begin{tabular}{lrrrrr}"))
    #expect(ComparisonTable(Self.results()).markdown(methodsDown: true).contains("| bal\\_grad | **84.0 ± 0.0** |"))
  }

  @Test(
    "LaTeX's signs are written out",
    arguments: [
      ("a\\b", "a\\textbackslash{}b"), ("~^<>", "\\textasciitilde{}\\textasciicircum{}\\textless{}\\textgreater{}"),
      ("&%$#_{}", "\\&\\%\\$\\#\\_\\{\\}"),
    ])
  func escaping(name: String, escaped: String) {
    #expect(ComparisonTable(Self.results([name])).latex().contains(" & \(escaped) \\\\"))
  }

  @Test("CSV has a row for each method and quantity, in full precision, and quotes what needs it")
  func csv() {
    let results = Fixture.results(
      [Fixture.runs("a,\"b\"", [[0.1, 0.2, 0.3]], conditions: Self.conditions)], conditions: Self.conditions)
    #expect(
      CSVTable.text(results)
        == [
          "dataset,metric,method,quantity,mean,low95,high95,runs,difference,p",
          "emoji,accuracy,\"a,\"\"b\"\"\",full,0.1,,,1,,",
          "emoji,accuracy,\"a,\"\"b\"\"\",image-missing,0.2,,,1,,",
          "emoji,accuracy,\"a,\"\"b\"\"\",text-missing,0.3,,,1,,",
          "emoji,accuracy,\"a,\"\"b\"\"\",average.missing,0.25,,,1,,",
          "emoji,accuracy,\"a,\"\"b\"\"\",gap.missing,\(0.3 - 0.2),,,1,,", "",
        ].joined(separator: "\r\n"))
    #expect(CSVTable.text(Self.results()).contains(",bal_grad,image-missing,0.605,"))
  }
}
