import Foundation
import Records
import Synchronization

/// Whoever answers lines: descriptors to write requests to and to read answers from.
///
/// None of them blocks, so that neither side waits for the other.
final class ProgramProcess: @unchecked Sendable {
  /// Nil where the two streams are our own, and somebody else's process is at their other end.
  private let pid: pid_t?
  private(set) var input: Int32
  let output: Int32
  /// Where it says what is no answer; negative where that goes elsewhere.
  let errors: Int32
  private var ending: Ending?
  private var tail = Tail()
  private var isSilent = false

  /// How a process ended.
  enum Ending: Equatable {
    case exited(Int32)
    case killed(Int32)

    var words: String {
      switch self {
      case .exited(let status): "it ended with the exit status \(status)"
      case .killed(let signal): "it was ended by the signal \(signal) (\(String(cString: strsignal(signal))))"
      }
    }
  }

  /// Starts a command line, which a shell reads, in a process group of its own.
  init(command: String) throws {
    var ends: [Int32] = []
    defer { for end in ends { close(end) } }
    func pipe() throws -> (read: Int32, write: Int32) {
      var pair: [Int32] = [0, 0]
      guard Foundation.pipe(&pair) == 0 else { throw Self.failure("a pipe cannot be made", errno) }
      for end in pair { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      ends += pair
      return (pair[0], pair[1])
    }
    let (requests, answers, words) = (try pipe(), try pipe(), try pipe())
    pid = try Self.spawn(command, requests.read, answers.write, words.write)
    (input, output, errors) = (requests.write, answers.read, words.read)
    for end in [input, output, errors] { Self.unblock(end) }
    ends.removeAll { [input, output, errors].contains($0) }
  }

  /// Speaks over standard output and standard input.
  init() {
    (pid, input, output, errors) = (nil, STDOUT_FILENO, STDIN_FILENO, -1)
    for end in [input, output] { Self.unblock(end) }
  }

  deinit {
    end()
    guard pid != nil else {
      // Whoever shares the terminal does not expect them so.
      for end in [STDOUT_FILENO, STDIN_FILENO] { _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) & ~O_NONBLOCK) }
      return
    }
    closeInput()
    close(output)
    close(errors)
  }

  private static func unblock(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
  }

  private static func failure(_ what: String, _ code: Int32) -> Diagnosis {
    Diagnosis(what, found: [String(cString: strerror(code))])
  }

  private static func spawn(_ command: String, _ input: Int32, _ output: Int32, _ errors: Int32) throws -> pid_t {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #else
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    for (end, place) in [(input, STDIN_FILENO), (output, STDOUT_FILENO), (errors, STDERR_FILENO)] {
      posix_spawn_file_actions_adddup2(&actions, end, place)
    }
    // What this process ignores, the program need not; and what ends it ends its children too.
    var ignored = sigset_t()
    sigemptyset(&ignored)
    for signal in [SIGPIPE, SIGXFSZ] { sigaddset(&ignored, signal) }
    posix_spawnattr_setsigdefault(&attributes, &ignored)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP) | Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))
    posix_spawnattr_setpgroup(&attributes, 0)
    func strings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] { texts.map { strdup($0) } + [nil] }
    let words = strings(["/bin/sh", "-c", command])
    let surroundings = strings(ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" })
    defer { for text in words + surroundings { free(text) } }
    var pid = pid_t()
    let status = posix_spawn(&pid, "/bin/sh", &actions, &attributes, words, surroundings)
    guard status == 0 else { throw failure("the program cannot be started", status) }
    return pid
  }

  // MARK: Streams

  /// Says that no more requests come.
  func closeInput() {
    guard input >= 0 else { return }
    if pid != nil { close(input) }
    input = -1
  }

  /// Where it may say more; negative where it has closed that.
  var talk: Int32 { isSilent ? -1 : errors }

  /// Reads what it has said besides its answers.
  func listen() {
    guard errors >= 0 else { return }
    withUnsafeTemporaryAllocation(byteCount: 1 << 14, alignment: 1) { buffer in
      while true {
        let count = read(errors, buffer.baseAddress, buffer.count)
        if count == 0 { isSilent = true }
        guard count > 0 else { return }
        tail.append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
  }

  /// Whether it has ended.
  var hasEnded: Bool {
    guard let pid else { return false }
    if ending == nil {
      var status: Int32 = 0
      if waitpid(pid, &status, WNOHANG) == pid { ending = Self.ending(status) }
    }
    return ending != nil
  }

  private static func ending(_ status: Int32) -> Ending {
    guard status & 0x7F == 0 else { return .killed(status & 0x7F) }
    let code = (status >> 8) & 0xFF
    // As a shell passes on how its child was ended.
    return (129..<160).contains(code) ? .killed(code - 128) : .exited(code)
  }

  /// Ends it and all that it has started, if it has not ended itself.
  func end() {
    guard let pid, ending == nil else { return }
    kill(-pid, SIGKILL)
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    ending = Self.ending(status)
  }

  /// Gives it a moment to end itself, since nothing is left to do.
  func endGently() {
    closeInput()
    let deadline = ContinuousClock.now + .seconds(2)
    while !hasEnded, ContinuousClock.now < deadline {
      listen()
      usleep(2000)
    }
    end()
  }

  /// How it ended, and the last lines that it wrote to standard error.
  var lastWords: [String] {
    listen()
    let said = tail.lines
    return (ending.map { [$0.words] } ?? [])
      + (said.isEmpty ? [] : ["its last words on standard error:"] + said.map { "  \($0)" })
  }

  /// The last lines of a stream.
  struct Tail {
    private var bytes: [UInt8] = []
    private static let kept = 4096

    mutating func append(_ more: UnsafeRawBufferPointer) {
      bytes += more
      if bytes.count > 4 * Self.kept { bytes.removeFirst(bytes.count - Self.kept) }
    }

    var lines: [String] {
      String(decoding: bytes.suffix(Self.kept), as: UTF8.self).split(separator: "\n").suffix(8).map {
        String($0).escapedForTerminal.clipped(200)
      }
    }
  }
}

/// Processes of one program that wait for more requests, so that a model is loaded once however often it is asked.
final class ProgramPool: Sendable {
  private let state = Mutex<(idle: [ProgramProcess], requests: Int)>(([], 0))

  /// One that waits; nil where none does.
  func take() -> ProgramProcess? {
    state.withLock { state in
      while let process = state.idle.popLast() {
        if !process.hasEnded { return process }
      }
      return nil
    }
  }

  /// Takes one that has answered everything.
  func give(_ process: ProgramProcess) { state.withLock { $0.idle.append(process) } }

  /// The first of so many numbers of requests, none of which were given before.
  func numbers(_ count: Int) -> Int {
    state.withLock { state in
      defer { state.requests += count }
      return state.requests
    }
  }

  /// Ends those that wait, since nothing is left to ask.
  func end() {
    for process in state.withLock({ $0.idle }) { process.endGently() }
    state.withLock { $0.idle = [] }
  }
}
