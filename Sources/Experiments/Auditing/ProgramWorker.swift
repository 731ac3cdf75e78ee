import Foundation
import Records

/// One process at a time of a program, and what it has been asked; on a thread of its own.
final class ProgramWorker {
  private let door: ProgramDoor
  private let clock = ContinuousClock()
  private var process: ProgramProcess
  /// Requests that were written, in order.
  private var outstanding: [Int32] = []
  /// Where the first of them is; those before it have been answered.
  private var first = 0
  /// Requests of which one may have killed the program: they are asked one at a time.
  private var suspects: [Int32] = []
  private var deaths: [Int32: Int] = [:]
  /// Of this process.
  private var lastAnswered: Int32?
  /// The request that an answer went wrong about, where that is not the next.
  private var faulty: Int32?
  /// Bytes on their way, and how many of them are written.
  private var requests: [UInt8] = []
  private var written = 0
  /// Bytes of an answer that is not whole.
  private var answers: [UInt8] = []
  private var patience: ContinuousClock.Instant
  private var isExhausted = false

  private static let portion = 1 << 16
  /// Requests that are made at once.
  private static let few = 32

  init(_ door: ProgramDoor) throws {
    self.door = door
    try door.begin(after: nil)
    process = try door.pool.take() ?? Self.start(door)
    patience = clock.now
  }

  private static func start(_ door: ProgramDoor) throws -> ProgramProcess {
    try door.settings.command.map { try ProgramProcess(command: $0) } ?? ProgramProcess()
  }

  private var waiting: Int { outstanding.count - first }

  /// Asks until nothing is left to ask.
  func run() throws {
    var isWell = false
    defer { if !isWell { process.end() } }
    while true {
      try door.check()
      // What is quickly made is made until the window is full.
      let deadline = clock.now + .milliseconds(2)
      while try fill(), clock.now < deadline {}
      if waiting == 0, isExhausted, suspects.isEmpty {
        isWell = true
        door.pool.give(process)
        return
      }
      try wait()
      let isHeard = write()
      // What was answered before the end still counts.
      let isOpen = try read()
      if !isHeard || !isOpen { try revive() }
      process.listen()
    }
  }

  // MARK: Asking

  /// Makes a few requests; false where there is none to make, or no room.
  private func fill() throws -> Bool {
    if !suspects.isEmpty {
      guard waiting == 0 else { return false }
      let request = suspects.removeFirst()
      if !door.isOut(request) { try send([request]) }
      return false
    }
    // What is not written yet need not grow; a few at a time, so that the program has them while more are made.
    let room = min(door.settings.window - waiting, Self.few)
    guard !isExhausted, room == Self.few || waiting == 0 || 4 * waiting < 3 * door.settings.window,
      room > 0, requests.count - written < Self.portion
    else { return false }
    let taken = door.take(room)
    isExhausted = taken.isEmpty
    try send(taken)
    return !taken.isEmpty
  }

  private func send(_ some: [Int32]) throws {
    guard !some.isEmpty else { return }
    if first > 4096 {
      outstanding.removeFirst(first)
      first = 0
    }
    for request in some {
      requests += Array("{\"id\":\"\(door.first + Int(request))\"".utf8)
      try door.source.write(door.plan.shown(Int(request)), into: &requests)
      requests += [UInt8(ascii: "}"), UInt8(ascii: "\n")]
      outstanding.append(request)
    }
    // The time that it took to make them is not the program's.
    patience = clock.now
  }

  /// Waits until something can be written or read.
  private func wait() throws {
    var polled = [
      pollfd(fd: process.output, events: Int16(POLLIN), revents: 0),
      pollfd(fd: process.talk, events: Int16(POLLIN), revents: 0),
      pollfd(fd: written < requests.count ? process.input : -1, events: Int16(POLLOUT), revents: 0),
    ]
    _ = poll(&polled, nfds_t(polled.count), 100)
    // While the program has enough to do, answers are taken and kept several at a time.
    if door.settings.window >= Self.few, 4 * waiting > 3 * door.settings.window { usleep(200) }
    guard waiting > 0, clock.now - patience > .seconds(door.settings.timeout) else { return }
    throw Diagnosis(
      "the program has not answered within \(Self.seconds(door.settings.timeout)), and is taken to hang",
      place: door.settings.command,
      found: ["it was asked about \(door.describe(outstanding[first]))"] + process.lastWords,
      remedy: "--timeout SECONDS waits longer; what was answered is kept, and the same command goes on")
  }

  private static func seconds(_ number: Double) -> String {
    number == number.rounded() ? "\(Int(number)) s" : "\(number) s"
  }

