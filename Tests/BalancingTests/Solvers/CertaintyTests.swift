import Foundation
import Multimodal
import TestSupport
import SeesawConformance
import Testing
import Torch

@testable import Balancing

@Suite("Certainty")
struct CertaintyTests {
  @Test("confidence is the likeliest class's probability, as in plain loops")
  func confidence() throws {
    for (name, a, _) in Loops.bestiary {
      let expected = a.map { Loops.softmax($0).max() ?? 0 }
      #expect(allClose(try values(Certainty.confidence(.rows(a), .singleLabel)), expected), "\(name)")
    }
  }

  @Test("of several labels it is the mean of each one's likelier answer")
  func severalLabels() throws {
    let found = try values(Certainty.confidence(.rows([[0, 2, -2], [0, 0, 0]]), .multiLabel))
    let sure = 1 / (1 + exp(-2.0))
    #expect(allClose(found, [(0.5 + 2 * sure) / 3, 0.5]))
  }

  @Test("right is the likeliest class, or all labels at once")
  func right() throws {
    let logits = try Tensor.rows([[3, 1, 0], [0, 1, 0], [0, 1, 2]])
    #expect(try values(Certainty.right(logits, Tensor([0, 0, 2]), .singleLabel)) == [1, 0, 1])
    let labels = try Tensor([1, 1, 0, 0, 1, 0, 1, 1, 1], shape: [3, 3])
    for stored in [labels, try labels.to(.uint8)] {
      #expect(
        try values(Certainty.right(.rows([[3, 1, -1], [1, 1, -1], [2, 1, 2]]), stored, .multiLabel)) == [1, 0, 1])
    }
  }
}
