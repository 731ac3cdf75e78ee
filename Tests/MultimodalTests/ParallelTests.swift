import Multimodal
import Testing

@Suite struct ParallelTests {
  private struct Failure: Error, Equatable {
    let index: Int
  }

  @Test("results come in order for any number of threads", arguments: [0, 1, 2, 5, 2000])
  func order(threads: Int) throws {
    #expect(try parallelMap(1000, threads: threads) { $0 * $0 } == (0..<1000).map { $0 * $0 })
    #expect(try parallelMap(0, threads: threads) { $0 } == [])
    #expect(try parallelMap(1, threads: threads) { $0 } == [0])
  }

  @Test("of several failures the first by number is thrown", arguments: [1, 2, 4])
  func failures(threads: Int) {
    #expect(throws: Failure(index: 311)) {
      _ = try parallelMap(1000, threads: threads) { index in
        if index == 311 || index == 312 || index > 900 { throw Failure(index: index) }
        return index
      }
    }
  }
}
