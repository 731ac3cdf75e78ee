import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("Greedy")
struct GreedyTests {
  private static let branches = ["image", "text"]

  /// A bench whose branches are always found apart, or never.
  private func bench(_ settings: [String: Tree] = [:]) throws -> Bench {
    var bench = try Bench("greedy", ["warmup": 0.0, "tolerance": 0.0].merging(settings) { $1 })
    bench.epochs = 6
    return bench
  }

  private func held(_ report: StepReport) -> String? { Self.branches.first { report.scalars["held.\($0)"] == 1 } }

  @Test("gates and prediction are those of plain loops")
  func formula() throws {
    let bench = try bench()
    let (session, batch) = (try bench.session(), try bench.data.whole())
    let model = try PlainModel(session, batch)
    func weight(_ name: String, _ width: Int) throws -> [[Double]] {
      PlainModel.rows(try #require(model.weights[name]), width)
    }
    let features = [model.features(0), model.features(1)]
    let squeeze = try Self.branches.map { try weight("method.squeeze.\($0)", 4) }
    let bias = try #require(model.weights["method.squeeze_bias"])
    #expect(bias.count == 4)
    let hidden = (0..<batch.count).map { i in
      (0..<4).map { k in
        max(0, bias[k] + total(4) { features[0][i][$0] * squeeze[0][k][$0] + features[1][i][$0] * squeeze[1][k][$0] })
      }
    }
    var mean = [Double](repeating: 0, count: batch.count * 3)
    let gates = try Greedy.gates(session.forward(batch))
    for (m, name) in Self.branches.enumerated() {
      let (g, b) = (
        try weight("method.gate.\(name).weight", 4), try #require(model.weights["method.gate.\(name).bias"])
      )
      let (f, c) = (try weight("\(name).head.weight", 4), try #require(model.weights["\(name).head.bias"]))
      let gate = hidden.map { h in (0..<4).map { k in 1 / (1 + exp(-b[k] - total(4) { h[$0] * g[k][$0] })) } }
      #expect(allClose(try values(gates[Modality(name)]), gate.flatMap { $0 }, relative: 1e-4))
      for i in 0..<batch.count {
        for k in 0..<3 {
          mean[i * 3 + k] += 0.5 * (c[k] + total(4) { gate[i][$0] * features[m][i][$0] * f[k][$0] })
        }
      }
    }
    let found = try Greedy(.init()).logits(session.forward(batch), absent: [])
    #expect(allClose(try values(found), mean, relative: 1e-4, absolute: 1e-5))
    let labels: [Int] = try batch.labels.array()
    var method = try bench.method()
    let report = try session.inspecting { try method.step(batch, session) }.report
    let loss = Loops.mean(
      (0..<batch.count).map { Loops.crossEntropy(Array(mean[($0 * 3)..<($0 * 3 + 3)]), labels[$0]) })
    #expect(allClose([try #require(report.losses["fused"])], [loss], relative: 1e-4))
  }

  @Test("a learning speed is the logarithm of what bypasses over what passes, and nothing where nothing moved")
  func speed() {
    #expect(allClose([Greedy.speed(main: 2, bypass: 20) ?? .nan], [1]))
    #expect(allClose([Greedy.speed(main: 1e15, bypass: 1e-10) ?? .nan], [-25]))
    #expect(Greedy.speed(main: 0, bypass: 1) == nil)
    #expect(Greedy.speed(main: 1, bypass: 0) == nil)
    #expect(Greedy.speed(main: nil, bypass: 1) == nil)
  }

  @Test("relative energy is the squared length of the gradient over that of the weights")
  func energy() throws {
    let bench = try bench()
    let (session, batch) = (try bench.session(), try bench.data.whole())
    let direction = try session.gradients(of: session.loss(session.forward(batch).logits, batch))
    let indices = session.model.branch("image")
    var (above, below) = (0.0, 0.0)
    for name in ["image.embedding.weight", "image.embedding.bias"] {
      for value in try values(direction[ParameterPath(name)]) { above += value * value }
      for value in try values(session.model.store[ParameterPath(name)]?.tensor) { below += value * value }
    }
    #expect(indices.count == 2)
    #expect(
      allClose([try Greedy.relativeEnergy(direction, indices, session.model.store)], [above / below], relative: 1e-4))
    #expect(try Greedy.relativeEnergy(direction, [], session.model.store) == 0)
  }

  @Test("the branch whose bypass learns faster is held, for as many steps as asked, and speeds stand still meanwhile")
  func holding() throws {
    let reports = try bench(["steps": 3]).run().reports
    #expect(held(reports[0]) == nil)
    for start in stride(from: 0, to: reports.count - 4, by: 4) {
      let speeds = try Self.branches.map { try #require(reports[start].scalars["speed.\($0)"]) }
      let faster = speeds[0] > speeds[1] ? "image" : "text"
      #expect(reports[(start + 1)...(start + 3)].allSatisfy { held($0) == faster })
      #expect(held(reports[start + 4]) == nil)
      for (branch, speed) in zip(Self.branches, speeds) {
        #expect(reports[(start + 1)...(start + 3)].allSatisfy { $0.scalars["speed.\(branch)"] == speed })
        #expect(reports[start + 4].scalars["speed.\(branch)"] != speed)
      }
    }
  }

  @Test("a held branch has the mean of its own gates over training, not the other's")
  func ownMeans() throws {
    let bench = try bench(["steps": 2])
    let (session, batch) = (try bench.session(), try bench.data.whole())
    var method = Greedy(try bench.settings.decode())
    let gates = try Greedy.gates(session.forward(batch)).map { try values($1.mean(0)) }
    let first = try session.inspecting { try method.step(batch, session) }.report
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    let branch = try #require(held(report))
    let other = branch == "image" ? "text" : "image"
    let state = try method.state()
    for name in Self.branches {
      #expect(allClose(try values(state.tensor(name)), gates[Modality(name)], relative: 1e-5))
      #expect(
        allClose(
          [try #require(report.scalars["gate.\(name)"])], [try #require(first.scalars["gate.\(name)"])], relative: 1e-4)
      )
    }
    #expect(gates["image"] != gates["text"])
    #expect(report.losses["fused"] != first.losses["fused"])
    // No information crosses over into it: its gate's parameters are not trained, the other's are.
    #expect(try inspection.updates[0][ParameterPath("method.gate.\(branch).weight")] == nil)
    #expect(try inspection.updates[0][ParameterPath("method.gate.\(other).weight")] != nil)
  }

  @Test("the mean of gates weighs every step that is not curated alike")
  func runningMean() throws {
    var bench = try bench(["tolerance": 1000.0])
    bench.epochs = 1
    let (session, batch) = (try bench.session(), try bench.data.whole())
    var method = Greedy(try bench.settings.decode())
    var seen: [[Double]] = []
    for _ in 0..<4 {
      seen.append(try values(Greedy.gates(session.forward(batch))["text"].mean(0)))
      _ = try method.step(batch, session)
    }
    let expected = (0..<4).map { k in Loops.mean(seen.map { $0[k] }) }
    #expect(allClose(try values(method.state().tensor("text")), expected, relative: 1e-5))
    #expect(seen[0] != seen[3])
  }

  @Test("nobody is held within the tolerance, nor during warm-up")
  func nobody() throws {
    #expect(try bench(["tolerance": 1000.0]).run().reports.allSatisfy { held($0) == nil })
    let reports = try bench(["warmup": 0.5]).run().reports
    #expect(reports.prefix(reports.count / 2).allSatisfy { held($0) == nil })
    #expect(reports.contains { held($0) != nil })
  }

  @Test("by lot, nobody and either branch are held about equally often")
  func lots() throws {
    var bench = try bench(["policy": "random"])
    bench.epochs = 75
    let reports = try bench.run().reports
    for who in [nil, "image", "text"] as [String?] {
      #expect(abs(Double(reports.filter { held($0) == who }.count) - 100) < 30)
    }
  }

  @Test("the fused classifier has no part in it")
  func fusedClassifier() throws {
    let outcome = try bench().run()
    #expect(outcome.first["fusion.classifier.weight"] == outcome.last["fusion.classifier.weight"])
  }

  @Test("three modalities are refused")
  func three() throws {
    let data = SyntheticData(modalities: ["image", "text", "audio"])
    let bench = try Bench("greedy", data: data)
    var method = try bench.method()
    let error = try #require(throws: Diagnosis.self) { try method.step(data.whole(), bench.session()) }
    #expect(error.what.contains("two") && Greedy.card.modalities == .two)
  }
}
