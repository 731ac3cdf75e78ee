import Evaluation
import Foundation
import Records

/// Whether the model would do as well if it only added up what each modality says.
///
/// Of logits F[i, j, c] with the first modality of row i and the second of row j, centred over classes:
///
///     A[i] = mean over j of F,  B[j] = mean over i of F,  μ = mean of F,  EMAP[i] = A[i] + B[i] − μ
///     gap = score(F[i, i]) − score(EMAP[i])
///     shares of the variance: V₁ = mean‖A − μ‖², V₂ = mean‖B − μ‖², V₁₂ = mean‖F − A − B + μ‖²
///
/// EMAP is the best additive model in squared error where the modalities are paired independently. Of probabilities their
/// logarithms are taken. Rows of the grid are drawn anew along both axes together. (Hessel and Lee, EMNLP 2020, arXiv
/// 2010.06572.) Where the logits are a sum by construction, the shares are of its parts, and nothing has to be measured.
struct Additivity {
  private let grid: GridMeans?
  private let parts: (names: [String], values: [[Double]], classes: Int)?
  private let names: [String]

  /// nil where there is neither a grid nor a sum by construction.
  init?(_ audited: Audited) throws {
    names = audited.modalities
    if let given = audited.table.parts {
      guard given.count == names.count, let any = given.first?.value else { return nil }
      let several = audited.table.severalLabels
      parts = (
        names, names.map { name in given[name].map { Self.centred($0, several) } ?? [] }, any.classes
      )
      grid = nil
    } else if let found = audited.table.grid {
      grid = try GridMeans(audited, found)
      parts = nil
    } else {
      return nil
    }
  }

  /// Logits whose mean over the classes is 0, as softmax does not see it; of several labels as they are.
  static func centred(_ scores: AnswerTable, _ severalLabels: Bool) -> [Double] {
    var values = scores.logits(severalLabels: severalLabels)
    guard !severalLabels else { return values }
    let classes = scores.classes
    for base in stride(from: 0, to: values.count, by: classes) {
      let mean = values[base..<(base + classes)].reduce(0, +) / Double(classes)
      for place in base..<(base + classes) { values[place] -= mean }
    }
    return values
  }

  var measure: Measure { Measure(replicates: grid?.replicates) { values($0) } }
  var byConstruction: Bool { parts != nil }
  var rows: Int? { grid?.count }

  func values(_ weights: [Double]) -> [String: Double] {
    if let grid { return grid.values(weights, names) }
    guard let parts else { return [:] }
    let variances = parts.values.map { Self.variance($0, parts.classes, weights) }
    let total = variances.reduce(0, +)
    var out = ["emap.gap": 0.0]
    if total > 0 {
      for (name, variance) in zip(parts.names, variances) { out["emap.shares.\(name)"] = variance / total }
      out["emap.shares.together"] = 0
      addLeads("variance", names, to: &out) { name in parts.names.firstIndex(of: name).map { variances[$0] / total } }
    }
    return out
  }

  /// Σ over classes of the weighted variance over rows.
  private static func variance(_ values: [Double], _ classes: Int, _ weights: [Double]) -> Double {
    let total = weights.reduce(0, +)
    guard total > 0 else { return 0 }
    var means = [Double](repeating: 0, count: classes)
    for (row, weight) in weights.enumerated() where weight != 0 {
      for c in 0..<classes { means[c] += weight * values[row * classes + c] }
    }
    var sum = 0.0
    for (row, weight) in weights.enumerated() where weight != 0 {
      for c in 0..<classes {
        let off = values[row * classes + c] - means[c] / total
        sum += weight * off * off
      }
    }
    return sum / total
  }

  static func record(_ values: [String: Double], _ names: [String], _ found: Additivity?) -> AuditRecord.Additivity? {
    guard let found else { return nil }
    return AuditRecord.Additivity(
      score: values["emap.score"], gap: values["emap.gap"],
      shares: byName(names + [AuditRecord.Additivity.together]) { values["emap.shares.\($0)"] },
      byConstruction: found.byConstruction, rows: found.rows)
  }
}

/// A grid's means under weights.
private struct GridMeans {
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
    squares = (0..<(n * n)).map { cell in
      cells[(cell * classes)..<((cell + 1) * classes)].reduce(0) { $0 + $1 * $1 }
    }
    var diagonal: [Double] = []
    for i in 0..<n {
      let base = (i * n + i) * classes
      diagonal += cells[base..<(base + classes)]
    }
    own = try Self.score(audited, diagonal, grid.index)
  }

  private static func score(_ audited: Audited, _ logits: [Double], _ rows: [Int]) throws -> WeightedScore? {
    let several = audited.table.severalLabels
    // Sums of means are off in their last digits: what is equal must stay equal, as ties are broken by order.
    let scores = AnswerTable(
      unchecked: logits.map { ($0 * 1e9).rounded() / 1e9 }, rows: rows.count, classes: audited.table.classes.count,
      kind: .logits)
    return try audited.score(scores.probabilities(severalLabels: several), rows: rows)
  }

  /// A draw costs 2 n² C multiplications.
  var replicates: Int { max(50, min(1000, 2_000_000_000 / max(2 * cells.count, 1))) }

  func values(_ all: [Double], _ names: [String]) -> [String: Double] {
    let weights = index.map { all[$0] }
    let total = weights.reduce(0, +)
    guard total > 0 else { return [:] }
    let n = count
    var first = [Double](repeating: 0, count: n * classes)
    var second = first
    var square = 0.0
    cells.withUnsafeBufferPointer { cells in
      first.withUnsafeMutableBufferPointer { first in
        second.withUnsafeMutableBufferPointer { second in
          for i in 0..<n {
            let wi = weights[i]
            for j in 0..<n {
              let wj = weights[j]
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
    for place in first.indices {
      first[place] /= total
      second[place] /= total
    }
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
      let score = (try? Self.score(audited, additive, index))??(weights)
    {
      out["emap.score"] = score
      out["emap.gap"] = full - score
    }
    return out
  }
}
