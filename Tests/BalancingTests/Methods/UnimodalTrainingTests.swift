import Balancing
import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@Suite("Unimodal training")
struct UnimodalTrainingTests {
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
    for (name, weights) in alone where name.hasPrefix("image.") {
      #expect(allClose(together[name] ?? [], weights, relative: 1e-4, absolute: 1e-6), "\(name)")
    }
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
