import CTorch

/// A seed and its named random streams.
///
/// Streams with different names are independent, so that drawing more from one changes nothing in another: a method's
/// noise disturbs neither the data's order nor the initial weights.
public struct RandomSource: Hashable, Sendable {
  public let seed: UInt64

  public init(seed: Int) { self.seed = UInt64(bitPattern: Int64(seed)) }

  /// The seed of a named stream: FNV-1a over the seed's bytes and the name, finished with SplitMix64's mixer.
  public func seed(of stream: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in withUnsafeBytes(of: seed.littleEndian, Array.init) + Array(stream.utf8) {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
    hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
    return hash ^ (hash >> 31)
  }

  /// A generator at the start of a named stream.
  public func generator(_ stream: String) throws(TorchError) -> Generator { try Generator(seed: seed(of: stream)) }
}

/// A random stream that tensors are drawn from.
public final class Generator {
  let handle: OpaquePointer

  public init(seed: UInt64) throws(TorchError) {
    var out: OpaquePointer?
    guard ctorch_generator_new(seed, &out) == 0, let out else { throw failure("generator", []) }
    handle = out
  }

  deinit { ctorch_generator_free(handle) }

  /// Numbers of the standard normal distribution.
  public func normal(_ shape: [Int], _ type: ElementType = .float32) throws(TorchError) -> Tensor {
    try made("randn", []) { out in withSizes(shape) { ctorch_normal($0, $1, type.rawValue, handle, out) } }
  }

  /// scale · tensor + width · n, with a number n of the standard normal distribution for each element, and one `width`.
  ///
  /// For noise of the size of a model: numbers are drawn side by side, eight times as fast as by ``normal(_:_:)`` on one
  /// thread, in 32 bits, so that none is longer than 6.7. They are the stream's on any processor and number of threads.
  package func disturb(_ tensor: Tensor, scale: Double = 1, width: Tensor) throws(TorchError) -> Tensor {
    try made("disturb", [tensor, width]) { ctorch_disturbed(tensor.handle, scale, width.handle, handle, $0) }
  }

  /// Numbers spread evenly over `range`.
  public func uniform(
    _ shape: [Int], in range: Range<Double> = 0..<1, _ type: ElementType = .float32
  ) throws(TorchError) -> Tensor {
    try made("uniform", []) { out in
      withSizes(shape) { ctorch_uniform($0, $1, range.lowerBound, range.upperBound, type.rawValue, handle, out) }
    }
  }

  /// True with `probability`, each element for itself.
  public func bernoulli(_ shape: [Int], probability: Double) throws(TorchError) -> Tensor {
    try made("bernoulli", []) { out in withSizes(shape) { ctorch_bernoulli($0, $1, probability, handle, out) } }
  }

  /// The numbers 0..<count in random order.
  public func permutation(_ count: Int) throws(TorchError) -> Tensor {
    try made("randperm", []) { ctorch_randperm(Int64(count), handle, $0) }
  }
}
