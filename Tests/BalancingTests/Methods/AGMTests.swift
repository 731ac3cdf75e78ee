import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("AGM")
struct AGMTests {
  @Test("the known example of two modalities")
  func knownPair() {
    let ahead = AGM.discrepancies([0.4, 1.0])
    let before = AGM.discrepancies([0.7, 0.9])
    #expect(allClose(ahead, [1.822119, 0.548812], absolute: 1e-6))
    #expect(allClose(before, [1.221403, 0.818731], absolute: 1e-6))
    #expect(allClose(AGM.factors(before, ahead, alpha: 1, cap: 7), [0.548419, 1.309859], absolute: 1e-6))
  }

  @Test("the known example of three modalities")
  func knownTrio() {
    let factors = AGM.factors(
      AGM.discrepancies([0.6, 0.9, 0.8]), AGM.discrepancies([0.4, 1.0, 0.7]), alpha: 0.1, cap: 7)
    #expect(allClose(factors, [0.971972, 1.018275, 0.995135], absolute: 1e-6))
  }

  @Test(
    "responses are the Shapley values, the short way and the long, and sum to the fused logits",
    arguments: [["image", "text"], ["image", "text", "audio"], ["image", "text", "audio", "depth"]])
  func responses(_ names: [String]) throws {
    let bench = try Bench("joint", data: SyntheticData(modalities: names.map { Modality($0) }))
    let step = try StepTaken(bench)
    let outputs = try step.session.forward(step.batch)
    let short = try AGM.responses(outputs, step.batch, step.session)
    let long = try AGM.shapley(outputs, step.batch, step.session)
    let plain = try PlainModel(step.session, step.batch)
    let all = Set(names.indices)
    func value(_ present: Set<Int>) -> [Double] {
      present.isEmpty ? [] : plain.fused(present).flatMap { $0 }
    }
    // The mean of what m adds over all orders in which the modalities may come.
    func orders(_ rest: [Int]) -> [[Int]] {
      rest.isEmpty ? [[]] : rest.flatMap { first in orders(rest.filter { $0 != first }).map { [first] + $0 } }
    }
    for m in names.indices {
      var wanted = [Double](repeating: 0, count: value(all).count)
      let permutations = orders(Array(names.indices))
      for order in permutations {
        let before = Set(order.prefix { $0 != m })
        let without = value(before)
        for (k, with) in value(before.union([m])).enumerated() {
          wanted[k] += (with - (without.isEmpty ? 0 : without[k])) / Double(permutations.count)
        }
      }
      #expect(try allClose(values(short.values[m]), wanted, relative: 1e-3, absolute: 1e-4))
      #expect(try allClose(values(long.values[m]), wanted, relative: 1e-3, absolute: 1e-4))
    }
    let sum = try short.values.dropFirst().reduce(short.values[0]) { try $0 + $1 }
    #expect(try allClose(sum, outputs.logits, relative: 1e-4, absolute: 1e-5))
  }

  @Test("of two, a response holds half of what is left without the other: not only half of what it adds")
  func emptyCoalition() throws {
    let step = try StepTaken(Bench("joint"))
    let plain = try PlainModel(step.session, step.batch)
    let (both, image, text) = (plain.fused([0, 1]), plain.fused([0]), plain.fused([1]))
    let wanted = both.indices.flatMap { i in
      both[i].indices.map { 0.5 * (both[i][$0] - text[i][$0] + image[i][$0]) }
    }
    let found = try AGM.responses(step.session.forward(step.batch), step.batch, step.session)
    #expect(try allClose(values(found["image"]), wanted, relative: 1e-3, absolute: 1e-4))
  }

  @Test("scores, discrepancies and factors of a first step are those of plain loops", arguments: Setting.several)
  func formula(_ setting: Setting) throws {
    let step = try StepTaken(Bench("agm", ["alpha": 0.7], data: setting.data))
    let plain = try PlainModel(step.session, step.batch)
    let responses = try AGM.responses(step.session.forward(step.batch), step.batch, step.session)
    let scores = try responses.values.map { response in
      let losses = plain.losses(PlainModel.rows(try values(response), response.shape[1]))
      return losses.reduce(0, +) / Double(losses.count)
    }
    for (m, name) in plain.modalities.enumerated() {
      let mean = scores.reduce(0, +) / Double(scores.count)
      let ahead = exp(Double(scores.count) / Double(scores.count - 1) * (mean - scores[m]))
      let scalars = step.report.scalars
      #expect(allClose([scalars["score.\(name)"] ?? .nan], [scores[m]], relative: 1e-4))
      #expect(allClose([scalars["discrepancy.\(name)"] ?? .nan], [ahead], relative: 1e-3))
      #expect(scalars["reference.\(name)"] == 1)
      #expect(allClose([scalars["factor.\(name)"] ?? .nan], [exp(0.7 * (1 - ahead))], relative: 1e-3))
    }
    let joint = try step.session.loss(step.session.forward(step.batch).logits, step.batch).scalar()
    #expect(allClose([step.report.losses["fused"] ?? .nan], [joint], relative: 1e-5))
  }

