import Foundation

/// A named stream of reproducible random numbers.
///
/// Streams of one seed with different names are independent, so using one more number here changes nothing elsewhere. The
/// numbers are the same on every machine. Generator: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014); names enter by FNV-1a.
public struct SeededNumbers: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// The stream of that name.
  ///
  /// - Parameter stream: any text, such as `image-noisy/1f600`; its parts separated by `/` by convention.
  public init(seed: UInt64, stream: String) {
    // Mixed twice, since seeds are often 0, 1, 2 and names often differ in one letter.
    state = Self.mixed(Self.mixed(seed &+ Self.step) ^ Self.digest(stream.utf8))
  }

  private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// The 64-bit FNV-1a digest: stable between runs, unlike `Hasher`.
  package static func digest(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    return hash
  }

  public mutating func next() -> UInt64 {
    state &+= Self.step
    return Self.mixed(state)
  }

  /// The number that would come after `count` others, which are not drawn.
  package func next(after count: Int) -> UInt64 {
    Self.mixed(state &+ Self.step &* UInt64(truncatingIfNeeded: count + 1))
  }

  /// A number in 0..<1, a multiple of 2⁻⁵³.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A whole number in 0..<bound, each equally likely.
  public mutating func uniform(below bound: Int) -> Int {
    precondition(bound > 0, "the bound of a random number must be positive")
    let range = UInt64(bound)
    // Values below the threshold would make small results likelier; they are drawn again (Lemire, 2019).
    let threshold = (0 &- range) % range
    while true {
      let (high, low) = next().multipliedFullWidth(by: range)
      if low >= threshold { return Int(high) }
    }
  }

  /// Whether an event of that probability happens.
  public mutating func chance(_ probability: Double) -> Bool { uniform() < probability }

  /// A number of the standard normal distribution (Box, Muller 1958).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }

  /// How often each of `count` things comes when as many are drawn with replacement, as a bootstrap does.
  public mutating func timesDrawn(_ count: Int) -> [Double] {
    var times = [Double](repeating: 0, count: count)
    for _ in 0..<count { times[uniform(below: count)] += 1 }
    return times
  }

  /// The numbers 0..<count in random order.
  public mutating func permutation(_ count: Int) -> [Int] { sample(count, of: count) }

  /// Different numbers of 0..<population, in random order.
  public mutating func sample(_ count: Int, of population: Int) -> [Int] {
    precondition(count <= population, "more numbers asked for than there are")
    var numbers = Array(0..<population)
    for i in 0..<count { numbers.swapAt(i, i + uniform(below: population - i)) }
    numbers.removeLast(population - count)
    return numbers
  }
}
