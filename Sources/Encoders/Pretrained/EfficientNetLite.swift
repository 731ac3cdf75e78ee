import Records
import Torch
import TorchNN

/// EfficientNet-Lite 0 to 4 in timm's names: inverted bottlenecks of a depthwise convolution, ReLU6, no squeeze-and-excite
/// (Tan & Le, 2019, in its form for small devices).
///
/// Depths, widths and kernels are read off the weights. Those that were trained in TensorFlow (`tf_…`) have its padding and
/// its ε of 10⁻³ in batch normalization.
struct EfficientNetLite: VisionNetwork {
  let widths: [Pooling: Int]
  let standard = Pooling.mean
  let smallest = (height: 32, width: 32)
  private let stem: ConvolutionBatchNorm
  private let stages: [[Block]]
  private let head: ConvolutionBatchNorm

  /// timm's names of them.
  static let names = (0...4).flatMap { ["efficientnet_lite\($0)", "tf_efficientnet_lite\($0)"] }
  /// The stride of each stage's first block, which no weight shows.
  private static let strides = [1, 2, 2, 2, 1, 2, 1]

  /// Convolutions of which all but the last are activated, added to their input where that has the same shape.
  private struct Block {
    let convolutions: [ConvolutionBatchNorm]
    let isResidual: Bool

    func callAsFunction(_ x: Tensor, _ pass: ForwardPass) throws -> Tensor {
      var y = x
      for (index, convolution) in convolutions.enumerated() {
        y = try convolution(y, pass)
        if index + 1 < convolutions.count { y = try y.relu6() }
      }
      return isResidual ? try y + x : y
    }
  }

  init(named name: String, _ scope: Scope, _ names: CheckpointNames) throws {
    let isTensorFlow = name.hasPrefix("tf_")
    let root = try names.rooted(at: "conv_stem.weight")
    let scope = scope.named(by: root)
    func layer(
      _ convolution: String, _ norm: String, stride: Int = 1, from inputs: Int, isDepthwise: Bool = false
    ) throws -> ConvolutionBatchNorm {
      let kernel = try root.kernel(convolution, inputs: inputs, isDepthwise: isDepthwise)
      return try ConvolutionBatchNorm(
        scope, convolution, norm, in: inputs, out: kernel.outputs, side: kernel.side, stride: stride,
        isDepthwise: isDepthwise, padding: isTensorFlow ? .same : .half,
        epsilon: isTensorFlow ? 1e-3 : BatchNorm.epsilon)
    }
    stem = try layer("conv_stem", "bn1", stride: 2, from: 3)
    var channels = stem.outputs
    stages = try Self.strides.enumerated().map { stage, first in
      var blocks: [Block] = []
      // Each stage has a block at least: what is missing is told by name.
      while blocks.isEmpty || root.has("blocks.\(stage).\(blocks.count).conv_dw.weight") {
        let place = "blocks.\(stage).\(blocks.count)"
        let stride = blocks.isEmpty ? first : 1
        let inputs = channels
        var convolutions: [ConvolutionBatchNorm] = []
        func add(_ convolution: String, stride: Int = 1, isDepthwise: Bool = false) throws {
          let made = try layer(
            "\(place).\(convolution)", "\(place).bn\(convolutions.count + 1)", stride: stride, from: channels,
            isDepthwise: isDepthwise)
          channels = made.outputs
          convolutions.append(made)
        }
        let widens = root.has("\(place).conv_pwl.weight")
        if widens { try add("conv_pw") }
        try add("conv_dw", stride: stride, isDepthwise: true)
        try add(widens ? "conv_pwl" : "conv_pw")
        blocks.append(Block(convolutions: convolutions, isResidual: stride == 1 && inputs == channels))
      }
      return blocks
    }
    head = try layer("conv_head", "bn2", from: channels)
    widths = [.pooler: head.outputs, .mean: head.outputs]
  }

  func rows(_ pixels: Tensor, _ pass: ForwardPass, observe: (Tensor) throws -> Void) throws -> Tensor {
    let pixels = try stem.isFrozen ? pixels.channelsLast() : pixels
    var x = try stem(pixels, pass).relu6()
    try observe(x)
    for stage in stages {
      for block in stage { x = try block(x, pass) }
      try observe(x)
    }
    return try head(x, pass).relu6()
  }

  func pooled(_ rows: Tensor, _ pass: ForwardPass, by pooling: Pooling) throws -> Tensor { try rows.mean(2, 3) }
}
