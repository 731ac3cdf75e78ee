import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("DGL")
struct DGLTests {
  private static let cases = ListedStep.all("dgl.json")

  @Test("golden steps are there for every fusion and task, two and three modalities, and both kinds of heads")
  func complete() throws {
    #expect(Set(Self.cases.map(\.fusion)).count == 5)
    #expect(Set(Self.cases.map(\.task)).count == 3)
    #expect(Set(Self.cases.map(\.modalities.count)) == [2, 3])
    #expect(Set(try Self.cases.map { try $0.tree()[path: "heads"]?.stringValue }) == ["shared", "own"])
  }

  @Test("losses and direction are PyTorch's, to 1e-9", arguments: cases, [GradientPath.factored, .autograd])
  func golden(_ example: ListedStep, _ path: GradientPath) throws { try example.check(path) }

  @Test("the losses are those of each part of the fused logits with the whole bias, by loops", arguments: [2, 3])
  func loops(_ count: Int) throws {
    let names: [Modality] = ["image", "text", "audio"]
    let taken = try StepTaken(Bench("dgl", data: SyntheticData(modalities: Array(names.prefix(count)))))
    let plain = try PlainModel(taken.session, taken.batch)
    let rest = try #require(plain.weights["fusion.classifier.bias"]).map { $0 * (1 - 1 / Double(count)) }
    for m in 0..<count {
      let alone = plain.part(m).map { zip($0, rest).map { $0 + $1 } }
      let expected = Loops.mean(plain.losses(alone))
      #expect(allClose([try #require(taken.report.losses[names[m].name])], [expected], relative: 1e-5))
    }
    let fused = Loops.mean(plain.losses(plain.fused(Set(0..<count))))
    #expect(allClose([try #require(taken.report.losses["fused"])], [fused], relative: 1e-5))
  }

  @Test("a branch's direction does not depend on what the fusion makes of the other modality")
  func branches() throws {
    let bench = try Bench("dgl")
    let plain = try StepTaken(bench)
    let other = try StepTaken(bench) { session in
      let weight = try #require(session.model.store["fusion.classifier.weight"]).tensor
      try withoutGradients { try weight.narrowed(1, from: 4, length: 4).copy(from: .of(numbers(12), [3, 4])) }
    }
    for name in ["image.embedding.weight", "image.embedding.bias"] {
      #expect(try plain.found(name) == other.found(name))
    }
    #expect(try plain.found("text.embedding.weight") != other.found("text.embedding.weight"))
  }

  @Test("the fusion's direction is joint training's")
  func fusion() throws {
    let taken = try StepTaken(Bench("dgl"))
    for name in ["fusion.classifier.weight", "fusion.classifier.bias"] {
      #expect(allClose(try taken.found(name), try taken.plain(name), relative: 1e-5, absolute: 1e-7))
    }
    #expect(try taken.found("image.embedding.weight") != taken.plain("image.embedding.weight"))
  }

  @Test("with own classifiers the branches are those of unimodal training, whatever the fusion")
  func own() throws {
    var (bench, unimodal) = (try Bench("dgl", ["heads": "own", "unimodal": 1.0]), try Bench("unimodal"))
    (bench.plainDescent, unimodal.plainDescent) = (true, true)
    let (found, expected) = (try bench.run().last, try unimodal.run().last)
    for name in expected.keys where !name.hasPrefix("fusion.") {
      #expect(allClose(found[name] ?? [], expected[name] ?? [], relative: 1e-4, absolute: 1e-6), "\(name)")
    }
  }

  @Test("what only shows in combination reaches no branch: joint training learns exclusive or, and DGL stays at chance")
  func exclusiveOr() throws {
    func data() throws -> ExclusiveOr {
      let data = try ExclusiveOr(1) { scope, widths, classes throws(TorchError) in
        try FeatureProduct(scope, widths, classes)
      }
      // One branch tells what it sees; the other must learn to.
      try data.set("image.embedding.weight", [1])
      try data.set("image.embedding.bias", [0])
      try data.set("text.embedding.weight", [0])
      try data.set("text.embedding.bias", [1])
      return data
    }
    #expect(try data().accuracy(after: 60, JointTraining(.init())) == 1)
    let found = try data()
    #expect(try found.accuracy(after: 60, DGL(.init())) == 0.5)
    #expect(try values(found.model.store["text.embedding.weight"]?.tensor) == [0])
  }

  @Test("with no unimodal loss the branches stay as they begin")
  func neutral() throws {
    let outcome = try Bench("dgl", ["unimodal": 0.0]).run()
    for (name, values) in outcome.first {
      #expect((outcome.last[name] == values) == !name.hasPrefix("fusion."), "\(name)")
    }
  }

  @Test("class weights of one change nothing")
  func classWeights() throws {
    var bench = try Bench("dgl")
    let plain = try bench.run().last
    bench.classWeights = [1, 1, 1]
    let weighted = try bench.run().last
    for (name, values) in plain { #expect(allClose(weighted[name] ?? [], values, relative: 1e-4, absolute: 1e-5)) }
  }
}
