import Multimodal

/// A split drawn where the data brings none: stratified by class, and by the hash of each id rather than its place.
///
/// Adding or reordering rows moves few samples from one side to another. A group is never divided.
enum RawSplitting {
  /// - Parameter groups: whom each sample belongs to; a sample without one stands alone.
  static func splits(
    ids: [String], strata: [String], groups: [String?] = [], settings: RawDatasetSettings
  ) -> [RawSplit] {
    let groups = groups.isEmpty ? ids.map { _ in nil } : groups
    var members: [[Int]] = []
    var places: [String: Int] = [:]
    for index in ids.indices {
      if let group = groups[index], let place = places[group] {
        members[place].append(index)
      } else {
        if let group = groups[index] { places[group] = members.count }
        members.append([index])
      }
    }
    // A group is drawn by its name and stands with the class that most of its samples have.
    let names = members.map { groups[$0[0]].map { "group/\($0)" } ?? ids[$0[0]] }
    let classes = members.map { usual($0.map { strata[$0] }) }
    let keys = names.map { name in
      var numbers = SeededNumbers(seed: settings.splitSeed, stream: "split/\(name)")
      return numbers.next()
    }
    let order = members.indices.sorted { (classes[$0], keys[$0], names[$0]) < (classes[$1], keys[$1], names[$1]) }
    let shares: [(split: RawSplit, share: Double)] = [
      (.train, 1 - settings.validationShare - settings.testShare), (.test, settings.testShare),
      (.validation, settings.validationShare),
    ]
    var splits = [RawSplit](repeating: .train, count: ids.count)
    var given: [RawSplit: Int] = [:]
    var drawn = 0
    for (position, place) in order.enumerated() {
      // The first of a class goes to training, which must know every class; then to whoever is furthest behind.
      let isFirst = position == 0 || classes[order[position - 1]] != classes[place]
      let due = shares.map { ($0.split, $0.share * Double(drawn + 1) - Double(given[$0.split, default: 0])) }
      let split = isFirst ? .train : due.reduce(due[0]) { $1.1 > $0.1 + 1e-9 ? $1 : $0 }.0
      given[split, default: 0] += members[place].count
      drawn += members[place].count
      for index in members[place] { splits[index] = split }
    }
    return splits
  }

  /// The most frequent; of several the first in the alphabet.
  private static func usual(_ names: [String]) -> String {
    guard names.count > 1 else { return names.first ?? "" }
    let counts = Dictionary(names.map { ($0, 1) }, uniquingKeysWith: +)
    return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? ""
  }
}
