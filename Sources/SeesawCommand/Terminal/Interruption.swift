import Experiments
import Foundation
import Synchronization

/// Ctrl-C: once asks the work to stop at its next safe point, twice ends the process at once.
enum Interruption {
  private static let stop = StopFlag()
  private static let count = Atomic<Int>(0)
  private static let words: StaticString = "\nstopping at the next safe point; once more stops at once\n"

  /// Listens from now on.
  static func flag() -> StopFlag {
    // Made before the handler can run, which must not make anything.
    let stop = Self.stop
    _ = count.load(ordering: .relaxed)
    _ = words.utf8CodeUnitCount
    let handler: @convention(c) (Int32) -> Void = { _ in
      guard Interruption.count.add(1, ordering: .relaxed).newValue == 1 else { _exit(130) }
      Interruption.stop.request()
      _ = write(STDERR_FILENO, Interruption.words.utf8Start, Interruption.words.utf8CodeUnitCount)
    }
    signal(SIGINT, handler)
    signal(SIGTERM, handler)
    return stop
  }
}
