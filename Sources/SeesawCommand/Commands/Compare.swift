import ArgumentParser
import Experiments
import Foundation
import Records
import Reports

struct Compare: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Train several methods with several seeds and put them side by side.",
    discussion: "What is done already in --out is not done again. Ends with a page: report/index.html in --out.")

  static let examples = [
    "seesaw compare my-data --methods joint,uniform,balgrad --seeds 10 --jobs 4 --json > results.json",
    "seesaw compare my-data --recipe ablation --plan > jobs.txt",
  ]

  @Argument(help: "The folder of a feature set.", completion: .directory)
  var data: String

  @Option(
    help: ArgumentHelp(
      "Methods, with commas between them, or 'all' (default: \(Compare.defaultMethods.joined(separator: ","))).",
      valueName: "a,b"), completion: .methodsOrAll)
  var methods: String?

  @Option(
    help: ArgumentHelp(
      "What to compare, as a file: ablation, sensitivity, balance, … of the folder Recipes, or a path.",
      valueName: "recipe"), completion: .recipe)
  var recipe: String?

  @Flag(
    inversion: .prefixedNo,
    help: "Also train a model for each condition alone, and say what each method gives away against it.")
  var specialists = true

  @Flag(help: "Also score every run with 0, 10, … 100 % of the test samples impaired.")
  var sweep = false

  @Option(
    help: ArgumentHelp(
      "How many seeds: 0, 1, 2, … (default: \(Compare.defaultSeeds), or the recipe's).", valueName: "number"))
  var seeds: Int?

  @Flag(
    help:
      "Give each row the number of epochs at which its updates, with those of models trained besides, equal joint training's (the first row's without joint training)."
  )
  var equalUpdates = false

  @Option(
    help: ArgumentHelp(
      "Repeat on this many splits of the same rows, the data's own first, so that intervals include the variation between splits.",
      valueName: "number"))
  var splits = 1

  @Option(
    help: ArgumentHelp(
      "The row that others are compared with (default: joint, or the first where it is not there).", valueName: "method"
    ), completion: .method)
  var baseline: String?

  @Option(help: ArgumentHelp("The folder of runs and results (default: runs/compare-<data>).", valueName: "folder"))
  var out: String?

  @Flag(
    help: "Print what there is to do, a command for each run, the dearest first; those finished in --out are left out.")
  var plan = false

  @Option(
    help: ArgumentHelp(
      "Do some of the runs and make no table: 3/40 is the third of forty shares, balgrad:3 a run, balgrad all its seeds.",
      valueName: "share"))
  var only: String?

  @Flag(help: "Train nothing: make the table of the runs that are finished, and name the missing ones.")
  var join = false

  @Option(help: ArgumentHelp("Runs at the same time (default: one a core).", valueName: "number"))
  var jobs: Int?

  @Option(
    help: ArgumentHelp(
      "Trials of a search by validation score for every row: learning rate and the method's own numbers.",
      valueName: "number"))
  var tune: Int?

  @Option(
    help: ArgumentHelp(
      "Put score against balance, and say which row to take: \(ParetoFront.Preference.allowed.joined(separator: ", ")).",
      valueName: "preference"),
    transform: { word in
      do { return try ParetoFront.Preference(named: word) } catch {
        throw ValidationError(Diagnosis(describing: error).what)
      }
    })
  var prefer: ParetoFront.Preference?

  @OptionGroup var configuration: ConfigurationOptions

  @OptionGroup var lock: LockOptions

  @Flag(help: "Also write TensorBoard's event files into the runs' folders.")
  var tensorboard = false

  @Option(
    help: ArgumentHelp(
      "Also write the runs into a folder as MLflow keeps runs (mlflow ui --backend-store-uri FOLDER).",
      valueName: "folder"))
  var mlflow: String?

  @Flag(help: "Print the results as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  static let defaultMethods = ["joint", "balgrad", "fulcrum"]
  static let defaultSeeds = 5

  func validate() throws {
    if let seeds, seeds < 1 { throw ValidationError("--seeds is \(seeds); at least 1 is needed.") }
    if splits < 1 { throw ValidationError("--splits is \(splits); at least 1 is needed.") }
    if splits > 1, sweep { throw ValidationError("--sweep is of one split; leave --splits out.") }
    if let tune, tune < 1 { throw ValidationError("--tune is \(tune); at least 1 is needed.") }
    if let jobs, jobs < 1 { throw ValidationError("--jobs is \(jobs); at least 1 is needed.") }
    if let part = try Shares.option(plan: plan, only: only, join: join) {
      let others = [("--splits", splits > 1), ("--equal-updates", equalUpdates)]
      if let other = others.first(where: \.1) {
        throw ValidationError("\(part) is of a comparison whose runs are known beforehand; leave \(other.0) out.")
      }
    }
    if recipe != nil, methods != nil { throw ValidationError("--recipe names the methods; leave --methods out.") }
  }

  func run() throws {
    let output = Output(talk)
    let recipe = try recipe.map { try Recipe($0, in: Place.aboveProgramAndHere()) }
    let folder = try Place.features(data)
    let target = URL(filePath: out ?? "runs/compare-\(Place.name(of: folder))")
    var request =
      try recipe.map { CompareRequest(data: folder, recipe: $0, seeds: seeds, out: target) }
      ?? CompareRequest(data: folder, rows: rows(on: folder, output), seeds: seeds ?? Self.defaultSeeds, out: target)
    if sweep, request.sweepRatios.isEmpty { request.sweepRatios = Experiment.usualRatios }
    request.files = configuration.urls
    request.settings += configuration.settings
    request.jobs = jobs ?? 0
    request.wait = lock.wait
    request.tensorboard = tensorboard
    request.mlflow = mlflow.map { URL(filePath: $0) }
    request.tuning = tune ?? 0
    request.specialists = specialists
    request.equalUpdates = equalUpdates
    request.baseline = baseline
    request.joins = join
    if plan { return try printPlan(of: request, output) }
    if let only { return try train(ComparisonShare(only), of: request, output) }
    try Comparison.run(request, recipe, splits: splits, prefer: prefer, json: json, output)
  }

  private func printPlan(of request: CompareRequest, _ output: Output) throws {
    let jobs = try Experiment.jobs(of: request)
    try Shares.say(
      jobs,
      then: jobs.contains(where: \.isTrial)
        ? "these trials choose the settings of the runs, which --plan lists once they are done"
        : "--join makes the table", output)
  }

  private func train(_ share: ComparisonShare, of request: CompareRequest, _ output: Output) throws {
    try Shares.train(in: request.out, output) {
      try Experiment.compare(request, only: share, stop: Interruption.flag(), events: output.events)
    }
  }

  private func rows(on folder: URL, _ output: Output) throws -> [ComparisonRow] {
    if methods?.lowercased() == "all" {
      let (rows, leftOut) = try ComparisonRow.all(on: folder)
      for note in leftOut { output.note(note) }
      return rows
    }
    return try Listed.methods(methods ?? Self.defaultMethods.joined(separator: ","))
      .map { ComparisonRow(label: $0, method: $0) }
  }
}

