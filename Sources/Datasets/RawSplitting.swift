import Multimodal

/// A split drawn where the data brings none: stratified by class, and by the hash of each id rather than its place.
///
/// Adding or reordering rows moves few samples from one side to another. A group is never divided.
enum RawSplitting {
  /// What a split is drawn by.
  struct Candidate {
    let id: String
    /// The class.
    let stratum: String
    /// Whom the sample belongs to; one without stands alone.
    var group: String?
  }

  /// Some samples that go to one split together: a group, or one sample.
  private struct Unit {
    let key: UInt64
    let first: Int32
    var count: Int32 = 0
    /// The class's place in the alphabet.
    var stratum: Int32
  }

  /// - Parameter candidate: of a sample's place; asked for again where two draw the same number.
  static func splits(count: Int, settings: RawDatasetSettings, _ candidate: (Int) -> Candidate) -> [RawSplit] {
    var units: [Unit] = []
    var unitOf: [Int32] = []
    var strata: [String: Int32] = [:]
    var groups: [String: Int32] = [:]
    // How often a class occurs in each group.
    var votes: [Int32: [Int32: Int]] = [:]
    for place in 0..<count {
      let sample = candidate(place)
      let stratum = strata[sample.stratum] ?? Int32(strata.count)
      strata[sample.stratum] = stratum
      let unit = sample.group.flatMap { groups[$0] } ?? Int32(units.count)
      if unit == units.count {
        if let group = sample.group { groups[group] = unit }
        var numbers = SeededNumbers(seed: settings.splitSeed, stream: "split/\(name(sample))")
        units.append(Unit(key: numbers.next(), first: Int32(place), stratum: stratum))
      }
      units[Int(unit)].count += 1
      if sample.group != nil { votes[unit, default: [:]][stratum, default: 0] += 1 }
      unitOf.append(unit)
    }
    var ranks = [Int32](repeating: 0, count: strata.count)
    for (rank, one) in strata.sorted(by: { $0.key < $1.key }).enumerated() { ranks[Int(one.value)] = Int32(rank) }
    for unit in units.indices {
      // A group stands with the class that most of its samples have; of several with the first in the alphabet.
      let usual = votes[Int32(unit)]?.map { (rank: ranks[Int($0.key)], votes: $0.value) }
        .max { ($0.votes, $1.rank) < ($1.votes, $0.rank) }?.rank
      units[unit].stratum = usual ?? ranks[Int(units[unit].stratum)]
    }
    let order = units.indices.sorted { a, b in
      let (one, other) = (units[a], units[b])
      if (one.stratum, one.key) != (other.stratum, other.key) {
        return (one.stratum, one.key) < (other.stratum, other.key)
      }
      return name(candidate(Int(one.first))) < name(candidate(Int(other.first)))
    }
    let shares: [(split: RawSplit, share: Double)] = [
      (.train, 1 - settings.validationShare - settings.testShare), (.test, settings.testShare),
      (.validation, settings.validationShare),
    ]
    var splits = [RawSplit](repeating: .train, count: units.count)
    var given: [RawSplit: Int] = [:]
    var drawn = 0
    for (position, place) in order.enumerated() {
      // The first of a class goes to training, which must know every class; then to whoever is furthest behind.
      let isFirst = position == 0 || units[order[position - 1]].stratum != units[place].stratum
      let due = shares.map { ($0.split, $0.share * Double(drawn + 1) - Double(given[$0.split, default: 0])) }
      let split = isFirst ? .train : due.reduce(due[0]) { $1.1 > $0.1 + 1e-9 ? $1 : $0 }.0
      given[split, default: 0] += Int(units[place].count)
      drawn += Int(units[place].count)
      splits[place] = split
    }
    return unitOf.map { splits[Int($0)] }
  }

  /// A group is drawn by its name.
  private static func name(_ sample: Candidate) -> String { sample.group.map { "group/\($0)" } ?? sample.id }
}
