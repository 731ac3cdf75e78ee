import ArgumentParser
import Commit
import Experiments
import Foundation
import NIOCore
import Records
import ServeOptions
import Synchronization
import Torch

/// The program behind `seesaw serve`, which is built by itself (`make serve`).
@main
struct SeesawServe: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seesaw-serve", abstract: "Answer requests with the models of runs, over HTTP ('seesaw serve').",
    version: "\(Experiment.version) (\(Commit.words))")

  @OptionGroup var options: ServeOptions

  static func main() async {
    signal(SIGPIPE, SIG_IGN)
    let command: Self
    do { command = try parse() } catch { exit(withError: error) }
    do {
      try await command.serve()
      fflush(nil)
      // What libtorch takes down one by one helps nobody.
      _exit(ExitStatus.done.rawValue)
    } catch {
      let diagnosis = Diagnosis(describing: error)
      say(diagnosis.description)
      _exit(diagnosis.exitStatus.rawValue)
    }
  }

  func run() async throws { try await serve() }

  /// Serves until a signal asks to stop.
  private func serve() async throws {
    let service = try Self.service(options)
    let signals = Signals()
    let listener = try await Listener(service, host: options.host, port: options.port)
    for model in service.models {
      note(
        "\(model.name): \(model.predictor.modalities.joined(separator: ", ")), digest \(model.predictor.digest.prefix(12))"
      )
    }
    let place =
      "\(options.host.contains(":") ? "[\(options.host)]" : options.host):\(listener.address.port ?? options.port)"
    note("listening at http://\(place) (Ctrl-C stops)")
    if !["127.0.0.1", "::1", "localhost"].contains(options.host) {
      Self.say("warning: other machines reach this server, which asks nobody who they are")
    }
    await signals.first()
    note("stopping: requests that have arrived are answered")
    let left = await listener.stop(grace: options.grace)
    if left > 0 { Self.say("warning: \(left) connections were closed before they had their answers") }
    note("stopped after \(service.answered) requests")
  }

  /// Opens the runs.
  static func service(_ options: ServeOptions) throws -> Service {
    var limits = BatchingPredictor.Limits()
    limits.batch = options.batch
    limits.wait = options.waitMs / 1000
    limits.queue = options.queue
    if let threads = options.threads { Runtime.setThreads(threads) }
    var serving = Service.Limits()
    serving.body = try options.bodyLimit()
    serving.rate = options.rate
    let keys = try PredictionKeys(columns: options.columns ?? "")
    let models = try options.models().map { name, folder in
      let url = URL(filePath: folder)
      let predictor = try Predictor(run: url, detectsEmpty: options.detectEmpty) { event in
        if case .warning(let words) = event { say("warning: \(words)") }
      }
      // Runs of older versions have none, and tell no drift.
      return ServedModel(
        name: name, predictor: predictor, limits: limits, evidence: try? RunFolder(url).readEvidence())
    }
    return Service(models, limits: serving, keys: keys)
  }

  private func note(_ words: String) { if !options.quiet { Self.say(words) } }

  private static func say(_ words: String) {
    try? FileHandle.standardError.write(contentsOf: Data((words.escapedForTerminal + "\n").utf8))
  }
}

/// SIGTERM and Ctrl-C: the first asks the server to stop, one more Ctrl-C ends the process at once.
private final class Signals: Sendable {
  private let stream: AsyncStream<Int32>
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  init() {
    let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
    self.stream = stream
    let times = Times()
    sources = [SIGTERM, SIGINT, SIGHUP].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        if times.next() > 0, number == SIGINT { _exit(ExitStatus.interrupted.rawValue) }
        continuation.yield(number)
      }
      source.resume()
      return source
    }
  }

  func first() async { for await _ in stream { return } }

  private final class Times: Sendable {
    private let count = Mutex(0)
    func next() -> Int {
      count.withLock {
        $0 += 1
        return $0 - 1
      }
    }
  }
}
