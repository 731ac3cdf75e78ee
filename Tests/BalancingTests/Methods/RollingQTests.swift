import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("RollingQ")
struct RollingQTests {
  private let modalities: [[Modality]] = [["image", "text"], ["image", "text", "audio"]]

  private func bench(_ settings: [String: Tree] = [:], _ count: Int = 2, seed: UInt64 = 1) throws -> Bench {
    try Bench(
      "rollingq", settings, data: SyntheticData(modalities: modalities[count - 2], count: 26, seed: seed))
  }

  private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
  private func cosine(_ a: [Double], _ b: [Double]) -> Double {
    dot(a, b) / (dot(a, a).squareRoot() * dot(b, b).squareRoot())
  }
  private func applied(_ matrix: [Double], _ v: [Double]) -> [Double] {
    v.indices.map { row in total(v.count) { matrix[row * v.count + $0] * v[$0] } }
  }

  /// Mean query and mean keys over all samples, and the mean cosines, by loops.
  private func look(
    _ bench: Bench, _ model: MultimodalModel
  ) throws
    -> (query: [Double], keys: [[Double]], cosines: [Double])
  {
    let batch = try bench.data.whole()
    let width = bench.embeddingWidth
    func linear(_ row: [Double], _ name: String) throws -> [Double] {
      let weight = try values(model.store[ParameterPath("\(name).weight")]?.tensor)
      let bias = try values(model.store[ParameterPath("\(name).bias")]?.tensor)
      return bias.indices.map { out in bias[out] + total(row.count) { row[$0] * weight[out * row.count + $0] } }
    }
    let count = model.modalities.count
    var query = [Double](repeating: 0, count: width)
    var keys = [[Double]](repeating: query, count: count)
    var cosines = [Double](repeating: 0, count: count)
    for sample in 0..<batch.count {
      let features = try model.modalities.map { modality in
        let inputs = try values(batch.inputs[modality])
        let columns = inputs.count / batch.count
        return try linear(
          Array(inputs[(sample * columns)..<((sample + 1) * columns)]), "\(modality).embedding")
      }
      let queries = try features.map { try linear($0, "fusion.query") }
      let q = (0..<width).map { h in queries.reduce(0) { $0 + $1[h] } / Double(count) }
      query = zip(query, q).map { $0 + $1 / Double(batch.count) }
      for m in 0..<count {
        let k = try linear(features[m], "fusion.key")
        keys[m] = zip(keys[m], k).map { $0 + $1 / Double(batch.count) }
        cosines[m] += cosine(q, k) / Double(batch.count)
      }
    }
    return (query, keys, cosines)
  }

  /// The rotation after an epoch that moved nothing.
  private func rotation(_ bench: Bench, _ session: TrainingSession) throws -> (RollingQ, [Double]) {
    var method = try #require(try bench.method() as? RollingQ)
    try method.epochWillBegin(1, bench.context(session))
    return (method, try values(method.state().tensor("rotation")))
  }

  @Test(
    "the weights of two modalities are the published ones", arguments: zip([-0.5, 0, 0.5], [0.731059, 0.5, 0.268941]))
  func vectors(_ imbalance: Double, _ weight: Double) {
    let weights = RollingQ.weights([0.1 + imbalance, 0.1], strength: 1)
    #expect(allClose(weights, [weight, 1 - weight], relative: 0, absolute: 1e-6))
  }

  @Test("the weights are (1 ± tanh)/2 for two, sum to one for more, and are even at strength 0")
  func weights() {
    for seed in 1...5 as ClosedRange<UInt64> {
      let a = numbers(2, seed: seed, in: -1...1)
      for strength in [0, 0.3, 5, 1e15] {
        let first = (1 + tanh(-strength * (a[0] - a[1]))) / 2
        #expect(allClose(RollingQ.weights(a, strength: strength), [first, 1 - first], relative: 0, absolute: 1e-12))
      }
      let three = RollingQ.weights(numbers(3, seed: seed, in: -1...1), strength: 2)
      #expect(abs(three.reduce(0, +) - 1) < 1e-12)
    }
    let even = [Double](repeating: 1 / 3, count: 3)
    #expect(RollingQ.weights([0.3, -0.9, 0.2], strength: 0) == even)
    #expect(RollingQ.weights([0.2, 0.2, 0.2], strength: 7) == even)
  }

