import TestSupport
import Testing
import Torch

/// A call that libtorch must refuse, with the operation and the shapes that its error has to name.
struct Refusal: Sendable, CustomTestStringConvertible {
  let name: String
  let operation: String
  let shapes: [[Int]]
  let call: @Sendable (Tensor, Tensor) throws -> Void

  var testDescription: String { name }

  init(
    _ name: String, _ operation: String, _ shapes: [[Int]], _ call: @escaping @Sendable (Tensor, Tensor) throws -> Void
  ) {
    self.name = name
    self.operation = operation
    self.shapes = shapes
    self.call = call
  }

  private static let both = [[2, 3], [4, 5]]
  private static let one = [[2, 3]]

  /// Given a [2, 3] and a [4, 5] tensor.
  static let all: [Refusal] = [
    Refusal("sum of two shapes", "add", both) { _ = try $0 + $1 },
    Refusal("difference of two shapes", "sub", both) { _ = try $0 - $1 },
    Refusal("product of two shapes", "mul", both) { _ = try $0 * $1 },
    Refusal("quotient of two shapes", "div", both) { _ = try $0 / $1 },
    Refusal("maximum of two shapes", "maximum", both) { _ = try $0.maximum($1) },
    Refusal("minimum of two shapes", "minimum", both) { _ = try $0.minimum($1) },
    Refusal("comparison of two shapes", "gt", both) { _ = try $0.greater(than: $1) },
    Refusal("equality of two shapes", "eq", both) { _ = try $0.equal(to: $1) },
    Refusal("matrix product", "matmul", both) { _ = try $0.matmul($1) },
    Refusal("inner product of matrices", "dot", both) { _ = try $0.dot($1) },
    Refusal("linear map", "linear", both) { _ = try $0.linear($1, nil) },
    Refusal("linear map with its bias", "linear", [[2, 3], [4, 5], [2, 3]]) { _ = try $0.linear($1, $0) },
    Refusal("reshape", "reshape", one) { a, _ in _ = try a.reshaped([4, 2]) },
    Refusal("reshape with two open sizes", "reshape", one) { a, _ in _ = try a.reshaped([-1, -1]) },
    Refusal("expansion", "expand", one) { a, _ in _ = try a.expanded([2, 4]) },
    Refusal("permutation of too few", "permute", one) { a, _ in _ = try a.permuted([0]) },
    Refusal("permutation with a repetition", "permute", one) { a, _ in _ = try a.permuted([0, 0]) },
    Refusal("transposition", "transpose", one) { a, _ in _ = try a.transposed(0, 7) },
    Refusal("unsqueeze too far", "unsqueeze", one) { a, _ in _ = try a.unsqueezed(9) },
    Refusal("squeeze too far", "squeeze", one) { a, _ in _ = try a.squeezed(-4) },
    Refusal("narrow beyond the end", "narrow", one) { a, _ in _ = try a.narrowed(1, from: 2, length: 2) },
    Refusal("narrow of negative length", "narrow", one) { a, _ in _ = try a.narrowed(1, from: 0, length: -1) },
    Refusal("selection beyond the end", "select", one) { a, _ in _ = try a.selected(0, 2) },
    Refusal("index of real numbers", "index_select", both) { _ = try $0.indexed(0, by: $1) },
    Refusal("index beyond the end", "index_select", [[2, 3], [1]]) { a, _ in _ = try a.indexed(0, by: Tensor([5])) },
    Refusal("gathering by real numbers", "gather", both) { _ = try $0.gathered(1, by: $1) },
    Refusal("gathering beyond the end", "gather", [[2, 3], [2, 1]]) { a, _ in
      _ = try a.gathered(1, by: Tensor([0, 3], shape: [2, 1]))
    },
    Refusal("adding slices of another width", "index_add", [[2, 3], [1], [4, 5]]) {
      _ = try $0.indexAdded(0, Tensor([0]), $1)
    },
    Refusal("one hot of real numbers", "one_hot", one) { a, _ in _ = try a.oneHot(3) },
    Refusal("one hot of too few classes", "one_hot", [[2]]) { _, _ in _ = try Tensor([0, 3]).oneHot(3) },
    Refusal("cat of two shapes", "cat", both) { _ = try Tensor.cat([$0, $1], 0) },
    Refusal("cat of nothing", "cat", []) { _, _ in _ = try Tensor.cat([], 0) },
    Refusal("stack of two shapes", "stack", both) { _ = try Tensor.stack([$0, $1]) },
    Refusal("sum over a dimension that is not there", "sum", one) { a, _ in _ = try a.sum(2) },
    Refusal("sum twice over a dimension", "sum", one) { a, _ in _ = try a.sum(0, 0) },
    Refusal("maximum of nothing", "amax", [[0]]) { _, _ in _ = try Tensor.zeros([0]).max() },
    Refusal("softmax over a dimension that is not there", "softmax", one) { a, _ in _ = try a.softmax(2) },
    Refusal("log softmax over a dimension that is not there", "log_softmax", one) { a, _ in _ = try a.logSoftmax(2) },
    Refusal("cumulative sum over a dimension that is not there", "cumsum", one) { a, _ in _ = try a.cumulativeSum(5) },
    Refusal("argmax over a dimension that is not there", "argmax", one) { a, _ in _ = try a.argmax(2) },
    Refusal("argsort over a dimension that is not there", "argsort", one) { a, _ in _ = try a.argsort(2) },
    Refusal("mean of whole numbers", "mean", [[2]]) { _, _ in _ = try Tensor([1, 2]).mean() },
    Refusal("labels of another count", "cross_entropy", [[2, 3], [3]]) { a, _ in
      _ = try a.crossEntropy(Tensor([0, 1, 2]))
    },
    Refusal("a label out of range", "cross_entropy", [[2, 3], [2]]) { a, _ in _ = try a.crossEntropy(Tensor([0, 3])) },
    Refusal("a negative label", "cross_entropy", [[2, 3], [2]]) { a, _ in _ = try a.crossEntropy(Tensor([0, -1])) },
    Refusal("class weights of another count", "cross_entropy", [[2, 3], [2]]) { a, _ in
      _ = try a.crossEntropy(Tensor([0, 1]), classWeights: .of([1, 1]))
    },
    Refusal("targets of another shape", "binary_cross_entropy_with_logits", both) { _ = try $0.binaryCrossEntropy($1) },
    Refusal("choice without truth values", "where", [[2, 3], [2, 3], [4, 5]]) { _ = try $0.choose($0, $1) },
    Refusal("a mask of real numbers", "masked_fill", [[2, 3], [2, 3]]) { a, _ in _ = try a.maskedFill(a, 0) },
    Refusal("eigenvalues of what is not square", "linalg_eigh", one) { a, _ in _ = try a.symmetricEigen() },
    Refusal("decomposition of a vector", "linalg_qr", [[2]]) { _, _ in _ = try Tensor.of([1, 2]).qr() },
    Refusal("copy of another shape", "copy_", both) { try $0.copy(from: $1) },
    Refusal("addition in place", "add_", both) { try $0.add($1) },
    Refusal("gradient of what is no scalar", "grad", one) { a, _ in
      _ = try gradients(of: a.requiringGradient() * 1, withRespectTo: [a])
    },
    Refusal("gradient where none is recorded", "grad", [[]]) { a, b in
      _ = try gradients(of: a.sum(), withRespectTo: [b])
    },
    Refusal("gradient for whole numbers", "requires_grad_", [[1]]) { _, _ in _ = try Tensor([1]).requiringGradient() },
    Refusal("a scalar of six", "item", one) { a, _ in _ = try a.scalar() },
    Refusal("a negative size", "full", []) { _, _ in _ = try Tensor.zeros([-1]) },
    Refusal("more memory than there is", "empty", []) { _, _ in _ = try Tensor.empty([1 << 50]) },
    Refusal("a size that overflows", "empty", []) { _, _ in _ = try Tensor.empty([1 << 40, 1 << 40]) },
    Refusal("a device that nobody has", "full", []) { _, _ in _ = try Tensor.zeros([1], on: "toaster") },
    Refusal("a device that is not here", "full", []) { _, _ in _ = try Tensor.zeros([1], on: "cuda:99") },
    Refusal("a move to a device that nobody has", "to", one) { a, _ in _ = try a.to(on: "") },
    Refusal("a range that runs backwards is impossible, one too large is refused", "arange", []) { _, _ in
      _ = try Tensor.arange(0..<(1 << 60))
    },
    Refusal("normal numbers that are whole", "randn", []) { _, _ in _ = try Generator(seed: 1).normal([2], .int64) },
    Refusal("a probability above one", "bernoulli", []) { _, _ in
      _ = try Generator(seed: 1).bernoulli([2], probability: 1.5)
    },
    Refusal("a permutation of fewer than none", "randperm", []) { _, _ in _ = try Generator(seed: 1).permutation(-1) },
    Refusal("random numbers of a negative size", "uniform", []) { _, _ in _ = try Generator(seed: 1).uniform([-2]) },
  ]
}

