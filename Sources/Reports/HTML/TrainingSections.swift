import Records

extension HTMLReport {
  // MARK: Losses

  func losses() throws -> SectionView? {
    let names = contents.modalities
    let histories = rowsByInterest.compactMap { row -> (row: ComparisonResults.MethodRow, history: LossHistory)? in
      LossHistory(contents.runs(of: row.name).map(\.epochs), modalities: names).map { (row, $0) }
    }
    guard !histories.isEmpty else { return nil }
    // One height for all, so that they can be compared; a loss that runs away would flatten the rest.
    let highest = histories.map { $0.history.curves.flatMap(\.high).filter(\.isFinite).max() ?? 0 }.sorted()
    let top = highest[Int(Double(highest.count - 1) * 0.9)]
    let figures = try histories.enumerated().map { number, entry in
      let (row, history) = entry
      let series = history.curves.map { curve in
        Chart.Series(
          name: "\(curve.modality), \(curve.isTraining ? "training" : "validation")",
          ink: .modality(names.firstIndex(of: curve.modality) ?? 0), dash: curve.isTraining ? 0 : 1, x: curve.epochs,
          y: curve.mean, band: history.runs > 1 ? (curve.low, curve.high) : nil)
      }
      let partings = contents.runs(of: row.name).compactMap { $0.evidence?.parting }
      var rules: [Chart.Rule] = []
      if let at = Statistics.mean(partings.map { Double($0.epoch) + 1 }) {
        let isOften = partings.count * 2 > contents.runs(of: row.name).count
        if isOften { rules = [Chart.Rule(from: (at, 0), to: (at, max(top, 0.1)), name: "they part")] }
      }
      let ends = history.curves.map {
        "\($0.modality) \($0.isTraining ? "training" : "validation") \(fixed($0.mean.last ?? .nan, 3))"
      }
      return try figure(
        "loss-\(number)",
        Chart(
          title: "\(title(row.name))\(Self.ending(history))", aside: history.kind.words, across: "epoch", up: "loss",
          series: series, rules: rules,
          yBounds: 0...max(top, 0.1), isWhole: true,
          summary: "Losses of \(title(row.name)) by epoch; at the end \(ends.joined(separator: ", ")).",
          hasLegend: false),
        lossTable(row, history))
    }
    let hasValidation = histories.contains { $0.history.curves.contains { !$0.isTraining } }
    let keys = names.enumerated().flatMap { number, name in
      [KeyView(words: "\(name), training", token: Ink.modality(number).token)]
        + (hasValidation ? [KeyView(words: "\(name), validation", token: Ink.modality(number).token, dash: 1)] : [])
    }
    let seeds = histories.map(\.history.runs).max() ?? 1
    return SectionView(
      id: "losses", heading: "Losses of each modality",
      lead: [
        "Where one curve falls and the other does not, training favours the first modality."
          + (seeds > 1 ? " Lines are means over seeds, bands reach from the lowest to the highest." : "")
      ], blocks: [BlockView(figures: FiguresView(figures, keys: keys))])
  }

  /// `: text ends lower, 0.11 vs 0.69`, of the training losses.
  private static func ending(_ history: LossHistory) -> String {
    let ends = history.curves.filter(\.isTraining).compactMap { curve in
      curve.mean.last.flatMap { $0.isFinite ? (name: curve.modality, loss: $0) : nil }
    }
    guard ends.count > 1, let low = ends.min(by: { $0.loss < $1.loss }), let high = ends.max(by: { $0.loss < $1.loss })
    else { return "" }
    let numbers = "\(fixed(low.loss, 2)) vs \(fixed(high.loss, 2))"
    if high.loss - low.loss < 0.1 * high.loss { return ": \(ends.count == 2 ? "both" : "all") end alike, \(numbers)" }
    return ends.count == 2
      ? ": \(low.name) ends lower, \(numbers)" : ": \(low.name) ends lowest, \(high.name) highest, \(numbers)"
  }

  private func lossTable(_ row: ComparisonResults.MethodRow, _ history: LossHistory) -> TableView {
    TableView(
      "Losses of \(title(row.name))", corner: "curve",
      columns: ["first epoch", "lowest", "last epoch"].map { TableView.Column(words: $0) },
      rows: history.curves.map { curve in
        TableView.Row(
          head: "\(curve.modality), \(curve.isTraining ? "training" : "validation")",
          cells: [curve.mean.first, curve.mean.min(), curve.mean.last].map {
            TableView.Cell(words: $0.map { fixed($0, 3) } ?? "–", value: $0.map { "\($0)" } ?? "", kind: "figures")
          })
      }, isSortable: false)
  }

  // MARK: Cosines

  func cosines() throws -> SectionView? {
    let groups = rowsByInterest.map { row in
      (row: row, values: contents.runs(of: row.name).flatMap(\.cosines))
    }.filter { !$0.values.isEmpty }
    guard !groups.isEmpty else { return nil }
    let sizes = groups.flatMap { $0.values.map(abs) }.sorted()
    // A few steps at the start of training would squeeze all others into the middle.
    let usual = sizes[Int(Double(sizes.count - 1) * 0.995)]
    let limit = Axis(around: usual > 0 ? min(usual, 1) : 1).high
    let bins = 32
    let figures = try groups.enumerated().map { number, group in
      let width = 2 * limit / Double(bins)
      var counts = [Int](repeating: 0, count: bins)
      for value in group.values {
        counts[min(max(Int(((value + limit) / width).rounded(.down)), 0), bins - 1)] += 1
      }
      let total = Double(group.values.count)
      let conflicts = Double(group.values.count { $0 < 0 }) / total
      let middles = (0..<bins).map { -limit + (Double($0) + 0.5) * width }
      let shares = counts.map { Double($0) / total * 100 }
      func side(_ isConflict: Bool) -> Chart.Series {
        let chosen = middles.indices.filter { (middles[$0] < 0) == isConflict }
        return Chart.Series(
          name: isConflict ? "conflict" : "agreement", ink: isConflict ? .family(stage(group.row)) : .quiet,
          form: .bars,
          x: chosen.map { middles[$0] }, y: chosen.map { shares[$0] },
          texts: chosen.map { "cosine about \(fixed(middles[$0], 3)): \(fixed(shares[$0], 1)) % of the steps" })
      }
      return try figure(
        "cosine-\(number)",
        Chart(
          title: "\(title(group.row.name)): \(percent(conflicts)) % conflict", across: "cosine", up: "steps in %",
          series: [side(true), side(false)],
          xBounds: -limit...limit,
          summary:
            "Of \(counted(group.values.count, "step")) of \(title(group.row.name)) \(percent(conflicts)) % have a "
            + "cosine below 0.", hasLegend: false))
    }
    return SectionView(
      id: "conflicts", heading: "Gradient conflicts",
      lead: [
        "The cosine between the gradient of the task and that of the modalities' divergence, step by step; below 0, in "
          + "colour, the two conflict."
      ], blocks: [BlockView(figures: FiguresView(figures))])
  }
}