/// What `compare` and `diagnose` share where their runs are divided among processes.
enum Shares {
  /// Which of `--plan`, `--only` and `--join` is given; two are refused.
  static func option(plan: Bool, only: String?, join: Bool) throws -> String? {
    let given = [("--plan", plan), ("--only", only != nil), ("--join", join)].filter(\.1).map(\.0)
    if given.count > 1 { throw ValidationError("\(given[0]) and \(given[1]) do not go together.") }
    return given.first
  }

  /// Does a share of the runs, and says how many they were.
  static func train(in folder: URL, _ output: Output, _ work: () throws -> (done: Int, of: Int)) throws {
    let begun = ContinuousClock.now
    let (done, all): (Int, Int)
    do { (done, all) = try work() } catch is CancellationError {
      output.clear()
      throw Comparison.interrupted(folder.relativePath)
    }
    let seconds = (ContinuousClock.now - begun) / .seconds(1)
    output.say(
      "Done", Words.made(["\(done) of \(Words.plural(all, "run")) in \(folder.relativePath)"], seconds: seconds))
  }

  /// Prints what `--plan` prints.
  ///
  /// - Parameter next: what is to be done when all is.
  static func say(_ jobs: [ComparisonJob], then next: String, _ output: Output) throws {
    let open = jobs.filter { !$0.isDone }
    let command = AuditCommand.command(CommandLine.arguments.filter { $0 != "--plan" })
    if !open.isEmpty {
      try output.data(open.map { "\(command) --only \($0.name.shellQuoted)" }.joined(separator: "\n"))
    }
    output.say("Plan", "\(open.count) of \(Words.plural(jobs.count, "run")) to do; \(next)")
  }
}

