import Datasets
import Experiments
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@Suite("A step taken apart")
struct GradientInspectionTests {
  /// Data, a finished run's weights in the request, and a batch with more of one class than of others.
  private func withRequest(_ body: (inout GradientRequest, _ folder: URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      var set = SmallFeatureSet()
      set.train = Array(repeating: 0, count: 40) + [1, 1, 1, 1, 2, 2]
      try set.write(to: data)
      _ = try SmallFeatureSet.train(
        "joint", data, to: folder.appending(path: "run"), settings: ["training.epochs=1"])
      let test = try SafeTensors(reading: data.appending(path: "test.safetensors"))
      try SafeTensors.write(
        test.names.map { ($0, try test.tensor($0)) }, to: folder.appending(path: "batch.safetensors"))
      var request = GradientRequest(
        weights: folder.appending(path: "run/weights.safetensors"), batch: folder.appending(path: "batch.safetensors"))
      request.method = "joint"
      request.out = folder.appending(path: "g.safetensors")
      try body(&request, folder)
    }
  }

  private func direction(_ request: GradientRequest) throws -> [Double] {
    _ = try Experiment.gradients(request)
    let file = try SafeTensors(reading: try #require(request.out))
    return try file.names.sorted().flatMap { try values(file.tensor($0).to(.float64)) }
  }

  private func length(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  @Test("a direction longer than optimizer.gradient_clip is shortened to it, and a shorter one left alone")
  func clip() throws {
    try withRequest { request, _ in
      let plain = try direction(request)
      let norm = length(plain)
      request.settings = ["optimizer.gradient_clip=\(norm / 3)"]
      let clipped = try direction(request)
      #expect(allClose(clipped, plain.map { $0 / 3 }, relative: 1e-9, absolute: 1e-12))
      request.settings = ["optimizer.gradient_clip=\(norm * 2)"]
      #expect(try direction(request) == plain)
    }
  }

  @Test("balanced class weights are those of the data set's training split, and without one they are refused")
  func classWeights() throws {
    try withRequest { request, folder in
      let plain = try Experiment.gradients(request)
      request.settings = ["training.class_weights=balanced"]
      let error = try #require(throws: Diagnosis.self) { try Experiment.gradients(request) }
      #expect(error.what == "class weights are of a training split, and no data set is named")
      #expect(error.exitStatus == .usage && error.remedy?.contains("--set dataset=DATA") == true)
      request.settings.append("dataset=\(folder.appending(path: "data").path)")
      let weighted = try Experiment.gradients(request)
      // The loss by hand: classes weigh 1/40, 1/4 and 1/2, and each sample's loss is that of its class alone.
      var (sum, total) = (0.0, 0.0)
      let batch = try SafeTensors(reading: request.batch)
      let labels: [Int] = try batch.tensor("labels").array()
      var single = request
      single.settings = []
      single.batch = folder.appending(path: "one.safetensors")
      for (row, label) in labels.enumerated() {
        try SafeTensors.write(
          batch.names.map { ($0, try batch.tensor($0).narrowed(0, from: row, length: 1)) }, to: single.batch)
        let loss = try #require(Experiment.gradients(single).losses["fused"])
        let weight = [1.0 / 40, 1.0 / 4, 1.0 / 2][label]
        sum += weight * loss
        total += weight
      }
      #expect(allClose([weighted.losses["fused"] ?? 0], [sum / total], relative: 1e-9))
      #expect(weighted.losses != plain.losses)
    }
  }

  @Test("a method's teachers are read from a file, in the precision of the step; without them it says which")
  func state() throws {
    try withRequest { request, folder in
      request.method = "g2d"
      let error = try #require(throws: Diagnosis.self) { try Experiment.gradients(request) }
      #expect(error.what == "g2d has no teachers" && error.remedy?.contains("--state") == true)
      // Teachers that are the model itself are at no distance from it.
      let weights = try SafeTensors(reading: request.weights)
      let state = folder.appending(path: "method.safetensors")
      func write(shift: Double) throws {
        let teachers = try weights.names.filter { !$0.hasPrefix("fusion") }.map { name in
          (name, name.hasSuffix("embedding.bias") ? try weights.tensor(name) + shift : try weights.tensor(name))
        }
        try SafeTensors.write(
          teachers, metadata: ["state": #"{"scores": {"image": 0.4, "text": 0.6}}"#], to: state)
      }
      try write(shift: 0)
      request.state = state
      let near = try Experiment.gradients(request)
      #expect(near.scalars["distance.image"] == 0 && near.scalars["distance.text"] == 0)
      try write(shift: 0.5)
      #expect(try Experiment.gradients(request).scalars["distance.image"] ?? 0 > 0)
      request.method = "joint"
      #expect(throws: Diagnosis.self) { try Experiment.gradients(request) }
    }
  }

  @Test("an order of modalities that cannot be known is asked for, unless it decides nothing")
  func order() throws {
    try withRequest { request, folder in
      let known = try Experiment.gradients(request)
      #expect(known.modalities == ["image", "text"])
      let weights = try SafeTensors(reading: request.weights)
      let bare = folder.appending(path: "bare.safetensors")
      try SafeTensors.write(weights.names.map { ($0, try weights.tensor($0)) }, to: bare)
      request.weights = bare
      let error = try #require(throws: Diagnosis.self) { try Experiment.gradients(request) }
      #expect(error.what == "the order of the modalities in the fusion cannot be known")
      #expect(error.exitStatus == .usage && error.remedy?.contains("--modalities image,text") == true)
      request.modalities = ["image", "text"]
      #expect(try Experiment.gradients(request).losses == known.losses)
      request.modalities = ["text", "image"]
      #expect(try Experiment.gradients(request).losses != known.losses)
      // A sum has no columns.
      request.modalities = []
      request.settings = ["model.fusion=addition"]
      var tensors: [(String, Tensor)] = []
      for name in weights.names {
        let tensor = try weights.tensor(name)
        tensors.append(
          (name, name == "fusion.classifier.weight" ? try tensor.narrowed(1, from: 0, length: 256) : tensor))
      }
      try SafeTensors.write(tensors, to: bare)
      #expect(try Experiment.gradients(request).modalities == ["image", "text"])
    }
  }
}
