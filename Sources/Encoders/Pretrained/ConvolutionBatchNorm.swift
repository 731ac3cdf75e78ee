import Torch
import TorchNN

/// A convolution without a bias, and batch normalization after it.
struct ConvolutionBatchNorm {
  private let convolution: Convolution
  /// nil where it is folded into the convolution.
  private let norm: BatchNorm?

  /// - Parameters:
  ///   - inputs: the channels that come in.
  ///   - isDepthwise: whether each channel has a kernel of its own.
  init(
    _ scope: Scope, _ convolution: String, _ norm: String, in inputs: Int, out outputs: Int, side: Int, stride: Int = 1,
    isDepthwise: Bool = false, padding: Convolution.Padding = .half, epsilon: Double = BatchNorm.epsilon
  ) throws(TorchError) {
    let plain = try Convolution(
      scope / convolution, in: inputs, out: outputs, kernel: (side, side), stride: (stride, stride), padding: padding,
      isDepthwise: isDepthwise)
    let apart = try BatchNorm(scope / norm, channels: outputs, epsilon: epsilon)
    // What nobody trains is one convolution.
    let isConstant = plain.weight.isConstant
    self.convolution = isConstant ? try plain.folding(apart) : plain
    self.norm = isConstant ? nil : apart
  }

  var outputs: Int { convolution.outputs }
  /// Whether it is a checkpoint's, and nobody trains it.
  var isFrozen: Bool { norm == nil }

  func callAsFunction(_ x: Tensor, _ pass: ForwardPass) throws(TorchError) -> Tensor {
    let y = try convolution(x, pass)
    return try norm?(y, pass) ?? y
  }
}
