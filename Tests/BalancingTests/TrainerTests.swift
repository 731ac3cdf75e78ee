import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

/// A method that writes down what is asked of it and moves one parameter by a known amount.
private struct Spy: BalancingMethod, PreparesBeforeTraining, ActsBetweenEpochs, PlansSampling {
  struct Configuration: Settings {}
  static let card = MethodCard(name: "spy", title: "Spy", stage: .baseline, summary: "Writes down what it is asked.")

  final class Log {
    var lines: [String] = []
  }
  let log = Log()
  var lossAt: (Int) -> Double = { Double($0) }
  var rareScalarEvery = 1

  init(_ configuration: Configuration) {}

  mutating func prepare(_ context: TrainingContext) { log.lines.append("prepare") }
  mutating func epochWillBegin(_ epoch: Int, _ context: TrainingContext) { log.lines.append("epoch \(epoch)") }
  mutating func plan(forEpoch epoch: Int, _ context: TrainingContext) -> SamplingPlan {
    log.lines.append("plan \(epoch)")
    return SamplingPlan([0, 0, 1, 2, 3].map { .init($0) })
  }

  mutating func step(_ batch: Batch, _ session: TrainingSession) throws -> StepReport {
    log.lines.append("step \(session.clock.step) of epoch \(session.clock.epoch): \(batch.samples)")
    let scalars = session.clock.step % rareScalarEvery == 0 ? ["rare": 5.0] : [:]
    return StepReport(losses: ["fused": lossAt(session.clock.step)], scalars: scalars)
  }
}

@Suite("The trainer")
struct TrainerTests {
  private func train(
    _ spy: Spy, epochs: Int = 2, stopAfter stop: Int? = nil, from position: Trainer.Position = .init()
  ) throws -> (Follower, Trainer.Position, Bool) {
    var bench = try Bench("joint")
    bench.epochs = epochs
    bench.batchSize = 2
    let session = try bench.session()
    session.clock.step = position.epoch * 3 + position.batch
    var method: any BalancingMethod = spy
    var position = position
    let follower = Follower(stopAfter: stop)
    let finished = try bench.trainer.train(&method, bench.context(session), from: &position, observer: follower)
    return (follower, position, finished)
  }

