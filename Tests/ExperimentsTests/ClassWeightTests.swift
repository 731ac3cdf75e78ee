import Balancing
import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Experiments

@Suite("Class weights")
struct ClassWeightTests {
  /// What a run on data with so many training samples of each class would train with.
  private func withSession(
    _ counts: [Int], task: PredictionTask = .singleLabel, _ settings: [String], trying test: [Int]? = [0, 1, 2],
    _ body: (TrainingSession, RunBuilder) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      var set = SmallFeatureSet(task: task)
      set.train = counts.enumerated().flatMap { Array(repeating: $0, count: $1) }
      set.test = test
      set.hasValidation = false
      try set.write(to: folder)
      let (configuration, _) = try Experiment.resolve(
        method: "joint", data: folder, settings: ["training.threads=1", "training.precision=float64"] + settings)
      let builder = try RunBuilder(configuration, LoadedData(at: folder))
      try body(builder.session(), builder)
    }
  }

  @Test(
    "balanced weights have the mean 1 and go by the inverse of the classes' counts",
    arguments: [[30, 15, 3], [7, 7, 7], [1, 50, 2]], [PredictionTask.singleLabel, .multiLabel])
  func balanced(counts: [Int], task: PredictionTask) throws {
    try withSession(counts, task: task, ["training.class_weights=balanced"]) { session, _ in
      let weights = try values(session.classWeights)
      #expect(weights.count == 3)
      #expect(allClose([weights.reduce(0, +) / 3], [1], relative: 1e-12))
      let products = zip(weights, counts).map { $0 * Double($1) }
      #expect(allClose(products, Array(repeating: products[0], count: 3), relative: 1e-12))
    }
  }

  @Test("a class that nobody has weighs as one that a single sample has")
  func absent() throws {
    try withSession([10, 1, 0], ["training.class_weights=balanced"], trying: [0, 1]) { session, _ in
      let weights = try values(session.classWeights)
      #expect(weights[2] == weights[1])
      #expect(allClose([weights[1] / weights[0]], [10], relative: 1e-12))
    }
  }

  @Test("by default there are none")
  func none() throws {
    try withSession([30, 15, 3], []) { session, _ in #expect(session.classWeights == nil) }
  }

  @Test("the loss is the mean of the samples' losses, weighted by their classes")
  func loss() throws {
    try withSession([8, 4, 2], ["training.class_weights=balanced"]) { session, builder in
      let context = try builder.context(session)
      let batch = try context.training.batch(SamplingPlan.inOrder(14).visits[...])
      let labels: [Int] = try batch.labels.array()
      let weights = try values(session.classWeights)
      let logits = try session.forward(batch).logits
      let logs = try values(logits.logSoftmax(-1))
      let shares = labels.map { weights[$0] }
      let terms = labels.indices.map { -shares[$0] * logs[$0 * 3 + labels[$0]] }
      let expected = terms.reduce(0, +) / shares.reduce(0, +)
      #expect(allClose([try session.loss(logits, batch).scalar()], [expected], relative: 1e-12))
    }
  }

  @Test("rare classes are found more often with them")
  func training() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      var set = SmallFeatureSet()
      set.train = Array(repeating: 0, count: 60) + [1, 1, 2, 2]
      set.test = Array(repeating: 1, count: 20) + Array(repeating: 2, count: 20)
      set.hasValidation = false
      try set.write(to: data)
      let scores = try ["none", "balanced"].map { form in
        try SmallFeatureSet.finished(
          SmallFeatureSet.train(
            "joint", data, to: folder.appending(path: form),
            settings: ["training.class_weights=\(form)", "training.epochs=2"])
        ).evaluation.scores["full"] ?? -1
      }
      #expect(scores[1] > scores[0])
    }
  }
}
