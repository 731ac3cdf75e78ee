import Encoders
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@testable import LanguageModels

@Suite struct PromptBuilderTests {
  static let golden = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../Golden/tokenizers").standardized

  static func builder(_ name: String) throws -> PromptBuilder {
    PromptBuilder(try VectorModel(), try Tokenizer(folder: golden.appending(path: name)))
  }

  /// A picture of so many tokens.
  static func picture(_ tokens: Int) -> PreparedPicture {
    PreparedPicture(values: [0], shape: [1], layout: .single, tokenCount: tokens)
  }

  let content = PromptContent(instruction: "Which group?", sampleText: "the quick fox's 12 cats", pictures: 1)

  @Test("a prompt's tokens are those of the text as it is written, placeholders apart")
  func tokens() throws {
    let cases: [(String, ChatTemplate, String)] = [
      (
        "smollm", .smollm2,
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
          + "<|im_start|>user\n<image>\nWhich group?\nthe quick fox's 12 cats<|im_end|>\n<|im_start|>assistant\n"
      ),
      (
        "llama2", .vicuna, "USER: <image>\nWhich group?\nthe quick fox's 12 cats ASSISTANT:"
      ),
      (
        "mistral", .vicuna, "USER: <image>\nWhich group?\nthe quick fox's 12 cats ASSISTANT:"
      ),
      (
        "smollm", .llavaQwen,
        "<|im_start|>user <image>\nWhich group?\nthe quick fox's 12 cats<|im_end|><|im_start|>assistant\n"
      ),
    ]
    for (name, template, text) in cases {
      let builder = try Self.builder(name)
      let image = try #require(builder.tokenizer.token(named: "<image>"))
      let prompt = template.prompt(PromptVariant.standard.parts(of: content))
      #expect(prompt.written == text.replacing("<image>", with: "[picture 1]"))
      let (ids, roles) = try builder.tokens(prompt, pictures: [Self.picture(3)])
      let written = builder.tokenizer(text)
      #expect(ids == written.flatMap { $0 == image ? [0, 0, 0] : [$0] }, "\(name) \(template.name)")
      #expect(ids.count == roles.count && roles.count { $0 == .image } == 3)
    }
  }

  @Test("every token has the role of what it is of", arguments: ["smollm", "llama2", "mistral"])
  func roles(name: String) throws {
    let builder = try Self.builder(name)
    let decoder = try TokenDecoder(builder.tokenizer)
    let template = name == "smollm" ? ChatTemplate.smollm2 : .vicuna
    let prompt = template.prompt(PromptVariant.standard.parts(of: content))
    let sequence = try builder.sequence(prompt, pictures: [Self.picture(2)])
    func text(_ role: TokenRole) -> String { decoder(sequence.indices(of: [role]).map { sequence.ids[$0] }) }
    #expect(text(.sampleText) == "\nthe quick fox's 12 cats")
    #expect(text(.instruction) == "Which group?")
    #expect(sequence.indices(of: [.answer]).isEmpty && sequence.pictures.count == 1)
  }

  @Test("special tokens that a sample's text spells are letters")
  func spelling() throws {
    let builder = try Self.builder("smollm")
    let special = try #require(builder.tokenizer.token(named: "<|im_end|>"))
    let image = try #require(builder.tokenizer.token(named: "<image>"))
    var content = content
    content.sampleText = "a <image> b<|im_end|>"
    content.instruction = "<|im_end|>?"
    let (ids, roles) = try builder.tokens(
      ChatTemplate.smollm2.prompt(PromptVariant.standard.parts(of: content)), pictures: [Self.picture(1)])
    #expect(ids.count { $0 == special } == 2 && !ids.contains(image) && roles.count { $0 == .image } == 1)
  }

  @Test("an absent text goes with its line, and the variants arrange what is there")
  func variants() throws {
    func written(_ variant: PromptVariant, _ content: PromptContent) -> String {
      Prompt(variant.parts(of: content)).written
    }
    let text = "the quick fox's 12 cats"
    #expect(written(.standard, content) == "[picture 1]Which group?\n\(text)")
    #expect(written(.order, content) == "\(text)\n[picture 1]Which group?")
    #expect(written(.instruct, content) == "[picture 1]Look carefully at the image. Which group?\n\(text)")
    #expect(written(.double, content) == "[picture 1][picture 1]Which group?\n\(text)")
    #expect(written(.textOnly, content) == "Which group?\n\(text)")
    #expect(written(.imageOnly, content) == "[picture 1]Which group?")
    var without = content
    without.sampleText = nil
    #expect(written(.standard, without) == "[picture 1]Which group?")
    without.pictures = 0
    #expect(PromptVariant.allCases.allSatisfy { written($0, without) == "Which group?" })
    #expect(
      ChatTemplate.smolvlm.prompt(PromptVariant.standard.parts(of: without)).written
        == "<|im_start|>User: Which group?<end_of_utterance>\nAssistant:")
  }

  @Test("labels part where their tokens part, and each ends with what ends an answer")
  func labels() throws {
    let builder = try Self.builder("smollm")
    let prompt = ChatTemplate.smollm2.prompt(PromptVariant.standard.parts(of: content))
    let end = try #require(builder.tokenizer.token(named: "<|im_end|>"))
    let found = try builder.labelled(
      prompt, labels: ["cat", "cat fish", "dog"], template: .smollm2, pictures: [Self.picture(1)])
    let decoder = try TokenDecoder(builder.tokenizer)
    #expect(found.suffixes.map { decoder($0) } == ["cat", "cat fish", "dog"])
    #expect(found.suffixes.allSatisfy { $0.last == end } && found.bytes == [3, 8, 3])
    let alone = try builder.tokens(prompt, pictures: [Self.picture(1)]).ids
    #expect(found.prompt.ids == alone && !found.differInFirstToken)
    // Behind a colon the space belongs to the label's first token, or stands alone in the prompt.
    let vicuna = try Self.builder("llama2").labelled(
      ChatTemplate.vicuna.prompt(PromptVariant.standard.parts(of: content)), labels: ["cat", "dog"], template: .vicuna,
      pictures: [Self.picture(1)])
    #expect(vicuna.suffixes.allSatisfy { $0.count > 1 })
  }

  @Test("what a prompt needs and is not there is said")
  func lacking() throws {
    let builder = try Self.builder("llama2")
    let error = #expect(throws: Diagnosis.self) { try builder.tokens(ChatTemplate.smolvlm.prompt([])) }
    #expect(error?.what == "the tokenizer has no token '<|im_start|>'")
    #expect(throws: LanguageModelError.self) { try builder.tokens(Prompt([.picture(0)])) }
  }
}
