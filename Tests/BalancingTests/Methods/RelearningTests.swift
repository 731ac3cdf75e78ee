import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("Diagnosing & Re-learning")
struct RelearningTests {
  private static let three: [Modality] = ["image", "text", "audio"]

  private func bench(
    _ settings: [String: Tree] = [:], _ modalities: [Modality] = ["image", "text"],
    _ task: PredictionTask = .singleLabel
  ) throws -> Bench {
    try Bench("relearning", settings, data: SyntheticData(modalities: modalities, task: task))
  }

  private func relearning(_ bench: Bench) throws -> Relearning { try #require(try bench.method() as? Relearning) }

  private func context(
    _ session: TrainingSession, _ training: any BatchSource, _ validation: (any BatchSource)?, _ bench: Bench
  )
    -> TrainingContext
  {
    TrainingContext(
      session: session, training: training, validation: validation, batchSize: 5, random: RandomSource(seed: 1),
      makeSession: { try bench.session() })
  }

  // MARK: Parts

  @Test("the known example, and how far a gap can take a branch back")
  func factor() {
    #expect(allClose([Relearning.factor(0.2, lambda: 3)], [0.537050], relative: 0, absolute: 5e-7))
    #expect(Relearning.factor(0, lambda: 3) == 0)
    #expect(Relearning.factor(1, lambda: 0) == 0)
    #expect(Relearning.factor(1e-10, lambda: 3) > 0)
    #expect(Relearning.factor(1, lambda: 1e15) == 1)
  }

  @Test("purity is the share of samples that belong to their cluster's commonest class")
  func purity() {
    #expect(Relearning.purity([0, 0, 0, 1, 1], [2, 2, 1, 1, 1]) == 0.8)
    #expect(Relearning.purity([0, 1, 2, 3], [1, 1, 1, 1]) == 1)
    #expect(Relearning.purity([0, 0, 0, 0], [0, 1, 2, 3]) == 0.25)
    #expect(Relearning.purity([7, 7, 7], [5, 5, 9]) == 2.0 / 3)
    #expect(Relearning.purity([], []) == 0)
  }

  @Test("columns are stretched to between −1 and 1, each by itself", arguments: [1e-6, 1, 1e15])
  func stretched(_ scale: Double) throws {
    Conditions.prepare()
    let rows = numbers(12).map { $0 * scale }
    let found = try values(Relearning.stretched(Tensor(rows, shape: [4, 3])))
    for column in 0..<3 {
      let own = (0..<4).map { rows[$0 * 3 + column] }
      let (low, high) = (own.min() ?? 0, own.max() ?? 0)
      for row in 0..<4 {
        #expect(
          allClose([found[row * 3 + column]], [(own[row] - low) / (high - low) * 2 - 1], relative: 1e-9, absolute: 1e-9)
        )
      }
    }
    let constant = try values(Relearning.stretched(Tensor([3.0, 3, 3], shape: [3, 1])))
    #expect(constant == [-1, -1, -1])
  }

  @Test("it is done at multiples of a share of training, so many times, and never before the first epoch")
  func due() {
    var configuration = Relearning.Configuration()
    func epochs(_ count: Int) -> [Int] { (0..<count).filter { Relearning.isDue($0, of: count, configuration) } }
    #expect(epochs(90) == [20, 40, 59])
    #expect(epochs(20) == [4, 9, 13])
    #expect(epochs(1) == [])
    configuration.times = 1
    #expect(epochs(20) == [4])
    configuration.times = 0
    #expect(epochs(20) == [])
    configuration.times = 10
    configuration.every = 0.5
    #expect(epochs(10) == [5])
  }

  // MARK: Going back

