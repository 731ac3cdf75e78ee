import Foundation
import TestSupport
import Testing
import Torch

/// A reduction of a list to a number.
struct ReductionCase: Sendable, CustomTestStringConvertible {
  let name: String
  let all: @Sendable (Tensor) throws -> Tensor
  let along: @Sendable (Tensor, Int, Bool) throws -> Tensor
  let number: @Sendable ([Double]) -> Double

  var testDescription: String { name }

  static let cases: [ReductionCase] = [
    ReductionCase(
      name: "sum", all: { try $0.sum() }, along: { try $0.sum($1, keeping: $2) }, number: { $0.reduce(0, +) }),
    ReductionCase(
      name: "mean", all: { try $0.mean() }, along: { try $0.mean($1, keeping: $2) },
      number: { $0.reduce(0, +) / Double($0.count) }),
    ReductionCase(
      name: "max", all: { try $0.max() }, along: { try $0.max($1, keeping: $2) }, number: { $0.max() ?? .nan }),
    ReductionCase(
      name: "min", all: { try $0.min() }, along: { try $0.min($1, keeping: $2) }, number: { $0.min() ?? .nan }),
    ReductionCase(
      name: "logSumExp", all: { try $0.logSumExp() }, along: { try $0.logSumExp($1, keeping: $2) },
      number: { Foundation.log($0.map(Foundation.exp).reduce(0, +)) }),
  ]
}

@Suite("Reductions")
struct ReducingTests {
  /// The lists of a [2, 3, 4] tensor along one dimension, in row-major order of the others.
  private func lists(_ values: [Double], along dimension: Int) -> [[Double]] {
    func at(_ i: Int, _ j: Int, _ k: Int) -> Double { values[i * 12 + j * 4 + k] }
    let sizes = [2, 3, 4]
    let ordered =
      switch dimension {
      case 0: cube(3, 4, 2) { j, k, i in at(i, j, k) }
      case 1: cube(2, 4, 3) { i, k, j in at(i, j, k) }
      default: values
      }
    return stride(from: 0, to: 24, by: sizes[dimension]).map { Array(ordered[$0..<($0 + sizes[dimension])]) }
  }

  @Test("over everything, one number is left", arguments: ReductionCase.cases)
  func overAll(_ example: ReductionCase) throws {
    let x = numbers(24)
    let y = try example.all(.of(x, [2, 3, 4]))
    #expect(y.shape == [])
    #expect(try allClose([y.scalar()], [example.number(x)], relative: Conditions.tolerance, absolute: 1e-6))
  }

  @Test("along one dimension, that dimension goes or stays as 1", arguments: ReductionCase.cases, 0..<3)
  func alongOne(_ example: ReductionCase, dimension: Int) throws {
    let x = numbers(24, seed: 8)
    let tensor = try Tensor.of(x, [2, 3, 4])
    let expected = lists(x, along: dimension).map(example.number)
    let gone = try example.along(tensor, dimension, false)
    let kept = try example.along(tensor, dimension - 3, true)
    var shape = [2, 3, 4]
    shape[dimension] = 1
    #expect(kept.shape == shape)
    shape.remove(at: dimension)
    #expect(gone.shape == shape)
    #expect(try allClose(gone.array(), expected, relative: Conditions.tolerance, absolute: 1e-6))
    #expect(try allClose(kept.array(), expected, relative: Conditions.tolerance, absolute: 1e-6))
  }

  @Test("a number alone reduces to itself", arguments: ReductionCase.cases)
  func scalarStays(_ example: ReductionCase) throws {
    #expect(try example.all(.of([0.5], [])).scalar() == 0.5)
  }

  @Test("two dimensions go at once")
  func severalDimensions() throws {
    let x = numbers(24)
    let y = try Tensor.of(x, [2, 3, 4]).sum(0, 2)
    let expected = matrix(3, 1) { j, _ in total(2) { i in total(4) { k in x[i * 12 + j * 4 + k] } } }
    #expect(try allClose(y.array(), expected, relative: Conditions.tolerance, absolute: 1e-6))
  }

  @Test("the sum of nothing is 0, and its mean is not a number")
  func nothing() throws {
    let empty = try Tensor.zeros([0], Conditions.elementType)
    #expect(try empty.sum().scalar() == 0)
    #expect(try empty.mean().scalar().isNaN)
  }

