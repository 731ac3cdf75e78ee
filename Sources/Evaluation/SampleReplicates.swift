import Multimodal
public import Records

/// Tests of methods over seeds and test samples.
///
/// What runs would have scored on other test samples: each replicate draws as many of them as there are, with replacement,
/// the same for all runs, so that differences between runs are paired by sample. Of the replicates only the differences
/// that are asked for are kept, so that memory does not grow with the number of runs.
public struct SampleReplicates: Sendable {
  /// A score under weights, which say how often each sample counts; nil where it is not defined.
  public typealias Score = @Sendable (_ weights: [Double]) -> Double?

  /// Whether two methods differ in a quantity, over their common seeds and the samples.
  public struct Question: Sendable {
    /// `full`, `average.missing`, `gap.missing`, ….
    public var quantity: String
    /// For each seed the first method's run and the second's, and the quantity's difference there.
    public var pairs: [(first: Int, second: Int, difference: Double)]

    public init(_ quantity: String, _ pairs: [(first: Int, second: Int, difference: Double)]) {
      self.quantity = quantity
      self.pairs = pairs
    }
  }

  private let questions: [Question]
  /// By question: the mean difference, a value a replicate; nil where some replicate does not define it.
  public let differences: [[Double]?]
  public let replicates: Int
  public let samples: Int

  /// Enough that the 2.5th percentile rests on fifty replicates.
  public static let usual = 2000
  private static let fewest = 400
  private static let portion = 32

  /// - Parameters:
  ///   - runs: by condition, the score of each run.
  ///   - samples: in the test split.
  ///   - replicates: nil takes ``usual``, or fewer where there is much to compute.
  public init(
    _ runs: [[String: Score]], answering questions: [Question], samples: Int, modalities: [String],
    replicates: Int? = nil, seed: UInt64 = 0, threads: Int = 0
  ) throws {
    let cost = Double(runs.reduce(0) { $0 + $1.count } * max(samples, 1))
    let count = replicates ?? max(Self.fewest, min(Self.usual, Int(4e9 / max(cost, 1))))
    self.samples = samples
    self.replicates = count
    self.questions = questions
    let conditions = Set(runs.flatMap(\.keys)).sorted()
    let scores = runs.map { run in conditions.map { run[$0] } }
    let parts = questions.map { Self.parts(of: $0.quantity, conditions, modalities) }
    var numbers = SeededNumbers(seed: seed, stream: "test/samples")
    var found = [[Double]](repeating: [], count: questions.count)
    for start in stride(from: 0, to: count, by: Self.portion) {
      let weights = (start..<min(start + Self.portion, count)).map { _ in numbers.timesDrawn(samples) }
      // By run, replicate and condition.
      let values = try parallelMap(runs.count, threads: threads) { run in
        weights.map { weights in scores[run].map { $0?(weights) ?? .nan } }
      }
      for (place, question) in questions.enumerated() {
        for replicate in weights.indices {
          let sum = question.pairs.reduce(0) { sum, pair in
            sum
              + (parts[place].value(values[pair.second][replicate]) - parts[place].value(values[pair.first][replicate]))
          }
          found[place].append(sum / Double(question.pairs.count))
        }
      }
    }
    differences = found.map { $0.contains(where: \.isNaN) ? nil : $0 }
  }

  /// The test that answers a question; nil where a replicate does not define its quantity, or nothing makes a difference.
  public func test(_ question: Int) -> CrossedBootstrapTest? {
    differences[question].flatMap {
      CrossedBootstrapTest(bySeed: questions[question].pairs.map(\.difference), replicates: $0, samples: samples)
    }
  }

  /// How a quantity is made of the scores under some conditions, as in ``Robustness``.
  private enum Parts {
    case score(Int), average([Int]), gap([Int]), none

    func value(_ scores: [Double]) -> Double {
      switch self {
      case .score(let place): return scores[place]
      case .average(let places): return places.reduce(0) { $0 + scores[$1] } / Double(places.count)
      case .gap(let places):
        var (low, high) = (Double.infinity, -Double.infinity)
        for place in places {
          guard !scores[place].isNaN else { return .nan }
          low = min(low, scores[place])
          high = max(high, scores[place])
        }
        return high - low
      case .none: return .nan
      }
    }
  }

  private static func parts(of quantity: String, _ conditions: [String], _ modalities: [String]) -> Parts {
    let words = quantity.split(separator: ".", maxSplits: 1).map(String.init)
    guard words.count == 2, ["average", "gap"].contains(words[0]) else {
      return conditions.firstIndex(of: quantity).map(Parts.score) ?? .none
    }
    let places = modalities.compactMap { conditions.firstIndex(of: "\($0)-\(words[1])") }
    guard places.count == modalities.count else { return .none }
    if words[0] == "gap" { return places.count > 1 ? .gap(places) : .none }
    return places.isEmpty ? .none : .average(places)
  }
}
