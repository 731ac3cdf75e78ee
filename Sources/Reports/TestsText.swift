public import Records

/// The paired tests of a comparison as a table: every row against the first.
public struct TestsText: Equatable, Sendable {
  private let header: [String]
  private let rows: [[String]]

  /// nil where nothing could be tested: with one seed or one row.
  public init?(_ results: ComparisonResults, titles: [String: String] = [:]) {
    guard let first = results.methods.first else { return nil }
    let quantities = ComparisonResults.testedQuantities.filter { quantity in
      results.methods.dropFirst().contains { results.test(first.name, $0.name, quantity) != nil }
    }
    guard !quantities.isEmpty else { return nil }
    header = ["against \(titles[first.name] ?? first.name)"] + quantities
    rows = results.methods.dropFirst().map { row in
      [titles[row.name] ?? row.name]
        + quantities.map { quantity in
          guard let test = results.test(first.name, row.name, quantity) else { return "–" }
          let sign = test.difference < 0 ? "" : "+"
          let p = test.p < 0.001 ? "p < 0.001" : "p = \(fixed(test.p, 3))"
          return "\(sign)\(percent(test.difference)) (\(p))"
        }
    }
  }

  /// For a page: points of difference, and p of the paired t-test over seeds.
  public var markdown: String {
    Markdown.table(header.map(Markdown.escaped), rows.map { $0.map(Markdown.escaped) })
      + "\n\nPoints of difference, and p of a paired t-test over seeds, each test by itself.\n"
  }
}
