import Auditing
import Encoders
import Experiments
import Foundation
import LanguageModels
import Multimodal
import Records
import TestSupport
import Testing

/// Small random models that are asked about a few pictures with texts.
@Suite("Evaluating a language model")
struct LanguageModelEvaluationTests {
  /// Letters, as a tokenizer of forty tokens: 0 is unknown, 1 begins, 2 ends, 37 holds a picture's place.
  private static let tokenizer: Tree = {
    let letters = Array("abcdefghijklmnopqrstuvwxyz \n:?,.").map(String.init)
    let vocabulary = ["<unk>", "<s>", "</s>"] + letters
    let pairs = vocabulary.enumerated().map { ($1, Tree.int($0)) } + [("<image>", Tree.int(37))]
    let special = [("<unk>", 0), ("<s>", 1), ("</s>", 2), ("<image>", 37)].map { text, token -> Tree in
      ["content": .string(text), "id": .int(token), "special": true, "normalized": false]
    }
    return [
      "added_tokens": .list(special), "normalizer": ["type": "Lowercase"], "decoder": ["type": "Fuse"],
      "post_processor": [
        "type": "TemplateProcessing",
        "single": [["SpecialToken": ["id": "<s>", "type_id": 0]], ["Sequence": ["id": "A", "type_id": 0]]],
        "special_tokens": ["<s>": ["id": "<s>", "ids": [1], "tokens": ["<s>"]]],
      ],
      "model": [
        "type": "BPE", "unk_token": "<unk>", "merges": [],
        "vocab": .table(Dictionary(uniqueKeysWithValues: pairs)),
      ],
    ]
  }()

  /// A model's folder with a tokenizer, data of eight pictures with texts, and a place for results.
  private func withModel(_ name: String, _ body: (_ model: URL, _ data: URL, _ out: URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let model = folder.appending(path: "model")
      try FileManager.default.copyItem(at: Conditions.golden("language-models/\(name)"), to: model)
      try Data(Self.tokenizer.json().utf8).write(to: model.appending(path: "tokenizer.json"))
      let made = MadeUpFolder(folder.appending(path: "data"))
      var lines = ["id,image,text,label,split"]
      for number in 0..<12 {
        let shade = UInt8(20 * number)
        let picture = RGBImage(
          width: 8, height: 8, pixels: (0..<64).flatMap { [shade, UInt8($0 * 3), number % 2 == 0 ? 250 : 5] })
        try made.write("\(number).png", picture.png())
        let split = number < 8 ? "test" : number < 11 ? "validation" : "train"
        lines.append(
          "s\(number),\(number).png,a \(["cat", "dog"][number % 3 % 2]) sat,\(["cat", "dog"][number % 2]),\(split)")
      }
      try made.write("samples.csv", lines.joined(separator: "\n") + "\n")
      try body(model, made.folder, folder.appending(path: "out"))
    }
  }

  private func request(
    _ model: URL, _ data: URL, _ out: URL, _ change: (inout LanguageModelEvaluationRequest) -> Void = { _ in }
  ) -> LanguageModelEvaluationRequest {
    var settings = LanguageModelSettings(folder: model)
    settings.template = "vicuna"
    settings.question = "one of {classes}?"
    var audit = AuditRequest(subject: data, out: out)
    audit.swaps = 1
    audit.grid = 0
    audit.parts = 0
    audit.replicates = 20
    var request = LanguageModelEvaluationRequest(model: settings, audit: audit)
    change(&request)
    return request
  }

