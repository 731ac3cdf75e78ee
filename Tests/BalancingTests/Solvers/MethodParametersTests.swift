import Multimodal
import Records
import SeesawConformance
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Balancing

@Suite("Method parameters")
struct MethodParametersTests {
  @Test("what a method has added is found in the model at hand, copies included")
  func found() throws {
    let bench = try Bench("amco")
    let (one, other) = (try bench.model(), try bench.model())
    #expect(try one.methodTensor("output", "weight").shape == [3, 3])
    #expect(try one.methodTensor("output", "bias") === one.store["method.output.bias"]?.tensor)
    #expect(try one.methodTensor("output", "bias") !== other.methodTensor("output", "bias"))
  }

  @Test("what nobody has added is a defect, by name")
  func missing() throws {
    let model = try Bench("joint").model()
    let error = try #require(throws: Diagnosis.self) { try model.methodTensor("output", "weight") }
    #expect(error.what.contains("'method.output.weight'") && error.exitStatus == .defect)
  }
}
