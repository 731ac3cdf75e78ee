import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("TCMax")
struct TCMaxTests {
  private static let cases = ListedStep.all("tcmax.json")

  @Test("golden steps are there for every fusion and task, two and three modalities, and none is below the floor")
  func complete() {
    #expect(Set(Self.cases.map(\.fusion)).count == 5)
    #expect(Set(Self.cases.map(\.task)).count == 3)
    #expect(Set(Self.cases.map(\.modalities.count)) == [2, 3])
    #expect(Self.cases.allSatisfy { $0.scalars["method.loss"] ?? -1 >= 0 })
  }

  @Test(
    "loss, bound and direction are PyTorch's over every tuple, to 1e-9", arguments: cases,
    [GradientPath.factored, .autograd])
  func golden(_ example: ListedStep, _ path: GradientPath) throws { try example.check(path) }

  @Test("the loss is what plain loops over all pairs of samples find")
  func loops() throws {
    let taken = try StepTaken(Bench("tcmax"))
    let plain = try PlainModel(taken.session, taken.batch)
    let (image, text, truths) = (plain.part(0), plain.part(1), plain.labels.map { $0[0] })
    let sum = image.reduce(0.0) { sum, a in
      text.reduce(sum) { sum, b in zip(a, b).reduce(sum) { $0 + exp($1.0 + $1.1) } }
    }
    let own = Loops.mean(truths.indices.map { image[$0][truths[$0]] + text[$0][truths[$0]] })
    let expected = log(sum / Double(26 * 26 * 3)) - own
    #expect(allClose([-(try #require(taken.report.scalars["method.bound"]))], [expected], relative: 1e-5))
  }

  @Test("with one modality the loss is the log-mean-exp over samples and classes less the mean score of the truth")
  func one() throws {
    let bench = try Bench("tcmax", data: SyntheticData(modalities: ["image"]))
    let taken = try StepTaken(bench.session(), bench.method(), bench.data.whole())
    let logits = try taken.session.forward(taken.batch).logits
    let (z, labels): ([Double], [Int]) = (try values(logits), try taken.batch.labels.array())
    let truth = Loops.mean(labels.enumerated().map { z[$0.offset * 3 + $0.element] })
    let expected = log(Loops.mean(z.map { exp($0) })) - truth
    let bound = try #require(taken.report.scalars["method.bound"])
    #expect(allClose([-bound], [expected], relative: 1e-5, absolute: 1e-6))
  }

  @Test("a constant added to all logits changes nothing: the slopes of the bias add up to 0", arguments: [true, false])
  func constants(_ isSum: Bool) throws {
    let data = SyntheticData()
    let bench = try Bench("tcmax")
    let session = try isSum ? bench.session() : FeatureProduct.session(data)
    let taken = try StepTaken(session, bench.method(), data.whole())
    let slopes = try taken.found("fusion.classifier.bias")
    #expect(abs(slopes.reduce(0, +)) < 1e-5 && slopes.contains { abs($0) > 1e-4 })
  }

  @Test("on exclusive or no sum over modalities has a positive bound, and a product reaches log 2")
  func exclusiveOr() throws {
    for seed in 0..<20 {
      let data = try ExclusiveOr(2) { scope, widths, classes throws(TorchError) in
        try Concatenation(scope, widths: widths, classes: classes)
      }
      for parameter in data.model.store.parameters {
        try data.set(parameter.path, numbers(parameter.count, seed: UInt64(100 * seed + parameter.index + 1)))
      }
      let taken = try StepTaken(data.session, TCMax(.init()), data.batch)
      #expect(try #require(taken.report.scalars["method.bound"]) <= 1e-12)
    }
    let data = try ExclusiveOr(1) { scope, widths, classes throws(TorchError) in
      try FeatureProduct(scope, widths, classes)
    }
    for modality in ["image", "text"] {
      try data.set(ParameterPath("\(modality).embedding.weight"), [1])
      try data.set(ParameterPath("\(modality).embedding.bias"), [0])
    }
    try data.set("fusion.classifier.weight", [-30, 30])
    try data.set("fusion.classifier.bias", [0, 0])
    let taken = try StepTaken(data.session, TCMax(.init()), data.batch)
    #expect(allClose([try #require(taken.report.scalars["method.bound"])], [log(2)]))
  }

  @Test("tuples are all taken where they are few enough, and drawn ones come near them where they are not")
  func sampling() throws {
    let data = SyntheticData()
    func bound(_ samples: Int, step: Int = 0) throws -> Double {
      let session = try FeatureProduct.session(data)
      session.clock.step = step
      var configuration = TCMax.Configuration()
      configuration.samples = samples
      let taken = try StepTaken(session, TCMax(configuration), data.whole())
      return try #require(taken.report.scalars["method.bound"])
    }
    let exact = try bound(26 * 26)
    #expect(try bound(1_000_000) == exact)
    let drawn = try (0..<12).map { try bound(400, step: $0) }
    #expect(Set(drawn).count == 12)
    #expect(try bound(400, step: 3) == drawn[3])
    #expect(abs(Loops.mean(drawn) - exact) < 0.05 * abs(exact) + 0.05)
  }

  @Test("a class of weight two is a class whose samples come twice", arguments: [true, false])
  func classWeights(_ isSum: Bool) throws {
    let data = SyntheticData(count: 9)
    let labels: [Int] = try data.whole().labels.array()
    let visits = (0..<9).flatMap { sample in
      [SamplingPlan.Visit](repeating: .init(sample), count: labels[sample] == 0 ? 2 : 1)
    }
    func direction(_ weights: [Double]?, _ batch: Batch) throws -> ([Double], Double) {
      let plain = try isSum ? Bench("tcmax", data: data).session() : FeatureProduct.session(data)
      let session = TrainingSession(
        plain.model, optimizer: try SGD(plain.model.store), learningRate: LearningRate(0.1), clock: plain.clock,
        random: RandomSource(seed: 1), classWeights: try weights.map { try .of($0) })
      let taken = try StepTaken(session, TCMax(.init()), batch)
      return (try values(taken.update.flat()), try #require(taken.report.scalars["method.bound"]))
    }
    let (weighted, plain) = (try direction([2, 1, 1], data.whole()), try direction(nil, data.batch(visits[...])))
    #expect(allClose(weighted.0, plain.0, relative: 1e-4, absolute: 1e-5))
    #expect(allClose([weighted.1], [plain.1], relative: 1e-5, absolute: 1e-6))
  }

  @Test("huge logits stay finite")
  func huge() throws {
    let bench = try Bench("tcmax")
    let session = try bench.session()
    for parameter in session.model.store.parameters where parameter.path.isWithin("fusion") {
      try withoutGradients { try parameter.tensor.copy(from: parameter.tensor * 1e12) }
    }
    let taken = try StepTaken(session, bench.method(), bench.data.whole())
    #expect(try taken.update.isFinite())
    #expect(try #require(taken.report.scalars["method.loss"]).isFinite)
  }
}
