import Foundation
import Multimodal
import Records

/// How much of what tells the label is in one modality alone, in both alike, or only in their combination.
///
/// Sources are what models of one modality say (`alone:m`), read on rows that they were not trained on: bits that a model
/// of that family extracts. Up to ten classes a source is the predicted class. Of more classes, and of several labels, each
/// class is taken against the rest: the target is whether it is there, a source the quartile of its probability, and the
/// answer is the mean over classes weighted by their frequency (a choice of ours). Of more than two modalities each is set
/// against a model of the others: `alone:` of them together, else their answers multiplied (a choice of ours). The same is
/// done with the audited model's answer as the target.
///
/// Plug-in estimates of synergy are too large where cells are few. So it is told only of N ≥ 10 · K₁ · K₂ · K_y rows, and
/// where it is above the 95 % quantile of permuted labels and the 99 % quantile of as many rows drawn from the distribution at the minimum,
/// which tells as much by each source and has no synergy: with one good source the former alone is raised too often.
/// Sources: Bertschinger et al., Entropy 2014; Liang et al.,
/// NeurIPS 2023, arXiv 2302.12247.
struct Decomposing: Sendable {
  /// One source against another about a target that takes few values.
  private struct Game: Sendable {
    var first: [Int]
    var second: [Int]
    var target: [Int]
    var sizes: (Int, Int, Int)
    /// The row of each entry.
    var perRow: Int
    /// What it counts in the mean.
    var weight: Double

    func parts(_ weights: [Double], target other: [Int]? = nil) -> InformationParts {
      var counts = [Double](repeating: 0, count: sizes.0 * sizes.1 * sizes.2)
      let target = other ?? target
      for place in target.indices {
        counts[(first[place] * sizes.1 + second[place]) * sizes.2 + target[place]] += weights[place]
      }
      return InformationParts(counts, sizes: sizes)
    }

    var cells: Int { sizes.0 * sizes.1 * sizes.2 }
  }

  /// Parts of information, a mean over games.
  private struct Bits {
    var (redundant, first, second, synergy, bound) = (0.0, 0.0, 0.0, 0.0, 0.0)
  }

  /// What the whole of a pair of sources says, a mean over its games.
  private struct Pair: Sendable {
    let name: String
    let games: [Game]

    func parts(_ weights: [Double], targets: [[Int]]? = nil) -> Bits {
      mean { $0.parts(weights, target: targets?[$1]) }
    }

    /// The same of as many rows that are drawn where there is no synergy.
    func drawnWithout(_ least: [[Double]], rows: Int, _ numbers: inout SeededNumbers) -> Bits {
      mean { game, place in
        InformationParts(Self.drawn(rows, from: least[place], &numbers), sizes: game.sizes)
      }
    }

    /// The distributions without synergy, a game each.
    func least(_ weights: [Double]) -> [[Double]] { games.map { $0.parts(weights).least } }

    private static func drawn(_ count: Int, from cells: [Double], _ numbers: inout SeededNumbers) -> [Double] {
      var sums: [Double] = []
      var sum = 0.0
      for cell in cells {
        sum += cell
        sums.append(sum)
      }
      var counts = [Double](repeating: 0, count: cells.count)
      for _ in 0..<count {
        let place = numbers.uniform() * sum
        var (low, high) = (0, cells.count - 1)
        while low < high {
          let middle = (low + high) / 2
          if sums[middle] > place { high = middle } else { low = middle + 1 }
        }
        counts[low] += 1
      }
      return counts
    }

    private func mean(_ parts: (Game, Int) -> InformationParts) -> Bits {
      var sum = Bits()
      let total = games.reduce(0) { $0 + $1.weight }
      for (place, game) in games.enumerated() where game.weight > 0 && total > 0 {
        let own = parts(game, place)
        let share = game.weight / total
        sum.redundant += share * own.redundant
        sum.first += share * own.first
        sum.second += share * own.second
        sum.synergy += share * own.synergy
        sum.bound = max(sum.bound, own.bound)
      }
      return sum
    }

    /// Whether there are enough rows that synergy is more than bias.
    func isLarge(_ rows: Int) -> Bool { rows >= 10 * (games.map(\.cells).max() ?? .max) }
  }

  private let names: [String]
  private let rows: Int
  /// Of two modalities one pair, of more one for each against the rest.
  private let pairs: [Pair]
  /// The same about the audited model's answers.
  private let ofModel: [Pair]

  /// More classes are taken one against the rest.
  static let mostClasses = 10

