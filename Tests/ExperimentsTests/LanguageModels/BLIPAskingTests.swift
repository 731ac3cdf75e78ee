import Auditing
import Foundation
import LanguageModels
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Experiments

/// Small random BLIP models behind the same verbs as all others.
@Suite("Asking BLIP")
struct BLIPAskingTests {
  static let names = ["blip-caption", "blip-vqa"]

  private func settings(_ model: URL) -> LanguageModelSettings {
    var settings = LanguageModelSettings(folder: model)
    settings.question = "one of {classes}?"
    return settings
  }

  private func shown(_ data: URL, _ number: Int, text: String? = "a cat sat") throws -> OpenedLanguageModel.Shown {
    let picture = try Experiment.picture(at: data.appending(path: "\(number).png"))
    return OpenedLanguageModel.Shown(picture: picture, key: "\(number)", text: text)
  }

  /// "one of cat, dog?" and "a cat sat", by the small vocabulary.
  private static let question = [8, 21, 22, 8, 23, 5, 14, 16, 25, 7, 18, 19, 24]
  private static let sample = [4, 5, 14, 16, 10, 14, 16]

  @Test func `captions begin with the start token, and questions are read before it`() throws {
    for (name, ids) in [
      ("blip-caption", [36] + Self.question + Self.sample), ("blip-vqa", [2] + Self.question + Self.sample + [35, 36]),
    ] {
      try SmallLanguageModel.with(name) { model, data, _ in
        let opened = try OpenedLanguageModel(settings(model))
        let asked = opened.instruction(for: ["cat", "dog"])
        let (labelled, rows, written) = try opened.labelled("dog", asked: asked, shown(data, 0))
        #expect(labelled.prompt.ids == ids)
        #expect(labelled.suffixes == [[7, 18, 19, 35]])
        #expect(labelled.prompt.roles.count { $0 == .sampleText } == Self.sample.count)
        #expect(rows.count == 1 && labelled.prompt.pictures.count == 1)
        #expect(
          written
            == (name == "blip-vqa"
              ? "[picture 1]one of cat, dog?\na cat sat[SEP][DEC]" : "[DEC][picture 1]one of cat, dog?\na cat sat"))
        // The label's likelihood is what the model itself finds in one pass over all of it.
        let whole = try opened.model.sequence(
          ids + [7, 18, 19], roles: (ids + [7, 18, 19]).map { _ in .instruction }, pictures: labelled.prompt.pictures)
        let output = try withoutGradients { try opened.model.prefill([whole]) }
        let logits = try opened.model.logits(of: output.hidden.selected(0, 0))
        let logs = try logits.narrowed(0, from: output.lengths[0] - 4, length: 4).logSoftmax(1)
        let sum = try logs.gathered(1, by: Tensor([7, 18, 19, 35], shape: [4, 1])).sum().scalar()
        let found = try opened.likelihood(of: ["dog"], asked: asked, shown(data, 0)).sums[0]
        #expect(abs(found - sum) < 1e-4)
      }
    }
  }

  @Test(arguments: BLIPAskingTests.names)
  func `it is evaluated under every condition`(name: String) throws {
    try SmallLanguageModel.with(name) { model, data, out in
      var audit = AuditRequest(subject: data, out: out)
      (audit.swaps, audit.grid, audit.parts, audit.replicates) = (0, 0, 0, 20)
      var request = LanguageModelEvaluationRequest(model: settings(model), audit: audit)
      request.hides = true
      let record = try Experiment.evaluateLanguageModel(request).record
      #expect(record.model.template == name && record.model.family == "blip" && record.notes.isEmpty)
      #expect(
        record.rows.map(\.condition) == [
          "full", "missing:image", "missing:text", "noisy:image", "noisy:text", "absent:image", "hidden:image",
          "hidden:text", "hidden:image+text", "none",
        ])
      #expect(record.shapley.map(\.ablation) == ["drop", "mask"])
      let table = try PredictionTable(at: out, needsLabels: true)
      // A hidden picture is as none for BLIP: cross-attention is left out.
      let opened = try OpenedLanguageModel(settings(model))
      let asked = opened.instruction(for: record.classes)
      let own = try opened.likelihood(of: record.classes, asked: asked, shown(data, 3), hiding: [.image]).sums
      var bare = try shown(data, 3)
      bare.picture = nil
      #expect(try opened.likelihood(of: record.classes, asked: asked, bare).sums == own)
      #expect(try opened.likelihood(of: record.classes, asked: asked, shown(data, 3)).sums != own)
      #expect(table.rows == 8)
    }
  }

  @Test(arguments: BLIPAskingTests.names)
  func `it writes what its own greedy choice is, and Shapley values by masks add up`(name: String) throws {
    try SmallLanguageModel.with(name) { model, data, _ in
      let opened = try OpenedLanguageModel(settings(model))
      var generation = GenerationSettings()
      generation.maximumTokens = 5
      let answer = try opened.answer(to: "one of cat, dog?", shown(data, 1), generation)
      var ids = name == "blip-vqa" ? [2] + Self.question + Self.sample + [35, 36] : [36] + Self.question + Self.sample
      let picture = try opened.model.prepare(try shown(data, 1).picture ?? .black)
      for token in answer.tokens.tokens {
        let sequence = try opened.model.sequence(ids, roles: ids.map { _ in .template }, pictures: [picture])
        let last = try withoutGradients { try opened.model.prefill([sequence]).last() }
        #expect(try opened.model.logits(of: last).argmax(1).array(of: Int.self) == [token])
        ids.append(token)
      }
      #expect(answer.tokens.hasEnded || answer.tokens.tokens.count == 5)

      let (labelled, rows, _) = try opened.labelled("cat", asked: "one of cat, dog?", shown(data, 1))
      let worth = try opened.model.maskedShapley(labelled.prompt, answer: labelled.suffixes[0], rows: rows)
      #expect(abs(worth.values.image + worth.values.text - (worth.both - worth.none)) < 1e-9)
      let full = try opened.likelihood(of: ["cat"], asked: "one of cat, dog?", shown(data, 1)).sums[0]
      #expect(abs(worth.both - full) < 1e-4)
      #expect(worth.image != worth.both && worth.text != worth.both)
      #expect(throws: LanguageModelError.self) {
        try opened.model.roleMass(labelled.prompt, answer: labelled.suffixes[0], rows: rows)
      }
    }
  }

  @Test func `what BLIP cannot do is refused in a sentence`() throws {
    try SmallLanguageModel.with("blip-vqa") { model, data, out in
      func what(_ change: (inout LanguageModelSettings) -> Void) -> String {
        var wanted = settings(model)
        change(&wanted)
        do {
          _ = try OpenedLanguageModel(wanted)
          return ""
        } catch { return Diagnosis(describing: error).what }
      }
      #expect(what { $0.layers = 1 } == "BLIP is read with all of its layers")
      #expect(what { $0.method = .fmd }.hasPrefix("BLIP's layers cannot be forked"))
      #expect(what { $0.variant = .double }.hasPrefix("BLIP sees one picture beside the text"))
      #expect(what { $0.template = "vicuna" } == "the family 'blip' has one frame of prompts")
      #expect(what { $0.tower = Conditions.golden("encoders/efficientnet-lite") } == "the model has a tower of its own")
      var request = FineTuningRequest(model: settings(model), data: data, out: out)
      request.threads = 1
      let error = try #require(throws: Diagnosis.self) { try Experiment.fineTune(request) }
      #expect(error.what == "a model of the family 'blip' cannot be adapted")
    }
  }
}
