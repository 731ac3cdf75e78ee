import Foundation
import Records
import Synchronization

/// How a program is run.
struct ProgramSettings: Sendable {
  /// A command line for the shell; nil where the other end of standard input and output answers.
  var command: String?
  /// Processes at a time.
  var jobs = 1
  /// Requests that wait for an answer, of one process.
  var window = 256
  /// Seconds without an answer after which a program is taken to hang.
  var timeout = 300.0

  /// What answers are kept under besides the request: the command's words, and the bytes of those that are files.
  func identity(_ stamp: String?) throws -> String {
    guard let command else { return "standard streams \(stamp ?? UUID().uuidString)" }
    let words = command.split(whereSeparator: \.isWhitespace).map {
      String($0).trimmingCharacters(in: CharacterSet(charactersIn: "'\""))
    }
    var isFolder: ObjCBool = false
    let files = words.filter {
      FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder) && !isFolder.boolValue
    }
    let digests = try files.map { try FileDigest.sha256(of: URL(filePath: $0)) }
    return ([command, stamp ?? ""] + digests).joined(separator: "\n")
  }
}

/// A sample that a program could not answer for.
struct LeftOut: Sendable, Equatable {
  let row: Int
  let id: String
  let condition: String
  let reason: String
}

/// Programs that are asked, request after request, in processes of their own.
final class ProgramDoor: Sendable {
  let source: any AuditSource
  let plan: AuditPlan
  let store: AnswerStore
  let classes: AnswerClasses
  let settings: ProgramSettings
  let stop: StopFlag
  /// Processes of this program, and of the requests asked of it before.
  let pool: ProgramPool
  /// What the first request is called.
  let first: Int
  private let events: EventSink
  private let state: Mutex<Shared>

  /// What the processes share.
  private struct Shared {
    var wanted: [Int32]
    var next = 0
    var leftOut: [LeftOut] = []
    var rowsOut: Set<Int32> = []
    var failure: (any Error)?
    /// Starts since something was answered.
    var barrenStarts = 0
  }

  init(
    _ source: any AuditSource, _ plan: AuditPlan, _ store: AnswerStore, _ classes: AnswerClasses,
    _ settings: ProgramSettings, pool: ProgramPool, stop: StopFlag, events: @escaping EventSink
  ) {
    self.source = source
    self.plan = plan
    self.store = store
    self.classes = classes
    self.settings = settings
    self.stop = stop
    self.pool = pool
    first = pool.numbers(plan.count)
    let lock = NSLock()
    self.events = { event in lock.withLock { events(event) } }
    state = Mutex(Shared(wanted: store.unanswered))
  }

  /// Asks for everything that is not known.
  ///
  /// - Returns: samples that the program died at twice; of what shows them nothing more was asked.
  /// - Throws: a `Diagnosis` for whatever else the program does wrong; what it answered before is kept.
  func run() throws -> [LeftOut] {
    guard !state.withLock({ $0.wanted.isEmpty }) else { return [] }
    let jobs = settings.command == nil ? 1 : max(1, settings.jobs)
    let ended = DispatchSemaphore(value: 0)
    for _ in 0..<jobs {
      let thread = Thread { [self] in
        // A program that is gone is found by the failed write.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        do { try ProgramWorker(self).run() } catch { fail(error) }
        ended.signal()
      }
      thread.stackSize = 8 << 20
      thread.start()
    }
    for _ in 0..<jobs { ended.wait() }
    try store.synchronize()
    if let failure = state.withLock({ $0.failure }) { throw failure }
    return state.withLock { $0.leftOut }
  }

  // MARK: For the workers

  private func fail(_ error: any Error) { state.withLock { if $0.failure == nil { $0.failure = error } } }

  /// Whether another worker has failed, or somebody wishes to stop.
  func check() throws {
    if stop.isRequested { throw CancellationError() }
    if state.withLock({ $0.failure != nil }) { throw CancellationError() }
  }

  /// The next requests that nobody has been asked.
  func take(_ count: Int) -> [Int32] {
    state.withLock { shared in
      var taken: [Int32] = []
      while taken.count < count, shared.next < shared.wanted.count {
        let request = shared.wanted[shared.next]
        shared.next += 1
        if !isOut(request, shared) { taken.append(request) }
      }
      return taken
    }
  }

  /// Whether a request shows a sample that is left out.
  func isOut(_ request: Int32) -> Bool { state.withLock { isOut(request, $0) } }

  private func isOut(_ request: Int32, _ shared: Shared) -> Bool {
    guard !shared.rowsOut.isEmpty else { return false }
    return shared.rowsOut.contains(Int32(plan.owner(Int(request))))
      || plan.shown(Int(request)).contains { shared.rowsOut.contains($0.row) }
  }

  /// Keeps answers, and says how far the work has come.
  func keep(_ answers: [(request: Int, scores: ModelScores)]) throws {
    try store.take(answers)
    state.withLock { $0.barrenStarts = 0 }
    for answer in answers { source.release(plan.shown(answer.request)) }
    events(.progress(label: "Asking", done: store.answered, total: plan.count, detail: "requests"))
  }

  /// Counts a start.
  ///
  /// - Throws: a `Diagnosis` where the program has ended each time before it answered anything.
  func begin(after words: [String]?) throws {
    let starts = state.withLock { shared in
      shared.barrenStarts += 1
      return shared.barrenStarts
    }
    // One that dies at left-out words or patches has answered before: each sample may end it.
    let most = 3 * max(1, settings.jobs) + (isOfParts ? 3 * plan.rows.count : 0)
    guard let words, starts > most, store.answered == store.knownBefore else { return }
    throw Diagnosis(
      "the program ends before it answers anything", place: settings.command, found: words,
      remedy: "it is to read a JSON object a line and to write one a line, until its input ends")
  }

  /// Whether requests are about words and patches.
  private var isOfParts: Bool { plan.count > 0 && plan.condition(0) == AuditKeys.parts }

  /// What deaths are counted by: the request, or for words and patches their sample.
  func suspect(_ request: Int32) -> Int32 { isOfParts ? Int32(plan.owner(Int(request))) : request }

  /// Puts a sample aside.
  func leaveOut(_ request: Int32, _ words: [String]) throws {
    let row = plan.owner(Int(request))
    let place = source.samples.ids[row]
    let out = LeftOut(
      row: row, id: place, condition: plan.condition(Int(request)),
      reason: "the program died at it twice" + (words.first.map { ": \($0)" } ?? ""))
    let count = state.withLock { shared in
      shared.leftOut.append(out)
      shared.rowsOut.insert(Int32(row))
      return shared.leftOut.count
    }
    let named = "sample '\(place.escapedForTerminal.clipped(80))'"
    let what = out.condition == AuditKeys.parts ? "words and patches of \(named) are" : "\(named) is"
    events(.note("\(what) left out: the program died at it twice (\(out.condition))"))
    guard count <= max(10, plan.rows.count / 10) else {
      throw Diagnosis(
        "the program died at \(count) samples of \(plan.rows.count), more than may be left out",
        place: settings.command, found: words)
    }
  }

  /// Says that the program is started again.
  func tell(_ words: [String], at request: Int32?) {
    let place = request.map { " at \(describe($0))" } ?? ""
    events(.note("the program died\(place) and is started again: \(words.first ?? "no reason is known")"))
  }

  /// A request in words: `sample '1f600' (missing:image)`.
  func describe(_ request: Int32) -> String {
    let id = source.samples.ids[plan.owner(Int(request))].escapedForTerminal.clipped(80)
    return "sample '\(id)' (\(plan.condition(Int(request))))"
  }
}
