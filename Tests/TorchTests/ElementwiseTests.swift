import Foundation
import TestSupport
import Testing
import Torch

/// A function of each element, in tensors and in plain numbers.
struct UnaryCase: Sendable, CustomTestStringConvertible {
  let name: String
  let tensor: @Sendable (Tensor) throws -> Tensor
  let number: @Sendable (Double) -> Double
  var range = -2.0...2.0

  var testDescription: String { name }

  static let all: [UnaryCase] = [
    UnaryCase(name: "abs", tensor: { try $0.abs() }, number: { Swift.abs($0) }),
    UnaryCase(name: "negation", tensor: { try -$0 }, number: { -$0 }),
    UnaryCase(name: "exp", tensor: { try $0.exp() }, number: { Foundation.exp($0) }),
    UnaryCase(name: "log", tensor: { try $0.log() }, number: { Foundation.log($0) }, range: 0.1...4),
    UnaryCase(name: "log1p", tensor: { try $0.log1p() }, number: { Foundation.log1p($0) }, range: -0.5...4),
    UnaryCase(name: "squareRoot", tensor: { try $0.squareRoot() }, number: { $0.squareRoot() }, range: 0...4),
    UnaryCase(
      name: "reciprocalSquareRoot", tensor: { try $0.reciprocalSquareRoot() }, number: { 1 / $0.squareRoot() },
      range: 0.1...4),
    UnaryCase(name: "square", tensor: { try $0.square() }, number: { $0 * $0 }),
    UnaryCase(name: "reciprocal", tensor: { try $0.reciprocal() }, number: { 1 / $0 }, range: 0.5...4),
    UnaryCase(name: "arccosine", tensor: { try $0.arccosine() }, number: { Foundation.acos($0) }, range: -0.9...0.9),
    UnaryCase(name: "tanh", tensor: { try $0.tanh() }, number: { Foundation.tanh($0) }),
    UnaryCase(name: "sigmoid", tensor: { try $0.sigmoid() }, number: { 1 / (1 + Foundation.exp(-$0)) }),
    UnaryCase(
      name: "logSigmoid", tensor: { try $0.logSigmoid() }, number: { -Foundation.log1p(Foundation.exp(-$0)) }),
    UnaryCase(name: "relu", tensor: { try $0.relu() }, number: { Swift.max($0, 0) }),
    UnaryCase(name: "silu", tensor: { try $0.silu() }, number: { $0 / (1 + Foundation.exp(-$0)) }),
    UnaryCase(
      name: "gelu", tensor: { try $0.gelu() }, number: { 0.5 * $0 * (1 + Foundation.erf($0 / 2.0.squareRoot())) }),
    UnaryCase(
      name: "gelu by tanh", tensor: { try $0.gelu(tanhApproximation: true) },
      number: { 0.5 * $0 * (1 + Foundation.tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }),
    UnaryCase(name: "sign", tensor: { try $0.sign() }, number: { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }),
    UnaryCase(name: "power", tensor: { try $0.power(1.5) }, number: { Foundation.pow($0, 1.5) }, range: 0...3),
    UnaryCase(name: "clamped from below", tensor: { try $0.clamped(min: -0.3) }, number: { Swift.max($0, -0.3) }),
    UnaryCase(name: "clamped from above", tensor: { try $0.clamped(max: 0.4) }, number: { Swift.min($0, 0.4) }),
    UnaryCase(name: "plus a number", tensor: { try $0 + 0.7 }, number: { $0 + 0.7 }),
    UnaryCase(name: "a number plus", tensor: { try 0.7 + $0 }, number: { 0.7 + $0 }),
    UnaryCase(name: "minus a number", tensor: { try $0 - 0.7 }, number: { $0 - 0.7 }),
    UnaryCase(name: "a number minus", tensor: { try 0.7 - $0 }, number: { 0.7 - $0 }),
    UnaryCase(name: "times a number", tensor: { try $0 * 0.7 }, number: { $0 * 0.7 }),
    UnaryCase(name: "a number times", tensor: { try 0.7 * $0 }, number: { 0.7 * $0 }),
    UnaryCase(name: "over a number", tensor: { try $0 / 0.7 }, number: { $0 / 0.7 }),
    UnaryCase(name: "a number over", tensor: { try 0.7 / $0 }, number: { 0.7 / $0 }, range: 0.5...2),
  ]
}

/// A function of two elements.
struct BinaryCase: Sendable, CustomTestStringConvertible {
  let name: String
  let tensor: @Sendable (Tensor, Tensor) throws -> Tensor
  let number: @Sendable (Double, Double) -> Double

  var testDescription: String { name }

