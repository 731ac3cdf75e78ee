import TestSupport
import SeesawConformance
import Testing

@testable import Balancing

@Suite("Rotations in a plane")
struct PlaneRotationTests {
  private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

  private func applied(_ matrix: [Double], _ v: [Double]) -> [Double] {
    v.indices.map { row in total(v.count) { matrix[row * v.count + $0] * v[$0] } }
  }

  private func unit(_ v: [Double]) throws -> [Double] { try #require(PlaneRotation.unit(v)) }

  private static let pairs: [([Double], [Double])] = {
    var pairs = (1...6 as ClosedRange<UInt64>).map { (numbers(5, seed: $0), numbers(5, seed: $0 + 50)) }
    let (x, y) = (numbers(5, seed: 7), numbers(5, seed: 8))
    pairs.append((x, x))
    pairs.append((x, x.map { -$0 }))
    pairs.append((x, zip(x, y).map { -$0 + 1e-13 * $1 }))
    pairs.append((x, zip(x, y).map { -$0 + 1e-7 * $1 }))
    pairs.append((x.map { $0 * 1e-10 }, y.map { $0 * 1e15 }))
    pairs.append(([1, 0, 0, 0, 0], [0, 1, 0, 0, 0]))
    return pairs
  }()

  @Test("one direction becomes the other, and lengths and angles stay", arguments: pairs)
  func rotates(_ x: [Double], _ y: [Double]) throws {
    let matrix = try #require(PlaneRotation.matrix(from: x, to: y))
    #expect(try allClose(applied(matrix, unit(x)), unit(y), relative: 0, absolute: 2e-12))
    for i in 0..<5 {
      for j in 0..<5 {
        let (a, b) = ((0..<5).map { matrix[$0 * 5 + i] }, (0..<5).map { matrix[$0 * 5 + j] })
        #expect(abs(dot(a, b) - (i == j ? 1 : 0)) < 1e-13)
      }
    }
  }

  @Test("what is orthogonal to both directions is left alone", arguments: pairs.prefix(6) + pairs.suffix(2))
  func complement(_ x: [Double], _ y: [Double]) throws {
    let matrix = try #require(PlaneRotation.matrix(from: x, to: y))
    let first = try unit(x)
    let second = try unit(zip(try unit(y), first).map { [c = dot(first, try unit(y))] in $0 - c * $1 })
    var v = numbers(5, seed: 99)
    for direction in [first, second, first, second] {
      let share = dot(v, direction)
      v = zip(v, direction).map { $0 - share * $1 }
    }
    #expect(allClose(applied(matrix, v), v, relative: 0, absolute: 1e-13))
  }

  @Test("the matrix is the formula's", arguments: pairs.prefix(6))
  func formula(_ x: [Double], _ y: [Double]) throws {
    let (x, y) = (try unit(x), try unit(y))
    let c = dot(x, y)
    let a = matrix(5, 5) { y[$0] * x[$1] - x[$0] * y[$1] }
    let expected = matrix(5, 5) { row, column in
      (row == column ? 1 : 0) + a[row * 5 + column] + total(5) { a[row * 5 + $0] * a[$0 * 5 + column] } / (1 + c)
    }
    #expect(allClose(try #require(PlaneRotation.matrix(from: x, to: y)), expected, relative: 0, absolute: 1e-13))
  }

  @Test("equal directions are not turned at all")
  func same() throws {
    let x = numbers(4)
    let identity = matrix(4, 4) { $0 == $1 ? 1 : 0 }
    #expect(try allClose(#require(PlaneRotation.matrix(from: x, to: x)), identity, relative: 0, absolute: 1e-15))
  }

  @Test("nothing has no direction, and a line has no plane")
  func nothing() {
    #expect(PlaneRotation.matrix(from: [0, 0], to: [1, 0]) == nil)
    #expect(PlaneRotation.matrix(from: [1, 0], to: [0, 0]) == nil)
    #expect(PlaneRotation.matrix(from: [1, .infinity], to: [1, 0]) == nil)
    #expect(PlaneRotation.matrix(from: [.nan, 1], to: [1, 0]) == nil)
    #expect(PlaneRotation.matrix(from: [1], to: [-1]) == nil)
    #expect(PlaneRotation.matrix(from: [2], to: [3]) == [1])
  }
}
