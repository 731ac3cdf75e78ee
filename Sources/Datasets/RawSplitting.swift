import Multimodal

/// A split drawn where the data brings none: stratified by class, and by the hash of each id rather than its place.
///
/// Adding or reordering rows moves few samples from one side to another.
enum RawSplitting {
  static func splits(ids: [String], strata: [String], settings: RawDatasetSettings) -> [RawSplit] {
    let keys = ids.map { id in
      var numbers = SeededNumbers(seed: settings.splitSeed, stream: "split/\(id)")
      return numbers.next()
    }
    let order = ids.indices.sorted { (strata[$0], keys[$0], ids[$0]) < (strata[$1], keys[$1], ids[$1]) }
    let shares: [(split: RawSplit, share: Double)] = [
      (.train, 1 - settings.validationShare - settings.testShare), (.test, settings.testShare),
      (.validation, settings.validationShare),
    ]
    var splits = [RawSplit](repeating: .train, count: ids.count)
    var given: [RawSplit: Int] = [:]
    for (position, index) in order.enumerated() {
      // The first of a class goes to training, which must know every class; then to whoever is furthest behind.
      let isFirst = position == 0 || strata[order[position - 1]] != strata[index]
      let due = shares.map { ($0.split, $0.share * Double(position + 1) - Double(given[$0.split, default: 0])) }
      let split = isFirst ? .train : due.reduce(due[0]) { $1.1 > $0.1 + 1e-9 ? $1 : $0 }.0
      given[split, default: 0] += 1
      splits[index] = split
    }
    return splits
  }
}
