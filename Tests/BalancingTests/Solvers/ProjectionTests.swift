import TestSupport
import SeesawConformance
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("Projection off a conflicting direction")
struct ProjectionTests {
  private func directions(_ g: [Double], _ k: [Double]) throws -> (Gradients, Gradients) {
    Conditions.prepare()
    let store = ParameterStore(random: RandomSource(seed: 1), elementType: .float64)
    _ = try store.make("a", [g.count], .zeros)
    _ = try store.make("b", [g.count], .zeros)
    func direction(_ values: [Double]) throws -> Gradients {
      try Gradients(store, flat: Tensor(values + values.map { $0 * 2 }), present: [0, 1])
    }
    return (try direction(g), try direction(k))
  }

  private func projected(_ g: Gradients, _ k: Gradients) throws -> [Double] {
    let coefficient = try conflictCoefficient(g, k, within: [0])
    return try values(g.adding(k, scale: -min(coefficient, 0), within: [0])["a"])
  }

  @Test("the known example")
  func known() throws {
    let (g, k) = try directions([1, 2, -1], [-1, 0.5, 1])
    #expect(try allClose([conflictCoefficient(g, k, within: [0])], [-1 / 2.25], relative: 1e-12))
    #expect(try allClose(projected(g, k), [0.555556, 2.222222, -0.555556], relative: 0, absolute: 1e-6))
  }

  @Test(
    "directions of every kind: what is left never conflicts, and is never longer",
    arguments: [
      ([1.0, 0], [0.0, 0]), ([0, 0], [1, 1]), ([1, 2], [1, 2]), ([1, 2], [-1, -2]), ([1, 0], [0, 1]),
      ([1, 1], [-1e-10, 0]), ([1, 1], [-1e10, 1e10]), ([1e-10, 1], [-1, 0]), ([1e8, -1], [-1e8, 3]),
    ])
  func bestiary(_ g: [Double], _ k: [Double]) throws {
    let (target, balance) = try directions(g, k)
    let left = try projected(target, balance)
    let before = zip(g, k).map(*).reduce(0, +)
    let lengths = (g.map { $0 * $0 }.reduce(0, +).squareRoot(), k.map { $0 * $0 }.reduce(0, +).squareRoot())
    #expect(zip(left, k).map(*).reduce(0, +) >= -1e-9 * lengths.0 * lengths.1)
    #expect(left.map { $0 * $0 }.reduce(0, +).squareRoot() <= lengths.0 * (1 + 1e-12))
    if before >= 0 { #expect(left == g) }
  }

  @Test("a direction of nothing conflicts with nothing")
  func nothing() throws {
    let (g, k) = try directions([1, 2], [0, 0])
    #expect(try conflictCoefficient(g, k, within: [0, 1]) == 0)
    #expect(try conflictCoefficient(g, k, within: []) == 0)
  }

  @Test("only the parameters in question count")
  func scope() throws {
    let (g, k) = try directions([1, 1], [-1, 0])
    let both = try g.adding(k, scale: -4, within: [1])
    // ⟨g, k⟩ is −1 on a; on b 4 · (−1) + 16 more.
    #expect(try conflictCoefficient(both, k, within: [0]) == -1)
    #expect(try conflictCoefficient(both, k, within: [1]) == -5)
  }
}
