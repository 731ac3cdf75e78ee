import ArgumentParser
import Experiments
import Foundation
import Records
import Reports

struct Compare: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Train several methods with several seeds and put them side by side.",
    discussion: "What is done already in --out is not done again.")

  static let examples = [
    "seesaw compare my-data --methods joint,balgrad --seeds 5",
    "seesaw compare my-data --methods joint,uniform,balgrad --seeds 10 --jobs 4 --json > results.json",
  ]

  @Argument(help: "The folder of a feature set.")
  var data: String

  @Option(help: ArgumentHelp("Methods, with commas between them.", valueName: "a,b"))
  var methods = Compare.defaultMethods.joined(separator: ",")

  @Option(help: ArgumentHelp("How many seeds: 0, 1, 2, ….", valueName: "number"))
  var seeds = 5

  @Option(help: ArgumentHelp("The folder of runs and results (default: runs/compare-<data>).", valueName: "folder"))
  var out: String?

  @Option(help: ArgumentHelp("Runs at the same time, each a process of its own.", valueName: "number"))
  var jobs = 1

  @OptionGroup var configuration: ConfigurationOptions

  @Flag(help: "Print the results as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  static let defaultMethods = ["joint", "uniform", "balgrad"]

  func validate() throws {
    if seeds < 1 { throw ValidationError("--seeds is \(seeds); at least 1 is needed.") }
    if jobs < 1 { throw ValidationError("--jobs is \(jobs); at least 1 is needed.") }
  }

  func run() throws {
    let output = Output(talk)
    let names = try Listed.methods(methods)
    let folder = try Place.features(data)
    let target = URL(filePath: out ?? "runs/compare-\(Place.name(of: folder))")
    var request = CompareRequest(data: folder, methods: names, seeds: seeds, out: target)
    request.files = configuration.urls
    request.settings = configuration.settings
    request.jobs = jobs
    try Comparison.run(request, json: json, output)
  }
}

/// What `compare` and `demo` share: the work, the table, the sentences, the files.
enum Comparison {
  static func run(_ request: CompareRequest, json: Bool, _ output: Output) throws {
    let begun = ContinuousClock.now
    var request = request
    request.executable = Executable.url
    let results: ComparisonResults
    do {
      results = try Experiment.compare(request, stop: Interruption.flag(), events: output.events)
    } catch is CancellationError {
      output.clear()
      throw interrupted(request.out.relativePath)
    }
    let page = request.out.appending(path: "table.md")
    try AtomicFile.write(Data(markdown(results).utf8), to: page)
    try output.data(json ? results.json() : text(results, width: output.surroundings.width))
    let seconds = (ContinuousClock.now - begun) / .seconds(1)
    output.say(
      "Done", Words.made([request.out.appending(path: "results.json"), page].map(\.relativePath), seconds: seconds))
  }

  /// The table, and what it says.
  static func text(_ results: ComparisonResults, width: Int) -> String {
    let table = ComparisonTable(results, titles: MethodTitles.byName).text(width: width)
    return ([table] + Findings(results, titles: MethodTitles.byName).sentences).joined(separator: "\n\n")
  }

  /// The same as a page.
  static func markdown(_ results: ComparisonResults) -> String {
    let table = ComparisonTable(results, titles: MethodTitles.byName).markdown()
    return table + "\n" + Findings(results, titles: MethodTitles.byName).sentences.joined(separator: "\n\n") + "\n"
  }

  static func interrupted(_ folder: String) -> Diagnosis {
    Diagnosis(
      "stopped before the end; what is finished is kept", place: folder,
      remedy: "the same command goes on from there", exitStatus: .interrupted)
  }
}

/// The program that runs.
enum Executable {
  static var url: URL? { Bundle.main.executableURL?.resolvingSymlinksInPath() }
}
