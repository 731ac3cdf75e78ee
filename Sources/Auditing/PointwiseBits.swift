import Encoders
import Foundation
import Multimodal
import Records

/// Bits about the label of every single sample, taken apart: redundant, unique, and only together.
///
///     iₘ = log₂ p_alone(y | xₘ) − log₂ p(y),  i₁₂ = log₂ p_full(y) − log₂ p(y),  hₘ = −log₂ p(xₘ)
///     r = min(h₁, h₂) − min(h₁ − i₁, h₂ − i₂),  uₘ = iₘ − r,  s = i₁₂ − u₁ − u₂ − r
///
/// A number is added to every r and s and taken from every u, so that iₘ = r + uₘ stays: where the mean of r or s is below 0
/// what lifts the lower of both to 0, else, where a mean of u is below 0, the lower of those. (LSMI: Yang, Wang and Hu, ICML
/// 2025, arXiv 2506.17248.) Of two modalities and one label a sample.
///
/// Densities are of the embeddings, standardised and brought to as many principal directions of variance 1 for both: else the
/// wider embedding is always the more surprising one (a choice of ours, as the paper's entropies depend on units). A mixture
/// of five Gaussians is fitted by expectation maximization in place of Adam; the density of a row is by a mixture that was
/// fitted to the four fifths of the rows without it.
struct PointwiseBits {
  let names: [String]
  let ids: [String]
  /// Of every row, bits.
  let redundant: [Double]
  /// By modality, of every row.
  let unique: [[Double]]
  let synergy: [Double]
  /// What was added to r and s.
  let shift: Double
  let directions: Int

  /// Fewer rows tell nothing of a density.
  static let fewestRows = 100
  /// Principal directions at most.
  private static let mostDirections = 16
  private static let folds = 5
  private static let gaussians = 5

  /// nil where the table has not what it needs; ``Needs`` says what.
  init?(_ audited: Audited, _ usable: UsableBits?) throws {
    let table = audited.table
    names = audited.modalities
    ids = table.ids
    guard names.count == 2, !table.severalLabels, table.rows >= Self.fewestRows, let usable,
      let full = usable.surprises[PredictionTable.full]
    else { return nil }
    let alone = names.compactMap { usable.surprises["alone:\($0)"] }
    let embeddings = names.compactMap { table.embeddings[$0] }
    guard alone.count == 2, embeddings.count == 2 else { return nil }
    let rank = min(Self.mostDirections, table.rows / 20, embeddings[0].width, embeddings[1].width)
    let projected = try embeddings.map { try $0.principal(rank) }
    let directions = projected.map { $0[0].count }.min() ?? 0
    guard directions > 0 else { return nil }
    self.directions = directions
    let folds = Self.folds(table)
    let surprise = projected.map { rows in Self.surprises(rows.map { Array($0.prefix(directions)) }, folds) }
    var (r, u, s): ([Double], [[Double]], [Double]) = ([], [[], []], [])
    for row in 0..<table.rows {
      let parts = Self.parts(
        (usable.prior[row] - alone[0][row], usable.prior[row] - alone[1][row]), usable.prior[row] - full[row],
        surprise: (surprise[0][row], surprise[1][row]))
      r.append(parts.redundant)
      u[0].append(parts.unique.0)
      u[1].append(parts.unique.1)
      s.append(parts.synergy)
    }
    let shift = Self.shift(r, u, s)
    self.shift = shift
    redundant = r.map { $0 + shift }
    unique = u.map { $0.map { $0 - shift } }
    synergy = s.map { $0 + shift }
  }

  /// Of one sample, before anything is shifted.
  ///
  /// - Parameters:
  ///   - information: i₁ and i₂.
  ///   - together: i₁₂.
  ///   - surprise: h₁ and h₂.
  static func parts(
    _ information: (Double, Double), _ together: Double, surprise: (Double, Double)
  ) -> (redundant: Double, unique: (Double, Double), synergy: Double) {
    let redundant =
      min(surprise.0, surprise.1) - min(surprise.0 - information.0, surprise.1 - information.1)
    let unique = (information.0 - redundant, information.1 - redundant)
    return (redundant, unique, together - unique.0 - unique.1 - redundant)
  }

