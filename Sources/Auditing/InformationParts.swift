import Foundation

/// The information that two sources hold about a target, taken apart: redundant, unique, and only together.
///
/// Of a joint distribution P(x₁, x₂, y), with Q over all distributions of the same P(x₁, y) and P(x₂, y):
///
///     m = min over Q of I_Q(Y; X₁X₂)
///     R = I(Y; X₁) + I(Y; X₂) − m,  U₁ = m − I(Y; X₂),  U₂ = m − I(Y; X₁),  S = I(Y; X₁X₂) − m
///
/// All are at least 0, in bits. (Bertschinger, Rauh, Olbrich, Jost, Ay: "Quantifying Unique Information", Entropy 2014.)
/// The minimum is found by turns, each of which lowers a jointly convex function: with r = Σ p(y) q_y fixed, each q_y is the
/// projection of r on the distributions with its marginals (Sinkhorn); then r anew. From two successive r follows a bound
/// of what is still to gain, the Frank–Wolfe gap: max log₂(r⁺/r) − Σ r⁺ log₂(r⁺/r).
struct InformationParts: Equatable, Sendable {
  var redundant: Double
  var first: Double
  var second: Double
  var synergy: Double
  /// How far the minimum may be off, bits.
  var bound: Double
  /// The distribution at the minimum, as the table: of the same P(x₁, y) and P(x₂, y), and without synergy.
  var least: [Double]

  /// Of a table of counts or probabilities, [x₁][x₂][y] flat with y fastest.
  ///
  /// - Parameters:
  ///   - sizes: how many values x₁, x₂ and y have.
  ///   - tolerance: bits that the minimum may be off.
  ///   - mostRounds: where the optimum lies on the border it is neared slowly; the bound says how near it is.
  init(
    _ counts: [Double], sizes: (Int, Int, Int), tolerance: Double = 0.005, mostRounds: Int = 2000
  ) {
    precondition(counts.count == sizes.0 * sizes.1 * sizes.2, "a table of \(sizes) has another count")
    let total = counts.reduce(0, +)
    guard total > 0 else {
      (redundant, first, second, synergy, bound) = (0, 0, 0, 0, 0)
      least = counts
      return
    }
    let table = JointTable(counts.map { $0 / total }, sizes)
    let (one, two, both) = (table.information(table.byFirst), table.information(table.bySecond), table.togetherBits)
    let (bits, gap, cells) = table.leastInformation(tolerance: tolerance, mostRounds: mostRounds)
    // The minimum lies between what either source holds alone and what both do.
    let m = min(max(bits, one, two), both)
    (redundant, first, second, synergy) = (max(one + two - m, 0), m - two, m - one, both - m)
    bound = gap
    least = cells
  }
}

/// A joint distribution of two sources and a target.
private struct JointTable {
  let (k1, k2, k): (Int, Int, Int)
  /// By y: x₁ × x₂ given y, and the share of y; only those that occur.
  private let slices: [(y: Int, share: Double, cells: [Double])]

  init(_ cells: [Double], _ sizes: (Int, Int, Int)) {
    (k1, k2, k) = sizes
    let (k, area) = (sizes.2, sizes.0 * sizes.1)
    slices = (0..<k).compactMap { y in
      let own = (0..<area).map { cells[$0 * k + y] }
      let share = own.reduce(0, +)
      return share > 0 ? (y, share, own.map { $0 / share }) : nil
    }
  }

  /// P(x₁ | y), a slice each.
  var byFirst: [[Double]] {
    slices.map { slice in (0..<k1).map { a in (0..<k2).reduce(0) { $0 + slice.cells[a * k2 + $1] } } }
  }

  var bySecond: [[Double]] {
    slices.map { slice in (0..<k2).map { b in (0..<k1).reduce(0) { $0 + slice.cells[$1 * k2 + b] } } }
  }

  var togetherBits: Double { information(slices.map(\.cells)) }

  /// I(Y; X), of the distributions of X given each y.
  func information(_ given: [[Double]]) -> Double {
    guard let size = given.first?.count else { return 0 }
    var mixed = [Double](repeating: 0, count: size)
    for (slice, own) in zip(slices, given) { for x in 0..<size { mixed[x] += slice.share * own[x] } }
    var bits = 0.0
    for (slice, own) in zip(slices, given) {
      for x in 0..<size where own[x] > 0 { bits += slice.share * own[x] * log2(own[x] / mixed[x]) }
    }
    return max(bits, 0)
  }

  /// The least I(Y; X₁X₂) over distributions with the same marginals, and how far off it may be.
  func leastInformation(tolerance: Double, mostRounds: Int) -> (bits: Double, bound: Double, cells: [Double]) {
    let (first, second) = (byFirst, bySecond)
    let area = k1 * k2
    var conditional = zip(first, second).map { a, b in a.flatMap { x in b.map { x * $0 } } }
    func mix() -> [Double] {
      var mixed = [Double](repeating: 0, count: area)
      for (slice, own) in zip(slices, conditional) { for x in 0..<area { mixed[x] += slice.share * own[x] } }
      return mixed
    }
    var mixed = mix()
    var bound = Double.infinity
    for _ in 0..<mostRounds {
      var residual = 0.0
      for y in slices.indices {
        residual += slices[y].share * project(mixed, first[y], second[y], into: &conditional[y])
      }
      let next = mix()
      var (most, mean) = (-Double.infinity, 0.0)
      for x in 0..<area where next[x] > 0 {
        let step = mixed[x] > 0 ? log2(next[x] / mixed[x]) : .infinity
        most = max(most, step)
        mean += next[x] * step
      }
      mixed = next
      bound = max(most - mean, 0) + residual
      if bound <= tolerance { break }
    }
    var least = [Double](repeating: 0, count: area * k)
    for (slice, own) in zip(slices, conditional) { for x in 0..<area { least[x * k + slice.y] = slice.share * own[x] } }
    return (information(conditional), bound, least)
  }

  /// The distribution with marginals a and b that is nearest to a kernel: diag(u) kernel diag(v).
  ///
  /// - Returns: how far its marginals are off.
  private func project(_ kernel: [Double], _ a: [Double], _ b: [Double], into out: inout [Double]) -> Double {
    var u = [Double](repeating: 0, count: k1)
    var v = [Double](repeating: 1, count: k2)
    var off = 0.0
    for _ in 0..<500 {
      off = 0
      for x in 0..<k1 {
        var sum = 0.0
        for z in 0..<k2 { sum += kernel[x * k2 + z] * v[z] }
        // With these v, rows had the sums u·sum: what they are off before they are set right.
        off += abs(u[x] * sum - a[x])
        u[x] = a[x] > 0 && sum > 0 ? a[x] / sum : 0
      }
      for z in 0..<k2 {
        var sum = 0.0
        for x in 0..<k1 { sum += kernel[x * k2 + z] * u[x] }
        v[z] = b[z] > 0 && sum > 0 ? b[z] / sum : 0
      }
      if off <= 1e-9 { break }
    }
    for x in 0..<k1 { for z in 0..<k2 { out[x * k2 + z] = u[x] * kernel[x * k2 + z] * v[z] } }
    var residual = 0.0
    for x in 0..<k1 { residual += abs((0..<k2).reduce(0) { $0 + out[x * k2 + $1] } - a[x]) }
    return residual
  }
}
