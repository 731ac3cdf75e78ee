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

/// Arrays of image and text that tell a number: the text most of it, the image some.
private struct NumberArrays {
  static let width = 3
  let targets: [Double]
  let image: [Float]
  let text: [Float]

  init(_ count: Int = 90, seed: UInt64 = 3) {
    let hidden = numbers(count, seed: seed, in: -1...1)
    let noise = numbers(count * 2 * Self.width, seed: seed + 1, in: -1...1)
    func rows(_ strength: Double, _ offset: Int) -> [Float] {
      hidden.enumerated().flatMap { row, value in
        (0..<Self.width).map { Float(strength * value * Double($0 + 1) + noise[(row * 2 + offset) * Self.width + $0]) }
      }
    }
    (image, text) = (rows(0.8, 0), rows(3, 1))
    targets = hidden.map { 1000 + 300 * $0 }
  }

  func request(in folder: URL, _ change: (inout [Double]) -> Void = { _ in }) throws -> ImportRequest {
    var targets = targets
    change(&targets)
    let shape = [targets.count, Self.width]
    let file = folder.appending(path: "arrays.safetensors")
    try SafeTensors.write(
      [
        ("image", try Tensor(image, shape: shape)), ("text", try Tensor(text, shape: shape)),
        ("price", try Tensor(targets)),
      ], to: file)
    var request = ImportRequest(out: folder.appending(path: "data"))
    request.file = file
    request.labels = "price"
    request.task = "regression"
    request.again = true
    return request
  }

  /// Imports them, and answers with the folder.
  func make(in folder: URL) throws -> URL {
    let request = try request(in: folder)
    _ = try Experiment.importFeatures(request)
    return request.out
  }
}

@Suite("Runs on a regression")
struct RegressionRunTests {
  private static let usual = [
    "training.threads=1", "training.batch_size=16", "training.epochs=15", "optimizer.learning_rate=0.02",
  ]

  private func train(_ method: String, _ data: URL, to out: URL, _ settings: [String] = []) throws -> RunSummary {
    var request = TrainRequest(data: data)
    request.method = method
    request.out = out
    request.settings = Self.usual + settings
    return try SmallFeatureSet.finished(Experiment.train(request))
  }

