import Multimodal

extension SeededNumbers {
  /// So many of the numbers below `count`, none twice before all have come once.
  mutating func sampleInRounds(_ wanted: Int, of count: Int) -> [Int] {
    var drawn: [Int] = []
    while drawn.count < wanted, count > 0 { drawn += sample(min(count, wanted - drawn.count), of: count) }
    return drawn
  }
}
