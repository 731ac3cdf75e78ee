import Balancing
import Datasets
import Evaluation
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Experiments

@Suite("Silent and declared absence")
struct AbsenceTests {
  /// Runs of a method over a data set whose missing image encodes to something that no image is.
  private func withRun(
    _ method: String, settings: [String] = [], _ body: (URL, RunSummary) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      try SmallFeatureSet.write("image-missing", "image", [9, -9, 5, -5], to: data)
      let out = folder.appending(path: "run")
      let outcome = try SmallFeatureSet.train(method, data, to: out, settings: settings)
      try body(out, SmallFeatureSet.finished(outcome))
    }
  }

  @Test("nobody is told in a missing column, whatever the method's own rule", arguments: MethodRegistry.names)
  func silent(_ method: String) throws {
    let needsAttention = try MethodRegistry.entry(method).requirements.attentionFusion
    try withRun(method, settings: ["training.epochs=2"]) { run, summary in
      let trial = try Experiment.finishedTrial(run, data: nil) { _ in }
      for (place, modality) in trial.modalities.enumerated() {
        let split = try trial.set.test(without: [modality]).split
        let (logits, labels) = try trial.builder.evaluator.logits(
          trial.model, trial.builder.prepared(split), prediction(of: trial.method))
        let score = try trial.builder.evaluator.score(trial.builder.evaluator.metrics(logits, labels))
        #expect(summary.evaluation.scores["\(modality)-missing"] == score)
        #expect(try trial.score(present: UInt64(place == 0 ? 2 : 1)) == score)
        #expect(summary.evaluation.scores["\(modality)-absent"] != nil)
      }
      #expect(summary.evaluation.missing?.byModality == ["image": "encoded-empty", "text": "zeros"])
      #expect(needsAttention == (trial.builder.configuration.model.fusion == .crossAttention))
    }
  }

  @Test(
    "the answer to absence is the best on the validation split, and stands in the record with the scores that chose it")
  func chosen() throws {
    for method in ["uniform", "joint", "ume"] {
      try withRun(method) { run, summary in
        let record = try RunFolder(run).readRecord()
        let offered = Set(
          ["encoded-empty", "mean-contribution"] + (method == "joint" ? [] : ["unimodal"])
            + (method == "ume" ? ["own"] : []))
        for name in ["image", "text"] {
          let scores = try #require(record.absenceScores?[name])
          let answer = try #require(record.absence?[name])
          #expect(Set(scores.keys) == offered)
          #expect(scores[answer.rawValue] == scores.values.max())
          let trial = try Experiment.finishedTrial(run, data: nil) { _ in }
          #expect(try trial.validationScore(without: [Modality(name)], told: true) == scores[answer.rawValue])
        }
        // What an evaluation finds is what the training found.
        #expect(try Experiment.evaluate(run: run).scores == summary.evaluation.scores)
      }
    }
  }

  @Test("each answer is what it says, by hand")
  func answers() throws {
    try withRun("uniform") { run, _ in
      let trial = try Experiment.finishedTrial(run, data: nil) { _ in }
      let absence = try trial.absence()
      let model = trial.model
      let split = trial.builder.prepared(try trial.set.test(without: ["image"]).split)
      let batch = try split.batch(SamplingPlan.inOrder(split.count).visits[...])
      try withoutGradients {
        let outputs = try model(batch.inputs)
        let train = trial.builder.prepared(trial.set.train)
        let seen = try model(train.batch(SamplingPlan.inOrder(train.count).visits[...]).inputs)
        let mean = try seen.features["image"].mean(0, keeping: true).expanded([split.count, -1])
        let replaced = try model.outputs(
          ofFeatures: PerModality(["image", "text"], [mean, outputs.features["text"]])
        ).logits
        func logits(_ answer: AbsenceAnswer) throws -> [Double] {
          try values(absence.logits(outputs, absent: ["image"], by: answer))
        }
        #expect(try allClose(logits(.meanContribution), values(replaced), relative: 1e-4, absolute: 1e-4))
        #expect(try logits(.encodedEmpty) == values(outputs.logits))
        let text = try (outputs.unimodal()["text"] / absence.temperatures["text"]).logSoftmax(-1)
        #expect(try allClose(logits(.unimodal), values(text), relative: 1e-5))
        // Of several absent at once one answer serves all.
        #expect(absence.offered.contains(absence.answer(to: ["image", "text"])))
      }
    }
  }

  @Test("without a validation split the answers have a fixed order")
  func unvalidated() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet(hasValidation: false).write(to: data)
      for (method, answer) in [("joint", "mean-contribution"), ("uniform", "mean-contribution"), ("ume", "own")] {
        let out = folder.appending(path: method)
        _ = try SmallFeatureSet.train(method, data, to: out)
        let record = try RunFolder(out).readRecord()
        #expect(record.absence?.mapValues(\.rawValue) == ["image": answer, "text": answer])
        #expect(record.absenceScores?.isEmpty == true)
      }
    }
  }

  @Test("a run of a version that knew one answer is read, and predicts by the method's own rule")
  func older() throws {
    try withRun("ume") { run, _ in
      let url = run.appending(path: "run.json")
      var record = try Tree(json: String(contentsOf: url, encoding: .utf8))
      record[path: "absence"] = nil
      record[path: "absenceScores"] = nil
      try Data(record.json(.pretty).utf8).write(to: url)
      try FileManager.default.removeItem(at: run.appending(path: "absence.safetensors"))
      let predictor = try Predictor(run: run)
      let found = try predictor.predict([PredictionInput(features: ["text": [3, 0, 0, 0]])])[0]
      #expect(found.condition == "image-missing" && found.present == ["text"])
      #expect(try Experiment.evaluate(run: run).scores["image-absent"] != nil)
    }
  }

  @Test("features that are those of a missing input, or not a number, are absent, and it is said which")
  func empty() throws {
    try withRun("uniform") { run, _ in
      let text: [Float] = [3, 0, 0, 0]
      let inputs: [[Float]?] = [nil, [9, -9, 5, -5], [.nan, .nan, .nan, .nan]]
      let predictor = try Predictor(run: run)
      let found = try predictor.predict(
        inputs.map { image in
          PredictionInput(features: image.map { ["image": $0, "text": text] } ?? ["text": text])
        })
      for (number, answer) in found.enumerated() {
        #expect(answer.present == ["text"] && answer.condition == "image-absent")
        #expect(answer.probabilities == found[0].probabilities)
        #expect(answer.empty == (number == 0 ? nil : ["image"]))
      }
      let silent = try Predictor(run: run, detectsEmpty: false)
        .predict([PredictionInput(features: ["image": [9, -9, 5, -5], "text": text])])[0]
      #expect(silent.present == ["image", "text"] && silent.condition == "full" && silent.empty == nil)
      let nothing = predictor.results(for: [PredictionInput(features: ["image": [9, -9, 5, -5]])])[0]
      #expect(throws: Diagnosis.self) { try nothing.get() }
    }
  }

  @Test("fulcrum tells how far a prediction rests on each modality, and on what is absent not at all")
  func reliance() throws {
    try withRun("fulcrum", settings: ["training.epochs=3"]) { run, _ in
      let found = try Predictor(run: run).predict([
        PredictionInput(features: ["image": [2, 0, 0, 0], "text": [3, 0, 0, 0]])
      ])[0]
      let shares = try #require(found.reliance)
      #expect(abs(shares.values.reduce(0, +) - 1) < 1e-6 && shares.count == 2)
      let trial = try Experiment.finishedTrial(run, data: nil) { _ in }
      let outputs = try trial.model(
        trial.builder.prepared(trial.set.train).batch(SamplingPlan.inOrder(3).visits[...]).inputs)
      let told = try #require(
        try (trial.method as? any TellsReliance)?.reliance(outputs, missing: outputs, absent: ["image"]))
      #expect(try values(told["image"]) == [0, 0, 0])
    }
  }

  @Test("older files have one word for what stands for all missing inputs")
  func convention() throws {
    let old = try Tree(json: "{\"missing\": \"zero-features\"}").tableValue?["missing"]
    #expect(try old?.decode(MissingInputs.self, keys: .asNamed).words == "zeros")
    let new = MissingInputs(["image": "encoded-empty", "text": "zeros"])
    #expect(try Tree(encoding: new, keys: .asNamed).json() == "{\"image\":\"encoded-empty\",\"text\":\"zeros\"}")
    #expect(new.words == "image: what an empty input encodes to; text: zeros")
  }
}
