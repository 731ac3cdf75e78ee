import Multimodal
import Testing

@Suite struct SeededNumbersTests {
  @Test("the same seed and stream give the same numbers, on every machine and for ever")
  func pinned() {
    var numbers = SeededNumbers(seed: 7, stream: "image-noisy/1f600")
    let first = (0..<3).map { _ in numbers.next() }
    var again = SeededNumbers(seed: 7, stream: "image-noisy/1f600")
    #expect(first == (0..<3).map { _ in again.next() })
    #expect(first == reference(seed: 7, stream: "image-noisy/1f600", count: 3))
  }

  /// The published recurrences of FNV-1a and SplitMix64, written out again.
  private func reference(seed: UInt64, stream: String, count: Int) -> [UInt64] {
    func mix(_ value: UInt64) -> UInt64 {
      let a = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
      let b = (a ^ (a >> 27)) &* 0x94D0_49BB_1331_11EB
      return b ^ (b >> 31)
    }
    let golden: UInt64 = 0x9E37_79B9_7F4A_7C15
    let name = stream.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    let start = mix(mix(seed &+ golden) ^ name)
    return (1...UInt64(count)).map { mix(start &+ $0 &* golden) }
  }

  @Test("another seed or another name is another stream")
  func independent() {
    var numbers = [(0, "a"), (1, "a"), (0, "b"), (0, "a/"), (0, "")].map {
      SeededNumbers(seed: UInt64($0.0), stream: $0.1)
    }
    let firsts = numbers.indices.map { numbers[$0].next() }
    #expect(Set(firsts).count == firsts.count)
  }

  @Test("uniform numbers fill 0 to 1 evenly")
  func uniform() {
    var numbers = SeededNumbers(seed: 0, stream: "uniform")
    var bins = [Int](repeating: 0, count: 10)
    for _ in 0..<20_000 {
      let number = numbers.uniform()
      #expect((0..<1).contains(number))
      bins[Int(number * 10)] += 1
    }
    // Five standard deviations of a bin are 212.
    #expect(bins.allSatisfy { abs($0 - 2000) < 212 })
  }

  @Test("whole numbers below a bound are all reached and none is preferred")
  func below() {
    var numbers = SeededNumbers(seed: 3, stream: "below")
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<14_000 { counts[numbers.uniform(below: 7)] += 1 }
    #expect(counts.allSatisfy { abs($0 - 2000) < 210 })
    #expect(numbers.uniform(below: 1) == 0)
  }

  @Test("normal numbers have mean 0 and variance 1")
  func normal() {
    var numbers = SeededNumbers(seed: 3, stream: "normal")
    let drawn = (0..<20_000).map { _ in numbers.normal() }
    let mean = drawn.reduce(0, +) / 20_000
    let variance = drawn.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20_000
    #expect(abs(mean) < 0.036)
    #expect(abs(variance - 1) < 0.05)
  }

  @Test("a permutation holds every number once, a sample none twice")
  func permutations() {
    var numbers = SeededNumbers(seed: 0, stream: "order")
    let order = numbers.permutation(100)
    #expect(order != Array(0..<100))
    #expect(order.sorted() == Array(0..<100))
    let sample = numbers.sample(10, of: 12)
    #expect(Set(sample).count == 10)
    #expect(sample.allSatisfy { (0..<12).contains($0) })
    #expect(numbers.permutation(0) == [])
  }
}
