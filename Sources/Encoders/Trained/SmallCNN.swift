import Torch

/// Four convolutions of 3 × 3, each normalized, rectified and halved by the largest of four places, and the mean over
/// the places that are left.
struct SmallCNN: VisionNetwork {
  let widths: [Pooling: Int]
  let standard = Pooling.pooler
  let smallest = (height: 16, width: 16)
  private let layers: [ConvolutionBatchNorm]

  /// The channels after each layer.
  static let channels = [32, 64, 128, 256]

  init(_ weights: CheckpointWeights) throws {
    layers = try Self.channels.indices.map {
      try ConvolutionBatchNorm(weights, "layers.\($0).convolution", "layers.\($0).normalization")
    }
    let channels = layers.last?.outputs ?? 0
    widths = [.pooler: channels, .mean: channels]
  }

  func rows(_ pixels: Tensor, observe: (Tensor) throws -> Void) throws -> Tensor {
    try layers.reduce(pixels) { x, layer in
      let y = try layer(x).relu().maxPooled(size: 2, stride: 2)
      try observe(y)
      return y
    }
  }

  func pooled(_ rows: Tensor, by pooling: Pooling) throws -> Tensor { try rows.mean(2, 3) }
}
