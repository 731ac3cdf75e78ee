import Records

extension HTMLReport {
  // MARK: What a guard found in the data

  func data() -> SectionView? {
    guard let check = contents.check else { return nil }
    var blocks: [BlockView] = []
    for severity in DataFindings.Severity.allCases {
      let found = check.findings(severity)
      guard !found.isEmpty else { continue }
      blocks.append(BlockView(subheading: Self.heading(severity)))
      blocks.append(
        BlockView(
          facts: FactsView(
            facts: found.map { finding in
              FactsView.Fact(
                name: finding.modality ?? "samples",
                words: [finding.what, finding.detail, finding.remedy].compactMap { $0 } + Self.cases(finding))
            })))
    }
    if blocks.isEmpty {
      blocks.append(BlockView(words: ["Nothing was found that a reader of the scores should know."]))
    }
    if !check.looked.isEmpty {
      blocks.append(BlockView(facts: FactsView(facts: [FactsView.Fact(name: "looked at", words: check.looked)])))
    }
    return SectionView(
      id: "data", heading: "The data",
      lead: [
        "What was looked for before training: copies and groups across splits, "
          + "labels that leak, balance, and what is really missing."
      ], blocks: blocks)
  }

  private static func heading(_ severity: DataFindings.Severity) -> String {
    switch severity {
    case .grave: "Grave: the scores are misleading"
    case .warning: "To beware of"
    case .remark: "Good to know"
    }
  }

  /// The first few cases, a line each.
  private static func cases(_ finding: DataFindings.Finding) -> [String] {
    let shown = finding.cases.prefix(5).map { one in
      let samples = one.samples.prefix(4).map { sample in
        let place = sample.row.map { " row \($0)" } ?? sample.line.map { " line \($0)" } ?? ""
        return sample.split + place + (sample.id.map { " (\($0))" } ?? "")
      }
      let rest = one.samples.count > 4 ? " and \(one.samples.count - 4) more" : ""
      return (one.name.map { "\($0): " } ?? "") + samples.joined(separator: ", ") + rest
    }
    let rest = finding.cases.count - shown.count
    return shown + (rest > 0 ? ["and \(counted(rest, "more case"))"] : [])
  }
}
