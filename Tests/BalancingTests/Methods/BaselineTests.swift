import Balancing
import Multimodal
import Records
import TestSupport
import Testing
import Torch
import TorchNN

@Suite("Joint, uniform and unimodal training")
struct BaselineTests {
  private func step(
    _ name: String, _ settings: [String: Tree] = [:]
  ) throws -> (StepReport, Gradients, Bench, TrainingSession) {
    let bench = try Bench(name, settings)
    let session = try bench.session()
    var method = try bench.method()
    let (report, inspection) = try session.inspecting { try method.step(bench.data.whole(), session) }
    return (report, try #require(inspection.updates.first), bench, session)
  }

  /// The gradient of the chosen losses, made here.
  private func gradient(
    _ bench: Bench, _ session: TrainingSession, fused: Bool, _ modalities: [Modality]
  ) throws -> Gradients {
    let batch = try bench.data.whole()
    let outputs = try session.forward(batch)
    var losses = try modalities.map { try session.loss(outputs.unimodal()[$0], batch) }
    if fused { losses.append(try session.loss(outputs.logits, batch)) }
    return try session.gradients(of: Tensor.stack(losses).sum())
  }

  private func expectEqual(_ a: Gradients, _ b: Gradients) throws {
    #expect(a.presentIndices == b.presentIndices)
    let difference = try (a + b.scaled(by: -1)).norm()
    #expect(try difference <= Conditions.tolerance * b.norm())
  }

  @Test("joint training descends the fused loss, and never touches the unimodal classifiers")
  func joint() throws {
    let (report, update, bench, session) = try step("joint")
    try expectEqual(update, gradient(bench, session, fused: true, []))
    #expect(report.losses.keys.sorted() == ["fused"])
    #expect(try update["image.head.weight"] == nil)
  }

  @Test("uniform training adds every unimodal loss")
  func uniform() throws {
    let (report, update, bench, session) = try step("uniform")
    try expectEqual(update, gradient(bench, session, fused: true, ["image", "text"]))
    #expect(report.losses.keys.sorted() == ["fused", "image", "text"])
  }

  @Test("unimodal training descends each modality's own loss, or one's alone")
  func unimodal() throws {
    let (report, update, bench, session) = try step("unimodal")
    try expectEqual(update, gradient(bench, session, fused: false, ["image", "text"]))
    #expect(report.losses.keys.sorted() == ["image", "text"])
    #expect(try update["fusion.classifier.weight"] == nil)
    let (alone, one, _, other) = try step("unimodal", ["modality": "text"])
    try expectEqual(one, gradient(bench, other, fused: false, ["text"]))
    #expect(alone.losses.keys.sorted() == ["text"])
  }

  @Test("training each modality together is training each alone")
  func separate() throws {
    let together = try Bench("unimodal").run().last
    let alone = try Bench("unimodal", ["modality": "image"]).run().last
    for (name, weights) in alone where name.hasPrefix("image.") { #expect(together[name] == weights) }
  }

  @Test("unimodal training predicts the mean of the present modalities' logits, or the chosen one's")
  func predictions() throws {
    let bench = try Bench("unimodal")
    let outputs = try bench.session().forward(bench.data.whole())
    let (image, text) = (try values(outputs.unimodal()["image"]), try values(outputs.unimodal()["text"]))
    func logits(_ settings: [String: Tree], _ absent: Set<Modality>) throws -> [Double] {
      let method = try Bench("unimodal", settings).method()
      return try values(try #require(method as? any PredictsItsOwnWay).logits(outputs, absent: absent))
    }
    let mean = zip(image, text).map { ($0 + $1) / 2 }
    #expect(try allClose(logits([:], []), mean, relative: 1e-5))
    #expect(try logits([:], ["image"]) == text)
    #expect(try logits([:], ["text"]) == image)
    #expect(try allClose(logits([:], ["image", "text"]), mean, relative: 1e-5))
    #expect(try logits(["modality": "image"], []) == image)
    #expect(try logits(["modality": "image"], ["image"]) == image)
  }

  @Test("a modality that the data does not have is named, with the nearest")
  func unknownModality() throws {
    let error = try #require(throws: UnknownModality.self) { try step("unimodal", ["modality": "txt"]) }
    #expect(error.name == "txt")
    #expect(error.known == ["image", "text"])
    #expect(error.diagnosis.remedy == "did you mean 'text'?")
    #expect(error.diagnosis.exitStatus == .usage)
  }
}