  @Test("arrays of numbers become targets, rows without one are put aside, and one target for all is refused")
  func imported() throws {
    try withTemporaryFolder { folder in
      let arrays = NumberArrays()
      let request = try arrays.request(in: folder) { ($0[3], $0[7]) = (.nan, .infinity) }
      let summary = try Experiment.importFeatures(request)
      #expect(summary.quarantined == 2)
      #expect(
        summary.notes.contains { $0.hasPrefix("there is no split: ") && !$0.contains("class") }, "\(summary.notes)")
      let set = try FeatureSet(at: request.out)
      #expect(set.manifest.task == .regression && set.manifest.metric == .r2 && set.manifest.classes.isEmpty)
      let all: [Double] = try Tensor.cat([set.train, set.validation, set.test].compactMap { $0?.labels }, 0).array()
      let kept = arrays.targets.enumerated().filter { ![3, 7].contains($0.offset) }.map(\.element)
      #expect(all.sorted() == kept.sorted())
      let lines: [Quarantined] = try JSONLines.read(from: request.out.appending(path: "quarantine.jsonl"))
      #expect(lines.map(\.reason) == ["has no target (NaN)", "its target is infinite"])

      var same = try arrays.request(in: folder) { targets in targets = targets.map { _ in 5 } }
      let error = try #require(throws: FeatureSetError.self) { try Experiment.importFeatures(same) }
      #expect(error.faults.contains { $0.contains("the target is the same in every sample") })
      same = try arrays.request(in: folder)
      for (change, words) in [
        ({ $0.metric = "accuracy" }, "a regression is scored by r2"),
        ({ $0.classes = ["a"] }, "a regression has no classes"),
        (
          {
            $0.labels = "image"; $0.modalities = [("text", "text")]
          }, "the task regression predicts one number a sample"
        ),
        ({ $0.task = nil }, "labels are classes, 'price' is not a whole number"),
        (
          {
            $0.task = nil; $0.labels = "price"; $0.metric = "r2"
          }, "labels are classes"
        ),
      ] as [((inout ImportRequest) -> Void, String)] {
        var other = same
        change(&other)
        let error = try #require(throws: Diagnosis.self) { try Experiment.importFeatures(other) }
        #expect(error.what.contains(words), "\(error.what)")
      }
    }
  }

  @Test("a run learns; its scores, predictions and evidence are in the target's unit and say nothing of classes")
  func run() throws {
    try withTemporaryFolder { folder in
      let data = try NumberArrays().make(in: folder)
      let out = folder.appending(path: "run")
      let summary = try train("joint", data, to: out)
      #expect(summary.record.configuration[path: "training.loss"] == "squared_error")
      #expect(summary.record.calibration == nil && summary.record.thresholds == nil)
      let metrics = try #require(summary.evaluation.metrics["full"])
      let score = try #require(summary.evaluation.scores["full"])
      #expect(score > 0.8)
      #expect(try #require(summary.evaluation.scores["text-missing"]) < score - 0.2)
      #expect(abs(try #require(metrics["rmse"]) / 300 - (1 - score).squareRoot() * 0.58) < 0.1)
      let shapley = try #require(summary.evaluation.shapley)
      let set = try FeatureSet(at: data)
      let test = try #require(set.test)
      let nothing = try #require(try set.constant().score(test.labels))
      #expect(abs(shapley.values.reduce(0, +) - (score - nothing)) < 1e-6)

      let file = try SafeTensors(reading: RunFolder(out).predictions)
      #expect(try file.tensor("labels").array(of: Double.self) == test.labels.array())
      let answers: [Double] = try file.tensor("full").array()
      let r2 = try #require(try Metrics.r2(targets: file.tensor("labels").array(), predictions: answers))
      #expect(abs(r2 - score) < 1e-6)
      let evidence = try RunFolder(out).readEvidence()
      #expect(evidence.task == "regression" && evidence.classes.isEmpty && evidence.telling.isEmpty)
      #expect(evidence.conditions.allSatisfy { $0.confusion == nil && $0.reliability == nil })
      #expect(try Experiment.evaluate(run: out).scores == summary.evaluation.scores)

      // The same once more is known again, by the loss that it has.
      var again = TrainRequest(data: data)
      (again.method, again.out, again.settings) = ("joint", out, Self.usual)
      guard case .alreadyDone = try Experiment.train(again) else {
        Issue.record("the run was trained twice")
        return
      }

      let predictor = try Predictor(run: out)
      #expect(predictor.isRegression && predictor.classes.isEmpty)
      let rows: [Float] = try test.inputs["text"].selected(0, 0).array()
      let other: [Float] = try test.inputs["image"].selected(0, 0).array()
      var input = PredictionInput()
      input.features = ["text": rows, "image": other]
      let prediction = try #require(try predictor.predict([input]).first)
      #expect(abs(try #require(prediction.value) - answers[0]) < 1e-3)
      #expect(prediction.labels.isEmpty && prediction.probabilities.isEmpty && prediction.rmse == metrics["rmse"])
      input.features["image"] = nil
      let absent = try #require(try predictor.predict([input]).first)
      #expect(absent.condition == "image-absent" && absent.mae == summary.evaluation.metrics["image-absent"]?["mae"])
    }
  }

  @Test("a loss, class weights, a metric or a method that needs classes is refused before training")
  func refusals() throws {
    try withTemporaryFolder { folder in
      let data = try NumberArrays().make(in: folder)
      for (method, setting, words) in [
        ("joint", "training.loss=focal", "the focal loss is of class probabilities"),
        ("joint", "training.class_weights=balanced", "a regression has no classes to weigh"),
        ("ogm", "training.epochs=1", "'ogm' means nothing for a regression: it compares the modalities"),
      ] {
        let error = try #require(throws: Diagnosis.self) {
          try train(method, data, to: folder.appending(path: "no"), [setting])
        }
        #expect(error.what.contains(words), "\(error.what)")
      }
      try SmallFeatureSet().write(to: folder.appending(path: "classes"))
      let error = try #require(throws: Diagnosis.self) {
        try train(
          "joint", folder.appending(path: "classes"), to: folder.appending(path: "no"), ["training.loss=squared_error"])
      }
      #expect(error.what == "the loss 'squared_error' is of a regression, the task is single-label")
      let (rows, leftOut) = try ComparisonRow.all(on: data)
      let needing = MethodRegistry.entries.filter { $0.requirements.needsClasses != nil }.map(\.card.name)
      #expect(rows.map(\.label).filter(needing.contains).isEmpty && rows.count >= 15)
      #expect(leftOut.contains { $0.hasPrefix("left out, as they need classes and the task is a regression: ") })
      var audit = AuditRequest(subject: data, out: folder.appending(path: "audit"))
      audit.door = .program("cat")
      let refusal = try #require(throws: Diagnosis.self) { try Experiment.audit(audit) }
      #expect(refusal.what.contains("an audit is of models that answer with classes"))
    }
  }

  @Test(
    "every method that means something for a regression trains, is evaluated and predicts",
    arguments: MethodRegistry.entries.filter { $0.requirements.needsClasses == nil }.map(\.card.name))
  func methods(_ name: String) throws {
    try withTemporaryFolder { folder in
      let data = try NumberArrays().make(in: folder)
      let summary = try train(
        name, data, to: folder.appending(path: "run"),
        // Cross attention over three numbers a modality learns slowly.
        ["training.epochs=\(name == "rollingq" ? 40 : 10)", "training.probe.form=conflicts"])
      let score = try #require(summary.evaluation.scores["full"])
      #expect(score > (name == "rollingq" ? 0.2 : 0.5) && score <= 1, "\(score)")
      #expect(try Predictor(run: folder.appending(path: "run")).isRegression)
    }
  }

  @Test("ridge regression reaches what any model reaches, and comes first of none by luck")
  func ridge() throws {
    try withTemporaryFolder { folder in
      let data = try NumberArrays().make(in: folder)
      let ridge = try train("logistic", data, to: folder.appending(path: "ridge"))
      #expect(try #require(ridge.evaluation.scores["full"]) > 0.9)
    }
  }

  @Test("a model is scored on other data by the scale that it was trained with, and not by that data's own")
  func otherData() throws {
    try withTemporaryFolder { folder in
      let data = try NumberArrays().make(in: folder)
      let run = folder.appending(path: "run")
      let summary = try train("joint", data, to: run)
      let other = folder.appending(path: "other")
      try FileManager.default.copyItem(at: data, to: other)
      let file = other.appending(path: "train.safetensors")
      let stored = try SafeTensors(reading: file)
      let tensors = try stored.names.map { name in
        let tensor = try stored.tensor(name).cloned()
        return (name, name == "labels" ? try tensor * 7 : tensor)
      }
      try SafeTensors.write(tensors, to: file)
      let table = try Experiment.evaluate(run: run, data: other)
      for (condition, score) in summary.evaluation.scores {
        #expect(abs(try #require(table.scores[condition]) - score) < 1e-6, "\(condition)")
      }
      let rmse = try #require(summary.evaluation.metrics["full"]?["rmse"])
      #expect(abs(try #require(table.metrics["full"]?["rmse"]) - rmse) < 1e-3)
    }
  }

  @Test("a held-out part and other splits keep targets in their unit")
  func derived() throws {
    try withTemporaryFolder { folder in
      let data = try NumberArrays().make(in: folder)
      let loaded = try LoadedData(at: data)
      let held = try HeldOutData.make(of: loaded, in: folder.appending(path: "held"))
      let validation = try #require(held.set.validation)
      let parts: [Double] = try held.set.train.labels.array() + validation.labels.array()
      #expect(try parts.sorted() == loaded.set.train.labels.array(of: Double.self).sorted())
      #expect(held.set.targets?.mean != loaded.set.targets?.mean)
    }
  }

  @Test("a shift of the target between training and test is told")
  func shift() throws {
    try withTemporaryFolder { folder in
      let set = try FeatureSet(at: NumberArrays().make(in: folder))
      #expect(try set.shiftNote() == nil)
      for split in ["train", "test"] {
        let file = set.folder.appending(path: "\(split).safetensors")
        let stored = try SafeTensors(reading: file)
        let tensors = try stored.names.map { name in
          let tensor = try stored.tensor(name).cloned()
          return (name, name == "labels" && split == "test" ? try tensor + 400 : tensor)
        }
        try SafeTensors.write(tensors, to: file)
      }
      let note = try #require(try FeatureSet(at: set.folder).shiftNote())
      #expect(note.hasPrefix("the target is distributed differently in the test split: its mean is"))
      #expect(!note.contains("class"))
    }
  }
}

