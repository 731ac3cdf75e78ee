extension Metrics {
  /// The area under the ROC curve: how often a positive sample scores above a negative one, ties counting half.
  ///
  /// Exact, by ranks, in O(n log n).
  ///
  /// - Parameters:
  ///   - truth: 0 and 1.
  ///   - scores: the higher, the more positive; logits or probabilities.
  ///   - noise: what cannot be told apart is a tie, as ``scoreNoise`` says it; 0: only what is equal.
  /// - Throws: ``MetricError``; `oneClassOnly` where all labels are the same.
  public static func auroc(truth: [Int], scores: [Double], noise: Double = 0) throws -> Double {
    try same(truth.count, scores.count)
    for (row, label) in truth.enumerated() where label != 0 && label != 1 {
      throw MetricError.labelOutOfRange(row: row, label: label, classes: 2)
    }
    if let row = scores.firstIndex(where: \.isNaN) { throw MetricError.notANumber(row: row) }
    let positives = truth.count { $0 == 1 }
    let negatives = truth.count - positives
    guard positives > 0, negatives > 0 else { throw MetricError.oneClassOnly(label: truth[0]) }

    let ranked = RankedScores(scores, noise: noise)
    let order = ranked.order
    // Won pairs are counted twice, so that a tie is a whole number too and the sum exact.
    var doubledWins = 0
    var negativesBelow = 0
    var start = 0
    while start < order.count {
      var end = start
      var tiedPositives = 0
      while end < order.count, end == start || ranked.isTied[end] {
        tiedPositives += truth[order[end]]
        end += 1
      }
      let tiedNegatives = end - start - tiedPositives
      doubledWins += tiedPositives * (2 * negativesBelow + tiedNegatives)
      negativesBelow += tiedNegatives
      start = end
    }
    return Double(doubledWins) / (2 * Double(positives) * Double(negatives))
  }
}
