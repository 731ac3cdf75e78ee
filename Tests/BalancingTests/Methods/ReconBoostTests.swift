import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("ReconBoost")
struct ReconBoostTests {
  private static let three: [Modality] = ["image", "text", "audio"]

  private func bench(
    _ settings: [String: Tree] = [:], _ modalities: [Modality] = ["image", "text"],
    _ task: PredictionTask = .singleLabel
  ) throws -> Bench {
    try Bench("reconboost", settings, data: SyntheticData(modalities: modalities, task: task))
  }

  /// What one step in an epoch reports and where it goes, on a model that has not been trained.
  private func step(_ bench: Bench, epoch: Int) throws -> (StepReport, Gradients, TrainingSession) {
    let session = try bench.session()
    session.clock.epoch = epoch
    var method = try bench.method()
    let (report, inspection) = try session.inspecting { try method.step(bench.data.whole(), session) }
    return (report, try #require(inspection.updates.first), session)
  }

  private func softmax(_ logits: [Double]) -> [Double] {
    let top = logits.max() ?? 0
    let powers = logits.map { exp($0 - top) }
    return powers.map { $0 / powers.reduce(0, +) }
  }

  // MARK: The loss

  @Test("the known example")
  func known() throws {
    Conditions.prepare()
    let loss = try ReconBoost.boosting(
      Tensor([1.0, 0, -1], shape: [1, 3]), Tensor([0.2, 0.1, 0], shape: [1, 3]), Tensor([0]), .singleLabel, fit: 5,
      reconcilement: 1)
    #expect(try allClose([loss.scalar()], [0.629457], relative: 0, absolute: 5e-7))
  }

  @Test("the loss is that of plain loops", arguments: [0, 1e-10, 1, 30, 1e15])
  func loops(_ scale: Double) throws {
    Conditions.prepare()
    let (own, rest) = (numbers(15, seed: 1).map { $0 * scale }, numbers(15, seed: 2).map { $0 * scale })
    let labels = [2, 0, 1, 1, 2]
    let found = try ReconBoost.boosting(
      Tensor(own, shape: [5, 3]), Tensor(rest, shape: [5, 3]), Tensor(labels), .singleLabel, fit: 4, reconcilement: 1.5)
    let expected =
      total(5) { i in
        let (z, r) = (Array(own[(3 * i)..<(3 * i + 3)]), Array(rest[(3 * i)..<(3 * i + 3)]))
        let top = z.max() ?? 0
        let logSum = top + log(z.reduce(0) { $0 + exp($1 - top) })
        return (4 - 1.5 * softmax(r)[labels[i]]) * (logSum - z[labels[i]])
      } / 5 / 3
    #expect(try allClose([found.scalar()], [expected], relative: 1e-10))
  }

  @Test("with several labels, each counts less where the others know it")
  func severalLabels() throws {
    Conditions.prepare()
    let (own, rest) = (numbers(8, seed: 1), numbers(8, seed: 2))
    let labels = [1, 0, 1, 1, 0, 0, 0, 1]
    let found = try ReconBoost.boosting(
      Tensor(own, shape: [2, 4]), Tensor(rest, shape: [2, 4]), Tensor(labels, shape: [2, 4]).to(.uint8), .multiLabel,
      fit: 5, reconcilement: 2)
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    let expected =
      total(8) { i in
        let sign = labels[i] == 1 ? 1.0 : -1
        return (5 - 2 * sigmoid(sign * rest[i])) * -log(sigmoid(sign * own[i]))
      } / 8
    #expect(try allClose([found.scalar()], [expected], relative: 1e-10))
  }

  @Test("class weights weigh a learner's own loss as they weigh the fused one", arguments: [0, 1])
  func classWeights(_ epoch: Int) throws {
    Conditions.prepare()
    let weights = [0.3, 0.7, 2]
    let (own, rest) = (numbers(15, seed: 1), numbers(15, seed: 2))
    let labels = [2, 0, 1, 1, 2]
    let found = try ReconBoost.boosting(
      Tensor(own, shape: [5, 3]), Tensor(rest, shape: [5, 3]), Tensor(labels), .singleLabel, fit: 4,
      reconcilement: 1.5, classWeights: Tensor(weights))
    var (sum, total) = (0.0, 0.0)
    for i in 0..<5 {
      let (z, r) = (Array(own[(3 * i)..<(3 * i + 3)]), Array(rest[(3 * i)..<(3 * i + 3)]))
      sum += weights[labels[i]] * (4 - 1.5 * softmax(r)[labels[i]]) * -log(softmax(z)[labels[i]])
      total += weights[labels[i]]
    }
    #expect(try allClose([found.scalar()], [sum / total / 3], relative: 1e-10))
    let several = try ReconBoost.boosting(
      Tensor(own, shape: [5, 3]), Tensor(rest, shape: [5, 3]), Tensor([Int](repeating: 1, count: 15), shape: [5, 3]),
      .multiLabel, fit: 5, reconcilement: 2, classWeights: Tensor(weights))
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    let expected =
      (0..<15).reduce(0) { $0 + weights[$1 % 3] * (5 - 2 * sigmoid(rest[$1])) * -log(sigmoid(own[$1])) } / 15
    #expect(try allClose([several.scalar()], [expected], relative: 1e-10))
    // And a step heeds the session's, alone (epoch 0) and together (epoch 1).
    var bench = try bench()
    let plain = try step(bench, epoch: epoch).1
    bench.classWeights = weights
    let weighted = try step(bench, epoch: epoch).1
    #expect(try (plain + weighted.scaled(by: -1)).norm() > 1e-4)
  }

  @Test("what the others know already counts less, and without reconcilement nothing does")
  func reconcilement() throws {
    Conditions.prepare()
    let own = try Tensor([0.3, -0.2], shape: [1, 2])
    func loss(_ rest: [Double], _ reconcilement: Double) throws -> Double {
      try ReconBoost.boosting(
        own, Tensor(rest, shape: [1, 2]), Tensor([0]), .binary, fit: 5, reconcilement: reconcilement
      ).scalar()
    }
    #expect(try loss([3, 0], 1) < loss([0, 0], 1))
    #expect(try loss([0, 0], 1) < loss([0, 3], 1))
    #expect(try loss([3, 0], 0) == loss([0, 3], 0))
    let plain = try PredictionTask.binary.loss(own, Tensor([0])).scalar()
    #expect(try allClose([loss([3, 0], 0)], [5 / 2 * plain], relative: 1e-12))
  }

  @Test("the memory is the mean square distance of probabilities, and pulls the learner that is trained")
  func memory() throws {
    Conditions.prepare()
    let (a, b) = (numbers(6, seed: 1), numbers(6, seed: 2))
    let own = try Tensor(a, shape: [2, 3]).requiringGradient()
    let before = try Tensor(b, shape: [2, 3]).requiringGradient()
    let memory = try ReconBoost.memory(own, before, .singleLabel)
    let expected =
      total(2) { i in
        let (p, q) = (softmax(Array(a[(3 * i)..<(3 * i + 3)])), softmax(Array(b[(3 * i)..<(3 * i + 3)])))
        return total(3) { (p[$0] - q[$0]) * (p[$0] - q[$0]) }
      } / 6
    #expect(try allClose([memory.scalar()], [expected], relative: 1e-10))
    let slopes = try gradients(of: memory, withRespectTo: [own, before])
    #expect(try values(slopes[0]).contains { abs($0) > 1e-4 })
    #expect(slopes[1] == nil)
  }

  // MARK: Stages

  @Test("modalities take their turns by name, each alone and then all together")
  func turns() {
    var stage = ReconBoost.Configuration.Stage()
    func turns(_ count: Int, _ modalities: [Modality]) -> [String] {
      (0..<count).map {
        let turn = ReconBoost.Turn($0, stage, modalities)
        return turn.together ? "all" : "\(turn.modality) after \(turn.before?.name ?? "nobody")"
      }
    }
    #expect(
      turns(6, ["text", "image"]) == [
        "image after nobody", "all", "text after image", "all", "image after text", "all",
      ])
    stage.alone = 2
    stage.together = 0
    #expect(
      turns(8, Self.three) == [
        "audio after nobody", "audio after nobody", "image after audio", "image after audio", "text after image",
        "text after image", "audio after text", "audio after text",
      ])
  }

  @Test("alone, one branch and the shared classifier move and nothing else", arguments: [(0, "image"), (2, "text")])
  func alone(_ epoch: Int, _ modality: String) throws {
    let (report, update, session) = try step(bench(), epoch: epoch)
    let shared = ["method.first.weight", "method.first.bias", "method.second.weight", "method.second.bias"]
    let branch = ["\(modality).embedding.bias", "\(modality).embedding.weight"]
    #expect(try update.named().map(\.0).sorted() == (branch + shared).sorted())
    #expect(report.scalars["alone.\(modality)"] == 1)
    #expect(report.scalars["memory"] == nil || epoch > 0)
    #expect(report.losses.keys.sorted() == ["fused", "image", "text"])
    #expect(session.model.store["method.rate"] != nil)
  }

  @Test("the step alone follows the loss written out, its memory included")
  func gradient() throws {
    let bench = try bench(["memory": 0.7, "fit": 3, "reconcilement": 0.5, "rate": 1.3])
    let (report, update, session) = try step(bench, epoch: 2)
    let batch = try bench.data.whole()
    let model = session.model
    let outputs = try session.forward(batch)
    func learner(_ modality: Modality) throws -> Tensor {
      func tensor(_ name: String) throws -> Tensor { try #require(model.store[ParameterPath("method.\(name)")]).tensor }
      return try outputs.features[modality].linear(tensor("first.weight"), tensor("first.bias")).relu()
        .linear(tensor("second.weight"), tensor("second.bias"))
    }
    let (text, image) = (try learner("text"), try learner("image").detached())
    let known = try (image * 1.3).softmax(1).gathered(1, by: batch.labels.unsqueezed(1)).squeezed(1)
    let boosting = try ((3 - 0.5 * known) * text.crossEntropy(batch.labels, mean: false)).mean() / 3
    let memory = try (text.softmax(1) - image.softmax(1)).square().mean()
    let expected = try session.gradients(of: boosting + memory * 0.7)
    let difference = try (update + expected.scaled(by: -1)).norm()
    #expect(try difference <= Conditions.tolerance * expected.norm())
    #expect(try allClose([report.scalars["memory"] ?? 0], [memory.scalar()], relative: 1e-5))
    // Without the memory it would go elsewhere: the authors' code, whose term has no gradient, would not.
    let (_, without, _) = try step(self.bench(["memory": 0, "fit": 3, "reconcilement": 0.5, "rate": 1.3]), epoch: 2)
    #expect(try (update + without.scaled(by: -1)).norm() > 1e-3 * update.norm())
  }

  @Test("together, every branch, the shared classifier and the rate descend the ensemble's loss")
  func together() throws {
    for modalities in [["image", "text"], Self.three] as [[Modality]] {
      let bench = try bench([:], modalities)
      let (report, update, session) = try step(bench, epoch: 1)
      let batch = try bench.data.whole()
      let logits = try ReconBoost.ensemble(ReconBoost.learners(session.forward(batch)).values, session.model)
      let expected = try session.gradients(of: session.loss(logits, batch))
      let difference = try (update + expected.scaled(by: -1)).norm()
      #expect(try difference <= Conditions.tolerance * expected.norm())
      #expect(try values(update["method.rate"]).contains { $0 != 0 })
      for modality in modalities { #expect(try update[modality.embedding / "weight"] != nil) }
      #expect(report.scalars["boosting"] == nil)
      #expect(modalities.allSatisfy { report.scalars["alone.\($0)"] == 0 })
    }
  }

  @Test("three modalities train in turn", arguments: [(0, "audio"), (2, "image"), (4, "text"), (6, "audio")])
  func three(_ epoch: Int, _ modality: String) throws {
    let (report, update, _) = try step(bench([:], Self.three), epoch: epoch)
    for other in Self.three {
      #expect(try (update[other.embedding / "weight"] != nil) == (other.name == modality))
      #expect(report.scalars["alone.\(other)"] == (other.name == modality ? 1 : 0))
    }
  }

  // MARK: Prediction

  @Test("the prediction is the rate times the sum of the modalities that are there")
  func prediction() throws {
    let bench = try bench(["rate": 0.7], Self.three)
    let session = try bench.session()
    let method = try #require(try bench.method() as? any PredictsItsOwnWay)
    let outputs = try session.forward(bench.data.whole())
    let learners = try ReconBoost.learners(outputs).map { try values($1) }
    func expected(_ present: [Modality]) -> [Double] {
      learners.values[0].indices.map { i in 0.7 * present.reduce(0) { $0 + learners[$1][i] } }
    }
    for absent in [[], ["text"], ["image", "audio"]] as [Set<Modality>] {
      let found = try values(method.logits(outputs, absent: absent))
      #expect(allClose(found, expected(Self.three.filter { !absent.contains($0) }), relative: 1e-5, absolute: 1e-6))
    }
    #expect(
      try allClose(
        values(method.logits(outputs, absent: Set(Self.three))), expected(Self.three), relative: 1e-5, absolute: 1e-6))
  }

  @Test("the trained ensemble predicts better than it began")
  func learns() throws {
    var bench = try bench()
    bench.epochs = 12
    let outcome = try bench.run()
    let (first, last) = (try #require(outcome.means.first?["fused"]), try #require(outcome.means.last?["fused"]))
    #expect(last < 0.7 * first)
    #expect(outcome.last["method.rate"] != outcome.first["method.rate"])
    #expect(outcome.first["method.rate"] == [1])
  }

  @Test("embeddings of different widths are refused before training")
  func widths() throws {
    let store = ParameterStore(random: RandomSource(seed: 1))
    let model = try MultimodalModel(
      modalities: ["image", "text"], inputWidths: [3, 3], embeddingWidths: [4, 5], classes: 2, task: .binary,
      store: store)
    let method = ReconBoost(ReconBoost.Configuration())
    let error = try #require(throws: Diagnosis.self) { try method.addParameters(store.root / "method", for: model) }
    #expect(error.found == ["image: 4", "text: 5"])
    #expect(error.exitStatus == .usage)
  }
}
