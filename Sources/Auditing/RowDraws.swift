import Evaluation
import Multimodal
import Records

/// Numbers that depend on how often each row counts.
struct Measure: Sendable {
  /// At most so many draws, where one costs much; nil: as many as there are.
  var replicates: Int?
  /// By path in the record; what is not defined is left out.
  let values: @Sendable (_ weights: [Double]) -> [String: Double]
  /// Paths whose interval would mislead, and is left out.
  var withoutInterval: Set<String> = []
  /// By path the standard error over models; empty of one model.
  var errorsOverModels: @Sendable (_ weights: [Double]) -> [String: Double] = { _ in [:] }
  /// Of how many models it is the mean.
  var models = 1

  init(replicates: Int? = nil, values: @escaping @Sendable (_ weights: [Double]) -> [String: Double]) {
    self.replicates = replicates
    self.values = values
  }

  /// The mean over models; nil where one of them does not have it.
  static func mean(_ all: [Measure?]) -> Measure? {
    let models = all.compactMap { $0 }
    guard let first = models.first, models.count == all.count else { return nil }
    guard models.count > 1 else { return first }
    // A draw costs as many times as much.
    var mean = Measure(replicates: first.replicates.map { max(40, $0 / models.count) }) { weights in
      Self.joined(models.map { $0.values(weights) })
    }
    mean.withoutInterval = models.reduce(into: []) { $0.formUnion($1.withoutInterval) }
    mean.models = models.count
    // The jackknife's, which for means is s/√S.
    mean.errorsOverModels = { weights in
      let known = models.map { $0.values(weights) }
      let without = known.indices.map { left in Self.joined(known.indices.filter { $0 != left }.map { known[$0] }) }
      let count = Double(known.count)
      var errors: [String: Double] = [:]
      for path in without[0].keys {
        let values = without.compactMap { $0[path] }
        guard values.count == without.count else { continue }
        let middle = values.reduce(0, +) / count
        let squares = values.reduce(0) { $0 + ($1 - middle) * ($1 - middle) }
        errors[path] = (squares * (count - 1) / count).squareRoot()
      }
      return errors
    }
    return mean
  }

  /// The mean of numbers that all models have; of what is a ratio or the largest, that of the means.
  private static func joined(_ models: [[String: Double]]) -> [String: Double] {
    guard let first = models.first else { return [:] }
    var out: [String: Double] = [:]
    for path in first.keys {
      let values = models.compactMap { $0[path] }.filter(\.isFinite)
      if values.count == models.count { out[path] = values.reduce(0, +) / Double(values.count) }
    }
    for path in first.keys where path.hasPrefix("usable.usedShare.") {
      let name = path.dropFirst("usable.usedShare.".count)
      guard let used = out["usable.used.\(name)"], let extra = out["usable.extra.\(name)"], extra != 0 else { continue }
      out[path] = used / extra
    }
    if out["worstRegret"] != nil, let worst = out.filter({ $0.key.hasPrefix("regret.") }).values.max() {
      out["worstRegret"] = worst
    }
    return out
  }
}

/// Rows drawn anew, with replacement; rows of one group together.
struct RowDraws {
  let rows: Int
  /// The group of each row, numbered; nil where each row stands for itself.
  private let groups: (of: [Int], count: Int)?

  init(rows: Int, groups: [String]?) {
    self.rows = rows
    guard let groups else {
      self.groups = nil
      return
    }
    var numbers: [String: Int] = [:]
    let of = groups.map { name in
      let next = numbers.count
      return numbers[name]
        ?? {
          numbers[name] = next; return next
        }()
    }
    self.groups = (of, numbers.count)
  }

  /// How often each row counts in the next draw.
  func weights(_ numbers: inout SeededNumbers) -> [Double] {
    guard let groups else { return numbers.timesDrawn(rows) }
    let times = numbers.timesDrawn(groups.count)
    return groups.of.map { times[$0] }
  }

  /// Every number with each row counting once, and where it lies over draws: the 2.5th to the 97.5th percentile.
  ///
  /// All measures see the same draws, so that differences are paired by row.
  func numbers(
    of measures: [Measure], modalities: Int = 2, replicates: Int, seed: UInt64
  ) -> (values: [String: Double], intervals: [String: Interval]) {
    let ones = [Double](repeating: 1, count: rows)
    var values: [String: Double] = [:]
    for measure in measures {
      values.merge(measure.values(ones).filter { $0.value.isFinite }, uniquingKeysWith: { first, _ in first })
    }
    let units = groups?.count ?? rows
    guard replicates > 1, units > 1 else { return (values, [:]) }
    var found: [String: [Double]] = [:]
    var numbers = SeededNumbers(seed: seed, stream: "audit/bootstrap")
    for replicate in 0..<replicates {
      let weights = weights(&numbers)
      for measure in measures where replicate < measure.replicates ?? replicates {
        for (path, value) in measure.values(weights) where value.isFinite && !measure.withoutInterval.contains(path) {
          found[path, default: []].append(value)
        }
      }
    }
    var intervals: [String: Interval] = [:]
    // What leads is chosen by the same numbers: of more modalities more could have seemed to.
    let leading = 0.05 / Double(max(modalities, 2))
    for measure in measures {
      let drawn = min(measure.replicates ?? replicates, replicates)
      let errors = measure.errorsOverModels(ones)
      for path in measure.values(ones).keys {
        // A number that most draws cannot give has no interval.
        guard let drawnValues = found[path]?.sorted(), drawnValues.count * 2 > drawn, drawn > 1 else { continue }
        let tail = path.hasPrefix("leaning.") ? leading : 0.025
        let interval = Interval(
          low: Statistics.quantile(drawnValues, tail), high: Statistics.quantile(drawnValues, 1 - tail))
        intervals[path] = Self.joined(interval, at: values[path], errors[path], models: measure.models, tail: tail)
      }
    }
    return (values, intervals)
  }

  /// An interval over rows with that over models, as two independent errors on each side of the value.
  private static func joined(
    _ interval: Interval, at value: Double?, _ error: Double?, models: Int, tail: Double
  ) -> Interval {
    guard let value, let error, models > 1 else { return interval }
    let half = StudentT(degreesOfFreedom: Double(models - 1)).quantile(1 - tail) * error
    let (below, above) = (max(0, value - interval.low), max(0, interval.high - value))
    return Interval(
      low: value - (below * below + half * half).squareRoot(), high: value + (above * above + half * half).squareRoot())
  }
}
