import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("UMT")
struct UMTTests {
  private func data(_ count: Int) -> SyntheticData {
    SyntheticData(modalities: Array((["image", "text", "audio"] as [Modality]).prefix(count)))
  }

  private func prepared(_ bench: Bench, _ session: TrainingSession) throws -> UMT {
    var method = try #require(try bench.method() as? UMT)
    try method.prepare(bench.context(session))
    return method
  }

  /// Of every modality, the distance from its teacher by loops, and the gradient on the embedding's weight.
  private func plain(
    _ bench: Bench, _ model: MultimodalModel, _ state: MethodState, _ modality: Modality
  ) throws
    -> (distance: Double, gradient: [Double])
  {
    let batch = try bench.data.whole()
    let (rows, d) = (batch.count, bench.embeddingWidth)
    let x = try values(batch.inputs[modality])
    let columns = x.count / rows
    let u = try values(model.store[modality.embedding / "weight"]?.tensor)
    let c = try values(model.store[modality.embedding / "bias"]?.tensor)
    let (v, b) = (try values(state.tensor("\(modality).weight")), try values(state.tensor("\(modality).bias")))
    let gap = matrix(rows, d) { i, h in
      c[h] - b[h] + total(columns) { x[i * columns + $0] * (u[h * columns + $0] - v[h * columns + $0]) }
    }
    let size = Double(rows * d)
    return (
      gap.reduce(0) { $0 + $1 * $1 } / size,
      matrix(d, columns) { h, j in total(rows) { 2 / size * gap[$0 * d + h] * x[$0 * columns + j] } }
    )
  }

  @Test(
    "the loss is the fused one plus the weighted distances from the teachers, by loops", arguments: [2, 3], [1, 10])
  func objective(_ count: Int, _ weight: Int) throws {
    let bench = try Bench("umt", ["weight": .number(Double(weight))], data: data(count))
    let session = try bench.session()
    var method = try prepared(bench, session)
    let batch = try bench.data.whole()
    let (report, inspection) = try session.inspecting { try method.step(batch, session) }
    let update = try #require(inspection.updates.first)
    let joint = try session.gradients(of: session.loss(session.forward(batch).logits, batch))
    let tolerance = Conditions.elementType == .float64 ? 1e-10 : 1e-4
    for modality in bench.data.modalities {
      let (distance, gradient) = try plain(bench, session.model, method.state(), modality)
      #expect(distance > 0)
      #expect(allClose([report.scalars["distance.\(modality)"] ?? -1], [distance], relative: tolerance))
      let path = modality.embedding / "weight"
      let expected = try zip(values(joint[path]), gradient).map { $0 + Double(weight) * $1 }
      #expect(try allClose(values(update[path]), expected, relative: tolerance, absolute: tolerance))
    }
    let fusion: ParameterPath = "fusion.classifier.weight"
    #expect(try values(update[fusion]) == values(joint[fusion]))
    #expect(report.losses.keys.sorted() == ["fused"])
  }

  @Test("the teachers are what unimodal training makes of the first weights, and the model stays as it was")
  func teachers() throws {
    let bench = try Bench("umt")
    let session = try bench.session()
    let first = try Bench.weights(session.model)
    let state = try prepared(bench, session).state()
    let alone = try Bench("unimodal").run().last
    for modality in ["image", "text"] {
      #expect(try values(state.tensor("\(modality).weight")) == alone["\(modality).embedding.weight"])
      #expect(try values(state.tensor("\(modality).bias")) == alone["\(modality).embedding.bias"])
    }
    #expect(try Bench.weights(session.model) == first)
  }

  @Test("the teachers do not move while the model is trained, and no gradient goes into them")
  func fixed() throws {
    let bench = try Bench("umt")
    let before = try prepared(bench, bench.session()).state()
    let after = try #require(try (bench.run().method as? UMT)?.state())
    #expect(before.tensors.map(\.name) == ["image.weight", "image.bias", "text.weight", "text.bias"])
    #expect(try before.tensors.map { try values($0.tensor) } == after.tensors.map { try values($0.tensor) })
    #expect(after.tensors.allSatisfy { !$0.tensor.requiresGradient })
  }

  @Test("teachers are trained as long as they are told")
  func epochs() throws {
    let bench = try Bench("umt", ["teacher_epochs": 1])
    let state = try prepared(bench, bench.session()).state()
    var short = try Bench("unimodal")
    short.epochs = 1
    #expect(try values(state.tensor("text.weight")) == short.run().last["text.embedding.weight"])
  }

  @Test("the larger the weight, the nearer the features end to their teachers'")
  func pulls() throws {
    let distances = try [0.01, 1, 100].map { weight in
      var bench = try Bench("umt", ["weight": .number(weight)])
      bench.epochs = 6
      let means = try #require(try bench.run().means.last)
      return (means["distance.image"] ?? 0) + (means["distance.text"] ?? 0)
    }
    #expect(distances[0] > distances[1])
    #expect(distances[1] > distances[2])
  }

  @Test("with the weight 0 it is joint training, bit for bit, and trains no teacher")
  func neutral() throws {
    let (found, joint) = (try Bench("umt", ["weight": 0]).run(), try Bench("joint").run())
    #expect(found.last == joint.last)
    #expect(found.reports == joint.reports)
    #expect(try (found.method as? UMT)?.state().tensors.isEmpty == true)
  }

  @Test("a step without teachers is refused")
  func unprepared() throws {
    let bench = try Bench("umt")
    var method = try bench.method()
    let session = try bench.session()
    let error = try #require(throws: Diagnosis.self) { try method.step(bench.data.whole(), session) }
    #expect(error.what == "umt has no teacher for 'image'")
    #expect(error.exitStatus == .usage)
  }

  @Test("what is kept is taken up again")
  func restoring() throws {
    let bench = try Bench("umt", data: data(3))
    let state = try prepared(bench, bench.session()).state()
    var other = try #require(try bench.method() as? UMT)
    // In whatever order a file gives it.
    try other.restore(MethodState(numbers: state.numbers, tensors: state.tensors.reversed()))
    let again = try other.state()
    #expect(again.tensors.map(\.name) == state.tensors.map(\.name))
    #expect(try again.tensors.map { try values($0.tensor) } == state.tensors.map { try values($0.tensor) })
  }
}
