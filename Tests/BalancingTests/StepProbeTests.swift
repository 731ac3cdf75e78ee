import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

/// A training with the probe on, as far as `stop`.
private struct Probed {
  var reports: [StepReport]
  var weights: [String: [Double]]
  let probe: StepProbe
  let session: TrainingSession
  let position: Trainer.Position

  init(
    _ bench: Bench, _ settings: ProbeSettings, stopAfter stop: Int? = nil,
    from begin: (TrainingSession, StepProbe) throws -> Trainer.Position = { _, _ in .init() }
  ) throws {
    let session = try bench.session()
    var method = try bench.method()
    let probe = try StepProbe(settings, model: session.model, method: method, stepLength: 0.01)
    var position = try begin(session, probe)
    let follower = Follower(stopAfter: stop)
    _ = try bench.trainer.train(&method, bench.context(session), from: &position, observer: follower, probe: probe)
    reports = follower.reports
    weights = try Bench.weights(session.model)
    self.probe = probe
    self.session = session
    self.position = position
  }

  func scalars(_ name: String) -> [Double] { reports.compactMap { $0.scalars[name] } }
}

private func settings(_ form: ProbeForm, every: Int = 3) -> ProbeSettings {
  var settings = ProbeSettings()
  settings.form = form
  settings.every = every
  return settings
}

extension StepReport {
  fileprivate var withoutProbe: StepReport {
    StepReport(losses: losses, scalars: scalars.filter { !$0.key.hasPrefix("probe.") })
  }
}

/// A batch looked at once in float64, before any step.
private struct Look {
  let found: [String: Double]
  let session: TrainingSession
  let batch: Batch

  var model: MultimodalModel { session.model }

  init(
    _ method: String, modalities: [Modality] = ["image", "text"], task: PredictionTask = .singleLabel,
    fusion: FusionForm = .concatenation, stepLength: Double, freezing: [ParameterPath] = []
  ) throws {
    Conditions.prepare()
    let data = SyntheticData(modalities: modalities, task: task, classes: 3, count: 11, elementType: .float64)
    let model = try MultimodalModel(
      modalities: modalities, inputWidths: data.widths, embeddingWidths: modalities.map { _ in 4 }, classes: 3,
      task: task, store: ParameterStore(random: RandomSource(seed: 3), elementType: .float64)
    ) { scope, widths, classes throws(TorchError) in
      switch fusion {
      case .addition: try Addition(scope, widths: widths, classes: classes)
      case .attention: try AttentionFusion(scope, widths: widths, classes: classes)
      default: try Concatenation(scope, widths: widths, classes: classes)
      }
    }
    // Begun weights predict nearly alike.
    try model.store.restore(try model.store.snapshot() * 2)
    for path in freezing { try model.store.freeze(path) }
    session = TrainingSession(
      model, optimizer: try SGD(model.store), learningRate: LearningRate(0.1),
      clock: TrainingClock(steps: 10, epochs: 1), random: RandomSource(seed: 3))
    batch = try data.whole()
    let entry = try MethodRegistry.entry(method)
    let probe = try StepProbe(
      settings(.firstOrder, every: 1), model: model, method: entry(entry.defaults), stepLength: stepLength)
    let before = try values(model.store.flat())
    found = try probe.measure(batch, session)
    // What was tried was taken back.
    #expect(try values(model.store.flat()) == before)
  }

  func value(_ name: String) throws -> Double { try #require(found["probe.\(name)"]) }

  /// g_T.
  func target() throws -> Gradients {
    try session.gradients(of: session.loss(model(batch.inputs).logits, batch))
  }

  /// g_kl with all weights one half, a term at a time.
  func balance() throws -> Gradients {
    let logs = try model(batch.inputs).unimodal().values.map { try model.task.logProbabilities($0) }
    var terms: [Tensor] = []
    for m in logs.indices {
      for j in logs.indices where j != m {
        let term = try Divergence.kullbackLeibler(logs[j].detached(), logs[m])
        terms.append(try term * (0.5 / Double(logs.count - 1)))
      }
    }
    return try session.gradients(of: Tensor.stack(terms).sum())
  }
}

@Suite("The step probe")
struct StepProbeTests {
  // MARK: It takes no part

  @Test(
    "a run with the probe on reports and ends with the same bits as one without",
    arguments: ["joint", "uniform", "balgrad", "unimodal"], [ProbeForm.conflicts, .firstOrder])
  func noPart(method: String, form: ProbeForm) throws {
    let bench = try Bench(method)
    let plain = try bench.run()
    let probed = try Probed(bench, settings(form))
    #expect(probed.weights == plain.last)
    #expect(probed.reports.map(\.withoutProbe.losses) == plain.reports.map(\.losses))
    #expect(probed.reports.map(\.withoutProbe.scalars) == plain.reports.map(\.scalars))
    #expect(!probed.scalars("probe.cosine").isEmpty)
  }

