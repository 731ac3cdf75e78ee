import Foundation
import Records
import TestSupport
import Testing
import Torch

@testable import Experiments

@Suite("Specialists and regret")
struct SpecialistTests {
  private static let settings = [
    "training.batch_size=16", "training.epochs=4", "optimizer.learning_rate=0.02", "model.embedding_width=8",
  ]

  /// Data with both conditions of either modality, and views of the image alone.
  private func withData(_ body: (_ data: URL, _ folder: URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      let set = SmallFeatureSet()
      try set.write(to: data)
      for (place, modality) in ["image", "text"].enumerated() {
        try SmallFeatureSet.write(
          "\(modality)-missing", modality, [Float](repeating: 0.1, count: SmallFeatureSet.width), to: data)
        let rows = SmallFeatureSet.rows(set.test ?? [], seed: 77 + UInt64(place), signal: 1)
        try SmallFeatureSet.write("\(modality)-noisy", modality, rows, to: data)
      }
      for (split, labels) in [("train", set.train), ("validation", (0..<9).map { $0 % 3 })] {
        let rows = SmallFeatureSet.rows(labels, seed: 90, signal: 1)
        try SafeTensors.write(
          [("image", try Tensor(rows, shape: [labels.count, SmallFeatureSet.width]))],
          to: data.appending(path: "\(split)@image-noisy.safetensors"))
      }
      try body(data, folder)
    }
  }

  private func request(_ data: URL, _ out: URL, _ methods: [String], seeds: Int = 2) -> CompareRequest {
    var request = CompareRequest(data: data, methods: methods, seeds: seeds, out: out)
    request.settings = Self.settings
    request.jobs = 1
    return request
  }

  private func isThere(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }

