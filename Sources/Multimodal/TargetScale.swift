public import Torch

/// The mean and the standard deviation of a regression's target in training.
///
/// A model predicts the standardized target, (y − mean) / deviation, so that losses and learning rates mean the same
/// whatever the target's unit is; what it says is told in the target's own unit.
public struct TargetScale: Codable, Equatable, Sendable {
  public var mean: Double
  /// The square root of the mean squared distance from the mean; above 0.
  public var deviation: Double

  public init(mean: Double, deviation: Double) {
    self.mean = mean
    self.deviation = deviation
  }

  /// Of the training targets, [N]; nil where all are the same, or some are not finite.
  public init?(of targets: [Double]) {
    let mean = targets.reduce(0, +) / Double(targets.count)
    let deviation = (targets.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(targets.count)).squareRoot()
    // Of equal numbers rounding leaves a last place.
    guard deviation.isFinite, deviation > abs(mean) * 1e-12, deviation > 0 else { return nil }
    self.init(mean: mean, deviation: deviation)
  }

  /// Targets in their own unit, standardized in double precision.
  public func standardized(_ targets: Tensor) throws(TorchError) -> Tensor {
    try (targets.to(.float64) - mean) / deviation
  }

  /// A standardized number in the target's own unit.
  public func original(_ value: Double) -> Double { mean + deviation * value }
}
