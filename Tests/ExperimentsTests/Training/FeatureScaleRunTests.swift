import Experiments
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@Suite("Runs on features of unlike size")
struct FeatureScaleRunTests {
  /// The small set, with every number of one modality times `factor`.
  private func write(_ factor: Float, to folder: URL) throws {
    try SmallFeatureSet().write(to: folder)
    try SmallFeatureSet.write("text-missing", "text", [1, 0, 0, 1], to: folder)
    for name in ["train", "validation", "test", "test@text-missing"] {
      let url = folder.appending(path: "\(name).safetensors")
      let file = try SafeTensors(reading: url)
      let tensors = try file.names.map { name in
        (name, try name == "text" ? file.tensor(name) * Double(factor) : file.tensor(name).cloned())
      }
      try SafeTensors.write(tensors, to: url)
    }
  }

  private func trained(_ factor: Float, _ settings: [String], _ folder: URL) throws -> URL {
    let (data, out) = (folder.appending(path: "data-\(factor)"), folder.appending(path: "run-\(factor)-\(settings)"))
    try write(factor, to: data)
    _ = try SmallFeatureSet.finished(SmallFeatureSet.train("fulcrum", data, to: out, settings: settings))
    return out
  }

  private func weights(_ run: URL) throws -> [String: [Float]] {
    let file = try SafeTensors(reading: run.appending(path: "weights.safetensors"))
    return Dictionary(uniqueKeysWithValues: try file.names.map { ($0, try file.tensor($0).array()) })
  }

  @Test("features 64 times as large give the same model, scores and predictions, bit for bit")
  func sameModel() throws {
    try withTemporaryFolder { folder in
      let (plain, large) = (try trained(1, [], folder), try trained(64, [], folder))
      #expect(try weights(plain) == weights(large))
      #expect(try RunFolder(plain).readEvaluation().scores == RunFolder(large).readEvaluation().scores)
      #expect(try Experiment.evaluate(run: large).scores == RunFolder(large).readEvaluation().scores)

      let row: [Float] = [0.5, 3, -0.25, 1]
      let answers = try [(plain, Float(1)), (large, 64)].map { run, factor in
        try Predictor(run: run).predict([
          PredictionInput(features: ["image": row, "text": row.map { $0 * factor }]),
          PredictionInput(features: ["image": row]),
          PredictionInput(features: ["image": row, "text": [1, 0, 0, 1].map { $0 * factor }]),
        ])
      }
      #expect(answers[0].map(\.probabilities) == answers[1].map(\.probabilities))
      // What equals the features of a missing input is absent.
      #expect(answers[1][2].empty == ["text"] && answers[1][2].probabilities == answers[1][1].probabilities)
    }
  }

  @Test("without multiplying it is another model, and the record says which it is")
  func plain() throws {
    try withTemporaryFolder { folder in
      let (own, none) = (try trained(64, [], folder), try trained(64, ["data.scale=none"], folder))
      #expect(try weights(own) != weights(none))
      let recorded = try [own, none].map { try RunFolder($0).readRecord().configuration[path: "data.scale"] }
      #expect(recorded[0]?.stringValue?.contains("text=0.0") == true && recorded[1] == "none")
    }
  }
}
