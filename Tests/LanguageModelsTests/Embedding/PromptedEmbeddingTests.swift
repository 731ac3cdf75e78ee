import Encoders
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import LanguageModels

@Suite("Embeddings by a prompt")
struct PromptedEmbeddingTests {
  private func embedding(_ name: String, _ template: ChatTemplate) throws -> PromptedEmbedding {
    try PromptedEmbedding(GoldenModels.model(name), tokenizer(), template)
  }

  /// Letters and bytes as tokens, as the small models' forty tokens have room for.
  private func tokenizer() throws -> Tokenizer {
    try withTemporaryFolder { folder in
      let letters = Array("abcdefghijklmnopqrstuvwxyz \n:?,.").map(String.init)
      let words = ["<unk>", "<s>", "</s>"] + letters
      var vocabulary = Dictionary(uniqueKeysWithValues: words.enumerated().map { ($1, Tree.int($0)) })
      vocabulary["<image>"] = 37
      let special = [("<unk>", 0), ("<s>", 1), ("</s>", 2), ("<image>", 37)].map { text, token -> Tree in
        ["content": .string(text), "id": .int(token), "special": true, "normalized": false]
      }
      let file: Tree = [
        "added_tokens": .list(special), "normalizer": ["type": "Lowercase"], "decoder": ["type": "Fuse"],
        "post_processor": [
          "type": "TemplateProcessing",
          "single": [["SpecialToken": ["id": "<s>", "type_id": 0]], ["Sequence": ["id": "A", "type_id": 0]]],
          "special_tokens": ["<s>": ["id": "<s>", "ids": [1], "tokens": ["<s>"]]],
        ],
        "model": ["type": "BPE", "unk_token": "<unk>", "merges": [], "vocab": .table(vocabulary)],
      ]
      try Data(file.json().utf8).write(to: folder.appending(path: "tokenizer.json"))
      return try Tokenizer(folder: folder)
    }
  }

  private func picture(_ shade: UInt8) -> RGBImage {
    RGBImage(width: 8, height: 8, pixels: (0..<192).map { UInt8($0) ^ shade })
  }

  @Test func `prompts are E5-V's in every space, and other families have them in their frame`() throws {
    let llama3 = try embedding("llava-clip", .llama3)
    let head = "<|start_header_id|>user<|end_header_id|>\n\n"
    let tail = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n \n"
    #expect(
      try llama3.prompt(.text("a cat")).prompt.written == head + "a cat\nSummary above sentence in one word: " + tail)
    #expect(
      try llama3.prompt(.picture(picture(0))).prompt.written
        == head + "[picture 1]\nSummary above image in one word: " + tail)
    let smol = try embedding("llava-clip", .smolvlm)
    #expect(
      try smol.prompt(.picture(picture(0))).prompt.written
        == "<|im_start|>User:[picture 1]\nSummary above image in one word: <end_of_utterance>\nAssistant:")
  }

  @Test func `embeddings have length 1 and do not depend on what is beside them`() throws {
    let embed = try embedding("llava-clip", .vicuna)
    let contents: [PromptedEmbedding.Content] = [
      .text("a cat"), .picture(picture(3)), .both(picture(3), "a dog sat here"), .text("a dog sat on something"),
    ]
    let all = try embed(contents)
    #expect(all.shape == [4, embed.width])
    let lengths = try all.square().sum(1).array(of: Double.self)
    #expect(lengths.allSatisfy { abs($0 - 1) < 1e-5 })
    for (number, content) in contents.enumerated() {
      #expect(try difference(embed([content]).selected(0, 0), all.selected(0, number)) < 1e-5, "\(number)")
    }
    #expect(try difference(all.selected(0, 0), all.selected(0, 3)) > 1e-3)
  }

  @Test func `an embedding is the last token's last hidden state`() throws {
    let embed = try embedding("llava-clip", .vicuna)
    let (prompt, pictures) = try embed.prompt(.picture(picture(7)))
    let sequence = try PromptBuilder(embed.model, tokenizer()).sequence(prompt, pictures: pictures)
    let hidden = try withoutGradients { try embed.model.prefill([sequence]).hidden.selected(0, 0) }
    let row = try hidden.selected(0, sequence.count - 1)
    #expect(try difference(row / row.norm().scalar(), embed([.picture(picture(7))]).selected(0, 0)) < 1e-5)
  }
}
