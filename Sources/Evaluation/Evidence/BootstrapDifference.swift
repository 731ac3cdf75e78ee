public import Records

extension Bootstrap {
  /// How much more one measure is than another of as many seeds: what a comparison says of the same two.
  ///
  /// The interval is the joint test's over seeds and test samples (`CrossedBootstrapTest`), from the same draws of samples as
  /// ``SampleReplicates`` makes for `compare`. Percentiles over seeds that are drawn anew would trust two or three of them
  /// too much.
  ///
  /// - Returns: nil where one of the two was not added, or is not defined on these samples.
  public func difference(_ quantity: Quantity, from other: Quantity, replicates: Int? = nil) throws -> Estimate? {
    guard let second = measures[quantity], let first = measures[other], first.count == second.count else { return nil }
    let ones = [Double](repeating: 1, count: samples)
    var pairs: [(first: Int, second: Int, difference: Double)] = []
    for seed in first.indices {
      guard let before = first[seed](ones), let after = second[seed](ones) else { return nil }
      pairs.append((seed, first.count + seed, after - before))
    }
    let value = pairs.reduce(0) { $0 + $1.difference } / Double(pairs.count)
    let found = try SampleReplicates(
      (first + second).map { ["value": $0] }, answering: [.init("value", pairs)], samples: samples, modalities: [],
      replicates: replicates)
    return Estimate(value, interval95: found.test(0)?.interval95)
  }
}
