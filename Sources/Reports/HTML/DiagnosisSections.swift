import Records

extension HTMLReport {
  // MARK: What a diagnosis rests on

  func diagnosis() -> SectionView? {
    guard let diagnosis = contents.diagnosis else { return nil }
    let text = DiagnosisText(diagnosis, titles: titles)
    let blocks = text.tables.flatMap { table -> [BlockView] in
      guard let corner = table.header.first else { return [] }
      let view = TableView(
        table.title, corner: corner.isEmpty ? "what" : corner,
        columns: table.header.dropFirst().map { TableView.Column(words: $0) },
        rows: table.rows.map { row in
          TableView.Row(
            head: row.first ?? "",
            cells: row.dropFirst().map {
              TableView.Cell(words: $0.replacing("-", with: "−"), value: Self.leadingNumber($0), kind: "figures")
            })
        })
      return [BlockView(subheading: table.title), BlockView(table: view)]
    }
    return SectionView(
      id: "diagnosis", heading: "What the diagnosis rests on",
      lead: ["\(text.heading). Brackets hold 95 % intervals."], blocks: blocks)
  }

  /// What a cell is sorted by: the number it begins with.
  private static func leadingNumber(_ text: String) -> String {
    let word = text.split(separator: " ").first.map(String.init) ?? ""
    return Double(word).map { "\($0)" } ?? ""
  }
}