  static func shift(_ r: [Double], _ u: [[Double]], _ s: [Double]) -> Double {
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(values.count, 1)) }
    let lifted = min(mean(r), mean(s))
    if lifted < 0 { return -lifted }
    return min(u.map(mean).min() ?? 0, 0)
  }

  /// Which fold each row is in; rows of a group are in one.
  private static func folds(_ table: PredictionTable) -> [Int] {
    let keys = table.groups ?? table.ids.indices.map { "\($0)" }
    var places: [String: Int] = [:]
    for key in keys where places[key] == nil { places[key] = places.count }
    var numbers = SeededNumbers(seed: 0, stream: "audit/folds")
    let order = numbers.permutation(places.count)
    return keys.map { order[places[$0] ?? 0] % folds }
  }

  /// −log₂ p of every row, by mixtures that were fitted to the other folds.
  static func surprises(_ rows: [[Double]], _ folds: [Int]) -> [Double] {
    var bits = [Double](repeating: 0, count: rows.count)
    for fold in Set(folds).sorted() {
      let others = rows.indices.filter { folds[$0] != fold }
      guard !others.isEmpty else { continue }
      var numbers = SeededNumbers(seed: 0, stream: "audit/density/\(fold)")
      let first = numbers.sample(min(gaussians, others.count), of: others.count).map { rows[others[$0]] }
      let mixture = GaussianMixture(fitting: others.map { rows[$0] }, means: first)
      for row in rows.indices where folds[row] == fold { bits[row] = -mixture.logDensity(rows[row]) / log(2) }
    }
    return bits
  }

  // MARK: What is kept

  /// Samples named for each kind.
  private static let most = 10

  /// - Parameter models: one, or several whose bits are averaged.
  static func mean(_ models: [PointwiseBits]) -> SampleBits? {
    guard let first = models.first else { return nil }
    func mean(_ values: (PointwiseBits) -> [Double]) -> [Double] {
      let all = models.map(values)
      return first.ids.indices.map { row in all.reduce(0) { $0 + $1[row] } / Double(models.count) }
    }
    return SampleBits(
      modalities: first.names, ids: first.ids, redundant: mean(\.redundant),
      unique: first.names.indices.map { place in mean { $0.unique[place] } }, synergy: mean(\.synergy),
      shift: models.reduce(0) { $0 + $1.shift } / Double(models.count), directions: first.directions)
  }

  static func record(_ bits: SampleBits?) -> AuditRecord.Pointwise? {
    bits.map { bits in
      func top(_ values: [Double]) -> [AuditRecord.Pointwise.Sample] {
        values.indices.sorted { (values[$1], $0) < (values[$0], $1) }.prefix(most).filter { values[$0] > 0 }
          .map { .init(id: bits.ids[$0], bits: values[$0]) }
      }
      return AuditRecord.Pointwise(
        redundant: top(bits.redundant),
        unique: Dictionary(uniqueKeysWithValues: zip(bits.modalities, bits.unique.map(top))),
        synergy: top(bits.synergy), shift: bits.shift, directions: bits.directions)
    }
  }
}

/// Bits about the label of every audited sample, taken apart; for ranking samples.
package struct SampleBits: Sendable {
  package let modalities: [String]
  package let ids: [String]
  package let redundant: [Double]
  /// By modality.
  package let unique: [[Double]]
  package let synergy: [Double]
  package let shift: Double
  package let directions: Int
}

extension PredictionTable.Embedding {
  /// The rows on the first principal directions of the standardised columns, each of variance 1: rows × at most `count`.
  ///
  /// Columns that do not vary say nothing, and are left out.
  fileprivate func principal(_ count: Int) throws -> [[Double]] {
    var rows = [[Float]](repeating: [], count: self.rows)
    for column in 0..<width {
      let values = (0..<self.rows).map { Double(self.values[$0 * width + column]) }
      let mean = values.reduce(0, +) / Double(values.count)
      let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
      guard deviation > 1e-12 * max(abs(mean), 1e-300) else { continue }
      for row in rows.indices { rows[row].append(Float((values[row] - mean) / deviation)) }
    }
    guard let columns = rows.first?.count, columns > 0 else { return rows.map { _ in [] } }
    let found = try RandomizedSVD(of: LinearMap(dense: rows, columns: columns), rank: count)
    let scales = found.values.map { Double($0) / Double(self.rows).squareRoot() }
    return rows.map { row in
      zip(found.directions, scales).map { direction, scale in
        zip(row, direction).reduce(0) { $0 + Double($1.0) * Double($1.1) } / scale
      }
    }
  }
}
