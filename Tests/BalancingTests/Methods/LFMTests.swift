import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("LFM")
struct LFMTests {
  private func divergence(_ a: [[Double]], _ b: [[Double]], swapped: Bool) throws -> Double {
    try LFM.divergence(Tensor.rows(a).logSoftmax(-1), Tensor.rows(b).logSoftmax(-1), swapped: swapped).scalar()
  }

  @Test("softmax of 1, 0, −1 and of 0.2, 0.1, 0 are 0.055098 apart, in the authors' code 0.059349")
  func vector() throws {
    let (a, b) = ([[1.0, 0, -1]], [[0.2, 0.1, 0]])
    #expect(allClose([try divergence(a, b, swapped: false)], [0.055098], absolute: 1e-6))
    #expect(allClose([try divergence(a, b, swapped: true)], [0.059349], absolute: 1e-6))
  }

  @Test("divergences are those of plain loops, symmetric, never negative and 0 where equal", arguments: [false, true])
  func divergences(_ swapped: Bool) throws {
    for (name, a, b) in Loops.bestiary where !(swapped && name == "huge") {
      let expected = Loops.mean(
        a.indices.map { i in
          let (p, q) = (Loops.softmax(a[i]), Loops.softmax(b[i]))
          let m = zip(p, q).map { ($0 + $1) / 2 }
          return swapped
            ? (Loops.divergence(m, p) + Loops.divergence(m, q)) / 2
            : (Loops.divergence(p, m) + Loops.divergence(q, m)) / 2
        })
      if name != "huge" {
        #expect(allClose([try divergence(a, b, swapped: swapped)], [expected], absolute: 1e-15), "\(name)")
      }
      #expect(try divergence(a, b, swapped: swapped) >= -1e-15)
      #expect(try allClose([divergence(a, b, swapped: swapped)], [divergence(b, a, swapped: swapped)], absolute: 1e-15))
    }
  }