  /// Writes what can be written; false where nobody reads any more.
  private func write() -> Bool {
    while written < requests.count {
      let count = requests.withUnsafeBytes { bytes in
        Foundation.write(process.input, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      }
      if count < 0 {
        if errno == EINTR { continue }
        return errno == EAGAIN
      }
      written += count
    }
    requests.removeAll(keepingCapacity: true)
    written = 0
    return true
  }

  // MARK: Answers

  /// Reads what there is; false where no more comes.
  private func read() throws -> Bool {
    var isOpen = true
    let old = answers.count
    // So much at a time that parsing and keeping happen in portions.
    while answers.count - old < 16 * Self.portion {
      let start = answers.count
      answers += [UInt8](repeating: 0, count: Self.portion)
      let count = answers.withUnsafeMutableBytes { bytes in
        Foundation.read(process.output, bytes.baseAddress.map { $0 + start }, Self.portion)
      }
      answers.removeLast(Self.portion - max(count, 0))
      if count < 0, errno == EINTR { continue }
      if count == 0 { isOpen = false }
      if count < Self.portion { break }
    }
    try understand(from: old)
    return isOpen
  }

  /// Takes the whole lines.
  private func understand(from old: Int) throws {
    var taken: [(request: Int, scores: ModelScores)] = []
    var end = 0
    var fault: (any Error)?
    answers.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      var place = old
      while place < bytes.count {
        guard let newline = memchr(start + place, 0x0A, bytes.count - place) else { break }
        let stop = UnsafeRawPointer(newline) - start
        do { try understand(UnsafeRawBufferPointer(rebasing: bytes[end..<stop]), &taken) } catch {
          fault = error
          return
        }
        end = stop + 1
        place = end
      }
      if bytes.count - end > ModelAnswer.longest {
        fault = Self.tooLong
      }
    }
    answers.removeFirst(end)
    if !taken.isEmpty {
      patience = clock.now
      do { try door.keep(taken) } catch {
        let odd = taken.first { $0.scores.form != door.store.form }
        throw explained(error, at: odd.map { Int32($0.request) })
      }
    }
    if let fault { throw explained(fault, at: faulty ?? (waiting > 0 ? outstanding[first] : nil)) }
  }

  private func understand(
    _ line: UnsafeRawBufferPointer, _ taken: inout [(request: Int, scores: ModelScores)]
  ) throws {
    // It may have come to its end in the portion that made it too long.
    if line.count > ModelAnswer.longest { throw Self.tooLong }
    if line.allSatisfy({ $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }) { return }
    let answer = try ModelAnswer(line, door.classes)
    guard waiting > 0 else { throw order(answer.id) }
    let request = outstanding[first]
    guard Int(answer.id) == door.first + Int(request) else { throw order(answer.id) }
    first += 1
    lastAnswered = request
    deaths[door.suspect(request)] = nil
    taken.append((Int(request), answer.scores))
  }

  private static var tooLong: Diagnosis { Diagnosis("the line is longer than \(ModelAnswer.longest >> 20) MiB") }

  /// What is wrong with an answer that is not the next.
  private func order(_ id: String) -> Diagnosis {
    let shown = id.escapedForTerminal.clipped(60)
    guard let called = Int(id), called >= 0, called < door.first + door.plan.count else {
      return Diagnosis("the program answered the request '\(shown)', which was never made")
    }
    let number = Int32(called - door.first)
    if number < 0 || number == lastAnswered || outstanding[..<first].contains(number)
      || door.store.isAnswered(Int(number))
    {
      faulty = number < 0 ? nil : number
      return Diagnosis("the program answered the request '\(shown)' twice")
    }
    guard outstanding[first...].contains(number), waiting > 0 else {
      return Diagnosis("the program answered the request '\(shown)', which it was not asked")
    }
    return Diagnosis(
      "the program answered the request '\(shown)' before '\(door.first + Int(outstanding[first]))'",
      remedy: "answers come in the order of the requests")
  }

  /// A fault with the program, the request and its last words.
  private func explained(_ error: any Error, at request: Int32?) -> any Error {
    guard !(error is CancellationError) else { return error }
    var diagnosis = Diagnosis(describing: error)
    guard diagnosis.exitStatus != .defect else { return error }
    diagnosis.place = diagnosis.place ?? door.settings.command ?? "standard input"
    if let request { diagnosis.found.append("it was asked about \(door.describe(request))") }
    // What it has to say may still be on its way.
    process.end()
    diagnosis.found += process.lastWords.filter { !$0.hasPrefix("it was ended by the signal 9") }
    return diagnosis
  }

  // MARK: Deaths

  /// Starts the program again, since it has ended.
  private func revive() throws {
    let deadline = clock.now + .seconds(1)
    if door.settings.command != nil {
      while !process.hasEnded, clock.now < deadline { usleep(1000) }
      process.end()
      while try read() {}
    }
    let asked = Array(outstanding[first...])
    guard door.settings.command != nil else {
      if asked.isEmpty, isExhausted { return }
      throw Diagnosis(
        "standard input ended before all requests were answered", place: "standard input",
        found: asked.first.map { ["unanswered: \(door.describe($0)) and \(asked.count - 1) more"] } ?? [],
        remedy: "what was answered is kept")
    }
    let words = process.lastWords
    // They are made again when they are asked again.
    for request in asked { door.source.release(door.plan.shown(Int(request))) }
    if asked.count == 1, let request = asked.first, lastAnswered == nil {
      let suspect = door.suspect(request)
      deaths[suspect, default: 0] += 1
      if deaths[suspect, default: 0] > 1 {
        try door.leaveOut(request, words)
      } else {
        door.tell(words, at: request)
        // Another may tell whether it is the request or the program.
        suspects.append(request)
      }
    } else {
      // What was asked of a process that had answered others may have met its end by chance: it is asked again, first.
      door.tell(words, at: nil)
      suspects = asked + suspects
    }
    outstanding = []
    first = 0
    requests.removeAll(keepingCapacity: true)
    written = 0
    answers.removeAll(keepingCapacity: true)
    lastAnswered = nil
    if suspects.isEmpty, isExhausted { return }
    try door.begin(after: words)
    process = try Self.start(door)
    patience = clock.now
  }
}
