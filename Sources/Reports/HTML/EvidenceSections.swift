import Foundation
import Records

/// What the runs of one row show together.
struct RowEvidence {
  let row: ComparisonResults.MethodRow
  let all: [RunEvidence]

  var first: RunEvidence { all[0] }

  /// A condition's matrices added up over the runs.
  func confusion(_ condition: String) -> ConfusionMatrix? {
    let found = all.compactMap { $0[condition]?.confusion }
    guard let one = found.first, found.allSatisfy({ $0.classes == one.classes }) else { return nil }
    return found.dropFirst().reduce(one, +)
  }

  /// F1 of every class, the mean over the runs; nil where no run knows it.
  func classF1(_ condition: String) -> [Double?] {
    let tables = all.compactMap { $0[condition]?.classScores.map(\.f1) }
    return first.classes.indices.map { index in
      Statistics.mean(tables.compactMap { index < $0.count ? $0[index] : nil })
    }
  }

  /// Shapley values of a modality by class, the mean over the runs.
  func reliance(_ modality: String) -> [Double?] {
    let tables = all.compactMap { $0.shapley?.classes[modality] }
    return first.classes.indices.map { index in
      Statistics.mean(tables.compactMap { index < $0.count ? $0[index] : nil })
    }
  }
}

extension HTMLReport {
  var evidence: [RowEvidence] {
    rowsByInterest.compactMap { row in
      let found = contents.runs(of: row.name).compactMap(\.evidence)
      guard let first = found.first else { return nil }
      return RowEvidence(row: row, all: found.filter { $0.classes == first.classes })
    }
  }

  /// A condition as it is spoken of: `everything there`, `image missing`.
  func words(_ condition: String) -> String {
    conditionWords(condition, modalities: contents.modalities)
  }

  // MARK: Reliance by class

  func reliance() throws -> SectionView? {
    let rows = evidence.filter { entry in entry.all.contains { $0.shapley != nil } }
    guard let first = rows.first, !first.first.classes.isEmpty else { return nil }
    let names = contents.modalities
    let classes = first.first.classes
    let rowsOfClass = rows.filter { $0.first.classes == classes }
    var figures: [FigureView] = []
    if names.count == 2, rowsOfClass.count > 1 {
      let values = classes.indices.map { index in
        rowsOfClass.map { entry -> Double? in
          guard let a = entry.reliance(names[0])[index], let b = entry.reliance(names[1])[index] else { return nil }
          return (b - a) * 100
        }
      }
      let limit = values.joined().compactMap { $0.map(abs) }.max() ?? 1
      figures.append(
        try figure(
          "reliance",
          HeatChart(
            title: Self.extremes(classes, values.map { $0[0] }, names, title(rowsOfClass[0].row.name)),
            aside: "\(names[1]) less \(names[0])", across: "", up: "class", rows: classes,
            columns: rowsOfClass.map { title($0.row.name) }, values: values,
            scale: .diverging(.modality(0), .modality(1), limit: limit), unit: "points", isWide: true,
            summary: "Shapley value of \(names[1]) less that of \(names[0]) for each class and method."),
          relianceTable(rowsOfClass, classes)))
    } else {
      let shown = rowsOfClass
      for (number, entry) in shown.enumerated() {
        let columns = names.map { entry.reliance($0) }
        figures.append(
          try figure(
            "reliance-\(number)",
            HeatChart(
              title: title(entry.row.name), across: "", up: "class", rows: classes, columns: names,
              values: classes.indices.map { index in columns.map { $0[index].map { $0 * 100 } } },
              scale: .sequential(.text), unit: "points", isWide: shown.count == 1 && names.count > 3,
              summary: "Shapley value of each modality for each class, with \(title(entry.row.name))."),
            relianceTable([entry], classes)))
      }
    }
    let permutations = rows.flatMap(\.all).compactMap { $0.shapley?.permutations }.max()
    return SectionView(
      id: "reliance", heading: "What each class leans on",
      lead: [
        "How much each modality adds to the probability of the truth, averaged over the class's samples (Shapley value"
          + (permutations.map { ", sampled over \($0) orders" } ?? "") + ")."
          + (names.count == 2 && rowsOfClass.count > 1
            ? " Colour tells the modality that adds more, its depth how much more." : "")
      ], blocks: [BlockView(figures: FiguresView(figures))])
  }

