import TestSupport
import Testing

@testable import Torch

/// Many matrix products at once.
@Suite("Products side by side")
struct ProductsTests {
  private func matrix(_ rows: Int, _ columns: Int, seed: UInt64) throws -> Tensor {
    try Tensor(numbers(rows * columns, seed: seed), shape: [rows, columns])
  }

  @Test(
    "are those that come one by one, whatever their shapes",
    arguments: [(1, 1, 1), (3, 5, 2), (17, 700, 300), (700, 17, 300), (300, 300, 40)])
  func agree(_ rows: Int, _ columns: Int, _ inner: Int) throws {
    let (a, b) = (try matrix(rows, inner, seed: 1), try matrix(inner, columns, seed: 2))
    let c = try matrix(inner, rows, seed: 3).transposed()
    let bias = try Tensor(numbers(columns, seed: 4))
    let found = try MatrixProduct.results([
      MatrixProduct([(a, b)]), MatrixProduct([(a, b), (c, b)], bias: bias), MatrixProduct([(c, b)]),
    ])
    let wanted = [try a.matmul(b), try a.matmul(b) + c.matmul(b) + bias, try c.matmul(b)]
    for (one, two) in zip(found, wanted) { #expect(try allClose(one, two, relative: 1e-10)) }
  }

  @Test("are written to memory that is there, and counted as a change of it")
  func targets() throws {
    let (a, b) = (try matrix(4, 3, seed: 1), try matrix(3, 2, seed: 2))
    let target = try Tensor.zeros([4, 2], .float64)
    let before = try target.changes
    try MatrixProduct([(a, b)]).write(to: target)
    #expect(try allClose(target, a.matmul(b)))
    #expect(try target.changes > before)
  }

  @Test("are the same bits each time on as many threads")
  func bits() throws {
    let (a, b) = (try matrix(130, 400, seed: 1).to(.float32), try matrix(400, 500, seed: 2).to(.float32))
    func once() throws -> [Float] { try MatrixProduct.results([MatrixProduct([(a, b)])])[0].array() }
    let first = try once()
    for _ in 0..<5 { #expect(try once() == first) }
  }

  @Test("have no graph, whatever is differentiated elsewhere")
  func graph() throws {
    let (a, b) = (try matrix(4, 3, seed: 1).requiringGradient(), try matrix(3, 2, seed: 2).requiringGradient())
    #expect(try !MatrixProduct.results([MatrixProduct([(a, b)])])[0].requiresGradient)
  }

  @Test("are refused where shapes do not fit")
  func refusals() throws {
    let a = try matrix(4, 3, seed: 1)
    #expect(throws: TorchError.self) { try MatrixProduct.results([MatrixProduct([(a, a)])]) }
    #expect(throws: TorchError.self) {
      try MatrixProduct.results([MatrixProduct([(a, a.transposed()), (a.transposed(), a)])])
    }
    #expect(throws: TorchError.self) { try MatrixProduct([(a, a.transposed())]).write(to: .zeros([4, 5], .float64)) }
  }
}
