public import Torch

/// Pictures [B, in, height, width] under kernels, `weight` [out, in / groups, height, width], and `bias` [out].
public struct Convolution {
  /// What is around a picture.
  public enum Padding: Sendable {
    case none
    /// Half of the kernel on each side.
    case half
    /// As TensorFlow has it: so much that there is an output for each stride, the odd one below and at the right.
    case same
  }

  public let weight: Parameter
  public let bias: Parameter?
  private let stride: (height: Int, width: Int)
  private let groups: Int
  private let padding: Padding

  /// - Parameters:
  ///   - isDepthwise: whether each channel has a kernel of its own.
  ///   - start: how the weight begins; nil: by He's rule over what goes out.
  public init(
    _ scope: Scope, in inputs: Int, out outputs: Int, kernel: (height: Int, width: Int),
    stride: (height: Int, width: Int) = (1, 1), padding: Padding = .half, isDepthwise: Bool = false,
    hasBias: Bool = false, weight start: Initializer? = nil
  ) throws(TorchError) {
    let fanOut = Double(outputs * kernel.height * kernel.width)
    weight = try scope.parameter(
      "weight", [outputs, isDepthwise ? 1 : inputs, kernel.height, kernel.width],
      start ?? .normal(standardDeviation: (2 / fanOut).squareRoot()))
    bias = hasBias ? try scope.parameter("bias", [outputs], .zeros) : nil
    self.stride = stride
    self.padding = padding
    groups = isDepthwise ? outputs : 1
  }

  /// A constant convolution with the normalization after it in its numbers.
  private init(folding norm: BatchNorm, into plain: Convolution) throws(TorchError) {
    let (gain, shift) = try norm.folded()
    let kernel = plain.weight.tensor
    let folded = try (kernel.to(.float64) * gain.reshaped([plain.outputs, 1, 1, 1])).to(kernel.elementType)
    weight = Parameter(constant: try folded.channelsLast(), path: plain.weight.path)
    bias = Parameter(constant: try shift.to(kernel.elementType), path: norm.bias.path)
    (stride, groups, padding) = (plain.stride, plain.groups, plain.padding)
  }

  /// The same and the normalization after it in one; only of what is not trained.
  package func folding(_ norm: BatchNorm) throws(TorchError) -> Convolution {
    try Convolution(folding: norm, into: self)
  }

  public var outputs: Int { weight.shape[0] }

  public func callAsFunction(_ x: Tensor, _ pass: ForwardPass) throws(TorchError) -> Tensor {
    let (x, margin) = try padded(x)
    return try weight.product(x, bias, pass) { (x, weight, bias) throws(TorchError) in
      try x.convolved(
        weight, bias, stride: (stride.height, stride.width), padding: (margin, margin), groups: groups)
    }
  }

  /// The picture with the zeros that are not the same on all sides, and how many are still to be put on each side.
  private func padded(_ x: Tensor) throws(TorchError) -> (Tensor, Int) {
    let side = weight.shape[2]
    if padding == .none { return (x, 0) }
    guard padding == .same, stride.height > 1 else { return (x, side / 2) }
    let rows = Self.missing(x.shape[2], side, stride.height)
    let columns = Self.missing(x.shape[3], side, stride.width)
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
