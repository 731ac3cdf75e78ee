import Foundation
import Synchronization
public import Torch

/// What each member of a process group gives, whose members are threads of this process; all that can be shared out is.
///
/// - Parameter sharesMemory: whether they exchange through memory, where the system has such, or by the network.
/// - Throws: the error of the first member, in order, that has one.
public func together<Result: Sendable>(
  _ count: Int, sharesMemory: Bool = true, _ body: @escaping @Sendable (ProcessGroup) throws -> Result
) throws -> [Result] {
  let store = try ProcessStore.inMemory()
  return try threads(count) { rank in
    try body(
      ProcessGroup(
        store, name: "test", rank: rank, count: count, address: "localhost", seconds: 120, sharesMemory: sharesMemory,
        sharesAll: true))
  }
}

/// What each of several threads gives that run at once.
///
/// - Throws: the error of the first, in order, that has one.
public func threads<Result: Sendable>(
  _ count: Int, _ body: @escaping @Sendable (Int) throws -> Result
) throws -> [Result] {
  let box = Box<Result>()
  let all = DispatchGroup()
  for rank in 0..<count {
    all.enter()
    let thread = Thread {
      // libtorch keeps the number for each thread.
      Runtime.setThreads(1)
      let result = Swift.Result { try body(rank) }
      box.found.withLock { $0[rank] = result }
      all.leave()
    }
    thread.stackSize = 16 << 20
    thread.start()
  }
  all.wait()
  return try box.found.withLock { found in try (0..<count).compactMap { try found[$0]?.get() } }
}

/// A place that several threads write to.
private final class Box<Result: Sendable>: Sendable {
  let found = Mutex<[Int: Swift.Result<Result, any Error>]>([:])
}
