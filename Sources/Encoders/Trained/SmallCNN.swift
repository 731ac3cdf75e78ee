import Torch
import TorchNN

/// Four convolutions of 3 × 3, each normalized, rectified and halved by the largest of four places, and the mean over
/// the places that are left.
struct SmallCNN: VisionNetwork {
  let widths: [Pooling: Int]
  let standard = Pooling.pooler
  let smallest = (height: 16, width: 16)
  private let layers: [ConvolutionBatchNorm]

  /// The channels after each layer.
  private static let channels = [32, 64, 128, 256]

  init(_ scope: Scope) throws(TorchError) {
    var layers: [ConvolutionBatchNorm] = []
    var inputs = 3
    for (number, outputs) in Self.channels.enumerated() {
      layers.append(
        try ConvolutionBatchNorm(
          scope / "layers" / "\(number)", "convolution", "normalization", in: inputs, out: outputs, side: 3))
      inputs = outputs
    }
    self.layers = layers
    widths = [.pooler: inputs, .mean: inputs]
  }

  func rows(_ pixels: Tensor, _ pass: ForwardPass, observe: (Tensor) throws -> Void) throws -> Tensor {
    try layers.reduce(pixels) { x, layer in
      let y = try layer(x, pass).relu().maxPooled(size: 2, stride: 2)
      try observe(y)
      return y
    }
  }

  func pooled(_ rows: Tensor, _ pass: ForwardPass, by pooling: Pooling) throws -> Tensor { try rows.mean(2, 3) }
}
