import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("OPM")
struct OPMTests {
  private let defaults = OPM.Configuration()
  private static let always: [String: Tree] = ["execution": 1.0, "warmup": 0.0]

  private func drops(_ scores: [Double]) -> [Double] { OPM.leads(scores).map { OPM.dropProbability($0, defaults) } }

  @Test("scores 3.2 and 1.6 drop the first with 0.690399, and 0.345199 of all is lost")
  func vector() {
    let drops = drops([3.2, 1.6])
    #expect(allClose(drops, [0.690399, 0], absolute: 1e-6))
    #expect(allClose([OPM.expectedLoss(drops, widths: [8, 8])], [0.345199], absolute: 1e-6))
    #expect(allClose([OPM.expectedLoss(drops, widths: [30, 10])], [0.690399 * 0.75], absolute: 1e-6))
  }

  @Test(
    "leads and probabilities are those of plain loops",
    arguments: [
      [0, 0], [1, 1], [0, 3], [1e-10, 1e-10], [1e15, 1], [2, 1], [1, 1.0001], [1, 2, 3], [0, 0, 5], [4, 4, 1],
    ])
  func formula(_ scores: [Double]) {
    for m in scores.indices {
      var others = 0.0
      for j in scores.indices where j != m { others += scores[j] }
      let ratio = scores[m] / max(others / Double(scores.count - 1), 1e-12)
      let lead = ratio > 1 ? tanh(ratio - 1) : 0
      let q = lead > 0 ? min(max(0.5 * (1 + 0.5 * lead), 0), 1) : 0
      #expect(allClose([OPM.leads(scores)[m], drops(scores)[m]], [lead, q]))
    }
  }

  @Test("the modality that is least ahead is never dropped, so no sample loses everything")
  func neverAll() {
    for seed in 1..<50 as Range<UInt64> {
      for count in 2...4 {
        let scores = numbers(count, seed: seed, in: 0...10)
        let drops = drops(scores)
        #expect(drops.contains(0))
        #expect(drops.contains { $0 > 0 })
        #expect(OPM.expectedLoss(drops, widths: drops.map { _ in 7 }) < 1)
      }
    }
  }

  @Test("which modality comes first does not matter: no score is overwritten while others are compared with it")
  func symmetry() {
    #expect(drops([1.6, 3.2]) == drops([3.2, 1.6]).reversed())
    #expect(drops([3.2, 1.6])[1] == 0)
  }

  @Test("features that are dropped are zero, and all are scaled by what is lost in the mean")
  func step() throws {
    let bench = try Bench("opm", Self.always.merging(["base": 1.0, "gain": 0.0]) { $1 })
    let (session, batch) = (try bench.session(), try bench.data.whole())
    var method = try bench.method()
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    let ahead = try #require(["image", "text"].first { report.scalars["drop.\($0)"] == 1 })
    #expect(report.scalars["dropped.\(ahead)"] == 1)
    // Everything of one is dropped: half of all numbers, so that the other counts twice.
    let features = try session.forward(batch).features.map { try $1 * ($0.name == ahead ? 0 : 2) }
    let expected = try session.loss(session.model.outputs(ofFeatures: features).logits, batch)
    #expect(allClose([try #require(report.losses["fused"])], [try expected.scalar()]))
    let gradient = try session.gradients(of: expected)
    for parameter in session.model.store.parameters {
      #expect(allClose(try values(inspection.updates[0][parameter.path]), try values(gradient[parameter.path])))
    }
    #expect(try values(inspection.updates[0][ParameterPath("\(ahead).embedding.weight")]).allSatisfy { $0 == 0 })
  }

  @Test("rows are dropped as often as the probability says, and never from the modality behind")
  func frequency() throws {
    let bench = try Bench("opm", Self.always, data: SyntheticData(count: 3000))
    let session = try bench.session()
    var method = try bench.method()
    let report = try session.inspecting { try method.step(bench.data.whole(), session) }.report
    let shares = try ["image", "text"].map { ($0, try #require(report.scalars["drop.\($0)"])) }
    for (modality, drop) in shares { #expect(abs((report.scalars["dropped.\(modality)"] ?? 0) - drop) < 0.04) }
    #expect(shares.contains { $0.1 > 0.4 } && shares.contains { $0.1 == 0 })
  }

  @Test(
    "without execution, before warm-up and with probability 0 it is joint training", arguments: ["execution", "base"])
  func neutral(_ setting: String) throws {
    let joint = try Bench("joint").run()
    #expect(try Bench("opm", ["warmup": 0.0, setting: 0.0]).run().last == joint.last)
    let late = try Bench("opm", ["warmup": 1.0, "execution": 1.0]).run()
    #expect(late.reports.dropLast().allSatisfy { $0.scalars["executed"] == nil })
    #expect(try Bench("opm", Self.always).run().last != joint.last)
  }

  @Test("anything is dropped in about the share of steps that is asked for")
  func execution() throws {
    var bench = try Bench("opm", ["execution": 0.7, "warmup": 0.0])
    bench.epochs = 50
    let executed = try bench.run().reports.compactMap { $0.scalars["executed"] }
    #expect(executed.count == 200)
    #expect(abs(Loops.mean(executed) - 0.7) < 0.1)
  }

  @Test("three modalities are each compared with the mean of the others")
  func three() throws {
    #expect(allClose(OPM.leads([3, 1, 2]), [tanh(1), 0, 0]))
    let bench = try Bench("opm", Self.always, data: SyntheticData(modalities: ["image", "text", "audio"]))
    for report in try bench.run().reports {
      let scores = try bench.data.modalities.map { try #require(report.scalars["score.\($0)"]) }
      let drops = try bench.data.modalities.map { try #require(report.scalars["drop.\($0)"]) }
      #expect(allClose(self.drops(scores), drops, relative: 1e-4))
    }
  }

  @Test("the batch that all share is left as it was")
  func batchUntouched() throws {
    let bench = try Bench("opm", Self.always)
    let (session, batch) = (try bench.session(), try bench.data.whole())
    let before = try batch.inputs.values.map { try values($0) }
    var method = try bench.method()
    _ = try method.step(batch, session)
    #expect(try batch.inputs.values.map { try values($0) } == before)
  }
}
