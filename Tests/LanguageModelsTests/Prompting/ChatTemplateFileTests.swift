import Encoders
import Foundation
import Records
import TestSupport
import Testing

@testable import LanguageModels

@Suite struct ChatTemplateFileTests {
  private func read(
    _ tokenizer: String, family: String, named: String? = nil, _ files: [String: String]
  ) throws -> ChatTemplateFile {
    let tokenizer = try Tokenizer(folder: PromptBuilderTests.golden.appending(path: tokenizer))
    return try withTemporaryFolder { folder in
      for (name, text) in files { try Data(text.utf8).write(to: folder.appending(path: name)) }
      return try ChatTemplateFile(folder: folder, tokenizer: tokenizer, family: family, named: named)
    }
  }

  @Test(
    "a family's usual template is taken where the folder has none, and that is said",
    arguments: [
      ("llama2", "llava", "vicuna"), ("smollm", "llava", "llava-qwen"), ("smollm", "llama", "smollm2"),
      ("llama2", "llama", "plain"), ("qwen2", "qwen2_vl", "qwen"),
    ])
  func usual(tokenizer: String, family: String, expected: String) throws {
    let found = try read(tokenizer, family: family, [:])
    #expect(found.template.name == expected && found.digest == nil)
    #expect(found.note?.contains("no chat_template") == true)
  }

  @Test("a folder's own template is hashed, and one that is not known is told")
  func unknown() throws {
    let text = "{{ messages }}[INST]"
    for files in [
      ["chat_template.jinja": text], ["tokenizer_config.json": #"{"chat_template": "{{ messages }}[INST]"}"#],
      ["chat_template.json": #"{"chat_template": "{{ messages }}[INST]"}"#],
      ["tokenizer_config.json": #"{"chat_template": [{"name": "default", "template": "{{ messages }}[INST]"}]}"#],
    ] {
      let found = try read("llama2", family: "llava_next", files)
      #expect(found.template == .mistral && found.digest == FileDigest.sha256(of: text))
      #expect(found.note?.contains(FileDigest.sha256(of: text).prefix(12)) == true)
    }
    #expect(try read("llama2", family: "llava", named: "plain", ["chat_template.jinja": text]).note == nil)
  }

  @Test("answers end at the tokens that the folder names, and at the template's")
  func ends() throws {
    let end = try #require(
      try Tokenizer(folder: PromptBuilderTests.golden.appending(path: "smollm")).token(named: "<|im_end|>"))
    let both = try read("smollm", family: "llama", ["generation_config.json": #"{"eos_token_id": [7, 8]}"#])
    #expect(both.ends == [7, 8, end])
    #expect(try read("smollm", family: "llama", ["config.json": #"{"eos_token_id": 9}"#]).ends == [9, end])
  }

  @Test("a template that is not known, or whose tokens are lacking, is refused by name")
  func refused() throws {
    let unknown = #expect(throws: Diagnosis.self) { try read("llama2", family: "llava", named: "alpaca", [:]) }
    #expect(unknown?.what == "there is no template 'alpaca'" && unknown?.exitStatus == .usage)
    let lacking = #expect(throws: Diagnosis.self) { try read("llama2", family: "smolvlm", [:]) }
    #expect(lacking?.what == "the template 'smolvlm' needs the token '<|im_start|>', which the tokenizer lacks")
  }
}
