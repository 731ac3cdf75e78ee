import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("AMCo")
struct AMCoTests {
  private func clock(epoch: Int = 0, step: Int = 0) -> TrainingClock {
    var clock = TrainingClock(steps: 101, epochs: 10)
    clock.epoch = epoch
    clock.step = step
    return clock
  }

  @Test("growing by batch, the mask of epoch 1 is 0, 0.5, 0.866025, 1, and epoch 0 has none")
  func vector() {
    var configuration = AMCo.Configuration()
    configuration.growth = .batch
    func strengths(_ epoch: Int) -> [Double] {
      (0..<5).map { AMCo.strength(configuration, clock(epoch: epoch), batches: $0) }
    }
    #expect(allClose(strengths(1), [0, 0.5, 0.866025, 1, 1], absolute: 1e-6))
    #expect(strengths(0) == [0, 0, 0, 0, 0])
  }

  @Test("growing over training, the mask is complete at the ramp's end and not after three batches of an epoch")
  func growth() {
    let configuration = AMCo.Configuration()
    func strength(_ step: Int, _ batches: Int) -> Double {
      AMCo.strength(configuration, clock(epoch: 1, step: step), batches: batches)
    }
    #expect(strength(0, 3) == 0)
    #expect(allClose([strength(15, 9), strength(30, 0), strength(100, 0)], [sin(.pi / 4), 1, 1]))
    #expect(strength(13, 3) < 1)
    let path = (0...100).map { strength($0, 0) }
    #expect(zip(path, path.dropFirst()).allSatisfy { $0 <= $1 })
  }

  @Test("as many numbers are masked as the strength's share, rounded down")
  func counts() {
    for width in 0...20 {
      for strength in [0, 0.1, 0.3, 0.5, 0.7, 0.999, 1] {
        #expect(AMCo.maskedCount(width, strength) == Int(floor(strength * Double(width) + 1e-9)))
      }
    }
    #expect(AMCo.maskedCount(10, 0.1 + 0.2) == 3)
    #expect(AMCo.maskedCount(7, 1) == 7)
  }

  @Test("shares are those of one softmax over all logits, in plain loops")
  func shares() throws {
    for (name, a, b) in Loops.bestiary {
      let expected = (0..<2).map { m in
        Loops.mean(
          a.indices.map { i in
            let p = Loops.softmax(a[i] + b[i])
            return (m == 0 ? p.prefix(a[i].count) : p.suffix(b[i].count)).reduce(0, +)
          })
      }
      let found = try AMCo.shares([.rows(a), .rows(b)])
      #expect(allClose(found, expected, relative: 1e-9), "\(name)")
      #expect(allClose([found.reduce(0, +)], [1]))
    }
  }

  /// A session that is so far in training that the mask is complete, or another part of it.
  private func session(_ bench: Bench, step: Int = 5, epoch: Int = 1) throws -> TrainingSession {
    let session = try bench.session()
    (session.clock.step, session.clock.epoch) = (step, epoch)
    return session
  }