  @Test("so it is with three modalities, several labels and fusion by attention")
  func noPartElsewhere() throws {
    let data = SyntheticData(modalities: ["image", "text", "audio"], task: .multiLabel)
    var bench = try Bench("joint", data: data)
    bench.fusesByAttention = true
    let probed = try Probed(bench, settings(.firstOrder))
    #expect(try probed.weights == bench.run().last)
    #expect(probed.scalars("probe.loss.audio").count == probed.scalars("probe.cosine").count)
    #expect(probed.scalars("probe.eq1.cross").isEmpty)
  }

  @Test("with the form none it says nothing")
  func none() throws {
    let probed = try Probed(Bench("uniform"), settings(.none))
    #expect(probed.reports.allSatisfy { $0.scalars.keys.allSatisfy { !$0.hasPrefix("probe.") } })
  }

  @Test("it looks at one step in so many", arguments: [1, 3, 5])
  func every(_ every: Int) throws {
    for method in ["joint", "uniform"] {
      let reports = try Probed(Bench(method), settings(.conflicts, every: every)).reports
      let looked = reports.indices.filter { reports[$0].scalars["probe.cosine"] != nil }
      #expect(looked == reports.indices.filter { $0 % every == 0 })
    }
  }

  // MARK: Classifiers

  @Test("joint training has the probe train classifiers of its own, and keeps the model's as they were")
  func ownHeads() throws {
    var bench = try Bench("joint")
    bench.epochs = 60
    let begun = try Bench.weights(bench.model())
    let probed = try Probed(bench, settings(.conflicts))
    for modality in ["image", "text"] {
      let losses = probed.scalars("probe.loss.\(modality)")
      // Its classifiers learn at 1e-3 and the features move under them.
      let (first, last): (Double, Double) = (losses.prefix(4).reduce(0, +), losses.suffix(4).reduce(0, +))
      #expect(last < 0.9 * first)
      for part in ["weight", "bias"] {
        let name = "\(modality).head.\(part)"
        #expect(probed.weights[name] == begun[name])
      }
    }
    #expect(try !probed.probe.state().isEmpty)
  }

  @Test("where the method trains unimodal classifiers the probe takes those, and keeps nothing")
  func methodHeads() throws {
    let probed = try Probed(Bench("uniform"), settings(.conflicts, every: 1))
    #expect(try probed.probe.state().isEmpty)
    for modality in ["image", "text"] {
      #expect(probed.scalars("probe.loss.\(modality)") == probed.reports.compactMap { $0.losses[modality] })
    }
  }

