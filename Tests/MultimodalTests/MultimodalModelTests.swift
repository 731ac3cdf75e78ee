import TestSupport
import Testing
import Torch
import TorchNN

@testable import Multimodal

@Suite("Multimodal models")
struct MultimodalModelTests {
  private let names: [Modality] = ["image", "text", "audio"]

  /// Widths D = 5, 4, 3 and H = 2, 3, 4; four classes.
  private func model(_ count: Int, seed: Int = 1) throws -> MultimodalModel {
    try MultimodalModel(
      modalities: Array(names.prefix(count)), inputWidths: Array([5, 4, 3].prefix(count)),
      embeddingWidths: Array([2, 3, 4].prefix(count)), classes: 4, task: .singleLabel,
      store: ParameterStore(random: RandomSource(seed: seed), elementType: .float64))
  }

  @Test("parameters have the names and shapes that files promise")
  func parameters() throws {
    Conditions.prepare()
    let found = try Dictionary(uniqueKeysWithValues: model(2).store.named().map { ($0, $1.shape) })
    #expect(
      found == [
        "image.embedding.weight": [2, 5], "image.embedding.bias": [2],
        "image.head.weight": [4, 2], "image.head.bias": [4],
        "text.embedding.weight": [3, 4], "text.embedding.bias": [3],
        "text.head.weight": [4, 3], "text.head.bias": [4],
        "fusion.classifier.weight": [4, 5], "fusion.classifier.bias": [4],
      ])
    let three = try Dictionary(uniqueKeysWithValues: model(3).store.named().map { ($0, $1.shape) })
    #expect(three.count == 14)
    #expect(three["fusion.classifier.weight"] == [4, 9])
    #expect(three["audio.embedding.weight"] == [4, 3])
  }

  @Test("one more modality changes no other's first weights")
  func independentWeights() throws {
    let (two, three) = (try model(2), try model(3))
    for path in ["image.embedding.weight", "text.head.bias"] as [ParameterPath] {
      #expect(try values(two.store[path]?.tensor) == values(three.store[path]?.tensor))
      #expect(try !values(two.store[path]?.tensor).isEmpty)
    }
  }

  @Test("the forward pass is that of plain loops", arguments: [1, 2, 3])
  func forward(_ count: Int) throws {
    let model = try model(count)
    func parameter(_ name: String) throws -> [Double] { try values(model.store[ParameterPath(name)]?.tensor) }
    let inputs = (0..<count).map { numbers(6 * [5, 4, 3][$0], seed: UInt64($0 + 1)) }
    let tensors = try zip(inputs, [5, 4, 3]).map { try Tensor($0, shape: [6, $1]) }
    let outputs = try model(PerModality(model.modalities, tensors))

    var joined = [[Double]](repeating: [], count: 6)
    for (position, modality) in model.modalities.enumerated() {
      let (width, hidden) = ([5, 4, 3][position], [2, 3, 4][position])
      let (w, b) = (try parameter("\(modality).embedding.weight"), try parameter("\(modality).embedding.bias"))
      let e = matrix(6, hidden) { i, h in b[h] + total(width) { inputs[position][i * width + $0] * w[h * width + $0] } }
      #expect(try allClose(outputs.features[modality].array(), e, relative: 1e-12))
      let (u, c) = (try parameter("\(modality).head.weight"), try parameter("\(modality).head.bias"))
      let z = matrix(6, 4) { i, k in c[k] + total(hidden) { e[i * hidden + $0] * u[k * hidden + $0] } }
      #expect(try allClose(outputs.unimodal()[modality].array(), z, relative: 1e-11))
      for i in 0..<6 { joined[i] += e[(i * hidden)..<((i + 1) * hidden)] }
    }
    let (w, b) = (try parameter("fusion.classifier.weight"), try parameter("fusion.classifier.bias"))
    let width = joined[0].count
    let z = matrix(6, 4) { i, k in b[k] + total(width) { joined[i][$0] * w[k * width + $0] } }
    #expect(outputs.logits.shape == [6, 4])
    #expect(try allClose(outputs.logits.array(), z, relative: 1e-11))
  }

  @Test("the modalities' contributions add up to the fused logits", arguments: [1, 2, 3])
  func contributions(_ count: Int) throws {
    let model = try model(count)
    let tensors = try [5, 4, 3].prefix(count).map { try Tensor(numbers(6 * $0, seed: UInt64($0)), shape: [6, $0]) }
    let outputs = try model(PerModality(model.modalities, tensors))
    let parts = try #require(try outputs.contributions())
    let sum = try Tensor.stack(parts.values).sum(0)
    #expect(try allClose(sum, outputs.logits, relative: 1e-11, absolute: 1e-12))

    // A contribution is the modality's columns of the classifier times its feature, and its share of the bias.
    let (w, b) = (
      try values(model.store["fusion.classifier.weight"]?.tensor),
      try values(model.store["fusion.classifier.bias"]?.tensor)
    )
    let width = model.modalities.indices.map { [2, 3, 4][$0] }.reduce(0, +)
    let e: [Double] = try outputs.features.values[0].array()
    let first = matrix(6, 4) { i, k in b[k] / Double(count) + total(2) { e[i * 2 + $0] * w[k * width + $0] } }
    #expect(try allClose(parts.values[0].array(), first, relative: 1e-11, absolute: 1e-12))
  }

  @Test("a branch is a modality's embedding layer, and its encoder where there is one")
  func branches() throws {
    let store = ParameterStore(random: RandomSource(seed: 1), elementType: .float64)
    _ = try Linear(store.root / "encoder" / "text", in: 2, out: 2)
    let model = try MultimodalModel(
      modalities: ["image", "text"], inputWidths: [2, 2], embeddingWidths: [2, 2], classes: 2, task: .binary,
      store: store)
    func names(_ indices: [Int]) -> [String] { indices.map { store.parameters[$0].path.description } }
    #expect(names(model.branch("image")) == ["image.embedding.weight", "image.embedding.bias"])
    #expect(
      names(model.branch("text"))
        == ["encoder.text.weight", "encoder.text.bias", "text.embedding.weight", "text.embedding.bias"])
    #expect(model.branches == (model.branch("image") + model.branch("text")).sorted())
  }

  @Test("features that somebody changed go through the same fusion")
  func changedFeatures() throws {
    let model = try model(2)
    let inputs = PerModality(
      model.modalities, [try Tensor(numbers(10), shape: [2, 5]), try Tensor(numbers(8), shape: [2, 4])])
    let outputs = try model(inputs)
    let again = try model.outputs(ofFeatures: outputs.features)
    #expect(try values(again.logits) == values(outputs.logits))
    let silent = try model.outputs(ofFeatures: outputs.features.map { _, e in try e * 0 })
    let bias = try values(model.store["fusion.classifier.bias"]?.tensor)
    #expect(try values(silent.logits) == bias + bias)
  }

  @Test("features of another width are refused with both shapes")
  func wrongWidth() throws {
    let model = try model(2)
    let inputs = PerModality(model.modalities, [try Tensor.zeros([2, 6], .float64), try .zeros([2, 4], .float64)])
    let error = #expect(throws: TorchError.self) { try model(inputs) }
    #expect(error?.operation == "linear")
    #expect(error?.shapes == [[2, 6], [2, 5], [2]])
  }
}

