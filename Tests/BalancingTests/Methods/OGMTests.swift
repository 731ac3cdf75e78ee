import Balancing
import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@Suite("OGM")
struct OGMTests {
  @Test("factors are those of plain loops, and scale the whole branch and nothing else", arguments: Setting.withClasses)
  func formula(_ setting: Setting) throws {
    for seed in 1...3 {
      var bench = try Bench("ogm", ["alpha": 0.4], data: setting.data)
      bench.seed = seed
      let step = try StepTaken(bench)
      let plain = try PlainModel(step.session, step.batch)
      let scores = plain.modalities.indices.map { plain.truth(plain.part($0)).reduce(0, +) }
      for (m, name) in plain.modalities.enumerated() {
        var others = 0.0
        for j in scores.indices where j != m { others += scores[j] }
        let ratio = scores[m] / (others / Double(scores.count - 1))
        let factor = ratio > 1 ? 1 - tanh(0.4 * ratio) : 1
        #expect(allClose([step.report.scalars["factor.\(name)"] ?? .nan], [factor], relative: 1e-4))
        // Weights and biases: the authors' code would leave both alone, as neither is a convolution.
        for part in ["weight", "bias"] {
          let wanted = try step.plain("\(name).embedding.\(part)").map { $0 * factor }
          #expect(try allClose(step.found("\(name).embedding.\(part)"), wanted, relative: 1e-4, absolute: 1e-7))
        }
        #expect(try step.found("\(name).head.weight").isEmpty)
      }
      for part in ["weight", "bias"] {
        #expect(try step.found("fusion.classifier.\(part)") == step.plain("fusion.classifier.\(part)"))
      }
    }
  }

  @Test("α = 0 is joint training to the last bit", arguments: ["gradient", "step"])
  func neutral(_ place: String) throws {
    let own = try Bench("ogm", ["alpha": 0.0, "modulate": .string(place)]).run()
    #expect(try own.last == Bench("joint").run().last)
  }

  @Test("outside its window it is joint training")
  func window() throws {
    let joint = try Bench("joint").run().last
    #expect(try Bench("ogm", ["window.end": 0.0]).run().last != joint)
    // Begins and ends at a point where no step is.
    #expect(try Bench("ogm", ["window.begin": 0.51, "window.end": 0.52]).run().last == joint)
  }

  @Test("on the step a factor outlives Adam, on the gradient its first step cancels it")
  func underAdam() throws {
    func move(_ name: String, _ settings: [String: Tree] = [:]) throws -> [String: [Double]] {
      let bench = try Bench(name, settings)
      let session = try bench.session()
      let before = try Bench.weights(session.model)
      var method = try bench.method()
      let report = try method.step(bench.data.whole(), session)
      let after = try Bench.weights(session.model)
      var moves = after.mapValues { _ in [Double]() }
      for (path, values) in after { moves[path] = zip(values, before[path] ?? []).map { $0 - $1 } }
      moves["factors"] = ["image", "text"].compactMap { report.scalars["factor.\($0)"] }
      return moves
    }
    let joint = try move("joint")
    let gradient = try move("ogm")
    let step = try move("ogm", ["modulate": "step"])
    let factors = try #require(step["factors"])
    #expect(factors.contains { $0 < 0.9 })
    for (m, name) in ["image", "text"].enumerated() {
      let path = "\(name).embedding.weight"
      let plain = try #require(joint[path])
      #expect(allClose(try #require(gradient[path]), plain, relative: 1e-2, absolute: 1e-4))
      #expect(allClose(try #require(step[path]), plain.map { $0 * factors[m] }, relative: 1e-3, absolute: 1e-6))
    }
    #expect(step["fusion.classifier.weight"] == joint["fusion.classifier.weight"])
  }

  @Test("a fusion that is no sum is modulated too")
  func anyFusion() throws {
    let (session, batch) = try ProductFusion.session()
    var method = OGM(OGM.Configuration())
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    let factors = ["image", "text"].compactMap { report.scalars["factor.\($0)"] }
    #expect(factors.filter { $0 < 1 }.count == 1)
    #expect(try inspection.updates[0].isFinite())
  }

  @Test("agrees with PyTorch", arguments: ListedStep.all("ogm.json"))
  func golden(_ example: ListedStep) throws { try example.check() }

  @Test("PyTorch's steps are there")
  func goldenThere() { #expect(Set(ListedStep.all("ogm.json").map(\.method)) == ["ogm", "ogm-ge"]) }
}
