import Foundation
import Multimodal
import TestSupport
import Testing
import Torch
import TorchNN

@Suite("Gated fusion")
struct GatedFusionTests {
  private func bench(_ count: Int, seed: UInt64 = 1, scale: Double = 1) throws -> FusionBench {
    try FusionBench(count, seed: seed, scale: scale) { (scope, widths, classes) throws(TorchError) in
      try GatedFusion(scope, widths: widths, classes: classes)
    }
  }

  private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

  @Test("of two modalities, the first is the gate of the second", arguments: [0, 1e-10, 1, 30])
  func two(_ scale: Double) throws {
    for seed in 1...3 as ClosedRange<UInt64> {
      let bench = try bench(2, seed: seed, scale: scale)
      let features = try bench.plainFeatures()
      let expected = try (0..<bench.rows).flatMap { row in
        let gate = try bench.linear(features[0][row], "gate").map(sigmoid)
        let value = try bench.linear(features[1][row], "value")
        return try bench.linear(zip(gate, value).map { $0 * $1 }, "classifier")
      }
      #expect(try allClose(bench.logits(), expected, relative: 1e-9, absolute: 1e-11))
    }
  }

  @Test("otherwise each is gated by the sum of the others", arguments: [1, 3], [0, 1e-10, 1, 30])
  func several(_ count: Int, _ scale: Double) throws {
    let bench = try bench(count, scale: scale)
    let features = try bench.plainFeatures()
    let expected = try (0..<bench.rows).flatMap { row in
      let gated = try (0..<count).flatMap { m in
        let others = (0..<bench.width).map { column in
          (0..<count).filter { $0 != m }.reduce(0.0) { $0 + features[$1][row][column] }
        }
        return try zip(features[m][row], bench.linear(others, "gate")).map { $0 * sigmoid($1) }
      }
      return try bench.linear(gated, "classifier")
    }
    #expect(try allClose(bench.logits(), expected, relative: 1e-9, absolute: 1e-11))
  }

  @Test("parameters have their names and shapes; two features may be of different widths")
  func parameters() throws {
    func shapes(_ widths: [Int]) throws -> [String: [Int]] {
      let store = ParameterStore(random: RandomSource(seed: 1))
      _ = try GatedFusion(store.root / "fusion", widths: widths, classes: 3)
      return Dictionary(uniqueKeysWithValues: store.parameters.map { ($0.path.description, $0.shape) })
    }
    #expect(
      try shapes([4, 2]) == [
        "fusion.gate.weight": [2, 4], "fusion.gate.bias": [2], "fusion.value.weight": [2, 2], "fusion.value.bias": [2],
        "fusion.classifier.weight": [3, 2], "fusion.classifier.bias": [3],
      ])
    #expect(
      try shapes([4, 4, 4]) == [
        "fusion.gate.weight": [4, 4], "fusion.gate.bias": [4], "fusion.classifier.weight": [3, 12],
        "fusion.classifier.bias": [3],
      ])
    #expect(throws: TorchError.self) { try shapes([4, 4, 3]) }
  }

  @Test("is no sum of parts, and its gate is trained", arguments: [2, 3])
  func trained(_ count: Int) throws {
    let bench = try bench(count)
    #expect(try bench.model.outputs(ofFeatures: bench.features).contributions() == nil)
    #expect(try bench.slope("gate.weight") > 0)
  }
}
