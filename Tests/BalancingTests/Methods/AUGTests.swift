import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

/// A step that PyTorch took in turns, with given numbers of stages.
struct AUGStep: Decodable, Sendable, CustomTestStringConvertible {
  let step: ListedStep
  let counts: [String: Int]
  let rate: Double
  let after: [String: [Double]]

  var testDescription: String { step.name }

  private struct File: Decodable { let cases: [AUGStep] }
  private enum CodingKeys: String, CodingKey { case counts, rate, after }

  init(from decoder: any Decoder) throws {
    step = try ListedStep(from: decoder)
    let values = try decoder.container(keyedBy: CodingKeys.self)
    counts = try values.decode([String: Int].self, forKey: .counts)
    rate = try values.decode(Double.self, forKey: .rate)
    after = try values.decode([String: [Double]].self, forKey: .after)
  }

  static let all =
    (try? JSONDecoder().decode(File.self, from: Data(contentsOf: Conditions.golden("aug.json"))).cases) ?? []
}

@Suite("AUG")
struct AUGTests {
  private func remembering(_ method: AUG, _ change: (inout AUG.Memory) -> Void) throws -> AUG {
    var (method, memory) = (method, AUG.Memory())
    change(&memory)
    try method.restore(MethodState(numbers: Tree(encoding: memory)))
    return method
  }

  private func memory(_ method: any BalancingMethod) throws -> AUG.Memory {
    try #require(try (method as? AUG)?.state()).numbers.decode()
  }

  @Test("golden steps are there for every task, one to three modalities, trained and frozen stages")
  func complete() throws {
    #expect(Set(AUGStep.all.map(\.step.task)).count == 3)
    #expect(Set(AUGStep.all.map(\.step.modalities.count)) == [1, 2, 3])
    #expect(Set(try AUGStep.all.map { try $0.step.tree()[path: "stages"]?.stringValue }) == ["trained", "frozen"])
  }

  @Test(
    "losses, turns and the weights after them are PyTorch's, to 1e-9", arguments: AUGStep.all,
    [GradientPath.factored, .autograd])
  func golden(_ example: AUGStep, _ path: GradientPath) throws {
    let made = try example.step.session(path)
    let session = TrainingSession(
      made.model, optimizer: try SGD(made.model.store), learningRate: LearningRate(example.rate), clock: made.clock,
      random: RandomSource(seed: 0), path: path)
    var method = try remembering(AUG(try example.step.tree().decode())) { $0.stages = example.counts }
    let batch = try example.step.examples()
    let (report, inspection) = try session.inspecting {
      var looking = method
      return try looking.step(batch, session)
    }
    #expect(inspection.updates.count == example.step.modalities.count)
    let sum = try inspection.updates.reduce(Gradients.none(session.model.store)) { try $0 + $1 }
    try example.step.check(report, sum, session.model)
    _ = try method.step(batch, session)
    for parameter in session.model.store.parameters {
      let expected = try #require(example.after[parameter.path.description])
      #expect(allClose(try values(parameter.tensor), expected, relative: 1e-9, absolute: 1e-11), "\(parameter.path)")
    }
  }

  @Test("a modality's loss is what plain loops through its stages find")
  func loops() throws {
    let bench = try Bench("aug", ["hidden": 5, "first": 2])
    let session = try bench.session()
    let taken = try StepTaken(session, bench.method(), bench.data.whole())
    let plain = try PlainModel(session, taken.batch)
    func layer(_ name: String, _ rows: [[Double]]) throws -> [[Double]] {
      let bias = try #require(plain.weights["method.\(name).bias"])
      let weight = PlainModel.rows(try #require(plain.weights["method.\(name).weight"]), rows[0].count)
      return rows.map { x in bias.indices.map { k in bias[k] + total(x.count) { x[$0] * weight[k][$0] } } }
    }
    for (m, name) in ["image", "text"].enumerated() {
      let stages = try (0..<2).map { stage in
        try layer("output", layer("stage.\(name).\(stage)", plain.features(m)).map { $0.map { max($0, 0) } })
      }
      let loss = Loops.mean(plain.losses(zip(stages[0], stages[1]).map { zip($0, $1).map { $0 + $1 } }))
      #expect(allClose([try #require(taken.report.losses[name])], [loss], relative: 1e-5), "\(name)")
      let known = plain.truth(stages[0])
      let residual = Loops.mean(zip(known, plain.losses(stages[1])).map { (1 - 0.5 * $0) * $1 })
      #expect(allClose([try #require(taken.report.scalars["residual.\(name)"])], [residual], relative: 1e-5), "\(name)")
    }
  }

  @Test("with γ = 0 the residual is a plain loss, and with γ = 1 nothing is left of what the old stages know")
  func residual() throws {
    for task in PredictionTask.ofClasses {
      let (new, old) = (try Tensor.rows(Loops.rows(4, 2, seed: 1)), try Tensor.rows(Loops.rows(4, 2, seed: 2)))
      let labels =
        task == .multiLabel ? try Tensor([0, 1, 1, 1, 0, 0, 1, 0], shape: [4, 2]) : try Tensor([0, 1, 1, 0])
      func loss(_ reduction: Double, _ old: Tensor) throws -> Double {
        try residualLoss(new, beside: old, labels, task, fit: 1, reduction: reduction, classWeights: nil).scalar()
      }
      #expect(allClose([try loss(0, old)], [try task.loss(new, labels).scalar()]))
      let sure =
        task == .multiLabel
        ? try (labels.to(.float64) - 0.5) * 200 : try (labels.oneHot(2).to(.float64) - 0.5) * 200
      #expect(abs(try loss(1, sure)) < 1e-12)
      #expect(try loss(1, old) < loss(0.5, old))
    }
  }

  @Test("a stage that answers nothing leaves predictions as they are")
  func silentStage() throws {
    let bench = try Bench("aug")
    let session = try bench.session()
    for name in ["output.bias", "stage.text.1.weight", "stage.text.1.bias"] {
      let parameter = try #require(session.model.store[ParameterPath("method.\(name)")])
      try withoutGradients { try parameter.tensor.copy(from: .zeros(parameter.shape, Conditions.elementType)) }
    }
    let outputs = try session.forward(bench.data.whole())
    let one = AUG(.init())
    let two = try remembering(one) { $0.stages = ["text": 2] }
    #expect(two.count("text") == 2 && one.count("text") == 1)
    #expect(try values(two.logits(outputs, absent: [])) == values(one.logits(outputs, absent: [])))
    #expect(
      try values(remembering(one) { $0.stages = ["image": 2] }.logits(outputs, absent: []))
        != values(one.logits(outputs, absent: [])))
  }