  @Test("the target is the weighted sum of the keys' directions, whatever their lengths", arguments: [1e-10, 1, 1e15])
  func target(_ scale: Double) {
    let keys = [[3.0, 4, 0], [0, 0, 2]].map { $0.map { $0 * scale } }
    #expect(allClose(RollingQ.target(keys, [0.25, 0.75]), [0.15, 0.2, 0.75], relative: 1e-12))
    #expect(allClose(RollingQ.target([keys[0], [0, 0, 0]], [0.25, 0.75]), [0.15, 0.2, 0], relative: 1e-12))
    #expect(allClose(RollingQ.target([keys[0], keys[0].map { -$0 }], [0.5, 0.5]), [0, 0, 0]))
    #expect(allClose(RollingQ.target([keys[0], keys[0]], [0.5, 0.5]), [0.6, 0.8, 0], relative: 1e-12))
  }

  @Test("the mean query is turned to the target, by loops", arguments: [2, 3], [0, 1, 4])
  func turns(_ count: Int, _ strength: Double) throws {
    for seed in 1...3 as ClosedRange<UInt64> {
      let bench = try bench(["strength": .number(strength)], count, seed: seed)
      let session = try bench.session()
      let (query, keys, cosines) = try look(bench, session.model)
      let lowest = cosines.min() ?? 0
      let powers = cosines.map { exp(-2 * strength * ($0 - lowest)) }
      let target = (0..<query.count).map { h in
        total(count) { powers[$0] / powers.reduce(0, +) * keys[$0][h] / dot(keys[$0], keys[$0]).squareRoot() }
      }
      let (_, matrix) = try rotation(bench, session)
      let turned = applied(matrix, query)
      #expect(abs(cosine(turned, target) - 1) < 1e-5)
      #expect(abs(dot(turned, turned) / dot(query, query) - 1) < 1e-5)
    }
  }

  @Test("at strength 0 the query comes to stand evenly between two keys, above it nearer to the one heard less")
  func even() throws {
    for seed in 1...4 as ClosedRange<UInt64> {
      for strength in [0.0, 2] {
        let bench = try bench(["strength": .number(strength)], seed: seed)
        let session = try bench.session()
        let (query, keys, cosines) = try look(bench, session.model)
        let turned = applied(try rotation(bench, session).1, query)
        let after = keys.map { cosine(turned, $0) }
        if strength == 0 {
          #expect(abs(after[0] - after[1]) < 1e-5)
        } else {
          #expect((after[0] - after[1]) * (cosines[0] - cosines[1]) < 0)
        }
      }
    }
  }

  @Test("what lies outside the plane of query and target is not turned")
  func complement() throws {
    let bench = try bench()
    let session = try bench.session()
    let query = try look(bench, session.model).query
    let matrix = try rotation(bench, session).1
    // The plane is spanned by the query and where it goes.
    let first = query.map { $0 / dot(query, query).squareRoot() }
    var second = applied(matrix, first)
    let along = dot(second, first)
    second = zip(second, first).map { $0 - along * $1 }
    let length = dot(second, second).squareRoot()
    second = second.map { $0 / length }
    var v = numbers(4, seed: 5)
    for direction in [first, second] {
      let share = dot(v, direction)
      v = zip(v, direction).map { $0 - share * $1 }
    }
    #expect(allClose(applied(matrix, v), v, relative: 0, absolute: 1e-5))
  }

