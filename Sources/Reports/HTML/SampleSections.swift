import Foundation
import Records

extension HTMLReport {
  // MARK: Reliance by sample

  /// How much each modality adds to each sample's truth, as a distribution for each method.
  func relianceBySample() throws -> SectionView? {
    let names = contents.modalities
    // Of a regression a sample's worth has no bounds, and there is no probability to add to.
    let entries = evidence.filter { !$0.first.classes.isEmpty }.compactMap {
      entry -> (row: ComparisonResults.MethodRow, shares: [String: [Double]])? in
      let tables = entry.all.compactMap { $0.shapley?.samples }
      guard let first = tables.first?.values.first else { return nil }
      var shares: [String: [Double]] = [:]
      for name in names {
        let counts = tables.compactMap { $0[name] }.filter { $0.low == first.low && $0.high == first.high }.map(
          \.counts)
        guard let one = counts.first, counts.allSatisfy({ $0.count == one.count }) else { continue }
        let sums = one.indices.map { bin in counts.reduce(0) { $0 + $1[bin] } }
        let all = sums.reduce(0, +)
        if all > 0 { shares[name] = sums.map { 100 * Double($0) / Double(all) } }
      }
      return shares.isEmpty ? nil : (entry.row, shares)
    }
    guard !entries.isEmpty else { return nil }
    let figures = try entries.enumerated().map { number, entry in
      let against = names.compactMap { name in
        // The lower half of the bins is below 0.
        entry.shares[name].map { (name: name, share: $0.prefix($0.count / 2).reduce(0, +)) }
      }
      let finding = PageText.list(against.map { "\($0.name) in \(fixed($0.share, 0)) %" })
      return try figure(
        "by-sample-\(number)",
        Chart(
          title: "\(title(entry.row.name)): against the truth, \(finding)", across: "points of the truth's probability",
          up: "samples in %",
          series: names.enumerated().compactMap { place, name in
            entry.shares[name].map { shares in
              Chart.Series(
                name: name, ink: .modality(place), x: shares.indices.map { bin in Self.middle(bin, of: shares.count) },
                y: shares)
            }
          }, xBounds: -100...100,
          summary:
            "Distribution over test samples of what each modality adds, with \(title(entry.row.name)); against the "
            + "truth \(finding) of them.", hasLegend: false))
    }
    return SectionView(
      id: "by-sample", heading: "What each sample leans on",
      lead: [
        "How much each modality adds to the probability of each sample's truth (Shapley value). Left of 0 it works against "
          + "the truth; a peak at 0 is samples in which it does not count."
      ],
      blocks: [
        BlockView(
          figures: FiguresView(
            figures, keys: names.enumerated().map { KeyView(words: $1, token: Ink.modality($0).token) }))
      ])
  }

  /// The middle of a bin between −100 and 100 points.
  private static func middle(_ bin: Int, of count: Int) -> Double { 200 * (Double(bin) + 0.5) / Double(count) - 100 }
}
