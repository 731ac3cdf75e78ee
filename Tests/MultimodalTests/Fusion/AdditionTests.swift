import Multimodal
import TestSupport
import Testing
import Torch
import TorchNN

@Suite("Addition")
struct AdditionTests {
  private func bench(_ count: Int) throws -> FusionBench {
    try FusionBench(count) { (scope, widths, classes) throws(TorchError) in
      try Addition(scope, widths: widths, classes: classes)
    }
  }

  @Test("the logits are one classifier's of the features' sum", arguments: [1, 2, 3])
  func logits(_ count: Int) throws {
    let bench = try bench(count)
    let features = try bench.plainFeatures()
    let expected = try (0..<bench.rows).flatMap { row in
      try bench.linear(
        (0..<bench.width).map { column in features.reduce(0) { $0 + $1[row][column] } }, "classifier")
    }
    #expect(try allClose(bench.logits(), expected, relative: 1e-11, absolute: 1e-12))
    #expect(bench.model.store["fusion.classifier.weight"]?.shape == [3, 5])
    #expect(bench.model.store["fusion.classifier.bias"]?.shape == [3])
  }

  @Test("the contributions are each feature's share, with an equal part of the bias", arguments: [1, 2, 3])
  func contributions(_ count: Int) throws {
    let bench = try bench(count)
    let parts = try #require(try bench.model.outputs(ofFeatures: bench.features).contributions())
    #expect(try allClose(Tensor.stack(parts.values).sum(0).array(), bench.logits(), relative: 1e-11, absolute: 1e-12))
    let bias = try bench.parameter("classifier.bias")
    let first = try bench.plainFeatures()[0].flatMap { row in
      try zip(bench.linear(row, "classifier"), bias).map { $0 - $1 + $1 / Double(count) }
    }
    #expect(try allClose(values(parts.values[0]), first, relative: 1e-11, absolute: 1e-12))
  }

  @Test("the order of the modalities does not count")
  func order() throws {
    let bench = try bench(3)
    #expect(try allClose(bench.reversedLogits(), bench.logits(), relative: 1e-12, absolute: 1e-12))
  }

  @Test("features of different widths are refused with their widths")
  func widths() throws {
    let error = #expect(throws: TorchError.self) {
      try MultimodalModel(
        modalities: ["image", "text"], inputWidths: [2, 2], embeddingWidths: [4, 3], classes: 2, task: .binary,
        store: .init(random: RandomSource(seed: 1))
      ) { (scope, widths, classes) throws(TorchError) in try Addition(scope, widths: widths, classes: classes) }
    }
    #expect(error?.operation == "addition")
    #expect(error?.message == "the features must be of one width, found [4, 3]")
  }
}
