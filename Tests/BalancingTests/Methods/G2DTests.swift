import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

/// A step that PyTorch took in an epoch of a schedule, with teachers that are given.
struct G2DStep: Decodable, Sendable, CustomTestStringConvertible {
  let step: ListedStep
  let teachers: [String: ListedStep.Numbers]
  let scores: [String: Double]
  let epoch: Int
  let epochs: Int

  var testDescription: String { step.name }

  private struct File: Decodable { let cases: [G2DStep] }
  private enum CodingKeys: String, CodingKey { case teachers, scores, epoch, epochs }

  init(from decoder: any Decoder) throws {
    step = try ListedStep(from: decoder)
    let values = try decoder.container(keyedBy: CodingKeys.self)
    teachers = try values.decode([String: ListedStep.Numbers].self, forKey: .teachers)
    scores = try values.decode([String: Double].self, forKey: .scores)
    epoch = try values.decode(Int.self, forKey: .epoch)
    epochs = try values.decode(Int.self, forKey: .epochs)
  }

  static let all =
    (try? JSONDecoder().decode(File.self, from: Data(contentsOf: Conditions.golden("g2d.json"))).cases) ?? []

  func method() throws -> G2D {
    var method = G2D(try step.tree().decode())
    try method.restore(
      MethodState(
        numbers: .table(["scores": Tree(encoding: scores)]), tensors: teachers.map { ($0.key, try $0.value.tensor()) }))
    return method
  }
}

@Suite("G2D with SMP")
struct G2DTests {
  @Test("golden steps are there for every fusion and task, one to three modalities, and every phase")
  func complete() {
    #expect(Set(G2DStep.all.map(\.step.fusion)).count == 5)
    #expect(Set(G2DStep.all.map(\.step.task)).count == 3)
    #expect(Set(G2DStep.all.map(\.step.modalities.count)) == [1, 2, 3])
    #expect(Set(G2DStep.all.map(\.epoch)).count > 3)
  }

