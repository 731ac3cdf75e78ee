import Foundation
import TestSupport
import Testing
import Torch

/// The count of tensors belongs to the whole process, so each of these runs in a process of its own.
@Suite("Lifetimes")
struct LifetimeTests {
  @Test("every tensor is freed when the last reference is gone")
  func freed() async {
    await #expect(processExitsWith: .success) {
      let before = Tensor.liveCount
      do {
        let x = try Tensor.of(numbers(6), [2, 3]).requiringGradient()
        #expect(Tensor.liveCount > before)
        let loss = try x.linear(.of(numbers(6), [2, 3]), nil).softmax(1).log().sum()
        let first = try gradients(of: loss, withRespectTo: [x], creatingGraph: true)
        _ = try gradients(of: try #require(first[0]).square().sum(), withRespectTo: [x])
        _ = try Tensor.stack([x, x]).symmetricParts()
      }
      #expect(Tensor.liveCount == before)
    }
  }

  /// Tests run beside each other, so that only the end shows what is left: whichever test lost a tensor, this process
  /// then ends with a failure.
  @Test("no tensor is left when all tests are over")
  func atTheEnd() {
    let isRegistered = atexit {
      let left = Tensor.liveCount
      guard left != 0 else { return }
      let words = "error: \(left) tensors are left at the end of the tests: something holds them for ever\n"
      try? FileHandle.standardError.write(contentsOf: Data(words.utf8))
      _exit(1)
    }
    #expect(isRegistered == 0)
  }

  @Test("a refused call leaves no tensor behind")
  func refused() async {
    await #expect(processExitsWith: .success) {
      let before = Tensor.liveCount
      do {
        let (a, b) = (try Tensor.of(numbers(6), [2, 3]), try Tensor.of(numbers(20), [4, 5]))
        let during = Tensor.liveCount
        for refusal in Refusal.all { #expect(throws: TorchError.self) { try refusal.call(a, b) } }
        #expect(Tensor.liveCount == during)
      }
      #expect(Tensor.liveCount == before)
    }
  }

  @Test("reading a file and refusing one leave no tensor behind")
  func files() async {
    await #expect(processExitsWith: .success) {
      let before = Tensor.liveCount
      try withTemporaryFolder { folder in
        let url = folder.appending(path: "a.safetensors")
        try SafeTensors.write([("x", Tensor([1.0, 2])), ("y", Tensor([true]))], to: url)
        let file = try SafeTensors(reading: url)
        _ = try (file.tensor("x") + 1, file.tensor("y"))
        for example in HostileFile.all {
          try example.file.write(to: url)
          #expect(throws: SafeTensorsError.self) { try SafeTensors(reading: url) }
        }
      }
      #expect(Tensor.liveCount == before)
    }
  }
}

extension Tensor {
  fileprivate func symmetricParts() throws -> [Tensor] {
    let square = try matmul(transposed()).selected(0, 0).to(.float64)
    let (values, vectors) = try square.symmetricEigen()
    let (q, r) = try square.qr()
    return [values, vectors, q, r]
  }
}
