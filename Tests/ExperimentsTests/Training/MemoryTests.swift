import Experiments
import Foundation
import TestSupport
import Testing
import Torch

/// The memory and the tensors of a process are its own, so these have one each.
@Suite("Runs after runs")
struct MemoryTests {
  @Test("forty runs in one process take no more memory than ten, and leave no tensor")
  func plateau() async {
    await #expect(processExitsWith: .success) {
      try withTemporaryFolder { folder in
        try SmallFeatureSet().write(to: folder.appending(path: "data"))
        let before = Tensor.liveCount
        func train(_ seeds: Range<Int>) throws {
          for seed in seeds {
            var request = TrainRequest(data: folder.appending(path: "data"))
            request.method = seed % 2 == 0 ? "balgrad" : "joint"
            request.seed = seed
            request.out = folder.appending(path: "runs/\(seed)")
            request.settings = ["training.epochs=2", "training.threads=1", "model.embedding_width=8"]
            _ = try Experiment.train(request)
          }
        }
        try train(0..<10)
        let afterTen = ResidentMemory.bytes
        try train(10..<40)
        let growth = ResidentMemory.bytes - afterTen
        #expect(growth < 6 << 20, "\(growth) bytes")
        #expect(Tensor.liveCount == before)
      }
    }
  }
}
