import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("PMR")
struct PMRTests {
  /// The class means of some samples in plain loops; the mean of all where a class has none.
  private func means(_ plain: PlainModel, _ m: Int, classes: Int, _ samples: [Int]) -> [[Double]] {
    let features = plain.features(m)
    func mean(_ chosen: [Int]) -> [Double] {
      features[0].indices.map { k in chosen.map { features[$0][k] }.reduce(0, +) / Double(chosen.count) }
    }
    func classMean(_ has: (Int) -> Bool) -> [Double] {
      let chosen = samples.filter(has)
      return mean(chosen.isEmpty ? samples : chosen)
    }
    guard plain.task == .multiLabel else {
      return (0..<classes).map { c in classMean { plain.labels[$0][0] == c } }
    }
    return (0..<classes).map { c in classMean { plain.labels[$0][c] == 1 } }
      + (0..<classes).map { c in classMean { plain.labels[$0][c] == 0 } }
  }

  private func similarities(_ plain: PlainModel, _ m: Int, _ means: [[Double]], classes: Int) -> [[Double]] {
    plain.features(m).map { e in
      let distances = means.map { c in total(e.count) { (e[$0] - c[$0]) * (e[$0] - c[$0]) }.squareRoot() }
      return (0..<classes).map { plain.task == .multiLabel ? distances[$0 + classes] - distances[$0] : -distances[$0] }
    }
  }

