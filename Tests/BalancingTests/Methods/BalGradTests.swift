import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

/// One step of BalGrad in float64, taken apart.
private struct Apart {
  let report: StepReport
  let update: Gradients
  let parts: [String: Gradients]

  init(_ settings: [String: Tree], _ model: MultimodalModel, _ batch: Batch, step: Int = 25, steps: Int = 101) throws {
    var tree = try Tree(encoding: BalGrad.Configuration())
    for (path, value) in settings { tree[path: path] = value }
    var method = BalGrad(try tree.decode())
    var clock = TrainingClock(steps: steps, epochs: 5)
    clock.step = step
    clock.epoch = step * 5 / steps
    let session = TrainingSession(
      model, optimizer: try SGD(model.store), learningRate: LearningRate(0.1), clock: clock,
      random: RandomSource(seed: 1))
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    self.report = report
    update = try #require(inspection.updates.first)
    parts = Dictionary(uniqueKeysWithValues: inspection.parts.map { ($0.name, $0.gradients) })
  }

  func part(_ name: String) throws -> Gradients { try #require(parts[name]) }
}

private func named(_ gradients: Gradients) throws -> [String: [Double]] {
  try Dictionary(uniqueKeysWithValues: gradients.named().map { ($0, try values($1)) })
}

/// A model and a batch; other seeds, other numbers.
private func example(
  _ seed: Int, _ modalities: [Modality] = ["image", "text"], task: PredictionTask = .singleLabel
) throws -> (MultimodalModel, Batch) {
  Conditions.prepare()
  let data = SyntheticData(
    modalities: modalities, task: task, classes: 4, count: 7, seed: UInt64(seed), elementType: .float64)
  let model = try MultimodalModel(
    modalities: modalities, inputWidths: data.widths, embeddingWidths: modalities.indices.map { 3 + $0 }, classes: 4,
    task: task, store: ParameterStore(random: RandomSource(seed: seed), elementType: .float64))
  // Begun weights predict alike and never conflict much.
  try model.store.restore(try model.store.snapshot() * 2)
  return (model, try data.whole())
}

@Suite("BalGrad")
struct BalGradTests {
  // MARK: Against plain loops

  @Test("a step is the equations' step in plain loops", arguments: 1...12, ["two", "three", "three by consensus"])
  func twin(seed: Int, form: String) throws {
    let modalities: [Modality] = form == "two" ? ["image", "text"] : ["image", "text", "audio"]
    let consensus = form.hasSuffix("consensus")
    let (model, batch) = try example(seed, modalities)
    let apart = try Apart(consensus ? ["kl.partner": "consensus"] : [:], model, batch)
    let twin = BalGradTwin(
      modalities: modalities.map(\.name), weights: try Bench.weights(model), hidden: modalities.indices.map { 3 + $0 },
      classes: 4)
    let inputs = try batch.inputs.values.map { tensor in
      let (numbers, width) = (try values(tensor), tensor.shape[1])
      return stride(from: 0, to: numbers.count, by: width).map { Array(numbers[$0..<($0 + width)]) }
    }
    let expected = twin.step(inputs, try batch.labels.array(), ramp: 0.325, consensus: consensus)

    for (name, loss) in expected.losses {
      #expect(allClose([try #require(apart.report.losses[name])], [loss], relative: 1e-12))
    }
    for modality in modalities.map(\.name) {
      let found = [
        apart.report.scalars["weight.\(modality)"] ?? .nan, apart.report.scalars["divergence.\(modality)"] ?? .nan,
      ]
      let known = [expected.shares[modality] ?? 0, expected.divergences[modality] ?? 0]
      #expect(allClose(found, known, relative: 1e-11))
    }
    #expect(apart.report.scalars["conflict"] == (expected.conflict ? 1 : 0))
    for (part, direction) in [
      ("target", expected.target), ("balance", expected.balance), ("unimodal", expected.unimodal),
      ("projected", expected.projected),
    ] {
      let found = try named(apart.part(part))
      #expect(found.keys.sorted() == direction.keys.sorted(), "\(part)")
      for (name, numbers) in direction {
        #expect(allClose(found[name] ?? [], numbers, relative: 1e-9, absolute: 1e-13), "\(part)/\(name)")
      }
    }
    let update = try named(apart.update)
    #expect(update.keys.sorted() == expected.update.keys.sorted())
    for (name, numbers) in expected.update {
      #expect(allClose(update[name] ?? [], numbers, relative: 1e-9, absolute: 1e-13), "\(name)")
    }
  }

