import Foundation

/// Scores in ascending order, and which of them cannot be told apart.
///
/// A score ties with the lowest of its group where it is above it by no more than `noise` times the larger of 1 and their
/// size. Groups do not chain: what ties with the lowest ties, whatever lies in between.
struct RankedScores: Sendable {
  /// The samples' numbers, by ascending score.
  let order: [Int]
  /// By place in `order`, whether the score ties with the one before.
  let isTied: [Bool]

  init(_ scores: [Double], noise: Double) {
    order = scores.indices.sorted { (scores[$0], $0) < (scores[$1], $1) }
    var tied = [Bool](repeating: false, count: scores.count)
    var lowest = 0
    for place in order.indices.dropFirst() {
      let (low, score) = (scores[order[lowest]], scores[order[place]])
      tied[place] = low == score || score - low <= noise * max(1, min(abs(low), abs(score)))
      if !tied[place] { lowest = place }
    }
    isTied = tied
  }
}

extension Metrics {
  /// How far scores of equal samples may lie apart, relative to their size but at least to 1: 32 units in the last place of
  /// float32.
  ///
  /// Models compute and predictions are kept in float32. Rows that are equal come out of a matrix product a few last places
  /// apart, as they lie in a full or in a partial block of it; a ranking of that is one of noise.
  public static let scoreNoise = 32 * Double(Float.ulpOfOne)

  /// The margin of the second of two classes over the first, log p₁ − log p₀, from probabilities [N, 2], flat.
  ///
  /// It ranks as p₁ does, and keeps apart what is nearly sure: near 1, the last places of p₁ say nothing.
  public static func margins(_ probabilities: [Double]) -> [Double] {
    func logarithm(_ value: Double) -> Double { log(max(value, .leastNonzeroMagnitude)) }
    return stride(from: 0, to: probabilities.count - 1, by: 2).map {
      logarithm(probabilities[$0 + 1]) - logarithm(probabilities[$0])
    }
  }
}
