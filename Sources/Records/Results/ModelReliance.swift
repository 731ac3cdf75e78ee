/// How far a model says that its answers rest on each modality, and whether it is right to.
///
/// Shares are fractions that add up to 1 over the modalities, sample by sample, as `predict` tells them.
public struct ModelReliance: Codable, Equatable, Sendable {
  /// How a modality's share differs between the samples that it decides and those that others decide.
  public struct Deciding: Codable, Equatable, Sendable {
    /// Test samples that the modality's own model, trained alone, gets right and none of another modality does.
    public var samples: Int
    /// Those that another modality's model gets right and this one's does not.
    public var others: Int
    /// The mean share on the former less that on the latter; above 0 the model goes with what is right.
    public var difference: Estimate

    public init(samples: Int, others: Int, difference: Estimate) {
      self.samples = samples
      self.others = others
      self.difference = difference
    }
  }

  /// Mean shares by condition, then modality.
  public var shares: [String: [String: Double]]
  /// By modality; without those that decide nothing, or everything.
  public var deciding: [String: Deciding]

  public init(shares: [String: [String: Double]], deciding: [String: Deciding]) {
    self.shares = shares
    self.deciding = deciding
  }

  /// - Parameters:
  ///   - samples: by condition, then modality, the share in each test sample; `full` among them.
  ///   - right: by modality, whether its own model is right about each.
  public init?(samples: [String: [String: [Double]]], right: [String: [Bool]]) {
    guard let full = samples[Condition.full] else { return nil }
    shares = samples.mapValues { $0.compactMapValues(Statistics.mean) }
    deciding = [:]
    for (modality, own) in full {
      guard let isRight = right[modality] else { continue }
      let others = right.filter { $0.key != modality }.map(\.value)
      let (decides, loses) = (
        own.indices.filter { row in isRight[row] && !others.contains { $0[row] } },
        own.indices.filter { row in !isRight[row] && others.contains { $0[row] } }
      )
      guard let difference = Statistics.difference(decides.map { own[$0] }, loses.map { own[$0] }) else { continue }
      deciding[modality] = Deciding(samples: decides.count, others: loses.count, difference: difference)
    }
  }
}

extension Statistics {
  /// The mean of some values less that of others, with Welch's interval; nil where one side has fewer than two.
  static func difference(_ a: [Double], _ b: [Double]) -> Estimate? {
    guard let (meanA, meanB) = mean(a).flatMap({ a in mean(b).map { (a, $0) } }), let sA = standardDeviation(a),
      let sB = standardDeviation(b)
    else { return nil }
    let (vA, vB) = (sA * sA / Double(a.count), sB * sB / Double(b.count))
    guard vA + vB > 0 else { return Estimate(meanA - meanB) }
    let freedom =
      (vA + vB) * (vA + vB) / (vA * vA / Double(a.count - 1) + vB * vB / Double(b.count - 1))
    let half = StudentT(degreesOfFreedom: freedom).quantile(0.975) * (vA + vB).squareRoot()
    return Estimate(meanA - meanB, interval95: Interval(low: meanA - meanB - half, high: meanA - meanB + half))
  }
}
