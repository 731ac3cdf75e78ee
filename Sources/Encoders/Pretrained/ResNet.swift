import Records
import Torch

/// ResNet in Hugging Face's or in torchvision's names; batch normalization is folded into the convolutions of a
/// checkpoint, and stands apart where the network is trained.
struct ResNet: VisionNetwork {
  let widths: [Pooling: Int]
  let standard = Pooling.pooler
  let smallest = (height: 32, width: 32)
  private let stem: ConvolutionBatchNorm
  private let stages: [[Block]]
  private let activation: Activation

  /// Two or three convolutions, added to their input.
  struct Block {
    let convolutions: [ConvolutionBatchNorm]
    let shortcut: ConvolutionBatchNorm?
    let activation: Activation

    func callAsFunction(_ x: Tensor) throws -> Tensor {
      var y = x
      for (index, convolution) in convolutions.enumerated() {
        y = try convolution(y)
        // Within a block it is always ReLU, whatever the configuration's activation; after the last only the sum is activated.
        if index + 1 < convolutions.count { y = try y.relu() }
      }
      return try activation(y + (shortcut?(x) ?? x))
    }
  }

  init(_ configuration: CheckpointConfiguration, _ weights: CheckpointWeights) throws {
    try configuration.requireOrdinary()
    try configuration.require("num_channels", .int(3))
    try configuration.require("layer_type", .string("bottleneck"), .string("basic"))
    let isBottleneck = try configuration.text("layer_type", default: "bottleneck") == "bottleneck"
    let narrowsFirst = try configuration.flag("downsample_in_bottleneck", default: false)
    let shrinksAtOnce = try configuration.flag("downsample_in_first_stage", default: false)
    let activation = try configuration.activation("hidden_act", default: "relu")
    var depths = configuration["depths"]?.listValue?.compactMap(\.intValue) ?? [3, 4, 6, 3]
    // There are as many stages as widths, which the weights have; depths beyond them mean nothing.
    if let widths = configuration["hidden_sizes"]?.listValue { depths = Array(depths.prefix(widths.count)) }
    guard !depths.isEmpty, depths.allSatisfy({ (1...1000).contains($0) }) else {
      throw configuration.malformed("depths", "a list of numbers of layers")
    }
    let root = try weights.rooted(at: "embedder.embedder.convolution.weight")
    stem = try ConvolutionBatchNorm(
      root, "embedder.embedder.convolution", "embedder.embedder.normalization", stride: 2, inputs: 3)
    var channels = stem.outputs
    stages = try depths.enumerated().map { stage, depth in
      try (0..<depth).map { layer in
        let place = "encoder.stages.\(stage).layers.\(layer)"
        let stride = layer == 0 && (stage > 0 || shrinksAtOnce) ? 2 : 1
        let block = try Self.block(
          root, stride: stride, at: isBottleneck ? (narrowsFirst ? 0 : 1) : 0, count: isBottleneck ? 3 : 2,
          inputs: channels, activation, convolution: { "\(place).layer.\($0).convolution" },
          norm: { "\(place).layer.\($0).normalization" },
          shortcut: ("\(place).shortcut.convolution", "\(place).shortcut.normalization"))
        channels = block.convolutions.last?.outputs ?? channels
        return block
      }
    }
    self.activation = activation
    widths = [.pooler: channels, .mean: channels]
  }

  /// A ResNet in torchvision's names, whose shape is read off its weights.
  init(torchvision weights: CheckpointWeights) throws {
    let root = try weights.rooted(at: "layer1.0.conv1.weight")
    stem = try ConvolutionBatchNorm(root, "conv1", "bn1", stride: 2, inputs: 3)
    activation = .relu
    var channels = stem.outputs
    var stages: [[Block]] = []
    while root.has("layer\(stages.count + 1).0.conv1.weight") {
      let stage = stages.count + 1
      var blocks: [Block] = []
      while root.has("layer\(stage).\(blocks.count).conv1.weight") {
        let place = "layer\(stage).\(blocks.count)"
        let isBottleneck = root.has("\(place).conv3.weight")
        let block = try Self.block(
          root, stride: stage > 1 && blocks.isEmpty ? 2 : 1, at: isBottleneck ? 1 : 0, count: isBottleneck ? 3 : 2,
          inputs: channels, .relu, convolution: { "\(place).conv\($0 + 1)" }, norm: { "\(place).bn\($0 + 1)" },
          shortcut: ("\(place).downsample.0", "\(place).downsample.1"))
        channels = block.convolutions.last?.outputs ?? channels
        blocks.append(block)
      }
      stages.append(blocks)
    }
    self.stages = stages
    widths = [.pooler: channels, .mean: channels]
  }

  private static func block(
    _ weights: CheckpointWeights, stride: Int, at place: Int, count: Int, inputs: Int, _ activation: Activation,
    convolution: (Int) -> String, norm: (Int) -> String, shortcut: (convolution: String, norm: String)
  ) throws -> Block {
    var channels = inputs
    let convolutions = try (0..<count).map { index in
      let made = try ConvolutionBatchNorm(
        weights, convolution(index), norm(index), stride: index == place ? stride : 1, inputs: channels)
      channels = made.outputs
      return made
    }
    let needsShortcut = channels != inputs || stride != 1
    return Block(
      convolutions: convolutions,
      shortcut: needsShortcut
        ? try ConvolutionBatchNorm(weights, shortcut.convolution, shortcut.norm, stride: stride, inputs: inputs) : nil,
      activation: activation)
  }

  func rows(_ pixels: Tensor, observe: (Tensor) throws -> Void) throws -> Tensor {
    let pixels = try stem.isFrozen ? pixels.channelsLast() : pixels
    var x = try activation(stem(pixels)).maxPooled(size: 3, stride: 2, padding: 1)
    try observe(x)
    for stage in stages {
      for block in stage { x = try block(x) }
      try observe(x)
    }
    return x
  }

  func pooled(_ rows: Tensor, by pooling: Pooling) throws -> Tensor { try rows.mean(2, 3) }
}
