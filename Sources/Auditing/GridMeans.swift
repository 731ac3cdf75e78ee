import Evaluation
import Foundation
import Records

/// A grid's means under weights.
struct GridMeans {
  let count: Int
  private let classes: Int
  private let index: [Int]
  /// n × n × classes.
  private let cells: [Double]
  /// ‖F‖² of each cell.
  private let squares: [Double]
  private let audited: Audited
  /// The labels of the rows, as tables of predictions have them.
  private let own: WeightedScore?

  init(_ audited: Audited, _ grid: PredictionTable.Grid) throws {
    let n = grid.index.count
    let classes = grid.scores.classes
    let cells = Additivity.centred(grid.scores, audited.table.severalLabels)
    self.audited = audited
    self.cells = cells
    self.classes = classes
    count = n
    index = grid.index
    squares = GridSums.squares(cells, classes: classes)
    var diagonal: [Double] = []
    for i in 0..<n {
      let base = (i * n + i) * classes
      diagonal += cells[base..<(base + classes)]
    }
    own = try Additivity.score(audited, diagonal, grid.index)
  }

  /// A draw costs 2 n² C multiplications.
  var replicates: Int { max(50, min(1000, 2_000_000_000 / max(2 * cells.count, 1))) }

  func values(_ all: [Double], _ names: [String]) -> [String: Double] {
    let weights = index.map { all[$0] }
    let total = weights.reduce(0, +)
    guard total > 0 else { return [:] }
    let n = count
    let sums = GridSums(cells, squares, classes: classes, weights, weights)
    let (first, second, square) = (sums.first, sums.second, sums.square)
    var mean = [Double](repeating: 0, count: classes)
    for i in 0..<n where weights[i] != 0 {
      for c in 0..<classes { mean[c] += weights[i] * first[i * classes + c] / total }
    }
    func variance(_ means: [Double]) -> Double {
      var sum = 0.0
      for i in 0..<n where weights[i] != 0 {
        for c in 0..<classes {
          let off = means[i * classes + c] - mean[c]
          sum += weights[i] * off * off
        }
      }
      return sum / total
    }
    let (one, two) = (variance(first), variance(second))
    let all = square / (total * total) - mean.reduce(0) { $0 + $1 * $1 }
    // What is left by subtraction is nothing where it is no more than rounding.
    let together = all - one - two > 1e-12 * max(all, 1) ? all - one - two : 0
    var out: [String: Double] = [:]
    let sum = one + two + together
    if sum > 0 {
      out["emap.shares.\(names[0])"] = one / sum
      out["emap.shares.\(names[1])"] = two / sum
      out["emap.shares.together"] = together / sum
      addLeads("variance", names, to: &out) { $0 == names[0] ? one / sum : two / sum }
    }
    var additive = [Double](repeating: 0, count: n * classes)
    for i in 0..<n {
      for c in 0..<classes { additive[i * classes + c] = first[i * classes + c] + second[i * classes + c] - mean[c] }
    }
    if let own, let full = own(weights),
      let score = (try? Additivity.score(audited, additive, index))??(weights)
    {
      out["emap.score"] = score
      out["emap.gap"] = full - score
    }
    return out
  }
}

/// Means of a grid's rows and columns under weights of both.
struct GridSums {
  /// By row and class, the mean over columns.
  private(set) var first: [Double]
  /// By column and class, the mean over rows.
  private(set) var second: [Double]
  /// Σ of weighted ‖F‖².
  private(set) var square = 0.0

  /// ‖F‖² of each cell.
  static func squares(_ cells: [Double], classes: Int) -> [Double] {
    (0..<(cells.count / classes)).map { cell in
      cells[(cell * classes)..<((cell + 1) * classes)].reduce(0) { $0 + $1 * $1 }
    }
  }

  init(_ cells: [Double], _ squares: [Double], classes: Int, _ rows: [Double], _ columns: [Double]) {
    let n = rows.count
    var first = [Double](repeating: 0, count: n * classes)
    var second = first
    var square = 0.0
    cells.withUnsafeBufferPointer { cells in
      first.withUnsafeMutableBufferPointer { first in
        second.withUnsafeMutableBufferPointer { second in
          for i in 0..<n {
            let wi = rows[i]
            for j in 0..<n {
              let wj = columns[j]
              if wi == 0, wj == 0 { continue }
              let cell = (i * n + j) * classes
              for c in 0..<classes {
                first[i * classes + c] += wj * cells[cell + c]
                second[j * classes + c] += wi * cells[cell + c]
              }
              square += wi * wj * squares[i * n + j]
            }
          }
        }
      }
    }
    let (ofRows, ofColumns) = (rows.reduce(0, +), columns.reduce(0, +))
    for place in first.indices {
      first[place] /= ofColumns
      second[place] /= ofRows
    }
    (self.first, self.second, self.square) = (first, second, square)
  }
}