  /// nil where a model of one modality is missing.
  init?(_ audited: Audited) {
    let names = audited.modalities
    self.names = names
    rows = audited.table.rows
    let alone = names.compactMap { audited.answers["alone:\($0)"] }
    guard names.count > 1, alone.count == names.count else { return nil }
    func pairs(_ target: [Int]) -> [Pair] {
      let places = names.count == 2 ? [0] : Array(names.indices)
      return places.map { place in
        let rest =
          names.count == 2
          ? alone[1]
          : audited.alone(audited.others(names[place])).flatMap { audited.answers[$0] }
            ?? Self.product(alone.indices.filter { $0 != place }.map { alone[$0] }, audited.prior)
        return Pair(name: names[place], games: Self.games(alone[place], rest, target))
      }
    }
    self.pairs = audited.truth.map(pairs) ?? []
    ofModel = pairs(audited.full.predicted)
  }

  /// A model of several modalities from models of one each: probabilities multiplied, the classes' frequencies but once.
  private static func product(_ models: [Answers], _ prior: [Double]?) -> Answers {
    guard let first = models.first else { return Answers(probabilities: [], classes: 1, severalLabels: false) }
    var values = [Double](repeating: 0, count: first.probabilities.count)
    for model in models {
      for (place, p) in model.probabilities.enumerated() { values[place] += log(max(p, Answers.smallest)) }
    }
    let times = Double(models.count - 1)
    for decision in 0..<first.count {
      let base = decision * first.classes
      for c in 0..<first.classes {
        let share: Double? = prior.map { prior in
          guard first.perRow > 1 else { return prior[c] }
          let yes = prior[decision % first.perRow]
          return c == 1 ? yes : 1 - yes
        }
        values[base + c] -= times * log(max(share ?? 1, Answers.smallest))
      }
      let top = values[base..<(base + first.classes)].max() ?? 0
      var sum = 0.0
      for place in base..<(base + first.classes) {
        values[place] = exp(values[place] - top)
        sum += values[place]
      }
      for place in base..<(base + first.classes) { values[place] /= sum }
    }
    if first.perRow > 1 {
      let yes = stride(from: 1, to: values.count, by: 2).map { values[$0] }
      return Answers(probabilities: yes, classes: first.perRow, severalLabels: true)
    }
    return Answers(probabilities: values, classes: first.classes, severalLabels: false)
  }

  private static func games(_ first: Answers, _ second: Answers, _ target: [Int]) -> [Game] {
    let (classes, perRow) = (first.classes, first.perRow)
    if perRow == 1, classes <= mostClasses {
      return [
        Game(
          first: first.predicted, second: second.predicted, target: target, sizes: (classes, classes, classes),
          perRow: 1,
          weight: 1)
      ]
    }
    let rows = first.count / perRow
    return (0..<(perRow == 1 ? classes : perRow)).map { label in
      func symbols(_ answers: Answers) -> [Int] {
        quartiles(
          (0..<rows).map { perRow == 1 ? answers.probability($0, label) : answers.probability($0 * perRow + label, 1) })
      }
      let own = (0..<rows).map { perRow == 1 ? (target[$0] == label ? 1 : 0) : target[$0 * perRow + label] }
      return Game(
        first: symbols(first), second: symbols(second), target: own, sizes: (4, 4, 2), perRow: 1,
        weight: Double(own.reduce(0, +)))
    }
  }

  /// 0 to 3, by the quartiles of the values; equal values have one number.
  static func quartiles(_ values: [Double]) -> [Int] {
    let sorted = values.sorted()
    guard let last = sorted.last else { return [] }
    let bounds = (1...3).map { sorted.count > 1 ? sorted[min($0 * sorted.count / 4, sorted.count - 1)] : last }
    return values.map { value in bounds.count { value >= $0 && $0 > sorted[0] } }
  }

  // MARK: Numbers

  /// Redundant and unique bits, whose plug-in estimates hardly depend on how many rows there are; synergy has no interval,
  /// as drawing rows anew adds to its bias.
  var measure: Measure {
    let cost = (pairs + ofModel).reduce(0) { $0 + $1.games.reduce(0) { $0 + $1.cells } }
    return Measure(replicates: max(40, min(200, 400_000 / max(cost, 1)))) { values($0) }
  }

  func values(_ weights: [Double]) -> [String: Double] {
    var out: [String: Double] = [:]
    add(pairs, "pid", weights, &out)
    add(ofModel, "pid.model", weights, &out)
    return out
  }

