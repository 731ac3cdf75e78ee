import Datasets
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Experiments

@Suite("Which epoch is kept")
struct EpochSelectionTests {
  private typealias Merit = EpochSelection.Merit

  /// The epoch that a rule keeps of some scores and losses.
  private func kept(_ form: Selection, _ epochs: [[Merit]]) -> Int? {
    var selection = EpochSelection(form)
    var best: (epoch: Int, merit: Merit)?
    for (epoch, measured) in epochs.enumerated() {
      if let merit = selection.judge(measured), merit.isBetter(than: best?.merit) { best = (epoch, merit) }
    }
    return best?.epoch
  }

  @Test("best keeps the first of the best full scores, last nothing")
  func plain() {
    let epochs = [0.5, 0.8, 0.7, 0.8].map { [Merit(score: $0, loss: 1 - $0), Merit(score: 1 - $0, loss: 0)] }
    #expect(kept(.best, epochs) == 1)
    #expect(kept(.last, epochs) == nil)
  }

  @Test("standing takes the mean over conditions and the two epochs before, so that one lucky epoch is not kept")
  func standing() {
    let full = [0.5, 0.9, 0.5, 0.6, 0.7, 0.7, 0.65]
    let missing = [0.4, 0.4, 0.4, 0.5, 0.5, 0.6, 0.6]
    let epochs = zip(full, missing).map { [Merit(score: $0, loss: 1), Merit(score: $1, loss: 1)] }
    let means = zip(full, missing).map { ($0 + $1) / 2 }
    let smooth = means.indices.map { t in
      let window = means[max(0, t - 2)...t]
      return window.reduce(0, +) / Double(window.count)
    }
    #expect(kept(.standing, epochs) == smooth.indices.max { smooth[$0] < smooth[$1] })
    #expect(kept(.standing, epochs) == 6)
  }

  @Test("of equal scores the smaller loss is kept")
  func ties() {
    let epochs = [0.3, 0.2, 0.1, 0.4].map { [Merit(score: 0.5, loss: $0)] }
    #expect(kept(.standing, epochs) == 2)
  }

  @Test("a run is judged by everything there and each modality missing, and its rows say how")
  func run() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      let out = folder.appending(path: "run")
      let summary = try SmallFeatureSet.finished(SmallFeatureSet.train("joint", data, to: out))
      let rows = try RunFolder(out).readEpochs()
      let standing = try rows.map { try #require($0.validation["standing"]) }
      for epoch in rows.indices {
        let window = rows[max(0, epoch - 2)...epoch].map { row in
          ["accuracy", "image-missing", "text-missing"].reduce(0) { $0 + (row.validation[$1] ?? .nan) } / 3
        }
        #expect(abs(standing[epoch] - window.reduce(0, +) / Double(window.count)) < 1e-12)
      }
      let best = try #require(standing.max())
      #expect(abs(standing[try #require(summary.record.selectedEpoch)] - best) < 1e-9)
    }
  }

  @Test("a run that was stopped goes on with what its last epochs measured", arguments: ["joint", "fulcrum"])
  func resumed(_ method: String) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      let settings = ["training.checkpoint_seconds=0"]
      let whole = try SmallFeatureSet.finished(
        SmallFeatureSet.train(method, data, to: folder.appending(path: "whole"), settings: settings))
      let out = folder.appending(path: "part")
      for _ in 0..<3 { try SmallFeatureSet.interrupt(method, data, to: out, settings: settings) }
      let rest = try SmallFeatureSet.finished(SmallFeatureSet.train(method, data, to: out, settings: settings))
      #expect(rest.record.selectedEpoch == whole.record.selectedEpoch)
      #expect(rest.evaluation.scores == whole.evaluation.scores)
    }
  }
}

@Suite("Views in training")
struct ViewsInTrainingTests {
  @Test(
    "a method that sees impaired inputs trains on the views there are, and on clean rows alone where there are none, as it says"
  )
  func views() throws {
    try withTemporaryFolder { folder in
      let (plain, viewed) = (folder.appending(path: "plain"), folder.appending(path: "viewed"))
      for data in [plain, viewed] { try SmallFeatureSet().write(to: data) }
      let labels = (0..<48).map { $0 % 3 }
      try SafeTensors.write(
        [
          (
            "image",
            try Tensor(SmallFeatureSet.rows(labels, seed: 99, signal: 0.5), shape: [48, SmallFeatureSet.width])
          )
        ],
        to: viewed.appending(path: "train@image-noisy.safetensors"))
      func train(_ method: String, _ data: URL) throws -> (weights: [Double], digests: [String]) {
        let out = folder.appending(path: "\(method)-\(data.lastPathComponent)")
        let summary = try SmallFeatureSet.finished(SmallFeatureSet.train(method, data, to: out))
        let file = try SafeTensors(reading: RunFolder(out).weights)
        return (try values(file.tensor("fusion.classifier.weight")), summary.record.data.digests.keys.sorted())
      }
      let joint = try train("joint", viewed)
      #expect(try joint.weights == train("joint", plain).weights)
      #expect(!joint.digests.contains("train@image-noisy.safetensors"))
      #expect(try train("augment", plain).weights == joint.weights)
      let augmented = try train("augment", viewed)
      #expect(augmented.weights != joint.weights)
      #expect(augmented.digests.contains("train@image-noisy.safetensors"))
    }
  }
}
