import Encoders
import Foundation
import Multimodal
import Testing
import Torch

@testable import LanguageModels

@Suite("Embeddings by a prompt")
struct PromptedEmbeddingTests {
  private func embedding(_ name: String, _ template: ChatTemplate) throws -> PromptedEmbedding {
    try PromptedEmbedding(GoldenModels.model(name), GoldenModels.tokenizer(), template)
  }

  private func picture(_ shade: UInt8) -> RGBImage {
    RGBImage(width: 8, height: 8, pixels: (0..<192).map { UInt8($0) ^ shade })
  }

  @Test func `prompts are E5-V's in every space, and other families have them in their frame`() throws {
    let llama3 = try embedding("llava-clip", .llama3)
    let head = "<|start_header_id|>user<|end_header_id|>\n\n"
    let tail = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n \n"
    #expect(
      llama3.prompt(text: "a cat", showsPicture: false).written == head + "a cat\nSummary above sentence in one word: "
        + tail)
    #expect(
      llama3.prompt(text: nil, showsPicture: true).written
        == head + "[picture 1]\nSummary above image in one word: " + tail)
    let smol = try embedding("llava-clip", .smolvlm)
    #expect(
      smol.prompt(text: nil, showsPicture: true).written
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
    let prompt = embed.prompt(text: nil, showsPicture: true)
    let sequence = try PromptBuilder(embed.model, GoldenModels.tokenizer()).sequence(
      prompt, pictures: [embed.model.prepare(picture(7))])
    let hidden = try withoutGradients { try embed.model.prefill([sequence]).hidden.selected(0, 0) }
    let row = try hidden.selected(0, sequence.count - 1)
    #expect(try difference(row / row.norm().scalar(), embed([.picture(picture(7))]).selected(0, 0)) < 1e-5)
  }

  @Test(arguments: GoldenModels.names)
  func `rows are the last hidden state that transformers computes, at length 1`(name: String) throws {
    let expected = try GoldenModels.expected(name)
    let embed = try embedding(name, .vicuna)
    let states = try #require(expected.names.filter { $0.hasPrefix("hidden.") }.max())
    let last = try expected.tensor(states).to(.float64)
    let row = try last.selected(0, last.shape[0] - 1)
    let found = try embed.rows(of: [GoldenModels.prompt(embed.model, expected)]).selected(0, 0)
    #expect(try difference(found, row / row.norm().scalar()) < 1e-5)
  }
}
