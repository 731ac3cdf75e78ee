import Multimodal
import Records
import Torch
import TorchNN

extension TrainedArchitecture {
  /// The network over its weights.
  func network(_ weights: CheckpointWeights, height: Int, width: Int) throws -> any VisionNetwork {
    switch self {
    case .smallCNN: try SmallCNN(weights)
    case .resNet18: try ResNet(torchvision: weights)
    case .vitTiny: try transformer(weights, features: 192, heads: 3, height, width)
    case .vitSmall: try transformer(weights, features: 384, heads: 6, height, width)
    }
  }

  private func transformer(
    _ weights: CheckpointWeights, features: Int, heads: Int, _ height: Int, _ width: Int
  ) throws -> any VisionNetwork {
    let patch = min(height, width) >= 128 ? 16 : 8
    let table: [String: Tree] = [
      "hidden_size": .int(features), "intermediate_size": .int(4 * features), "num_hidden_layers": .int(12),
      "num_attention_heads": .int(heads), "image_size": .list([.int(height), .int(width)]), "patch_size": .int(patch),
      "layer_norm_eps": .number(1e-6),
    ]
    return try VisionTransformer(CheckpointConfiguration(file: rawValue, table: table), weights, .vit)
  }

  /// The shapes of its weights, by name.
  func weights(height: Int, width: Int) throws -> [String: [Int]] {
    switch self {
    case .smallCNN:
      var shapes: [String: [Int]] = [:]
      for (layer, (inputs, outputs)) in zip([3] + SmallCNN.channels, SmallCNN.channels).enumerated() {
        shapes["layers.\(layer).convolution.weight"] = [outputs, inputs, 3, 3]
        shapes.merge(Self.normalization("layers.\(layer).normalization", outputs)) { $1 }
      }
      return shapes
    case .resNet18: return Self.resNet(depths: [2, 2, 2, 2], widths: [64, 128, 256, 512])
    case .vitTiny, .vitSmall:
      let source = AnyWeights(names: ["embeddings.patch_embeddings.projection.weight"])
      let (asking, record) = CheckpointWeights(source, as: .float32, of: rawValue).recorded()
      _ = try network(asking, height: height, width: width)
      return record.tensors.mapValues(\.shape)
    }
  }

  private static func normalization(_ name: String, _ channels: Int) -> [String: [Int]] {
    Dictionary(
      uniqueKeysWithValues: ["weight", "bias", "running_mean", "running_var"].map { ("\(name).\($0)", [channels]) })
  }

  private static func resNet(depths: [Int], widths: [Int]) -> [String: [Int]] {
    var shapes = ["conv1.weight": [widths[0], 3, 7, 7]]
    shapes.merge(normalization("bn1", widths[0])) { $1 }
    var inputs = widths[0]
    for (stage, (depth, outputs)) in zip(depths, widths).enumerated() {
      for block in 0..<depth {
        let place = "layer\(stage + 1).\(block)"
        shapes["\(place).conv1.weight"] = [outputs, inputs, 3, 3]
        shapes["\(place).conv2.weight"] = [outputs, outputs, 3, 3]
        for number in 1...2 { shapes.merge(normalization("\(place).bn\(number)", outputs)) { $1 } }
        if block == 0, stage > 0 {
          shapes["\(place).downsample.0.weight"] = [outputs, inputs, 1, 1]
          shapes.merge(normalization("\(place).downsample.1", outputs)) { $1 }
        }
        inputs = outputs
      }
    }
    return shapes
  }

  /// How a weight begins, as the authors' own code has it: convolutions by He's rule over what goes out, everything of a
  /// transformer with a deviation of 0.02.
  func initializer(_ name: String, _ shape: [Int]) -> Initializer {
    if name.hasSuffix("running_var") { return .ones }
    if shape.count == 1 { return name.hasSuffix("weight") ? .ones : .zeros }
    switch self {
    case .smallCNN, .resNet18:
      let fanOut = shape[0] * shape.dropFirst(2).reduce(1, *)
      return .normal(standardDeviation: (2 / Double(fanOut)).squareRoot())
    case .vitTiny, .vitSmall: return .normal(standardDeviation: 0.02)
    }
  }
}
