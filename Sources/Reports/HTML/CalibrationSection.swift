import Foundation
import Records

extension HTMLReport {
  func calibration() throws -> SectionView? {
    let rows = evidence.filter { entry in entry.all.contains { $0.conditions.contains { $0.reliability != nil } } }
    guard !rows.isEmpty else { return nil }
    let names = contents.modalities
    // Noise would fill the frame with lines; the table has it.
    func isDrawn(_ condition: String) -> Bool {
      condition == Condition.full || Condition(condition, modalities: names).kind == "missing"
    }
    func ink(_ condition: String) -> Ink {
      Condition(condition, modalities: names).modality.flatMap(names.firstIndex).map(Ink.modality) ?? .text
    }
    let figures = try rows.enumerated().map { number, entry in
      let conditions = entry.first.conditions.map(\.condition)
      let series = conditions.filter(isDrawn).compactMap { condition -> Chart.Series? in
        let bins = Self.merged(entry.all.compactMap { $0[condition]?.reliability })
        guard !bins.isEmpty else { return nil }
        return Chart.Series(
          name: words(condition), ink: ink(condition), x: bins.map { $0.confidence * 100 },
          y: bins.map { $0.right * 100 },
          texts: bins.map {
            "\(PageText.label(words(condition))): \(percent($0.right)) % right of \(counted($0.count, "answer"))"
          })
      }
      func error(_ condition: String) -> Double? {
        Statistics.mean(entry.all.compactMap { $0[condition]?.reliability?.error })
      }
      let table = TableView(
        "Calibration of \(title(entry.row.name)), in %", corner: "condition",
        columns: ["calibration error", "mean confidence", "right"].map { TableView.Column(words: $0) },
        rows: conditions.map { condition in
          let found = entry.all.compactMap { $0[condition]?.reliability }
          let numbers = [
            error(condition), Statistics.mean(found.map(\.confidence)), Statistics.mean(found.map(\.right)),
          ]
          return TableView.Row(
            head: words(condition),
            cells: numbers.map {
              TableView.Cell(words: $0.map(percent) ?? "–", value: $0.map { "\($0)" } ?? "", kind: "figures")
            })
        })
      let full = error(Condition.full).map { ": error \(percent($0)) %" } ?? ""
      return try figure(
        "calibration-\(number)",
        Chart(
          title: title(entry.row.name) + full, across: "confidence in %", up: "right in %", series: series,
          rules: [Chart.Rule(from: (0, 0), to: (100, 100))], xBounds: 0...100, yBounds: 0...100,
          summary: "Share that was right against confidence of \(title(entry.row.name))\(full).", hasLegend: false),
        table)
    }
    let kinds = rows[0].first.conditions.map(\.condition).filter(isDrawn)
    return SectionView(
      id: "calibration", heading: "Can its confidence be believed?",
      lead: ["On the dotted line a model is right as often as it is sure; below it, it is surer than it should be."],
      blocks: [
        BlockView(
          figures: FiguresView(figures, keys: kinds.map { KeyView(words: words($0), token: ink($0).token) }))
      ])
  }

  /// The bins of several runs as those of one; without what is empty.
  private static func merged(_ tables: [Reliability]) -> [Reliability.Bin] {
    guard let first = tables.first else { return [] }
    return first.bins.indices.compactMap { index in
      let bins = tables.compactMap { index < $0.bins.count ? $0.bins[index] : nil }
      let count = bins.map(\.count).reduce(0, +)
      guard count > 0 else { return nil }
      return Reliability.Bin(
        count: count, confidence: bins.reduce(0) { $0 + $1.confidence * Double($1.count) } / Double(count),
        right: bins.reduce(0) { $0 + $1.right * Double($1.count) } / Double(count))
    }
  }
}
