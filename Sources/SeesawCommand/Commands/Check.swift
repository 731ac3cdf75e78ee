import ArgumentParser
import Experiments
import Foundation
import Records
import Reports

struct Check: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Check a data set for problems that would make its scores misleading.",
    discussion: """
      Copies and groups across splits, labels that leak into texts, labels that differ between splits, modalities that \
      are not there; and first what lies there, which columns are taken for what, and what is in doubt. Where something \
      grave is found the exit status is 1. It also runs, shortly, before every training.
      """)

  static let examples = [
    "seesaw check my-data --json > check.json", "seesaw check shop.csv --columns text=Title+Body,label=Category",
  ]

  @Argument(help: "The folder of a feature set, or a folder or file of raw samples, or a published data set's folder.")
  var data: String

  @OptionGroup var published: LayoutOptions

  @OptionGroup var table: TableOptions

  @Option(help: ArgumentHelp("\(TaskOption.help)", valueName: "task"))
  var task: String?

  @Flag(help: "Call it no failure where more than 5 % of the rows, a class or a modality is lost.")
  var allowLoss = false

  @Flag(help: "Accepted for older scripts: check always fails where something grave is found.")
  var strict = false

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "A setting, such as compare.near_features=0.98, compare.near_pictures=0.95, compare.near_sounds=0.95 or compare.work=1e13; may be repeated.",
      valueName: "key=value"))
  var settings: [String] = []

  @Flag(help: "Print everything that was found as JSON, with all rows.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func run() throws {
    let output = Output(talk)
    var request = CheckRequest(data: URL(dataAt: data))
    request.settings = settings + published.settings
    request.layout = published.layout
    request.variant = published.variant
    request.table = table.request
    request.table.task = try TaskOption.checked(task)
    request.allowLoss = allowLoss
    let begun = ContinuousClock.now
    let seen = Experiment.look(at: request)
    if !json { try output.answer(SeenText(seen, width: output.surroundings.width).text) }
    if Experiment.isArrays(request.data) {
      try Experiment.requireArrays(request.data)
      let words = "of arrays nothing is compared before 'seesaw import' has made a feature set of them"
      if json {
        var findings = DataFindings(
          dataset: request.data.deletingPathExtension().lastPathComponent, path: data, form: "arrays", counts: [:],
          modalities: [], classes: [], looked: [words])
        findings.seen = seen
        try output.data(findings.json())
      }
      return output.say("Done", words)
    }
    var findings = try Experiment.check(request, stop: Interruption.flag(), events: output.events)
    findings.seen = seen
    findings.seconds = (ContinuousClock.now - begun) / .seconds(1)
    if json {
      try output.data(findings.json())
    } else {
      try output.answer(CheckText(findings, width: output.surroundings.width).text)
    }
    let counts = DataFindings.Severity.allCases.map { "\(findings.findings($0).count) \(Self.noun($0))" }
    output.say("Done", "\(counts.joined(separator: ", "))   \(Words.duration(findings.seconds))")
    if findings.isGrave {
      throw Diagnosis(
        "the data has \(Words.plural(findings.findings(.grave).count, "grave finding"))", place: data,
        found: findings.findings(.grave).map(\.what), exitStatus: .failed)
    }
  }

  private static func noun(_ severity: DataFindings.Severity) -> String {
    switch severity {
    case .grave: "grave"
    case .warning: "warnings"
    case .remark: "remarks"
    }
  }
}
