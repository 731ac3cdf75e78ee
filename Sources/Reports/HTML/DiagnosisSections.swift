import Records

extension HTMLReport {
  // MARK: What a diagnosis rests on

  func diagnosis() -> SectionView? {
    guard let diagnosis = contents.diagnosis else { return nil }
    let text = DiagnosisText(diagnosis, titles: titles)
    return SectionView(
      id: "diagnosis", heading: "What the diagnosis rests on",
      lead: words(text, ["Since", "Why", "Harm"]) + ["\(text.heading). Brackets hold 95 % intervals."],
      blocks: text.tables.prefix(Self.mostTables).flatMap(Self.blocks)
        + text.tables.dropFirst(Self.mostTables).map { BlockView(folded: Self.view($0)) })
  }

  /// What a diagnosis says under headings of its, as a part of its own.
  func diagnosed(_ id: String, _ heading: String, _ headings: [String]) -> SectionView? {
    guard let diagnosis = contents.diagnosis else { return nil }
    let words = words(DiagnosisText(diagnosis, titles: titles), headings)
    return words.isEmpty ? nil : SectionView(id: id, heading: heading, lead: words)
  }

  /// Tables that are not folded away.
  private static let mostTables = 2

  private static func blocks(_ table: DiagnosisText.Table) -> [BlockView] {
    [BlockView(subheading: table.title), BlockView(table: view(table))]
  }

  private func words(_ text: DiagnosisText, _ headings: [String]) -> [String] {
    headings.flatMap { heading in text.paragraphs.filter { $0.heading == heading } }.map { "\($0.heading): \($0.text)" }
  }
}