  @Test("a branch moves to the weighted mean of its first and present values, and nothing else moves")
  func mixing() throws {
    for modalities in [["image", "text"], Self.three] as [[Modality]] {
      var bench = try bench(["times": 0], modalities)
      bench.epochs = 4
      let outcome = try bench.run()
      let session = outcome.session
      bench.settings[path: "times"] = 3
      bench.settings[path: "every"] = 0.25
      session.clock.epochs = 4
      var method = try relearning(bench)
      try method.epochWillBegin(1, bench.context(session))
      let report = try session.inspecting { try method.step(bench.data.whole(), session) }.report
      let now = try Bench.weights(session.model)
      var moved = 0
      for modality in modalities {
        func scalar(_ name: String) throws -> Double { try #require(report.scalars["\(name).\(modality)"]) }
        let gap = try abs(scalar("purity.training") - scalar("purity.validation"))
        #expect(try allClose([scalar("gap")], [gap], relative: 1e-12))
        let a = tanh(3 * gap)
        #expect(try allClose([scalar("factor")], [a], relative: 1e-12, absolute: 1e-15))
        if a > 0 { moved += 1 }
        for part in ["weight", "bias"] {
          let name = "\(modality).embedding.\(part)"
          let (first, last) = (try #require(outcome.first[name]), try #require(outcome.last[name]))
          let expected = zip(first, last).map { a * $0 + (1 - a) * $1 }
          #expect(allClose(now[name] ?? [], expected, relative: 1e-5, absolute: 1e-6), "\(name)")
        }
      }
      #expect(moved > 0)
      for (name, weights) in outcome.last where !name.contains("embedding") { #expect(now[name] == weights, "\(name)") }
    }
  }

  @Test("what is frozen stays bit for bit, although it is a branch")
  func frozen() throws {
    var bench = try bench(["lambda": 100])
    bench.frozen = ["text.embedding"]
    bench.epochs = 4
    let outcome = try bench.run()
    for name in ["text.embedding.weight", "text.embedding.bias"] { #expect(outcome.last[name] == outcome.first[name]) }
    #expect(outcome.last["image.embedding.weight"] != outcome.first["image.embedding.weight"])
  }

  @Test("with λ = 0, or no times, it is joint training bit for bit")
  func neutral() throws {
    let joint = try Bench("joint").run()
    let settings: [[String: Tree]] = [["lambda": 0], ["times": 0]]
    for settings in settings {
      let own = try bench(settings).run()
      #expect(own.last == joint.last)
      #expect(own.reports.map(\.losses) == joint.reports.map(\.losses))
    }
    #expect(try bench(["lambda": 50]).run().last != joint.last)
  }

  // MARK: Splits

  @Test("both splits are judged by as many samples, no more than asked for", arguments: [(2000, 12), (7, 7)])
  func equalSizes(_ samples: Int, _ expected: Int) throws {
    let bench = try bench(["samples": .int(samples), "every": 0.5])
    let (training, validation) = (Recording(SyntheticData()), Recording(SyntheticData(count: 12, seed: 2)))
    var method = try relearning(bench)
    let session = try bench.session()
    session.clock.epochs = 2
    try method.epochWillBegin(1, context(session, training, validation, bench))
    #expect(training.seen.count == expected && Set(training.seen).count == expected)
    #expect(validation.seen.count == expected && Set(validation.seen).count == expected)
  }

  @Test("the purities are those of the samples that were looked at")
  func purities() throws {
    for task in [PredictionTask.singleLabel, .multiLabel] {
      var bench = try bench(["every": 0.5], ["image", "text"], task)
      bench.epochs = 2
      let session = try bench.session()
      var method = try relearning(bench)
      let held = SyntheticData(task: task, count: 26, seed: 2)
      let validation = Recording(held)
      let features = try session.forward(held.whole()).features["image"]
      try method.epochWillBegin(1, context(session, SyntheticData(task: task), validation, bench))
      let report = try session.inspecting { try method.step(bench.data.whole(), session) }.report
      let order = try Tensor(validation.seen)
      var numbers = SeededNumbers(seed: 1, stream: "method/relearning/1/validation/clusters/image")
      let clusters = try KMeans.clusters(
        Relearning.stretched(features.indexed(0, by: order)), bench.data.classes, &numbers)
      let labels: [Int] = try held.whole().labels.indexed(0, by: order).to(.int64).array()
      let columns = labels.count / 26
      let expected =
        total(columns) { column in
          Relearning.purity(clusters, (0..<26).map { labels[$0 * columns + column] })
        } / Double(columns)
      #expect(allClose([report.scalars["purity.validation.image"] ?? 0], [expected], relative: 1e-12))
    }
  }

  @Test("a data set without a validation split is refused before the first step")
  func noValidation() throws {
    let bench = try bench()
    let session = try bench.session()
    for validation in [nil, SyntheticData(count: 0)] as [SyntheticData?] {
      let context = context(session, SyntheticData(), validation, bench)
      var method = try bench.method()
      var position = Trainer.Position()
      let follower = Follower()
      let error = try #require(throws: Diagnosis.self) {
        try bench.trainer.train(&method, context, from: &position, observer: follower)
      }
      #expect(error.what == "'relearning' compares the training split with a validation split, and there is none")
      #expect(error.exitStatus == .input)
      #expect(follower.reports.isEmpty)
    }
    #expect(Relearning.requirements.validation)
  }

  @Test("what was found is reported until it is found anew")
  func reports() throws {
    var bench = try bench(["every": 0.25])
    bench.epochs = 4
    let means = try bench.run().means
    #expect(means[0]["gap.image"] == nil)
    for epoch in means.dropFirst() {
      for name in ["gap.image", "factor.text", "purity.training.image", "purity.validation.text"] {
        #expect((0...1).contains(try #require(epoch[name])), "\(name)")
      }
    }
  }
}
