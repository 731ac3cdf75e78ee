import Records
import Torch
import TorchNN

/// ResNet; batch normalization is folded into the convolutions of a checkpoint, and stands apart where the network is trained.
struct ResNet: VisionNetwork {
  let widths: [Pooling: Int]
  let standard = Pooling.pooler
  let smallest = (height: 32, width: 32)
  private let stem: ConvolutionBatchNorm
  private let stages: [[Block]]
  private let activation: Activation

  /// What a ResNet's weights and configuration say of it.
  struct Shape {
    /// The channels that the first convolution gives.
    var stem: Int
    /// Those that the convolutions of each block of each stage give: two of 3 × 3, or three of which the middle one is so wide.
    var stages: [[[Int]]]
    var activation = Activation.relu
    /// Whether a block of three halves the picture at its first convolution.
    var narrowsFirst = false
    /// Whether the first stage halves the picture too.
    var shrinksAtOnce = false
  }

  /// Two or three convolutions, added to their input.
  private struct Block {
    let convolutions: [ConvolutionBatchNorm]
    let shortcut: ConvolutionBatchNorm?
    let activation: Activation

    func callAsFunction(_ x: Tensor, _ pass: ForwardPass) throws -> Tensor {
      var y = x
      for (index, convolution) in convolutions.enumerated() {
        y = try convolution(y, pass)
        // Within a block it is always ReLU, whatever the configuration's activation; after the last only the sum is activated.
        if index + 1 < convolutions.count { y = try y.relu() }
      }
      return try activation(y + (shortcut?(x, pass) ?? x))
    }
  }

  init(_ scope: Scope, _ shape: Shape) throws(TorchError) {
    stem = try ConvolutionBatchNorm(scope, "stem", "stem_norm", in: 3, out: shape.stem, side: 7, stride: 2)
    var channels = shape.stem
    var stages: [[Block]] = []
    for (stage, blocks) in shape.stages.enumerated() {
      var made: [Block] = []
      for (number, widths) in blocks.enumerated() {
        let stride = number == 0 && (stage > 0 || shape.shrinksAtOnce) ? 2 : 1
        let place = scope / "layer\(stage + 1)" / "\(number)"
        made.append(try Self.block(place, shape, widths, inputs: channels, stride: stride))
        channels = widths.last ?? channels
      }
      stages.append(made)
    }
    self.stages = stages
    activation = shape.activation
    widths = [.pooler: channels, .mean: channels]
  }

  private static func block(
    _ scope: Scope, _ shape: Shape, _ widths: [Int], inputs: Int, stride: Int
  ) throws(TorchError) -> Block {
    let isBottleneck = widths.count == 3
    let strided = isBottleneck && !shape.narrowsFirst ? 1 : 0
    var convolutions: [ConvolutionBatchNorm] = []
    var channels = inputs
    for (index, width) in widths.enumerated() {
      convolutions.append(
        try ConvolutionBatchNorm(
          scope, "conv\(index + 1)", "bn\(index + 1)", in: channels, out: width,
          side: isBottleneck && index != 1 ? 1 : 3, stride: index == strided ? stride : 1))
      channels = width
    }
    let shortcut =
      channels != inputs || stride != 1
      ? try ConvolutionBatchNorm(
        scope, "shortcut", "shortcut_norm", in: inputs, out: channels, side: 1, stride: stride) : nil
    return Block(convolutions: convolutions, shortcut: shortcut, activation: shape.activation)
  }

  func rows(_ pixels: Tensor, _ pass: ForwardPass, observe: (Tensor) throws -> Void) throws -> Tensor {
    let pixels = try stem.isFrozen ? pixels.channelsLast() : pixels
    var x = try activation(stem(pixels, pass)).maxPooled(size: 3, stride: 2, padding: 1)
    try observe(x)
    for stage in stages {
      for block in stage { x = try block(x, pass) }
      try observe(x)
    }
    return x
  }

  func pooled(_ rows: Tensor, _ pass: ForwardPass, by pooling: Pooling) throws -> Tensor { try rows.mean(2, 3) }
}

extension ResNet {
  /// A ResNet in Hugging Face's names.
  init(_ scope: Scope, _ configuration: CheckpointConfiguration, _ names: CheckpointNames) throws {
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
    let root = try names.rooted(at: "stem.weight", by: .resNet(stages: depths.count))
    var shape = try Shape(root) { stage, block in
      stage < depths.count && block < depths[stage] ? (isBottleneck ? 3 : 2) : nil
    }
    (shape.activation, shape.narrowsFirst, shape.shrinksAtOnce) = (activation, narrowsFirst, shrinksAtOnce)
    try self.init(scope.named(by: root), shape)
  }

  /// A ResNet in torchvision's names, whose shape is read off its weights.
  init(torchvision scope: Scope, _ names: CheckpointNames) throws {
    let root = try names.rooted(at: "layer1.0.conv1.weight", by: .torchvision)
    let shape = try Shape(root) { stage, block in
      let place = "layer\(stage + 1).\(block)"
      guard root.has("\(place).conv1.weight") else { return nil }
      return root.has("\(place).conv3.weight") ? 3 : 2
    }
    try self.init(scope.named(by: root), shape)
  }
}

extension ResNet.Shape {
  /// One whose blocks are all of two convolutions.
  init(depths: [Int], widths: [Int]) {
    self.init(
      stem: widths.first ?? 0,
      stages: zip(depths, widths).map { depth, width in Array(repeating: [width, width], count: depth) })
  }

  /// That of a checkpoint.
  ///
  /// - Parameter count: how many convolutions the block of a stage has; nil where there is no such block.
  fileprivate init(_ names: CheckpointNames, convolutions count: (_ stage: Int, _ block: Int) -> Int?) throws {
    let stem = try names.kernel("stem", inputs: 3).outputs
    var channels = stem
    var stages: [[[Int]]] = []
    while count(stages.count, 0) != nil {
      var blocks: [[Int]] = []
      while let count = count(stages.count, blocks.count) {
        let widths = try (1...count).map { number in
          channels = try names.kernel("layer\(stages.count + 1).\(blocks.count).conv\(number)", inputs: channels)
            .outputs
          return channels
        }
        blocks.append(widths)
      }
      stages.append(blocks)
    }
    self.init(stem: stem, stages: stages)
  }
}
