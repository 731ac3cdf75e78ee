/// What each modality adds: Shapley's values for the data set, each class and each sample.
///
/// For the data set v(S) is the score with the modalities S there. For a sample v(S) is the probability given to the truth
/// (of several labels, its mean over them), which adds up over samples where a score such as AUROC does not. Of a regression
/// it is 1 − (y − ŷ)² over the variance of the targets, whose mean is R².
public struct ShapleyShares: Codable, Equatable, Sendable {
  /// Values and how sure they are, of one game.
  public struct Value: Codable, Equatable, Sendable {
    public var value: Double
    /// Of a value sampled over permutations; `nil` where it is exact.
    public var standardError: Double?

    public init(_ value: Double, standardError: Double? = nil) {
      self.value = value
      self.standardError = standardError
    }
  }

  /// How often a sample's value lies where.
  public struct Histogram: Codable, Equatable, Sendable {
    public var low: Double
    public var high: Double
    /// Over equal bins from `low` to `high`; what lies outside is in the outermost.
    public var counts: [Int]

    public init(_ values: [Double], from low: Double = -1, to high: Double = 1, bins: Int = 40) {
      self.low = low
      self.high = high
      counts = [Int](repeating: 0, count: bins)
      for value in values where value.isFinite {
        let place = (value - low) / (high - low) * Double(bins)
        counts[min(max(Int(place.rounded(.down)), 0), bins - 1)] += 1
      }
    }
  }

  /// How many permutations were drawn; `nil` where the values are exact.
  public var permutations: Int?
  /// Of the data set's score, by modality.
  public var score: [String: Value]
  /// The mean of the samples' values, by modality.
  public var probability: [String: Value]
  /// The mean of the samples' values over those that have the class, by modality, in the order of the classes; `nil` for a
  /// class that nobody has.
  public var classes: [String: [Double?]]
  /// Of the samples' values, by modality.
  public var samples: [String: Histogram]

  public init(
    permutations: Int? = nil, score: [String: Value], probability: [String: Value], classes: [String: [Double?]],
    samples: [String: Histogram]
  ) {
    self.permutations = permutations
    self.score = score
    self.probability = probability
    self.classes = classes
    self.samples = samples
  }
}
