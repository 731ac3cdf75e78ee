import Records

extension HTMLReport {
  // MARK: What a diagnosis rests on

  func diagnosis() -> SectionView? {
    guard let diagnosis = contents.diagnosis else { return nil }
    let text = DiagnosisText(diagnosis, titles: titles)
    let blocks = text.tables.flatMap { table in
      [BlockView(subheading: table.title), BlockView(table: Self.view(table))]
    }
    return SectionView(
      id: "diagnosis", heading: "What the diagnosis rests on",
      lead: ["\(text.heading). Brackets hold 95 % intervals."], blocks: blocks)
  }
}