  @Test("asks the method in the right order, with the batches of its plan")
  func order() throws {
    let spy = Spy(.init())
    let (follower, position, finished) = try train(spy)
    #expect(
      spy.log.lines == [
        "prepare", "epoch 0", "plan 0", "step 0 of epoch 0: [0, 0]", "step 1 of epoch 0: [1, 2]",
        "step 2 of epoch 0: [3]", "epoch 1", "plan 1", "step 3 of epoch 1: [0, 0]", "step 4 of epoch 1: [1, 2]",
        "step 5 of epoch 1: [3]",
      ])
    #expect(finished)
    #expect(position.epoch == 2)
    #expect(position.batch == 0)
    #expect(follower.clocks.map(\.step) == Array(0..<6))
    #expect(follower.clocks.map(\.epoch) == [0, 0, 0, 1, 1, 1])
  }

  @Test("gives the means of an epoch, of rare scalars over the steps that had them")
  func means() throws {
    var spy = Spy(.init())
    spy.rareScalarEvery = 2
    let (follower, _, _) = try train(spy)
    #expect(follower.means.map { $0["fused"] } == [1, 4])
    #expect(follower.means.map { $0["rare"] } == [5, 5])
  }

  @Test("stops in the middle of an epoch and goes on there, with the same plan and means")
  func stopping() throws {
    let (_, middle, finished) = try train(Spy(.init()), stopAfter: 2)
    #expect(!finished)
    #expect(middle.epoch == 0)
    #expect(middle.batch == 2)
    #expect(middle.plan?.visits.count == 5)
    let spy = Spy(.init())
    let (follower, end, done) = try train(spy, from: middle)
    #expect(done)
    #expect(end.epoch == 2)
    #expect(spy.log.lines.first == "step 2 of epoch 0: [3]")
    #expect(follower.means.map { $0["fused"] } == [1, 4])
  }

  @Test("stops at the end of an epoch, and begins the next when it goes on")
  func stoppingBetweenEpochs() throws {
    let (follower, position, finished) = try train(Spy(.init()), stopAfter: 3)
    #expect(!finished)
    #expect(follower.means.count == 1)
    #expect(position.epoch == 1)
    #expect(position.plan == nil)
    let spy = Spy(.init())
    _ = try train(spy, from: position)
    #expect(spy.log.lines.first == "epoch 1")
  }

  @Test("a stop after the last step is the end")
  func stoppingAtTheEnd() throws { #expect(try train(Spy(.init()), stopAfter: 6).2) }

  @Test("counts its steps beforehand")
  func counting() {
    #expect(Trainer(epochs: 3, batchSize: 4).steps(over: 10) == 9)
    #expect(Trainer(epochs: 3, batchSize: 4, dropLast: true).steps(over: 10) == 6)
    #expect(Trainer(epochs: 3, batchSize: 4, dropLast: true).steps(over: 3) == 3)
    #expect(Trainer(epochs: 3, batchSize: 4).steps(over: 8) == 6)
    #expect(Trainer(epochs: 3, batchSize: 4).steps(over: 0) == 0)
  }

  @Test("takes as many steps as it counted", arguments: [false, true])
  func countsRight(dropLast: Bool) throws {
    var bench = try Bench("joint")
    bench.dropLast = dropLast
    let outcome = try bench.run()
    #expect(outcome.reports.count == bench.trainer.steps(over: bench.data.count))
    #expect(outcome.reports.count == (dropLast ? 9 : 12))
  }

  @Test("visits every sample once an epoch, in another order each time")
  func orders() throws {
    let orders = try Bench("joint").run().orders
    #expect(orders.count == 3)
    #expect(orders.allSatisfy { $0.sorted() == Array(0..<26) })
    #expect(Set(orders).count == 3)
  }

  @Test("stops at the first loss that is not a number", arguments: [Double.nan, .infinity])
  func divergence(_ loss: Double) throws {
    var spy = Spy(.init())
    spy.lossAt = { $0 == 4 ? loss : 1 }
    let error = try #require(throws: TrainingDiverged.self) { try train(spy) }
    #expect(error == TrainingDiverged(.loss("fused"), step: 4, epoch: 1, parameter: nil))
    #expect(error.diagnosis.exitStatus == .failed)
    #expect(error.diagnosis.found == ["all parameters are finite: look at the features"])
  }

  @Test("names the parameter that is not finite any more")
  func divergedParameter() throws {
    var bench = try Bench("joint")
    bench.learningRate = .infinity
    let error = try #require(throws: TrainingDiverged.self) { try bench.run() }
    #expect(error.sign == .weights)
    let name = try #require(error.parameter)
    #expect(error.diagnosis.found == ["parameter '\(name)' is not finite any more"])
  }
}

@Suite("The verbs of a step")
struct TrainingSessionTests {
  @Test("progress runs from 0 to 1, and is 0 where there is one step")
  func clock() {
    var clock = TrainingClock(steps: 5, epochs: 3)
    #expect(clock.progress == 0)
    clock.step = 4
    clock.epoch = 1
    #expect(clock.progress == 1)
    #expect(clock.epochProgress == 0.5)
    clock.step = 9
    #expect(clock.progress == 1)
    #expect(TrainingClock(steps: 1, epochs: 1).progress == 0)
    clock.exactProgress = 0.3
    #expect(clock.progress == 0.3 && clock.epochProgress == 0.3)
    #expect(TrainingClock(steps: 0, epochs: 0).epochProgress == 0)
  }

  @Test("the learning rate follows its schedule by the clock")
  func learningRate() {
    var clock = TrainingClock(steps: 10, epochs: 5)
    clock.step = 4
    clock.epoch = 2
    #expect(LearningRate(0.2)(clock) == 0.2)
    #expect(allClose([LearningRate(0.2, .linear)(clock)], [0.12], relative: 1e-12))
    #expect(allClose([LearningRate(0.2, .step(size: 1, gamma: 0.5))(clock)], [0.05], relative: 1e-12))
    #expect(allClose([LearningRate(0.2, warmup: 9)(clock)], [0.1], relative: 1e-12))
  }