  @Test("the query is turned after the first epoch, and as often as allowed", arguments: [0, 1, 2])
  func counting(_ rotations: Int) throws {
    var bench = try bench(["rotations": .int(rotations)])
    bench.epochs = 4
    let outcome = try bench.run()
    let counts = stride(from: 0, to: outcome.reports.count, by: 4).map {
      outcome.reports[$0].scalars["rotations"] ?? -1
    }
    #expect(counts == [0, 1, 2, 3].map { Double(min($0, rotations)) })
    let matrix = try values((outcome.method as? any Checkpointed)?.state().tensor("rotation"))
    #expect(matrix.isEmpty == (rotations == 0))
    for i in 0..<4 where rotations > 0 {
      for j in 0..<4 {
        #expect(abs(total(4) { matrix[$0 * 4 + i] * matrix[$0 * 4 + j] } - (i == j ? 1 : 0)) < 1e-12)
      }
    }
  }

  @Test("a second rotation is applied after the first")
  func composition() throws {
    let bench = try bench(["rotations": 2, "strength": 2])
    let session = try bench.session()
    var (method, first) = try rotation(bench, session)
    let (query, keys, _) = try look(bench, session.model)
    try method.epochWillBegin(2, bench.context(session))
    let both = try values(method.state().tensor("rotation"))
    #expect(both != first)
    // The query that was turned once goes to a target between the same keys.
    let turned = applied(both, query)
    let directions = keys.map { k in k.map { $0 / dot(k, k).squareRoot() } }
    let plane = [directions[0], zip(directions[1], directions[0]).map { $0 - dot(directions[0], directions[1]) * $1 }]
    let inPlane = plane.map { cosine(turned, $0) }.map { $0 * $0 }.reduce(0, +)
    #expect(abs(inPlane - 1) < 1e-5)
  }

  @Test("with no rotation, or an imbalance that is never enough, it is joint training", arguments: [0, 1])
  func neutral(_ rotations: Int) throws {
    var joint = try Bench("joint")
    joint.fusesByAttention = true
    let expected = try joint.run()
    let found = try bench(["rotations": .int(rotations), "threshold": 2]).run()
    #expect(found.last == expected.last)
    #expect(found.reports.map { $0.losses } == expected.reports.map { $0.losses })
  }

  @Test("predicts with the turned queries, also after it was restored")
  func prediction() throws {
    let bench = try bench()
    let outcome = try bench.run()
    let method = try #require(outcome.method as? RollingQ)
    let outputs = try outcome.session.forward(bench.data.whole())
    let fusion = try #require(outputs.model.fusion as? CrossAttentionFusion)
    let rotation = try #require(try method.state().tensor("rotation")).to(Conditions.elementType)
    let found = try values(method.logits(outputs, absent: []))
    #expect(try found == values(fusion.logits(outputs.features, turningQueries: rotation)))
    #expect(try !allClose(found, values(outputs.logits), relative: 1e-3))
    var other = try #require(try bench.method() as? RollingQ)
    #expect(try values(other.logits(outputs, absent: [])) == values(outputs.logits))
    try other.restore(method.state())
    #expect(try values(other.logits(outputs, absent: [])) == found)
  }

  @Test("reports weights that sum to one, cosines and their largest difference")
  func report() throws {
    // Where a step is measured, as the first of an epoch is.
    let report = try #require(try bench([:], 3).run().reports.first)
    let weights = ["image", "text", "audio"].compactMap { report.scalars["fusion.weight.\($0)"] }
    #expect(weights.count == 3 && abs(weights.reduce(0, +) - 1) < 1e-5)
    let cosines = ["image", "text", "audio"].compactMap { report.scalars["cosine.\($0)"] }
    #expect(cosines.count == 3 && cosines.allSatisfy { abs($0) <= 1 })
    #expect(report.scalars["imbalance"] == (cosines.max() ?? 0) - (cosines.min() ?? 0))
  }

  @Test("a fusion without queries is refused, with the one that has them")
  func wrongFusion() throws {
    var bench = try bench()
    bench.fusesByAttention = false
    let error = try #require(throws: Diagnosis.self) { try bench.run() }
    #expect(error.remedy == "--set model.fusion=cross_attention")
    #expect(error.exitStatus == .usage)
    #expect(RollingQ.requirements.attentionFusion)
  }
}