  /// Which classes lean most to either side, with the first method.
  private static func extremes(_ classes: [String], _ values: [Double?], _ names: [String], _ method: String) -> String
  {
    let known = zip(classes, values).compactMap { name, value in value.map { (name: name, value: $0) } }
    guard let low = known.min(by: { $0.value < $1.value }), let high = known.max(by: { $0.value < $1.value }),
      known.count > 1
    else { return "What each class leans on, by method" }
    if low.value >= 0 { return "With \(method) every class leans on \(names[1]), \(high.name) most" }
    if high.value <= 0 { return "With \(method) every class leans on \(names[0]), \(low.name) most" }
    return "With \(method), \(high.name) leans most on \(names[1]) and \(low.name) on \(names[0])"
  }

  private func relianceTable(_ rows: [RowEvidence], _ classes: [String]) -> TableView {
    let names = contents.modalities
    let columns = rows.flatMap { entry in names.map { (entry, $0) } }
    let values = columns.map { $0.0.reliance($0.1) }
    return TableView(
      "What each modality adds, in points, by class", corner: "class",
      groups: rows.count > 1 ? rows.map { TableView.Group(words: title($0.row.name), span: names.count) } : [],
      columns: columns.map { TableView.Column(words: $0.1, isEdge: $0.1 == names.first) },
      rows: classes.enumerated().map { index, name in
        TableView.Row(
          head: name,
          cells: values.map { column in
            TableView.Cell(
              words: column[index].map(percent) ?? "–", value: column[index].map { "\($0)" } ?? "", kind: "figures")
          })
      })
  }

  // MARK: Confusion

  /// Counts told once: for each row and condition the gaps between cells that are not empty, and their counts.
  private struct ConfusionData: Encodable {
    let classes: [String]
    let methods: [String]
    let conditions: [String]
    let counts: [[[Int]]]
    /// What is shown at first: method and condition, left and right.
    let first: [[Int]]
  }

  func confusion() throws -> SectionView? {
    let all = evidence
    guard let classes = all.first?.first.classes, !classes.isEmpty else { return nil }
    let rows = all.filter { $0.first.classes == classes }
    let conditions =
      contents.results.conditions.isEmpty
      ? rows[0].first.conditions.map(\.condition) : contents.results.conditions
    var blocks: [BlockView] = []
    let known = conditions.filter { condition in rows.contains { $0.confusion(condition) != nil } }
    let complete = rows.filter { row in known.allSatisfy { row.confusion($0) != nil } }
    if let lead = complete.first, let left = known.first {
      let right = worstImpaired(lead.row, among: known) ?? left
      let matrices = complete.map { row in known.compactMap { row.confusion($0) } }
      let places = [0, known.firstIndex(of: right) ?? 0]
      let data = ConfusionData(
        classes: classes.map { PageText.label($0, longest: 40) }, methods: complete.map { title($0.row.name) },
        conditions: known.map(words), counts: matrices.map { $0.map(Self.sparse) }, first: places.map { [0, $0] })
      let pictures = try places.map { place in
        try figure(
          "confusion-\(place == places[0] ? "left" : "right")", heat(lead, classes, known[place], matrices[0][place]))
      }
      let hasChoice = complete.count * known.count > 2 && !isStill
      blocks.append(
        BlockView(
          confusion: ConfusionView(
            rawData: isStill ? "null" : try PageText.json(data),
            methods: complete.enumerated().map { number, row in
              ConfusionView.Choice(value: "\(number)", words: title(row.row.name), isFirst: number == 0)
            },
            conditions: known.enumerated().map { number, name in
              ConfusionView.Choice(
                value: "\(number)", words: words(name), isFirst: number == places[0], isSecond: number == places[1])
            }, hasChoice: hasChoice, pictures: pictures,
            table: mistakes(lead, classes, left: left, right: right, matrices[0][places[0]], matrices[0][places[1]]))))
    }
    if let lead = rows.first { blocks += byClass(lead, classes, conditions) }
    guard !blocks.isEmpty else { return nil }
    return SectionView(
      id: "confusion", heading: "Right and wrong, class by class",
      lead: [
        known.isEmpty
          ? "How well each class is found, with everything there and with each modality impaired."
          : "Confusion of classes, as a share of each class, with everything there and impaired."
      ], blocks: blocks)
  }

