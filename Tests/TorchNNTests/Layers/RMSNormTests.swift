import TestSupport
import Testing
import Torch
import TorchNN

@Suite("RMS norm")
struct RMSNormTests {
  @Test("rows are divided by their root mean square")
  func numbers() throws {
    let norm = RMSNorm(weight: try Tensor([1, 0.5, 2, 1]), epsilon: 1e-5)
    let found = try norm(Tensor([1.0, 2, 3, 4])).array(of: Double.self)
    #expect(allClose(found, [0.365148, 0.365148, 2.190889, 1.460593], absolute: 1e-6))
  }

  @Test("a mean of halves is taken in float32")
  func halves() throws {
    // 300² is no float16 number.
    let norm = RMSNorm(weight: try Tensor.ones([2], .float16), epsilon: 1e-5)
    let found = try norm(Tensor([300.0, 300]).to(.float16))
    #expect(found.elementType == .float16)
    #expect(try found.array(of: Double.self) == [1, 1])
  }
}
