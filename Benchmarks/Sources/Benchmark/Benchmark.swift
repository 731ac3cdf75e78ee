import Foundation
import Seesaw

/// What our steps, epochs and comparisons cost, against the bare matrix products and against plain eager PyTorch.
///
///     Benchmark [--quick] --python PATH        everything, interleaved in one run
///     Benchmark check --python PATH            that the reference computes what we compute
///     Benchmark steps joint,balgrad --python PATH [--shape small|wide] [--classes C]    a step of some methods alone
///     Benchmark costs --python PATH            a step of every method; renews the costs on the methods' pages
///     Benchmark features FOLDER --samples N --width D --classes C
///     Benchmark profile                        where the time goes, by perf (Linux); renews its table in the README
///     Benchmark processes [--rounds N]         a step of one process on a core against two on two cores
///     Benchmark stream FOLDER [--rounds N]     an epoch over features on the disk, and how fast the disk is
@main
struct Benchmark {
  static func main() {
    do {
      try run(Arguments(CommandLine.arguments.dropFirst()))
    } catch {
      FileHandle.standardError.write(Data("benchmark: \(Diagnosis(describing: error).description)\n".utf8))
      exit(1)
    }
  }

  private static func run(_ arguments: Arguments) throws {
    switch arguments.words.first {
    case "features":
      guard arguments.words.count == 2 else { throw BenchmarkError("features needs a folder") }
      var made = MadeFeatures()
      made.samples = try arguments.number("samples") ?? made.samples
      made.shape.width = try arguments.number("width") ?? made.shape.width
      made.shape.classes = try arguments.number("classes") ?? made.shape.classes
      try made.write(to: URL(filePath: arguments.words[1]))
    case "stream":
      guard arguments.words.count == 2 else { throw BenchmarkError("stream needs a folder") }
      print(
        try Streaming(folder: URL(filePath: arguments.words[1]))
          .table(rounds: arguments.number("rounds") ?? 3, threads: arguments.number("threads") ?? 1).text)
    case "steps":
      let name = arguments.options["shape"] ?? "paper"
      guard var shape = ["paper": Shape.paper, "small": .small, "wide": .wide][name] else {
        throw BenchmarkError("--shape is '\(name)', none of paper, small, wide")
      }
      shape.classes = try arguments.number("classes") ?? shape.classes
      let methods = (arguments.words.dropFirst().first ?? "joint,balgrad").split(separator: ",").map(String.init)
      try Report(arguments, reference(arguments)).steps(of: methods, shape)
    case "costs":
      try Report(arguments, reference(arguments)).costs()
    case "profile":
      try Profile(
        scratch: FileManager.default.temporaryDirectory.appending(path: "seesaw-profile-\(UUID().uuidString)"),
        threads: arguments.number("threads") ?? ProcessInfo.processInfo.activeProcessorCount
      ).run()
    case "work":
      // What `profile` has looked at, each in a process of its own.
      guard arguments.words.count == 3, let work = Profile.Work(rawValue: arguments.words[1]) else {
        throw BenchmarkError("work needs step, epoch or comparison, and a folder")
      }
      Runtime.setThreads(try arguments.number("threads") ?? ProcessInfo.processInfo.activeProcessorCount)
      try Profile.work(work, in: URL(filePath: arguments.words[2]))
    case "processes":
      print(
        try Processes()
          .table(rounds: arguments.number("rounds") ?? 12).text)
    case "process":
      // One of those that `processes` starts.
      guard arguments.words.count == 2, let kind = Processes.Kind(rawValue: arguments.words[1]),
        let member = try arguments.number("member"), let count = try arguments.number("count"),
        let store = arguments.options["store"]
      else { throw BenchmarkError("process needs a kind, --member, --count and --store") }
      try Processes.serve(kind, rank: member - 1, of: count, store: store)
    case "check":
      try Agreement(reference(arguments)).check()
    case nil:
      try Report(arguments, reference(arguments)).run()
    case let word?:
      throw BenchmarkError("'\(word)' is none of check, costs, features, processes, profile, steps, stream")
    }
  }

  private static func reference(_ arguments: Arguments) throws -> Reference {
    guard let python = arguments.options["python"] else {
      throw BenchmarkError("--python names the interpreter that has PyTorch; make bench sets it up")
    }
    return try Reference(python: URL(filePath: python), folder: folder.appending(path: "reference"))
  }

  /// The folder Benchmarks.
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}

/// Words, `--name value` and `--quick`.
struct Arguments {
  var words: [String] = []
  var options: [String: String] = [:]
  var quick = false

  init(_ arguments: ArraySlice<String>) throws {
    var rest = arguments
    while let word = rest.popFirst() {
      if word == "--quick" {
        quick = true
      } else if word.hasPrefix("--") {
        guard let value = rest.popFirst() else { throw BenchmarkError("\(word) needs a value") }
        options[String(word.dropFirst(2))] = value
      } else {
        words.append(word)
      }
    }
  }

  func number(_ name: String) throws -> Int? {
    guard let text = options[name] else { return nil }
    guard let number = Int(text), number > 0 else { throw BenchmarkError("--\(name) is '\(text)', no number above 0") }
    return number
  }
}
