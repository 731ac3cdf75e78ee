import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch

@testable import Balancing

@Suite("Augmentation")
struct AugmentationTests {
  @Test("on what it is shown it is joint training, bit for bit")
  func step() throws {
    #expect(try Bench("augment").run().last == Bench("joint").run().last)
  }

  @Test("its loss is the mean cross-entropy of the fused logits, by loops")
  func loss() throws {
    let bench = try Bench("augment")
    let session = try bench.session()
    var method = try bench.method()
    let batch = try bench.data.whole()
    let report = try session.inspecting { try method.step(batch, session) }.report
    let logits = try values(session.forward(batch).logits)
    let labels: [Int] = try batch.labels.array()
    let losses = labels.enumerated().map { row, label in
      Loops.crossEntropy(Array(logits[(row * 3)..<(row * 3 + 3)]), label)
    }
    #expect(allClose([try #require(report.losses["fused"])], [Loops.mean(losses)], relative: 1e-5))
  }

  @Test("the share of noisy rows is its setting")
  func share() throws {
    let method = try #require(try Bench("augment", ["share": 0.4]).method() as? any SeesImpairedInputs)
    #expect(method.viewShare == 0.4)
    #expect(Augmentation.card.sees == ["clean", "noisy"])
    #expect(try Bench("fulcrum", ["views": 0.0]).method() is any SeesImpairedInputs)
  }
}
