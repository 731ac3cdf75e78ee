import Foundation
import Multimodal
import TestSupport
import Testing
import Torch

@testable import LanguageModels

@Suite("BLIP")
struct BLIPTests {
  private func model(_ name: String) throws -> BLIP { try #require(try GoldenModels.model(name) as? BLIP) }

  @Test("a model with a text encoder answers questions, one without writes captions")
  func kinds() throws {
    #expect(try model("blip-vqa").answersQuestions && !model("blip-caption").answersQuestions)
    #expect(try model("blip-vqa").startToken == 36 && model("blip-vqa").endToken == 35)
  }

  @Test("prompts in a batch have the rows that they have alone", arguments: GoldenModels.beside)
  func batches(name: String) throws {
    let (model, expected) = (try model(name), try GoldenModels.expected(name))
    let long = try GoldenModels.prompt(model, expected)
    let question = model.answersQuestions ? [7, 9] : []
    let ids = question + [36, 8]
    let short = try model.sequence(ids, roles: ids.map { _ in .sampleText }, pictures: long.pictures)
    try withoutGradients {
      let both = KeyValueCache()
      let output = try model.prefill([short, long], cache: both)
      let next = try model.step([[5, 6], [6]], cache: both)
      for (row, (prompt, more)) in [(short, [5, 6]), (long, [6])].enumerated() {
        let alone = KeyValueCache()
        let own = try model.prefill([prompt], cache: alone)
        let found = try output.hidden.selected(0, row).narrowed(0, from: 0, length: own.lengths[0])
        #expect(try difference(found, own.hidden.selected(0, 0)) < 1e-5)
        let after = try model.step([more], cache: alone).hidden.selected(0, 0)
        #expect(try difference(next.hidden.selected(0, row).narrowed(0, from: 0, length: more.count), after) < 1e-5)
      }
    }
  }

  @Test("a hidden picture is as none, and a hidden text changes what is written", arguments: GoldenModels.beside)
  func hiding(name: String) throws {
    let (model, expected) = (try model(name), try GoldenModels.expected(name))
    let prompt = try GoldenModels.prompt(model, expected)
    let bare = try model.sequence(prompt.ids, roles: prompt.roles, pictures: [])
    var roles = prompt.roles
    roles[1] = .sampleText
    let mixed = try model.sequence(prompt.ids, roles: roles, pictures: prompt.pictures)
    try withoutGradients {
      let whole = try model.prefill([prompt]).last()
      let hidden = try model.prefill([prompt], view: AttentionView(hidden: [.image])).last()
      #expect(try difference(hidden, model.prefill([bare]).last()) == 0)
      #expect(try difference(hidden, whole) > 1e-2)
      #expect(try difference(model.prefill([mixed], view: AttentionView(hidden: [.sampleText])).last(), whole) > 1e-3)
      let rows = try model.rows(of: prompt.pictures[0]).unsqueezed(0)
      let given = try model.prefill(
        [prompt], embeddings: model.embed([prompt]), pictureRows: rows, view: AttentionView(), cache: nil, observer: nil
      )
      #expect(try difference(given.last(), whole) == 0)
    }
  }

  @Test("prompts of another form are refused")
  func refusals() throws {
    let caption = try model("blip-caption")
    let picture = try caption.prepare(RGBImage.black)
    #expect(throws: LanguageModelError.self) {
      try caption.sequence([36, 4], roles: [.template, .template], pictures: [picture, picture])
    }
    #expect(throws: LanguageModelError.self) { try caption.sequence([36], roles: [.image], pictures: []) }
    let long = Array(repeating: 4, count: 33)
    #expect(throws: LanguageModelError.tooLong(tokens: 33, limit: 32)) {
      try caption.sequence(long, roles: long.map { _ in .template }, pictures: [])
    }
    let question = try model("blip-vqa")
    #expect(throws: LanguageModelError.self) { try question.sequence([4], roles: [.instruction], pictures: []) }
    #expect(throws: LanguageModelError.self) { try question.sequence([36], roles: [.template], pictures: []) }
    let one = try caption.sequence([36, 4], roles: [.template, .template], pictures: [picture])
    let none = try caption.sequence([36, 4], roles: [.template, .template], pictures: [])
    #expect(throws: LanguageModelError.self) { try caption.prefill([one, none]) }
    let cut = AttentionView(knockouts: [.init(keys: [.image], queries: .last, layers: 0..<1)])
    #expect(throws: LanguageModelError.self) { try caption.prefill([one], view: cut) }
  }

  @Test("eight text heads at a width of 768 are warned of")
  func heads() throws {
    #expect(try LanguageModelFolder(GoldenModels.folder("blip-vqa")).warnings.isEmpty)
    try withTemporaryFolder { place in
      let text = #"{"model_type": "blip", "text_config": {"hidden_size": 768, "num_attention_heads": 8}}"#
      try Data(text.utf8).write(to: place.appending(path: "config.json"))
      #expect(try LanguageModelFolder(place).warnings.count == 1)
    }
  }
}
