import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("Pretrained, frozen")
struct PretrainedFrozenTests {
  @Test("there are numbers for every task, two and three modalities, with and without validation")
  func complete() {
    let all = PretrainedStages.all("pretrained-frozen")
    #expect(Set(all.map(\.step.task)).count == 3)
    #expect(Set(all.map(\.step.modalities.count)) == [2, 3])
    #expect(Set(all.map { $0.step.batch["held labels"] == nil }) == [true, false])
  }

  @Test(
    "each stage is what PyTorch descends, to 1e-9", arguments: PretrainedStages.all("pretrained-frozen"),
    [GradientPath.factored, .autograd])
  func golden(_ example: PretrainedStages, _ path: GradientPath) throws { try example.check(path) }

  @Test("before the fused classifier is trained it is the product of the unimodal models", arguments: [2, 3])
  func product(_ count: Int) throws {
    let names: [Modality] = ["image", "text", "audio"]
    let bench = try Bench("pretrained-frozen", data: SyntheticData(modalities: Array(names.prefix(count))))
    let session = try bench.session()
    var method = try #require(try bench.method() as? PretrainedFrozen)
    try method.prepare(bench.context(session))
    let outputs = try session.forward(bench.data.whole())
    let logits = try values(outputs.logits)
    let own = try outputs.unimodal().values.map { try values($0) }
    for row in 0..<bench.data.count {
      func probabilities(_ z: [Double]) -> [Double] { Loops.softmax(Array(z[(row * 3)..<(row * 3 + 3)])) }
      let product = own.map(probabilities).reduce([1, 1, 1]) { zip($0, $1).map(*) }
      let sum = product.reduce(0, +)
      #expect(allClose(probabilities(logits), product.map { $0 / sum }, relative: 1e-5, absolute: 1e-6))
    }
  }

  @Test("branches and unimodal classifiers stay as they are, decay or not, and the fused classifier moves")
  func frozen() throws {
    let bench = try Bench("pretrained-frozen")
    let session = try bench.session()
    var method = try #require(try bench.method() as? PretrainedFrozen)
    try method.prepare(bench.context(session))
    let before = try Bench.weights(session.model)
    let last = try bench.run().last
    for (name, weights) in before {
      #expect((last[name] == weights) == !name.hasPrefix("fusion."), "\(name)")
    }
  }

  @Test("with as many epochs of pretraining as unimodal training, and no better epoch, branches are its branches")
  func alone() throws {
    let bench = try Bench("pretrained-frozen", ["pretraining": 1])
    var unimodal = try Bench("unimodal")
    unimodal.epochs = 1
    let (found, expected) = (try bench.run().last, try unimodal.run().last)
    for name in expected.keys where !name.hasPrefix("fusion.") { #expect(found[name] == expected[name], "\(name)") }
  }
}
