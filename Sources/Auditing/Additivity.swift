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
/// 2010.06572.) Of more than two modalities see ``PartneredGrids``. Where the logits are a sum by construction, the shares are of its parts, and nothing has to be measured.
struct Additivity {
  private let grid: GridMeans?
  private let grids: PartneredGrids?
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
      grids = nil
    } else if let found = audited.table.grid {
      grid = try GridMeans(audited, found)
      grids = nil
      parts = nil
    } else if let found = audited.table.grids {
      grid = nil
      grids = try PartneredGrids(audited, found)
      parts = nil
    } else {
      return nil
    }
  }

  /// A score of additive logits.
  ///
  /// Sums of means are off in their last digits: what is equal must stay equal, as ties are broken by order.
  static func score(_ audited: Audited, _ logits: [Double], _ rows: [Int]) throws -> WeightedScore? {
    let several = audited.table.severalLabels
    let scores = AnswerTable(
      unchecked: logits.map { ($0 * 1e9).rounded() / 1e9 }, rows: rows.count, classes: audited.table.classes.count,
      kind: .logits)
    return try audited.score(scores.probabilities(severalLabels: several), rows: rows)
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

  var measure: Measure { Measure(replicates: grid?.replicates ?? grids?.replicates) { values($0) } }
  var byConstruction: Bool { parts != nil }
  var rows: Int? { grid?.count ?? grids?.count }

  func values(_ weights: [Double]) -> [String: Double] {
    if let grid { return grid.values(weights, names) }
    if let grids { return grids.values(weights, names) }
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
