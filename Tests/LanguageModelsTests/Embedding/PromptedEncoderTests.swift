import Encoders
import Foundation
import Multimodal
import Records
import Testing
import Torch

@testable import LanguageModels

@Suite("Encoders that are a language model")
struct PromptedEncoderTests {
  private func picture(_ shade: UInt8) -> RGBImage {
    RGBImage(width: 9, height: 8, pixels: (0..<216).map { UInt8($0) ^ shade })
  }

  private func make(_ folder: URL, _ kind: RawInput.Kind, rescaled: Bool = false) throws -> any RawEncoder {
    var settings = PretrainedSettings()
    settings.rescales = rescaled
    return try EncoderRegistry.make("mllm:\(folder.path)", of: kind, settings: settings, further: PromptedEncoders.all)
  }

  private func difference(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).map { abs($0 - $1) }.max() ?? .infinity }

  @Test(arguments: ["llava-clip", "llava_next", "smolvlm", "qwen2_vl"])
  func `a row is the embedding by E5-V's prompt, whatever stands beside it`(name: String) throws {
    try GoldenModels.withFolder(name) { folder in
      // Frames with special tokens need a tokenizer that has them.
      try Data(#"{"chat_template": "USER: ASSISTANT:"}"#.utf8).write(
        to: folder.appending(path: "tokenizer_config.json"))
      let embed = try PromptedEmbedding(LanguageModelFolder(folder).load(), GoldenModels.tokenizer(), .vicuna)
      let texts = ["a cat", "", "a dog sat on something long"]
      let encoder = try make(folder, .text)
      #expect(encoder.width == embed.width)
      let rows = try encoder.encode(texts.map { try encoder.prepare(.text($0)) }, threads: 0)
      for (place, text) in texts.enumerated() {
        let own = Array(rows[(place * embed.width)..<((place + 1) * embed.width)])
        #expect(difference(own, try embed([.text(text)]).array()) < 1e-5, "\(text)")
        #expect(try encoder.encode(.text(text)) == own)
      }
      let pictures = try make(folder, .image)
      let images = [picture(3), picture(77)]
      let seen = try pictures.encode(images.map { try pictures.prepare(.image($0)) }, threads: 0)
      for (place, image) in images.enumerated() {
        let own = Array(seen[(place * embed.width)..<((place + 1) * embed.width)])
        #expect(difference(own, try embed([.picture(image)]).array()) < 1e-5)
      }
    }
  }

  @Test func `a stored encoder is read again, shares its model, and is refused where a file has changed`() throws {
    try GoldenModels.withFolder("llava-clip") { folder in
      let encoder = try #require(try make(folder, .text, rescaled: true) as? PromptedTextEncoder)
      let pictures = try #require(try make(folder, .image) as? PromptedImageEncoder)
      #expect(encoder.reader === pictures.reader)
      let state = try encoder.state()
      func restored() throws -> any RawEncoder {
        try EncoderRegistry.restored(
          named: PromptedTextEncoder.name, of: .text, version: "1", further: PromptedEncoders.all
        ) { state }
      }
      let again = try restored()
      #expect(again.identity == encoder.identity && encoder.identity.contains("rescaled"))
      let row = try encoder.encode(.text("a cat"))
      #expect(try again.encode(.text("a cat")) == row)
      #expect(abs(row.reduce(0) { $0 + $1 * $1 } / Float(row.count) - 1) < 1e-4)
      let known = encoder.provenance
      #expect(known.architecture == "llava" && known.pooling == "one-word prompt, frame vicuna" && known.rescales)
      let file = folder.appending(path: "tokenizer.json")
      try (String(contentsOf: file, encoding: .utf8) + " ").write(to: file, atomically: true, encoding: .utf8)
      let error = try #require(throws: CheckpointError.self) { try restored() }
      #expect(error == .changed(file: "tokenizer.json", in: encoder.provenance.folder))
    }
  }

  @Test func `what cannot be encoded is refused in a sentence`() throws {
    func what(
      _ name: String, _ kind: RawInput.Kind, _ change: (inout PretrainedSettings) -> Void = { _ in }
    ) throws
      -> String
    {
      var settings = PretrainedSettings()
      change(&settings)
      var found = ""
      try GoldenModels.withFolder(name) { folder in
        do {
          _ = try EncoderRegistry.make(
            "mllm:\(folder.path)", of: kind, settings: settings, further: PromptedEncoders.all)
        } catch {
          let diagnosis = Diagnosis(describing: error)
          found = ([diagnosis.what] + diagnosis.found).joined(separator: ": ")
        }
      }
      return found
    }
    #expect(try what("llama", .image) == "the model sees no pictures: 'llama' reads text only")
    #expect(try what("blip-vqa", .text).hasPrefix("BLIP's pictures are no tokens"))
    #expect(try what("llava-clip", .text) { $0.pooling = .mean }.hasSuffix("no pooling can be chosen"))
    #expect(try what("llava-clip", .text) { $0.precision = .bfloat16 }.hasSuffix("leave --precision bfloat16 out"))
    #expect(try what("llava-clip", .audio).hasSuffix("it makes nothing of audio"))
    let none = try #require(throws: EncoderError.self) {
      try EncoderRegistry.make("mllm:", of: .text, further: PromptedEncoders.all)
    }
    #expect(none == .settings(encoder: "mllm:", reason: "mllm:FOLDER names the folder of a model"))
  }

  @Test func `a picture that the model cannot be shown is that input's fault alone`() throws {
    try GoldenModels.withFolder("qwen2_vl") { folder in
      try Data(#"{"chat_template": "USER: ASSISTANT:"}"#.utf8).write(
        to: folder.appending(path: "tokenizer_config.json"))
      let encoder = try make(folder, .image)
      let rule = RGBImage(width: 4000, height: 2, pixels: [UInt8](repeating: 9, count: 24_000))
      let found = try encoder.prepared(.image(rule))
      guard case .failure(.refused(_, let reason)) = found else {
        Issue.record("a rule of 4000 x 2 pixels was taken")
        return
      }
      #expect(reason.hasPrefix("the model cannot be shown this picture"))
      #expect(throws: EncoderError.otherKind(encoder: "mllm-image", expected: .image)) {
        try encoder.prepare(.text("a cat"))
      }
    }
  }
}
