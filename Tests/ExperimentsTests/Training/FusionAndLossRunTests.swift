import Balancing
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Experiments

@Suite("Fusion and loss of a run")
struct FusionAndLossRunTests {
  private func withRun(
    _ method: String, task: PredictionTask = .singleLabel, _ settings: [String],
    _ body: (URL, RunSummary) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet(task: task).write(to: data)
      let out = folder.appending(path: "run")
      try body(out, SmallFeatureSet.finished(SmallFeatureSet.train(method, data, to: out, settings: settings)))
    }
  }

  @Test("a bilinear run of any rank is trained, learns, and is opened again with the same scores", arguments: [1, 5])
  func bilinear(_ rank: Int) throws {
    try withRun("uniform", ["model.fusion=bilinear", "model.fusion_rank=\(rank)"]) { run, summary in
      #expect(summary.record.configuration[path: "model.fusion_rank"] == .int(rank))
      let score = try #require(summary.evaluation.scores["full"])
      #expect(score > 0.9)
      let trial = try Experiment.finishedTrial(run, data: nil) { _ in }
      let factor = trial.model.store["fusion.factor.1.weight"]
      #expect(factor?.shape.first == rank)
      #expect(try trial.score(present: 3) == score)
    }
  }

  @Test("a rank below 1 is refused with the setting's name")
  func rank() throws {
    let error = try #require(throws: ConfigurationProblems.self) {
      try Experiment.resolve(method: "joint", settings: ["model.fusion_rank=0"])
    }
    #expect("\(error)".contains("model.fusion_rank"))
  }

  @Test(
    "a run by the focal loss learns, and its record names γ",
    arguments: [PredictionTask.singleLabel, .multiLabel])
  func focal(_ task: PredictionTask) throws {
    let settings = ["training.loss=focal", "training.focal_gamma=1.5"]
    try withRun("joint", task: task, settings) { _, summary in
      #expect(summary.record.configuration[path: "training.focal_gamma"] == 1.5)
      let score = try #require(summary.evaluation.scores["full"])
      #expect(score > 0.8)
    }
  }

  @Test(
    "methods whose loss is their own refuse another before training",
    arguments: ["logistic", "reconboost", "tcmax", "aug"])
  func refused(_ method: String) throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      let out = folder.appending(path: "run")
      let error = try #require(throws: Diagnosis.self) {
        try SmallFeatureSet.train(method, data, to: out, settings: ["training.loss=focal"])
      }
      #expect(error.what.contains("'\(method)'") && error.what.contains("cross-entropy"))
      #expect(error.remedy?.contains("training.loss=cross_entropy") == true)
      #expect(!FileManager.default.fileExists(atPath: out.path))
    }
  }

  @Test("what earlier runs had no setting for changes no fingerprint where it is as it was")
  func essence() throws {
    func essence(_ settings: [String]) throws -> Tree {
      try Tree(encoding: Experiment.resolve(method: "joint", settings: settings).configuration).essence
    }
    let plain = try essence([])
    for path in ["model.fusion_rank", "training.loss", "training.focal_gamma"] { #expect(plain[path: path] == nil) }
    let (focal, ranked) = (try essence(["training.loss=focal"]), try essence(["model.fusion_rank=8"]))
    #expect(focal[path: "training.loss"] == "focal")
    #expect(ranked != plain)
    // A record without them is read as it was meant.
    var recorded = try Tree(encoding: Experiment.resolve(method: "joint").configuration)
    recorded[path: "model.fusion_rank"] = nil
    recorded[path: "training.loss"] = nil
    recorded[path: "training.focal_gamma"] = nil
    let read = try RunConfiguration(recorded: recorded)
    #expect(read.training.focus == 0)
  }
}
