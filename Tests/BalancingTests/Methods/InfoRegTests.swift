import Foundation
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("InfoReg")
struct InfoRegTests {
  @Test("the known example: β = 0.95, gaps 0.2 and 5")
  func known() {
    #expect(allClose([InfoReg.strength(0.2, beta: 0.95)], [1.157291], absolute: 1e-6))
    #expect(allClose([InfoReg.strength(5, beta: 0.95)], [2.582133], absolute: 1e-6))
  }

  @Test(
    "the trace's growth is that of two means one epoch apart, what was before the first counting nothing",
    arguments: 1...8)
  func growth(_ span: Int) {
    let traces = numbers(12, seed: UInt64(span), in: 0.1...2)
    #expect(InfoReg.growth([], span: span) == 1)
    for count in 1...12 {
      let padded = [Double](repeating: 0, count: 10) + traces.prefix(count)
      let last = padded.suffix(span).reduce(0, +) / Double(span)
      let before = padded.dropLast().suffix(span).reduce(0, +) / Double(span)
      #expect(allClose([InfoReg.growth(Array(traces.prefix(count)), span: span)], [(last - before) / last]))
    }
    #expect(InfoReg.growth([0, 0, 0], span: span) == 0)
    #expect(InfoReg.growth([Double](repeating: 3, count: span + 1), span: span) == 0)
  }

  /// A step after the weights have moved away from where the epoch began.
  private func moved(
    _ settings: [String: Tree] = [:], _ data: SyntheticData = SyntheticData(), growth: [Double]? = nil
  ) throws -> (StepTaken, anchor: [String: [Double]]) {
    let bench = try Bench("inforeg", settings, data: data)
    let session = try bench.session()
    var method = try #require(try bench.method() as? InfoReg)
    try method.epochWillBegin(0, bench.context(session))
    if let growth {
      var state = try method.state()
      state.numbers[path: "growth"] = .list(growth.map { .number($0) })
      try method.restore(state)
    }
    let anchor = try Bench.weights(session.model)
    for (position, parameter) in session.model.store.parameters.enumerated() {
      try parameter.tensor.copy(from: parameter.tensor.detached() * (1 + 0.1 * Double(position % 3 + 1)))
    }
    return (try StepTaken(session, method, bench.data.whole()), anchor)
  }

  @Test("the one that is ahead is held by β e^tanh(gap) times its way, the others not", arguments: Setting.several)
  func formula(_ setting: Setting) throws {
    let (step, anchor) = try moved(["beta": 0.5], setting.data)
    let plain = try PlainModel(step.session, step.batch)
    let scores = plain.modalities.indices.map { m in
      let truth = plain.truth(plain.part(m))
      return truth.reduce(0, +) / Double(truth.count)
    }
    for (m, name) in plain.modalities.enumerated() {
      let others = scores.indices.filter { $0 != m }.map { scores[$0] }.reduce(0, +) / Double(scores.count - 1)
      let gap = scores[m] - others
      let hold = gap > 0 ? 0.5 * exp(tanh(gap)) : 0
      #expect(allClose([step.report.scalars["hold.\(name)"] ?? .nan], [hold], relative: 1e-4))
      for part in ["weight", "bias"] {
        let path = "\(name).embedding.\(part)"
        let way = zip(plain.weights[path] ?? [], anchor[path] ?? []).map { $0 - $1 }
        let wanted = try zip(step.plain(path), way).map { $0 + hold * $1 }
        #expect(try allClose(step.found(path), wanted, relative: 1e-4, absolute: 1e-6), "\(path)")
      }
    }
    #expect(try step.found("fusion.classifier.weight") == step.plain("fusion.classifier.weight"))
    let held = plain.modalities.filter { (step.report.scalars["hold.\($0)"] ?? 0) > 0 }
    #expect(!held.isEmpty && held.count < plain.modalities.count)
  }