@Suite("Steps of a regression taken apart by the command's own way")
struct RegressionGradientsTests {
  private struct Golden: Decodable {
    struct Numbers: Decodable {
      let shape: [Int]
      let values: [Double]
    }
    struct Case: Decodable {
      let name, method, fusion: String
      let modalities: [String]
      let settings: [String: Tree]
      let weights, batch: [String: Numbers]
      let expected: [String: [Double]]
    }
    let cases: [Case]
  }

  @Test("'seesaw gradients --task regression' gives PyTorch's direction, and refuses what does not fit")
  func golden() throws {
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: Conditions.golden("regression.json")))
    #expect(golden.cases.count > 30)
    try withTemporaryFolder { folder in
      for example in golden.cases {
        func write(_ numbers: [String: Golden.Numbers], _ name: String) throws -> URL {
          let url = folder.appending(path: name)
          let tensors = try numbers.sorted { $0.key < $1.key }.map {
            ($0.key, try Tensor($0.value.values, shape: $0.value.shape))
          }
          try SafeTensors.write(tensors, metadata: ["modalities": example.modalities.joined(separator: ",")], to: url)
          return url
        }
        var request = GradientRequest(
          weights: try write(example.weights, "weights.safetensors"),
          batch: try write(example.batch, "batch.safetensors"))
        request.method = example.method
        request.task = "regression"
        request.settings =
          ["model.fusion=\(example.fusion)"] + example.settings.map { "method.\($0.key)=\($0.value.json())" }
        request.out = folder.appending(path: "out.safetensors")
        _ = try Experiment.gradients(request)
        let found = try SafeTensors(reading: folder.appending(path: "out.safetensors"))
        for (name, numbers) in example.weights {
          let zeros = [Double](repeating: 0, count: numbers.values.count)
          let own: [Double] = found.entry(name) == nil ? zeros : try found.tensor(name).array()
          #expect(
            allClose(own, example.expected[name] ?? zeros, relative: 1e-9, absolute: 1e-11),
            "\(name) of \(example.name)")
        }
        request.method = "ogm"
        request.settings = ["model.fusion=\(example.fusion)"]
        let error = try #require(throws: Diagnosis.self) { try Experiment.gradients(request) }
        #expect(error.what.hasPrefix("'ogm' means nothing for a regression"))
        request.method = "joint"
        request.settings.append("training.loss=focal")
        #expect(throws: Diagnosis.self) { try Experiment.gradients(request) }
      }
    }
  }
}
