import TestSupport
import SeesawConformance
import Testing
import Torch

@testable import Balancing

@Suite("Sums over others")
struct SumsOfOthersTests {
  @Test("are what plain sums without the one are", arguments: 2...8)
  func plain(count: Int) {
    let values = numbers(count, seed: UInt64(count))
    let expected = values.indices.map { m in values.indices.filter { $0 != m }.reduce(0) { $0 + values[$1] } }
    #expect(allClose(sumsOfOthers(values, +), expected, relative: 1e-14, absolute: 1e-15))
  }

  @Test("hold every other value once, in order", arguments: 2...8)
  func everyOther(count: Int) {
    let letters = Array("abcdefgh".prefix(count)).map(String.init)
    #expect(sumsOfOthers(letters, +) == letters.map { one in letters.filter { $0 != one }.joined() })
  }

  @Test("of tensors are sums element by element", arguments: 2...8)
  func tensors(count: Int) throws {
    Conditions.prepare()
    let rows = (0..<count).map { numbers(6, seed: UInt64($0 + 1)) }
    let found = try sumsOfOthers(rows.map { try Tensor($0, shape: [2, 3]) }) { try $0 + $1 }
    for (m, sum) in found.enumerated() {
      let expected = (0..<6).map { i in rows.indices.filter { $0 != m }.reduce(0) { $0 + rows[$1][i] } }
      #expect(sum.shape == [2, 3])
      #expect(try allClose(values(sum), expected, relative: 1e-14, absolute: 1e-15))
    }
  }

  @Test("lose nothing beside a value that is much larger")
  func large() {
    // Taking the first off the whole sum would leave 0.
    let found: [Double] = sumsOfOthers([1e17, 1, 2], +)
    #expect(found == [3.0, 1e17 + 2.0, 1e17 + 1.0] as [Double])
  }

  @Test("take three additions for each further value", arguments: 2...8)
  func additions(count: Int) {
    var additions = 0
    _ = sumsOfOthers(Array(repeating: 1, count: count)) { a, b in
      additions += 1
      return a + b
    }
    #expect(additions == 3 * (count - 2))
  }

  private struct Refused: Error {}

  @Test("stop where an addition fails")
  func failing() {
    #expect(throws: Refused.self) {
      try sumsOfOthers([1, 2, 3]) { (_, _) throws(Refused) -> Int in throw Refused() }
    }
  }
}