  @Test("an absent modality's inputs are zeros")
  func absent() throws {
    let bench = try Bench("joint")
    let session = try bench.session()
    let batch = try bench.data.whole()
    let outputs = try session.forward(batch, without: ["text"])
    let bias = try values(session.model.embeddings["text"].bias.tensor)
    let features = try values(outputs.features["text"])
    #expect(features == (0..<26).flatMap { _ in bias })
    #expect(try values(outputs.features["image"]) == values(session.forward(batch).features["image"]))
  }

  @Test("a modality that is not a number can still be left out")
  func absentNotANumber() throws {
    let bench = try Bench("joint")
    let session = try bench.session()
    let batch = try bench.data.whole()
    let broken = Batch(
      samples: batch.samples, inputs: try batch.inputs.map { $0 == "text" ? try $1 * .nan : $1 }, labels: batch.labels)
    let logits = try session.forward(broken, without: ["text"]).logits
    #expect(try values(logits).allFinite)
  }

  @Test("a direction longer than the limit is shortened to it, a shorter one is not")
  func clipping() throws {
    for (limit, expected) in [(0.0, 5.0), (1, 1), (5.5, 5)] {
      let model = try Bench("joint").model()
      let session = TrainingSession(
        model, optimizer: try SGD(model.store), learningRate: LearningRate(1),
        clock: TrainingClock(steps: 1, epochs: 1),
        random: RandomSource(seed: 1), gradientClip: limit)
      let direction = try Gradients(
        of: (model.store.parameters[0].tensor.selected(0, 0).selected(0, 0) * 3
          + model.store.parameters[1].tensor.selected(0, 0) * 4), model.store)
      let before = try model.store.snapshot()
      try session.update(along: direction)
      let moved = try (model.store.flat() - before).detached().norm().scalar()
      #expect(allClose([moved], [expected], relative: 1e-5))
    }
  }

  @Test("a step that is looked at moves nothing, and shows what it was told to note")
  func inspecting() throws {
    let bench = try Bench("joint")
    let session = try bench.session()
    let before = try Bench.weights(session.model)
    let direction = try Gradients(of: session.model.store.parameters[0].tensor.sum(), session.model.store)
    try session.note("ignored", direction)
    let (report, inspection) = try session.inspecting {
      try session.note("part", direction)
      try session.update(along: direction)
      try session.update(along: direction.scaled(by: 2))
      return StepReport(losses: ["fused": 1])
    }
    #expect(report.losses == ["fused": 1])
    #expect(inspection.parts.map(\.name) == ["part"])
    #expect(inspection.updates.count == 2)
    #expect(try Bench.weights(session.model) == before)
    try session.update(along: direction)
    #expect(try Bench.weights(session.model) != before)
  }

  @Test("class weights count in the loss")
  func classWeights() throws {
    let bench = try Bench("joint")
    let model = try bench.model()
    let batch = try bench.data.whole()
    func loss(_ weights: [Double]?) throws -> Double {
      let session = TrainingSession(
        model, optimizer: try SGD(model.store), learningRate: LearningRate(1),
        clock: TrainingClock(steps: 1, epochs: 1),
        random: RandomSource(seed: 1), classWeights: try weights.map { try Tensor.of($0) })
      return try session.loss(session.forward(batch).logits, batch).scalar()
    }
    #expect(try allClose([loss([1, 1, 1])], [loss(nil)], relative: 1e-5))
    #expect(try abs(loss([5, 1, 1]) - loss(nil)) > 1e-6)
  }

  @Test("a random stream belongs to its name and its step")
  func streams() throws {
    let session = try Bench("joint").session()
    func draw(_ name: String) throws -> [Double] { try session.random(name).normal([4], .float64).array() }
    let first = try draw("noise")
    #expect(try draw("noise") == first)
    #expect(try draw("other") != first)
    session.clock.step = 1
    #expect(try draw("noise") != first)
  }

