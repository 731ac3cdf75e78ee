import Foundation
import LanguageModels
import Records
import TestSupport
import Testing
import Torch

@testable import Experiments

/// Small random models that learn to answer.
@Suite("Training an adapter")
struct FineTuningTests {
  private func request(
    _ model: URL, _ data: URL, _ out: URL, _ change: (inout FineTuningRequest) -> Void = { _ in }
  ) -> FineTuningRequest {
    var settings = LanguageModelSettings(folder: model)
    settings.template = "vicuna"
    settings.question = "one of {classes}?"
    var request = FineTuningRequest(model: settings, data: data, out: out)
    request.settings.epochs = 2
    request.settings.batchSize = 4
    request.settings.learningRate = 1e-2
    request.threads = 1
    change(&request)
    return request
  }

  private func weights(_ folder: URL) throws -> [String: [Float]] {
    let file = try SafeTensors(reading: folder.appending(path: AdapterFolder.weightsName))
    return Dictionary(uniqueKeysWithValues: try file.names.map { ($0, try file.tensor($0).flattened().array()) })
  }

  @Test(
    arguments: ["llava-clip", "llava-siglip", "llava_next", "llama"],
    [(AdapterSettings.Kind.lora, LabelLoss.token), (.moka, .classes)])
  func `the loss falls, and the adapter answers as it did in training`(
    name: String, form: (kind: AdapterSettings.Kind, loss: LabelLoss)
  ) throws {
    try SmallLanguageModel.with(name, count: 24) { model, data, out in
      let record = try Experiment.fineTune(
        request(model, data, out) {
          $0.settings.adapter.kind = form.kind
          $0.settings.loss = form.loss
          $0.settings.epochs = 8
        })
      #expect(record.status == .finished && record.trainSamples == 13 && record.validationSamples == 3)
      let rows: [EpochRow] = try JSONLines.read(from: out.appending(path: "epochs.jsonl"))
      let losses = rows.compactMap { $0.train["fused"] }
      #expect(losses.count == 8)
      #expect(losses[7] < losses[0] * 0.9, "\(losses)")
      // The kept epoch's score is that of the adapter in the folder.
      var settings = request(model, data, out).model
      settings.adapter = out
      let opened = try OpenedLanguageModel(settings)
      var right = 0
      for number in 8..<11 {
        let picture = try Experiment.picture(at: data.appending(path: "\(number).png"))
        let shown = OpenedLanguageModel.Shown(picture: picture, text: "a \(["cat", "dog"][number % 3 % 2]) sat")
        let classes = ["cat", "dog"]
        let sums = try opened.likelihood(of: classes, asked: opened.instruction(for: classes), shown).sums
        if LabelLikelihood.prediction(sums) == number % 2 { right += 1 }
      }
      #expect(abs(Double(right) / 3 - (record.validationScore ?? -1)) < 1e-9)
    }
  }

