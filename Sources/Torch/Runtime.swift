import CTorch
import Synchronization

/// The libtorch this process runs on.
public enum Runtime {
  public static var version: String { String(cString: ctorch_version()) }

  /// How many threads an operation may use.
  public static var threads: Int { Int(ctorch_threads()) }

  /// Sets how many threads an operation may use; results may differ in the last bits between counts.
  public static func setThreads(_ count: Int) { ctorch_set_threads(Int32(clamping: count)) }

  /// Whether a device multiplies bfloat16 numbers in hardware, and libtorch uses that: on a processor a small product is
  /// tried, once.
  public static func multipliesBFloat16(on device: Device) -> Bool {
    device.isProcessor ? ctorch_multiplies_bfloat16() : device.name.hasPrefix("cuda")
  }

  /// The widest vectors that libtorch uses on this processor, in lower case.
  ///
  /// Such as `avx512`, `avx2` or `default`.
  public static var vectors: String { String(cString: ctorch_vectors()).lowercased() }

  /// The devices that can be computed on: libtorch's own, and one that a loaded library has registered with it.
  public static var devices: [Device] {
    [.cpu] + (ctorch_has_cuda() ? ["cuda"] : []) + (ctorch_has_mps() ? ["mps"] : [])
      + (ctorch_other_device().map { [Device(String(cString: $0))] } ?? [])
  }
}

extension Runtime {
  /// Calls `body` for each number below `count` on ``threads`` threads, each taking the next that nobody has taken.
  ///
  /// What `body` computes is computed by its thread alone, and no gradient is recorded; a single call has all threads.
  /// - Throws: what the first of those that failed has thrown.
  package static func parallelFor<Result: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) throws -> Result
  ) throws -> [Result] {
    guard count > 1, threads > 1 else { return try withoutGradients { try (0..<count).map(body) } }
    let results = Mutex([Swift.Result<Result, any Error>?](repeating: nil, count: count))
    let turn = Turn { index in
      let result = Swift.Result { try body(index) }
      results.withLock { $0[index] = result }
    }
    let status = ctorch_in_turn(
      Int64(count),
      { index, context in
        guard let context else { return }
        Unmanaged<Turn>.fromOpaque(context).takeUnretainedValue().body(Int(index))
      }, Unmanaged.passUnretained(turn).toOpaque())
    try withExtendedLifetime(turn) { () throws(TorchError) in try done("in_turn", [], status) }
    return try results.withLock { $0 }.compactMap { try $0?.get() }
  }

  private final class Turn: Sendable {
    let body: @Sendable (Int) -> Void
    init(_ body: @escaping @Sendable (Int) -> Void) { self.body = body }
  }
}
