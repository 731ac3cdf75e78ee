import Balancing
import Datasets
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Experiments

@Suite("Exported models")
struct ExportingTests {
  private func withRun(
    _ method: String = "joint", task: PredictionTask = .singleLabel, _ settings: [String] = [],
    _ body: (_ run: URL, _ folder: URL) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet(task: task).write(to: data)
      try SmallFeatureSet.write("image-missing", "image", [9, -9, 5, -5], to: data)
      let run = folder.appending(path: "run")
      _ = try SmallFeatureSet.finished(
        SmallFeatureSet.train(method, data, to: run, settings: ["training.epochs=2"] + settings))
      try body(run, folder)
    }
  }

  /// Exports a run, where its form can be run here in every form, and looks at what the check found.
  private func export(_ run: URL, to folder: URL, absence: Bool = true) throws {
    for form in ExportForm.allCases {
      var request = ExportRequest(
        run: run, out: folder.appending(path: form == .onnx ? "model.onnx" : "model.pt"), form: form)
      request.answersAbsence = absence
      let summary = try Experiment.export(request)
      #expect(FileManager.default.fileExists(atPath: request.out.path) && summary.bytes > 100)
      guard form == .torchscript || ONNXModel.runtime != nil else { continue }
      let difference = try #require(summary.difference)
      #expect(difference < 1e-5, "\(form): \(difference)")
      #expect(try #require(summary.checkedRows) >= 24)
    }
  }

  @Test("every method's model answers as the run does, whatever is absent", arguments: MethodRegistry.names)
  func methods(_ method: String) throws {
    try withRun(method) { run, folder in try export(run, to: folder) }
  }

  @Test(
    "so does every fusion's, with three modalities as with two",
    arguments: FusionForm.allCases, [["image", "text"], ["image", "text", "a sound"]])
  func fusions(_ fusion: FusionForm, _ modalities: [String]) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
      try DatasetManifest(
        name: "small", task: .singleLabel, classes: ["red", "green", "blue"], modalities: modalities, metric: .accuracy
      ).write(to: data)
      for (split, count, seed) in [("train", 48, 1), ("validation", 9, 2), ("test", 20, 3)] as [(String, Int, UInt64)] {
        let labels = (0..<count).map { $0 % 3 }
        let tensors = try modalities.enumerated().map { place, name in
          (
            name,
            try Tensor(
              SmallFeatureSet.rows(labels, seed: 10 * seed + UInt64(place)), shape: [count, SmallFeatureSet.width])
          )
        }
        try SafeTensors.write(
          tensors + [("labels", try Tensor(labels))], to: data.appending(path: "\(split).safetensors"))
      }
      let run = folder.appending(path: "run")
      _ = try SmallFeatureSet.finished(
        SmallFeatureSet.train(
          "uniform", data, to: run, settings: ["training.epochs=1", "model.fusion=\(fusion.rawValue)"]))
      try export(run, to: folder)
    }
  }

  @Test("several labels, double precision, and methods that answer with several classifiers")
  func tasks() throws {
    for method in ["joint", "ume", "mla", "iprm"] {
      try withRun(method, task: .multiLabel) { run, folder in try export(run, to: folder) }
    }
    try withRun("ume", ["method.average=probabilities"]) { run, folder in try export(run, to: folder) }
    try withRun("fulcrum", ["method.gate=2", "training.precision=float64"]) { run, folder in
      try export(run, to: folder)
    }
    try withRun("joint", ["data.modalities=[text]"]) { run, folder in try export(run, to: folder) }
    try withRun { run, folder in try export(run, to: folder, absence: false) }
  }

  @Test("a row with nothing there has no answer, and a module without 'present' takes everything for there")
  func present() throws {
    try withRun("unimodal") { run, folder in
      let file = folder.appending(path: "model.pt")
      _ = try Experiment.export(ExportRequest(run: run, out: file, form: .torchscript))
      let module = try ScriptModule(reading: file.path)
      #expect(module.arguments == ["image", "text", "present"] && module.required == 2)
      let rows = try (0..<2).map { try Tensor(SmallFeatureSet.rows([0, 1], seed: 5 + UInt64($0)), shape: [2, 4]) }
      let none = try module(rows + [.zeros([2, 2], .bool)])[0].tensor
      #expect((try none.array() as [Float]).allSatisfy(\.isNaN))
      let all: [Float] = try module(rows + [.ones([2, 2], .bool)])[0].tensor.array()
      #expect(try module(rows)[0].tensor.array() == all)
      // What is not there may be anything.
      let text = try Tensor([false, true, false, true], shape: [2, 2])
      let nothing = try Tensor.full([2, 4], .nan)
      let known: [Float] = try module([rows[0], rows[1], text])[0].tensor.array()
      #expect(try module([nothing, rows[1], text])[0].tensor.array() == known && known != all)
    }
  }

  @Test("a model that answers otherwise is found out, and one with too many modalities is refused")
  func differing() throws {
    try withRun { run, folder in
      let model = try ExportedModel(Predictor(run: run, detectsEmpty: false), answersAbsence: true)
      let check = ExportCheck(model: model)
      #expect(try check { try model($0)[0] }.difference < 1e-6)
      #expect(throws: Diagnosis.self) { try check { try model($0)[0] + 1e-3 } }
      #expect(throws: Diagnosis.self) { try check { try model($0)[0] * .nan } }
      #expect(throws: Diagnosis.self) { try check { try model($0)[0].narrowed(1, from: 0, length: 2) } }
      // Whoever is told nothing of absence answers otherwise.
      #expect(throws: Diagnosis.self) {
        try check { x in try model([x[0], x[1], .ones(x[2].shape, .bool)])[0] }
      }
    }
  }

  @Test("an encoder that was trained with the model is in the file, and a picture of zeros is none")
  func pictures() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet(hasValidation: false).write(to: data)
      for (split, count) in [("train", 48), ("test", 20)] {
        let url = data.appending(path: "\(split).safetensors")
        let file = try SafeTensors(reading: url)
        let bytes = numbers(count * 3 * 256, seed: UInt64(count), in: 1...250).map { UInt8($0) }
        let tensors = [
          ("image", try Tensor(bytes, shape: [count, 3, 16, 16])), ("text", try file.tensor("text").cloned()),
          ("labels", try file.tensor("labels").cloned()),
        ]
        try SafeTensors.write(tensors, to: url)
      }
      let run = folder.appending(path: "run")
      _ = try SmallFeatureSet.finished(
        SmallFeatureSet.train(
          "joint", data, to: run, settings: ["training.epochs=1", "model.encoders.image=small-cnn"]))
      try export(run, to: folder)
      let module = try ScriptModule(reading: folder.appending(path: "model.pt").path)
      let text = try Tensor(SmallFeatureSet.rows([0, 1], seed: 5), shape: [2, 4])
      let black = try Tensor.zeros([2, 3, 16, 16], .uint8)
      let found: [Float] = try module([black, text])[0].tensor.array()
      let prediction = try Predictor(run: run, detectsEmpty: false).predict(
        [
          PredictionInput(features: [
            "image": [Float](repeating: 0, count: 768), "text": SmallFeatureSet.rows([0], seed: 5),
          ])
        ]
      )[0]
      #expect(abs(Double(found[0]) - (prediction.probabilities["red"] ?? .nan)) < 1e-5)
    }
  }

  @Test("a regression is told in the target's own unit, within rounding of its deviation")
  func regression() throws {
    try withTemporaryFolder { folder in
      let hidden = numbers(60, seed: 3, in: -1...1)
      let features: [Float] = hidden.flatMap { [Float($0), Float($0 * $0), 1] }
      let opposite: [Float] = features.map { -$0 }
      let file = folder.appending(path: "arrays.safetensors")
      try SafeTensors.write(
        [
          ("image", try Tensor(features, shape: [60, 3])), ("text", try Tensor(opposite, shape: [60, 3])),
          ("price", try Tensor(hidden.map { 1000 + 300 * $0 })),
        ], to: file)
      var request = ImportRequest(out: folder.appending(path: "data"))
      request.file = file
      request.labels = "price"
      request.task = "regression"
      _ = try Experiment.importFeatures(request)
      let run = folder.appending(path: "run")
      _ = try SmallFeatureSet.finished(
        SmallFeatureSet.train("uniform", request.out, to: run, settings: ["training.epochs=3"]))
      try export(run, to: folder)
      let module = try ScriptModule(reading: folder.appending(path: "model.pt").path)
      let values: [Float] = try module([.ones([2, 3]), .ones([2, 3])])[0].tensor.array()
      #expect(values.count == 2 && values.allSatisfy { (500...1500).contains($0) }, "\(values)")
    }
  }
}