/// What `compare` and `demo` share: the work, the table, the sentences, the files.
enum Comparison {
  static func run(
    _ request: CompareRequest, _ recipe: Recipe? = nil, splits: Int = 1, prefer: ParetoFront.Preference? = nil,
    json: Bool,
    _ output: Output
  ) throws {
    let begun = ContinuousClock.now
    let results: ComparisonResults
    do {
      results = try Experiment.compare(request, splits: splits, stop: Interruption.flag(), events: output.events)
    } catch is CancellationError {
      output.clear()
      throw interrupted(request.out.relativePath)
    }
    var files = [request.out.appending(path: "results.json")]
    var sweep: SweepTable?
    if !request.sweepRatios.isEmpty, splits == 1 {
      files.append(request.out.appending(path: "sweep.json"))
      sweep = try Tree.read(SweepTable.self, from: files[1])
    }
    if request.tuning > 0, splits == 1 { files.append(request.out.appending(path: "tuning.json")) }
    files.append(request.out.appending(path: "table.md"))
    let page = ComparisonPage(results, recipe, sweep, prefer: prefer)
    try AtomicFile.write(Data(page.markdown.utf8), to: files[files.count - 1])
    let report = try ReportPage.write(
      ReportContents(reading: [request.out]), to: request.out.appending(path: "report"), markdown: page.markdown)
    if !report.hasPlotly { output.note(ReportPage.stillness) }
    files.append(report.page)
    if json { try output.data(results.json()) } else { try output.answer(page.text(width: output.surroundings.width)) }
    let seconds = (ContinuousClock.now - begun) / .seconds(1)
    output.say("Done", Words.made(files.map(\.relativePath), seconds: seconds))
    if let next = ComparisonNext.command(
      results, data: request.data.relativePath, titles: MethodTitles.byName)
    {
      output.say("Next", next)
    }
  }

  static func interrupted(_ folder: String) -> Diagnosis {
    Diagnosis(
      "stopped before the end; what is finished is kept", place: folder,
      remedy: "the same command goes on from there", exitStatus: .interrupted)
  }
}

/// What is shown of a comparison: its table, what a paper printed beside it, a sweep, and what all this says.
struct ComparisonPage {
  private let results: ComparisonResults
  private let printed: PrintedTable?
  private let sweep: SweepTable?
  private let front: FrontText?
  private let prefer: ParetoFront.Preference?

  init(
    _ results: ComparisonResults, _ recipe: Recipe? = nil, _ sweep: SweepTable? = nil,
    prefer: ParetoFront.Preference? = nil
  ) {
    self.results = results
    self.prefer = prefer
    front = FrontText(results, titles: MethodTitles.byName)
    self.sweep = sweep
    printed = recipe.flatMap {
      PrintedTable(results, expected: $0.expected, source: $0.source, titles: MethodTitles.byName)
    }
  }

  private var sentences: [String] {
    Findings(results, titles: MethodTitles.byName).sentences + [pick].compactMap { $0 }
  }

  /// Which row the preference takes; nil where none was named.
  private var pick: String? {
    prefer.map { front?.sentence($0) ?? "No row can be picked: fewer than two have a full score and a balance." }
  }

  /// For a terminal: what was found, the table, and what was asked for besides.
  func text(width: Int) -> String {
    let found = Findings(results, titles: MethodTitles.byName).sentences.map {
      wrapped($0, width: min(width, 100)).joined(separator: "\n")
    }
    let table = ComparisonTable(results, titles: MethodTitles.byName).text(width: width)
    let others = [
      printed?.text, sweep.map { SweepText($0, titles: MethodTitles.byName).text }, prefer == nil ? nil : front?.text,
      pick.map { wrapped($0, width: min(width, 100)).joined(separator: "\n") },
    ]
    .compactMap { $0 }
    return (found + [table] + others).joined(separator: "\n\n")
  }

  var markdown: String {
    let table = ComparisonTable(results, titles: MethodTitles.byName).markdown()
    let others = [
      TestsText(results, titles: MethodTitles.byName)?.markdown, printed?.markdown,
      sweep.map { SweepText($0, titles: MethodTitles.byName).markdown }, front?.markdown,
    ]
    return ([table] + others.compactMap { $0 } + [sentences.joined(separator: "\n\n") + "\n"]).joined(separator: "\n")
  }
}

/// The program that runs.
enum Executable {
  static var url: URL? { Bundle.main.executableURL?.resolvingSymlinksInPath() }

  /// `share/seesaw` beside the folder of the program, where `make install` puts recipes, the demo's data and Plotly.
  static var shared: URL? { url.map(sharedFolder(of:)) }

  static func sharedFolder(of program: URL) -> URL {
    program.deletingLastPathComponent().deletingLastPathComponent().appending(path: "share/seesaw")
  }
}