  @Test(
    "a run that is gone on with probes as one that was never stopped, bit for bit", arguments: ["joint", "balgrad"])
  func resuming(method: String) throws {
    let bench = try Bench(method)
    let whole = try Probed(bench, settings(.firstOrder, every: 1))
    let first = try Probed(bench, settings(.firstOrder, every: 1), stopAfter: 5)
    let kept = try first.probe.state().map { ($0.0, try $0.1.cloned()) }
    let optimizer = try first.session.optimizer.state().map { ($0.0, try $0.1.cloned()) }
    let rest = try Probed(bench, settings(.firstOrder, every: 1)) { session, probe in
      try session.model.store.restore(first.session.model.store.snapshot())
      try session.optimizer.restore { name in try #require(optimizer.first { $0.0 == name }?.1) }
      try probe.restore { name in try #require(kept.first { $0.0 == name }?.1) }
      session.clock.step = 5
      return first.position
    }
    let joined = first.reports + rest.reports
    #expect(joined.map(\.losses) == whole.reports.map(\.losses))
    #expect(joined.map(\.scalars) == whole.reports.map(\.scalars))
    #expect(rest.weights == whole.weights)
  }

  // MARK: Cosines

  @Test("the cosine is that of BalGrad with equal weights and the full divergence", arguments: [2, 3])
  func cosine(count: Int) throws {
    let data = SyntheticData(modalities: Array(["image", "text", "audio"].prefix(count)))
    let bench = try Bench(
      "balgrad", ["reweighting": false, "ramp.form": "constant", "ramp.lambda0": 1.0], data: data)
    let probed = try Probed(bench, settings(.conflicts, every: 1))
    let (own, theirs) = (probed.scalars("probe.cosine"), probed.scalars("cosine"))
    #expect(own.count == 12)
    #expect(allClose(own, theirs, relative: 1e-4, absolute: 1e-5))
    let conflicts: [Double] = own.map { $0 < 0 ? 1 : 0 }
    #expect(probed.scalars("probe.conflict") == conflicts)
  }

  @Test("a single modality diverges from nobody")
  func single() throws {
    let probed = try Probed(Bench("joint", data: SyntheticData(modalities: ["text"])), settings(.firstOrder))
    #expect(Set(probed.scalars("probe.cosine")) == [0])
    #expect(Set(probed.scalars("probe.conflict")) == [0])
    #expect(probed.scalars("probe.eq5.predicted") == probed.scalars("probe.eq1.predicted"))
  }

  // MARK: First order

  @Test(
    "the actual change comes to the predicted one as the step gets short (eq. 1 and 5)",
    arguments: ["joint", "uniform"], [FusionForm.concatenation, .addition, .attention])
  func converges(method: String, fusion: FusionForm) throws {
    for (modalities, task) in [
      (["image", "text"], .singleLabel), (["image", "text", "audio"], .multiLabel),
    ] as [([Modality], PredictionTask)] {
      for equation in ["eq1", "eq5"] {
        let errors = try [1e-3, 1e-4, 1e-5].map { length in
          let look = try Look(method, modalities: modalities, task: task, fusion: fusion, stepLength: length)
          let predicted = try look.value("\(equation).predicted")
          #expect(predicted < 0)
          return abs(try look.value("\(equation).actual") / predicted - 1)
        }
        // To first order: a step a tenth as long is off by a tenth.
        #expect(errors[2] < 1e-3, "\(equation) \(task)")
        #expect((0.05...0.2).contains(errors[1] / errors[0]), "\(equation) \(task): \(errors)")
        #expect((0.05...0.2).contains(errors[2] / errors[1]), "\(equation) \(task): \(errors)")
      }
    }
  }

  @Test("eq. 1 predicts −η‖g_T‖², eq. 5 −η‖g_T + g_kl‖² with the cross term −η·2⟨g_T, g_kl⟩", arguments: [2, 3])
  func predictions(count: Int) throws {
    let look = try Look(
      "uniform", modalities: Array(["image", "text", "audio"].prefix(count)), stepLength: 0.25)
    let (target, balance) = (try look.target(), try look.balance())
    let (tt, kk, tk) = (try target.dot(target), try balance.dot(balance), try target.dot(balance))
    #expect(allClose([try look.value("eq1.predicted")], [-0.25 * tt], relative: 1e-10))
    #expect(allClose([try look.value("eq5.predicted")], [-0.25 * (tt + kk + 2 * tk)], relative: 1e-10))
    #expect(allClose([try look.value("eq5.cross")], [-0.25 * 2 * tk], relative: 1e-9, absolute: 1e-15))
    #expect(tk != 0)
  }

  @Test("concatenation's cross term is the bias's alone, and nothing without a bias to train", arguments: [2, 3])
  func concatenation(count: Int) throws {
    let modalities: [Modality] = Array(["image", "text", "audio"].prefix(count))
    let look = try Look("joint", modalities: modalities, stepLength: 0.5)
    let bias = try values(look.target()["fusion.classifier.bias"])
    // M equal shares b/M: of the bias's square, all but the M squares of its M-th parts.
    let expected = -0.5 * bias.map { $0 * $0 }.reduce(0, +) * Double(count - 1) / Double(count)
    #expect(expected < 0)
    #expect(allClose([try look.value("eq1.cross")], [expected], relative: 1e-10))
    let frozen = try Look(
      "joint", modalities: modalities, stepLength: 0.5, freezing: ["fusion.classifier.bias"])
    #expect(try frozen.value("eq1.cross") == 0)
  }

  @Test("addition's cross term is twice the product of the modalities' shares δᵀeᵥ and δᵀeₗ")
  func addition() throws {
    let look = try Look(
      "joint", fusion: .addition, stepLength: 0.5, freezing: ["fusion.classifier.bias"])
    let outputs = try look.model(look.batch.inputs)
    let truth = try look.batch.labels.oneHot(3).to(.float64)
    let slope = try (outputs.logits.softmax(-1) - truth) / Double(look.batch.samples.count)
    let shares = try outputs.features.values.map { try slope.transposed().matmul($0) }
    let expected = -0.5 * 2 * (try (shares[0] * shares[1]).sum().scalar())
    #expect(allClose([try look.value("eq1.cross")], [expected], relative: 1e-10))
    #expect(abs(expected) > 1e-6)
  }
}
