import Foundation
import TestSupport
import Testing

@testable import Auditing

struct GaussianMixtureTests {
  struct Golden: Decodable {
    struct Case: Decodable {
      let name: String
      let rows: [[Double]]
      let components: Int
      let weights: [Double]
      let means: [[Double]]
      let variances: [[Double]]
      let logDensity: [Double]
    }
    let cases: [Case]
  }

  private func isClose(_ a: [Double], _ b: [Double]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 1e-9 * max(1, abs($1)) }
  }

  @Test("mixtures are scikit-learn's after 30 iterations")
  func golden() throws {
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: Conditions.golden("mixture.json")))
    #expect(golden.cases.count >= 3)
    for one in golden.cases {
      let mixture = GaussianMixture(fitting: one.rows, means: Array(one.rows.prefix(one.components)))
      #expect(isClose(mixture.weights, one.weights), "\(one.name)")
      #expect(isClose(mixture.means.flatMap { $0 }, one.means.flatMap { $0 }), "\(one.name)")
      #expect(isClose(mixture.variances.flatMap { $0 }, one.variances.flatMap { $0 }), "\(one.name)")
      #expect(isClose(one.rows.map(mixture.logDensity), one.logDensity), "\(one.name)")
    }
  }

  @Test("rows that are all the same have a density, and no Gaussian shrinks to a point")
  func equalRows() {
    let rows = [[Double]](repeating: [2, -1], count: 20)
    let mixture = GaussianMixture(fitting: rows, means: Array(rows.prefix(3)))
    #expect(mixture.variances.allSatisfy { $0.allSatisfy { $0 >= 0.01 } })
    #expect(mixture.logDensity([2, -1]).isFinite && mixture.logDensity([2, -1]) > mixture.logDensity([9, 9]))
  }
}
