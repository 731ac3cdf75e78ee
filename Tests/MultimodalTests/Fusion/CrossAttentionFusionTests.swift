import Multimodal
import TestSupport
import Testing
import Torch
import TorchNN

@Suite("Cross-attention fusion")
struct CrossAttentionFusionTests {
  private func bench(_ count: Int, seed: UInt64 = 1, scale: Double = 1) throws -> FusionBench {
    try FusionBench(count, seed: seed, scale: scale) { (scope, widths, classes) throws(TorchError) in
      try CrossAttentionFusion(scope, widths: widths, classes: classes)
    }
  }

  private func fusion(_ bench: FusionBench) throws -> CrossAttentionFusion {
    try #require(bench.model.fusion as? CrossAttentionFusion)
  }

  /// A matrix that is no rotation, so that its transpose would show.
  private let turn = numbers(25, seed: 9)

  /// Mean weights and logits by loops, with the queries times `turn` where asked.
  private func plain(_ bench: FusionBench, turned: Bool) throws -> (weights: [[Double]], logits: [Double]) {
    let features = try bench.plainFeatures()
    let count = features.count
    var weights = [[Double]](repeating: [], count: count)
    var logits: [Double] = []
    for row in 0..<bench.rows {
      var queries = try features.map { try bench.linear($0[row], "query") }
      if turned {
        queries = queries.map { q in (0..<5).map { i in total(5) { turn[i * 5 + $0] * q[$0] } } }
      }
      let keys = try features.map { try bench.linear($0[row], "key") }
      let found = try features.map { try bench.linear($0[row], "value") }
      var mean = [Double](repeating: 0, count: 5)
      var weight = [Double](repeating: 0, count: count)
      for m in 0..<count {
        let a = plainSoftmax(keys.map { plainDot(queries[m], $0) / 5.0.squareRoot() })
        for j in 0..<count { weight[j] += a[j] / Double(count) }
        for h in 0..<5 { mean[h] += (features[m][row][h] + total(count) { a[$0] * found[$0][h] }) / Double(count) }
      }
      for j in 0..<count { weights[j].append(weight[j]) }
      logits += try bench.linear(mean, "classifier")
    }
    return (weights, logits)
  }

  @Test("weights and logits are those of plain loops", arguments: [1, 2, 3], [0, 1e-10, 1, 30])
  func forward(_ count: Int, _ scale: Double) throws {
    for seed in 1...3 as ClosedRange<UInt64> {
      let bench = try bench(count, seed: seed, scale: scale)
      let (weights, logits) = try plain(bench, turned: false)
      #expect(try allClose(bench.logits(), logits, relative: 1e-9, absolute: 1e-11))
      for (found, expected) in zip(try fusion(bench).weights(bench.features).values, weights) {
        #expect(try allClose(values(found), expected, relative: 1e-9, absolute: 1e-11))
      }
    }
  }

  @Test("a matrix is applied to the queries, and to them alone", arguments: [2, 3])
  func turned(_ count: Int) throws {
    let bench = try bench(count)
    let rotation = try Tensor(turn, shape: [5, 5])
    let (weights, logits) = try plain(bench, turned: true)
    #expect(
      try allClose(
        values(fusion(bench).logits(bench.features, turningQueries: rotation)), logits, relative: 1e-9,
        absolute: 1e-11))
    for (found, expected) in zip(
      try fusion(bench).weights(bench.features, turningQueries: rotation).values, weights)
    {
      #expect(try allClose(values(found), expected, relative: 1e-9, absolute: 1e-11))
    }
    #expect(try !allClose(bench.logits(), logits))
  }

  @Test("parameters have their names and shapes")
  func parameters() throws {
    let shapes = Dictionary(
      uniqueKeysWithValues: try bench(2).model.store.parameters.filter { $0.path.isWithin("fusion") }
        .map { ($0.path.description, $0.shape) })
    #expect(
      shapes == [
        "fusion.query.weight": [5, 5], "fusion.query.bias": [5], "fusion.key.weight": [5, 5], "fusion.key.bias": [5],
        "fusion.value.weight": [5, 5], "fusion.value.bias": [5], "fusion.classifier.weight": [3, 5],
        "fusion.classifier.bias": [3],
      ])
  }

  @Test("the order of the modalities does not count, and a sample's weights sum to one")
  func order() throws {
    let bench = try bench(3)
    #expect(try allClose(bench.reversedLogits(), bench.logits(), relative: 1e-11, absolute: 1e-12))
    let sum = try Tensor.stack(fusion(bench).weights(bench.features).values).sum(0)
    #expect(try allClose(values(sum), [Double](repeating: 1, count: bench.rows), relative: 1e-12))
  }

  @Test("is no sum of parts, and its queries, keys and values are trained")
  func trained() throws {
    let bench = try bench(2)
    #expect(try bench.model.outputs(ofFeatures: bench.features).contributions() == nil)
    for layer in ["query", "key", "value"] { #expect(try bench.slope("\(layer).weight") > 0, "\(layer)") }
  }

  @Test("features of different widths are refused")
  func widths() {
    #expect(throws: TorchError.self) {
      try CrossAttentionFusion(
        ParameterStore(random: RandomSource(seed: 1)).root, widths: [4, 3], classes: 2)
    }
  }
}
