import Experiments
import Foundation
import Records
import Synchronization

/// Ctrl-C: once asks the work to stop at its next safe point, twice ends the process at once.
///
/// A wish to end from elsewhere (SIGTERM, and SIGUSR1 as schedulers send it), a terminal that is gone (SIGHUP) and a listener
/// who is (SIGPIPE) are like Ctrl-C once; after the former two the process ends with a status of its own.
enum Interruption {
  private static let stop = StopFlag()
  /// The signal that came first; 0 before.
  private static let cause = Atomic<Int32>(0)
  /// When it was pressed first, in nanoseconds; 0 before.
  private static let first = Atomic<Int64>(0)
  private static let words: StaticString = "\nstopping at the next safe point; once more stops at once\n"

  /// Listens from now on.
  static func flag() -> StopFlag {
    // Made before the handler can run, which must not make anything.
    let stop = Self.stop
    _ = first.load(ordering: .relaxed)
    _ = cause.load(ordering: .relaxed)
    _ = words.utf8CodeUnitCount
    let handler: @convention(c) (Int32) -> Void = { signal in
      var time = timespec()
      clock_gettime(CLOCK_MONOTONIC, &time)
      let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
      let (isFirst, begun) = Interruption.first.compareExchange(expected: 0, desired: now, ordering: .relaxed)
      guard isFirst else {
        if Interruption.isAgain(signal, after: now - begun) { _exit(130) }
        return
      }
      Interruption.cause.store(signal, ordering: .relaxed)
      Interruption.stop.request()
      // Whoever does not listen needs no words.
      if signal == SIGPIPE { return }
      _ = write(STDERR_FILENO, Interruption.words.utf8Start, Interruption.words.utf8CodeUnitCount)
    }
    // Whoever started the process may have left these blocked or ignored.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGUSR1, SIGHUP, SIGPIPE] {
      signal(number, handler)
      sigaddset(&signals, number)
    }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    return stop
  }

  /// What a process that was interrupted ends with: `ExitStatus.preempted` where a scheduler told it to.
  static var status: ExitStatus {
    [SIGTERM, SIGUSR1].contains(cause.load(ordering: .relaxed)) ? .preempted : .interrupted
  }

  /// What ends a process without a word becomes a sentence, or an error that becomes one.
  ///
  /// A write that nobody reads (SIGPIPE) fails instead; ``flag()`` makes a wish to stop of it besides.
  /// A write beyond the limit on sizes of files (SIGXFSZ) fails instead; a file that somebody cuts short while it is read
  /// (SIGBUS) cannot be gone on with.
  static func soften() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    openManyFiles()
    // A file that is opened would else take the place of a closed standard output, and be printed to.
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      _ = open("/dev/null", descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY)
    }
    _ = cut.utf8CodeUnitCount
    signal(SIGBUS) { _ in
      _ = write(STDERR_FILENO, Interruption.cut.utf8Start, Interruption.cut.utf8CodeUnitCount)
      _exit(66)
    }
  }

  /// Lets the process open as many files as it may: a cache has one for every shard.
  private static func openManyFiles() {
    #if os(Linux)
      let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
      let files = RLIMIT_NOFILE
    #endif
    var limit = rlimit()
    guard getrlimit(files, &limit) == 0 else { return }
    limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 65_536))
    setrlimit(files, &limit)
  }

  private static let cut: StaticString =
    "\nerror: a file became shorter while it was read\n  leave the data alone while it is in use, and try again\n"

  /// Whether one more signal means that somebody pressed again.
  ///
  /// A terminal sends Ctrl-C to every process of a comparison, which then passes it on: that is one press, heard twice.
  static func isAgain(_ signal: Int32, after nanoseconds: Int64) -> Bool {
    signal == SIGINT && nanoseconds > 100_000_000
  }
}
