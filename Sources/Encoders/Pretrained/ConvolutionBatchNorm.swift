import Multimodal
import Records
import Torch

/// A convolution without a bias, and batch normalization after it.
struct ConvolutionBatchNorm {
  /// What is around a picture.
  enum Padding {
    /// Half of the kernel on each side.
    case half
    /// As TensorFlow has it: so much that there is an output for each stride, the odd one below and at the right.
    case same
  }

  private let weight: Tensor
  private let bias: Tensor?
  private let stride: Int
  private let groups: Int
  private let padding: Padding
  private let products: ProductPrecision
  /// nil where it is folded into the convolution.
  private let norm: BatchNormalization?

  /// - Parameters:
  ///   - inputs: the channels that come in.
  ///   - isDepthwise: whether each channel has a kernel of its own.
  init(
    _ weights: CheckpointWeights, _ convolution: String, _ norm: String, stride: Int = 1, inputs: Int? = nil,
    isDepthwise: Bool = false, padding: Padding = .half, epsilon: Double = BatchNormalization.epsilon
  ) throws {
    let kernel = try weights.tensor("\(convolution).weight")
    let outputs = kernel.rank == 4 ? kernel.shape[0] : 0
    guard kernel.rank == 4, isDepthwise || inputs.map({ $0 == kernel.shape[1] }) ?? true,
      !isDepthwise || (kernel.shape[1] == 1 && inputs.map { $0 == outputs } ?? true)
    else {
      throw CheckpointError.unsupported(
        key: "\(convolution).weight", value: "\(kernel.shape)", in: "the weights",
        supported: isDepthwise
          ? "a kernel for each of the \(inputs.map(String.init) ?? "") channels" : "convolutions in one group")
    }
    self.stride = stride
    self.padding = padding
    groups = isDepthwise ? outputs : 1
    products = weights.products
    let apart = try BatchNormalization(weights, norm, channels: outputs, epsilon: epsilon)
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
    let (x, margin) = try padded(x)
    let y = try products(x, weight, bias) {
      try $0.convolved($1, $2, stride: (stride, stride), padding: (margin, margin), groups: groups)
    }
    return try norm?(y) ?? y
  }

  /// The picture with the zeros that are not the same on all sides, and how many are still to be put on each side.
  private func padded(_ x: Tensor) throws -> (Tensor, Int) {
    let side = weight.shape[2]
    guard padding == .same, stride > 1 else { return (x, side / 2) }
    let (rows, columns) = (Self.missing(x.shape[2], side, stride), Self.missing(x.shape[3], side, stride))
    if rows == columns, rows.isMultiple(of: 2) { return (x, rows / 2) }
    return (
      try x.zeroPadded(left: columns / 2, right: columns - columns / 2, top: rows / 2, bottom: rows - rows / 2), 0
    )
  }

  /// How many zeros a length lacks for an output at each stride.
  private static func missing(_ length: Int, _ kernel: Int, _ stride: Int) -> Int {
    max(0, ((length + stride - 1) / stride - 1) * stride + kernel - length)
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
  private let epsilon: Double

  /// BatchNorm2d's own, which few architectures change.
  static let epsilon = 1e-5

  init(_ weights: CheckpointWeights, _ name: String, channels: Int, epsilon: Double = Self.epsilon) throws {
    self.weights = weights
    self.epsilon = epsilon
    self.name = name
    func vector(_ part: String) throws -> Tensor { try weights.tensor("\(name).\(part)", [channels]) }
    (weight, bias) = (try vector("weight"), try vector("bias"))
    (mean, variance) = (try vector("running_mean"), try vector("running_var"))
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    // Of a single number there is no variance.
    guard Autograd.isRecording, weight.requiresGradient, let pass = weights.pass, pass.hasSeveral(x) else {
      return try x.batchNormalized(weight, bias, mean: mean, variance: variance, epsilon: epsilon)
    }
    let (y, own, spread, count) = try pass.batchNormalized(x, weight, bias, epsilon: epsilon)
    weights.note("\(name).running_mean", own)
    weights.note("\(name).running_var", try spread * (Double(count) / Double(count - 1)))
    return y
  }

  /// The factor and the summand of each channel that come to the same, in float64.
  func folded() throws -> (gain: Tensor, shift: Tensor) {
    let gain = try weight.to(.float64) / (variance.to(.float64) + epsilon).squareRoot()
    return (gain, try bias.to(.float64) - mean.to(.float64) * gain)
  }
}
