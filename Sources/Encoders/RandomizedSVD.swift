import Multimodal

/// The leading right singular vectors of a matrix, by randomised subspace iteration (Halko, Martinsson, Tropp 2011).
///
/// Reproducible: the same seed and matrix give the same vectors, on any number of threads.
package struct RandomizedSVD {
  /// Orthonormal rows of `columns` numbers, the most important first; each has its largest number positive.
  package let directions: [[Float]]
  /// The singular values, falling.
  package let values: [Float]

  /// - Parameters:
  ///   - rank: how many are wanted; fewer are found where the matrix has fewer.
  ///   - oversampling: further vectors that are carried along, for precision.
  ///   - iterations: products with the matrix and its transpose.
  package init(
    of matrix: LinearMap, rank: Int, oversampling: Int = 10, iterations: Int = 4, seed: UInt64 = 0
  ) throws {
    let limit = min(matrix.rows, matrix.columns)
    let carried = min(rank + oversampling, limit)
    var numbers = SeededNumbers(seed: seed, stream: "randomised-svd")
    let start = (0..<carried).map { _ in (0..<matrix.columns).map { _ in Float(numbers.normal()) } }
    var basis = Self.orthonormal(try matrix.apply(start))
    for _ in 0..<iterations {
      basis = Self.orthonormal(try matrix.apply(Self.orthonormal(try matrix.applyTransposed(basis))))
    }
    // The matrix seen from the subspace is small in one direction: its Gram matrix has the singular values' squares.
    let small = try matrix.applyTransposed(basis)
    let gram = small.map { a in small.map { b in Double(dot(a, b)) } }
    let (eigenvalues, eigenvectors) = Self.eigen(gram)
    let order = eigenvalues.indices.sorted { eigenvalues[$0] > eigenvalues[$1] }
    // What is left of directions that are not there is rounding.
    let floor = max(eigenvalues.max() ?? 0, 0) * 1e-10
    var directions: [[Float]] = []
    var values: [Float] = []
    for index in order.prefix(min(rank, limit)) where eigenvalues[index] > floor {
      let value = eigenvalues[index].squareRoot()
      var direction = [Float](repeating: 0, count: matrix.columns)
      for (row, weight) in zip(small, eigenvectors[index]) { add(Float(weight / value), row, to: &direction) }
      let largest = direction.max { abs($0) < abs($1) } ?? 0
      directions.append(largest < 0 ? direction.map { -$0 } : direction)
      values.append(Float(value))
    }
    self.directions = directions
    self.values = values
  }

  /// An orthonormal basis of what the vectors span, by modified Gram-Schmidt, done twice against rounding.
  static func orthonormal(_ vectors: [[Float]]) -> [[Float]] {
    var basis: [[Float]] = []
    for vector in vectors {
      var rest = vector
      let before = dot(vector, vector).squareRoot()
      guard before > 0 else { continue }
      for _ in 0..<2 {
        for known in basis { add(-dot(known, rest), known, to: &rest) }
      }
      let length = dot(rest, rest).squareRoot()
      // Nothing but rounding is left of a vector that depends on the others.
      if length > before * 1e-5 { basis.append(rest.map { $0 / length }) }
    }
    return basis
  }

  /// The eigenvalues and eigenvectors of a symmetric matrix, by cyclic Jacobi rotations.
  static func eigen(_ matrix: [[Double]]) -> (values: [Double], vectors: [[Double]]) {
    let n = matrix.count
    var a = matrix.flatMap { $0 }
    var vectors = (0..<n * n).map { $0 / n == $0 % n ? 1.0 : 0.0 }
    let scale = (0..<n).reduce(0) { max($0, abs(a[$1 * n + $1])) }
    a.withUnsafeMutableBufferPointer { a in
      vectors.withUnsafeMutableBufferPointer { vectors in
        for _ in 0..<40 { if Self.sweep(a, vectors, n, scale: scale) { break } }
      }
    }
    return ((0..<n).map { a[$0 * n + $0] }, (0..<n).map { Array(vectors[$0 * n..<($0 + 1) * n]) })
  }

  /// Rotates every pair of axes once; whether nothing was left to do.
  private static func sweep(
    _ a: UnsafeMutableBufferPointer<Double>, _ vectors: UnsafeMutableBufferPointer<Double>, _ n: Int, scale: Double
  ) -> Bool {
    var done = true
    for p in 0..<n {
      for q in (p + 1)..<max(n, p + 1) {
        let pq = a[p * n + q]
        if abs(pq) <= scale * 1e-13 { continue }
        done = false
        let theta = (a[q * n + q] - a[p * n + p]) / (2 * pq)
        let t = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
        let c = 1 / (t * t + 1).squareRoot()
        let s = t * c
        for k in 0..<n {
          let (x, y) = (a[p * n + k], a[q * n + k])
          a[p * n + k] = c * x - s * y
          a[q * n + k] = s * x + c * y
          let (u, v) = (vectors[p * n + k], vectors[q * n + k])
          vectors[p * n + k] = c * u - s * v
          vectors[q * n + k] = s * u + c * v
        }
        for k in stride(from: 0, to: n * n, by: n) {
          let (x, y) = (a[k + p], a[k + q])
          a[k + p] = c * x - s * y
          a[k + q] = s * x + c * y
        }
      }
    }
    return done
  }
}
