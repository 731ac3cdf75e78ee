import Records
import Testing

@testable import Encoders

@Suite("Names in checkpoints")
struct CheckpointNamesTests {
  @Test("a network's names are those of its family, below the place where the checkpoint has it")
  func rooted() throws {
    let names = CheckpointNames(
      [
        "model.bert.embeddings.word_embeddings.weight": [9, 4],
        "model.decoder.bert.embeddings.word_embeddings.weight": [9, 4],
      ], of: "folder")
    let root = try names.rooted(at: "words.weight", by: .bert)
    #expect(root("layers.3.query.bias") == "model.bert.encoder.layer.3.attention.self.query.bias")
    #expect(root.shape(of: "words.weight") == [9, 4] && !root.has("pooler.weight"))
    #expect(throws: CheckpointError.noTensor("embeddings.token_embedding.weight", in: "folder")) {
      try names.rooted(at: "words.weight", by: .clipText)
    }
  }

  @Test("the oldest checkpoints' names are found where the new ones are not")
  func older() throws {
    let names = CheckpointNames(
      ["a.LayerNorm.gamma": [4], "b.LayerNorm.weight": [4], "b.LayerNorm.gamma": [4]], of: "")
    #expect(names("a.LayerNorm.weight") == "a.LayerNorm.gamma" && names("b.LayerNorm.weight") == "b.LayerNorm.weight")
    #expect(names("a.LayerNorm.bias") == "a.LayerNorm.bias")
  }

  @Test("the channels of a convolution are read off its weights, and groups are refused")
  func kernels() throws {
    let names = CheckpointNames(["a.weight": [8, 3, 5, 5], "b.weight": [8, 1, 3, 3], "c.weight": [8]], of: "folder")
    #expect(try names.kernel("a", inputs: 3) == (8, 5))
    #expect(try names.kernel("b", inputs: 8, isDepthwise: true) == (8, 3))
    for (name, inputs, isDepthwise) in [("a", 6, false), ("b", 4, true), ("c", 8, false)] {
      let error = #expect(throws: CheckpointError.self) {
        try names.kernel(name, inputs: inputs, isDepthwise: isDepthwise)
      }
      #expect(error?.diagnosis.what == "the checkpoint's '\(name).weight' is not supported")
    }
    #expect(throws: CheckpointError.noTensor("d.weight", in: "folder")) { try names.kernel("d", inputs: 1) }
  }
}