  @Test("the contrastive loss is that of plain loops, small where halves match and large where they do not")
  func contrast() throws {
    for (name, a, b) in Loops.bestiary {
      func unit(_ v: [Double]) -> [Double] {
        let length = max(v.map { $0 * $0 }.reduce(0, +).squareRoot(), 1e-12)
        return v.map { $0 / length }
      }
      let s = a.map { x in b.map { y in zip(unit(x), unit(y)).reduce(0) { $0 + $1.0 * $1.1 } / 0.5 } }
      let turned = s.indices.map { j in s.map { $0[j] } }
      let expected = Loops.mean(
        s.indices.map { (Loops.crossEntropy(s[$0], $0) + Loops.crossEntropy(turned[$0], $0)) / 2 })
      let found = try LFM.contrast(.rows(a), .rows(b), temperature: 0.5).scalar()
      #expect(allClose([found], [expected], relative: 1e-9), "\(name)")
    }
    let identity = try Tensor.rows([[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    let shifted = try Tensor.rows([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    #expect(try LFM.contrast(identity, identity, temperature: 0.07).scalar() < 1e-4)
    #expect(try LFM.contrast(identity, shifted, temperature: 0.07).scalar() > 10)
  }

  @Test("embeddings of different width cannot be contrasted")
  func widths() throws {
    let error = try #require(throws: Diagnosis.self) {
      try LFM.contrast(.rows([[1, 2]]), .rows([[1, 2, 3]]), temperature: 0.07)
    }
    #expect("\(error)".contains("method.align=js"))
  }

  @Test("the fitted balance rises from 0.20 over 0.46 and 0.54 to 1 and never leaves 0 to 1")
  func polynomial() {
    #expect(allClose([0, 60, 100, 140].map(LFM.polynomial), [0.204624, 0.464026, 0.539155, 0.742538], absolute: 1e-5))
    #expect(LFM.polynomial(180) == 1)
    #expect((-50...300).allSatisfy { (0...1).contains(LFM.polynomial(Double($0))) })
    var clock = TrainingClock(steps: 100, epochs: 21)
    clock.epoch = 10
    #expect(allClose([LFM(.init()).balance(clock)], [0.539155], absolute: 1e-5))
  }

  @Test("the loss is twice the balance of both parts", arguments: ["contrastive", "js", "js_code"])
  func loss(_ align: String) throws {
    let bench = try Bench("lfm", ["align": .string(align), "schedule": "constant", "constant": 0.3])
    let (session, batch) = (try bench.session(), try bench.data.whole())
    var method = try bench.method()
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    let outputs = try session.forward(batch)
    let (own, features) = (try outputs.unimodal().values, try outputs.features.values)
    let target = try session.loss((own[0] + own[1]) / 2, batch)
    let gap =
      align == "contrastive"
      ? try LFM.contrast(features[0], features[1], temperature: 0.07)
      : try LFM.divergence(own[0].logSoftmax(-1), own[1].logSoftmax(-1), swapped: align == "js_code")
    #expect(allClose([try #require(report.losses["fused"])], [try target.scalar()]))
    #expect(allClose([try #require(report.scalars["alignment"])], [try gap.scalar()]))
    let expected = try session.gradients(of: target * 0.6 + gap * 1.4)
    for parameter in session.model.store.parameters {
      #expect(
        allClose(
          try values(inspection.updates[0][parameter.path]), try values(expected[parameter.path]), relative: 1e-3,
          absolute: 1e-6))
    }
  }

  @Test("predicts with the mean of those that are there")
  func prediction() throws {
    let bench = try Bench("lfm")
    let (session, batch) = (try bench.session(), try bench.data.whole())
    let outputs = try session.forward(batch)
    let own = try outputs.unimodal()
    let method = LFM(.init())
    #expect(try allClose(method.logits(outputs, absent: []), (own["image"] + own["text"]) / 2, absolute: 1e-6))
    #expect(try allClose(method.logits(outputs, absent: ["text"]), own["image"]))
    #expect(
      try allClose(method.logits(outputs, absent: ["text", "image"]), (own["image"] + own["text"]) / 2, absolute: 1e-6))
  }

  // MARK: The learned balance

  private func learned(_ settings: [String: Tree] = [:]) throws -> Bench {
    var bench = try Bench("lfm", ["schedule": "learned"].merging(settings) { $1 })
    bench.epochs = 4
    return bench
  }

  @Test("the learned balance begins at 0.05, moves before each later epoch and stays within 0.05 and 0.95")
  func learning() throws {
    let found = try learned().run().reports.map { try #require($0.scalars["weight.classification"]) }
    #expect(allClose([found[0]], [0.05]))
    #expect(Set(found).count > 1)
    for rate in [0.01, 1e6] {
      let found = try learned(["learning.rate": .number(rate)]).run().reports.compactMap {
        $0.scalars["weight.classification"]
      }
      #expect(found.allSatisfy { (0.05 - 1e-12...0.95 + 1e-12).contains($0) })
    }
    #expect(
      Set(try learned(["learning.rate": 0.0]).run().reports.map { $0.scalars["weight.classification"] }).count == 1)
  }

  @Test("without a validation split nothing is learned, and training does not begin")
  func noValidation() throws {
    let bench = try learned()
    let session = try bench.session()
    let context = TrainingContext(
      session: session, training: bench.data, validation: nil, batchSize: 8, random: RandomSource(seed: 1),
      makeSession: { try bench.session() })
    var method = LFM(try bench.settings.decode())
    let error = try #require(throws: Diagnosis.self) { try method.epochWillBegin(0, context) }
    #expect(error.what.contains("validation"))
    var fixed = LFM(.init())
    try fixed.epochWillBegin(0, context)
  }

  /// A session in float64 on the synthetic data, and its context.
  private func context(_ data: SyntheticData, _ validation: SyntheticData) throws -> TrainingContext {
    Conditions.prepare()
    let model = try MultimodalModel(
      modalities: data.modalities, inputWidths: data.widths, embeddingWidths: [4, 4], classes: 3, task: .singleLabel,
      store: ParameterStore(random: RandomSource(seed: 3), elementType: .float64))
    let session = TrainingSession(
      model, optimizer: try SGD(model.store), learningRate: LearningRate(0.1),
      clock: TrainingClock(steps: 100, epochs: 100), random: RandomSource(seed: 3))
    return TrainingContext(
      session: session, training: data, validation: validation, batchSize: 8, random: RandomSource(seed: 3),
      makeSession: { session })
  }

  /// By how much a learned balance moved before epoch 1, over its rate.
  private func slope(_ settings: LFM.Configuration, _ context: TrainingContext) throws -> Double {
    var method = LFM(settings)
    let before = method.balance(context.session.clock)
    try method.epochWillBegin(1, context)
    return (method.balance(context.session.clock) - before) / settings.learning.rate
  }

  private func settings(_ slope: LFM.Slope) -> LFM.Configuration {
    var settings = LFM.Configuration()
    settings.schedule = .learned
    settings.align = .js
    settings.learning.slope = slope
    // All samples there are, and so little that no bound is met.
    settings.learning.samples = 40
    settings.learning.rate = 1e-4
    return settings
  }

  private func losses(_ batch: Batch, _ session: TrainingSession) throws -> (target: Tensor, gap: Tensor) {
    let own = try session.forward(batch).unimodal().values
    return (
      try session.loss((own[0] + own[1]) / 2, batch),
      try LFM.divergence(own[0].logSoftmax(-1), own[1].logSoftmax(-1), swapped: false)
    )
  }

  @Test("it moves against the slope of the held-out loss after a step: the finite difference agrees")
  func heldOutSlope() throws {
    let data = SyntheticData(elementType: .float64)
    let held = SyntheticData(count: 14, seed: 2, elementType: .float64)
    let context = try context(data, held)
    let session = context.session
    let start = try session.model.store.snapshot()
    let rate = 1e-3

    /// The held-out loss after one step along the training loss of that balance.
    func heldOut(_ agreement: Double) throws -> Double {
      let (target, gap) = try losses(data.whole(), session)
      let direction = try session.gradients(of: target * (1 - agreement) + gap * agreement)
      for parameter in session.model.store.parameters {
        if let part = try direction[parameter.path] { try parameter.tensor.copy(from: parameter.tensor - part * rate) }
      }
      defer { try? session.model.store.restore(start) }
      return try losses(held.whole(), session).target.scalar()
    }
    let expected = try (heldOut(0.96) - heldOut(0.94)) / 0.02 / rate
    let found = try slope(settings(.held), context)
    #expect(abs(expected) > 1e-4)
    #expect(allClose([found], [expected], relative: 0.02))
  }

  @Test("the code's shortcut is the mean of a Hessian-vector product over one tensor: the finite difference agrees")
  func codeSlope() throws {
    let data = SyntheticData(elementType: .float64)
    // Half of one sample is that sample.
    let held = SyntheticData(count: 1, seed: 2, elementType: .float64)
    let context = try context(data, held)
    let session = context.session
    let start = try session.model.store.snapshot()
    let batch = try held.whole()
    let direction = try session.gradients(of: losses(batch, session).target)

    func first(_ step: Double) throws -> [Double] {
      for parameter in session.model.store.parameters {
        if let part = try direction[parameter.path] { try parameter.tensor.copy(from: parameter.tensor + part * step) }
      }
      defer { try? session.model.store.restore(start) }
      let (target, gap) = try losses(batch, session)
      return try values(session.gradients(of: (target * 0.05 + gap * 0.95) * 2)["image.embedding.weight"])
    }
    let epsilon = 1e-5
    let (above, below) = (try first(epsilon), try first(-epsilon))
    let expected = Loops.mean(zip(above, below).map { ($0 - $1) / (2 * epsilon) })
    #expect(abs(expected) > 1e-6)
    #expect(allClose([try slope(settings(.code), context)], [expected], relative: 1e-3))
  }

  @Test("three modalities: the mean over all pairs")
  func three() throws {
    let bench = try Bench("lfm", ["align": "js"], data: SyntheticData(modalities: ["image", "text", "audio"]))
    let (session, batch) = (try bench.session(), try bench.data.whole())
    var method = try bench.method()
    let report = try session.inspecting { try method.step(batch, session) }.report
    let logs = try session.forward(batch).unimodal().values.map { try $0.logSoftmax(-1) }
    let gaps = try [(0, 1), (0, 2), (1, 2)].map {
      try LFM.divergence(logs[$0.0], logs[$0.1], swapped: false).scalar()
    }
    #expect(allClose([try #require(report.scalars["alignment"])], [Loops.mean(gaps)], relative: 1e-4))
  }
}
