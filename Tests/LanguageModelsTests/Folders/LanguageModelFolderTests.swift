import Encoders
import Foundation
import Records
import TestSupport
import Testing
import Torch

@testable import LanguageModels

@Suite("Folders of language models")
struct LanguageModelFolderTests {
  /// A copy of a golden model whose configuration and tensors are changed.
  private func copy(
    _ name: String, in place: URL, config change: (inout [String: Any]) -> Void = { _ in },
    tensors rewrite: ([(String, Tensor)]) throws -> [(String, Tensor)] = { $0 }
  ) throws -> URL {
    let folder = place.appending(path: UUID().uuidString)
    try FileManager.default.copyItem(at: GoldenModels.folder(name), to: folder)
    let url = folder.appending(path: "config.json")
    var table = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
    change(&table)
    try JSONSerialization.data(withJSONObject: table).write(to: url)
    let weights = folder.appending(path: "model.safetensors")
    let file = try SafeTensors(reading: weights)
    let changed = try rewrite(file.names.map { ($0, try file.tensor($0)) })
    try FileManager.default.removeItem(at: weights)
    try SafeTensors.write(changed, to: weights)
    return folder
  }

  /// A copy whose tensors alone are changed.
  private func rewritten(
    _ name: String, in place: URL, _ rewrite: ([(String, Tensor)]) throws -> [(String, Tensor)]
  ) throws -> URL {
    try copy(name, in: place, tensors: rewrite)
  }

  /// The logits of a folder's model, of the prompt that the golden numbers were made of.
  private func logits(
    _ folder: URL, _ name: String, _ precision: LanguageModelFolder.Precision = .float32
  ) throws -> Tensor {
    let model = try LanguageModelFolder(folder).load(precision)
    let prompt = try GoldenModels.prompt(model, GoldenModels.expected(name))
    return try withoutGradients { try model.logits(of: model.prefill([prompt]).hidden.selected(0, 0)) }
  }

  private static let renamings: [String: [(old: String, new: String)]] = [
    "llava-clip": [
      ("language_model.model.", "model.language_model."), ("language_model.lm_head.", "lm_head."),
      ("multi_modal_projector.", "model.multi_modal_projector."), ("vision_tower.", "model.vision_tower."),
    ],
    "llava-siglip": [
      ("language_model.model.", "model.language_model."), ("vision_tower.", "vision_tower.vision_model."),
      ("multi_modal_projector.", "model.multi_modal_projector."),
    ],
    "qwen2_vl": [("model.", "model.language_model."), ("visual.", "model.visual.")],
    "qwen2_5_vl": [("model.", "model.language_model."), ("visual.", "model.visual.")],
  ]

  @Test("older and newer names of the weights are read alike", arguments: renamings.keys.sorted())
  func names(name: String) throws {
    let file = try SafeTensors(reading: GoldenModels.folder(name).appending(path: "model.safetensors"))
    let renamings = try #require(Self.renamings[name])
    try withTemporaryFolder { place in
      var count = 0
      let folder = try rewritten(name, in: place) { tensors in
        tensors.map { path, tensor in
          for (old, new) in renamings where path.hasPrefix(old) {
            count += 1
            return (new + path.dropFirst(old.count), tensor)
          }
          return (path, tensor)
        }
      }
      #expect(count > file.names.count / 2)
      #expect(try difference(logits(folder, name), GoldenModels.expected(name).tensor("logits")) < 1e-4)
    }
  }

