import Records
import Torch

/// A convolution without a bias, and batch normalization after it.
struct NormalizedConvolution {
  private let weight: Tensor
  private let bias: Tensor?
  private let stride: Int
  private let products: ProductPrecision
  /// nil where it is folded into the convolution.
  private let norm: BatchNormalization?

  init(
    _ weights: CheckpointWeights, _ convolution: String, _ norm: String, stride: Int = 1, inputs: Int? = nil
  ) throws {
    let kernel = try weights.tensor("\(convolution).weight")
    let outputs = kernel.rank == 4 ? kernel.shape[0] : 0
    guard kernel.rank == 4, inputs.map({ $0 == kernel.shape[1] }) ?? true else {
      throw CheckpointError.unsupported(
        key: "\(convolution).weight", value: "\(kernel.shape)", in: "the weights",
        supported: "convolutions in one group")
    }
    self.stride = stride
    products = weights.products
    let apart = try BatchNormalization(weights, norm, channels: outputs)
    guard !weights.isTrained else {
      (weight, bias, self.norm) = (kernel, nil, apart)
      return
    }
    let (gain, shift) = try apart.folded()
    weight = try (kernel.to(.float64) * gain.reshaped([outputs, 1, 1, 1])).to(weights.type).channelsLast()
    bias = try shift.to(weights.type)
    self.norm = nil
  }

  var outputs: Int { weight.shape[0] }
  /// Whether it is a checkpoint's, and nobody trains it.
  var isFrozen: Bool { norm == nil }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let padding = weight.shape[2] / 2
    let y = try products(x, weight, bias) {
      try $0.convolved($1, $2, stride: (stride, stride), padding: (padding, padding))
    }
    return try norm?(y) ?? y
  }
}

/// Zero mean and unit variance of each channel, over the batch while it is trained and by running means otherwise.
///
/// The running numbers follow the batches: s ← 0.9 s + 0.1 s(batch), the variance over N − 1, as PyTorch has it. A
/// normalization whose weight is frozen keeps them, and takes them in training too.
struct BatchNormalization {
  private let weights: CheckpointWeights
  private let name: String
  private let weight: Tensor
  private let bias: Tensor
  private let mean: Tensor
  private let variance: Tensor

  /// BatchNorm2d's own, which no checkpoint's configuration changes.
  private static let epsilon = 1e-5

  init(_ weights: CheckpointWeights, _ name: String, channels: Int) throws {
    self.weights = weights
    self.name = name
    func vector(_ part: String) throws -> Tensor { try weights.tensor("\(name).\(part)", [channels]) }
    (weight, bias) = (try vector("weight"), try vector("bias"))
    (mean, variance) = (try vector("running_mean"), try vector("running_var"))
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    // Of a single number there is no variance.
    let count = x.count / max(x.shape[1], 1)
    guard Autograd.isRecording, weights.isTrained, weight.requiresGradient, count > 1 else {
      return try x.batchNormalized(weight, bias, mean: mean, variance: variance, epsilon: Self.epsilon)
    }
    let (y, own, spread) = try x.batchNormalized(weight, bias, epsilon: Self.epsilon)
    weights.note("\(name).running_mean", own)
    weights.note("\(name).running_var", try spread * (Double(count) / Double(count - 1)))
    return y
  }

  /// The factor and the summand of each channel that come to the same, in float64.
  func folded() throws -> (gain: Tensor, shift: Tensor) {
    let gain = try weight.to(.float64) / (variance.to(.float64) + Self.epsilon).squareRoot()
    return (gain, try bias.to(.float64) - mean.to(.float64) * gain)
  }
}
