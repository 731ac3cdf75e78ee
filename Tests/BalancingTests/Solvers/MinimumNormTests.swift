import TestSupport
import SeesawConformance
import Testing

@testable import Balancing

@Suite("The shortest vector between others")
struct MinimumNormTests {
  private func products(_ vectors: [[Double]]) -> [[Double]] {
    vectors.map { a in vectors.map { b in total(a.count) { a[$0] * b[$0] } } }
  }

  private func mean(_ vectors: [[Double]], _ weights: [Double]) -> [Double] {
    vectors[0].indices.map { k in total(vectors.count) { weights[$0] * vectors[$0][k] } }
  }

  private func square(_ vector: [Double]) -> Double { total(vector.count) { vector[$0] * vector[$0] } }

  @Test("the known example: (1, 0) and (−0.5, 1)")
  func known() {
    let weight = MinimumNorm.weight(1, -0.5, 1.25)
    #expect(allClose([weight], [0.538462], absolute: 1e-6))
    #expect(
      allClose(mean([[1, 0], [-0.5, 1]], [2 * weight, 2 - 2 * weight]), [0.615385, 0.923077], absolute: 1e-6))
  }

  @Test(
    "two vectors: weights from 0 to 1, no longer than either, and no weight does better",
    arguments: [
      ([1.0, 0], [0.0, 1]), ([1, 0], [1, 0]), ([1, 0], [-1, 0]), ([2, 0], [-1, 0]), ([1, 0], [3, 0]),
      ([3, 0], [1, 0]),
      ([0, 0], [1, 1]), ([0, 0], [0, 0]), ([1e-10, 0], [1, 1]), ([1e15, 1], [-1e15, 1]), ([1e15, 0], [1, 1]),
      ([1, 2], [-2, 1]), ([1e-10, 1e-10], [-1e-10, 2e-10]),
    ])
  func pairs(_ a: [Double], _ b: [Double]) {
    let weight = MinimumNorm.weight(square(a), total(2) { a[$0] * b[$0] }, square(b))
    #expect((0...1).contains(weight))
    let found = square(mean([a, b], [weight, 1 - weight]))
    let slack = 1e-12 * max(square(a), square(b))
    for step in 0...1000 {
      let other = Double(step) / 1000
      #expect(found <= square(mean([a, b], [other, 1 - other])) + slack)
    }
    #expect(MinimumNorm.weights(products([a, b])) == [weight, 1 - weight])
  }

  @Test("several vectors: the mean is the shortest, as its product with each of them shows", arguments: 1...20)
  func several(_ seed: Int) {
    let count = 2 + seed % 5
    let values = numbers(count * 4, seed: UInt64(seed), in: -1...2)
    let vectors = (0..<count).map { Array(values[($0 * 4)..<($0 * 4 + 4)]) }
    let weights = MinimumNorm.weights(products(vectors))
    #expect(weights.allSatisfy { $0 >= 0 } && allClose([weights.reduce(0, +)], [1]))
    let shortest = mean(vectors, weights)
    // Of all means d is the shortest where ⟨d, v⟩ ≥ ‖d‖² for every v.
    for vector in vectors { #expect(total(4) { shortest[$0] * vector[$0] } >= square(shortest) - 1e-10) }
  }

  @Test("vectors around the origin meet there; one alone, equal ones and none of length have weights too")
  func edges() {
    let around = [[1.0, 0], [-1, 1], [-1, -1]]
    #expect(square(mean(around, MinimumNorm.weights(products(around)))) < 1e-20)
    #expect(MinimumNorm.weights([[4]]) == [1])
    #expect(MinimumNorm.weights([]).isEmpty)
    let third = 1.0 / 3
    for number in [0.0, 1] {
      let equal = [[Double]](repeating: [number, number], count: 3)
      #expect(allClose(MinimumNorm.weights(products(equal)), [third, third, third]))
    }
    let uneven = [[1e8, 0], [0, 1e-8], [1e8, 1e8]]
    #expect(allClose(mean(uneven, MinimumNorm.weights(products(uneven))), [0, 1e-8], relative: 1e-3, absolute: 1e-8))
  }
}
