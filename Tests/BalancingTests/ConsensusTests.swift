import Foundation
import Multimodal
import Records
import TestSupport
import SeesawConformance
import Testing
import Torch
import TorchNN

@testable import Balancing

/// One step of BalGrad in float64 with its divergences bare: every weight and the ramp are 1.
private struct Bare {
  let report: StepReport
  let balance: [String: [Double]]
  /// p of every modality, by sample: a row of distributions, each [C] or the pairs of yes and no.
  let predictions: [[[[Double]]]]
  let modalities: [String]

  init(
    _ count: Int, _ settings: [String: Tree], task: PredictionTask = .singleLabel, seed: Int = 1
  ) throws {
    Conditions.prepare()
    let data = SyntheticData(
      modalities: Array(["image", "text", "audio", "depth"].prefix(count)), task: task, classes: 4, count: 7,
      seed: UInt64(seed), elementType: .float64)
    let model = try MultimodalModel(
      modalities: data.modalities, inputWidths: data.widths, embeddingWidths: data.modalities.indices.map { 3 + $0 },
      classes: 4, task: task, store: ParameterStore(random: RandomSource(seed: seed), elementType: .float64))
    // Begun weights predict nearly alike.
    try model.store.restore(try model.store.snapshot() * 3)
    var tree = try Tree(encoding: BalGrad.Configuration())
    let bare: [String: Tree] = [
      "weight.form": "fixed", "weight.value": 1.0, "ramp.form": "constant", "ramp.lambda0": 1.0,
    ]
    for (path, value) in bare.merging(settings, uniquingKeysWith: { $1 }) { tree[path: path] = value }
    var method = BalGrad(try tree.decode())
    let session = TrainingSession(
      model, optimizer: try SGD(model.store), learningRate: LearningRate(0.1),
      clock: TrainingClock(steps: 10, epochs: 1), random: RandomSource(seed: 1))
    let batch = try data.whole()
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    self.report = report
    let gradients = try #require(inspection.parts.first { $0.name == "balance" }?.gradients)
    balance = try Dictionary(uniqueKeysWithValues: gradients.named().map { ($0, try values($1)) })
    predictions = try model(batch.inputs).unimodal().values.map { logits in
      let rows = PlainModel.rows(try values(logits), 4)
      return rows.map { row in
        if task == .multiLabel { return row.map { [1 / (1 + exp(-$0)), 1 / (1 + exp($0))] } }
        let total = row.map { exp($0) }.reduce(0, +)
        return [row.map { exp($0) / total }]
      }
    }
    modalities = data.modalities.map(\.name)
  }

  /// qₘ by sample: the others' predictions, each by the inverse of its loss.
  func consensus(of m: Int) -> [[[Double]]] {
    let shares = modalities.map { 1 / (report.losses[$0] ?? .nan) }
    let others = modalities.indices.filter { $0 != m }
    let whole = others.map { shares[$0] }.reduce(0, +)
    return predictions[m].indices.map { i in
      predictions[m][i].indices.map { d in
        predictions[m][i][d].indices.map { c in
          others.map { shares[$0] * predictions[$0][i][d][c] }.reduce(0, +) / whole
        }
      }
    }
  }

  func divergence(of m: Int) -> Double { report.scalars["divergence.\(modalities[m])"] ?? .nan }
}

/// (1/B) Σᵢ Σ p (log p − log q).
private func kullbackLeibler(_ p: [[[Double]]], _ q: [[[Double]]]) -> Double {
  let terms = zip(p.joined().joined(), q.joined().joined()).map { $0 * (log($0) - log($1)) }
  return terms.reduce(0, +) / Double(p.count)
}

private func middle(_ p: [[[Double]]], _ q: [[[Double]]]) -> [[[Double]]] {
  zip(p, q).map { zip($0, $1).map { zip($0, $1).map { ($0 + $1) / 2 } } }
}

@Suite("BalGrad by consensus")
struct ConsensusTests {
  private static let directions = ["target_student", "student_target", "js"]

