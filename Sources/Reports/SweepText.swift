public import Records

/// A sweep as tables: a block for each kind of impairment, the ratios across.
public struct SweepText: Equatable, Sendable {
  private let table: SweepTable
  private let titles: [String: String]

  public init(_ table: SweepTable, titles: [String: String] = [:]) {
    self.table = table
    self.titles = titles
  }

  /// For a terminal.
  public var text: String {
    let heading = "\(table.dataset) · \(metricTitle(table.metric)) in % against the share of impaired test samples"
    return ([heading] + blocks.map { alignedRows([$0.header] + $0.rows) }).joined(separator: "\n\n")
  }

  public var markdown: String {
    blocks.map { Markdown.table($0.header.map(Markdown.escaped), $0.rows.map { $0.map(Markdown.escaped) }) }
      .joined(separator: "\n\n") + "\n"
  }

  private var blocks: [(header: [String], rows: [[String]])] {
    let ratios = table.ratios.map { fixed($0, 2) }
    let conditions = table.conditions.map { Condition($0, modalities: table.modalities) }.filter { $0.modality != nil }
    var kinds: [String] = []
    for condition in conditions where !kinds.contains(condition.kind) { kinds.append(condition.kind) }
    return kinds.map { kind in
      var rows: [[String]] = []
      for curve in table.curves {
        let name = titles[curve.name] ?? curve.name
        for condition in conditions where condition.kind == kind {
          guard let scores = curve.scores[condition.name] else { continue }
          rows.append(["\(name): \(condition.modality ?? "") \(kind)"] + scores.map(percent))
        }
        if let gap = curve.gap[kind] { rows.append(["\(name): gap"] + gap.map(percent)) }
      }
      return (["share \(kind)"] + ratios, rows)
    }
  }
}
