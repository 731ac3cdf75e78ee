import Multimodal
import Testing

@testable import Encoders

@Suite struct RandomizedSVDTests {
  private func noise(_ rows: Int, _ columns: Int, stream: String) -> [[Float]] {
    var numbers = SeededNumbers(seed: 0, stream: stream)
    return (0..<rows).map { _ in (0..<columns).map { _ in Float(numbers.normal()) } }
  }

  /// A matrix with known singular vectors and values.
  private func known(rows: Int, columns: Int, values: [Float]) -> (matrix: [[Float]], right: [[Float]]) {
    let left = RandomizedSVD.orthonormal(noise(values.count, rows, stream: "left"))
    let right = RandomizedSVD.orthonormal(noise(values.count, columns, stream: "right"))
    let matrix = (0..<rows).map { i in
      (0..<columns).map { j in values.indices.reduce(0) { $0 + values[$1] * left[$1][i] * right[$1][j] } }
    }
    return (matrix, right)
  }

  @Test("known singular values and directions are found", arguments: [(40, 25), (25, 40)])
  func recovers(rows: Int, columns: Int) throws {
    let values: [Float] = [10, 6, 3, 1, 0.5]
    let (matrix, right) = known(rows: rows, columns: columns, values: values)
    let svd = try RandomizedSVD(of: LinearMap(dense: matrix, columns: columns), rank: 4)
    #expect(svd.values.count == 4)
    for (found, expected) in zip(svd.values, values) { #expect(abs(found - expected) < 1e-3 * expected) }
    for (found, expected) in zip(svd.directions, right) { #expect(abs(abs(dot(found, expected)) - 1) < 1e-3) }
  }

  @Test("directions are orthonormal, and their largest number is positive")
  func orthonormal() throws {
    let svd = try RandomizedSVD(of: LinearMap(dense: noise(30, 20, stream: "m"), columns: 20), rank: 8)
    for (i, a) in svd.directions.enumerated() {
      for (j, b) in svd.directions.enumerated() { #expect(abs(dot(a, b) - (i == j ? 1 : 0)) < 1e-4) }
      #expect((a.max() ?? 0) >= -(a.min() ?? 0))
    }
    #expect(svd.values == svd.values.sorted(by: >))
  }

  @Test("a matrix of lower rank gives no more directions than it has")
  func rank() throws {
    let (matrix, _) = known(rows: 20, columns: 12, values: [4, 2])
    #expect(try RandomizedSVD(of: LinearMap(dense: matrix, columns: 12), rank: 8).values.count == 2)
    let zero = [[Float]](repeating: [Float](repeating: 0, count: 12), count: 5)
    #expect(try RandomizedSVD(of: LinearMap(dense: zero, columns: 12), rank: 3).values.isEmpty)
  }

  @Test("a sparse matrix gives what the dense one gives, on any number of threads")
  func sparse() throws {
    let dense = noise(15, 30, stream: "s").map { row in row.map { abs($0) > 1 ? $0 : 0 } }
    let filled = dense.map { row in
      let places = row.indices.filter { row[$0] != 0 }
      return PreparedInput(values: places.map { row[$0] }, indices: places.map(Int32.init))
    }
    let reference = try RandomizedSVD(of: LinearMap(dense: dense, columns: 30, threads: 1), rank: 5)
    let threaded = try RandomizedSVD(of: LinearMap(dense: dense, columns: 30, threads: 3), rank: 5)
    #expect(reference.directions == threaded.directions)
    let other = try RandomizedSVD(of: LinearMap(sparse: filled, columns: 30), rank: 5)
    for (a, b) in zip(reference.values, other.values) { #expect(abs(a - b) < 1e-3 * a) }
  }

  @Test("eigenvalues of a small matrix are the textbook's")
  func eigen() {
    let (values, vectors) = RandomizedSVD.eigen([[2, 1], [1, 2]])
    #expect(values.sorted().elementsEqual([1, 3]) { abs($0 - $1) < 1e-12 })
    for (value, vector) in zip(values, vectors) {
      #expect(abs(2 * vector[0] + vector[1] - value * vector[0]) < 1e-12)
    }
    #expect(RandomizedSVD.eigen([]).values.isEmpty)
  }

  @Test("a dot product agrees with the plain sum at every length", arguments: [0, 1, 15, 16, 17, 100])
  func dots(count: Int) {
    let (a, b) = (noise(1, count, stream: "a")[0], noise(1, count, stream: "b")[0])
    let plain = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    #expect(abs(Double(dot(a, b)) - plain) < 1e-4)
  }
}