  @Test(
    "with two modalities the consensus of the others is the other", arguments: directions,
    [PredictionTask.singleLabel, .multiLabel])
  func two(direction: String, task: PredictionTask) throws {
    for seed in 1...4 {
      let others = try Bare(2, ["kl.direction": .string(direction)], task: task, seed: seed)
      let settings: [String: Tree] = ["kl.direction": .string(direction), "kl.partner": "consensus"]
      let consensus = try Bare(2, settings, task: task, seed: seed)
      for m in 0..<2 { #expect(allClose([consensus.divergence(of: m)], [others.divergence(of: m)], relative: 1e-11)) }
      #expect(consensus.balance.keys.sorted() == others.balance.keys.sorted())
      for (name, expected) in others.balance {
        #expect(allClose(consensus.balance[name] ?? [], expected, relative: 1e-9, absolute: 1e-13), "\(name)")
      }
    }
  }

  @Test(
    "with several it is their mean by inverse losses, and the divergences are those of plain loops",
    arguments: directions, [3, 4])
  func several(direction: String, count: Int) throws {
    for task in [PredictionTask.singleLabel, .multiLabel] {
      let bare = try Bare(count, ["kl.direction": .string(direction), "kl.partner": "consensus"], task: task)
      for m in 0..<count {
        let (p, q) = (bare.predictions[m], bare.consensus(of: m))
        let expected =
          switch direction {
          case "target_student": kullbackLeibler(q, p)
          case "student_target": kullbackLeibler(p, q)
          default: (kullbackLeibler(p, middle(p, q)) + kullbackLeibler(q, middle(p, q))) / 2
          }
        #expect(allClose([bare.divergence(of: m)], [expected], relative: 1e-10))
      }
    }
  }

  @Test("with several it is not the mean of the divergences from each", arguments: directions)
  func differs(direction: String) throws {
    let others = try Bare(3, ["kl.direction": .string(direction)])
    let consensus = try Bare(3, ["kl.direction": .string(direction), "kl.partner": "consensus"])
    for m in 0..<3 { #expect(!allClose([consensus.divergence(of: m)], [others.divergence(of: m)], relative: 1e-3)) }
  }

  @Test(
    "the mean over the others is that of plain loops, in every direction", arguments: directions, [2, 3, 4])
  func others(direction: String, count: Int) throws {
    for task in [PredictionTask.singleLabel, .multiLabel] {
      let bare = try Bare(count, ["kl.direction": .string(direction)], task: task)
      for m in 0..<count {
        let p = bare.predictions[m]
        let terms = (0..<count).filter { $0 != m }.map { j in
          let q = bare.predictions[j]
          return switch direction {
          case "target_student": kullbackLeibler(q, p)
          case "student_target": kullbackLeibler(p, q)
          default: (kullbackLeibler(p, middle(p, q)) + kullbackLeibler(q, middle(p, q))) / 2
          }
        }
        #expect(allClose([bare.divergence(of: m)], [terms.reduce(0, +) / Double(count - 1)], relative: 1e-10))
      }
    }
  }

  @Test("a modality is pulled to the consensus and pulls nobody: the slope at its logits is p − q", arguments: [3, 4])
  func slope(count: Int) throws {
    let bare = try Bare(count, ["kl.partner": "consensus"])
    for (m, name) in bare.modalities.enumerated() {
      let (p, q) = (bare.predictions[m], bare.consensus(of: m))
      let expected = (0..<4).map { c in
        p.indices.map { p[$0][0][c] - q[$0][0][c] }.reduce(0, +) / Double(p.count)
      }
      #expect(allClose(bare.balance["\(name).head.bias"] ?? [], expected, relative: 1e-9, absolute: 1e-13))
    }
  }

  @Test("without stop-gradient the others are pulled too")
  func bothWays() throws {
    let fixed = try Bare(3, ["kl.partner": "consensus"])
    let free = try Bare(3, ["kl.partner": "consensus", "kl.stop_grad": false])
    for m in 0..<3 { #expect(allClose([free.divergence(of: m)], [fixed.divergence(of: m)], relative: 1e-12)) }
    for name in fixed.modalities {
      let path = "\(name).head.bias"
      #expect(!allClose(free.balance[path] ?? [], fixed.balance[path] ?? [], relative: 1e-3))
    }
  }
}
