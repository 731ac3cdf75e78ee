import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("SMV re-sampling")
struct SMVTests {
  private static let three: [Modality] = ["image", "text", "audio"]

  private func bench(
    _ settings: [String: Tree] = [:], _ modalities: [Modality] = ["image", "text"],
    _ task: PredictionTask = .singleLabel
  ) throws -> Bench {
    try Bench("smv", settings, data: SyntheticData(modalities: modalities, task: task))
  }

  private func smv(_ bench: Bench) throws -> SMV { try #require(try bench.method() as? SMV) }

  /// The game of two modalities, of which each alone and both together are right (1) or wrong (0).
  private func worths(_ a: Double, _ v: Double, _ both: Double) throws -> [Double] { [0, a, v, 2 * both] }

  // MARK: Values

  @Test(
    "known values and copies, where the first, the second and both together are right or wrong",
    arguments: [
      ([0.0, 1, 0], [-0.5, 0.5], [3, 1]), ([1, 0, 1], [1.5, 0.5], [0, 1]), ([1, 1, 1], [1, 1], [0, 0]),
      ([0, 0, 0], [0, 0], [2, 2]),
    ])
  func known(_ right: [Double], _ values: [Double], _ copies: [Int]) throws {
    let found = try Shapley.values(worths(right[0], right[1], right[2]))
    #expect(allClose(found, values, relative: 1e-12, absolute: 1e-12))
    #expect(found.map(SMV.copies) == copies)
  }

  @Test("a sample that all subsets predict right is not copied, with any number of modalities", arguments: 2...8)
  func cooperative(_ count: Int) throws {
    Conditions.prepare()
    let worths = (0..<(1 << count)).map { Double($0.nonzeroBitCount) }
    #expect(try Shapley.values(worths).map(SMV.copies).allSatisfy { $0 == 0 })
    // As tensors too, where thirds are not exact.
    let tensors = try worths.map { try Tensor([$0]) }
    let values = try Shapley.values(tensors).map { try $0.scalar() }
    #expect(values.map(SMV.copies).allSatisfy { $0 == 0 })
  }

  @Test("of four modalities a value of 11/12 is below 1 and asks for a copy, and one at a bound is not below it")
  func nearlyOne() throws {
    let worths = (0..<16).map { $0 == 3 ? 1 : Double($0.nonzeroBitCount) }
    let found = try Shapley.values(worths)
    #expect(allClose([found[0]], [11.0 / 12], relative: 1e-12))
    #expect(SMV.copies(found[0]) == 1)
    #expect(SMV.copies(1 - 1.0 / 840) == 1 && SMV.copies(1 - 1e-15) == 0)
    #expect(SMV.copies(0.4 - 1e-15) == 1 && SMV.copies(0.4 - 1.0 / 840) == 2)
    #expect(SMV.copies(-0.1 - 1e-15) == 2 && SMV.copies(-0.1 - 1.0 / 840) == 3)
  }

  @Test("a row that is zeros by itself is not hidden: training sees what the test sees")
  func genuineZeros() throws {
    let bench = try bench()
    let session = try bench.session()
    var method = try smv(bench)
    _ = try method.plan(forEpoch: 1, bench.context(session))
    let visits = [SamplingPlan.Visit(0), .init(1, hidden: ["text"]), .init(2)]
    let whole = try bench.data.batch(visits[...])
    // An empty text: sample 2 has nothing in it.
    let keep = try Tensor.of([1, 1, 0], [3, 1])
    let batch = whole.replacing(try whole.inputs.map { $0 == "text" ? try $1 * keep : $1 })
    let plain = try session.forward(batch).features
    var report = StepReport(losses: [:])
    let seen = try values(method.features(plain, batch, session, &report)["text"])
    let before = try values(plain["text"])
    #expect(Array(seen[8..<12]) == Array(before[8..<12]) && before[8..<12].contains { $0 != 0 })
    #expect(seen[4..<8].allSatisfy { $0 == 0 })
  }

  /// φ of a model with the fusion W [e₁; …] + b, in plain loops.
  private func plainContributions(
    _ model: MultimodalModel, _ features: [[Double]], _ labels: [[Int]]
  ) throws
    -> [[Double]]
  {
    let (w, b) = (
      try values(model.store["fusion.classifier.weight"]?.tensor),
      try values(model.store["fusion.classifier.bias"]?.tensor)
    )
    let (modalities, classes, samples) = (model.modalities.count, model.classes, labels.count)
    let width = features[0].count / samples
    return (0..<samples).map { i in
      let worths = (0..<(1 << modalities)).map { coalition -> Double in
        let logits = (0..<classes).map { c in
          b[c]
            + total(modalities) { m in
              coalition >> m & 1 == 0
                ? 0 : total(width) { features[m][i * width + $0] * w[c * width * modalities + m * width + $0] }
            }
        }
        let right =
          model.task == .multiLabel
          ? (0..<classes).allSatisfy { (logits[$0] > 0 ? 1 : 0) == labels[i][$0] }
          : logits.firstIndex(of: logits.max() ?? 0) == labels[i][0]
        return right ? Double(coalition.nonzeroBitCount) : 0
      }
      // Over all orders of joining.
      var sums = [Double](repeating: 0, count: modalities)
      var orders = 0.0
      func join(_ coalition: Int, _ added: [Double]) {
        if coalition == worths.count - 1 {
          for (m, value) in added.enumerated() { sums[m] += value }
          orders += 1
        }
        for m in 0..<modalities where coalition >> m & 1 == 0 {
          var more = added
          more[m] = worths[coalition | 1 << m] - worths[coalition]
          join(coalition | 1 << m, more)
        }
      }
      join(0, sums)
      return sums.map { $0 / orders }
    }
  }

  @Test(
    "values are those of plain loops over features that are set to zero",
    arguments: [(2, PredictionTask.singleLabel), (3, .singleLabel), (2, .multiLabel), (3, .binary)])
  func contributions(_ count: Int, _ task: PredictionTask) throws {
    let modalities = Array(Self.three.prefix(count))
    let data = SyntheticData(modalities: modalities, task: task, classes: task == .singleLabel ? 3 : 2)
    let bench = try Bench("smv", data: data)
    let session = try bench.run().session
    let batch = try data.whole()
    let features = try session.forward(batch).features
    let labels: [Int] = try batch.labels.to(.int64).array()
    let columns = labels.count / data.count
    let found = try SMV.contributions(features, batch.labels, session.model).map { try values($0) }
    let expected = try plainContributions(
      session.model, features.values.map { try values($0) },
      (0..<data.count).map { Array(labels[($0 * columns)..<(($0 + 1) * columns)]) })
    for m in 0..<count { #expect(allClose(found[m], expected.map { $0[m] }, relative: 1e-5, absolute: 1e-6)) }
    #expect(Set(found[0].map { ($0 * 6).rounded() }).count > 1)
  }

  @Test("the value of a hidden modality is that of a zero feature, not of a zero input")
  func features() throws {
    let bench = try bench()
    let session = try bench.session()
    // One class wins by the embedding's bias alone wherever an input is zero.
    let bias = try #require(session.model.store["text.embedding.bias"]).tensor
    try bias.copy(from: .of([50, 50, 50, 50]))
    let batch = try bench.data.whole()
    let features = try session.forward(batch).features
    let labels = batch.labels
    func right(_ logits: Tensor) throws -> [Double] { try values(Certainty.right(logits, labels, .singleLabel)) }
    let zeroInput = try right(session.forward(batch, without: ["text"]).logits)
    let zeroFeature = try right(
      session.model.outputs(ofFeatures: features.map { $0 == "text" ? try $1 * 0 : $1 }).logits)
    #expect(zeroInput != zeroFeature)
    let text = try right(session.model.outputs(ofFeatures: features.map { $0 == "image" ? try $1 * 0 : $1 }).logits)
    let both = try right(session.forward(batch).logits)
    let found = try values(SMV.contributions(features, labels, session.model)[0])
    let expected = (0..<bench.data.count).map { (zeroFeature[$0] + 2 * both[$0] - text[$0]) / 2 }
    #expect(allClose(found, expected, relative: 1e-6, absolute: 1e-6))
  }

  @Test("batch by batch, values are the same as all at once")
  func batches() throws {
    var bench = try bench()
    let outcome = try bench.run()
    let samples = [25, 3, 3, 17, 0, 8, 9, 11, 20]
    func found(_ batchSize: Int) throws -> [[Double]] {
      bench.batchSize = batchSize
      return try SMV.contributions(of: samples, bench.context(outcome.session))
    }
    let whole = try found(100)
    for size in [1, 2, 4] { #expect(try found(size) == whole) }
    #expect(whole.allSatisfy { $0.count == samples.count })
    #expect(whole[0][1] == whole[0][2])
  }

  // MARK: Plans

  @Test("sample level: each sample once, and again with one modality alone as often as it is worth little")
  func samplePlan() throws {
    for modalities in [["image", "text"], Self.three] as [[Modality]] {
      let bench = try bench([:], modalities)
      let context = bench.context(try bench.session())
      var method = try smv(bench)
      let plan = try method.plan(forEpoch: 1, context)
      let values = try SMV.contributions(of: Array(0..<bench.data.count), context)
      for sample in 0..<bench.data.count {
        let visits = plan.visits.filter { $0.sample == sample }
        #expect(visits.count { $0.hidden.isEmpty } == 1)
        for (m, modality) in modalities.enumerated() {
          let alone = Set(modalities).subtracting([modality])
          #expect(visits.count { $0.hidden == alone } == SMV.copies(values[m][sample]))
        }
        #expect(visits.count == 1 + modalities.indices.reduce(0) { $0 + SMV.copies(values[$1][sample]) })
      }
      #expect(plan.visits.count > bench.data.count)
      #expect(plan.visits.map(\.sample) != plan.visits.map(\.sample).sorted())
    }
  }

  @Test("modality level: a share of the samples comes again with the worse modality alone")
  func modalityPlan() throws {
    for modalities in [["image", "text"], Self.three] as [[Modality]] {
      let bench = try bench(["level": "modality", "modality.share": 1, "modality.alpha": 0.9], modalities)
      let session = try bench.run().session
      // The image says nothing any more.
      for part in ["weight", "bias"] {
        try #require(session.model.store[ParameterPath("image.embedding.\(part)")]).tensor.fill(0)
      }
      let context = bench.context(session)
      var method = try smv(bench)
      let plan = try method.plan(forEpoch: 1, context)
      let means = try SMV.contributions(of: Array(0..<bench.data.count), context).map {
        $0.reduce(0, +) / Double(bench.data.count)
      }
      let best = try #require(means.max())
      var copies = 0
      for (m, modality) in modalities.enumerated() {
        let visits = plan.visits.filter { $0.hidden == Set(modalities).subtracting([modality]) }
        let expected = Int(0.9 * 2 / 3 * (best - means[m]) * Double(bench.data.count) + 1e-6)
        #expect(visits.count == expected, "\(modality)")
        #expect(expected > bench.data.count || Set(visits.map(\.sample)).count == visits.count)
        copies += visits.count
      }
      #expect(copies > 0)
      #expect(plan.visits.contains { $0.hidden == Set(modalities).subtracting(["image"]) })
      #expect(plan.visits.count == bench.data.count + copies)
    }
  }

  @Test("at modality level the best is never shown alone, and equals need no copies")
  func share() {
    var settings = SMV.ModalityLevel()
    #expect(SMV.share(0, settings) == 0)
    #expect(allClose([SMV.share(0.6, settings)], [0.4], relative: 1e-12))
    settings.alpha = 2
    #expect(allClose([SMV.share(0.6, settings)], [0.8], relative: 1e-12))
    settings.map = .tanh
    #expect(allClose([SMV.share(0.6, settings)], [tanh(0.8)], relative: 1e-12))
    settings.map = .power
    #expect(allClose([SMV.share(0.6, settings)], [2 * pow(0.4, 1.5)], relative: 1e-12))
    #expect(SMV.share(0, settings) == 0)
  }

  @Test("copies are of different samples as far as these last", arguments: [0, 1, 7, 10, 23])
  func draw(_ wanted: Int) {
    var numbers = SeededNumbers(seed: 3, stream: "draw")
    let drawn = numbers.sampleInRounds(wanted, of: 10)
    #expect(drawn.count == wanted)
    for number in 0..<10 { #expect([wanted / 10, (wanted + 9) / 10].contains(drawn.count { $0 == number })) }
    #expect(numbers.sampleInRounds(3, of: 0).isEmpty)
  }

  @Test("the value of a random share of samples is taken at modality level")
  func valuedShare() throws {
    let data = Recording(SyntheticData())
    let bench = try bench(["level": "modality", "modality.share": 0.2])
    let session = try bench.session()
    let context = TrainingContext(
      session: session, training: data, validation: nil, batchSize: 8, random: RandomSource(seed: 1),
      makeSession: { try bench.session() })
    var method = try smv(bench)
    _ = try method.plan(forEpoch: 1, context)
    #expect(data.seen.count == 5 && Set(data.seen).count == 5)
    let first = data.seen
    data.seen = []
    _ = try method.plan(forEpoch: 2, context)
    #expect(data.seen != first)
  }

  @Test("before the warm-up is over, an epoch is joint training's")
  func warmup() throws {
    var bench = try bench(["warmup": 0.5])
    bench.epochs = 5
    let context = bench.context(try bench.session())
    var method = try smv(bench)
    for epoch in 0..<5 {
      let plain = context.shuffled(epoch)
      #expect(try (method.plan(forEpoch: epoch, context) == plain) == (epoch < 3))
    }
  }

  // MARK: Training

  @Test("without copies it is joint training, bit for bit")
  func neutral() throws {
    let joint = try Bench("joint").run()
    let settings: [[String: Tree]] = [["warmup": 1], ["level": "modality", "modality.alpha": 0]]
    for settings in settings {
      let own = try bench(settings).run()
      #expect(own.last == joint.last)
      #expect(own.orders == joint.orders)
      #expect(own.reports.map(\.losses) == joint.reports.map(\.losses))
    }
  }

  @Test("what is hidden teaches its branch nothing, its bias included, and adds nothing to the prediction")
  func hidden() throws {
    let bench = try bench()
    let session = try bench.session()
    var method = try smv(bench)
    _ = try method.plan(forEpoch: 1, bench.context(session))
    let batch = try bench.data.batch((0..<8).map { SamplingPlan.Visit($0, hidden: ["text"]) }[...])
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    let update = try #require(inspection.updates.first)
    #expect(try values(update["text.embedding.bias"]).allSatisfy { $0 == 0 })
    #expect(try values(update["text.embedding.weight"]).allSatisfy { $0 == 0 })
    #expect(try values(update["image.embedding.bias"]).contains { $0 != 0 })
    let features = try session.forward(batch).features
    let alone = try session.model.outputs(ofFeatures: features.map { $0 == "text" ? try $1 * 0 : $1 })
    let loss = try session.loss(alone.logits, batch).scalar()
    #expect(allClose([report.losses["fused"] ?? 0], [loss], relative: 1e-6))
  }

  @Test("in one batch, only the rows that are hidden are")
  func rows() throws {
    let bench = try bench()
    let session = try bench.session()
    var method = try smv(bench)
    _ = try method.plan(forEpoch: 1, bench.context(session))
    let visits = [SamplingPlan.Visit(0), .init(1, hidden: ["text"]), .init(2, hidden: ["image"]), .init(3)]
    let batch = try bench.data.batch(visits[...])
    let plain = try session.forward(batch).features
    var report = StepReport(losses: [:])
    let seen = try method.features(plain, batch, session, &report)
    for (modality, hiddenRow) in [("image", 2), ("text", 1)] as [(Modality, Int)] {
      let (before, after) = (try values(plain[modality]), try values(seen[modality]))
      for i in 0..<16 { #expect(after[i] == (i / 4 == hiddenRow ? 0 : before[i])) }
    }
  }

  @Test("what was found is reported with every step of its epoch")
  func reports() throws {
    let bench = try bench()
    let outcome = try bench.run()
    let means = outcome.means
    #expect(means[0]["contribution.image"] == nil)
    for epoch in means.dropFirst() {
      let image = try #require(epoch["contribution.image"])
      #expect((-0.5...1.5).contains(image))
      let copies = try #require(epoch["copies.image"]) + #require(epoch["copies.text"])
      #expect(copies > 0)
    }
    for (order, epoch) in zip(outcome.orders, means).dropFirst() {
      let copies = ((epoch["copies.image"] ?? 0) + (epoch["copies.text"] ?? 0)) * Double(bench.data.count)
      #expect(order.count == bench.data.count + Int(copies.rounded()))
    }
  }

  @Test("more modalities than there are subsets for are refused before the first step")
  func tooMany() throws {
    let bench = try bench([:], (0..<11).map { Modality("m\($0)") })
    let error = try #require(throws: Diagnosis.self) { try bench.run() }
    #expect(error.what == "'smv' predicts from every subset of modalities, and 11 have too many")
    #expect(error.exitStatus == .usage)
  }
}

/// A split that remembers which samples were asked for.
final class Recording: BatchSource {
  private let source: SyntheticData
  var seen: [Int] = []

  init(_ source: SyntheticData) { self.source = source }

  var count: Int { source.count }

  func batch(_ visits: ArraySlice<SamplingPlan.Visit>) throws -> Batch {
    seen += visits.map(\.sample)
    return try source.batch(visits)
  }
}
