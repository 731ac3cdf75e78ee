import Balancing
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch

@Suite("Training by the focal loss")
struct FocalTrainingTests {
  private static let candidates = Candidate.all.filter { !$0.entry.requirements.crossEntropy }

  @Test("every method descends it, or says that its loss is its own", arguments: candidates)
  func descends(_ entry: Candidate) throws {
    var bench = try Bench(entry.card.name)
    bench.epochs = 2
    let plain = try bench.run()
    bench.focus = 2
    let focal = try bench.run()
    #expect(focal.finished && focal.last != plain.last)
    #expect(focal.last.values.allSatisfy { $0.allFinite })
    #expect(focal.reports.flatMap { Array($0.losses.values) }.allFinite)
  }

  @Test("of several labels too", arguments: candidates)
  func severalLabels(_ entry: Candidate) throws {
    var bench = try Bench(entry.card.name, data: Setting.severalLabels.data)
    bench.epochs = 1
    bench.focus = 0.5
    let outcome = try bench.run()
    #expect(outcome.finished && outcome.last.values.allSatisfy { $0.allFinite })
  }

  @Test(
    "the fused loss that a step reports is the focal loss of its logits", arguments: ["joint", "balgrad", "fulcrum"])
  func reported(_ name: String) throws {
    var bench = try Bench(name)
    bench.focus = 2
    let session = try bench.session()
    var method = try bench.method()
    let batch = try bench.data.whole()
    let logits = try session.forward(batch).logits
    let expected = try bench.data.task.loss(logits, batch.labels, focus: 2).scalar()
    let (report, _) = try session.inspecting { try method.step(batch, session) }
    #expect(allClose([report.losses["fused"] ?? .nan], [expected], relative: 1e-5))
  }
}
