import Foundation
import Records
import TestSupport
import Testing
import Torch
import TorchNN

@testable import LanguageModels

@Suite("Folders of adapters")
struct AdapterFolderTests {
  private func write(_ text: String, _ url: URL) throws { try Data(text.utf8).write(to: url) }

  private func what(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch { return Diagnosis(describing: error).what }
  }

  @Test(
    arguments: ["llava-clip", "llava_next", "idefics3", "qwen2_vl", "llama"],
    [AdapterSettings.Kind.lora, .moka])
  func `what was written is read again in every bit`(name: String, kind: AdapterSettings.Kind) throws {
    try withTemporaryFolder { folder in
      let model = try GoldenModels.model(name)
      var settings = AdapterSettings()
      (settings.kind, settings.rank, settings.lambda) = (kind, 3, 0.5)
      let adapter = try ModelAdapter(model, settings, random: RandomSource(seed: 5))
      try adapter.shake()
      let prompt = try GoldenModels.prompt(model, GoldenModels.expected(name))
      let expected = try withoutGradients { try model.logits(of: model.prefill([prompt]).hidden) }
      try AdapterFolder.write(adapter, base: model.folder, layers: nil, to: folder)
      let other = try GoldenModels.model(name)
      let read = try AdapterFolder(folder)
      #expect(read.settings == settings)
      _ = try read.install(on: other)
      #expect(try difference(withoutGradients { try other.logits(of: other.prefill([prompt]).hidden) }, expected) == 0)
    }
  }

  @Test func `PEFT's names are those of the modules in transformers`() throws {
    try withTemporaryFolder { folder in
      let model = try GoldenModels.model("llava-clip")
      try AdapterFolder.write(ModelAdapter(model, AdapterSettings()), base: model.folder, layers: nil, to: folder)
      let names = try SafeTensors(reading: folder.appending(path: "adapter_model.safetensors")).names
      #expect(names.count == 2 * 7 * 2 + 4)
      #expect(names.contains("base_model.model.model.language_model.layers.1.mlp.down_proj.lora_B.weight"))
      #expect(names.contains("base_model.model.model.multi_modal_projector.linear_2.bias"))
      let said: Tree = try Tree.read(from: folder.appending(path: "adapter_config.json"))
      #expect(said[path: "peft_type"] == "LORA" && said[path: "r"] == 4 && said[path: "lora_alpha"] == 16)
    }
  }

  @Test func `MokA is of a type that PEFT refuses, and what it cannot be told is named`() throws {
    try withTemporaryFolder { folder in
      let model = try GoldenModels.model("llava-clip")
      var settings = AdapterSettings()
      settings.kind = .moka
      try AdapterFolder.write(ModelAdapter(model, settings), base: model.folder, layers: 2, to: folder)
      let said: Tree = try Tree.read(from: folder.appending(path: "adapter_config.json"))
      #expect(said[path: "peft_type"] == "MOKA")
      let own: Tree = try Tree.read(from: folder.appending(path: "seesaw_adapter.json"))
      let sentences = own[path: "beyondPEFT"]?.listValue?.compactMap(\.stringValue) ?? []
      #expect(
        sentences.contains { $0.hasPrefix("lora_A_image is") } && sentences.contains { $0.contains("first 2 layers") })
    }
  }

  @Test func `an adapter of PEFT's own, of some maps and in older names, is read`() throws {
    try withTemporaryFolder { folder in
      let prefix = "base_model.model.language_model.model.layers.1.self_attn.v_proj."
      let tensors = [
        ("\(prefix)lora_A.weight", try waves(1, [2, 24]).to(.float32)),
        ("\(prefix)lora_B.weight", try waves(2, [16, 2]).to(.float32)),
      ]
      try SafeTensors.write(tensors, to: folder.appending(path: "adapter_model.safetensors"))
      let said = #"{"peft_type": "LORA", "r": 2, "lora_alpha": 8, "lora_dropout": 0.1, "bias": "none"}"#
      try write(said, folder.appending(path: "adapter_config.json"))
      let model = try GoldenModels.model("llava-clip")
      let adapter = try AdapterFolder(folder).install(on: model)
      #expect(adapter.count == 2 * 24 + 16 * 2 && adapter.trainedMaps.isEmpty)
      let map = try #require(model.decoder?.linears.first { $0.name == "layers.1.self_attn.v_proj" }?.map)
      let change = try withoutGradients { try adapter.merged()[0].weight - map.weight }
      #expect(try difference(change, waves(2, [16, 2]).matmul(waves(1, [2, 24])) * 4) < 1e-5)
    }
  }

  @Test func `what is no adapter of the model is refused in a sentence`() throws {
    try withTemporaryFolder { folder in
      let model = try GoldenModels.model("llava-clip")
      #expect(what { _ = try AdapterFolder(folder) } == "the folder holds no adapter")
      let wide = try ModelAdapter(GoldenModels.model("llava-siglip"), AdapterSettings())
      try AdapterFolder.write(wide, base: model.folder, layers: nil, to: folder)
      #expect(what { _ = try AdapterFolder(folder).install(on: model) } == "the adapter is of another model")
      // Nothing is left behind.
      #expect(model.decoder?.linears.allSatisfy { $0.map.adapter == nil } == true)
      let own = folder.appending(path: "seesaw_adapter.json")
      try FileManager.default.removeItem(at: own)
      for (key, value) in [("use_dora", "true"), ("bias", "\"all\""), ("rank_pattern", "{\"q_proj\": 3}")] {
        try write(
          "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 16, \"\(key)\": \(value)}",
          folder.appending(path: "adapter_config.json"))
        #expect(what { _ = try AdapterFolder(folder) } == "the adapter's '\(key)' is not supported")
      }
      try write("{\"peft_type\": \"IA3\"}", folder.appending(path: "adapter_config.json"))
      #expect(what { _ = try AdapterFolder(folder) } == "the adapter's 'peft_type' is not supported")
    }
  }

  @Test func `a model without a decoder of the Llama family is not adapted`() throws {
    let model = try GoldenModels.model("blip-caption")
    #expect(throws: Diagnosis.self) { try ModelAdapter(model, AdapterSettings()) }
  }
}
