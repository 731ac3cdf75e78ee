import Multimodal
import TestSupport
import Testing
import Torch
import TorchNN

@Suite("Attention fusion")
struct AttentionFusionTests {
  private func bench(_ count: Int, seed: UInt64 = 1, scale: Double = 1) throws -> FusionBench {
    try FusionBench(count, seed: seed, scale: scale) { (scope, widths, classes) throws(TorchError) in
      try AttentionFusion(scope, widths: widths, classes: classes)
    }
  }

  private func weights(_ bench: FusionBench) throws -> [[Double]] {
    let fusion = try #require(bench.model.fusion as? any WeighsModalities)
    return try fusion.weights(bench.features).values.map { try $0.array() }
  }

  /// Weights and logits by loops.
  private func plain(_ bench: FusionBench) throws -> (weights: [[Double]], logits: [Double]) {
    let features = try bench.plainFeatures()
    let count = features.count
    var weights = [[Double]](repeating: [], count: count)
    var logits: [Double] = []
    for row in 0..<bench.rows {
      let queries = try features.map { try bench.linear($0[row], "query").map { max($0, 0) } }
      let keys = try features.map { try bench.linear($0[row], "key").map { max($0, 0) } }
      let scores = (0..<count).map { m in
        let others = (0..<count).filter { $0 != m }.map { plainDot(queries[m], keys[$0]) }
        return others.isEmpty ? 0 : others.reduce(0, +) / Double(others.count)
      }
      let w = plainSoftmax(scores)
      for m in 0..<count { weights[m].append(w[m]) }
      logits += try bench.linear((0..<count).flatMap { m in features[m][row].map { $0 * w[m] } }, "classifier")
    }
    return (weights, logits)
  }

  @Test("weights and logits are those of plain loops", arguments: [1, 2, 3], [0, 1e-10, 1, 30])
  func forward(_ count: Int, _ scale: Double) throws {
    for seed in 1...3 as ClosedRange<UInt64> {
      let bench = try bench(count, seed: seed, scale: scale)
      let (weights, logits) = try plain(bench)
      #expect(try allClose(bench.logits(), logits, relative: 1e-9, absolute: 1e-11))
      for (found, expected) in zip(try self.weights(bench), weights) {
        #expect(allClose(found, expected, relative: 1e-9, absolute: 1e-11))
      }
    }
  }

  @Test("parameters have their names, with a quarter of the width inside", arguments: [(8, 2), (3, 1)])
  func parameters(_ width: Int, _ inner: Int) throws {
    let model = try MultimodalModel(
      modalities: ["image", "text"], inputWidths: [2, 2], embeddingWidths: [width, width], classes: 3,
      task: .singleLabel, store: .init(random: RandomSource(seed: 1))
    ) { (scope, widths, classes) throws(TorchError) in try AttentionFusion(scope, widths: widths, classes: classes) }
    let shapes = Dictionary(
      uniqueKeysWithValues: model.store.parameters.filter { $0.path.isWithin("fusion") }
        .map { ($0.path.description, $0.shape) })
    #expect(
      shapes == [
        "fusion.query.weight": [inner, width], "fusion.query.bias": [inner], "fusion.key.weight": [inner, width],
        "fusion.key.bias": [inner], "fusion.classifier.weight": [3, 2 * width], "fusion.classifier.bias": [3],
      ])
  }

  @Test("a sample's weights sum to one and stay finite, however long the features are", arguments: [1, 1e15])
  func weightsSumToOne(_ scale: Double) throws {
    let weights = try weights(bench(3, scale: scale))
    for row in weights[0].indices { #expect(abs(weights.reduce(0) { $0 + $1[row] } - 1) < 1e-12) }
    #expect(weights.joined().allSatisfy { $0 >= 0 })
  }

  @Test("modalities that are alike weigh alike")
  func alike() throws {
    let bench = try bench(3)
    let one = bench.features["image"]
    let fusion = try #require(bench.model.fusion as? any WeighsModalities)
    for (_, weight) in try fusion.weights(bench.features.map { _, _ in one }) {
      #expect(try allClose(values(weight), [Double](repeating: 1 / 3, count: bench.rows), relative: 1e-12))
    }
  }

  @Test("is no sum of parts, and its queries and keys are trained")
  func trained() throws {
    let bench = try bench(2)
    #expect(try bench.model.outputs(ofFeatures: bench.features).contributions() == nil)
    #expect(try bench.slope("query.weight") > 0)
    #expect(try bench.slope("key.weight") > 0)
  }

  @Test("features of different widths are refused")
  func widths() {
    #expect(throws: TorchError.self) {
      try AttentionFusion(
        ParameterStore(random: RandomSource(seed: 1)).root, widths: [4, 3], classes: 2)
    }
  }
}