  /// The condition that costs a row most.
  private func worstImpaired(_ row: ComparisonResults.MethodRow, among conditions: [String]) -> String? {
    conditions.filter { $0 != Condition.full && row.mean.scores[$0] != nil }
      .min { (row.mean.scores[$0] ?? 1, $0) < (row.mean.scores[$1] ?? 1, $1) }
      ?? conditions.first { $0 != Condition.full }
  }

  static func sparse(_ matrix: ConfusionMatrix) -> [Int] {
    var out: [Int] = []
    var last = -1
    for (place, count) in matrix.counts.joined().enumerated() where count != 0 {
      out += [place - last, count]
      last = place
    }
    return out
  }

  private func heat(
    _ entry: RowEvidence, _ classes: [String], _ condition: String, _ matrix: ConfusionMatrix
  ) -> HeatChart {
    let values = matrix.counts.map { row -> [Double?] in
      let sum = row.reduce(0, +)
      return row.map { sum == 0 ? nil : Double($0) / Double(sum) * 100 }
    }
    let right = matrix.counts.indices.reduce(0) { $0 + matrix.counts[$1][$1] }
    let total = matrix.counts.joined().reduce(0, +)
    return HeatChart(
      title: "\(title(entry.row.name)), \(words(condition)): \(percent(Double(right) / Double(max(total, 1)))) % right",
      across: "taken for", up: "truth", rows: classes,
      columns: classes, values: values, scale: .sequential(.modality(0)), unit: "% of the class",
      summary: "Confusion matrix of \(title(entry.row.name)), \(words(condition)): "
        + "\(percent(Double(right) / Double(max(total, 1)))) % right.")
  }

  private func mistakes(
    _ entry: RowEvidence, _ classes: [String], left: String, right: String, _ a: ConfusionMatrix, _ b: ConfusionMatrix
  ) -> TableView {
    let pairs = classes.indices.flatMap { i in classes.indices.map { (i, $0) } }.filter { $0 != $1 }
    let most = pairs.sorted {
      (a.counts[$0.0][$0.1] + b.counts[$0.0][$0.1], $1.0, $1.1) > (
        a.counts[$1.0][$1.1] + b.counts[$1.0][$1.1], $0.0, $0.1
      )
    }.prefix(10).filter { a.counts[$0.0][$0.1] + b.counts[$0.0][$0.1] > 0 }
    func cell(_ matrix: ConfusionMatrix, _ pair: (Int, Int)) -> TableView.Cell {
      let sum = matrix.counts[pair.0].reduce(0, +)
      let count = matrix.counts[pair.0][pair.1]
      return TableView.Cell(
        words: "\(count)", aside: sum > 0 ? "\(percent(Double(count) / Double(sum))) %" : nil, value: "\(count)",
        kind: "figures")
    }
    return TableView(
      "Most frequent mistakes of \(title(entry.row.name))", corner: "truth",
      columns: [TableView.Column(words: "taken for", isNumber: false)]
        + (left == right ? [left] : [left, right]).map { TableView.Column(words: words($0)) },
      rows: most.map { pair in
        TableView.Row(
          head: classes[pair.0],
          cells: [TableView.Cell(words: classes[pair.1], value: classes[pair.1], kind: "text"), cell(a, pair)]
            + (left == right ? [] : [cell(b, pair)]))
      })
  }

