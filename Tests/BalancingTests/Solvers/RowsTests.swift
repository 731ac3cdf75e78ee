import TestSupport
import SeesawConformance
import Testing
import Torch

@testable import Balancing

@Suite("Rows")
struct RowsTests {
  @Test("rows come out with length 1, however long they were", arguments: [1e-10, 1, 1e15])
  func lengths(_ size: Double) throws {
    let rows = Loops.rows(5, 3, seed: 2)
    let found = try Tensor.rows(rows.map { $0.map { $0 * size } }).unitRows()
    for (row, expected) in zip(0..<5, rows) {
      let length = expected.map { $0 * $0 }.reduce(0, +).squareRoot()
      #expect(allClose(try values(found.selected(0, row)), expected.map { $0 / length }))
    }
  }

  @Test("a row of zeros stays one, and its gradient is finite")
  func zeros() throws {
    let rows = try Tensor.rows([[0, 0], [3, 4]]).requiringGradient()
    let unit = try rows.unitRows()
    #expect(allClose(try values(unit), [0, 0, 0.6, 0.8]))
    let slope = try gradients(of: unit.sum(), withRespectTo: [rows])
    #expect(try values(slope[0]).allSatisfy(\.isFinite))
  }

  @Test("the total of tensors is their sum, of one itself")
  func total() throws {
    let one = try Tensor([1.0, 2])
    #expect(try values(Tensor.total([one, one, Tensor([0.5, -2])])) == [2.5, 2])
    #expect(try Tensor.total([one]) === one)
  }
}