  @Test("the examples of the tests hold both conflict and agreement")
  func bothCases() throws {
    let conflicts = try (1...12).map { seed in
      let (model, batch) = try example(seed)
      return try Apart([:], model, batch).report.scalars["conflict"]
    }
    #expect(Set(conflicts) == [0, 1])
  }

  // MARK: Known numbers

  /// A model of identities, whose unimodal logits are its inputs.
  private func identities(_ image: [Double], _ text: [Double]) throws -> (MultimodalModel, Batch) {
    let modalities: [Modality] = ["image", "text"]
    let model = try MultimodalModel(
      modalities: modalities, inputWidths: [3, 3], embeddingWidths: [3, 3], classes: 3, task: .singleLabel,
      store: ParameterStore(random: RandomSource(seed: 1), elementType: .float64))
    for modality in modalities {
      for place in [modality.embedding, modality.head] {
        try model.store[place / "weight"]?.tensor.copy(from: Tensor([1.0, 0, 0, 0, 1, 0, 0, 0, 1], shape: [3, 3]))
        try model.store[place / "bias"]?.tensor.fill(0)
      }
    }
    let inputs = PerModality(modalities, [try Tensor(image, shape: [1, 3]), try Tensor(text, shape: [1, 3])])
    return (model, Batch(samples: [0], inputs: inputs, labels: try Tensor([0])))
  }

  @Test("losses, weights and divergences of one sample are the known ones")
  func knownScalars() throws {
    let (model, batch) = try identities([1, 0, -1], [0.2, 0.1, 0])
    let apart = try Apart([:], model, batch)
    func scalar(_ name: String) -> Double { apart.report.scalars[name] ?? apart.report.losses[name] ?? .nan }
    let found = ["image", "text", "weight.image", "weight.text", "divergence.image", "divergence.text"].map(scalar)
    #expect(allClose(found, [0.407606, 1.001943, 0.289175, 0.710825, 0.245763, 0.212026], relative: 0, absolute: 1e-6))
  }

  @Test("the gradient of D_KL(p_l ‖ p_v) with respect to z_v is p_v − p_l")
  func knownSlope() throws {
    let (model, batch) = try identities([1, 0, -1], [0.2, 0.1, 0])
    let settings: [String: Tree] = [
      "weight.form": "fixed", "weight.value": 1.0, "ramp.form": "constant", "ramp.lambda0": 1.0,
    ]
    let balance = try Apart(settings, model, batch).part("balance")
    let slope = [0.298076, -0.087497, -0.210579]
    #expect(try allClose(values(balance["image.head.bias"]), slope, relative: 0, absolute: 1e-6))
    #expect(try allClose(values(balance["text.head.bias"]), slope.map { -$0 }, relative: 0, absolute: 1e-6))
    #expect(try allClose(values(balance["image.embedding.bias"]), slope, relative: 0, absolute: 1e-6))
  }

  private static let knownRamps: [(BalGrad.Configuration.RampForm, [Double])] = [
    (.linearToOne, [0.1, 0.325, 0.55, 0.775, 1]),
    (.additive, [0.1, 0.35, 0.6, 0.85, 1.1]),
    (.multiplicative, [0.1, 0.125, 0.15, 0.175, 0.2]),
    (.power, [0.1, 0.1778, 0.3162, 0.5623, 1]),
    (.gaussian, [0.1, 0.2738, 0.5623, 0.8660, 1]),
    (.constant, [0.1, 0.1, 0.1, 0.1, 0.1]),
    (.log, [0.1, 0.425810, 0.493183, 0.533073, 0.561512]),
  ]

