import Testing

@testable import Auditing

struct InformationPartsTests {
  /// P[x₁][x₂][y], and R, U₁, U₂, S to six digits.
  struct Vector: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let cells: [Double]
    var sizes = (2, 2, 2)
    let parts: [Double]
  }

  private static let flips: [Double] = {
    var cells = [Double](repeating: 0, count: 8)
    for y in 0..<2 {
      for a in 0..<2 {
        for b in 0..<2 { cells[(a * 2 + b) * 2 + y] = 0.5 * (a == y ? 0.9 : 0.1) * (b == y ? 0.7 : 0.3) }
      }
    }
    return cells
  }()

  private static let copies: [Double] = {
    var cells = [Double](repeating: 0, count: 16)
    for a in 0..<2 { for b in 0..<2 { cells[(a * 2 + b) * 4 + a * 2 + b] = 0.25 } }
    return cells
  }()

  static let vectors = [
    Vector(testDescription: "and", cells: [1, 0, 1, 0, 1, 0, 0, 1], parts: [0.311278, 0, 0, 0.5]),
    Vector(testDescription: "exclusive or", cells: [1, 0, 0, 1, 0, 1, 1, 0], parts: [0, 0, 0, 1]),
    Vector(testDescription: "twice the label", cells: [1, 0, 0, 0, 0, 0, 0, 1], parts: [1, 0, 0, 0]),
    Vector(testDescription: "the label and a coin", cells: [1, 0, 1, 0, 0, 1, 0, 1], parts: [0, 1, 0, 0]),
    Vector(testDescription: "two bits", cells: copies, sizes: (2, 2, 4), parts: [0, 1, 1, 0]),
    Vector(testDescription: "two noisy copies", cells: flips, parts: [0.118709, 0.412295, 0, 0.043528]),
    Vector(
      testDescription: "a table", cells: [0.20, 0.02, 0.05, 0.03, 0.04, 0.10, 0.06, 0.50],
      parts: [0.179817, 0.145074, 0, 0.040204]),
    Vector(
      testDescription: "another table", cells: [0.10, 0.15, 0.20, 0.05, 0.15, 0.05, 0.05, 0.25],
      parts: [0.007299, 0.021750, 0, 0.190469]),
  ]

  @Test("the parts of known distributions come out to six digits", arguments: vectors)
  func parts(_ vector: Vector) {
    let found = InformationParts(vector.cells, sizes: vector.sizes, tolerance: 1e-9, mostRounds: 20_000)
    let parts = [found.redundant, found.first, found.second, found.synergy]
    for (got, wanted) in zip(parts, vector.parts) { #expect(abs(got - wanted) < 1e-6, "\(parts) \(found.bound)") }
  }

  @Test("the usual tolerance keeps its promise", arguments: vectors)
  func bound(_ vector: Vector) {
    let found = InformationParts(vector.cells, sizes: vector.sizes)
    #expect(found.bound <= 0.005)
    #expect(abs(found.synergy - vector.parts[3]) <= found.bound + 1e-6)
  }
}
