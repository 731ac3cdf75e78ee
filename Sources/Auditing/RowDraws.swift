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

  init(replicates: Int? = nil, values: @escaping @Sendable (_ weights: [Double]) -> [String: Double]) {
    self.replicates = replicates
    self.values = values
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
      for path in measure.values(ones).keys {
        // A number that most draws cannot give has no interval.
        guard let drawnValues = found[path]?.sorted(), drawnValues.count * 2 > drawn, drawn > 1 else { continue }
        let tail = path.hasPrefix("leaning.") ? leading : 0.025
        intervals[path] = Interval(
          low: Self.quantile(drawnValues, tail), high: Self.quantile(drawnValues, 1 - tail))
      }
    }
    return (values, intervals)
  }

  /// Between the two nearest of sorted values.
  static func quantile(_ sorted: [Double], _ share: Double) -> Double {
    let place = share * Double(sorted.count - 1)
    let low = Int(place.rounded(.down))
    let high = min(low + 1, sorted.count - 1)
    return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
  }
}
