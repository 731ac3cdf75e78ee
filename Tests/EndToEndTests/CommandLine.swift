import Foundation
import Records
import Testing

/// What a command line led to.
struct Answer {
  let status: Int32
  let out: String
  let error: String

  /// Stdout as JSON.
  func json() throws -> Tree { try Tree(json: out, place: "stdout") }

  /// The last line of the talk.
  var lastWords: String { error.split(separator: "\n").last.map(String.init) ?? "" }
}

/// The built command.
enum Seesaw {
  /// `SEESAW_BINARY`, else beside the tests, else in the package's build folder.
  static let binary: URL = {
    if let path = ProcessInfo.processInfo.environment["SEESAW_BINARY"] { return URL(filePath: path) }
    let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let folders = [Bundle.main.bundleURL, Bundle.main.bundleURL.deletingLastPathComponent()]
    let candidates = folders.map { $0.appending(path: "seesaw") } + [package.appending(path: ".build/debug/seesaw")]
    return candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) } ?? candidates[0]
  }()

  /// Runs a command line in a folder, and waits for its end.
  static func run(
    _ arguments: [String], in folder: URL, input: String? = nil, environment: [String: String] = [:]
  ) throws -> Answer {
    let command = try Running(arguments, in: folder, input: input, environment: environment)
    return try command.end()
  }
}

/// A command on its way.
final class Running {
  let process = Process()
  private let logs: URL
  /// The talk, where somebody listens to it.
  private let talk: Pipe?
  private(set) var heard = Data()

  init(
    _ arguments: [String], in folder: URL, input: String? = nil, environment: [String: String] = [:],
    listening: Bool = false
  ) throws {
    talk = listening ? Pipe() : nil
    try #require(
      FileManager.default.isExecutableFile(atPath: Seesaw.binary.path), "build the command first: \(Seesaw.binary.path)"
    )
    logs = folder.appending(path: ".command-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: logs, withIntermediateDirectories: true)
    process.executableURL = Seesaw.binary
    process.arguments = arguments
    process.currentDirectoryURL = folder
    var surroundings = ProcessInfo.processInfo.environment
    surroundings["OMP_NUM_THREADS"] = "1"
    surroundings["SEESAW_DATA"] = nil
    // Encoders that somebody fetched must not change what is tested.
    surroundings["SEESAW_WEIGHTS"] = ""
    process.environment = surroundings.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    if let input {
      let url = logs.appending(path: "in")
      try Data(input.utf8).write(to: url)
      process.standardInput = try FileHandle(forReadingFrom: url)
    }
    process.standardOutput = try Self.file(logs.appending(path: "out"))
    process.standardError = try talk ?? Self.file(logs.appending(path: "error"))
    try process.run()
    try talk?.fileHandleForWriting.close()
  }

  /// What it has said so far, to somebody who listens.
  var said: String { String(decoding: heard, as: UTF8.self) }

  /// Waits until the command has said something.
  func wait(for words: String) throws {
    while !said.contains(words) {
      let more = talk?.fileHandleForReading.availableData ?? Data()
      try #require(!more.isEmpty, "the command ended without saying '\(words)'")
      heard += more
    }
  }

  private static func file(_ url: URL) throws -> Any {
    try Data().write(to: url)
    return try FileHandle(forWritingTo: url)
  }

  func end() throws -> Answer {
    if let talk { heard += talk.fileHandleForReading.readDataToEndOfFile() }
    process.waitUntilExit()
    func text(_ name: String) throws -> String { try String(contentsOf: logs.appending(path: name), encoding: .utf8) }
    return Answer(
      status: process.terminationStatus, out: try text("out"),
      error: talk == nil ? try text("error") : String(decoding: heard, as: UTF8.self))
  }
}
