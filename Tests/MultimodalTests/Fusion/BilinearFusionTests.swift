import Multimodal
import TestSupport
import Testing
import Torch
import TorchNN

@Suite("Bilinear fusion")
struct BilinearFusionTests {
  private static let rank = 3

  private func bench(_ count: Int, seed: UInt64 = 1, scale: Double = 1) throws -> FusionBench {
    try FusionBench(count, seed: seed, scale: scale) { (scope, widths, classes) throws(TorchError) in
      try BilinearFusion(scope, widths: widths, classes: classes, rank: Self.rank)
    }
  }

  @Test("the products are those of plain loops", arguments: [1, 2, 3], [0, 1e-10, 1, 30])
  func forward(_ count: Int, _ scale: Double) throws {
    for seed in 1...3 as ClosedRange<UInt64> {
      let bench = try bench(count, seed: seed, scale: scale)
      let features = try bench.plainFeatures()
      let expected = try (0..<bench.rows).flatMap { row in
        var products = [Double](repeating: 1, count: Self.rank)
        for m in 0..<count {
          let form = try bench.linear(features[m][row], "factor.\(m)")
          for r in 0..<Self.rank { products[r] *= form[r] }
        }
        return try bench.linear((0..<count).flatMap { features[$0][row] } + products, "classifier")
      }
      #expect(try allClose(bench.logits(), expected, relative: 1e-9, absolute: 1e-11))
    }
  }

  @Test("is concatenation where the classifier passes the products over")
  func containsConcatenation() throws {
    let bench = try bench(2)
    let weight = try #require(bench.model.store["fusion.classifier.weight"]?.tensor)
    let (columns, features) = (2 * bench.width, try bench.plainFeatures())
    try withoutGradients { try weight.narrowed(1, from: columns, length: Self.rank).fill(0) }
    let (rows, bias) = (try bench.parameter("classifier.weight"), try bench.parameter("classifier.bias"))
    let expected = (0..<bench.rows).flatMap { row in
      let joined = features[0][row] + features[1][row]
      return bias.indices.map { c in
        bias[c] + plainDot(Array(rows[(c * (columns + Self.rank))..<(c * (columns + Self.rank) + columns)]), joined)
      }
    }
    #expect(try allClose(bench.logits(), expected, relative: 1e-9, absolute: 1e-11))
  }

  @Test("parameters have their names and shapes, of widths that differ, and the factors begin beside 1")
  func parameters() throws {
    let store = ParameterStore(random: RandomSource(seed: 1))
    _ = try BilinearFusion(store.root / "fusion", widths: [4, 2], classes: 3, rank: 5)
    #expect(
      Dictionary(uniqueKeysWithValues: store.parameters.map { ($0.path.description, $0.shape) }) == [
        "fusion.factor.0.weight": [5, 4], "fusion.factor.0.bias": [5], "fusion.factor.1.weight": [5, 2],
        "fusion.factor.1.bias": [5], "fusion.classifier.weight": [3, 11], "fusion.classifier.bias": [3],
      ])
    #expect(try values(store["fusion.factor.1.bias"]?.tensor).allSatisfy { $0 == 1 })
  }

  @Test("is no sum of parts, and its factors are trained", arguments: [2, 3])
  func trained(_ count: Int) throws {
    let bench = try bench(count)
    #expect(try bench.model.outputs(ofFeatures: bench.features).contributions() == nil)
    for m in 0..<count { #expect(try bench.slope("factor.\(m).weight") > 0) }
  }
}
