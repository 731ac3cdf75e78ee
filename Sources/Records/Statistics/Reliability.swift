/// How far a model's confidence can be believed: confidence against the share that was right, in equal bins.
///
/// Confidence is the probability of the predicted class; of several labels, that of each label's own yes or no.
public struct Reliability: Codable, Equatable, Sendable {
  /// Those whose confidence lies in one bin; in JSON `[count, mean confidence, share right]`.
  public struct Bin: Codable, Equatable, Sendable {
    public var count: Int
    /// Their mean confidence; 0 where there are none.
    public var confidence: Double
    /// The share of them that was right; 0 where there are none.
    public var right: Double

    public init(count: Int, confidence: Double, right: Double) {
      self.count = count
      self.confidence = confidence
      self.right = right
    }

    public init(from decoder: any Swift.Decoder) throws {
      var c = try decoder.unkeyedContainer()
      count = try c.decode(Int.self)
      confidence = try c.decode(Double.self)
      right = try c.decode(Double.self)
    }

    public func encode(to encoder: any Swift.Encoder) throws {
      var c = encoder.unkeyedContainer()
      try c.encode(count)
      try c.encode(rounded(confidence))
      try c.encode(rounded(right))
    }
  }

  /// Bin b of B holds the confidences in (b/B, (b+1)/B], from b = 0; the first also 0.
  public var bins: [Bin]
  /// The expected calibration error: Σ_b |B_b|/n · |right(B_b) − confidence(B_b)|.
  public var error: Double
  /// The mean confidence.
  public var confidence: Double
  /// The share that was right.
  public var right: Double

  /// How much surer the model is than it has reason to be; negative where it is too modest.
  public var overconfidence: Double { confidence - right }

  /// - Parameters:
  ///   - confidences: of what was predicted, 0…1.
  ///   - correct: whether that was true.
  public init(confidences: [Double], correct: [Bool], bins count: Int = 15) {
    precondition(confidences.count == correct.count && count > 0, "a confidence is needed for every prediction")
    var sums = [(count: Int, confidence: Double, right: Int)](repeating: (0, 0, 0), count: count)
    for (confidence, isRight) in zip(confidences, correct) {
      let bin = min(max(Int((confidence * Double(count)).rounded(.up)) - 1, 0), count - 1)
      sums[bin].count += 1
      sums[bin].confidence += confidence
      sums[bin].right += isRight ? 1 : 0
    }
    let total = Double(max(confidences.count, 1))
    bins = sums.map { bin in
      let n = Double(max(bin.count, 1))
      return Bin(count: bin.count, confidence: bin.confidence / n, right: Double(bin.right) / n)
    }
    error = sums.reduce(0) { $0 + abs(Double($1.right) - $1.confidence) } / total
    confidence = sums.reduce(0) { $0 + $1.confidence } / total
    right = Double(sums.reduce(0) { $0 + $1.right }) / total
  }
}

/// Six decimals: what is drawn needs no more, and the file is half as long.
func rounded(_ value: Double) -> Double { (value * 1e6).rounded() / 1e6 }
