import Multimodal

/// What each part of one input speaks for: Shapley values of words, patches or sounds, sampled over orders of joining.
///
///     φ = mean over walks of v(parts before, and this one) − v(parts before)
///     shareₘ = Σ over m's parts of |φ| / Σ over all |φ|
///
/// Walks come in pairs, an order and its reverse, which cancels what depends on order to first degree. Each walk's values add
/// up to v(all) − v(none), so theirs do. (MM-SHAP: Parcalabescu and Frank, ACL 2023, arXiv 2212.08158; antithetic sampling:
/// Mitchell et al., JMLR 2022.)
public struct PartShares: Equatable, Sendable {
  /// φ of each part.
  public let values: [Double]
  /// Standard errors of the values over pairs of walks; 0 of one pair.
  public let errors: [Double]
  /// By modality; they add up to 1, and are 0 where no part moves anything.
  public let shares: [String: Double]
  /// The largest standard error of a share, by leaving out one pair after the other; 0 of one pair.
  public let shareError: Double
  public let pairs: Int

  /// - Parameters:
  ///   - modalities: of each part.
  ///   - stream: names the random orders, such as a sample's id.
  ///   - pairs: the most pairs of walks.
  ///   - tolerance: of the shares' standard error; enough pairs are walked for it, at least three.
  ///   - worth: v of each set of parts, given as whether each part is there; asked for all sets of a pair at once.
  public init(
    modalities: [String], seed: UInt64 = 0, stream: String, pairs most: Int = 10, tolerance: Double = 0.02,
    worth: ([[Bool]]) throws -> [Double]
  ) rethrows {
    var walks = PartWalks(modalities: modalities, seed: seed, stream: stream, pairs: most, tolerance: tolerance)
    while !walks.isOver { walks.take(try worth(walks.next())) }
    self = walks.shares
  }

  fileprivate init(_ found: [[Double]], _ modalities: [String]) {
    let mean = Self.mean(found)
    values = mean
    let n = Double(found.count)
    errors = modalities.indices.map { part in
      let squares = found.reduce(0) { $0 + ($1[part] - mean[part]) * ($1[part] - mean[part]) }
      return n > 1 ? (squares / (n * (n - 1))).squareRoot() : 0
    }
    shares = Self.shares(mean, modalities)
    shareError = Self.shareError(found, modalities)
    pairs = found.count
  }

  private static func mean(_ values: [[Double]]) -> [Double] {
    var sums = [Double](repeating: 0, count: values.first?.count ?? 0)
    for own in values { for part in sums.indices { sums[part] += own[part] / Double(values.count) } }
    return sums
  }

  private static func shares(_ values: [Double], _ modalities: [String]) -> [String: Double] {
    var sums: [String: Double] = [:]
    for (name, value) in zip(modalities, values) { sums[name, default: 0] += abs(value) }
    let total = sums.values.reduce(0, +)
    return total > 0 ? sums.mapValues { $0 / total } : sums.mapValues { _ in 0 }
  }

  /// The jackknife's standard error over pairs.
  fileprivate static func shareError(_ found: [[Double]], _ modalities: [String]) -> Double {
    guard found.count > 1 else { return 0 }
    let without = found.indices.map { left in
      shares(mean(found.indices.filter { $0 != left }.map { found[$0] }), modalities)
    }
    let n = Double(found.count)
    return Set(modalities).map { name -> Double in
      let values = without.map { $0[name] ?? 0 }
      let middle = values.reduce(0, +) / n
      return (values.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } * (n - 1) / n).squareRoot()
    }.max() ?? 0
  }
}

/// The walks behind ``PartShares``, a pair at a time, for whoever asks of many inputs at once.
public struct PartWalks {
  /// Of each part.
  public let modalities: [String]
  private let most: Int
  private let tolerance: Double
  private var numbers: SeededNumbers
  /// The orders whose worths are waited for.
  private var orders: [[Int]] = []
  /// By pair, what each part spoke for.
  private var found: [[Double]] = []

  /// As ``PartShares/init(modalities:seed:stream:pairs:tolerance:worth:)``.
  public init(modalities: [String], seed: UInt64 = 0, stream: String, pairs: Int = 10, tolerance: Double = 0.02) {
    self.modalities = modalities
    (most, self.tolerance) = (max(pairs, 1), tolerance)
    numbers = SeededNumbers(seed: seed, stream: "audit/parts/\(stream)")
  }

  /// Whether no more pairs are needed.
  public var isOver: Bool {
    found.count >= most || found.count >= 3 && PartShares.shareError(found, modalities) < tolerance
  }

  /// The sets of the next pair of walks: whether each part is there.
  public mutating func next() -> [[Bool]] {
    let order = numbers.permutation(modalities.count)
    orders = [order, order.reversed()]
    return orders.flatMap(Self.sets)
  }

  /// Takes the worths of the sets that ``next()`` gave, in their order.
  public mutating func take(_ worths: [Double]) {
    var values = [Double](repeating: 0, count: modalities.count)
    for (number, walk) in orders.enumerated() {
      let base = number * (modalities.count + 1)
      for (step, part) in walk.enumerated() { values[part] += (worths[base + step + 1] - worths[base + step]) / 2 }
    }
    found.append(values)
  }

  /// What the walks so far say.
  public var shares: PartShares { PartShares(found, modalities) }

  /// The sets that an order passes through, from nothing to everything.
  private static func sets(_ order: [Int]) -> [[Bool]] {
    var there = [Bool](repeating: false, count: order.count)
    var found = [there]
    for part in order {
      there[part] = true
      found.append(there)
    }
    return found
  }
}
