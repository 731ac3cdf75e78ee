import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("Pretrained, finetuned")
struct PretrainedFinetunedTests {
  @Test(
    "each stage is what PyTorch descends, to 1e-9", arguments: PretrainedStages.all("pretrained-finetuned"),
    [GradientPath.factored, .autograd])
  func golden(_ example: PretrainedStages, _ path: GradientPath) throws { try example.check(path) }

  @Test("the last stage moves everything a tenth as far as joint training with unimodal losses would")
  func rate() throws {
    var bench = try Bench("pretrained-finetuned")
    bench.plainDescent = true
    let batch = try bench.data.whole()
    func move(_ rate: Double) throws -> [String: [Double]] {
      bench.settings[path: "rate"] = .number(rate)
      let session = try bench.session()
      var method = try #require(try bench.method() as? PretrainedFinetuned)
      try method.prepare(bench.context(session))
      let before = try Bench.weights(session.model)
      _ = try method.step(batch, session)
      let after = try Bench.weights(session.model)
      return try Dictionary(
        uniqueKeysWithValues: before.map { name, values in
          (name, zip(try #require(after[name]), values).map { $0 - $1 })
        })
    }
    let (whole, tenth) = (try move(1), try move(0.1))
    #expect(whole.values.contains { $0.contains { abs($0) > 1e-3 } })
    for (name, moves) in whole {
      #expect(allClose(try #require(tenth[name]), moves.map { $0 / 10 }, relative: 1e-3, absolute: 1e-6), "\(name)")
    }
  }

  @Test("its first prediction is that of the frozen model at its best epoch")
  func begins() throws {
    let bench = try Bench("pretrained-finetuned", ["fusing": 1])
    let session = try bench.session()
    var method = try #require(try bench.method() as? PretrainedFinetuned)
    try method.prepare(bench.context(session))
    var frozen = try Bench("pretrained-frozen", ["pretraining": 3])
    frozen.epochs = 1
    let expected = try frozen.run().last
    for (name, weights) in try Bench.weights(session.model) { #expect(weights == expected[name], "\(name)") }
  }
}
