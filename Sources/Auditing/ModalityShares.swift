import Foundation
import Multimodal
import Records

/// How much each modality speaks for what is predicted, row by row and without labels.
///
///     v(S) = log₂ p_S(ĉ),  ĉ the class predicted with everything there,  φ = Shapley values of v
///     shareₘ = mean over rows of |φₘ| / Σ|φ|
///
/// Modalities are the parts of MM-SHAP (Parcalabescu and Frank, ACL 2023, arXiv 2212.08158). v(∅) is the model with nothing
/// there where that is in the table, else the mean of its answers. Rows that no modality moves have no share and are left
/// out of the mean.
struct ModalityShares {
  private let names: [String]
  private let perRow: Int
  /// By modality, of every decision: φ, and its share or NaN.
  private let values: [[Double]]
  private let shares: [[Double]]

  /// nil where the model was not asked with every set of modalities.
  init?(_ audited: Audited) throws {
    let names = audited.modalities
    self.names = names
    perRow = audited.perRow
    guard names.count > 1, names.count <= Shapley.mostPlayers else { return nil }
    let full = audited.full
    var worths: [[Double]] = []
    for members in 0..<(1 << names.count) {
      let present = Set(names.indices.filter { members >> $0 & 1 == 1 }.map { names[$0] })
      if let condition = audited.present(present), let found = audited.answers[condition] {
        worths.append((0..<full.count).map { -found.surprise($0, full.predicted[$0]) })
      } else if present.isEmpty {
        worths.append(Self.ofNothing(full))
      } else {
        return nil
      }
    }
    let values = try Shapley.values(worths)
    self.values = values
    let totals = (0..<full.count).map { decision in values.reduce(0) { $0 + abs($1[decision]) } }
    shares = values.map { own in zip(own, totals).map { $1 > 0 ? abs($0) / $1 : .nan } }
  }

  /// The mean answer, decision by decision of a row.
  private static func ofNothing(_ full: Answers) -> [Double] {
    var sums = [Double](repeating: 0, count: full.perRow * full.classes)
    for (place, value) in full.probabilities.enumerated() { sums[place % sums.count] += value }
    let rows = Double(full.count / full.perRow)
    return (0..<full.count).map { decision in
      let mean = sums[decision % full.perRow * full.classes + full.predicted[decision]] / rows
      return log2(max(mean, Answers.smallest))
    }
  }

  var measure: Measure {
    Measure { weights in
      var out: [String: Double] = [:]
      for (place, name) in names.enumerated() {
        var (sum, total, signed, all) = (0.0, 0.0, 0.0, 0.0)
        for (decision, share) in shares[place].enumerated() {
          let weight = weights[decision / perRow]
          signed += weight * values[place][decision]
          all += weight
          guard !share.isNaN else { continue }
          sum += weight * share
          total += weight
        }
        if total > 0 { out["shares.\(name)"] = sum / total }
        if all > 0 { out["contributions.\(name)"] = signed / all }
      }
      let found = out
      addLeads("shares", names, to: &out) { found["shares.\($0)"] }
      return out
    }
  }
}