  @Test("moves of some parameters are stretched after the optimizer's step", arguments: [0.0, 0.5, 3])
  func scaledSteps(factor: Double) throws {
    let bench = try Bench("joint")
    let batch = try bench.data.whole()
    func moves(_ scaling: Double?) throws -> [String: [Double]] {
      let session = try bench.session()
      let before = try Bench.weights(session.model)
      let direction = try session.gradients(of: session.loss(session.forward(batch).logits, batch))
      let branch = session.model.branch("image")
      try session.update(along: direction, scalingSteps: scaling.map { [(parameters: branch, factor: $0)] } ?? [])
      return try Bench.weights(session.model).merging(before) { after, before in zip(after, before).map(-) }
    }
    let (plain, stretched) = (try moves(nil), try moves(factor))
    for (name, move) in plain {
      let expected = name.hasPrefix("image.embedding") ? move.map { $0 * factor } : move
      #expect(allClose(stretched[name] ?? [], expected, relative: 1e-3, absolute: 1e-7), "\(name)")
    }
  }

  @Test("how far each branch moves is measured relative to its weights")
  func relativeUpdates() throws {
    let outcome = try Bench("joint").run()
    let measured = outcome.reports.map { $0.scalars["update.image"] }
    #expect(measured[0] != nil)
    #expect(measured[1] == nil)
    let bench = try Bench("joint")
    let session = try bench.session()
    session.measuresUpdates = true
    let before = try Bench.weights(session.model)
    let batch = try bench.data.whole()
    try session.update(along: session.gradients(of: session.loss(session.forward(batch).logits, batch)))
    let after = try Bench.weights(session.model)
    let names = ["text.embedding.weight", "text.embedding.bias"]
    func length(_ values: [Double]) -> Double { values.map { $0 * $0 }.reduce(0, +).squareRoot() }
    let move = length(names.flatMap { name in zip(after[name] ?? [], before[name] ?? []).map(-) })
    let weight = length(names.flatMap { before[$0] ?? [] })
    #expect(allClose([session.takeRelativeUpdates()["update.text"] ?? .nan], [move / weight], relative: 1e-4))
    #expect(session.takeRelativeUpdates().isEmpty)
  }
}

@Suite("The verbs between epochs")
struct LabTests {
  @Test("a fork begins with the model's weights and leaves them alone")
  func fork() throws {
    let bench = try Bench("joint")
    let session = try bench.session()
    let context = bench.context(session)
    try session.model.store.flat().fill(0.25)
    session.clock.step = 5
    let copy = try context.fork()
    #expect(copy.clock == session.clock)
    #expect(copy.model !== session.model)
    #expect(try Bench.weights(copy.model) == Bench.weights(session.model))
    var method = try bench.method()
    _ = try method.step(bench.data.whole(), copy)
    #expect(try Bench.weights(copy.model) != Bench.weights(session.model))
    #expect(try values(session.model.store.flat()).allSatisfy { $0 == 0.25 })
  }

  @Test("a fresh session has the first weights")
  func fresh() throws {
    let bench = try Bench("joint")
    let session = try bench.session()
    let first = try Bench.weights(session.model)
    try session.model.store.flat().fill(1)
    #expect(try Bench.weights(bench.context(session).fresh().model) == first)
  }

  @Test("all batches of a plan are walked, of every sample where there is no plan")
  func batches() throws {
    let bench = try Bench("joint")
    let context = try bench.context(bench.session())
    var seen: [[Int]] = []
    try context.forEachBatch(of: bench.data) { seen.append($0.samples) }
    #expect(seen.map(\.count) == [8, 8, 8, 2])
    #expect(seen.flatMap { $0 } == Array(0..<26))
    seen = []
    try context.forEachBatch(of: bench.data, SamplingPlan([4, 4].map { .init($0) })) { seen.append($0.samples) }
    #expect(seen == [[4, 4]])
  }
}
