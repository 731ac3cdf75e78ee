import Foundation
import Records
import Testing

struct ReliabilityTests {
  @Test("a bin is open below and closed above, and the first holds 0")
  func bins() {
    let found = Reliability(
      confidences: [0, 0.25, 0.26, 0.5, 0.75, 1], correct: [false, true, true, false, true, true], bins: 4)
    #expect(found.bins.map(\.count) == [2, 2, 1, 1])
    #expect(found.bins[0].right == 0.5)
    #expect(abs(found.bins[1].confidence - 0.38) < 1e-12)
  }

  @Test("the error is the mean distance of confidence and share right, weighted by how many there are")
  func error() {
    // Two at 0.9 of which one is right, two at 0.6 of which both are: (2·|0.5−0.9| + 2·|1−0.6|)/4 = 0.4.
    let found = Reliability(confidences: [0.9, 0.9, 0.6, 0.6], correct: [true, false, true, true])
    #expect(abs(found.error - 0.4) < 1e-12)
    #expect(abs(found.overconfidence - 0) < 1e-12)
  }

  @Test("a model that is surer than it is right is overconfident")
  func overconfidence() {
    let found = Reliability(confidences: [0.9, 0.9], correct: [true, false])
    #expect(abs(found.overconfidence - 0.4) < 1e-12)
    #expect(Reliability(confidences: [], correct: []).error == 0)
  }
}