  @Test("ramps are the known ones at quarters of training", arguments: knownRamps)
  func ramps(_ form: BalGrad.Configuration.RampForm, _ expected: [Double]) {
    let found = [0, 0.25, 0.5, 0.75, 1].map {
      BalGrad.ramp(form, 0.1, progress: $0, count: Int($0 * 100))
    }
    #expect(allClose(found, expected, relative: 0, absolute: 5e-5))
  }

  @Test("every ramp form has its case above")
  func allRamps() { #expect(Set(Self.knownRamps.map(\.0)) == Set(BalGrad.Configuration.RampForm.allCases)) }

  @Test("the ramp goes by steps or by epochs")
  func rampUnit() throws {
    let (model, batch) = try example(1)
    let byStep = try Apart([:], model, batch, step: 50).report.scalars["ramp"]
    let byEpoch = try Apart(["ramp.unit": "epoch"], model, batch, step: 50).report.scalars["ramp"]
    #expect(allClose([byStep ?? 0], [0.1 + 0.9 * 0.5], relative: 1e-12))
    // Step 50 of 101 is in epoch 2 of 5.
    #expect(allClose([byEpoch ?? 0], [0.1 + 0.9 * 2 / 4], relative: 1e-12))
    let late = try Apart(["ramp.unit": "epoch", "ramp.form": "log"], model, batch, step: 90).report.scalars["ramp"]
    #expect(allClose([late ?? 0], [0.1 * (1 + log(1 + 4))], relative: 1e-12))
  }

  // MARK: What must always hold

  private static let scopes = BalGrad.Configuration.ProjectionScope.allCases.map(\.rawValue)

  private func blocks(_ scope: String, _ model: MultimodalModel) -> [[Int]] {
    switch scope {
    case "per_modality": model.modalities.map(model.branch)
    case "per_tensor": model.branches.map { [$0] }
    default: [model.branches]
    }
  }

  @Test(
    "after projection nothing conflicts, and what did not conflict is bit for bit the same", arguments: 1...10, scopes)
  func orthogonal(seed: Int, scope: String) throws {
    for modalities in [["image", "text"], ["image", "text", "audio"]] as [[Modality]] {
      let (model, batch) = try example(seed, modalities)
      let apart = try Apart(["projection.scope": .string(scope)], model, batch)
      let (target, balance, projected) = (
        try apart.part("target"), try apart.part("balance"), try apart.part("projected")
      )
      for block in blocks(scope, model) {
        let before = try target.dot(balance, within: block)
        let after = try projected.dot(balance, within: block)
        if before < 0 {
          let scale = try target.norm(within: block) * balance.norm(within: block)
          #expect(abs(after) <= 1e-12 * scale)
        } else {
          #expect(try named(projected.within(block)) == named(target.within(block)))
        }
      }
      let outside = model.store.parameters.map(\.index).filter { !model.branches.contains($0) }
      #expect(try named(projected.within(outside)) == named(target.within(outside)))
    }
  }

  @Test("a stronger divergence finds the same conflicts and projects to the same place", arguments: 1...8, scopes)
  func invariantToScale(seed: Int, scope: String) throws {
    let (model, batch) = try example(seed)
    let weak: [String: Tree] = ["ramp.form": "constant", "ramp.lambda0": 0.07, "projection.scope": .string(scope)]
    var strong = weak
    strong["ramp.lambda0"] = 0.7
    let (one, ten) = (try Apart(weak, model, batch), try Apart(strong, model, batch))
    #expect(one.report.scalars["conflict"] == ten.report.scalars["conflict"])
    #expect(
      allClose([one.report.scalars["cosine"] ?? 0], [ten.report.scalars["cosine"] ?? 1], relative: 1e-10))
    let (near, far) = (try named(one.part("projected")), try named(ten.part("projected")))
    for (name, numbers) in near { #expect(allClose(far[name] ?? [], numbers, relative: 1e-9, absolute: 1e-13)) }
    let ratio = try ten.part("balance").norm() / one.part("balance").norm()
    #expect(allClose([ratio], [10], relative: 1e-10))
  }

  @Test("swapping the modalities swaps weights, divergences and directions", arguments: 1...4)
  func swapped(seed: Int) throws {
    for modalities in [["image", "text"], ["image", "text", "audio"]] as [[Modality]] {
      let (model, batch) = try example(seed, modalities)
      let turned = Array(modalities.reversed())
      let widths = PerModality(modalities, modalities.indices.map { 3 + $0 })
      let other = try MultimodalModel(
        modalities: turned, inputWidths: turned.map { batch.inputs[$0].shape[1] },
        embeddingWidths: turned.map { widths[$0] }, classes: 4, task: .singleLabel,
        store: ParameterStore(random: RandomSource(seed: 0), elementType: .float64))
      for parameter in other.store.parameters {
        let source = try #require(model.store[parameter.path]?.tensor)
        if parameter.path == "fusion.classifier.weight" {
          var start = 0
          var columns: [Tensor] = []
          for modality in modalities {
            columns.insert(try source.narrowed(1, from: start, length: widths[modality]), at: 0)
            start += widths[modality]
          }
          try parameter.tensor.copy(from: Tensor.cat(columns, 1))
        } else {
          try parameter.tensor.copy(from: source)
        }
      }
      let otherBatch = Batch(
        samples: batch.samples, inputs: PerModality(turned) { batch.inputs[$0] }, labels: batch.labels)
      let (one, two) = (try Apart([:], model, batch), try Apart([:], other, otherBatch))
      for (name, value) in one.report.scalars {
        #expect(allClose([two.report.scalars[name] ?? .nan], [value], relative: 1e-9, absolute: 1e-12), "\(name)")
      }
      let (straight, crossed) = (try named(one.update), try named(two.update))
      for (name, numbers) in straight where name != "fusion.classifier.weight" {
        #expect(allClose(crossed[name] ?? [], numbers, relative: 1e-9, absolute: 1e-12), "\(name)")
      }
    }
  }

  @Test("without any divergence the step is that of all losses together, and nothing conflicts", arguments: scopes)
  func noDivergence(scope: String) throws {
    let (model, batch) = try example(3)
    let settings: [String: Tree] = [
      "ramp.form": "constant", "ramp.lambda0": 0.0, "projection.scope": .string(scope),
    ]
    let apart = try Apart(settings, model, batch)
    #expect(apart.report.scalars["conflict"] == 0)
    #expect(apart.report.scalars["cosine"] == 0)
    #expect(try named(apart.part("projected")) == named(apart.part("target")))
    let expected = try named(apart.part("target") + apart.part("unimodal"))
    let update = try named(apart.update)
    #expect(update.keys.sorted() == expected.keys.sorted())
    for (name, numbers) in expected {
      #expect(allClose(update[name] ?? [], numbers, relative: 1e-12, absolute: 1e-15), "\(name)")
    }
  }

  @Test("modalities that predict alike do not move each other")
  func equalPredictions() throws {
    let (model, batch) = try identities([1, 0, -1], [1, 0, -1])
    let apart = try Apart([:], model, batch)
    #expect(apart.report.scalars["conflict"] == 0)
    #expect(abs(apart.report.scalars["divergence.image"] ?? 1) < 1e-15)
    #expect(try apart.part("balance").norm() < 1e-15)
    #expect(apart.report.scalars["weight.image"] == 0.5)
  }

  @Test("the fused classifier gets the fused loss's gradient and nothing else", arguments: scopes)
  func fusedClassifier(scope: String) throws {
    let (model, batch) = try example(5)
    let apart = try Apart(["projection.scope": .string(scope)], model, batch)
    let path: ParameterPath = "fusion.classifier.weight"
    #expect(try values(apart.update[path]) == values(apart.part("target")[path]))
    #expect(try apart.part("balance")[path] == nil)
    #expect(try apart.part("unimodal")[path] == nil)
  }

  @Test(
    "normalised weights have the mean 1/2, and a modality with a larger loss a larger weight",
    arguments: ["loss_ratio", "loss_softmax", "conf_ratio"], [2, 3])
  func weightsSum(form: String, count: Int) throws {
    let modalities: [Modality] = Array(["image", "text", "audio"].prefix(count))
    for seed in 1...5 {
      let (model, batch) = try example(seed, modalities)
      let report = try Apart(["weight.form": .string(form)], model, batch).report
      let weights = modalities.map { report.scalars["weight.\($0)"] ?? .nan }
      #expect(allClose([weights.reduce(0, +)], [Double(count) / 2], relative: 1e-12))
      #expect(weights.allSatisfy { $0 > 0 })
      if form == "conf_ratio" { continue }
      let losses = modalities.map { report.losses[$0.name] ?? .nan }
      #expect(weights.indices.sorted { weights[$0] < weights[$1] } == losses.indices.sorted { losses[$0] < losses[$1] })
    }
  }

  @Test("without reweighting every weight is 1/2, and with fixed ones the given value")
  func fixedWeights() throws {
    let (model, batch) = try example(2)
    let off = try Apart(["reweighting": false], model, batch).report.scalars
    #expect([off["weight.image"], off["weight.text"]] == [0.5, 0.5])
    let fixed = try Apart(["weight.form": "fixed", "weight.value": 0.8], model, batch).report.scalars
    #expect([fixed["weight.image"], fixed["weight.text"]] == [0.8, 0.8])
  }

  @Test("switched off, the projection changes nothing and conflicts are still counted", arguments: 1...6)
  func projectionOff(seed: Int) throws {
    let (model, batch) = try example(seed)
    let off = try Apart(["projection.enabled": false], model, batch)
    #expect(try named(off.part("projected")) == named(off.part("target")))
    let on = try Apart([:], model, batch)
    #expect(off.report.scalars["conflict"] == on.report.scalars["conflict"])
  }

  @Test("the report holds the cosine of what is projected, whatever the projection did", arguments: 1...4)
  func cosine(seed: Int) throws {
    let (model, batch) = try example(seed)
    let apart = try Apart([:], model, batch)
    let (g, k) = (try apart.part("target"), try apart.part("balance"))
    let inner = try g.dot(k, within: model.branches)
    let expected = try inner / (g.norm(within: model.branches) * k.norm(within: model.branches))
    #expect(allClose([apart.report.scalars["cosine"] ?? 9], [expected], relative: 1e-12))
    #expect((apart.report.scalars["conflict"] == 1) == (inner < 0))
  }

  // MARK: Weights that remember

  /// Steps over the batches of a few epochs; for each the losses and the weights that were used.
  private func walk(
    _ method: inout BalGrad, _ session: TrainingSession, _ steps: Range<Int>
  ) throws -> [(losses: [Double], weights: [Double])] {
    let data = SyntheticData(classes: 4, count: 12, elementType: .float64)
    return try steps.map { step in
      session.clock.step = step
      session.clock.epoch = step / 3
      let visits = SamplingPlan.inOrder(12).batches(of: 4)[step % 3]
      let report = try method.step(data.batch(visits), session)
      let names = ["image", "text"]
      return (names.map { report.losses[$0] ?? .nan }, names.map { report.scalars["weight.\($0)"] ?? .nan })
    }
  }

  private func walker(_ source: String) throws -> (BalGrad, TrainingSession) {
    let (model, _) = try example(2)
    var configuration = BalGrad.Configuration()
    configuration.weight.source = try .init(named: source)
    configuration.weight.beta = 0.75
    let session = TrainingSession(
      model, optimizer: try SGD(model.store), learningRate: LearningRate(0.3),
      clock: TrainingClock(steps: 9, epochs: 3),
      random: RandomSource(seed: 1))
    return (BalGrad(configuration), session)
  }

  private func ratio(_ losses: [Double]) -> [Double] { losses.map { $0 / losses.reduce(0, +) } }

  @Test("an exponential mean begins with the first batch and keeps beta of the past")
  func exponentialMean() throws {
    var (method, session) = try walker("ema")
    var average: [Double] = []
    for step in try walk(&method, session, 0..<9) {
      average = average.isEmpty ? step.losses : zip(average, step.losses).map { 0.75 * $0 + 0.25 * $1 }
      #expect(allClose(step.weights, ratio(average), relative: 1e-12))
    }
  }

  @Test("the mean of the epoch before is used from the second epoch on, the batch's losses in the first")
  func previousEpoch() throws {
    var (method, session) = try walker("previous_epoch_mean")
    let steps = try walk(&method, session, 0..<9)
    for (number, step) in steps.enumerated() {
      let epoch = number / 3
      let before = epoch == 0 ? [step.losses] : steps[((epoch - 1) * 3)..<(epoch * 3)].map(\.losses)
      let means = [0, 1].map { m in before.map { $0[m] }.reduce(0, +) / Double(before.count) }
      #expect(allClose(step.weights, ratio(means), relative: 1e-12), "step \(number)")
    }
  }

  @Test("what is remembered survives a checkpoint", arguments: ["batch", "ema", "previous_epoch_mean"], [2, 3, 7])
  func checkpoint(source: String, after stop: Int) throws {
    var (method, session) = try walker(source)
    let whole = try walk(&method, session, 0..<9)

    var (first, stopped) = try walker(source)
    _ = try walk(&first, stopped, 0..<stop)
    let text = try first.state().numbers.json()
    var (second, _) = try walker(source)
    try second.restore(MethodState(numbers: Tree(json: text)))
    let rest = try walk(&second, stopped, stop..<9)
    #expect(rest.map(\.weights) == whole.dropFirst(stop).map(\.weights))
  }

  @Test("a state that is none is refused")
  func wrongState() throws {
    var method = BalGrad(BalGrad.Configuration())
    #expect(throws: (any Error).self) { try method.restore(MethodState(numbers: ["average": "much"])) }
  }

  // MARK: Edges

  @Test("one modality is refused by the card")
  func oneModality() {
    #expect(!BalGrad.card.modalities.admits(1))
    #expect(BalGrad.card.modalities.admits(2) && BalGrad.card.modalities.admits(3))
  }

  @Test(
    "of one other the consensus is that other, in every direction",
    arguments: ["target_student", "student_target", "js"],
    [true, false])
  func consensusOfOne(direction: String, fixedTarget: Bool) throws {
    for task in [PredictionTask.singleLabel, .multiLabel] {
      let (model, batch) = try example(4, task: task)
      var settings: [String: Tree] = ["kl.direction": .string(direction), "kl.stop_grad": .bool(fixedTarget)]
      let others = try Apart(settings, model, batch)
      settings["kl.partner"] = "consensus"
      let consensus = try Apart(settings, model, batch)
      let found = try named(consensus.update)
      for (name, numbers) in try named(others.update) {
        #expect(allClose(found[name] ?? [], numbers, relative: 1e-9, absolute: 1e-13), "\(name)")
      }
    }
  }

  @Test("one sample, huge logits and certain predictions give finite directions")
  func extremes() throws {
    for logits in [[0.0, 0, 0], [500, -500, 0], [-500, 500, 0]] {
      let (model, batch) = try identities(logits, [0.1, 0.2, 0.3])
      for settings in [[:], ["kl.direction": "student_target"], ["weight.form": "conf_ratio"]] as [[String: Tree]] {
        let apart = try Apart(settings, model, batch)
        #expect(try apart.update.isFinite(), "\(logits) \(settings)")
        #expect(apart.report.scalars.values.allFinite, "\(logits) \(settings)")
      }
    }
  }

  @Test("Jensen–Shannon and the consensus of certain predictions are finite")
  func certainJensenShannon() throws {
    let (model, batch) = try identities([2000, -2000, 0], [-2000, 2000, 0])
    let apart = try Apart(["kl.direction": "js"], model, batch)
    #expect(try apart.update.isFinite())
    #expect(allClose([apart.report.scalars["divergence.image"] ?? .nan], [log(2)], relative: 1e-9))
    for fixedTarget in [true, false] {
      let consensus = try Apart(["kl.partner": "consensus", "kl.stop_grad": .bool(fixedTarget)], model, batch)
      #expect(try consensus.update.isFinite())
    }
  }
}
