import TestSupport
import Testing
import Torch

@testable import TorchNN

@Suite("Directions in parameter space")
struct GradientsTests {
  /// Three parameters of 6, 2 and 3 numbers.
  private let store: ParameterStore
  private let ranges = [0..<6, 6..<8, 8..<11]

  init() throws {
    Conditions.prepare()
    store = ParameterStore(random: RandomSource(seed: 1), elementType: .float64)
    _ = try store.make("a.weight", [2, 3], .uniform(fanIn: 3))
    _ = try store.make("a.bias", [2], .uniform(fanIn: 3))
    _ = try store.make("b.weight", [3], .uniform(fanIn: 3))
  }

  private func direction(seed: UInt64, present: Set<Int> = [0, 1, 2]) throws -> (Gradients, [Double]) {
    var values = numbers(11, seed: seed)
    for index in 0..<3 where !present.contains(index) { for i in ranges[index] { values[i] = 0 } }
    return (try Gradients(store, flat: Tensor(values), present: present), values)
  }

  private func values(_ gradients: Gradients) throws -> [Double] { try gradients.flat().array() }

  private func dot(_ a: [Double], _ b: [Double], _ indices: [Int] = [0, 1, 2]) -> Double {
    indices.map { index in ranges[index].map { a[$0] * b[$0] }.reduce(0, +) }.reduce(0, +)
  }

  @Test("inner product and norm are those of the numbers in a row, over all or some parameters")
  func measures() throws {
    let ((g, x), (k, y)) = (try direction(seed: 1), try direction(seed: 2))
    for indices in [[0, 1, 2], [0, 2], [1], []] {
      let found = try [g.dot(k, within: indices), g.norm(within: indices)]
      #expect(allClose(found, [dot(x, y, indices), dot(x, x, indices).squareRoot()], relative: 1e-12, absolute: 1e-15))
    }
    #expect(try allClose([g.dot(k), g.norm()], [dot(x, y), dot(x, x).squareRoot()], relative: 1e-12))
  }

  @Test("absent parameters count as zero in products, and sums hold what either holds")
  func absent() throws {
    let ((g, x), (k, y)) = (try direction(seed: 1, present: [0, 1]), try direction(seed: 2, present: [1, 2]))
    #expect(try allClose([g.dot(k)], [dot(x, y, [1])], relative: 1e-12))
    let sum = try g + k
    #expect(sum.presentIndices == [0, 1, 2])
    #expect(try values(sum) == zip(x, y).map(+))
    #expect(try g["b.weight"] == nil)
    #expect(try k["a.weight"] == nil)
    #expect(try g.named().map(\.0) == ["a.weight", "a.bias"])
    #expect(try g["nowhere"] == nil)
  }

  @Test("nothing is absent everywhere")
  func none() throws {
    let nothing = Gradients.none(store)
    #expect(nothing.presentIndices.isEmpty)
    #expect(try nothing.norm() == 0)
    let (g, x) = try direction(seed: 1, present: [0])
    let sum = try g + nothing
    #expect(sum.presentIndices == [0])
    #expect(try values(sum) == x)
  }

  @Test("a parameter's part has its shape")
  func parts() throws {
    let (g, x) = try direction(seed: 1)
    #expect(try g["a.weight"]?.shape == [2, 3])
    #expect(try g["a.weight"]?.array() == Array(x[ranges[0]]))
    #expect(try g["b.weight"]?.array() == Array(x[ranges[2]]))
  }

  @Test("scaling scales every number and keeps who is present")
  func scaling() throws {
    let (g, x) = try direction(seed: 1, present: [0, 2])
    let scaled = try g.scaled(by: -2.5)
    #expect(try values(scaled) == x.map { $0 * -2.5 })
    #expect(scaled.presentIndices == [0, 2])
  }

  @Test("a part keeps its own numbers and drops the rest")
  func within() throws {
    let (g, x) = try direction(seed: 1, present: [0, 1])
    let part = g.within([1, 2])
    #expect(part.presentIndices == [1])
    #expect(try values(part) == x.enumerated().map { ranges[1].contains($0) ? $1 : 0 })
    #expect(try values(g) == x)
  }

  @Test("mapping changes some parameters and copies the others")
  func mapping() throws {
    let (g, x) = try direction(seed: 1, present: [0, 1])
    let changed = try g.mapping([1, 2]) { part throws(TorchError) in try part * 10 + 1 }
    #expect(try values(changed) == x.enumerated().map { ranges[1].contains($0) ? $1 * 10 + 1 : $1 })
    #expect(changed.presentIndices == [0, 1])
    #expect(try values(g) == x)
  }

  @Test("adding a multiple touches the named parameters that the other has")
  func adding() throws {
    let ((g, x), (k, y)) = (try direction(seed: 1, present: [0, 1]), try direction(seed: 2, present: [1, 2]))
    let sum = try g.adding(k, scale: 0.5, within: [0, 1])
    #expect(try allClose(values(sum), x.indices.map { ranges[1].contains($0) ? x[$0] + 0.5 * y[$0] : x[$0] }))
    #expect(sum.presentIndices == [0, 1])
    let more = try g.adding(k, scale: -1, within: [2])
    #expect(more.presentIndices == [0, 1, 2])
    #expect(try allClose(values(more), x.indices.map { ranges[2].contains($0) ? -y[$0] : x[$0] }))
    #expect(try values(g) == x)
  }

  @Test("what is not finite is noticed, wherever it is")
  func finite() throws {
    #expect(try direction(seed: 1).0.isFinite())
    for bad in [Double.nan, .infinity, -.infinity] {
      for position in [0, 7, 10] {
        var values = numbers(11)
        values[position] = bad
        #expect(try !Gradients(store, flat: Tensor(values), present: [0, 1, 2]).isFinite())
      }
    }
  }

  @Test("the gradient of a loss is taken for every trained parameter that it depends on")
  func ofALoss() throws {
    let (w, bias) = (try #require(store["a.weight"]), try #require(store["b.weight"]))
    _ = try store.flat()
    let loss = try w.tensor.square().sum() + (bias.tensor * 3).sum()
    let g = try Gradients(of: loss, store)
    #expect(g.presentIndices == [0, 2])
    let doubled: [Double] = try w.tensor.array(of: Double.self).map { 2 * $0 }
    #expect(try g["a.weight"]?.array() == doubled)
    #expect(try g["a.bias"] == nil)
    #expect(try g["b.weight"]?.array() == [3.0, 3, 3])
    #expect(try g.flat().shape == [11])
  }

  @Test("a frozen parameter has no gradient, and a loss may be walked twice when its graph is kept")
  func frozen() throws {
    try store.freeze("a")
    let tensors = store.parameters.map(\.tensor)
    let loss = try tensors[0].square().sum() + tensors[2].square().sum()
    let first = try Gradients(of: loss, store, keepingGraph: true)
    #expect(first.presentIndices == [2])
    #expect(try values(Gradients(of: loss, store)) == values(first))
    #expect(throws: TorchError.self) { try Gradients(of: loss, store) }
  }

  @Test("where everything is frozen there is no direction")
  func allFrozen() throws {
    try store.freeze(ParameterPath([]))
    let g = try Gradients(of: store.parameters[0].tensor.sum(), store)
    #expect(g.presentIndices.isEmpty)
    #expect(try g.norm() == 0)
  }
}
