public import Records

/// The tests of a comparison as a table: every row against the first.
public struct TestsText: Equatable, Sendable {
  private let header: [String]
  private let rows: [[String]]
  private let basis: String

  /// nil where nothing could be tested: with one seed or one row.
  public init?(_ results: ComparisonResults, titles: [String: String] = [:]) {
    guard let first = results.methods.first else { return nil }
    let columns = ComparisonResults.testedQuantities.map {
      (quantity: $0, tests: results.tests(against: first.name, $0))
    }
    .filter { !$0.tests.isEmpty }
    guard !columns.isEmpty else { return nil }
    header = ["against \(titles[first.name] ?? first.name)"] + columns.map(\.quantity)
    rows = results.methods.dropFirst().map { row in
      [titles[row.name] ?? row.name]
        + columns.map { column in
          guard let test = column.tests.first(where: { $0.methods.last == row.name }) else { return "–" }
          let sign = test.difference < 0 ? "" : "+"
          let mark =
            switch results.worth(of: test) {
            case .better: " ▲"
            case .worse: " ▼"
            case .neither: ""
            }
          return "\(sign)\(percent(test.difference)) (\(pWords(test.decisive)))\(mark)"
        }
    }
    let tests = columns.flatMap(\.tests)
    let joint = tests.compactMap(\.joint)
    let over =
      results.splits != nil
      ? "a paired t-test over splits of the same rows, corrected for the rows that they share (Nadeau & Bengio)"
      : joint.isEmpty
        ? "a paired t-test over seeds"
        : "a test over seeds and test samples"
          + (joint.count < tests.count ? " (over seeds alone where predictions lack)" : "")
    let count = columns.map(\.tests.count).max() ?? 1
    basis =
      "Points of difference, and p of \(over)\(count > 1 ? ", corrected for \(count) methods (Holm)" : ""). "
      + "▲ is better and ▼ worse beyond noise (p below \(fixed(ComparisonResults.significance, 2))); "
      + "what has no sign cannot be told from noise"
      + (columns.contains { $0.quantity.hasPrefix("gap.") }
        ? ", or is a gap that changed only with the scores: smaller at a lower average, larger at a higher." : ".")
  }

  /// For a terminal.
  public var text: String { alignedRows([header] + rows) + "\n\n" + basis }

  /// For a page.
  public var markdown: String {
    Markdown.table(header.map(Markdown.escaped), rows.map { $0.map(Markdown.escaped) }) + "\n\n\(basis)\n"
  }
}