  private func state(_ method: any BalancingMethod, _ modality: String) throws -> [Double] {
    try values(try #require(method as? any Checkpointed).state().tensor("\(modality).prototypes"))
  }

  @Test(
    "prototypes are the class means of the features; later ones keep a share of the old", arguments: Setting.several)
  func prototypes(_ setting: Setting) throws {
    let bench = try Bench("pmr", ["momentum": 0.3], data: setting.data)
    let session = try bench.session()
    let context = bench.context(session)
    var method = PMR(PMR.Configuration())
    method = try #require(try bench.method() as? PMR)
    try method.epochWillBegin(0, context)
    let everything = Array(0..<bench.data.count)
    var old: [[Double]] = []
    for (m, modality) in bench.data.modalities.enumerated() {
      let plain = try PlainModel(session, bench.data.whole())
      old.append(means(plain, m, classes: bench.data.classes, everything).flatMap { $0 })
      #expect(try allClose(state(method, modality.name), old[m], relative: 1e-4, absolute: 1e-5))
    }
    for parameter in session.model.store.parameters {
      try parameter.tensor.copy(from: parameter.tensor.detached() * 1.5)
    }
    try method.epochWillBegin(1, context)
    for (m, modality) in bench.data.modalities.enumerated() {
      let plain = try PlainModel(session, bench.data.whole())
      let new = means(plain, m, classes: bench.data.classes, everything).flatMap { $0 }
      let wanted = zip(new, old[m]).map { 0.7 * $0 + 0.3 * $1 }
      #expect(try allClose(state(method, modality.name), wanted, relative: 1e-4, absolute: 1e-5))
    }
  }

  @Test("a feature on its class's mean has no slope, one beside it that of plain loops, however far from zero both lie")
  func coincidence() throws {
    let shift = 100.0
    let means = numbers(12, seed: 1).map { $0 + shift }
    let features = Array(means[0..<4]) + numbers(4, seed: 2).map { $0 + shift }
    let e = try Tensor.of(features, [2, 4]).requiringGradient()
    let found = try PMR.similarities(e, .of(means, [3, 4]), .singleLabel)
    let distance = { (i: Int, c: Int) in
      total(4) { pow(features[i * 4 + $0] - means[c * 4 + $0], 2) }.squareRoot()
    }
    let wanted = (0..<2).flatMap { i in (0..<3).map { -distance(i, $0) } }
    #expect(try allClose(values(found), wanted, relative: 1e-3, absolute: 5e-3))
    let slopes = try values(gradients(of: found.narrowed(1, from: 0, length: 1).sum(), withRespectTo: [e])[0])
    let away = (4..<8).map { -(features[$0] - means[$0 - 4]) / distance(1, 0) }
    #expect(allClose(Array(slopes[0..<4]), [0, 0, 0, 0], absolute: 1e-12))
    #expect(allClose(Array(slopes[4...]), away, relative: 1e-3, absolute: 1e-4))
  }

  @Test("a class that no sample shows keeps its mean, and begins with the mean of all: never 0/0")
  func emptyClasses() throws {
    let bench = try Bench("pmr", ["share": 0.04, "momentum": 0.0])
    let session = try bench.session()
    let context = bench.context(session)
    var method = try #require(try bench.method() as? PMR)
    try method.epochWillBegin(0, context)
    let plain = try PlainModel(session, bench.data.whole())
    func seen(_ epoch: Int) -> Int {
      SamplingPlan.shuffled(bench.data.count, context.random, epoch: epoch).visits[0].sample
    }
    // One sample: the mean of its class, and of all.
    let first = plain.features(0)[seen(0)]
    var wanted = [[Double]](repeating: first, count: 3)
    #expect(try allClose(state(method, "image"), wanted.flatMap { $0 }, relative: 1e-4, absolute: 1e-5))
    for epoch in 1...4 {
      try method.epochWillBegin(epoch, context)
      wanted[plain.labels[seen(epoch)][0]] = plain.features(0)[seen(epoch)]
      #expect(try allClose(state(method, "image"), wanted.flatMap { $0 }, relative: 1e-4, absolute: 1e-5))
    }
  }

  @Test(
    "loss, pull and softening are those of plain loops, in both variants", arguments: Setting.several,
    ["paper", "official"])
  func formula(_ setting: Setting, _ variant: String) throws {
    let settings: [String: Tree] = ["variant": .string(variant), "alpha": 0.6, "entropy.weight": 0.4]
    let bench = try Bench("pmr", settings, data: setting.data)
    let step = try StepTaken(bench, beginningEpoch: true)
    let plain = try PlainModel(step.session, step.batch)
    let classes = bench.data.classes
    let logits = plain.modalities.indices.map { m in
      similarities(plain, m, means(plain, m, classes: classes, Array(0..<bench.data.count)), classes: classes)
    }
    let scores = logits.map { plain.truth($0).reduce(0, +) }
    for (m, name) in plain.modalities.enumerated() {
      let others = scores.indices.filter { $0 != m }.map { scores[$0] }.reduce(0, +) / Double(scores.count - 1)
      let behind = others / scores[m] - 1
      let pull = 0.6 * (variant == "paper" ? min(max(behind, 0), 1) : behind > 0 ? 1 : 0)
      let softening = variant == "paper" ? 0.4 * min(max(scores[m] / others - 1, 0), 1) : 0
      let losses = plain.losses(logits[m])
      let scalars = step.report.scalars
      #expect(allClose([scalars["pull.\(name)"] ?? .nan], [pull], relative: 1e-3, absolute: 1e-5))
      #expect(allClose([scalars["softening.\(name)"] ?? .nan], [softening], relative: 1e-3, absolute: 1e-5))
      #expect(
        allClose(
          [scalars["prototype.\(name)"] ?? .nan], [losses.reduce(0, +) / Double(losses.count)], relative: 1e-4))
    }
    // The branch of one that is neither pulled nor softened follows the fused loss alone.
    for name in plain.modalities {
      let quiet = step.report.scalars["pull.\(name)"] == 0 && step.report.scalars["softening.\(name)"] == 0
      #expect(try (step.found("\(name).embedding.weight") == step.plain("\(name).embedding.weight")) == quiet)
    }
    #expect(try step.found("fusion.classifier.weight") == step.plain("fusion.classifier.weight"))
  }

