import TestSupport
import Testing
import Torch

@Suite("Shapes")
struct ShapingTests {
  private let x = (0..<24).map(Double.init)
  private func block() throws -> Tensor { try .of(x, [2, 3, 4]) }

  @Test("reshaping keeps the order of the elements, and one size may be left open")
  func reshaping() throws {
    #expect(try block().reshaped([6, 4]).array() == x)
    #expect(try block().reshaped([-1, 8]).shape == [3, 8])
    #expect(try block().flattened().shape == [24])
  }

  @Test("transposing and permuting move elements to where the loops say")
  func transposing() throws {
    let swapped = try block().transposed()
    #expect(swapped.shape == [2, 4, 3])
    let expected = cube(2, 4, 3) { i, k, j in x[i * 12 + j * 4 + k] }
    #expect(try swapped.array() == expected)
    #expect(try swapped.contiguous().array() == expected)
    let turned = try block().permuted([2, 0, 1])
    #expect(turned.shape == [4, 2, 3])
    #expect(try turned.array() == cube(4, 2, 3) { k, i, j in x[i * 12 + j * 4 + k] })
    #expect(try block().transposed(0, 1).shape == [3, 2, 4])
  }

  @Test("a dimension of one is put in, taken out and repeated")
  func expanding() throws {
    let row = try Tensor.of([1, 2])
    #expect(try row.unsqueezed(0).shape == [1, 2])
    #expect(try row.unsqueezed(-1).shape == [2, 1])
    #expect(try row.unsqueezed(0).squeezed(0).shape == [2])
    #expect(try row.squeezed(0).shape == [2])
    #expect(try row.unsqueezed(0).expanded([3, 2]).array() == [1.0, 2, 1, 2, 1, 2])
  }

  @Test("slices share memory, selections drop their dimension")
  func slicing() throws {
    let whole = try block()
    let middle = try whole.narrowed(1, from: 1, length: 2)
    #expect(middle.shape == [2, 2, 4])
    #expect(middle.sharesStorage(with: whole))
    #expect(try middle.array() == [4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23])
    let one = try whole.selected(2, 3)
    #expect(one.shape == [2, 3])
    #expect(try one.array() == [3.0, 7, 11, 15, 19, 23])
    #expect(one.sharesStorage(with: whole))
    #expect(try !whole.cloned().sharesStorage(with: whole))
  }

  @Test("rows are taken by number, elements gathered, slices added")
  func indexing() throws {
    let table = try Tensor.of([0, 1, 10, 11, 20, 21], [3, 2])
    #expect(try table.indexed(0, by: Tensor([2, 0, 2])).array() == [20.0, 21, 0, 1, 20, 21])
    #expect(try table.indexed(0, by: Tensor([Int]())).shape == [0, 2])
    #expect(try table.gathered(1, by: Tensor([1, 0, 1], shape: [3, 1])).array() == [1.0, 10, 21])
    let added = try table.indexAdded(0, Tensor([1, 1]), .of([1, 2, 3, 4], [2, 2]))
    #expect(try added.array() == [0.0, 1, 14, 17, 20, 21])
    #expect(try table.array() == [0.0, 1, 10, 11, 20, 21])
    #expect(try Tensor([2, 0]).oneHot(3).array() == [0, 0, 1, 1, 0, 0])
  }

  @Test("tensors are joined side by side and stacked")
  func joining() throws {
    let (a, b) = (try Tensor.of([1, 2, 3, 4], [2, 2]), try Tensor.of([5, 6], [2, 1]))
    #expect(try Tensor.cat([a, b], 1).array() == [1.0, 2, 5, 3, 4, 6])
    #expect(try Tensor.cat([a, b], -1).shape == [2, 3])
    #expect(try Tensor.stack([a, a]).shape == [2, 2, 2])
    #expect(try Tensor.stack([a, a], -1).array() == [1.0, 1, 2, 2, 3, 3, 4, 4])
  }
}

@Suite("Matrices")
struct MatrixTests {
  @Test("a matrix product is rows by columns, for each matrix of a batch")
  func matmul() throws {
    let (a, b) = (numbers(24, seed: 3), numbers(40, seed: 4))
    let batch = try Tensor.of(a, [2, 3, 4]).matmul(.of(b, [2, 4, 5]))
    #expect(batch.shape == [2, 3, 5])
    let expected = cube(2, 3, 5) { n, i, j in total(4) { k in a[n * 12 + i * 4 + k] * b[n * 20 + k * 5 + j] } }
    #expect(try allClose(batch.array(), expected, relative: Conditions.tolerance, absolute: 1e-5))
  }

  @Test("a linear map is x Wᵀ + b, with and without b")
  func linear() throws {
    let (x, w, b) = (numbers(8, seed: 5), numbers(12, seed: 6), numbers(3, seed: 7))
    let bare = matrix(2, 3) { i, o in total(4) { k in x[i * 4 + k] * w[o * 4 + k] } }
    let (tx, tw, tb) = (try Tensor.of(x, [2, 4]), try Tensor.of(w, [3, 4]), try Tensor.of(b))
    #expect(try allClose(tx.linear(tw, nil).array(), bare, relative: Conditions.tolerance, absolute: 1e-5))
    let shifted = bare.enumerated().map { $1 + b[$0 % 3] }
    #expect(try allClose(tx.linear(tw, tb).array(), shifted, relative: Conditions.tolerance, absolute: 1e-5))
  }

  @Test("an inner product is the sum of products")
  func dot() throws {
    #expect(try Tensor.of([1, 2, 3]).dot(.of([4, -5, 6])).scalar() == 12)
  }

  @Test("eigenvalues come in order, and their vectors give the matrix back")
  func eigen() throws {
    let a = try Tensor([4.0, 1, 0, 1, 3, 1, 0, 1, 2], shape: [3, 3])
    let (values, vectors) = try a.symmetricEigen()
    let found: [Double] = try values.array()
    #expect(found == found.sorted())
    #expect(allClose([found.reduce(0, +)], [9], relative: 1e-12))
    let back = try (vectors * values).matmul(vectors.transposed())
    #expect(try allClose(back, a, relative: 1e-10, absolute: 1e-10))
  }

  @Test("the reduced QR decomposition has orthonormal columns and multiplies back")
  func qr() throws {
    let a = try Tensor(numbers(12), shape: [4, 3])
    let (q, r) = try a.qr()
    #expect(q.shape == [4, 3])
    #expect(r.shape == [3, 3])
    #expect(try allClose(q.matmul(r), a, relative: 1e-10, absolute: 1e-10))
    let identity = [1.0, 0, 0, 0, 1, 0, 0, 0, 1]
    #expect(try allClose(q.transposed().matmul(q).array(), identity, absolute: 1e-10))
  }
}
