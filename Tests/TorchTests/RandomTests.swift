import TestSupport
import Testing
import Torch

@Suite("Random streams")
struct RandomTests {
  private let source = RandomSource(seed: 7)

  @Test("the same seed and name give the same numbers")
  func reproducible() throws {
    func draw(_ generator: Generator) throws -> [[Double]] {
      try [
        generator.normal([5], .float64).array(), generator.uniform([5], in: -1..<3, .float64).array(),
        generator.bernoulli([20], probability: 0.5).array(of: Double.self),
        generator.permutation(10).array(of: Double.self),
      ]
    }
    let first = try draw(source.generator("noise"))
    #expect(try draw(source.generator("noise")) == first)
    #expect(try draw(RandomSource(seed: 8).generator("noise")) != first)
    #expect(try draw(source.generator("order")) != first)
  }

  @Test("a stream goes on where it was left")
  func continuing() throws {
    let generator = try source.generator("a")
    let (first, second) = (try generator.normal([3], .float64), try generator.normal([3], .float64))
    #expect(try first.array(of: Double.self) != second.array(of: Double.self))
  }

  @Test("drawing from one stream changes nothing in another")
  func independent() throws {
    let alone: [Double] = try source.generator("b").normal([4], .float64).array()
    let (a, b) = (try source.generator("a"), try source.generator("b"))
    _ = try a.normal([100])
    _ = try a.permutation(50)
    #expect(try b.normal([4], .float64).array() == alone)
  }

  @Test("names and seeds that differ little have seeds that differ in about half their bits")
  func mixing() {
    let pairs: [(UInt64, UInt64)] = [
      (source.seed(of: "a"), source.seed(of: "b")), (source.seed(of: "layer/1"), source.seed(of: "layer/2")),
      (source.seed(of: ""), source.seed(of: "a")),
      (RandomSource(seed: 0).seed(of: "a"), RandomSource(seed: 1).seed(of: "a")),
      (RandomSource(seed: -1).seed(of: "a"), RandomSource(seed: 1).seed(of: "a")),
    ]
    for (a, b) in pairs { #expect((12...52).contains((a ^ b).nonzeroBitCount)) }
    let names = (0..<2000).map { source.seed(of: "method/noise/\($0)") }
    #expect(Set(names).count == 2000)
  }

  @Test("a seed means the same for ever")
  func pinned() {
    // FNV-1a over the eight bytes of the seed and the name, then SplitMix64's mixer, worked out apart.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in [1, 0, 0, 0, 0, 0, 0, 0, UInt64(Character("x").asciiValue ?? 0)] {
      hash = (hash ^ byte) &* 0x100_0000_01b3
    }
    hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
    hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
    #expect(RandomSource(seed: 1).seed(of: "x") == hash ^ (hash >> 31))
  }

  @Test("normal numbers have mean 0 and deviation 1, uniform ones fill their range, coins fall as asked")
  func distributions() throws {
    let generator = try source.generator("statistics")
    let normal = try generator.normal([20_000], .float64)
    #expect(try abs(normal.mean().scalar()) < 0.03)
    #expect(try abs(normal.variance().scalar() - 1) < 0.05)
    let uniform = try generator.uniform([20_000], in: -1..<3, .float64)
    #expect(try abs(uniform.mean().scalar() - 1) < 0.05)
    #expect(try uniform.min().scalar() >= -1)
    #expect(try uniform.max().scalar() <= 3)
    let coins: [Double] = try generator.bernoulli([20_000], probability: 0.3).array()
    #expect(abs(coins.reduce(0, +) / 20_000 - 0.3) < 0.02)
    #expect(try generator.bernoulli([50], probability: 0).array() == [Bool](repeating: false, count: 50))
  }

  @Test("a permutation holds every number once")
  func permutation() throws {
    let order: [Int] = try source.generator("order").permutation(100).array()
    #expect(order.sorted() == Array(0..<100))
    #expect(order != Array(0..<100))
  }
}
