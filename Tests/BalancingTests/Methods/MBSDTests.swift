import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("MBSD")
struct MBSDTests {
  private static let cases = ListedStep.all("mbsd.json")

  @Test("golden steps are there for both variants, two and three modalities and both kinds of labels")
  func complete() throws {
    #expect(Set(Self.cases.map(\.modalities.count)) == [2, 3])
    #expect(Set(Self.cases.map(\.task)) == [.singleLabel, .multiLabel])
    #expect(Set(try Self.cases.map { try $0.tree()[path: "variant"]?.stringValue }) == ["corrected", "benchmark"])
  }

  @Test("losses, terms and direction are PyTorch's", arguments: cases)
  func golden(_ example: ListedStep) throws {
    let session = try example.session()
    var method = MBSD(try example.tree().decode())
    let (report, inspection) = try session.inspecting { try method.step(example.examples(), session) }
    try example.check(report, try #require(inspection.updates.first), session.model)
  }

  private func pair(
    _ a: [[Double]], _ b: [[Double]], _ labels: [Int], _ variant: MBSD.Variant = .corrected, probabilities: Bool = false
  ) throws -> (weight: [Double], similarity: Double, distillation: Double) {
    let found = try MBSD.pair(
      .rows(a), .rows(b), Tensor(labels), .singleLabel, variant, comparingProbabilities: probabilities)
    return (try values(found.weight), try found.similarity.scalar(), try found.distillation.scalar())
  }

  @Test("weights, distance and divergence are those of plain loops", arguments: [MBSD.Variant.corrected, .benchmark])
  func formula(_ variant: MBSD.Variant) throws {
    for (name, a, b) in Loops.bestiary where name != "huge" {
      let labels = Loops.labels(a.count)
      var (weights, similarity, distillation): ([Double], Double, Double) = ([], 0, 0)
      for i in a.indices {
        let (p, q, y) = (Loops.softmax(a[i]), Loops.softmax(b[i]), labels[i])
        let someRight = Loops.argmax(a[i]) == y || Loops.argmax(b[i]) == y
        let weight = someRight ? abs(p[y] - q[y]) : 0
        weights.append(weight)
        similarity += weight * Loops.mean(zip(a[i], b[i]).map { ($0 - $1) * ($0 - $1) }) / Double(a.count)
        let (strong, weak) = p[y] > q[y] ? (p, q) : (q, p)
        let distance = variant == .corrected ? Loops.divergence(strong, weak) : weak[y] * (log(weak[y]) - strong[y])
        distillation += weight * distance / Double(a.count)
      }
      let found = try pair(a, b, labels, variant)
      #expect(allClose(found.weight, weights, relative: 1e-6, absolute: 1e-12), "\(name)")
      #expect(allClose([found.similarity], [similarity], relative: 1e-9, absolute: 1e-18), "\(name)")
      #expect(allClose([found.distillation], [distillation], relative: 1e-6, absolute: 1e-18), "\(name)")
    }
  }

  @Test("huge logits stay finite", arguments: [MBSD.Variant.corrected, .benchmark])
  func huge(_ variant: MBSD.Variant) throws {
    let huge = try #require(Loops.bestiary.first { $0.name == "huge" })
    let found = try pair(huge.a, huge.b, [0, 1], variant)
    #expect(found.distillation.isFinite && found.similarity.isFinite)
  }

  @Test("nobody teaches where both agree, or where both are wrong")
  func silence() throws {
    let equal = try pair([[1, 2, 3]], [[1, 2, 3]], [2])
    #expect(equal.weight == [0] && equal.similarity == 0 && equal.distillation == 0)
    let wrong = try pair([[3, 0, 0]], [[0, 3, -3]], [2])
    #expect(wrong.weight == [0] && wrong.similarity == 0 && wrong.distillation == 0)
  }

  @Test("the divergence is never negative; the benchmark's is")
  func sign() throws {
    for (_, a, b) in Loops.bestiary { #expect(try pair(a, b, Loops.labels(a.count)).distillation >= 0) }
    let (a, b) = ([[2.0, 0, 0]], [[0.0, 1, 0]])
    #expect(try pair(a, b, [0]).distillation > 0)
    #expect(try pair(a, b, [0], .benchmark).distillation < 0)
  }

  @Test("the weak learns, the strong is left alone, and no gradient goes through the weight")
  func teaching() throws {
    let strong = try Tensor.rows([[3, 0, 0]]).requiringGradient()
    let weak = try Tensor.rows([[0, 1, 0]]).requiringGradient()
    for (first, second) in [(strong, weak), (weak, strong)] {
      let found = try MBSD.pair(first, second, Tensor([0]), .singleLabel, .corrected)
      let slopes = try gradients(of: found.distillation, withRespectTo: [strong, weak])
      #expect(try values(slopes[0]).allSatisfy { $0 == 0 })
      // w · (p_weak − p_strong)
      let (p, q) = (Loops.softmax([3, 0, 0]), Loops.softmax([0, 1, 0]))
      let expected = (0..<3).map { (p[0] - q[0]) * (q[$0] - p[$0]) }
      #expect(allClose(try values(slopes[1]), expected))
    }
    let open = try MBSD.pair(strong, weak, Tensor([0]), .singleLabel, .benchmark)
    #expect(open.weight.requiresGradient)
  }

  @Test("without its terms it is joint training")
  func neutral() throws {
    let none: [String: Tree] = ["unimodal": 0.0, "similarity": 0.0, "distillation": 0.0]
    #expect(try Bench("mbsd", none).run().last == Bench("joint").run().last)
  }

  @Test("three modalities: the mean over all pairs")
  func three() throws {
    let example = try #require(Self.cases.first { $0.name == "three" })
    let (session, batch) = (try example.session(), try example.examples())
    var method = MBSD(.init())
    let (report, _) = try session.inspecting { try method.step(batch, session) }
    let parts = try #require(try session.forward(batch).contributions()).values
    let pairs = try [(0, 1), (0, 2), (1, 2)].map {
      try MBSD.pair(parts[$0.0], parts[$0.1], batch.labels, .singleLabel, .corrected).distillation.scalar()
    }
    #expect(allClose([try #require(report.scalars["distillation"])], [Loops.mean(pairs)]))
  }

  @Test("a fusion that is no sum is listened to one modality at a time")
  func masking() throws {
    let data = SyntheticData()
    let session = try FeatureProduct.session(data)
    var method = MBSD(.init())
    let (report, inspection) = try session.inspecting { try method.step(data.whole(), session) }
    let alone = try session.loss(session.forward(data.whole(), without: ["text"]).logits, data.whole()).scalar()
    #expect(allClose([try #require(report.losses["image"])], [alone]))
    #expect(try inspection.updates[0].isFinite())
  }
}