  @Test("shards are read as one file is")
  func shards() throws {
    try withTemporaryFolder { place in
      let folder = try copy("idefics3", in: place)
      let whole = folder.appending(path: "model.safetensors")
      let file = try SafeTensors(reading: whole)
      var map: [String: String] = [:]
      for part in 0..<3 {
        let name = "model-\(part).safetensors"
        let own = file.names.enumerated().filter { $0.offset % 3 == part }.map(\.element)
        for tensor in own { map[tensor] = name }
        try SafeTensors.write(own.map { ($0, try file.tensor($0)) }, to: folder.appending(path: name))
      }
      try FileManager.default.removeItem(at: whole)
      try JSONSerialization.data(withJSONObject: ["weight_map": map]).write(
        to: folder.appending(path: "model.safetensors.index.json"))
      #expect(try difference(logits(folder, "idefics3"), GoldenModels.expected("idefics3").tensor("logits")) < 1e-4)
      let memory = try LanguageModelFolder(folder).memory()
      #expect(memory.parameters == file.entries.map { $0.shape.reduce(1, *) }.reduce(0, +))

      try FileManager.default.removeItem(at: folder.appending(path: "model-1.safetensors"))
      #expect(throws: CheckpointError.noFile("model-1.safetensors", in: folder.path)) {
        try LanguageModelFolder(folder).load()
      }
    }
  }

  @Test(
    "weights of half precision compute in float32 by copies, or as they are stored, mapped",
    arguments: ["llama", "qwen2_vl", "smolvlm", "llava-clip"], [ElementType.bfloat16, .float16])
  func halves(name: String, type: ElementType) throws {
    try withTemporaryFolder { place in
      let folder = try rewritten(name, in: place) { try $0.map { ($0, try $1.to(type)) } }
      let exact = try GoldenModels.expected(name).tensor("logits")
      let wide = try logits(folder, name)
      let stored = try logits(folder, name, .stored)
      #expect(stored.elementType == .float32)
      let scale = try exact.abs().max().scalar()
      #expect(try (0.0..<0.1).contains(difference(wide, exact) / scale))
      #expect(try (1e-6..<0.2).contains(difference(stored, exact) / scale))
      let read = try LanguageModelFolder(folder)
      let (copied, mapped) = (try read.memory(.float32), try read.memory(.stored))
      #expect(copied.mapped == 0 && copied.copied == 4 * copied.parameters)
      #expect(mapped.copied == 0 && mapped.mapped == 2 * mapped.parameters)
      #expect(try read.load(.stored).elementType == type)
    }
  }

  @Test("weights that are stored as they are computed with stay mapped")
  func mapped() throws {
    let memory = try LanguageModelFolder(GoldenModels.folder("llava-clip")).memory()
    #expect(memory.copied == 0 && memory.mapped == 4 * memory.parameters)
  }

  @Test("older spellings of the rotary settings, and settings that are left out, mean the same")
  func settings() throws {
    try withTemporaryFolder { place in
      let expected = try GoldenModels.expected("llama").tensor("logits")
      let older = try copy(
        "llama", in: place,
        config: { table in
          var rope = table["rope_parameters"] as? [String: Any] ?? [:]
          table["rope_parameters"] = nil
          table["rope_theta"] = rope["rope_theta"]
          rope["rope_theta"] = nil
          rope["type"] = rope["rope_type"]
          rope["rope_type"] = nil
          table["rope_scaling"] = rope
          for key in ["hidden_act", "attention_bias", "mlp_bias", "head_dim", "tie_word_embeddings"] {
            table[key] = nil
          }
          table["head_dim"] = 8
        })
      #expect(try difference(logits(older, "llama"), expected) < 1e-4)

      // Qwen2-VL's first files had the text model's settings at the top.
      let flat = try copy(
        "qwen2_vl", in: place,
        config: { table in
          let text = table["text_config"] as? [String: Any] ?? [:]
          table["text_config"] = nil
          table.merge(text) { own, _ in own }
          table["rope_theta"] = 10000
          table["rope_scaling"] = ["type": "mrope", "mrope_section": [1, 1, 2]]
          table["rope_parameters"] = nil
        })
      #expect(try difference(logits(flat, "qwen2_vl"), GoldenModels.expected("qwen2_vl").tensor("logits")) < 1e-4)
    }
  }

  @Test("a matrix of logits of its own is taken where the embedding is not tied to it")
  func heads() throws {
    try withTemporaryFolder { place in
      let folder = try rewritten("llama", in: place) { tensors in
        let table = try #require(tensors.first { $0.0 == "model.embed_tokens.weight" }).1
        return tensors + [("lm_head.weight", try table * 2)]
      }
      let expected = try GoldenModels.expected("llama").tensor("logits")
      #expect(try difference(logits(folder, "llama"), expected * 2) < 2e-4)
    }
  }

  @Test(
    "what is not read is refused by name",
    arguments: [
      "chameleon", "qwen3_vl", "paligemma", "blip-2", "gemma3", "internvl", "instructblip", "llava_onevision", "mllama",
    ])
  func refusals(family: String) throws {
    try withTemporaryFolder { place in
      let folder = try copy("llama", in: place, config: { $0["model_type"] = family })
      let error = #expect(throws: LanguageModelError.self) { try LanguageModelFolder(folder) }
      #expect(error?.diagnosis.what.contains(family) == true)
    }
  }

  @Test(
    "settings that ask for what is not done are refused with the setting's name",
    arguments: [
      ("rope_parameters", "yarn"), ("rope_parameters", "dynamic"), ("rope_parameters", "longrope"),
      ("hidden_act", "relu"), ("quantization_config", "int4"), ("num_key_value_heads", "3"), ("hidden_size", "23"),
      ("model_type", "smollm9"), ("head_dim", "7"), ("rms_norm_eps", "small"),
    ])
  func unsupported(key: String, value: String) throws {
    try withTemporaryFolder { place in
      let folder = try copy(
        "llama", in: place,
        config: { table in
          switch key {
          case "rope_parameters": table[key] = ["rope_type": value, "rope_theta": 100, "factor": 2]
          case "quantization_config": table[key] = ["bits": value]
          default: table[key] = Int(value) as Any? ?? value
          }
        })
      #expect(throws: CheckpointError.self) { try LanguageModelFolder(folder).load() }
    }
  }

  @Test(
    "sizes that do not fit the weights, and tensors that are missing or no real numbers, are refused in one sentence",
    arguments: GoldenModels.names)
  func hostile(name: String) throws {
    try withTemporaryFolder { place in
      for (key, value) in [("hidden_size", 1 << 27), ("num_hidden_layers", 1 << 27), ("vocab_size", 41)] {
        let folder = try copy(
          name, in: place,
          config: { table in
            if var text = table["text_config"] as? [String: Any] {
              text[key] = value
              text["head_dim"] = 8
              table["text_config"] = text
            } else {
              table[key] = value
            }
          })
        #expect(throws: CheckpointError.self, "\(key)") { try LanguageModelFolder(folder).load() }
      }
      let short = try rewritten(name, in: place) { tensors in
        tensors.filter { !$0.0.hasSuffix("layers.1.mlp.up_proj.weight") }
      }
      #expect(throws: CheckpointError.self) { try LanguageModelFolder(short).load() }
      let whole = try rewritten(name, in: place) { tensors in
        try tensors.map { ($0, $0.hasSuffix("q_proj.weight") ? try $1.to(.int32) : $1) }
      }
      #expect(throws: CheckpointError.self) { try LanguageModelFolder(whole).load() }
    }
  }

  @Test("a tower, a projector and a processor that do not fit are refused")
  func parts() throws {
    try withTemporaryFolder { place in
      for (name, part, key, value) in [
        ("llava-clip", "vision_config", "image_size", 12 as Any), ("llava-clip", "vision_config", "model_type", "vit"),
        ("llava-clip", "", "vision_feature_layer", -9), ("llava-clip", "", "vision_feature_select_strategy", "some"),
        ("llava-siglip", "vision_config", "hidden_size", 32), ("idefics3", "", "scale_factor", 3),
        ("idefics3", "vision_config", "image_size", 32), ("qwen2_vl", "vision_config", "patch_size", 4),
        ("qwen2_vl", "vision_config", "patch_size", 1 << 27), ("qwen2_vl", "vision_config", "num_heads", 3),
        ("qwen2_5_vl", "vision_config", "window_size", 2), ("qwen2_5_vl", "vision_config", "depth", 3),
      ] {
        let folder = try copy(
          name, in: place,
          config: { table in
            if part.isEmpty {
              table[key] = value
            } else if var own = table[part] as? [String: Any] {
              own[key] = value
              table[part] = own
            }
          })
        #expect(throws: CheckpointError.self, "\(name) \(key)") { try LanguageModelFolder(folder).load() }
        try FileManager.default.removeItem(at: folder)
      }
      let bare = try copy("llava-clip", in: place)
      try FileManager.default.removeItem(at: bare.appending(path: "preprocessor_config.json"))
      #expect(throws: CheckpointError.noFile("preprocessor_config.json", in: bare.path)) {
        try LanguageModelFolder(bare).load()
      }
      let none = try #require(
        throws: Diagnosis.self
      ) { try LanguageModelFolder(place.appending(path: "none")) }
      #expect(none.what == "there is no model folder here" && none.remedy?.contains("encode") == false)
    }
  }
}
