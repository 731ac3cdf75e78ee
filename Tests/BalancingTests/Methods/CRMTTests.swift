import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("CRMT")
struct CRMTTests {
  private static let cases = FusedStep.all("crmt.json")

  @Test("golden steps are there for every task and two and three modalities")
  func complete() { FusedStep.complete(Self.cases, fusions: 1) }

  @Test("losses, margins, radii and direction are PyTorch's", arguments: cases, [GradientPath.factored, .autograd])
  func golden(_ example: FusedStep, _ path: GradientPath) throws { try example.check(path) }

  @Test("the margin is that of plain loops, and finite however large the logits", arguments: [1, 30, 1e15])
  func margin(_ scale: Double) throws {
    let outputs = [Loops.rows(6, 3, seed: 1), Loops.rows(6, 3, seed: 2)].map { $0.map { $0.map { $0 * scale } } }
    let labels = Loops.labels(6)
    let found = try CRMT.margin(outputs.map { try .rows($0) }, Tensor(labels), .singleLabel).scalar()
    #expect(found.isFinite)
    guard scale < 100 else { return }
    let expected = labels.indices.map { i in
      var sum = 1e-5
      for rows in outputs {
        for c in 0..<3 where c != labels[i] { sum += exp(rows[i][c] - rows[i][labels[i]]) }
      }
      return log(sum)
    }
    #expect(allClose([found], [Loops.mean(expected)], relative: 1e-9))
  }

  private func trained() throws -> TrainingSession {
    var bench = try Bench("crmt")
    bench.epochs = 6
    return try bench.run().session
  }

  @Test("the length of weights or of rows counts nowhere: rows are of unit length")
  func unitRows() throws {
    let session = try trained()
    let outputs = try session.forward(SyntheticData().whole())
    let parts = try UnitRowClassifier(outputs)
    for row in parts.rows.values {
      #expect(try allClose(values(row.square().sum(1)), [1, 1, 1], relative: 1e-5))
    }
    let before = try values(parts.logits(of: outputs.modalities))
    let weight = try #require(session.model.store["fusion.classifier.weight"]?.tensor)
    try withoutGradients { try weight.scale(by: 7) }
    #expect(try allClose(values(UnitRowClassifier(outputs).logits(of: outputs.modalities)), before, relative: 1e-4))
  }

  @Test("the radius is the distance to the boundary: the shortest change of the features reaches it, none shorter does")
  func radius() throws {
    let (session, data) = (try trained(), SyntheticData())
    let (model, batch) = (session.model, try data.whole())
    let parts = try UnitRowClassifier(session.forward(batch))
    let logits = try parts.logits(of: model.modalities)
    let radii = try values(parts.radii(logits, batch.labels))
    let labels: [Int] = try batch.labels.array()
    let scores = try values(logits)
    for i in 0..<6 {
      let y = labels[i]
      let j = try #require((0..<3).filter { $0 != y }.max { scores[3 * i + $0] < scores[3 * i + $1] })
      // The direction of steepest descent of z_y − z_j, over the features of both modalities.
      let slopes = try model.modalities.map { modality -> Tensor in
        let map =
          try parts.rows[modality].matmul(model.embeddings[modality].weight.tensor)
          * parts.weights[modality].unsqueezed(1)
        return try map.selected(0, y) - map.selected(0, j)
      }
      let length = try Tensor.total(slopes.map { try $0.square().sum() }).squareRoot().scalar()
      func gap(_ distance: Double) throws -> Double {
        let moved = try PerModality(
          model.modalities,
          zip(model.modalities, slopes).map { modality, slope in
            try batch.inputs[modality].narrowed(0, from: i, length: 1)
              - slope.unsqueezed(0).to(batch.inputs[modality].elementType) * (distance / length)
          })
        let z = try values(UnitRowClassifier(session.model(moved)).logits(of: model.modalities))
        return z[y] - z[j]
      }
      #expect(abs(try gap(radii[i])) < 1e-4 * max(1, abs(try gap(0))))
      #expect(try gap(radii[i] * 0.9) * (radii[i] > 0 ? 1 : -1) > 0 || abs(radii[i]) < 1e-3)
    }
  }

  @Test("the second part moves the weights of the modalities alone, and raises the radius")
  func second() throws {
    var bench = try Bench("crmt", ["second": 0.5])
    bench.epochs = 8
    bench.plainDescent = true
    let outcome = try bench.run()
    let half = outcome.reports.count / 2
    let (first, last) = (outcome.reports[half...].first, outcome.reports.last)
    #expect(first?.scalars["margin"] == nil && outcome.reports[half - 1].scalars["margin"] != nil)
    func mean(_ reports: ArraySlice<StepReport>) -> Double { Loops.mean(reports.compactMap { $0.scalars["radius"] }) }
    #expect(mean(outcome.reports.suffix(4)) > mean(outcome.reports[half..<(half + 4)]))
    #expect(last != nil)
    let (session, method) = (try bench.session(), try bench.method())
    var stepping = method
    session.clock.exactProgress = 0.9
    let (_, inspection) = try session.inspecting { try stepping.step(bench.data.whole(), session) }
    let update = try #require(inspection.updates.first)
    #expect(try update.named().map(\.0).allSatisfy { $0.hasPrefix("method.weight.") })
  }
}