@Suite("What libtorch refuses")
struct TorchErrorTests {
  @Test("names the operation and the operands' shapes, and gives libtorch's reason", arguments: Refusal.all)
  func refusal(_ example: Refusal) throws {
    let (a, b) = (try Tensor.of(numbers(6), [2, 3]), try Tensor.of(numbers(20), [4, 5]))
    let error = try #require(throws: TorchError.self) { try example.call(a, b) }
    #expect(error.operation == example.operation)
    #expect(error.shapes == example.shapes)
    #expect(!error.message.isEmpty)
    #expect(!error.description.contains("\n"))
    for shape in example.shapes { #expect(error.description.contains("\(shape)")) }
  }

  @Test("reads as one line")
  func description() {
    let error = TorchError(operation: "add", shapes: [[2, 3], [4]], message: "they differ\nat dimension 1")
    #expect(error.description == "add of [2, 3] and [4]: they differ")
    #expect(TorchError(operation: "full", message: "").description == "full: no reason given")
  }

  @Test("leaves nothing behind: the next call works")
  func afterwards() throws {
    let a = try Tensor.of([1, 2])
    #expect(throws: TorchError.self) { try a + .of([1, 2, 3]) }
    #expect(try (a + a).array() == [2.0, 4])
  }

  @Test("a list of values must fill its shape")
  func wrongCount() throws {
    let error = try #require(throws: TorchError.self) { try Tensor([1.0, 2, 3], shape: [2, 2]) }
    #expect(error.shapes == [[2, 2]] || error.shapes.isEmpty)
    #expect(throws: TorchError.self) { try Tensor([1.0], shape: [-1]) }
    #expect(throws: TorchError.self) { try Tensor([Double](), shape: [-1, 0]) }
    #expect(throws: TorchError.self) { try Tensor([1.0], shape: [.max, .max]) }
  }
}