  @Test("it descends the fused loss, the pulled ones' prototype losses, and against the softened ones' entropy")
  func objective() throws {
    let bench = try Bench("pmr", ["entropy.weight": 0.4])
    let step = try StepTaken(bench, beginningEpoch: true)
    let plain = try PlainModel(step.session, step.batch)
    let outputs = try step.session.forward(step.batch)
    var total = try step.session.loss(outputs.logits, step.batch)
    var terms = 0
    for (m, name) in plain.modalities.enumerated() {
      let rows = means(plain, m, classes: 3, Array(0..<bench.data.count))
      let prototypes = try Tensor.of(rows.flatMap { $0 }, [3, rows[0].count])
      let features = try outputs.features.values[m]
      let squares = try (features.unsqueezed(1) - prototypes.unsqueezed(0)).square().sum(-1)
      let distances = try squares.squareRoot()
      let pull = try #require(step.report.scalars["pull.\(name)"])
      let softening = try #require(step.report.scalars["softening.\(name)"])
      let logs = try (-distances).logSoftmax(-1)
      let entropy = try -((logs.exp() * logs).sum(-1).mean())
      total = try total + (-distances).crossEntropy(step.batch.labels) * pull - entropy * softening
      terms += (pull > 0 ? 1 : 0) + (softening > 0 ? 1 : 0)
    }
    #expect(terms == 2)
    let wanted = try step.session.gradients(of: total)
    for (name, value) in try wanted.named() {
      #expect(try allClose(step.found(name), values(value), relative: 1e-3, absolute: 1e-5), "\(name)")
    }
  }

  @Test("of two, the slower is pulled by min(ρ − 1, 1); equal ones not at all")
  func lag() {
    let behind = PMR.lag([3, 2]).behind
    #expect(allClose(behind, [2.0 / 3 - 1, 0.5]))
    #expect(allClose(PMR.lag([3, 2]).ahead, [0.5, 2.0 / 3 - 1]))
    #expect(PMR.lag([2, 2]).behind == [0, 0])
    #expect(allClose(PMR.lag([1, 2, 6]).behind, [3, 0.75, -0.75]))
    for scores in [[0.0, 0], [0, 1], [1e-10, 1e15]] { #expect(PMR.lag(scores).behind.allSatisfy { $0.isFinite }) }
  }

  @Test("the entropy of an even guess is log C, of certainty 0")
  func entropy() throws {
    let even = try Tensor.of([1, 1, 1, 1], [1, 4])
    #expect(try allClose([PMR.entropy(even, .singleLabel).scalar()], [log(4)], relative: 1e-5))
    #expect(try allClose([PMR.entropy(even * 0, .multiLabel).scalar()], [log(2)], relative: 1e-5))
    let sure = try Tensor.of([80, 0, 0, 0], [1, 4])
    #expect(try abs(PMR.entropy(sure, .singleLabel).scalar()) < 1e-6)
  }

  @Test("features on a prototype have a finite gradient")
  func onPrototype() throws {
    let features = try Tensor.of([1, 2, -1, 0.5], [2, 2]).requiringGradient()
    let similarities = try PMR.similarities(features, .of([1, 2, 0, 0], [2, 2]), .singleLabel)
    let loss = try similarities.crossEntropy(Tensor([0, 1]))
    let found = try gradients(of: loss, withRespectTo: [features])
    #expect(try values(found[0]).allSatisfy(\.isFinite))
  }

  @Test("α = 0 without entropy is joint training to the last bit, and so is a window elsewhere")
  func neutral() throws {
    let joint = try Bench("joint").run().last
    #expect(try Bench("pmr", ["alpha": 0.0, "entropy.weight": 0.0]).run().last == joint)
    #expect(try Bench("pmr", ["alpha": 0.0, "variant": "official"]).run().last == joint)
    #expect(try Bench("pmr", ["window.begin": 0.51, "window.end": 0.52]).run().last == joint)
    #expect(try Bench("pmr").run().last != joint)
  }
}
