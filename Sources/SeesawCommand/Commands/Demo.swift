import ArgumentParser
import Experiments
import Foundation
import Records

struct Demo: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract:
      "Do the whole work on real data: encode pictures and names of emoji, compare three methods, print the table, write a page.",
    discussion:
      "What is done already in --out is not done again; what an older version made there of the same samples is replaced."
  )

  static let examples = ["seesaw demo", "seesaw demo --seeds 2 --out my-demo"]

  @Option(
    help: ArgumentHelp(
      "The folder of the emoji data, or other raw samples: anything that encode reads.", valueName: "folder"))
  var data: String?

  @Option(help: ArgumentHelp("How many seeds: 0, 1, 2, ….", valueName: "number"))
  var seeds = Compare.defaultSeeds

  @Option(help: ArgumentHelp("The folder of features, runs and results.", valueName: "folder"))
  var out = "runs/demo"

  @Option(help: ArgumentHelp("Runs at the same time (default: one a core).", valueName: "number"))
  var jobs: Int?

  @Flag(help: "Take the encoders that come with Seesaw, also where pretrained ones are there.")
  var builtInEncoders = false

  @Flag(help: "Print the results as JSON.")
  var json = false

  @OptionGroup var talk: TalkOptions

  func validate() throws {
    if seeds < 1 { throw ValidationError("--seeds is \(seeds); at least 1 is needed.") }
    if let jobs, jobs < 1 { throw ValidationError("--jobs is \(jobs); at least 1 is needed.") }
  }

  func run() throws {
    let output = Output(talk)
    let raw = try DemoData(named: data).locate()
    let target = URL(filePath: out)
    let features = target.appending(path: "features")
    do {
      var encoding = EncodeRequest(raw: raw, out: features)
      encoding.renews = true
      if !builtInEncoders { encoding.usualEncoders = FetchedEncoders().folders }
      let summary = try Experiment.encode(encoding, stop: Interruption.flag(), events: output.events)
      for note in summary.notes { output.note(note) }
      output.say("Features", Self.encoded(summary))
    } catch is CancellationError {
      output.clear()
      throw Comparison.interrupted(out)
    } catch var diagnosis as Diagnosis where diagnosis.place == features.relativePath && diagnosis.exitStatus == .usage
    {
      // What it has not made itself it does not remove.
      diagnosis.remedy = "choose another --out, or remove them:  rm -r \(features.relativePath)"
      throw diagnosis
    }
    var request = CompareRequest(data: features, methods: Compare.defaultMethods, seeds: seeds, out: target)
    request.jobs = jobs ?? 0
    request.renews = true
    try Comparison.run(request, json: json, output)
  }

  /// What the comparison begins with.
  static func encoded(_ summary: EncodeSummary) -> String {
    summary.alreadyDone ? "\(summary.folder), made before" : Words.made(summary)
  }
}

/// Where the emoji data is to be found.
struct DemoData {
  /// What `--data` says.
  var named: String?
  var environment = ProcessInfo.processInfo.environment
  var executable = Executable.url
  var workingFolder = URL(filePath: FileManager.default.currentDirectoryPath)

  init(named: String? = nil) { self.named = named }

  /// The folder below which it is looked for.
  static let path = "Data/emoji"

  /// The folder with the samples: the one that is named, else that of `SEESAW_DATA`, else `Data/emoji` in a folder above
  /// the program or above the working folder.
  func locate() throws -> URL {
    if let named {
      let url = URL(filePath: named)
      guard Self.holdsSamples(url) else {
        throw Diagnosis(
          "there are no samples in '\(named)'", remedy: "seesaw check says what is there, and which command takes it",
          exitStatus: .input)
      }
      return url
    }
    if let variable = environment["SEESAW_DATA"], !variable.isEmpty {
      let root = URL(filePath: variable)
      guard
        let found = [root, root.appending(path: "emoji"), root.appending(path: Self.path)].first(
          where: Self.holdsSamples)
      else {
        throw Diagnosis(
          "there is no emoji data in '\(variable)'", place: "SEESAW_DATA",
          remedy: "it should name a folder with emoji/samples.csv in it", exitStatus: .input)
      }
      return found
    }
    let starts = [executable?.deletingLastPathComponent(), executable.map(Executable.sharedFolder(of:)), workingFolder]
    for start in starts.compactMap({ $0 }) {
      let found = start.above { folder in
        [folder.appending(path: Self.path)].filter(Self.holdsSamples)
      }
      if let found { return found[0] }
    }
    throw Diagnosis(
      "the emoji data was not found",
      found: ["looked for \(Self.path)/samples.csv above the program and above this folder"],
      remedy: "name its folder with --data, or the folder around it with SEESAW_DATA", exitStatus: .input)
  }

  private static func holdsSamples(_ folder: URL) -> Bool {
    Experiment.isRaw(folder)
  }
}