  private func add(_ pairs: [Pair], _ prefix: String, _ weights: [Double], _ out: inout [String: Double]) {
    let found = pairs.map { $0.parts(weights) }
    guard let first = found.first else { return }
    if names.count == 2 {
      out["\(prefix).redundant"] = first.redundant
      out["\(prefix).unique.\(names[0])"] = first.first
      out["\(prefix).unique.\(names[1])"] = first.second
    } else {
      out["\(prefix).redundant"] = found.reduce(0) { $0 + $1.redundant } / Double(found.count)
      for (pair, parts) in zip(pairs, found) { out["\(prefix).unique.\(pair.name)"] = parts.first }
    }
  }

  /// What is told of synergy, and what permuted labels show in 95 % of draws at most.
  private struct Judged {
    var synergy: Double?
    var bound: Double
    var redundant: Double
    var unique: [String: Double]
  }

  private func judged(_ pairs: [Pair], permutations: Int, seed: UInt64) -> Judged {
    let ones = [Double](repeating: 1, count: rows)
    let found = pairs.map { $0.parts(ones) }
    let bound = found.map(\.bound).max() ?? 0
    var judged = Judged(synergy: nil, bound: bound, redundant: 0, unique: [:])
    guard permutations > 1 else { return judged }
    func mean(_ parts: [Bits], _ value: (Bits) -> Double) -> Double {
      parts.reduce(0) { $0 + value($1) } / Double(max(parts.count, 1))
    }
    var numbers = SeededNumbers(seed: seed, stream: "audit/permutations")
    let drawn = (0..<permutations).map { _ -> [Bits] in
      let order = numbers.permutation(rows)
      return pairs.map { pair in
        pair.parts(ones, targets: pair.games.map { game in order.map { game.target[$0] } })
      }
    }
    func bound95(_ value: ([Bits]) -> Double) -> Double {
      Statistics.quantile(drawn.map(value).sorted(), 0.95)
    }
    judged.redundant = bound95 { mean($0, \.redundant) }
    for (place, name) in names.enumerated() {
      judged.unique[name] = bound95 { names.count > 2 ? $0[place].first : place == 0 ? $0[0].first : $0[0].second }
    }
    let synergy = mean(found, \.synergy)
    guard pairs.allSatisfy({ $0.isLarge(rows) }), synergy > bound, synergy > bound95({ mean($0, \.synergy) }) else {
      return judged
    }
    let least = pairs.map { $0.least(ones) }
    let without = (0..<permutations).map { _ in
      mean(zip(pairs, least).map { $0.drawnWithout($1, rows: rows, &numbers) }, \.synergy)
    }.sorted()
    if synergy > Statistics.quantile(without, 0.99) { judged.synergy = synergy }
    return judged
  }

  /// - Parameter models: one, or several whose values are averaged: synergy is told where it is of each.
  static func record(
    _ models: [Decomposing], _ values: [String: Double], permutations: Int, seed: UInt64
  ) -> AuditRecord.Decomposition? {
    guard let first = models.first, let redundant = values["pid.redundant"] else { return nil }
    func unique(_ prefix: String) -> [String: Double] { byName(first.names) { values["\(prefix).unique.\($0)"] } }
    func mean(_ synergies: [Double?]) -> Double? {
      let told = synergies.compactMap { $0 }
      return told.count == synergies.count ? told.reduce(0, +) / Double(told.count) : nil
    }
    let own = models.map { $0.judged($0.pairs, permutations: permutations, seed: seed) }
    let model = values["pid.model.redundant"].map { redundant in
      // Permutations say nothing more of the model's answers where synergy could not be told anyway.
      let found = mean(
        models.map { model in
          model.ofModel.allSatisfy { $0.isLarge(model.rows) }
            ? model.judged(model.ofModel, permutations: permutations, seed: seed).synergy : nil
        })
      return AuditRecord.Decomposition.Model(
        redundant: redundant, unique: unique("pid.model"), synergy: found, told: found != nil)
    }
    let synergy = mean(own.map(\.synergy))
    var chance: [String: Double] = [:]
    if permutations > 1 {
      for judged in own {
        chance.merge(judged.unique.merging(["redundant": judged.redundant]) { one, _ in one }, uniquingKeysWith: max)
      }
    }
    return AuditRecord.Decomposition(
      redundant: redundant, unique: unique("pid"), synergy: synergy, bound: own.map(\.bound).max() ?? 0,
      told: synergy != nil, chance: chance, model: model)
  }
}