  private func byClass(_ entry: RowEvidence, _ classes: [String], _ conditions: [String]) -> [BlockView] {
    let shown = conditions.filter { entry.classF1($0).contains { $0 != nil } }
    guard !shown.isEmpty else { return [] }
    let values = shown.map { entry.classF1($0) }
    let counts = entry.first[shown[0]]?.classScores.map(\.count) ?? []
    let table = TableView(
      "F1 of each class with \(title(entry.row.name)), in %", corner: "class",
      columns: [TableView.Column(words: "samples")] + shown.map { TableView.Column(words: words($0)) },
      rows: classes.enumerated().map { index, name in
        TableView.Row(
          head: name,
          cells: [
            TableView.Cell(
              words: index < counts.count ? "\(counts[index])" : "–",
              value: index < counts.count ? "\(counts[index])" : "",
              kind: "figures")
          ]
            + values.map { column in
              TableView.Cell(
                words: column[index].map(percent) ?? "–", value: column[index].map { "\($0)" } ?? "", kind: "figures")
            })
      })
    return [BlockView(subheading: "F1 of each class, \(title(entry.row.name))"), BlockView(table: table)]
  }

  // MARK: Telling samples

  /// The run whose samples are shown.
  var exhibited: ReportedRun? {
    rowsByInterest.lazy.compactMap { row in
      contents.runs(of: row.name).first { !($0.evidence?.telling.isEmpty ?? true) }
    }.first
  }

  func samples() -> SectionView? {
    guard let evidence = exhibits else { return nil }
    let subject = exhibited.map { "\(title($0.label)), seed \($0.seed)," } ?? "the model"
    let conditions = evidence.conditions.map(\.condition).filter {
      $0 == Condition.full || Condition($0, modalities: evidence.modalities).kind == "missing"
    }
    func answer(_ condition: String, _ answer: TellingSample.Answer) -> SamplesView.Answer {
      SamplesView.Answer(
        condition: condition, words: answer.labels.isEmpty ? "none" : answer.labels.joined(separator: ", "),
        sure: "\(fixed(answer.probability * 100, 0)) %", kind: answer.isRight ? "right" : "wrong")
    }
    let samples = evidence.telling.prefix(Self.mostSamples).map { sample in
      let truth = sample.truth.joined(separator: ", ")
      return SamplesView.Sample(
        why: Self.why(sample)
          + (sample.reliance.map { "; rests on \(DiagnosisWords.shares($0, evidence.modalities))" } ?? ""),
        image: picture(sample, evidence).flatMap { pictures[$0] },
        alternative: "Picture of test sample \(sample.id ?? "\(sample.row)"), a case of \(truth)",
        rawHeat: sample.parts.map(Self.heat), text: sample.parts == nil ? sample.text : nil,
        isShaded: sample.parts != nil, shades: sample.parts.map(Self.shades) ?? [],
        shares: sample.parts.map { Self.shares($0, evidence.modalities) }, truth: truth,
        place: "test row \(sample.row)" + (sample.id.map { " · \($0)" } ?? ""),
        answers: conditions.compactMap { name in sample.answers[name].map { answer(words(name), $0) } }
          + evidence.modalities.compactMap { name in sample.alone[name].map { answer("\(name) alone", $0) } })
    }
    let alone =
      evidence.alone == .trainedAlone
      ? "A modality alone answers with a model trained on it alone."
      : "A modality alone is the model's own answer with all others missing."
    return SectionView(
      id: "samples", heading: "Telling samples",
      lead: ["Test samples that show what \(subject) leans on. \(alone)"]
        + (evidence.telling.contains { $0.parts != nil } ? [Self.partWords] : []),
      blocks: [BlockView(samples: SamplesView(samples: Array(samples)))])
  }

  static let mostSamples = 24

  private static func why(_ sample: TellingSample) -> String {
    switch sample.kind {
    case .removalFlips: "Right with everything there, wrong without \(sample.modality ?? "one modality")"
    case .disagreement: "The modalities say different things"
    case .weakAloneRight: "Wrong together, right with \(sample.modality ?? "one modality") alone"
    }
  }
}