  @Test("each condition has its specialist, a run that train repeats to the last digit")
  func specialists() throws {
    try withData { data, folder in
      let out = folder.appending(path: "c")
      nonisolated(unsafe) var phases: [String: String] = [:]
      let results = try Experiment.compare(request(data, out, ["joint", "balgrad"])) { event in
        if case .phase(let name, let words) = event { phases[name] = words }
      }
      #expect(
        Set(results.specialists.keys) == [
          "full", "image-missing", "text-missing", "image-absent", "text-absent", "image-noisy",
        ])
      #expect(
        results.specialists["image-missing"]?.settings == ["data.modalities=[text]", "training.selection=full"])
      #expect(results.specialists["image-noisy"]?.settings == ["data.view=image-noisy", "training.selection=full"])
      #expect(
        results.notes.contains {
          $0.hasPrefix("no specialist, and so no regret, under text-noisy: there is no view of training")
        })
      #expect(phases["Specialists"]?.hasPrefix("8 runs more, one model for each condition: full") == true)
      #expect(phases["Telling"]?.contains("2 seeds, 20 test samples and 1 method beside the first") == true)
      // What is absent has the specialist of what is missing.
      for (condition, specialist) in results.specialists where !condition.hasSuffix("-absent") {
        let kept = RunFolder(out.appending(path: "specialists/\(condition)/seed-1"))
        let again = try SmallFeatureSet.finished(
          SmallFeatureSet.train(
            specialist.method, data, to: folder.appending(path: "again-\(condition)"), seed: 1,
            settings: Self.settings + specialist.settings))
        #expect(try again.evaluation == kept.readEvaluation(), "\(condition)")
        #expect(specialist.runs.map(\.seed) == [0, 1])
        #expect(specialist.runs[1].score == again.evaluation.scores["full"])
      }
      for row in results.methods {
        #expect(row.sees == ["clean"])
        for run in row.runs {
          for (condition, specialist) in results.specialists {
            let score = try #require(run.quantities.scores[condition])
            let regret = try #require(run.quantities.regret[condition])
            #expect(regret == specialist.runs[run.seed].score - score)
          }
          #expect(run.quantities.regret["text-noisy"] == nil)
        }
        let interval = try #require(row.worstRegret?.interval95)
        #expect(interval.contains(row.worstRegret?.value ?? 9))
      }
      // Against itself joint training gives nothing away.
      #expect(results.method("joint")?.interval95.regret["full"] == Interval(low: 0, high: 0))
    }
  }

  @Test("what is trained is not trained again, and a comparison without specialists has none")
  func again() throws {
    try withData { data, folder in
      let out = folder.appending(path: "c")
      let first = try Experiment.compare(request(data, out, ["uniform", "balgrad"]))
      let file = out.appending(path: "specialists/full/seed-0/run.json")
      #expect(try FileManager.default.attributesOfItem(atPath: file.path)[.type] as? FileAttributeType == .typeRegular)
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(try Experiment.compare(request(data, out, ["uniform", "balgrad"])) == first)
      #expect(try String(contentsOf: file, encoding: .utf8) == text)

      var plain = request(data, folder.appending(path: "plain"), ["uniform", "balgrad"])
      plain.specialists = false
      let results = try Experiment.compare(plain)
      #expect(results.specialists.isEmpty && results.methods.allSatisfy { $0.mean.regret.isEmpty })
      #expect(!isThere(plain.out.appending(path: "specialists")))
      #expect(results.method("balgrad")?.mean.scores == first.method("balgrad")?.mean.scores)
    }
  }

  @Test("settings that only a method has do not keep its comparison from specialists")
  func methodSettings() throws {
    try withData { data, folder in
      let file = folder.appending(path: "f.yaml")
      try Data("method: {name: balgrad, ramp: {lambda0: 0.2}}\ntraining: {epochs: 2}\n".utf8).write(to: file)
      var asked = request(data, folder.appending(path: "c"), ["balgrad"], seeds: 1)
      asked.files = [file]
      asked.settings = ["training.batch_size=16", "lambda0=0.3"]
      let results = try Experiment.compare(asked)
      let record = try RunFolder(asked.out.appending(path: "specialists/text-missing/seed-0")).readRecord()
      #expect(record.configuration[path: "training.epochs"] == 2)
      #expect(record.configuration[path: "training.batch_size"] == 16)
      #expect(record.configuration[path: "method.name"] == "joint")
      #expect(results.method("balgrad")?.stands == nil && results.method("balgrad")?.worstRegret != nil)
    }
  }

  @Test("a row that is called as the specialists' folder is refused")
  func clash() throws {
    try withData { data, folder in
      var asked = request(data, folder.appending(path: "c"), ["joint"])
      asked.rows[0].label = "Specialists"
      let error = #expect(throws: Diagnosis.self) { try Experiment.compare(asked) }
      #expect(error?.what == "'Specialists' would share the folder of the specialists")
    }
  }

  // MARK: What a run is shown

  @Test("a run without a word on its data is the run from before there was one")
  func older() throws {
    try withData { data, folder in
      let out = folder.appending(path: "run")
      // Nor was anything multiplied then.
      let plain = ["data.scale=none"]
      _ = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: out, settings: plain))
      var record = try RunFolder(out).readRecord()
      #expect(record.configuration[path: "data.view"] == "")
      record.configuration[path: "data"] = nil
      try RunFolder(out).write(record)
      guard case .alreadyDone = try SmallFeatureSet.train("joint", data, to: out, settings: plain) else {
        Issue.record("the run was not known again")
        return
      }
      #expect(try Experiment.evaluate(run: out).scores["full"] != nil)
      for setting in ["data.modalities=[text]", "data.view=image-noisy"] {
        #expect(throws: Diagnosis.self) { try SmallFeatureSet.train("joint", data, to: out, settings: [setting]) }
      }
    }
  }

  @Test("a model of some modalities is tried on them, and what is given of others is passed over")
  func some() throws {
    try withData { data, folder in
      let out = folder.appending(path: "run")
      let run = try SmallFeatureSet.finished(
        SmallFeatureSet.train("joint", data, to: out, settings: ["data.modalities=[text]"]))
      #expect(run.record.data.modalities == ["text"] && run.record.data.leftOut == ["image"])
      #expect(Set(run.evaluation.conditions) == ["full", "text-missing", "text-noisy"])
      #expect(run.evaluation.notes.contains("trained and tested on text, without image"))
      #expect(try Experiment.evaluate(run: out) == run.evaluation)
      #expect(try Experiment.evaluate(run: out, data: data).scores == run.evaluation.scores)

      let predictor = try Predictor(run: out)
      let text: [Float] = [3, 0, 0, 0]
      var input = PredictionInput()
      input.features = ["text": text]
      var more = input
      more.features["image"] = [1, 2, 3, 4]
      #expect(predictor.passedOver([input]).isEmpty && predictor.passedOver([input, more]) == ["image"])
      let answers = try predictor.predict([input, more])
      #expect(answers[0].probabilities == answers[1].probabilities && answers[1].present == ["text"])
      input.features["sound"] = [1]
      #expect(throws: Diagnosis.self) { try predictor.predict([input]) }
    }
  }

  @Test("a model of a view is trained, selected and tested on it, and depends on the view's files")
  func view() throws {
    try withData { data, folder in
      let settings = ["data.view=image-noisy"]
      let (seen, plain) = (folder.appending(path: "seen"), folder.appending(path: "plain"))
      let run = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: seen, settings: settings))
      let other = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: plain))
      #expect(run.record.data.digests["train@image-noisy.safetensors"] != nil)
      #expect(run.record.data.digests["validation@image-noisy.safetensors"] != nil)
      #expect(run.evaluation.scores["full"] == run.evaluation.scores["image-noisy"])
      let losses = try [seen, plain].map { try RunFolder($0).readEpochs().first?.validation["loss"] }
      #expect(losses[0] != losses[1])
      #expect(run.evaluation.scores["full"] != other.evaluation.scores["full"] || losses[0] != losses[1])
      #expect(try Experiment.evaluate(run: seen) == run.evaluation)
      // Another view is another run.
      let rows = SmallFeatureSet.rows(SmallFeatureSet().train, seed: 91, signal: 1)
      try SafeTensors.write(
        [("image", try Tensor(rows, shape: [48, SmallFeatureSet.width]))],
        to: data.appending(path: "train@image-noisy.safetensors"))
      let error = #expect(throws: Diagnosis.self) {
        try SmallFeatureSet.train("joint", data, to: seen, settings: settings)
      }
      #expect(error?.found == ["train@image-noisy.safetensors has changed"])
    }
  }

  @Test(
    "names that nobody has are refused",
    arguments: [
      ("data.modalities=[txt]", "there is no modality 'txt' to train on"),
      ("data.view=text-noisy", "there is no view 'text-noisy' of the training split"),
      ("data.view=fog", "there is no view 'fog'"),
    ])
  func unknown(setting: String, what: String) throws {
    try withData { data, folder in
      let error = #expect(throws: Diagnosis.self) {
        try SmallFeatureSet.train("joint", data, to: folder.appending(path: "run"), settings: [setting])
      }
      #expect(error?.what == what && error?.exitStatus == .usage)
    }
  }

  @Test("a comparison of models that are shown a part of the data is about that part")
  func part() throws {
    try withData { data, folder in
      var asked = request(data, folder.appending(path: "c"), ["joint", "unimodal"], seeds: 1)
      asked.settings.append("data.view=image-noisy")
      let results = try Experiment.compare(asked)
      #expect(results.methods.allSatisfy { $0.sees == ["noisy"] })
      #expect(results.specialists["text-missing"]?.settings == ["data.modalities=[image]", "training.selection=full"])
      // Without the image there is nothing noisy left.
      #expect(
        results.specialists["image-missing"]?.settings == [
          "data.modalities=[text]", "data.view=\"\"", "training.selection=full",
        ])
      #expect(results.specialists["image-noisy"] == nil)
    }
  }
}
