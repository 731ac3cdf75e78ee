import Records
import SeesawConformance
import TestSupport
import Testing
import Torch

@testable import Balancing

@Suite("Training apart")
struct UnimodalTeachersTests {
  @Test("gives what a unimodal run gives, and leaves the model at hand alone")
  func asUnimodal() throws {
    let bench = try Bench("joint")
    let session = try bench.session()
    let before = try Bench.weights(session.model)
    let model = try trainedUnimodally(bench.context(session))
    let trained = try Bench.weights(model)
    #expect(try trained == Bench("unimodal").run().last)
    #expect(try Bench.weights(session.model) == before)
    #expect(trained["image.embedding.weight"] != before["image.embedding.weight"])
    #expect(session.clock == TrainingClock(steps: bench.trainer.steps(over: bench.data.count), epochs: bench.epochs))
  }

  @Test("takes as many epochs as it is told, with a clock of their own")
  func epochs() throws {
    var short = try Bench("unimodal")
    short.epochs = 1
    let bench = try Bench("joint")
    let model = try trainedUnimodally(bench.context(bench.session()), epochs: 1)
    #expect(try Bench.weights(model) == short.run().last)
  }
}