  @Test("the weakest gets a stage when it lags by more than the threshold, up to the most there may be")
  func grows() throws {
    func stages(_ confidence: [String: Double], _ before: [String: Int] = [:]) throws -> [String: Int] {
      var method = try remembering(AUG(.init())) {
        $0.confidence = confidence
        $0.stages = before
      }
      method.grow(confidence.keys.map { Modality($0) })
      return try memory(method).stages
    }
    #expect(try stages(["image": 10, "text": 8]) == ["text": 2])
    #expect(try stages(["image": 10, "text": 9.95]) == [:])
    #expect(try stages(["image": 7, "text": 8, "audio": 9], ["image": 3]) == ["image": 4])
    #expect(try stages(["image": 7, "text": 8], ["image": 11]) == ["image": 11])
    #expect(try stages(["image": 7]) == [:])
  }

  @Test("a stage is added after the first epoch and then every tenth of the epochs, on the epoch before")
  func schedule() throws {
    var bench = try Bench("aug", ["threshold": 0.0, "hidden": 4])
    bench.epochs = 30
    let counts = try bench.run().means.map { ($0["method.stages.image"] ?? 0) + ($0["method.stages.text"] ?? 0) }
    let changes = counts.indices.dropFirst().filter { counts[$0] != counts[$0 - 1] }
    #expect(counts[0] == 2 && changes == [1, 4, 7, 10, 13, 16, 19, 22, 25, 28])
  }

  @Test("trained stages move once they are begun, frozen ones and those that are not begun stay as drawn")
  func trainedOrFrozen() throws {
    for stages in ["trained", "frozen"] {
      let bench = try Bench("aug", ["threshold": 0.0, "stages": .string(stages)])
      let outcome = try bench.run()
      let grown = try memory(outcome.method).stages
      #expect(!grown.isEmpty)
      for (modality, count) in grown {
        for stage in 0..<11 {
          let name = "method.stage.\(modality).\(stage).weight"
          let moves = stage == 0 || (stage < count && stages == "trained")
          #expect((outcome.first[name] != outcome.last[name]) == moves, "\(name)")
        }
      }
    }
  }

  @Test(
    "weights from validation are tenths that add up to 1, more for what tells than for noise, and none without a split")
  func weights() throws {
    let bench = try Bench("aug", ["weights": "validation"])
    let outcome = try bench.run()
    let found = try memory(outcome.method).weights
    #expect(allClose([found.values.reduce(0, +)], [1]) && found.count == 2)
    #expect(found.values.allSatisfy { abs(($0 * 10).rounded() - $0 * 10) < 1e-9 })
    let context = bench.context(outcome.session)
    let without = TrainingContext(
      session: outcome.session, training: context.training, validation: nil, batchSize: 8, random: context.random,
      makeSession: bench.session)
    var method = try bench.method() as? AUG
    let error = try #require(throws: Diagnosis.self) { try method?.epochWillBegin(0, without) }
    #expect(error.remedy == "--set weights=equal")
    let shares = try validationWeights(context, "aug") { outputs in
      try outputs.unimodal().map { modality, logits in
        modality == "text" ? try logits * 0 + Tensor.of([50, 0, 0]) : try logits * 0
      }
    }
    #expect(shares == ["image": 1, "text": 0])
  }

  @Test("without a modality the prediction is the others' stack alone")
  func absent() throws {
    let bench = try Bench("aug")
    let session = try bench.session()
    let outputs = try session.forward(bench.data.whole())
    let method = try remembering(AUG(.init())) { $0.weights = ["image": 0.3, "text": 0.7] }
    let image = try Tensor.total(
      ClassifierStacks.answers("image", outputs.features["image"], session.model, stages: 1))
    #expect(try allClose(method.logits(outputs, absent: ["text"]), image, relative: 1e-6))
    let (whole, text) = (try method.logits(outputs, absent: []), try method.logits(outputs, absent: ["image"]))
    let mixed = try image * 0.3 + text * 0.7
    #expect(try allClose(whole, mixed, relative: 1e-5, absolute: 1e-6))
  }

  @Test("with one stage each, every turn descends the modality's own loss through what all share")
  func alternating() throws {
    let bench = try Bench("aug")
    let session = try bench.session()
    var method = try bench.method()
    let batch = try bench.data.whole()
    let (_, inspection) = try session.inspecting { try method.step(batch, session) }
    for (modality, update) in zip(["image", "text"] as [Modality], inspection.updates) {
      let feature = try session.forward(batch).features[modality]
      let answer = try ClassifierStacks.answers(modality, feature, session.model, stages: 1)[0]
      try expectEqual(update, session.gradients(of: session.loss(answer, batch)))
      let other: Modality = modality == "image" ? "text" : "image"
      #expect(try update[other.embedding / "weight"] == nil)
    }
  }
}
