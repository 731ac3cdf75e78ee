import ArgumentParser
import Experiments
import Foundation
import Records
import Reports

struct Diagnose: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Say which modality a model leans on, how strongly, since when, what that costs and what helps.",
    discussion: """
      Raw samples are encoded first, into a folder beside them. Of a data set it trains joint training; of a run it takes \
      the run's own model. Each modality is trained alone besides, and where something is wrong a few methods are tried, \
      chosen by the validation split. What is done already in --out is not done again. The answer has 25 lines at most; \
      --tables prints what it rests on, and the page in --out shows it.
      """)

  static let examples = [
    "seesaw diagnose my-data", "seesaw diagnose runs/first --samples 10 --json > diagnosis.json",
  ]

  @Argument(
    help: ArgumentHelp("The folder of a feature set or of a finished run, or raw samples.", valueName: "data|run"),
    completion: .directory)
  var subject: String

  @Option(help: ArgumentHelp("The folder of models and answer (default: runs/diagnose-<name>).", valueName: "folder"))
  var out: String?

  @Option(help: ArgumentHelp("How many seeds: 0, 1, 2, …", valueName: "number"))
  var seeds = 3

  @Option(
    help: ArgumentHelp(
      "Repeat on this many splits of the same rows, and say what holds on all of them.", valueName: "number"))
  var splits = 1

  @Flag(help: "One seed, and no methods tried.")
  var quick = false

  @Option(
    help: ArgumentHelp(
      "Methods to try where something is wrong (default: \(Experiment.usuallyTried.joined(separator: ","))).",
      valueName: "a,b"), completion: .methods)
  var methods: String?

  @Option(help: ArgumentHelp("Telling samples of each kind.", valueName: "number"))
  var samples = 2

  @Option(help: ArgumentHelp("Trainings at the same time (default: as many as the cores admit).", valueName: "number"))
  var jobs: Int?

  @Flag(
    help:
      "Print what there is to train, a command for each run, the dearest first; those finished in --out are left out.")
  var plan = false

  @Option(
    help: ArgumentHelp(
      "Do some of the runs and give no answer: 3/40 is the third of forty shares, runs/joint:0 a run, as --plan names it.",
      valueName: "share"))
  var only: String?

  @Flag(help: "Train nothing: answer by the runs that are finished, and name the missing ones.")
  var join = false

  @OptionGroup var configuration: ConfigurationOptions

  @OptionGroup var table: TableOptions

  @Option(help: ArgumentHelp("Of raw samples: \(TaskOption.help)", valueName: "task"))
  var task: String?

  @Flag(help: "Of raw samples: go on where more than 5 % of the rows, a class or a modality is lost.")
  var allowLoss = false

  @OptionGroup var lock: LockOptions

  @Flag(help: "Train anew what is there already.")
  var again = false

  @Flag(help: "Print all that can be said, and the tables that it rests on.")
  var tables = false

  @Flag(help: "Print the diagnosis as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func validate() throws {
    if seeds < 1 { throw ValidationError("--seeds is \(seeds); at least 1 is needed.") }
    if splits < 1 { throw ValidationError("--splits is \(splits); at least 1 is needed.") }
    if samples < 0 { throw ValidationError("--samples is \(samples); at least 0 is needed.") }
    if let jobs, jobs < 1 { throw ValidationError("--jobs is \(jobs); at least 1 is needed.") }
    if let part = try Shares.option(plan: plan, only: only, join: join), splits > 1 {
      throw ValidationError("\(part) is of one split; leave --splits out.")
    }
  }

  func run() throws {
    let output = Output(talk)
    let begun = ContinuousClock.now
    let folder = try features(output)
    let target = URL(filePath: out ?? "runs/diagnose-\(Self.name(of: folder))")
    var request = DiagnoseRequest(subject: folder, out: target)
    request.seeds = seeds
    request.quick = quick
    request.methods = try methods.map(Listed.methods) ?? []
    request.samples = samples
    request.jobs = jobs ?? 0
    request.files = configuration.urls
    request.settings = configuration.settings
    request.again = again
    request.wait = lock.wait
    request.joins = join
    if plan {
      return try Shares.say(
        Experiment.jobs(of: request),
        then: quick ? "--join gives the answer" : "--join gives the answer; --quick tries no methods", output)
    }
    if let only {
      let share = try ComparisonShare(only)
      return try Shares.train(in: target, output) {
        try Experiment.diagnose(request, only: share, stop: Interruption.flag(), events: output.events)
      }
    }
    var diagnosis: ModelDiagnosis
    do {
      diagnosis = try Experiment.diagnose(request, splits: splits, stop: Interruption.flag(), events: output.events)
    } catch is CancellationError {
      output.clear()
      throw Comparison.interrupted(target.relativePath)
    }
    let text = DiagnosisText(diagnosis, titles: MethodTitles.byName)
    diagnosis.words = text.paragraphs.map { "\($0.heading): \($0.text)" }
    try diagnosis.write(to: target)
    output.clear()
    let width = output.surroundings.width
    if json {
      try output.data(diagnosis.json())
    } else {
      try output.answer(tables ? text.text(width: width) : text.answer(width: min(width, 80)))
    }
    let report = try ReportPage.write(
      ReportContents(reading: [target]), to: target.appending(path: "report"), markdown: text.markdown)
    if !report.hasPlotly { output.note(ReportPage.stillness) }
    if !json, !tables { output.note("--tables prints what this rests on") }
    let seconds = (ContinuousClock.now - begun) / .seconds(1)
    output.say(
      "Done",
      Words.made(
        [target.appending(path: ModelDiagnosis.fileName), report.page].map(\.relativePath), seconds: seconds))
    if let next = text.next { next.split(separator: "\n").forEach { output.say("Next", String($0)) } }
  }

  /// The run or the feature set; raw samples are encoded first, into a folder beside, as `encode` does by default.
  private func features(_ output: Output) throws -> URL {
    let place = URL(filePath: subject)
    if RunFolder(place).exists { return place }
    guard Place.isRaw(subject) else { return try Place.features(subject) }
    let name = place.deletingPathExtension().relativePath.trimmingSuffix("/")
    let out = URL(filePath: name + "-features")
    output.note(
      "'\(subject)' holds raw samples: they are encoded to '\(out.relativePath)'; 'seesaw encode' chooses encoders and columns"
    )
    var request = EncodeRequest(raw: place, out: out)
    request.usualEncoders = FetchedEncoders().folders
    request.table = table.request
    request.table.task = try TaskOption.checked(task)
    request.allowLoss = allowLoss
    let summary: EncodeSummary
    do {
      summary = try Experiment.encode(request, stop: Interruption.flag(), events: output.events)
    } catch is CancellationError {
      output.clear()
      throw Comparison.interrupted(out.relativePath)
    }
    EncodeTalk.tell(summary, output)
    return out
  }

  /// A name for what is made of a data set or a run: `emoji`, or `balgrad-seed-0` for a run in a comparison.
  static func name(of folder: URL) -> String {
    let name = Place.name(of: folder)
    guard RunFolder(folder).exists else { return name }
    let above = Place.name(of: folder.standardizedFileURL.deletingLastPathComponent())
    return name.hasPrefix("seed-") ? "\(above)-\(name)" : name
  }
}