  @Test(
    "losses, distances and direction are PyTorch's, to 1e-9", arguments: G2DStep.all,
    [GradientPath.factored, .autograd])
  func golden(_ example: G2DStep, _ path: GradientPath) throws {
    let session = try example.step.session(path)
    session.clock = TrainingClock(steps: 100, epochs: example.epochs)
    session.clock.epoch = example.epoch
    var method = try example.method()
    let (report, inspection) = try session.inspecting { try method.step(example.step.examples(), session) }
    try example.step.check(report, try #require(inspection.updates.first), session.model)
  }

  private func prepared(_ bench: Bench) throws -> (G2D, TrainingSession) {
    let session = try bench.session()
    var method = try #require(try bench.method() as? G2D)
    try method.prepare(bench.context(session))
    return (method, session)
  }

  @Test(
    "the stronger branch is bitwise what it was while the weaker is trained, with momentum and decay, and moves then")
  func waits() throws {
    var bench = try Bench("g2d")
    bench.epochs = 4
    let (method, session) = try prepared(bench)
    let scores = try #require(method.scores)
    let ranked = scores.keys.sorted { scores[$0] ?? 0 < scores[$1] ?? 0 }
    let (weak, strong) = (ranked[0], ranked[1])
    let first = try Bench.weights(session.model)
    let half = try bench.run(stopAfter: 8)
    for name in ["embedding.weight", "embedding.bias"] {
      #expect(half.last["\(strong).\(name)"] == first["\(strong).\(name)"])
      #expect(half.last["\(weak).\(name)"] != first["\(weak).\(name)"])
    }
    for modality in ranked { #expect(half.last["\(modality).head.weight"] != first["\(modality).head.weight"]) }
    let whole = try bench.run()
    #expect(whole.last["\(strong).embedding.weight"] != first["\(strong).embedding.weight"])
    #expect(whole.means.map { $0["method.phase"] } == [0, 0, 1, 1])
  }

  @Test("the teachers and their scores are those of unimodal training, and the model stays as it was")
  func teachers() throws {
    let bench = try Bench("g2d", ["teacher_epochs": 1])
    let (method, session) = try prepared(bench)
    var unimodal = try Bench("unimodal")
    unimodal.epochs = 1
    let alone = try unimodal.run()
    for (name, tensor) in try method.state().tensors { #expect(try values(tensor) == alone.last[name], "\(name)") }
    #expect(try Bench.weights(session.model) == alone.first)
    let batch = try bench.data.whole()
    let labels: [Int] = try batch.labels.array()
    for (modality, logits) in try alone.session.forward(batch).unimodal() {
      let rows = PlainModel.rows(try values(logits), 3)
      let truth = Loops.mean(zip(rows, labels).map { Loops.softmax($0)[$1] })
      #expect(allClose([try #require(method.scores?[modality.name])], [truth], relative: 1e-5))
    }
  }

  @Test("the distances from a teacher are what plain loops find")
  func loops() throws {
    let bench = try Bench("g2d", ["teacher_epochs": 1])
    let (method, session) = try prepared(bench)
    let batch = try bench.data.whole()
    let taken = try StepTaken(session, method, batch)
    let student = try PlainModel(session, batch)
    let first = try session.model.store.snapshot()
    for (name, tensor) in try method.state().tensors {
      try withoutGradients { try session.model.store[ParameterPath(name)]?.tensor.copy(from: tensor) }
    }
    let teacher = try PlainModel(session, batch)
    try session.model.store.restore(first)
    let z = zip(student.own(0), student.own(1)).map { zip($0, $1).map { ($0 + $1) / 2 } }
    for (m, name) in ["image", "text"].enumerated() {
      let gaps = zip(student.features(m), teacher.features(m)).flatMap { zip($0, $1).map { ($0 - $1) * ($0 - $1) } }
      let divergences = zip(teacher.own(m), z).map { Loops.divergence(Loops.softmax($0), Loops.softmax($1)) }
      let found = taken.report.scalars
      #expect(allClose([try #require(found["distance.\(name)"])], [Loops.mean(gaps)], relative: 1e-4))
      #expect(
        allClose([try #require(found["divergence.\(name)"])], [Loops.mean(divergences)], relative: 1e-3, absolute: 1e-6)
      )
    }
  }

  @Test("a student of one modality that is its teacher has nothing to distil, and no branch to wait for")
  func itself() throws {
    let bench = try Bench("g2d", data: SyntheticData(modalities: ["image"]))
    var (method, session) = try prepared(bench)
    for (name, tensor) in try method.state().tensors {
      try withoutGradients { try session.model.store[ParameterPath(name)]?.tensor.copy(from: tensor) }
    }
    let report = try method.step(bench.data.whole(), session)
    #expect(report.scalars["distance.image"] == 0 && abs(report.scalars["divergence.image"] ?? 1) < 1e-6)
    #expect(report.scalars["method.phase"] == 0)
    #expect(try method.waiting(["image"], session.clock).held.isEmpty)
  }

  @Test("modalities lead from the weakest on, for phases of one length, and then all are trained")
  func schedule() throws {
    var method = G2D(.init())
    let scores: Tree = ["image": 0.9, "text": 0.2, "audio": 0.5]
    try method.restore(MethodState(numbers: ["scores": scores]))
    func trained(_ epoch: Int, of epochs: Int, _ modalities: [Modality]) throws -> [String] {
      var clock = TrainingClock(steps: 1, epochs: epochs)
      clock.epoch = epoch
      let held = try method.waiting(modalities, clock).held
      return modalities.filter { !held.contains($0) }.map(\.name)
    }
    let three: [Modality] = ["image", "text", "audio"]
    #expect(try trained(0, of: 20, three) == ["text"])
    #expect(try trained(4, of: 20, three) == ["text"])
    #expect(try trained(5, of: 20, three) == ["audio"])
    #expect(try trained(9, of: 20, three) == ["audio"])
    #expect(try trained(10, of: 20, three) == ["image", "text", "audio"])
    #expect(try trained(149, of: 300, ["image", "text"]) == ["text"])
    #expect(try trained(150, of: 300, ["image", "text"]) == ["image", "text"])
    #expect(try trained(0, of: 1, ["image", "text"]) == ["image", "text"])
  }

  @Test("without teachers and phases the fused student's branches and fusion are joint training's, bit for bit")
  func neutral() throws {
    let none: [String: Tree] = ["distil": false, "prioritised": 0.0, "student": "fused"]
    let (found, joint) = (try Bench("g2d", none).run().last, try Bench("joint").run().last)
    for (name, values) in joint where !name.contains("head") { #expect(found[name] == values, "\(name)") }
  }

  @Test("a step without teachers is refused")
  func unprepared() throws {
    for settings in [["prioritised": 0.0], ["distil": false]] as [[String: Tree]] {
      let bench = try Bench("g2d", settings)
      var method = try bench.method()
      let session = try bench.session()
      let error = try #require(throws: Diagnosis.self) { try method.step(bench.data.whole(), session) }
      #expect(error.what == "g2d has no teachers" && error.exitStatus == .usage)
    }
  }
}
