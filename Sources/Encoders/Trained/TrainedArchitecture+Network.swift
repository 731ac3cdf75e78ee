import Records
import Torch
import TorchNN

extension TrainedArchitecture {
  /// The network over parameters in a scope, which begin as the authors' own code has it: convolutions by He's rule over what
  /// goes out, everything of a transformer with a deviation of 0.02.
  func network(_ scope: Scope, height: Int, width: Int) throws -> any VisionNetwork {
    switch self {
    case .smallCNN: return try SmallCNN(scope)
    case .resNet18:
      let shape = ResNet.Shape(depths: [2, 2, 2, 2], widths: [64, 128, 256, 512])
      return try ResNet(scope.renamed { NameMap.torchvision($0) }, shape)
    case .vitTiny: return try transformer(scope, features: 192, heads: 3, height, width)
    case .vitSmall: return try transformer(scope, features: 384, heads: 6, height, width)
    }
  }

  private func transformer(
    _ scope: Scope, features: Int, heads: Int, _ height: Int, _ width: Int
  ) throws -> any VisionNetwork {
    let patch = min(height, width) >= 128 ? 16 : 8
    let table: [String: Tree] = [
      "hidden_size": .int(features), "intermediate_size": .int(4 * features), "num_hidden_layers": .int(12),
      "num_attention_heads": .int(heads), "image_size": .list([.int(height), .int(width)]), "patch_size": .int(patch),
      "layer_norm_eps": .number(1e-6),
    ]
    // Where its patches are says that a checkpoint of ViT has no parts before them, and that there is no pooler.
    let names = CheckpointNames([NameMap.vit("patches.weight"): []], of: rawValue)
    return try VisionTransformer(scope, CheckpointConfiguration(file: rawValue, table: table), names, .vit)
  }
}
