import Dispatch
import Foundation
import Synchronization

/// The results of a function of 0..<count, computed on several threads, in order.
///
/// The results do not depend on the number of threads as long as the function depends on nothing but its argument.
/// - Parameter threads: how many threads; 0 takes one a core.
/// - Throws: the error of the lowest number that failed, whichever was reached first.
package func parallelMap<Result: Sendable>(
  _ count: Int, threads: Int = 0, _ body: @Sendable (Int) throws -> Result
) throws -> [Result] {
  let workers = min(threads > 0 ? threads : ProcessInfo.processInfo.activeProcessorCount, count)
  guard workers > 1 else { return try (0..<count).map(body) }
  let next = Atomic<Int>(0)
  let failure = Mutex<(index: Int, error: any Error)?>(nil)
  let collected = Mutex<[Result?]>(Array(repeating: nil, count: count))
  // A few at a time, so that cheap bodies do not queue for the locks.
  let share = max(1, min(64, count / (workers * 8)))
  DispatchQueue.concurrentPerform(iterations: workers) { _ in
    while true {
      let start = next.wrappingAdd(share, ordering: .relaxed).oldValue
      guard start < count else { return }
      let end = min(start + share, count)
      if failure.withLock({ $0.map { $0.index < start } ?? false }) { return }
      var results: [Result] = []
      results.reserveCapacity(end - start)
      for index in start..<end {
        do {
          results.append(try body(index))
        } catch {
          failure.withLock { if $0.map({ index < $0.index }) ?? true { $0 = (index, error) } }
          break
        }
      }
      collected.withLock { for (offset, result) in results.enumerated() { $0[start + offset] = result } }
    }
  }
  if let failed = failure.withLock({ $0?.error }) { throw failed }
  return collected.withLock { $0 }.compactMap { $0 }
}
