import Multimodal

/// A matrix that is known by what it does to vectors, so that it may be sparse, shifted or live elsewhere.
///
/// Vectors are passed and returned as rows, many at a time.
package struct LinearMap {
  package let rows: Int
  package let columns: Int
  /// Vectors of `columns` numbers to vectors of `rows` numbers.
  package let apply: ([[Float]]) throws -> [[Float]]
  /// Vectors of `rows` numbers to vectors of `columns` numbers.
  package let applyTransposed: ([[Float]]) throws -> [[Float]]

  package init(
    rows: Int, columns: Int, apply: @escaping ([[Float]]) throws -> [[Float]],
    applyTransposed: @escaping ([[Float]]) throws -> [[Float]]
  ) {
    self.rows = rows
    self.columns = columns
    self.apply = apply
    self.applyTransposed = applyTransposed
  }

  /// A matrix given by its rows.
  package init(dense matrix: [[Float]], columns: Int, threads: Int = 0) {
    self.init(
      rows: matrix.count, columns: columns,
      apply: { vectors in
        try parallelMap(vectors.count, threads: threads) { [vectors] j in matrix.map { dot($0, vectors[j]) } }
      },
      applyTransposed: { vectors in
        try parallelMap(vectors.count, threads: threads) { [vectors] j in
          var sum = [Float](repeating: 0, count: columns)
          for (row, weight) in zip(matrix, vectors[j]) { add(weight, row, to: &sum) }
          return sum
        }
      })
  }

  /// A matrix given by the filled places of its rows: `indices` are columns.
  package init(sparse matrix: [PreparedInput], columns: Int, threads: Int = 0) {
    self.init(
      rows: matrix.count, columns: columns,
      apply: { vectors in
        try parallelMap(vectors.count, threads: threads) { [vectors] j in
          let vector = vectors[j]
          return matrix.map { row in
            var sum: Float = 0
            for (index, value) in zip(row.indices, row.values) { sum += value * vector[Int(index)] }
            return sum
          }
        }
      },
      applyTransposed: { vectors in
        try parallelMap(vectors.count, threads: threads) { [vectors] j in
          var sum = [Float](repeating: 0, count: columns)
          for (row, weight) in zip(matrix, vectors[j]) {
            for (index, value) in zip(row.indices, row.values) { sum[Int(index)] += weight * value }
          }
          return sum
        }
      })
  }
}

/// The dot product of two vectors of one length.
///
/// Summed in sixteen parts, always in the same order, so that the result is reproducible and the processor is kept busy.
func dot(_ a: [Float], _ b: [Float]) -> Float {
  precondition(a.count == b.count, "vectors of different lengths")
  return a.withUnsafeBufferPointer { a in
    b.withUnsafeBufferPointer { b in
      var parts = (SIMD8<Float>.zero, SIMD8<Float>.zero)
      var i = 0
      let whole = a.count & ~15
      if let x = UnsafeRawPointer(a.baseAddress), let y = UnsafeRawPointer(b.baseAddress) {
        while i < whole {
          let place = i * 4
          parts.0 +=
            x.loadUnaligned(fromByteOffset: place, as: SIMD8<Float>.self)
            * y.loadUnaligned(fromByteOffset: place, as: SIMD8<Float>.self)
          parts.1 +=
            x.loadUnaligned(fromByteOffset: place + 32, as: SIMD8<Float>.self)
            * y.loadUnaligned(fromByteOffset: place + 32, as: SIMD8<Float>.self)
          i += 16
        }
      }
      var sum = (parts.0 + parts.1).sum()
      while i < a.count {
        sum += a[i] * b[i]
        i += 1
      }
      return sum
    }
  }
}

/// Adds a multiple of a vector to another.
func add(_ weight: Float, _ vector: [Float], to sum: inout [Float]) {
  precondition(vector.count == sum.count, "vectors of different lengths")
  guard weight != 0 else { return }
  vector.withUnsafeBufferPointer { vector in
    sum.withUnsafeMutableBufferPointer { sum in
      for i in 0..<vector.count { sum[i] += weight * vector[i] }
    }
  }
}
