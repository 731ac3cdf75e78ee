import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

/// A step that PyTorch took, and what each modality weighs after it.
struct MIDASStep: Decodable, Sendable, CustomTestStringConvertible {
  let step: ListedStep
  let alphas: [String: Double]

  var testDescription: String { step.name }

  private struct File: Decodable { let cases: [MIDASStep] }
  private enum CodingKeys: String, CodingKey { case alphas }

  init(from decoder: any Decoder) throws {
    step = try ListedStep(from: decoder)
    alphas = try decoder.container(keyedBy: CodingKeys.self).decode([String: Double].self, forKey: .alphas)
  }

  static let all =
    (try? JSONDecoder().decode(File.self, from: Data(contentsOf: Conditions.golden("midas.json"))).cases) ?? []
}

@Suite("MIDAS")
struct MIDASTests {
  @Test("golden steps are there for every fusion and task, two and three modalities")
  func complete() {
    #expect(Set(MIDASStep.all.map(\.step.fusion)).count == 5)
    #expect(Set(MIDASStep.all.map(\.step.task)).count == 3)
    #expect(Set(MIDASStep.all.map(\.step.modalities.count)) == [2, 3])
  }

  @Test(
    "losses, direction and the weights after it are PyTorch's row by row, to 1e-9", arguments: MIDASStep.all,
    [GradientPath.factored, .autograd])
  func golden(_ example: MIDASStep, _ path: GradientPath) throws {
    var method = MIDAS(try example.step.tree().decode())
    let session = try example.step.session(path)
    let (report, inspection) = try session.inspecting { try method.step(example.step.examples(), session) }
    try example.step.check(report, try #require(inspection.updates.first), session.model)
    let after = try method.state().numbers.decode([String: Double].self)
    for (name, alpha) in example.alphas { #expect(allClose([after[name] ?? 1], [alpha]), "\(name)") }
  }

  @Test("the loss on mixed rows is what plain loops find")
  func loops() throws {
    let taken = try StepTaken(Bench("midas", ["warmup": 0.0, "shuffle": "rotation"]))
    /// The batch with the rows of one modality moved on by one.
    func moved(_ modality: Modality) throws -> Batch {
      let next = try Tensor((0..<26).map { ($0 + 1) % 26 })
      return Batch(
        samples: taken.batch.samples,
        inputs: try taken.batch.inputs.map { $0 == modality ? try $1.indexed(0, by: next) : $1 },
        labels: taken.batch.labels)
    }
    let plain = try PlainModel(taken.session, taken.batch)
    let labels = plain.labels.map { $0[0] }
    let sure = (0..<2).map { plain.truth(plain.own($0)) }
    func cosine(_ m: Int, _ i: Int, _ j: Int) -> Double {
      let (a, b) = (plain.features(m)[i], plain.features(m)[j])
      func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
      return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }
    var terms: [Double] = []
    for (m, modality) in (["image", "text"] as [Modality]).enumerated() {
      let mixed = try PlainModel(taken.session, moved(modality)).fused([0, 1])
      for i in 0..<26 where labels[i] != labels[(i + 1) % 26] {
        let source = (0..<2).map { $0 == m ? (i + 1) % 26 : i }
        let mass = sure[0][source[0]] + sure[1][source[1]]
        let loss = (0..<2).reduce(0.0) {
          $0 + sure[$1][source[$1]] / mass * Loops.crossEntropy(mixed[i], labels[source[$1]])
        }
        terms.append((1.5 + cosine(m, i, (i + 1) % 26) / 2) * loss)
      }
    }
    #expect(allClose([try #require(taken.report.scalars["mixed"])], [Loops.mean(terms)], relative: 1e-5))
  }

  @Test("shares are confidences over their sum")
  func shares() throws {
    let found = try values(MIDAS.shares(.of([0.4, 0.4, 0.9, 0.3, 1, 0, 0, 0], [4, 2])))
    #expect(allClose(found, [0.5, 0.5, 0.75, 0.25, 1, 0, 0.5, 0.5]))
  }

  @Test("the weak modality's weight rises while it is used less than it deserves, and never falls below 1")
  func weights() throws {
    var method = MIDAS(.init())
    var report = StepReport(losses: [:])
    func weights() throws -> [String: Double] { try method.state().numbers.decode([String: Double].self) }
    for _ in 0..<3 { method.adjust(["image", "text"], [0.7, 0.3], [0.8, 0.2], &report) }
    #expect(allClose([try #require(weights()["text"])], [1.15]))
    #expect(try weights().count == 1)
    for _ in 0..<9 { method.adjust(["image", "text"], [0.7, 0.3], [0.5, 0.5], &report) }
    #expect(try weights()["text"] == 1)
    method.adjust(["image", "text"], [0.2, 0.8], [0.1, 0.9], &report)
    #expect(try weights() == ["image": 1.05])
  }

  @Test("a modality that alone is sure decides what a mixed row is taught")
  func certain() throws {
    let data = SyntheticData()
    let session = try Bench("midas", data: data).session()
    // The image's classifier knows every sample, the text's gives the truth no probability at all.
    let batch = try data.whole()
    let rows = try #require(try MixedRows(batch, data.modalities, [(0..<26).map { ($0 + 1) % 26 }]))
    let sure = try Tensor.stack([.ones([rows.own.shape[0]]), .zeros([rows.own.shape[0]])], 1)
    let shares = try MIDAS.shares(sure)
    let features = try session.forward(batch).features
    let mixed = try features.map { try $1.indexed(0, by: rows.sources[$0]) }
    let logits = try session.outputs(ofFeatures: mixed).logits
    let labels = try rows.sources.map { try batch.labels.indexed(0, by: $1) }
    let losses = try labels.enumerated().map { try session.model.task.losses(logits, $1.1) * shares.selected(1, $0) }
    #expect(try allClose(Tensor.total(losses), session.model.task.losses(logits, labels["image"])))
  }

  @Test("rows whose samples are all of one class make no mixed row, and every modality is from each sample once")
  func rows() throws {
    let data = SyntheticData(modalities: ["image", "text", "audio"])
    let batch = try data.whole()
    let labels: [Int] = try batch.labels.array()
    let permutations = [(0..<26).map { ($0 + 3) % 26 }, (0..<26).map { 25 - $0 }]
    let rows = try #require(try MixedRows(batch, data.modalities, permutations))
    let own: [Int] = try rows.own.array()
    let kept = (0..<26).filter { i in permutations.contains { labels[$0[i]] != labels[i] } }
    #expect(own == kept + kept + kept)
    for modality in data.modalities {
      let sources: [Int] = try rows.sources[modality].array()
      for (place, i) in kept.enumerated() {
        let met = (0..<3).map { sources[$0 * kept.count + place] }
        #expect(met.sorted() == [i, permutations[0][i], permutations[1][i]].sorted())
      }
    }
    let alike = try data.batch(labels.indices.filter { labels[$0] == 1 }.map { SamplingPlan.Visit($0) }[...])
    #expect(try MixedRows(alike, data.modalities, [[Int]](repeating: Array(0..<alike.count), count: 2)) == nil)
  }

  @Test("a batch of one class is a step of joint and unimodal losses")
  func oneClass() throws {
    let bench = try Bench("midas", ["warmup": 0.0])
    let labels: [Int] = try bench.data.whole().labels.array()
    let batch = try bench.data.batch(labels.indices.filter { labels[$0] == 2 }.map { SamplingPlan.Visit($0) }[...])
    let session = try bench.session()
    let found = try StepTaken(session, bench.method(), batch)
    try expectEqual(found.update, try StepTaken(session, UniformTraining(.init()), batch).update)
    #expect(found.report.scalars["mixed"] == nil)
  }

  @Test("the warm-up is a tenth of the epochs, at least one and never all, and trains as unimodal training does")
  func warmup() throws {
    let method = MIDAS(.init())
    #expect([1, 2, 5, 10, 11, 70].map { method.warmup(of: $0) } == [0, 1, 1, 1, 2, 7])
    var none = MIDAS.Configuration()
    none.warmup = 0
    #expect(MIDAS(none).warmup(of: 10) == 0)
    let (found, unimodal) = (try Bench("midas").run(stopAfter: 4), try Bench("unimodal").run(stopAfter: 4))
    #expect(found.last == unimodal.last)
    #expect(try Bench("midas").run().last != Bench("unimodal").run().last)
  }

  @Test("without mixed rows and warm-up it is joint training with unimodal losses")
  func neutral() throws {
    let found = try Bench("midas", ["weight": 0.0, "warmup": 0.0]).run()
    let uniform = try Bench("uniform").run()
    for (name, values) in uniform.last {
      #expect(allClose(found.last[name] ?? [], values, relative: 1e-4, absolute: 1e-5), "\(name)")
    }
  }

  @Test("class weights of one change nothing")
  func classWeights() throws {
    var bench = try Bench("midas")
    let plain = try bench.run().last
    bench.classWeights = [1, 1, 1]
    let weighted = try bench.run().last
    for (name, values) in plain { #expect(allClose(weighted[name] ?? [], values, relative: 1e-3, absolute: 1e-4)) }
  }
}
