import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@testable import LanguageModels

@Suite("LoRA")
struct LoRATests {
  @Test func `outputs are those of an independent program`() throws {
    let vectors = try VectorMap(VectorMap.settings(.lora))
    let expected = [
      -0.983962, 0.602992, -0.106829, 0.586080, -0.059556, -0.242804, -0.067182, -0.496177, 0.542302, -0.465588,
      0.949457, -0.729824, 0.902221, -1.206691, 0.766649,
    ]
    #expect(allClose(try vectors.output().array(), expected, absolute: 1e-6))
  }

  @Test(arguments: [AdapterSettings.Kind.lora, .moka])
  func `a new adapter leaves the model as it was in every bit`(kind: AdapterSettings.Kind) throws {
    let model = try VectorModel()
    let prompt = try model.prompt()
    let before = try model.logits(of: model.prefill([prompt]).hidden)
    var settings = AdapterSettings()
    settings.kind = kind
    let adapter = try ModelAdapter(model, settings)
    #expect(try difference(model.logits(of: model.prefill([prompt]).hidden), before) == 0)
    // A is not zero.
    #expect(try adapter.store.flat().abs().max().scalar() > 0.01)
    try adapter.shake()
    #expect(try difference(model.logits(of: model.prefill([prompt]).hidden), before) > 1e-3)
    adapter.remove()
    #expect(try difference(model.logits(of: model.prefill([prompt]).hidden), before) == 0)
  }

  @Test(arguments: [AdapterSettings.Kind.lora, .moka])
  func `at the start the gradient of A is zero and that of B is not`(kind: AdapterSettings.Kind) throws {
    let model = try VectorModel()
    var settings = AdapterSettings()
    settings.kind = kind
    let adapter = try ModelAdapter(model, settings)
    let loss = try model.logits(of: model.prefill([model.prompt()]).last()).logSoftmax(1).selected(1, 2).sum()
    let slopes = try Gradients(of: loss, adapter.store)
    for parameter in adapter.store.parameters {
      let norm = try #require(try slopes[parameter.path]).norm().scalar()
      if parameter.path.description.contains("lora_A") {
        #expect(norm == 0, "\(parameter.path)")
      } else {
        #expect(norm > 0, "\(parameter.path)")
      }
    }
  }

  @Test func `A begins uniform in ±1/√in and is the seed's`() throws {
    func first(_ seed: Int) throws -> [Double] {
      let store = ParameterStore(random: RandomSource(seed: seed))
      var settings = AdapterSettings()
      settings.rank = 64
      let adapter = try LoRA(store.root, inputs: 100, outputs: 5, settings, AdapterMode(probability: 0))
      return try adapter.down.tensor.flattened().array()
    }
    let values = try first(3)
    #expect(values.allSatisfy { abs($0) <= 0.1 } && values.contains { $0 > 0.09 } && values.contains { $0 < -0.09 })
    #expect(try first(3) == values)
    #expect(try first(4) != values)
  }

  @Test func `dropout zeroes its share of inputs in training alone, and the mean stays`() throws {
    let mode = AdapterMode(probability: 0.25)
    let x = try Tensor.ones([100, 100])
    #expect(try difference(mode.dropped(x), x) == 0)
    mode.dropout = try RandomSource(seed: 1).generator("test")
    let dropped = try mode.dropped(x)
    let zeros = try dropped.equal(to: 0).to(.float64).mean().scalar()
    #expect(abs(zeros - 0.25) < 0.02)
    #expect(abs(try dropped.mean().scalar() - 1) < 0.03)
  }

  @Test(arguments: [(AdapterMode.Takers.image, [0, 1]), (.text, [2, 3, 4]), (.none, [])])
  func `only some tokens take the adapter where that is asked`(takers: AdapterMode.Takers, adapted: [Int]) throws {
    let vectors = try VectorMap(VectorMap.settings(.lora))
    let all = try vectors.output()
    vectors.mode.takers = takers
    let some = try vectors.output()
    let plain = try vectors.input.selected(0, 0).matmul(waves(2, [3, 4]).transposed())
    for token in 0..<5 {
      let expected = adapted.contains(token) ? all : plain
      #expect(try difference(some.selected(0, token), expected.selected(0, token)) < 1e-12, "token \(token)")
    }
  }

  @Test(arguments: ["llava-clip", "idefics3", "qwen2_5_vl", "llama"])
  func `merged weights compute what the adapter computes, and are read again`(name: String) throws {
    try withTemporaryFolder { folder in
      let source = try LanguageModelFolder(GoldenModels.folder(name))
      let model = try source.load()
      let prompt = try GoldenModels.prompt(model, GoldenModels.expected(name))
      let adapter = try ModelAdapter(model, AdapterSettings())
      try adapter.shake(0.1)
      if let map = adapter.trainedMaps.first {
        let parameter = try #require(adapter.store[ParameterPath("\(map).weight")])
        try parameter.tensor.copy(from: parameter.tensor.detached() * 0.5)
      }
      let expected = try withoutGradients { try model.logits(of: model.prefill([prompt]).hidden) }
      let out = folder.appending(path: "merged")
      let changed = try MergedFolder.write(adapter, of: source, to: out)
      #expect(changed >= 14)
      let merged = try LanguageModelFolder(out).load()
      let found = try withoutGradients { try merged.logits(of: merged.prefill([prompt]).hidden) }
      #expect(try difference(found, expected) < 1e-5)
    }
  }

  @Test func `a merged model of the first layers has no more layers`() throws {
    try withTemporaryFolder { folder in
      let source = try LanguageModelFolder(GoldenModels.folder("llava-clip"), layers: 1)
      let model = try source.load()
      #expect(model.layerCount == 1)
      let adapter = try ModelAdapter(model, AdapterSettings())
      try adapter.shake()
      let prompt = try GoldenModels.prompt(model, GoldenModels.expected("llava-clip"))
      let expected = try withoutGradients { try model.logits(of: model.prefill([prompt]).hidden) }
      try MergedFolder.write(adapter, of: source, to: folder.appending(path: "merged"))
      let merged = try LanguageModelFolder(folder.appending(path: "merged")).load()
      #expect(merged.layerCount == 1)
      #expect(
        try difference(withoutGradients { try merged.logits(of: merged.prefill([prompt]).hidden) }, expected) < 1e-5)
    }
  }
}
