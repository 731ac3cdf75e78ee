import ArgumentParser
import Experiments
import Foundation
import Records
import Reports

struct Evaluate: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Score a finished run under every condition: full, a modality missing, a modality noisy.")

  static let examples = ["seesaw evaluate runs/first", "seesaw evaluate runs/first other-data --json"]

  @Argument(help: ArgumentHelp("The folder of a finished run.", valueName: "run"), completion: .run)
  var folder: String

  @Argument(help: "Another feature set to score it on (default: the run's own).", completion: .directory)
  var data: String?

  @Flag(help: "Score it instead with 0, 10, … 100 % of the test samples impaired; writes sweep.json in the run.")
  var sweep = false

  @Flag(help: "Print the scores as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    if sweep {
      guard data == nil else { throw ValidationError("--sweep is over the run's own data; leave the other out.") }
      let run = URL(filePath: folder)
      let table = try Experiment.sweep(run: run, events: output.events)
      if json {
        try output.data(table.json())
      } else {
        try output.answer(SweepText(table, titles: MethodTitles.byName).text)
      }
      return output.say("Done", run.appending(path: "sweep.json").relativePath)
    }
    let table = try Experiment.evaluate(
      run: URL(filePath: folder), data: data.map(Place.features), events: output.events)
    if json { try output.data(table.json()) } else { try output.answer(ScoreTable.text(table)) }
  }
}

/// One run's scores for a terminal.
enum ScoreTable {
  /// Of a regression, what else tells how far predictions are off.
  private static func errors(_ table: EvaluationTable) -> [(name: String, title: String)] {
    guard table.metric == Metric.r2.rawValue else { return [] }
    return [("mae", "MAE"), ("rmse", "RMSE"), ("pearson", "Pearson's r")]
  }

  static func text(_ table: EvaluationTable) -> String {
    let errors = Self.errors(table)
    let metric = table.metric == Metric.r2.rawValue ? Metric.r2.title : table.metric
    var rows = [["condition", "\(metric) in %"] + errors.map(\.title)]
    let conditions = table.conditions.map { Condition($0, modalities: table.modalities) }
    for (place, condition) in conditions.enumerated() {
      let title = condition.modality.map { "\($0) \(condition.kind)" } ?? condition.name
      var row = [title, table.scores[condition.name].map(Words.percent) ?? "–"]
      row += errors.map { table.metrics[condition.name]?[$0.name].map(Words.figure) ?? "–" }
      let isLastOfKind = condition.modality != nil && !conditions[(place + 1)...].contains { $0.kind == condition.kind }
      if isLastOfKind {
        if let average = table.average[condition.kind] { row.append("Avg. \(Words.percent(average))") }
        if let gap = table.gap[condition.kind] { row.append("gap \(Words.percent(gap))") }
      }
      rows.append(row)
    }
    var text = Columns.text(rows, right: Set(1...(1 + errors.count)), indent: 2)
    if !errors.isEmpty { text += "\n\n  MAE and RMSE are in the target's unit" }
    if let shapley = table.shapley {
      let values = table.modalities.compactMap { name in shapley[name].map { "\(name) \(Words.percent($0))" } }
      text += "\n\n  what each adds (Shapley): \(values.joined(separator: ", "))"
      if let imbalance = table.imbalance { text += "  imbalance \(Words.percent(imbalance))" }
    }
    if table.negativeTransfer == true {
      text += "\n\n  negative transfer: a score with a modality impaired is above the full one"
    }
    if !table.notes.isEmpty { text += "\n\n" + table.notes.map { "  note: \($0)" }.joined(separator: "\n") }
    return text
  }
}
