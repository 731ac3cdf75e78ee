import ArgumentParser
import Experiments
import Foundation
import Records
import ServeOptions

struct Serve: ParsableCommand, Exemplified {
  static let configuration = CommandConfiguration(
    abstract: "Answer requests with the models of runs, over HTTP.",
    discussion: """
      POST /v1/models/NAME/predict takes a sample as 'predict' reads one, {"text": …, "image": base64, "features": {…}}, or \
      several, {"instances": […]}, or a form (multipart/form-data) with the files themselves, and answers as 'predict \
      --json' does. GET /openapi.json describes all of it; /health/live, /health/ready and /metrics (Prometheus) are for \
      those who look after it. SIGTERM and Ctrl-C stop it once it has answered what has arrived.

      It listens at this machine alone, speaks no TLS and asks nobody who they are: put a proxy before it where others ask \
      (Documentation/serving.md). The server is a program of its own: 'make serve' builds it.
      """)

  static let examples = [
    "seesaw serve my-run",
    "seesaw serve runs/a runs/b --names a,b --port 9000 --rate 50",
  ]

  @OptionGroup var options: ServeOptions

  func run() throws {
    // What is wrong with the command line is said here, whether the server is built or not.
    _ = try options.models()
    _ = try options.bodyLimit()
    try ServerProgram.become(options.words)
  }
}

/// The program that serves, beside this one.
enum ServerProgram {
  static let name = "seesaw-serve"
  private static let remedy = "'make serve' builds it"

  static var url: URL? { Executable.url?.deletingLastPathComponent().appending(path: name) }

  /// Nil where it is not built.
  private static var path: String? {
    url.map(\.path).flatMap { FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil }
  }

  static var finding: Finding {
    path.map { Finding("server", .good, $0) } ?? Finding("server", .good, "'serve' is not built", remedy: remedy)
  }

  /// Goes on as that program.
  ///
  /// - Throws: a `Diagnosis` where it is not built or cannot be started.
  static func become(_ words: [String]) throws {
    guard let path else {
      throw Diagnosis("the server is not built", place: url?.path, remedy: remedy, exitStatus: .input)
    }
    var arguments = ([path] + words).map { strdup($0) }
    arguments.append(nil)
    execv(path, arguments)
    throw Diagnosis("the server cannot be started", place: path, found: [String(cString: strerror(errno))])
  }
}