  @Test func `one seed gives the same bits, another does not, and stopping changes nothing`() throws {
    try SmallLanguageModel.with("llava-clip", count: 24) { model, data, out in
      func train(_ name: String, seed: UInt64 = 0, stoppingAt step: Int? = nil) throws -> [String: [Float]] {
        let folder = out.appending(path: name)
        let wanted = request(model, data, folder) {
          $0.settings.seed = seed
          $0.settings.adapter.kind = .moka
          ($0.settings.imageDropout, $0.settings.textDropout) = (0.25, 0.25)
          $0.settings.selection = .standing
        }
        if let step {
          let stop = StopFlag()
          #expect(throws: CancellationError.self) {
            try Experiment.fineTune(wanted, stop: stop) { event in
              if case .progress("Training", step, _, _) = event { stop.request() }
            }
          }
          #expect(try FineTuningRecord.read(from: folder)?.status == .interrupted)
          #expect(FileManager.default.fileExists(atPath: folder.appending(path: "checkpoint.safetensors").path))
        }
        let record = try Experiment.fineTune(wanted)
        #expect(record.status == .finished)
        #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "checkpoint.safetensors").path))
        let steps: [StepRow] = try JSONLines.read(from: folder.appending(path: "steps.jsonl"))
        #expect(steps.map(\.step) == Array(0..<8))
        return try weights(folder)
      }
      let whole = try train("whole")
      #expect(try train("again") == whole)
      #expect(try train("stopped", stoppingAt: 3) == whole)
      #expect(try train("at an epoch's end", stoppingAt: 4) == whole)
      #expect(try train("other", seed: 1) != whole)
    }
  }

  @Test func `what is finished is not done twice, and another training is refused until it is replaced`() throws {
    try SmallLanguageModel.with("llava-clip") { model, data, out in
      let first = try Experiment.fineTune(request(model, data, out))
      #expect(try Experiment.fineTune(request(model, data, out)) == first)
      let other = request(model, data, out) { $0.settings.adapter.rank = 2 }
      #expect(what(other) == "the folder holds another training")
      var replacing = other
      replacing.again = true
      #expect(try Experiment.fineTune(replacing).settings[path: "adapter.rank"] == 2)
    }
  }

  @Test func `the first layers alone are trained and read again so`() throws {
    try SmallLanguageModel.with("llava-clip") { model, data, out in
      _ = try Experiment.fineTune(request(model, data, out) { $0.model.layers = 1 })
      var settings = request(model, data, out).model
      settings.adapter = out
      #expect(try OpenedLanguageModel(settings).model.layerCount == 1)
      settings.layers = 2
      #expect(throws: Diagnosis.self) { try OpenedLanguageModel(settings) }
    }
  }

  @Test func `each sample is seen whole, without its picture and without its text where subsets are trained`() throws {
    try SmallLanguageModel.with("llava-clip", count: 24) { model, data, out in
      let record = try Experiment.fineTune(request(model, data, out) { $0.settings.subsets = true })
      #expect(record.status == .finished)
      let plain = try Experiment.fineTune(request(model, data, out.appending(path: "plain")))
      #expect(plain.status == .finished)
      #expect(try weights(out) != weights(out.appending(path: "plain")))
    }
  }

  @Test func `an evaluation says what the adapter has learnt for which tokens`() throws {
    try SmallLanguageModel.with("llava-clip", count: 24) { model, data, out in
      _ = try Experiment.fineTune(request(model, data, out))
      var audit = AuditRequest(subject: data, out: out.appending(path: "evaluation"))
      (audit.swaps, audit.grid, audit.parts, audit.replicates) = (0, 0, 0, 20)
      var settings = request(model, data, out).model
      var plain = LanguageModelEvaluationRequest(model: settings, audit: audit)
      plain.measuresReliance = true
      #expect(throws: Diagnosis.self) { try Experiment.evaluateLanguageModel(plain) }
      settings.adapter = out
      var asked = LanguageModelEvaluationRequest(model: settings, audit: audit)
      (asked.measuresReliance, asked.score) = (true, .sum)
      let rows = try Experiment.evaluateLanguageModel(asked).record.rows
      #expect(
        rows.filter { $0.condition.hasPrefix("adapter:") }.map(\.condition) == [
          "adapter:image", "adapter:text", "adapter:none",
        ])
      #expect(rows.contains { $0.title == "adapter on image alone" })
    }
  }

  @Test func `a model that reads text learns pictures through a tower put before it`() throws {
    try SmallLanguageModel.with("llama", count: 24) { model, data, out in
      let tower = Conditions.golden("encoders/efficientnet-lite")
      let wanted = request(model, data, out) {
        ($0.model.tower, $0.model.grid) = (tower, 2)
        $0.settings.epochs = 8
      }
      _ = try Experiment.fineTune(wanted)
      let rows: [EpochRow] = try JSONLines.read(from: out.appending(path: "epochs.jsonl"))
      #expect((rows.last?.train["fused"] ?? 9) < (rows.first?.train["fused"] ?? 0) * 0.9)
      var settings = wanted.model
      settings.adapter = out
      #expect(try OpenedLanguageModel(settings).model.seesPictures)
      settings.grid = 1
      #expect(throws: Diagnosis.self) { try OpenedLanguageModel(settings) }
      settings.tower = nil
      #expect(throws: Diagnosis.self) { try OpenedLanguageModel(settings) }
      #expect(throws: Diagnosis.self) {
        try Experiment.merge(model: model, adapter: out, to: out.appending(path: "merged"))
      }
    }
  }

  @Test func `what cannot be trained is refused in a sentence`() throws {
    try SmallLanguageModel.with("llava-clip") { model, data, out in
      #expect(what(request(model, data, out) { $0.settings.adapter.rank = 0 }) == "the rank is 0, must be of 1…4096")
      #expect(what(request(model, data, out) { $0.settings.imageDropout = 1.5 }).hasPrefix("--image-dropout is 1.5"))
      #expect(what(request(model, data, out) { $0.model.adapter = out }) == "an adapter is trained from its beginning")
      #expect(
        what(request(model, data, out) { $0.model.layers = 9 })
          == "the first 9 layers are asked for, and the model has 2")
      // What is said of the data is about pictures with texts, not about encoding, and before a model is read.
      let none = data.appending(path: "none")
      let features = out.appending(path: "features")
      try MadeUpFolder(features).write("dataset.json", "{}")
      for (place, what, remedy) in [
        (none, "no such file or folder", "name raw samples"),
        (features, "a language model is shown pictures and texts, and this is a feature set", "name the raw data"),
      ] {
        let error = try #require(throws: Diagnosis.self) {
          try Experiment.fineTune(self.request(out.appending(path: "no model"), place, out))
        }
        #expect(error.what == what && error.remedy?.hasPrefix(remedy) == true)
      }
    }
  }

  private func what(_ request: FineTuningRequest) -> String {
    do {
      _ = try Experiment.fineTune(request)
      return ""
    } catch { return Diagnosis(describing: error).what }
  }
}
