import Auditing
import Encoders
import Experiments
import Foundation
import LanguageModels
import Multimodal
import Records
import Synchronization
import TestSupport
import Testing

/// Small random models that are asked about a few pictures with texts.
@Suite("Evaluating a language model")
struct LanguageModelEvaluationTests {
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
    try SmallLanguageModel.with("llava-clip") { model, data, out in
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
    try SmallLanguageModel.with("llava-clip") { model, data, out in
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
    try SmallLanguageModel.with("llava-clip") { model, data, out in
      let first = try Experiment.evaluateLanguageModel(request(model, data, out))
      let second = try Experiment.evaluateLanguageModel(request(model, data, out))
      #expect(first.record.cost.asked > 0 && second.record.cost.asked == 0)
      #expect(second.record.rows == first.record.rows && second.record.scoring == first.record.scoring)
      let other = try Experiment.evaluateLanguageModel(
        request(model, data, out) { $0.model.question = "which of {classes}?" })
      #expect(other.record.cost.asked > 0)
    }
  }

  @Test("choosing a score that was stopped goes on where it was, to the same choice")
  func choosingGoesOn() throws {
    try SmallLanguageModel.with("llava-clip") { model, data, out in
      let whole = try Experiment.evaluateLanguageModel(request(model, data, out.appending(path: "whole")))
      let stop = StopFlag()
      let parts = request(model, data, out.appending(path: "parts"))
      #expect(throws: CancellationError.self) {
        try Experiment.evaluateLanguageModel(parts, stop: stop) { event in
          if case .progress("Choosing", 2, _, _) = event { stop.request() }
        }
      }
      let measured = Mutex<[Int]>([])
      let record = try Experiment.evaluateLanguageModel(parts) { event in
        if case .progress("Choosing", let done, _, _) = event { measured.withLock { $0.append(done) } }
      }
      #expect(measured.withLock { $0 } == [3])
      #expect(record.record.scoring == whole.record.scoring)
      let files = try FileManager.default.contentsOfDirectory(atPath: parts.audit.out.path)
      #expect(!files.contains { $0.hasPrefix("choosing-") })
    }
  }

  @Test("a model that reads text only is asked without pictures, and that is said")
  func textOnly() throws {
    try SmallLanguageModel.with("llama") { model, data, out in
      let summary = try Experiment.evaluateLanguageModel(request(model, data, out))
      let rows = Dictionary(uniqueKeysWithValues: summary.record.rows.map { ($0.condition, $0) })
      #expect(rows["full"]?.accuracy.value == rows["missing:image"]?.accuracy.value)
      #expect(summary.record.notes.contains { $0.hasPrefix("the model reads text only") })
      #expect(!summary.record.model.prompt.contains("[picture"))
    }
  }

  @Test("free answers that name no class are counted and never guessed; constrained ones are always labels")
  func written() throws {
    try SmallLanguageModel.with("llava-clip") { model, data, out in
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
    try SmallLanguageModel.with("llava-clip") { model, data, out in
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
    try SmallLanguageModel.with("llava-clip") { model, data, out in
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
