import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("Regression as a task of the methods")
struct RegressionStepTests {
  private static let cases = ListedStep.all("regression.json")

  private struct Golden: Decodable {
    struct Ridge: Decodable {
      let width: Int
      let strength: Double
      let inputs, targets, weight: [Double]
      let intercept, loss: Double
    }
    let ridges: [Ridge]
  }

  @Test("the golden steps are there, for two and three modalities")
  func complete() {
    #expect(Set(Self.cases.map(\.method)) == ["joint", "uniform", "balgrad", "pcgrad", "mmpareto", "fulcrum", "dgl"])
    #expect(Set(Self.cases.map(\.modalities.count)) == [2, 3])
    #expect(Self.cases.allSatisfy { $0.task == .regression })
  }

  @Test("a step is what PyTorch computes, to 1e-9", arguments: cases, [GradientPath.factored, .autograd])
  func golden(_ example: ListedStep, _ path: GradientPath) throws {
    var method = try MethodRegistry.entry(example.method)(example.tree())
    let session = try example.session(path, missing: example.method == "fulcrum")
    let batch = try example.examples()
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    try example.check(report, try #require(inspection.updates.first), session.model)
  }

  @Test(
    "a method that needs classes says why in one sentence, and all others are asked nothing", arguments: Candidate.all)
  func refusals(_ candidate: Candidate) throws {
    let requirements = candidate.entry.requirements
    try requirements.check(.singleLabel, method: candidate.card.name)
    #expect(candidate.card.needsClasses == requirements.needsClasses)
    guard let why = requirements.needsClasses else {
      try requirements.check(.regression, method: candidate.card.name)
      #expect(candidate.card.taskWords == "classes and numbers (regression)")
      return
    }
    #expect(why.count > 20 && !why.hasSuffix("."))
    let error = try #require(throws: Diagnosis.self) {
      try requirements.check(.regression, method: candidate.card.name)
    }
    #expect(error.what == "'\(candidate.card.name)' means nothing for a regression: \(why)")
    #expect(error.exitStatus == .usage)
    #expect(candidate.card.taskWords.hasSuffix(why))
  }

  @Test(
    "settings of BalGrad that need class probabilities are refused by name",
    arguments: [("kl.direction", "js"), ("kl.partner", "consensus"), ("weight.form", "conf_ratio")])
  func balgradSettings(_ key: String, _ value: String) throws {
    let bench = try Bench("balgrad", [key: .string(value)], data: SyntheticData(task: .regression))
    let error = try #require(throws: Diagnosis.self) { try bench.run() }
    #expect(error.what == "'balgrad' needs class probabilities for '\(key)=\(value)', and the task is a regression")
  }

  @Test("MSLR's search takes the rate with the least squared error, and its dynamic strategy is refused")
  func learningRates() throws {
    let data = SyntheticData(task: .regression)
    let outcome = try Bench("mslr", data: data).run()
    let state = try #require(outcome.method as? MSLR).state()
    let rates = try #require(state.numbers[path: "first"]?.listValue).compactMap(\.numberValue)
    #expect(rates.count == 2 && rates.allSatisfy { [0.25, 0.5, 1, 2, 4].contains($0) })
    let error = try #require(throws: Diagnosis.self) { try Bench("mslr", ["strategy": "dynamic"], data: data).run() }
    #expect(error.place == "method.strategy")
  }

  @Test("pretraining begins with the mean of the unimodal predictions, and not with their sum")
  func pretrained() throws {
    var bench = try Bench("pretrained-frozen", data: SyntheticData(task: .regression))
    bench.epochs = 2
    bench.learningRate = 0
    let session = try bench.session()
    var method = try #require(try bench.method() as? PretrainedFrozen)
    try method.prepare(bench.context(session))
    let outputs = try session.forward(bench.data.whole())
    let mean = try Tensor.stack(outputs.unimodal().values).mean(0)
    #expect(try allClose(values(outputs.logits), values(mean), relative: 1e-5, absolute: 1e-6))
  }

  @Test("logistic is ridge regression, with scikit-learn's weights")
  func ridge() throws {
    Conditions.prepare()
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: Conditions.golden("regression.json")))
    #expect(golden.ridges.count == 3)
    for example in golden.ridges {
      let inputs = try Tensor(example.inputs, shape: [example.targets.count, example.width])
      let regression = try LogisticRegression(
        task: .regression, classes: 1, inputs: inputs, labels: try Tensor(example.targets), classWeights: nil)
      let found = try regression.fitted(strength: example.strength, from: regression.start())
      #expect(allClose(try values(regression.matrix(found)), example.weight, relative: 1e-6, absolute: 1e-8))
      #expect(allClose(try values(regression.intercept(found)), [example.intercept], relative: 1e-6))
    }
  }
}