  @Test("each modality has a window of its own; the authors' code asks the first one's for all")
  func windows() throws {
    let (free, _) = try moved()
    let ahead = (free.report.scalars["hold.image"] ?? 0) > 0 ? 0 : 1
    let name = ["image", "text"][ahead]
    let closed = ahead == 0 ? [0.01, 1.0] : [1.0, 0.01]
    #expect(try moved(growth: closed).0.report.scalars["hold.\(name)"] == 0)
    #expect(try moved(growth: closed.reversed()).0.report.scalars["hold.\(name)"] ?? 0 > 0)
    for growth in [[1.0, 0.01], [0.01, 1.0]] {
      let (step, _) = try moved(["variant": "official"], growth: growth)
      #expect((step.report.scalars["open.text"] == 1) == (growth[0] == 1))
    }
  }

  @Test("scores are means, so that tanh does not saturate as with the authors' sums")
  func saturation() throws {
    let (own, theirs) = (try moved().0.report.scalars, try moved(["variant": "official"]).0.report.scalars)
    let hold = max(own["hold.image"] ?? 0, own["hold.text"] ?? 0)
    let scores = ["image", "text"].map { own["score.\($0)"] ?? .nan }
    #expect(allClose([hold], [InfoReg.strength(abs(scores[0] - scores[1]), beta: 0.95)]))
    let sums = 26 * abs(scores[0] - scores[1])
    #expect(
      allClose(
        [max(theirs["hold.image"] ?? 0, theirs["hold.text"] ?? 0)], [InfoReg.strength(sums, beta: 0.95)], relative: 1e-4
      ))
  }

  @Test("the authors' objective adds the losses of the parts of the fused logits")
  func official() throws {
    let bench = try Bench("inforeg", ["variant": "official", "beta": 0.0])
    let step = try StepTaken(bench)
    let outputs = try step.session.forward(step.batch)
    let parts = try #require(try outputs.contributions())
    let losses = try ([outputs.logits] + parts.values).map { try step.session.loss($0, step.batch) }
    let wanted = try step.session.gradients(of: Tensor.stack(losses).sum())
    let difference = try (step.update + wanted.scaled(by: -1)).norm()
    #expect(try difference <= Conditions.tolerance * wanted.norm())
    #expect(step.report.losses.keys.sorted() == ["fused", "image", "text"])
  }

  @Test("the trace sums weight matrices' mean squares of the gradient over the steps of an epoch; biases take no part")
  func trace() throws {
    let bench = try Bench("inforeg")
    let session = try bench.session()
    var method = try #require(try bench.method() as? InfoReg)
    let context = bench.context(session)
    try method.epochWillBegin(0, context)
    var wanted = [0.0, 0.0]
    for _ in 0..<3 {
      let step = try StepTaken(session, method, bench.data.whole())
      for (m, name) in ["image", "text"].enumerated() {
        let gradient = try step.plain("\(name).embedding.weight")
        wanted[m] += gradient.map { $0 * $0 }.reduce(0, +) / Double(gradient.count)
        #expect(try step.plain("\(name).embedding.bias").contains { $0 != 0 })
      }
      _ = try method.step(bench.data.whole(), session)
    }
    let current = try #require(try method.state().numbers[path: "current"]?.listValue).compactMap(\.numberValue)
    // The first gradient is the fused loss's; later ones are too, before anything is added.
    #expect(allClose(current, wanted, relative: 1e-3))
    try method.epochWillBegin(1, context)
    let growth = try #require(try method.state().numbers[path: "growth"]?.listValue).compactMap(\.numberValue)
    #expect(growth == [1, 1])
  }

  @Test("the first step of an epoch is joint training's, as nothing has moved yet")
  func first() throws {
    let step = try StepTaken(Bench("inforeg"), beginningEpoch: true)
    for (name, value) in try step.joint.named() { #expect(try step.found(name) == values(value), "\(name)") }
  }

  @Test("β = 0 is joint training to the last bit, and so is a window that never opens")
  func neutral() throws {
    let joint = try Bench("joint").run().last
    #expect(try Bench("inforeg", ["beta": 0.0]).run().last == joint)
    #expect(try Bench("inforeg", ["window.threshold": 10.0]).run().last == joint)
    #expect(try Bench("inforeg").run().last != joint)
  }
}