  @Test("softmax adds up to one and log softmax is its logarithm", arguments: [0, 1, -1])
  func softmax(_ dimension: Int) throws {
    let x = numbers(12, in: -5...5)
    let tensor = try Tensor.of(x, [3, 4])
    let expected = matrix(3, 4) { i, j in
      let sum =
        dimension == 0 ? total(3) { Foundation.exp(x[$0 * 4 + j]) } : total(4) { Foundation.exp(x[i * 4 + $0]) }
      return Foundation.exp(x[i * 4 + j]) / sum
    }
    #expect(
      try allClose(tensor.softmax(dimension).array(), expected, relative: Conditions.tolerance, absolute: 1e-7))
    #expect(
      try allClose(
        tensor.logSoftmax(dimension).array(), expected.map { Foundation.log($0) }, relative: Conditions.tolerance,
        absolute: 1e-6))
  }

  @Test("softmax of huge logits is finite")
  func softmaxOfHugeLogits() throws {
    #expect(try Tensor.of([1000, 0, -1000]).softmax(0).array() == [1.0, 0, 0])
  }

  @Test("cumulative sums run along their dimension")
  func cumulative() throws {
    let x = try Tensor.of([1, 2, 3, 4, 5, 6], [2, 3])
    #expect(try x.cumulativeSum(1).array() == [1.0, 3, 6, 4, 9, 15])
    #expect(try x.cumulativeSum(0).array() == [1.0, 2, 3, 5, 7, 9])
  }

  @Test("the largest element's position is found, the first where several are equal")
  func argmax() throws {
    let x = try Tensor.of([1, 5, 2, 7, 7, 0], [2, 3])
    #expect(try x.argmax(1).array() == [1, 0])
    #expect(try x.argmax(0, keeping: true).shape == [1, 3])
    #expect(try x.argmax(0).array() == [1, 1, 0])
  }

  @Test("sorting gives positions, equal elements in their old order")
  func argsort() throws {
    let x = try Tensor.of([3, 1, 2, 1])
    #expect(try x.argsort(0).array() == [1, 3, 2, 0])
    #expect(try x.argsort(0, descending: true).array() == [0, 2, 1, 3])
  }

  @Test("variance and norm are those of the textbook")
  func varianceAndNorm() throws {
    let x = numbers(9)
    let mean = x.reduce(0, +) / 9
    let squares = x.map { ($0 - mean) * ($0 - mean) }.reduce(0, +)
    let tensor = try Tensor.of(x, [3, 3])
    let found = try [tensor.variance().scalar(), tensor.variance(correction: 0).scalar(), tensor.norm().scalar()]
    let expected = [squares / 8, squares / 9, x.map { $0 * $0 }.reduce(0, +).squareRoot()]
    #expect(allClose(found, expected, relative: Conditions.tolerance))
  }

  @Test("the variance of many numbers is that of the textbook, far from zero too")
  func varianceOfMany() throws {
    let count = 3 * 4096 + 37
    for offset in [0.0, 1000] {
      let x = numbers(count).map { Float($0 + offset) }
      let mean = x.reduce(0) { $0 + Double($1) } / Double(count)
      let squares = x.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
      let tensor = try Tensor(x, shape: [count])
      let found = try tensor.variance().scalar()
      #expect(abs(found / (squares / Double(count - 1)) - 1) < 1e-5)
      #expect(abs(try tensor.variance(correction: 0).scalar() / (squares / Double(count)) - 1) < 1e-5)
      let strided = try Tensor(x + x, shape: [2, count]).transposed().selected(1, 0)
      #expect(abs(try strided.variance().scalar() / found - 1) < 1e-5)
    }
    let variable = try Tensor(numbers(5000).map { Float($0) }, shape: [5000]).requiringGradient()
    #expect(try Torch.gradients(of: variable.variance(), withRespectTo: [variable])[0] != nil)
  }

  @Test("all and any of truth values")
  func truth() throws {
    #expect(try Tensor([true, false]).all().array() == [false])
    #expect(try Tensor([true, false]).any().array() == [true])
    #expect(try Tensor([true, true]).all().array() == [true])
    #expect(try Tensor([false, false]).any().array() == [false])
  }
}

@Suite("Losses of logits")
struct LossTests {
  @Test("cross-entropy is the mean of −log p at the label, or one value a sample")
  func crossEntropy() throws {
    let (z, labels) = (numbers(12, in: -3...3), [2, 0, 3])
    let expected = matrix(3, 1) { i, _ in
      Foundation.log(total(4) { Foundation.exp(z[i * 4 + $0]) }) - z[i * 4 + labels[i]]
    }
    let logits = try Tensor.of(z, [3, 4])
    let each = try logits.crossEntropy(Tensor(labels), mean: false)
    #expect(try allClose(each.array(), expected, relative: Conditions.tolerance))
    let mean = try logits.crossEntropy(Tensor(labels)).scalar()
    #expect(allClose([mean], [expected.reduce(0, +) / 3], relative: Conditions.tolerance))

    let weights = [0.5, 1, 2, 4]
    let weighted = try logits.crossEntropy(Tensor(labels), classWeights: .of(weights)).scalar()
    let sum = labels.map { weights[$0] }.reduce(0, +)
    let byHand = zip(expected, labels).map { $0 * weights[$1] }.reduce(0, +) / sum
    #expect(allClose([weighted], [byHand], relative: Conditions.tolerance))
  }

  @Test("binary cross-entropy is −y log p − (1−y) log(1−p)")
  func binaryCrossEntropy() throws {
    let (z, y) = (numbers(6, in: -3...3), [1.0, 0, 1, 1, 0, 0.25])
    let expected = zip(z, y).map { z, y in
      let p = 1 / (1 + Foundation.exp(-z))
      return -y * Foundation.log(p) - (1 - y) * Foundation.log(1 - p)
    }
    let each = try Tensor.of(z, [2, 3]).binaryCrossEntropy(.of(y, [2, 3]), mean: false)
    #expect(each.shape == [2, 3])
    #expect(try allClose(each.array(), expected, relative: Conditions.tolerance))
    let mean = try Tensor.of(z, [2, 3]).binaryCrossEntropy(.of(y, [2, 3])).scalar()
    #expect(allClose([mean], [expected.reduce(0, +) / 6], relative: Conditions.tolerance))
  }

  @Test("the losses of huge logits are finite")
  func hugeLogits() throws {
    #expect(try Tensor.of([1e4, -1e4], [1, 2]).crossEntropy(Tensor([1])).scalar() == 2e4)
    #expect(try Tensor.of([1e4]).binaryCrossEntropy(.of([0])).scalar() == 1e4)
  }
}
