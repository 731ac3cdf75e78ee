import Records
import Torch

/// ResNet in Hugging Face's or in torchvision's names, with batch normalization folded into the convolutions.
struct ResNet: VisionNetwork {
  let widths: [Pooling: Int]
  let standard = Pooling.pooler
  let smallest = (height: 32, width: 32)
  private let stem: FoldedConvolution
  private let stages: [[Block]]
  private let activation: Activation

  /// A convolution with its normalization.
  struct FoldedConvolution {
    let weight: Tensor
    let bias: Tensor
    let stride: Int

    init(
      _ weights: CheckpointWeights, _ convolution: String, _ norm: String, stride: Int = 1, inputs: Int? = nil
    ) throws {
      let kernel = try weights.tensor("\(convolution).weight")
      let outputs = kernel.shape[0]
      guard kernel.rank == 4, inputs.map({ $0 == kernel.shape[1] }) ?? true else {
        throw CheckpointError.unsupported(
          key: "\(convolution).weight", value: "\(kernel.shape)", in: "the weights",
          supported: "convolutions in one group")
      }
      func vector(_ name: String) throws -> Tensor { try weights.tensor("\(norm).\(name)", [outputs]).to(.float64) }
      // BatchNorm2d's own epsilon, which no checkpoint's configuration changes.
      let gain = try vector("weight") / (vector("running_var") + 1e-5).squareRoot()
      weight = try (kernel.to(.float64) * gain.reshaped([outputs, 1, 1, 1])).to(weights.type)
      bias = try (vector("bias") - vector("running_mean") * gain).to(weights.type)
      self.stride = stride
    }

    var outputs: Int { weight.shape[0] }

    func callAsFunction(_ x: Tensor) throws -> Tensor {
      let padding = weight.shape[2] / 2
      return try x.convolved(weight, bias, stride: (stride, stride), padding: (padding, padding))
    }
  }

  /// Two or three convolutions, added to their input.
  struct Block {
    let convolutions: [FoldedConvolution]
    let shortcut: FoldedConvolution?
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
    stem = try FoldedConvolution(
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
    stem = try FoldedConvolution(root, "conv1", "bn1", stride: 2, inputs: 3)
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
      let made = try FoldedConvolution(
        weights, convolution(index), norm(index), stride: index == place ? stride : 1, inputs: channels)
      channels = made.outputs
      return made
    }
    let needsShortcut = channels != inputs || stride != 1
    return Block(
      convolutions: convolutions,
      shortcut: needsShortcut
        ? try FoldedConvolution(weights, shortcut.convolution, shortcut.norm, stride: stride, inputs: inputs) : nil,
      activation: activation)
  }

  func rows(_ pixels: Tensor, observe: (Tensor) throws -> Void) throws -> Tensor {
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