  @Test("a vision-language model is asked under every condition, and its table is one that any audit reads")
  func conditions() throws {
    try withModel("llava-clip") { model, data, out in
      let summary = try Experiment.evaluateLanguageModel(request(model, data, out) { $0.hides = true })
      let record = summary.record
      #expect(record.samples == 8 && record.classes == ["cat", "dog"] && record.model.seesPictures)
      #expect(
        record.rows.map(\.condition) == [
          "full", "missing:image", "missing:text", "noisy:image", "noisy:text", "absent:image", "hidden:image",
          "hidden:text", "hidden:image+text", "none", "swap:image:0", "swap:text:0",
        ])
      #expect(record.rows.allSatisfy { (0...1).contains($0.accuracy.value) && $0.largestShare >= 0.5 })
      // All labels begin with the space before them.
      #expect(Set(record.scoring.validation.keys) == ["sum", "mean", "byte", "pmi"])
      #expect(record.scoring.validationSamples == 3)
      // φ add up to what both are worth above neither.
      let rows = Dictionary(uniqueKeysWithValues: record.rows.map { ($0.condition, $0.accuracy.value) })
      for (ablation, none) in [("drop", "none"), ("mask", "hidden:image+text")] {
        let shapley = try #require(record.shapley.first { $0.ablation == ablation })
        let sum = shapley.accuracy.values.reduce(0) { $0 + $1.value }
        #expect(abs(sum - ((rows["full"] ?? 0) - (rows[none] ?? 0))) < 1e-12)
      }
      #expect(record.model.prompt.hasPrefix("USER: [picture 1]\none of cat, dog?\na cat sat ASSISTANT:"))
      #expect(record.cost.asked > 0)
      // A pair counts where the picture alone and the text alone are right, and then one of the two classes is followed.
      #expect(record.conflict.map { (0...1).contains($0.textShare.value) && $0.pairs > 0 } ?? true)
      // The table is there for any audit.
      let again = try Experiment.audit(AuditRequest(subject: out, out: out.appending(path: "audit")))
      #expect(again.record.scores.mapValues { $0.value } == summary.audit.record.scores.mapValues { $0.value })
    }
  }

  @Test("answers are the likelihoods of labels behind the prompt")
  func likelihoods() throws {
    try withModel("llava-clip") { model, data, out in
      let request = request(model, data, out) { $0.score = .mean }
      _ = try Experiment.evaluateLanguageModel(request)
      let table = try PredictionTable(at: out, needsLabels: true)
      let opened = try OpenedLanguageModel(request.model)
      let instruction = opened.instruction(for: ["cat", "dog"])
      let picture = try Experiment.picture(at: data.appending(path: "3.png"))
      let shown = OpenedLanguageModel.Shown(picture: picture, text: "a cat sat")
      let scores = try opened.likelihood(of: ["cat", "dog"], asked: instruction, shown).scores(.mean)
      let full = try #require(table.conditions["full"])
      #expect(full.kind == .logits)
      let row = try #require(table.ids.firstIndex(of: "s3"))
      #expect(zip(full.values[(2 * row)..<(2 * row + 2)], scores).allSatisfy { abs($0 - $1) < 1e-6 })
      let black = OpenedLanguageModel.Shown(
        picture: RGBImage(width: 8, height: 8, pixels: [UInt8](repeating: 0, count: 192)), text: "a cat sat")
      let missing = try opened.likelihood(of: ["cat", "dog"], asked: instruction, black).scores(.mean)
      let found = try #require(table.conditions["missing:image"]).values[(2 * row)..<(2 * row + 2)]
      #expect(zip(found, missing).allSatisfy { abs($0 - $1) < 1e-6 })
    }
  }

  @Test("what was answered is not asked again, and another question is")
  func resumed() throws {
    try withModel("llava-clip") { model, data, out in
      let first = try Experiment.evaluateLanguageModel(request(model, data, out))
      let second = try Experiment.evaluateLanguageModel(request(model, data, out))
      #expect(first.record.cost.asked > 0 && second.record.cost.asked == 0)
      #expect(second.record.rows == first.record.rows && second.record.scoring == first.record.scoring)
      let other = try Experiment.evaluateLanguageModel(
        request(model, data, out) { $0.model.question = "which of {classes}?" })
      #expect(other.record.cost.asked > 0)
    }
  }

  @Test("a model that reads text only is asked without pictures, and that is said")
  func textOnly() throws {
    try withModel("llama") { model, data, out in
      let summary = try Experiment.evaluateLanguageModel(request(model, data, out))
      let rows = Dictionary(uniqueKeysWithValues: summary.record.rows.map { ($0.condition, $0) })
      #expect(rows["full"]?.accuracy.value == rows["missing:image"]?.accuracy.value)
      #expect(summary.record.notes.contains { $0.hasPrefix("the model reads text only") })
      #expect(!summary.record.model.prompt.contains("[picture"))
    }
  }

  @Test("free answers that name no class are counted and never guessed; constrained ones are always labels")
  func written() throws {
    try withModel("llava-clip") { model, data, out in
      let free = try Experiment.evaluateLanguageModel(
        request(model, data, out.appending(path: "free")) { $0.answer = .free })
      #expect(free.record.scoring.form == "free")
      #expect(free.audit.record.notes.contains { $0.contains("answers are no class") })
      let constrained = try Experiment.evaluateLanguageModel(
        request(model, data, out.appending(path: "constrained")) { $0.answer = .constrained })
      #expect(constrained.record.classes == ["cat", "dog"])
    }
  }

  @Test(
    "every variant and method answers",
    arguments: PromptVariant.allCases.map { ($0, LanguageModelSettings.Method.ordinary) }
      + [(.standard, .fmd), (.standard, .vcd)])
  func variants(variant: PromptVariant, method: LanguageModelSettings.Method) throws {
    try withModel("llava-clip") { model, data, out in
      let request = request(model, data, out) {
        $0.model.variant = variant
        $0.model.method = method
        $0.score = .sum
        $0.audit.samples = 3
      }
      let record = try Experiment.evaluateLanguageModel(request).record
      #expect(record.samples == 3 && record.model.variant == variant.rawValue)
      let pictures = record.model.prompt.components(separatedBy: "[picture 1]").count - 1
      #expect(pictures == (variant == .textOnly ? 0 : variant == .double ? 2 : 1))
    }
  }

  @Test("what cannot be evaluated is refused in a sentence")
  func refused() throws {
    try withModel("llava-clip") { model, data, out in
      func what(_ change: (inout LanguageModelEvaluationRequest) -> Void) -> String {
        do {
          _ = try Experiment.evaluateLanguageModel(request(model, data, out, change))
          return ""
        } catch { return Diagnosis(describing: error).what }
      }
      #expect(what { $0.model.template = "qwen" }.hasPrefix("the template 'qwen' needs the token '<|im_start|>'"))
      #expect(what { $0.model.question = " " } == "--question is empty")
      #expect(
        what {
          $0.model.method = .fmd
          $0.model.forkedLayers = 9
        } == "--fork is 9, and the model has 2 layers")
      #expect(what { $0.model.folder = data }.isEmpty == false)
    }
  }
}
