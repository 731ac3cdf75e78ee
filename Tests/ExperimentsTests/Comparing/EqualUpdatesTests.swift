import Foundation
import Records
import TestSupport
import Testing

@testable import Experiments

@Suite("Equal updates")
struct EqualUpdatesTests {
  @Test("a row that makes more updates than joint training trains fewer epochs, and a note says so; the others stay")
  func equal() throws {
    try withTemporaryFolder { folder in
      let data = folder.appending(path: "data")
      try SmallFeatureSet().write(to: data)
      var request = CompareRequest(
        data: data, methods: ["joint", "umt", "logistic", "uniform"], seeds: 2, out: folder.appending(path: "c"))
      request.settings = ["training.epochs=6", "training.batch_size=16", "model.embedding_width=4"]
      request.specialists = false
      request.equalUpdates = true
      let results = try Experiment.compare(request)
      func works(_ name: String) throws -> [Work] { try #require(results.method(name)).runs.compactMap(\.work) }
      // Three batches an epoch; teachers are trained as long as the run.
      #expect(try works("joint").map(\.updates) == [18, 18] && works("uniform").map(\.updates) == [18, 18])
      #expect(try works("umt").map { $0.updates + $0.otherUpdates } == [18, 18])
      #expect(try works("logistic").map(\.updates) == [0, 0])
      let notes = results.notes.filter { $0.hasPrefix("equal updates") }
      #expect(notes == ["equal updates: umt trains 3 epochs in place of 6, which make 36 updates where joint makes 18"])
      // Nothing is done twice, and the answer is the same.
      #expect(try Experiment.compare(request) == results)
    }
  }
}
