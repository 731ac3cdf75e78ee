import Balancing
import Multimodal
import Records
import TestSupport
import SeesawConformance
import Testing
import Torch
import TorchNN

@Suite("Joint training")
struct JointTrainingTests {
  @Test("joint training descends the fused loss, and never touches the unimodal classifiers")
  func joint() throws {
    let (report, update, bench, session) = try step("joint")
    try expectEqual(update, gradient(bench, session, fused: true, []))
    #expect(report.losses.keys.sorted() == ["fused"])
    #expect(try update["image.head.weight"] == nil)
  }
}
