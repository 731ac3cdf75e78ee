import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("CML")
struct CMLTests {
  private static let cases = ListedStep.all("cml.json")

  @Test("golden steps are there for every choice, two and three modalities and both kinds of labels")
  func complete() throws {
    #expect(Set(Self.cases.map(\.modalities.count)) == [2, 3])
    #expect(Set(Self.cases.map(\.task)) == [.singleLabel, .multiLabel])
    for setting in CML.card.settings {
      for word in setting.allowed {
        #expect(try Self.cases.contains { try $0.tree()[path: setting.key]?.stringValue == word }, "\(word)")
      }
    }
  }

  @Test("losses, penalty and direction are PyTorch's", arguments: cases)
  func golden(_ example: ListedStep) throws {
    let session = try example.session()
    let method = CML(try example.tree().decode())
    let batch = try example.examples()
    let order = try #require(example.order).map { Modality($0) }
    var report = StepReport(losses: [:])
    let loss = try method.objective(session.forward(batch), batch, session, removing: order, &report)
    try example.check(report, session.gradients(of: loss), session.model)
  }

  @Test("a whole step is one of the golden ones, by whichever modality it takes away")
  func wholeStep() throws {
    let example = try #require(Self.cases.first { $0.name == "defaults" })
    let session = try example.session()
    var seen: Set<String> = []
    for step in 0..<20 {
      session.clock.step = step
      var method = CML(.init())
      let (report, inspection) = try session.inspecting { try method.step(example.examples(), session) }
      let removed = try #require(["image", "text"].first { report.scalars["removed.\($0)"] == 1 })
      seen.insert(removed)
      if [removed] == example.order { try example.check(report, inspection.updates[0], session.model) }
    }
    #expect(seen == ["image", "text"])
  }

  private func excess(
    _ more: [[Double]], _ fewer: [[Double]], _ labels: [Int], _ samples: CML.Samples = .all
  ) throws -> [Double] {
    try values(CML.excess(.rows(more), over: .rows(fewer), Tensor(labels), .singleLabel, samples))
  }

  @Test("each sample that becomes surer counts; one that obeys does not make up for it")
  func vector() throws {
    func logits(_ p: [Double]) -> [[Double]] { p.map { [log($0), log(1 - $0)] } }
    let found = try excess(logits([0.9, 0.6]), logits([0.7, 0.8]), [0, 0])
    #expect(allClose(found, [0, 0.2]))
    #expect(allClose([found.reduce(0, +)], [0.2]))
  }

  @Test("the excess is that of plain loops", arguments: [CML.Samples.all, .notMisled, .right])
  func formula(_ samples: CML.Samples) throws {
    for (name, more, fewer) in Loops.bestiary {
      let labels = Loops.labels(more.count)
      let expected = more.indices.map { i in
        let gap = (Loops.softmax(fewer[i]).max() ?? 0) - (Loops.softmax(more[i]).max() ?? 0)
        let (moreRight, fewerRight) = (Loops.argmax(more[i]) == labels[i], Loops.argmax(fewer[i]) == labels[i])
        let counts =
          switch samples {
          case .all: true
          case .notMisled: moreRight || !fewerRight
          case .right: moreRight || !fewerRight
          }
        return counts ? max(0, gap) : 0
      }
      // Where logits are equal, which class comes first is the tensor library's choice.
      if name == "zero" { continue }
      #expect(allClose(try excess(more, fewer, labels, samples), expected, absolute: 1e-12), "\(name)")
    }
  }

  @Test("where both are wrong, only the surer prediction is pushed down")
  func bothWrong() throws {
    let more = try Tensor.rows([[1, 0, 0]]).requiringGradient()
    let fewer = try Tensor.rows([[3, 0, 0]]).requiringGradient()
    let labels = try Tensor([2])
    let all = try gradients(of: CML.excess(more, over: fewer, labels, .singleLabel, .all).sum(), withRespectTo: [more])
    #expect(try !values(all[0]).allSatisfy { $0 == 0 })
    let pushed = try gradients(
      of: CML.excess(more, over: fewer, labels, .singleLabel, .right).sum(), withRespectTo: [more, fewer])
    #expect(try values(pushed[0]).allSatisfy { $0 == 0 })
    #expect(try !values(pushed[1]).allSatisfy { $0 == 0 })
  }

  @Test("nothing is punished where nothing becomes surer")
  func obeying() throws {
    for (_, logits, _) in Loops.bestiary {
      let weaker = logits.map { $0.map { $0 * 0.5 } }
      #expect(try excess(logits, weaker, Loops.labels(logits.count)).allSatisfy { $0 <= 1e-15 })
    }
  }

  @Test("sum is mean times the number of samples, and weight 0 leaves the losses alone")
  func reduction() throws {
    let example = try #require(Self.cases.first { $0.name == "defaults" })
    let (session, batch) = (try example.session(), try example.examples())
    func value(_ change: (inout CML.Configuration) -> Void) throws -> (loss: Double, report: StepReport) {
      var configuration = CML.Configuration()
      change(&configuration)
      var report = StepReport(losses: [:])
      let loss = try CML(configuration)
        .objective(session.forward(batch), batch, session, removing: ["image"], &report)
      return (try loss.scalar(), report)
    }
    let (mean, none) = (try value { _ in }, try value { $0.weight = 0 })
    let sum = try value {
      $0.reduction = .sum
      $0.weight = 1 / Double(batch.count)
    }
    let penalty = try #require(mean.report.scalars["penalty"])
    #expect(penalty > 0)
    #expect(allClose([sum.loss, none.loss], [mean.loss, mean.loss - penalty]))
    let losses = none.report.losses
    #expect(allClose([none.loss], [try (#require(losses["fused"]) + #require(losses["text"])) / 2]))
  }

  @Test("three modalities are taken away one after the other, in every order")
  func three() throws {
    let bench = try Bench("cml", data: SyntheticData(modalities: ["image", "text", "audio"]))
    let orders = try bench.run().reports.map { report in
      try ["image", "text", "audio"].map { try #require(report.scalars["removed.\($0)"]) }
    }
    for order in orders { #expect(order.sorted() == [0, 1, 2]) }
    #expect(Set(orders).count > 2)
  }
}
