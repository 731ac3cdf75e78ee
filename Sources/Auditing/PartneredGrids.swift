import Evaluation
import Foundation
import Records

/// What each of more than two modalities says by itself, from one grid for each.
///
/// In the grid of modality m, cell (i, r) is m of row i with every other modality m' of row p(r, m'), drawn for each m' by
/// itself. The draws are the same for every row, so that what the others add to a sum moves all rows alike and drops out:
///
///     A_m[i] = mean over r of F_m[i, r],  a_m[i] = A_m[i] − mean over i of A_m
///     μ = mean over all cells of F − Σ of the a of the rows in the cell
///     EMAP[i] = μ + Σ over m of a_m[i]                                   (Hessel and Lee 2020, of M modalities)
///     V_m = mean‖a_m‖² − W_m / (n − 1),  V_together = mean over all cells of ‖F − μ − Σ a‖²
///
/// A model that is a sum has a gap and a V_together of 0, exactly, whatever is drawn. Of one that is none, a_m is off by the
/// interaction's spread over √n; W_m, the interaction within the grid by two-way analysis of variance, takes that out of V_m.
/// A grid of all combinations would have nᴹ cells; these have M n². Draw r is drawn anew with row r where intervals are made.
struct PartneredGrids {
  let count: Int
  private let classes: Int
  private let index: [Int]
  /// By modality the place in ``index`` of each draw's row.
  private let partners: [[Int]]
  /// By modality n × n × classes, and ‖F‖² of each cell.
  private let cells: [[Double]]
  private let squares: [[Double]]
  private let audited: Audited
  private let own: WeightedScore?

  init(_ audited: Audited, _ grids: PredictionTable.Grids) throws {
    let several = audited.table.severalLabels
    let classes = audited.table.classes.count
    self.audited = audited
    self.classes = classes
    index = grids.index
    count = grids.index.count
    let places = Dictionary(grids.index.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    partners = audited.modalities.indices.map { place in grids.partners.map { places[$0[place]] ?? 0 } }
    cells = audited.modalities.map { name in grids.scores[name].map { Additivity.centred($0, several) } ?? [] }
    squares = cells.map { GridSums.squares($0, classes: classes) }
    let full = audited.table.conditions[PredictionTable.full].map { Additivity.centred($0, several) } ?? []
    own = try Additivity.score(
      audited, grids.index.flatMap { full[($0 * classes)..<(($0 + 1) * classes)] }, grids.index)
  }

  /// A draw costs 2 M n² C multiplications.
  var replicates: Int { max(50, min(1000, 2_000_000_000 / max(2 * cells.reduce(0) { $0 + $1.count }, 1))) }

  func values(_ all: [Double], _ names: [String]) -> [String: Double] {
    let weights = index.map { all[$0] }
    let total = weights.reduce(0, +)
    guard total > 0 else { return [:] }
    let sums = names.indices.map { GridSums(cells[$0], squares[$0], classes: classes, weights, weights) }
    let own = sums.map { centred($0.first, weights) }
    // What the other modalities of each draw say, by modality.
    let rest = names.indices.map { place in
      (0..<count).map { draw in
        row { c in
          names.indices.reduce(0) { sum, other in
            other == place ? sum : sum + own[other][partners[other][draw] * classes + c]
          }
        }
      }
    }
    var mean = [Double](repeating: 0, count: classes)
    for place in names.indices {
      for draw in 0..<count where weights[draw] != 0 {
        for c in 0..<classes {
          mean[c] +=
            weights[draw] * (sums[place].second[draw * classes + c] - rest[place][draw][c])
            / (total * Double(names.count))
        }
      }
    }
    var variances: [Double] = []
    var together = 0.0
    var scale = 0.0
    for place in names.indices {
      let found = spread(sums[place], own[place], rest[place], mean, weights)
      variances.append(max(0, found.own - found.within / Double(max(count - 1, 1))))
      together += found.off / Double(names.count)
      scale = max(scale, found.size)
    }
    // What is left by subtraction is nothing where it is no more than rounding.
    if together <= 1e-10 * max(scale, 1) { together = 0 }
    variances = variances.map { $0 <= 1e-12 * max(scale, 1) ? 0 : $0 }
    var out: [String: Double] = [:]
    let sum = variances.reduce(0, +) + together
    if sum > 0 {
      for (name, variance) in zip(names, variances) { out["emap.shares.\(name)"] = variance / sum }
      out["emap.shares.\(AuditRecord.Additivity.together)"] = together / sum
      addLeads("variance", names, to: &out) { name in names.firstIndex(of: name).map { variances[$0] / sum } }
    }
    let additive = (0..<count).flatMap { i in
      row { c in own.reduce(mean[c]) { $0 + $1[i * classes + c] } }
    }
    if let known = self.own, let full = known(weights),
      let score = (try? Additivity.score(audited, additive, index))??(weights)
    {
      out["emap.score"] = score
      out["emap.gap"] = full - score
    }
    return out
  }

  private func row(_ value: (Int) -> Double) -> [Double] { (0..<classes).map(value) }

  private func centred(_ means: [Double], _ weights: [Double]) -> [Double] {
    let total = weights.reduce(0, +)
    let middle = row { c in
      weights.indices.reduce(0) { $0 + weights[$1] * means[$1 * classes + c] } / total
    }
    return means.indices.map { means[$0] - middle[$0 % classes] }
  }

  /// The variance of a modality's own part, of the interaction within its grid, and of what the sum is off; and mean‖F‖².
  private func spread(
    _ sums: GridSums, _ own: [Double], _ rest: [[Double]], _ mean: [Double], _ weights: [Double]
  ) -> (own: Double, within: Double, off: Double, size: Double) {
    let total = weights.reduce(0, +)
    let size = sums.square / (total * total)
    func dot(_ one: (Int, Int) -> Double, _ other: (Int, Int) -> Double) -> Double {
      var sum = 0.0
      for i in 0..<count where weights[i] != 0 {
        for c in 0..<classes { sum += weights[i] * one(i, c) * other(i, c) }
      }
      return sum / total
    }
    let columns = centred(sums.second, weights)
    let middle = row { c in sums.second[c] - columns[c] }
    let ofOwn = dot({ own[$0 * classes + $1] }, { own[$0 * classes + $1] })
    let ofColumns = dot({ columns[$0 * classes + $1] }, { columns[$0 * classes + $1] })
    let within = size - middle.reduce(0) { $0 + $1 * $1 } - ofOwn - ofColumns
    // ‖F − a − R‖² over all cells, with R of the draw: F's part along a is a, as its rows' means are.
    let others = { (draw: Int, c: Int) in mean[c] + rest[draw][c] }
    let off = size - ofOwn + dot(others, others) - 2 * dot({ sums.second[$0 * classes + $1] }, others)
    return (ofOwn, within > 1e-12 * max(size, 1) ? within : 0, max(0, off), size)
  }
}
