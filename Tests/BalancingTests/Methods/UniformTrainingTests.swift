import Balancing
import Multimodal
import Records
import TestSupport
import SeesawConformance
import Testing
import Torch
import TorchNN

@Suite("Joint + unimodal losses")
struct UniformTrainingTests {
  @Test("uniform training adds every unimodal loss")
  func uniform() throws {
    let (report, update, bench, session) = try step("uniform")
    try expectEqual(update, gradient(bench, session, fused: true, ["image", "text"]))
    #expect(report.losses.keys.sorted() == ["fused", "image", "text"])
  }
}