  @Test("without a mask, the loss is that of the added layer on the fused logits and of each part")
  func plainLoss() throws {
    let bench = try Bench("amco")
    let (session, batch) = (try bench.session(), try bench.data.whole())
    var method = try bench.method()
    let report = try session.inspecting { try method.step(batch, session) }.report
    let labels: [Int] = try batch.labels.array()
    func losses(_ z: [[Double]]) -> Double { Loops.mean(z.indices.map { Loops.crossEntropy(z[$0], labels[$0]) }) }
    let model = try PlainModel(session, batch)
    let (weight, bias) = (
      PlainModel.rows(try #require(model.weights["method.output.weight"]), 3),
      try #require(model.weights["method.output.bias"])
    )
    let fused = model.fused([0, 1]).map { row in
      bias.indices.map { c in bias[c] + total(3) { row[$0] * weight[c][$0] } }
    }
    #expect(allClose([try #require(report.losses["fused"])], [losses(fused)], relative: 1e-4))
    #expect(allClose([try #require(report.losses["image"])], [losses(model.part(0))], relative: 1e-4))
    #expect(allClose([try #require(report.losses["text"])], [losses(model.part(1))], relative: 1e-4))
  }

  @Test(
    "what the batch before depended on is masked, all of it where the mask is complete",
    arguments: ["features", "logits"])
  func masking(_ target: String) throws {
    let bench = try Bench("amco", ["target": .string(target), "threshold": 0.5])
    let (session, batch) = (try session(bench), try bench.data.whole())
    var method = try bench.method()
    let (first, second) = try (
      session.inspecting { try method.step(batch, session) }, session.inspecting { try method.step(batch, session) }
    )
    #expect(first.report.scalars["masked.image"] == 0 && first.report.scalars["masked.text"] == 0)
    let leaning = try #require(["image", "text"].first { (first.report.scalars["share.\($0)"] ?? 0) > 0.5 })
    #expect(second.report.scalars["masked.\(leaning)"] == 1)
    #expect(second.report.scalars.filter { $0.key.hasPrefix("masked") }.values.reduce(0, +) == 1)
    // Nothing of it is left but the bias, or nothing at all.
    let update = try values(second.1.updates[0][ParameterPath("\(leaning).embedding.weight")])
    #expect(update.allSatisfy { $0 == 0 })
    if target == "logits" { #expect(allClose([try #require(second.report.losses[leaning])], [log(3)])) }
    #expect(first.report.losses[leaning] != second.report.losses[leaning])
    // What is depended on is judged without the mask, so that it stays masked.
    #expect(second.report.scalars["share.\(leaning)"] == first.report.scalars["share.\(leaning)"])
  }

  @Test("half a mask hides half the features, others at every step")
  func halfMask() throws {
    var bench = try Bench("amco", ["threshold": 0.0, "ramp": 1.0])
    bench.epochs = 10
    let (session, batch) = (try session(bench), try bench.data.whole())
    var method = try bench.method()
    _ = try session.inspecting { try method.step(batch, session) }
    var seen: Set<[Bool]> = []
    for step in 14...20 {
      session.clock.step = step
      let (report, inspection) = try session.inspecting { try method.step(batch, session) }
      #expect(AMCo.maskedCount(4, try #require(report.scalars["strength"])) == 2)
      let rows = PlainModel.rows(try values(inspection.updates[0]["image.embedding.weight"]), 6)
      let hidden = rows.map { $0.allSatisfy { $0 == 0 } }
      #expect(hidden.filter { $0 }.count == 2)
      seen.insert(hidden)
    }
    #expect(seen.count > 1)
  }

  @Test("nothing is depended on at the start of an epoch, nor above a threshold of 1")
  func reset() throws {
    let bench = try Bench("amco")
    let (session, batch) = (try session(bench), try bench.data.whole())
    var method = try bench.method()
    func masked() throws -> Double {
      let scalars = try session.inspecting { try method.step(batch, session) }.report.scalars
      return scalars.filter { $0.key.hasPrefix("masked") }.values.reduce(0, +)
    }
    #expect(try [masked(), masked()] == [0, 1])
    session.clock.epoch = 2
    #expect(try [masked(), masked()] == [0, 1])
    for report in try Bench("amco", ["threshold": 1.0]).run().reports { #expect(report.scalars["masked.image"] == 0) }
  }

  @Test("predicts with the added layer and no mask")
  func prediction() throws {
    let outcome = try Bench("amco").run()
    let batch = try SyntheticData().whole()
    let outputs = try outcome.session.forward(batch)
    let method = try #require(outcome.method as? any PredictsItsOwnWay)
    let weight = try outcome.session.model.methodTensor("output", "weight")
    let bias = try outcome.session.model.methodTensor("output", "bias")
    let found = try values(method.logits(outputs, absent: []))
    #expect(allClose(found, try values(outputs.logits.linear(weight, bias)), relative: 1e-4, absolute: 1e-5))
    #expect(!allClose(found, try values(outputs.logits), relative: 1e-2))
  }

  @Test("three modalities have shares that add up to 1")
  func three() throws {
    let modalities: [Modality] = ["image", "text", "audio"]
    for report in try Bench("amco", ["threshold": 0.3], data: SyntheticData(modalities: modalities)).run().reports {
      let shares = try modalities.map { try #require(report.scalars["share.\($0)"]) }
      #expect(allClose([shares.reduce(0, +)], [1], relative: 1e-5))
    }
  }

  @Test("a fusion that is no sum is refused")
  func refusal() throws {
    let session = try FeatureProduct.session(SyntheticData())
    var method = AMCo(.init())
    let error = try #require(throws: Diagnosis.self) { try method.step(SyntheticData().whole(), session) }
    #expect(error.what.contains("amco"))
  }
}
