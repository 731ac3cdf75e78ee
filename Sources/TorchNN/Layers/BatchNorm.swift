public import Torch

/// Zero mean and unit variance of each channel, over the batch while it is trained and by running means otherwise.
///
/// The running numbers follow the batches: s ← 0.9 s + 0.1 s(batch), the variance over N − 1, as PyTorch has it. A
/// normalization whose weight is frozen keeps them, and takes them in training too.
public struct BatchNorm {
  public let weight: Parameter
  public let bias: Parameter
  public let mean: Parameter
  public let variance: Parameter
  public let epsilon: Double

  /// BatchNorm2d's own, which few architectures change.
  public static let epsilon = 1e-5

  public init(_ scope: Scope, channels: Int, epsilon: Double = Self.epsilon) throws(TorchError) {
    weight = try scope.parameter("weight", [channels], .ones)
    bias = try scope.parameter("bias", [channels], .zeros)
    mean = try scope.parameter("running_mean", [channels], .zeros, isStatistic: true)
    variance = try scope.parameter("running_var", [channels], .ones, isStatistic: true)
    self.epsilon = epsilon
  }

  /// y of x [B, channels, …].
  public func callAsFunction(_ x: Tensor, _ pass: ForwardPass) throws(TorchError) -> Tensor {
    let (weight, bias) = (try weight.numbers(pass), try bias.numbers(pass))
    // Of a single number there is no variance.
    guard Autograd.isRecording, weight.requiresGradient, pass.hasSeveral(x) else {
      return try x.batchNormalized(
        weight, bias, mean: mean.numbers(pass), variance: variance.numbers(pass), epsilon: epsilon)
    }
    let (y, own, spread, count) = try pass.batchNormalized(x, weight, bias, epsilon: epsilon)
    pass.note(mean, own)
    pass.note(variance, try spread * (Double(count) / Double(count - 1)))
    return y
  }

  /// The factor and the summand of each channel that come to the same, in float64.
  func folded() throws(TorchError) -> (gain: Tensor, shift: Tensor) {
    let gain = try weight.tensor.to(.float64) / (variance.tensor.to(.float64) + epsilon).squareRoot()
    return (gain, try bias.tensor.to(.float64) - mean.tensor.to(.float64) * gain)
  }
}