  static let all: [BinaryCase] = [
    BinaryCase(name: "add", tensor: { try $0 + $1 }, number: { $0 + $1 }),
    BinaryCase(name: "sub", tensor: { try $0 - $1 }, number: { $0 - $1 }),
    BinaryCase(name: "mul", tensor: { try $0 * $1 }, number: { $0 * $1 }),
    BinaryCase(name: "div", tensor: { try $0 / $1 }, number: { $0 / $1 }),
    BinaryCase(name: "maximum", tensor: { try $0.maximum($1) }, number: { Swift.max($0, $1) }),
    BinaryCase(name: "minimum", tensor: { try $0.minimum($1) }, number: { Swift.min($0, $1) }),
    BinaryCase(name: "eq", tensor: { try $0.equal(to: $1) }, number: { $0 == $1 ? 1 : 0 }),
    BinaryCase(name: "gt", tensor: { try $0.greater(than: $1) }, number: { $0 > $1 ? 1 : 0 }),
  ]
}

@Suite("Functions of each element")
struct ElementwiseTests {
  @Test("a function of one tensor is the function of each number", arguments: UnaryCase.all)
  func unary(_ example: UnaryCase) throws {
    let x = numbers(15, in: example.range)
    let y = try example.tensor(.of(x, [3, 5]))
    #expect(y.shape == [3, 5])
    #expect(y.elementType == Conditions.elementType)
    #expect(try allClose(y.array(), x.map(example.number), relative: Conditions.tolerance, absolute: 1e-6))
  }

  @Test("a function of two tensors is the function of each pair", arguments: BinaryCase.all)
  func binary(_ example: BinaryCase) throws {
    var (a, b) = (numbers(12, seed: 2), numbers(12, seed: 3, in: 0.5...2))
    b[4] = a[4]
    (a[7], b[7]) = (1.25, 1.25)
    let c = try example.tensor(.of(a, [3, 4]), .of(b, [3, 4]))
    #expect(try allClose(c.array(), zip(a, b).map(example.number), relative: Conditions.tolerance, absolute: 1e-6))
  }

  @Test("a row is repeated for every row, a column for every column", arguments: BinaryCase.all)
  func broadcasting(_ example: BinaryCase) throws {
    let (a, row, column) = (numbers(6, seed: 4), numbers(3, seed: 5, in: 0.5...2), numbers(2, seed: 6, in: 0.5...2))
    let byRow = try example.tensor(.of(a, [2, 3]), .of(row, [3]))
    let byColumn = try example.tensor(.of(a, [2, 3]), .of(column, [2, 1]))
    let expectedByRow = (0..<6).map { example.number(a[$0], row[$0 % 3]) }
    let expectedByColumn = (0..<6).map { example.number(a[$0], column[$0 / 3]) }
    #expect(try allClose(byRow.array(), expectedByRow, relative: Conditions.tolerance, absolute: 1e-6))
    #expect(try allClose(byColumn.array(), expectedByColumn, relative: Conditions.tolerance, absolute: 1e-6))
  }

  @Test("comparisons with a number give truth values")
  func comparisons() throws {
    let x = try Tensor.of([-1, 0, 1])
    #expect(try x.greater(than: 0).array() == [false, false, true])
    #expect(try x.less(than: 0).array() == [true, false, false])
    #expect(try x.equal(to: 0).array() == [false, true, false])
    #expect(try x.equal(to: 0).elementType == .bool)
  }

  @Test("truth values are joined as logic has it")
  func logic() throws {
    let a = try Tensor([true, true, false, false])
    let b = try Tensor([true, false, true, false])
    #expect(try a.logicalAnd(b).array() == [true, false, false, false])
    #expect(try a.logicalOr(b).array() == [true, true, true, false])
    #expect(try a.logicalNot().array() == [false, false, true, true])
  }

  @Test("choose takes from the first where true, masked fill writes where true")
  func choosing() throws {
    let mask = try Tensor([true, false, true])
    #expect(try mask.choose(.of([1, 2, 3]), .of([4, 5, 6])).array() == [1.0, 5, 3])
    #expect(try Tensor.of([1, 2, 3]).maskedFill(mask, -7).array() == [-7.0, 2, -7])
  }

  @Test("what is not finite is found")
  func finite() throws {
    #expect(try Tensor.of([1, .infinity, .nan, -.infinity]).isFinite().array() == [true, false, false, false])
  }

  @Test("adding nothing of the operands changes")
  func operandsStay() throws {
    let a = try Tensor.of([1, 2])
    _ = try a + a
    _ = try -a
    #expect(try a.array() == [1.0, 2])
  }
}
