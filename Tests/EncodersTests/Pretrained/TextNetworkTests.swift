import Foundation
import Records
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Encoders

@Suite("Text networks")
struct TextNetworkTests {
  static let cases = [
    ("bert", "expected"), ("bert-prefixed-sharded", "expected"), ("bert-half", "expected"),
    ("distilbert", "expected"), ("distilbert-prefixed", "expected"), ("roberta", "expected"),
    ("roberta-prefixed", "expected"), ("clip", "expected-text"), ("clip-text-projected", "expected"),
    ("blip", "expected-text"), ("blip-retrieval", "expected-text"), ("xlm-roberta", "expected"),
    ("siglip", "expected-text"),
  ]

  private func network(
    _ name: String, as arithmetic: NetworkArithmetic = NetworkArithmetic(.float32)
  ) throws -> any TextNetwork {
    try network(in: Checkpoints.folder(name), as: arithmetic)
  }

  private func network(
    in folder: URL, as arithmetic: NetworkArithmetic = NetworkArithmetic(.float32)
  ) throws -> any TextNetwork {
    let configuration = try CheckpointConfiguration(reading: folder.appending(path: "config.json"))
    return try CheckpointWeights(in: folder, as: arithmetic).network {
      try PretrainedTextEncoder.network($0, configuration, $1)
    }
  }

  private func rows(_ expected: SafeTensors) throws -> [[Int]] {
    let tokens = try expected.tensor("tokens")
    let width = tokens.shape[1]
    let all: [Int] = try tokens.array()
    let lengths: [Int] = try expected.tensor("lengths").array()
    return lengths.enumerated().map { Array(all[($0 * width)..<($0 * width + $1)]) }
  }

  @Test("every layer and pooling is transformers', alone and in a padded batch", arguments: cases)
  func layers(name: String, file: String) throws {
    let expected = try Checkpoints.expected(name, file)
    let (network, pass) = (try network(name), ForwardPass())
    let rows = try rows(expected)
    for members in [Array(rows.indices)] + rows.indices.map({ [$0] }) {
      let batch = try TokenBatch(members.map { rows[$0] }, padding: 1)
      var seen: [Tensor] = []
      let last = try withoutGradients { try network.rows(batch, pass) { seen.append($0) } }
      #expect(expected.entry("hidden.\(seen.count - 1)") == nil && expected.entry("hidden.\(seen.count - 2)") != nil)
      for (place, member) in members.enumerated() {
        let length = rows[member].count
        func there(_ tensor: Tensor, _ row: Int) throws -> Tensor {
          try tensor.selected(0, row).narrowed(0, from: 0, length: length)
        }
        for (layer, found) in seen.dropLast().enumerated() {
          let right = try there(expected.tensor("hidden.\(layer)"), member)
          #expect(try difference(there(found, place), right) < 1e-4, "layer \(layer)")
        }
        #expect(try difference(there(last, place), there(expected.tensor("rows"), member)) < 1e-4)
        for pooling in [Pooling.pooler, .projected] where expected.entry(pooling.rawValue) != nil {
          let found = try network.pooled(last, batch, pass, by: pooling).selected(0, place)
          #expect(try difference(found, expected.tensor(pooling.rawValue).selected(0, member)) < 1e-4, "\(pooling)")
        }
      }
    }
    for pooling in [Pooling.pooler, .projected] {
      #expect((network.widths[pooling] != nil) == (expected.entry(pooling.rawValue) != nil), "\(name) \(pooling)")
    }
  }

  @Test("bfloat16 stays near float32, on processors that multiply it and on others", arguments: cases)
  func halves(name: String, file: String) throws {
    let rows = try rows(Checkpoints.expected(name, file))
    let batch = try TokenBatch(rows, padding: 1)
    let exact = try withoutGradients { try network(name).features(batch, by: [.mean]).features }
    for multiplies in [true, false] {
      let short = try network(name, as: NetworkArithmetic(.bfloat16, multipliesBFloat16: multiplies))
      let rough = try withoutGradients { try short.features(batch, by: [.mean]).features }
      let apart = try difference(exact, rough) / exact.abs().max().scalar()
      #expect(rough.elementType == .float32)
      #expect(apart > 0 && apart < 0.05, "multiplied in hardware: \(multiplies)")
    }
  }

