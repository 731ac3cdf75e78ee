import Foundation
import Seesaw

/// What a step takes that several processes share, each with one thread.
///
/// One process and two are kept at the ready and work by turns, a short block each. On a machine that does other things a block
/// is as fast as what it was disturbed by, so that the fastest blocks of each are compared as well as the medians.
struct Processes {
  enum Kind: String, CaseIterable {
    case joint, balgrad, wide, encoder

    var words: String {
      switch self {
      case .joint: "joint, features: \(shape.words)"
      case .balgrad, .wide: "balgrad, features: \(shape.words)"
      case .encoder: "balgrad, resnet-18 on pictures of 64 × 64 and features: \(shape.words)"
      }
    }

    var shape: Shape {
      switch self {
      case .joint, .balgrad: .paper
      case .wide: Shape(width: 4096, batch: 1024)
      case .encoder: Shape(classes: 8, batch: 64)
      }
    }

    /// Steps of a block: about a third of a second.
    var steps: Int {
      switch self {
      case .joint, .balgrad: 25
      case .wide: 2
      case .encoder: 1
      }
    }
  }

  func table(rounds: Int) throws -> Table {
    var table = Table(
      title: "A step of one process with one thread, and of two with one thread each",
      columns: ["step", "one process, ms", "two processes, ms", "one against two", "fastest blocks"],
      note:
        "One batch, shared by two processes on one machine; \(rounds) blocks of each by turns. The medians, and between "
        + "which values the middle half of the ratios lies; then the ratio of the fastest blocks.")
    for kind in Kind.allCases {
      let crews = try [1, 2].map { try Crew(kind, count: $0) }
      let times = try race(
        crews.map { crew in Contestant(name: "\(crew.count)") { try crew.block() } }, rounds: rounds)
      let (one, two) = (times["1"] ?? [], times["2"] ?? [])
      table.rows.append([
        kind.words, number(Spread(one).median * 1000, 1), number(Spread(two).median * 1000, 1),
        Spread(one, over: two).words(), number((one.min() ?? .nan) / (two.min() ?? .nan)),
      ])
    }
    return table
  }

  static let request = "block"

  /// Answers each request on the input with the seconds of a step, as one of a crew's processes.
  static func serve(_ kind: Kind, rank: Int, of count: Int, store: String) throws {
    Runtime.setThreads(1)
    let group =
      try count > 1
      ? ProcessGroup(
        .file(store, count: count, seconds: 60), name: "benchmark", rank: rank, count: count, address: "localhost")
      : nil
    let candidate = try Candidate(
      kind == .joint ? "joint" : "balgrad", kind.shape, side: kind == .encoder ? 64 : nil, group: group)
    while let line = readLine(), line == Self.request {
      // All have come before the clock starts.
      try group?.meet()
      print(try candidate.time(steps: kind.steps))
      fflush(nil)
    }
  }
}

/// The processes that share a step.
private final class Crew {
  let count: Int
  private var members: [(process: Process, requests: Pipe, answers: Pipe)] = []
  private let store = FileManager.default.temporaryDirectory.appending(path: "seesaw-processes-\(UUID().uuidString)")

  init(_ kind: Processes.Kind, count: Int) throws {
    self.count = count
    for member in 1...count {
      let (process, requests, answers) = (Process(), Pipe(), Pipe())
      process.executableURL = URL(filePath: CommandLine.arguments[0])
      process.arguments = [
        "process", kind.rawValue, "--member", "\(member)", "--count", "\(count)", "--store", store.path,
      ]
      (process.standardInput, process.standardOutput) = (requests, answers)
      try process.run()
      members.append((process, requests, answers))
    }
  }

  deinit {
    for member in members { try? member.requests.fileHandleForWriting.write(contentsOf: Data("end\n".utf8)) }
    for member in members { member.process.waitUntilExit() }
    try? FileManager.default.removeItem(at: store)
  }

  /// Seconds of a step: of the slowest.
  func block() throws -> Double {
    for member in members {
      try member.requests.fileHandleForWriting.write(contentsOf: Data("\(Processes.request)\n".utf8))
    }
    return try members.map { member in
      let text = String(decoding: member.answers.fileHandleForReading.availableData, as: UTF8.self)
      guard let seconds = Double(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
        throw BenchmarkError("a process ended; what it said is above")
      }
      return seconds
    }.max() ?? .nan
  }
}
