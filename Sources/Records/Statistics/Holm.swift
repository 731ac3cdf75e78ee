extension Statistics {
  /// p values corrected for there being several, by Holm's step-down method, in the order given.
  ///
  /// The smallest is multiplied by n, the next by n − 1, …; none is below one before it, and none above 1. Calling those
  /// below α differences is wrong anywhere with probability at most α, however the tests depend on each other.
  /// (S. Holm, Scandinavian Journal of Statistics 6, 1979.)
  public static func holm(_ p: [Double]) -> [Double] {
    var adjusted = p
    var least = 0.0
    for (rank, place) in p.indices.sorted(by: { (p[$0], $0) < (p[$1], $1) }).enumerated() {
      least = max(least, min(1, p[place] * Double(p.count - rank)))
      adjusted[place] = least
    }
    return adjusted
  }
}