  @Test("the one that is ahead is damped and the one behind strengthened, never the other way round", arguments: 1...10)
  func direction(_ seed: Int) {
    let scores = numbers(2, seed: UInt64(seed), in: 0.01...3)
    let factors = AGM.factors([1, 1], AGM.discrepancies(scores), alpha: 1, cap: 7)
    let ahead = scores[0] < scores[1] ? 0 : 1
    #expect(factors[ahead] <= 1 && factors[1 - ahead] >= 1)
  }

  @Test("factors stay finite whatever the scores, and the cap holds them")
  func bounds() {
    for scores in [[0, 0], [0, 18.42], [18.42, 0], [1e-10, 1e-10], [18.42, 18.42]] {
      let ahead = AGM.discrepancies(scores)
      for before in [[1, 1], AGM.discrepancies([18.42, 0])] {
        let factors = AGM.factors(before, ahead, alpha: 1, cap: 7)
        #expect(factors.allSatisfy { $0.isFinite && $0 >= 0 && $0 <= exp(7) })
      }
    }
  }

  @Test("the reference is the running mean of the steps before, counted over epochs")
  func memory() throws {
    let reports = try Bench("agm").run().reports
    var means = [0.0, 0.0]
    for (position, report) in reports.enumerated() {
      let wanted = AGM.discrepancies(means)
      let scores = ["image", "text"].map { report.scalars["score.\($0)"] ?? .nan }
      #expect(
        allClose(["image", "text"].map { report.scalars["reference.\($0)"] ?? .nan }, wanted, relative: 1e-9))
      let t = Double(position + 1)
      means = zip(means, scores).map { $0 * (t - 1) / t + $1 / t }
    }
    #expect(reports.count == 12)
  }

  @Test("α = 0 is joint training to the last bit, wherever it would act", arguments: AGM.Place.allowed)
  func neutral(_ place: String) throws {
    #expect(try Bench("agm", ["alpha": 0.0, "modulate": .string(place)]).run().last == Bench("joint").run().last)
  }

  @Test("on the gradient it scales whole branches and leaves the classifier alone")
  func branches() throws {
    let step = try StepTaken(Bench("agm", ["modulate": "gradient"]))
    for name in ["image", "text"] {
      let factor = try #require(step.report.scalars["factor.\(name)"])
      #expect(factor != 1)
      for part in ["weight", "bias"] {
        let wanted = try step.plain("\(name).embedding.\(part)").map { $0 * factor }
        #expect(try allClose(step.found("\(name).embedding.\(part)"), wanted, relative: 1e-4, absolute: 1e-8))
      }
    }
    #expect(try step.found("fusion.classifier.weight") == step.plain("fusion.classifier.weight"))
    // On the responses the classifier is reached too.
    let responses = try StepTaken(Bench("agm"))
    #expect(try responses.found("fusion.classifier.weight") != responses.plain("fusion.classifier.weight"))
  }

  @Test("on the step the optimizer's own move is stretched")
  func steps() throws {
    var moves: [[Double]] = []
    var factor = 0.0
    for (name, settings) in [("joint", [:]), ("agm", ["modulate": "step"])] as [(String, [String: Tree])] {
      let bench = try Bench(name, settings)
      let session = try bench.session()
      let before = try Bench.weights(session.model)["image.embedding.weight"] ?? []
      var method = try bench.method()
      factor = try method.step(bench.data.whole(), session).scalars["factor.image"] ?? 1
      moves.append(zip(try Bench.weights(session.model)["image.embedding.weight"] ?? [], before).map { $0 - $1 })
    }
    #expect(factor != 1)
    #expect(allClose(moves[1], moves[0].map { $0 * factor }, relative: 1e-2, absolute: 1e-6))
  }

  @Test("a fusion that is no sum takes the long way")
  func anyFusion() throws {
    let (session, batch) = try ProductFusion.session(["image", "text", "audio"])
    let outputs = try session.forward(batch)
    let responses = try AGM.responses(outputs, batch, session)
    let sum = try responses.values.dropFirst().reduce(responses.values[0]) { try $0 + $1 }
    #expect(try allClose(sum, outputs.logits, relative: 1e-3, absolute: 1e-4))
    var method = AGM(AGM.Configuration())
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    #expect(report.scalars.values.allSatisfy { $0.isFinite })
    #expect(try inspection.updates[0].isFinite())
  }

  @Test("agrees with PyTorch", arguments: ListedStep.all("agm.json"))
  func golden(_ example: ListedStep) throws { try example.check() }

  @Test("PyTorch's steps are there, of two modalities and of three")
  func goldenThere() { #expect(Set(ListedStep.all("agm.json").map(\.modalities.count)) == [2, 3]) }
}