@Suite("One value for each modality")
struct PerModalityTests {
  @Test("values are found by name and walked in order")
  func access() {
    let both = PerModality<Int>(["image", "text"], [1, 2])
    #expect(both["text"] == 2)
    #expect(both.count == 2)
    #expect(Array(both).map(\.0.name) == ["image", "text"])
    #expect(both.map { "\($0)\($1)" }.values == ["image1", "text2"])
    #expect(PerModality(["a", "bcd"]) { $0.name.count }.values == [1, 3])
    #expect(both == PerModality(["image", "text"], [1, 2]))
    #expect(both != PerModality(["text", "image"], [1, 2]))
  }

  @Test("an error of one modality ends the walk")
  func throwing() {
    struct Stop: Error {}
    var seen: [String] = []
    let both = PerModality<Int>(["image", "text"], [1, 2])
    #expect(throws: Stop.self) {
      _ = try both.map { modality, _ in
        seen.append(modality.name)
        throw Stop()
      }
    }
    #expect(seen == ["image"])
  }

  @Test("a modality's parameters live below its name")
  func places() {
    let modality: Modality = "image"
    #expect(modality.embedding == "image.embedding")
    #expect(modality.head == "image.head")
    #expect(modality.encoder == "encoder.image")
    #expect("\(modality)" == "image")
  }
}
