import ArgumentParser
import Experiments
import Foundation
import Records
import Synchronization

/// How much is said; on every command.
struct TalkOptions: ParsableArguments {
  @Flag(name: [.customShort("q"), .long], help: "Say nothing but errors and warnings; --json is printed all the same.")
  var quiet = false

  @Flag(name: [.customShort("v"), .long], help: "Also print details for debugging.")
  var verbose = false
}

/// Where words go: data to stdout, talk to stderr.
final class Output: Sendable {
  let surroundings: TerminalEnvironment
  private let quiet: Bool
  private let state = Mutex(State())

  private struct State {
    var filter = ProgressFilter()
    /// Whether a progress line is on the screen and must be cleared first.
    var isDrawn = false
    var lastDrawn: ContinuousClock.Instant?
  }

  init(_ options: TalkOptions, surroundings: TerminalEnvironment = .current) {
    self.surroundings = surroundings
    quiet = options.quiet
  }

  // MARK: Data

  /// Nobody reads standard output any more.
  struct NobodyListens: Error {}

  /// Prints data and a newline; control characters, which names may hold, are written out.
  ///
  /// - Throws: ``NobodyListens``, or a `Diagnosis` where stdout takes no more.
  func data(_ text: String) throws {
    clear()
    do {
      try FileHandle.standardOutput.write(contentsOf: Data((text.escapedForTerminal + "\n").utf8))
    } catch {
      if Self.isBrokenPipe(error) { throw NobodyListens() }
      throw Diagnosis(describing: error).placed(in: "standard output")
    }
  }

  private static func isBrokenPipe(_ error: any Error) -> Bool {
    let outer = error as NSError
    return [outer, outer.userInfo[NSUnderlyingErrorKey] as? NSError].contains {
      $0?.domain == NSPOSIXErrorDomain && $0?.code == Int(EPIPE)
    }
  }

  /// Prints an answer for people, which `--quiet` leaves to the files.
  func answer(_ text: String) throws {
    if !quiet { try data(text) }
  }

  /// Prints a value as JSON.
  func json(_ value: some Encodable, order: [String] = []) throws {
    try data(Tree(encoding: value, keys: .asNamed).json(.pretty, order: order))
  }

  // MARK: Talk

  /// Says a word and a sentence.
  func say(_ word: String, _ sentence: String) {
    guard !quiet else { return }
    tell(word, sentence)
  }

  /// Says what must be heard, quiet or not.
  func warn(_ sentence: String) { tell("Warning", sentence) }

  private func tell(_ word: String, _ sentence: String) {
    let line = Words.phase(word, sentence.escapedForTerminal)
    guard surroundings.colour else { return talk(line) }
    let coloured = ["Note", "Warning"].contains(word) ? Colour.yellow(word) : Colour.green(word)
    talk(line.replacing(word, with: coloured, maxReplacements: 1))
  }

  func note(_ sentence: String) { say("Note", sentence) }

  /// A listener for long work.
  var events: EventSink {
    { [self] event in
      switch event {
      case .phase(let word, let sentence): say(word, sentence)
      case .note(let sentence): note(sentence)
      case .warning(let sentence): warn(sentence)
      case .progress(let label, let done, let total, let detail):
        show(ProgressLine(label: label, done: done, total: total, detail: detail))
      }
    }
  }

  /// Drawing more often than this only flickers.
  private static let redrawEvery = Duration.milliseconds(50)

  private func show(_ line: ProgressLine) {
    guard !quiet else { return }
    state.withLock { state in
      guard surroundings.redraws else {
        if state.filter.admits(line) { Self.write(line.line.escapedForTerminal + "\n") }
        return
      }
      let now = ContinuousClock.now
      if let last = state.lastDrawn, now - last < Self.redrawEvery, line.done < line.total { return }
      state.lastDrawn = now
      state.isDrawn = true
      Self.write("\r" + line.drawn(width: surroundings.talkWidth).escapedForTerminal + "\u{1B}[K")
    }
  }

  /// Removes the progress line from the screen.
  func clear() {
    state.withLock { state in
      if state.isDrawn { Self.write(TerminalEnvironment.clearing) }
      state.isDrawn = false
    }
  }

  private func talk(_ line: String) {
    state.withLock { state in
      if state.isDrawn { Self.write(TerminalEnvironment.clearing) }
      state.isDrawn = false
      Self.write(line + "\n")
    }
  }

  private static func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}