  @Test("what a configuration asks for and is not done is refused by name")
  func refusals() throws {
    try withTemporaryFolder { place in
      let changes: [(String, String, Any)] = [
        ("bert", "position_embedding_type", "relative_key"), ("bert", "is_decoder", true),
        ("bert", "hidden_act", "mish"),
        ("bert", "add_cross_attention", true), ("bert", "num_attention_heads", 3), ("bert", "hidden_size", "wide"),
        ("roberta", "auto_map", ["AutoModel": "own.Model"]), ("roberta", "quantization_config", ["bits": 4]),
        ("distilbert", "activation", "laplace"), ("clip", "text_config.hidden_act", "mish"),
      ]
      for (index, (name, key, value)) in changes.enumerated() {
        let folder = try Checkpoints.copy(name, in: place.appending(path: "\(index)")) { table in
          let parts = key.split(separator: ".").map(String.init)
          if parts.count == 2, var inner = table[parts[0]] as? [String: Any] {
            inner[parts[1]] = value
            table[parts[0]] = inner
          } else {
            table[key] = value
          }
        }
        let error = #expect(throws: CheckpointError.self, "\(key)") { try network(in: folder) }
        #expect(error?.diagnosis.what.contains("'\(key)'") == true, "\(key): \(String(describing: error))")
      }
    }
  }

  @Test("weights that do not fit the configuration are refused with their shapes")
  func misfits() throws {
    try withTemporaryFolder { place in
      let folder = try Checkpoints.copy("bert", in: place) { $0["vocab_size"] = 41 }
      let error = #expect(throws: CheckpointError.self) { try network(in: folder) }
      #expect(
        error
          == .shape(
            tensor: "embeddings.word_embeddings.weight", found: [40, 16], expected: [41, 16], in: folder.path))
      let other = Checkpoints.folder("vit")
      #expect(throws: CheckpointError.noTensor("embeddings.word_embeddings.weight", in: other.path)) {
        try CheckpointWeights(in: other, as: .float32).names.rooted(at: "words.weight", by: .bert)
      }
    }
  }

  @Test("an architecture that is not read is named, with those that are")
  func unknown() throws {
    try withTemporaryFolder { place in
      let folder = try Checkpoints.copy("bert", in: place) { $0["model_type"] = "mpnet" }
      let error = #expect(throws: CheckpointError.self) { try PretrainedTextEncoder(folder: folder) }
      #expect(error?.diagnosis.what == "the architecture 'mpnet' is not read")
      #expect(error?.diagnosis.found.first?.contains("distilbert") == true)
    }
  }

  @Test("a pickle is refused, and the sentence says how to convert it")
  func pickles() throws {
    try withTemporaryFolder { place in
      let folder = try Checkpoints.copy("bert", in: place)
      try FileManager.default.moveItem(
        at: folder.appending(path: "model.safetensors"), to: folder.appending(path: "pytorch_model.bin"))
      let error = #expect(throws: CheckpointError.self) { try PretrainedTextEncoder(folder: folder) }
      #expect(error == .pickled(file: "pytorch_model.bin", in: folder.path))
      #expect(error?.diagnosis.remedy?.contains("save_pretrained") == true)
    }
  }

  @Test("a shard that is not there is named")
  func shards() throws {
    try withTemporaryFolder { place in
      let folder = try Checkpoints.copy("bert-prefixed-sharded", in: place)
      try FileManager.default.removeItem(at: folder.appending(path: "model-00002-of-00003.safetensors"))
      #expect(throws: CheckpointError.noFile("model-00002-of-00003.safetensors", in: folder.path)) {
        try CheckpointWeights(in: folder, as: .float32)
      }
    }
  }
}
