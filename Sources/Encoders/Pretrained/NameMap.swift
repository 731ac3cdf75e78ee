/// What a family of checkpoints calls the parts of a network, which have names of their own in the network.
struct NameMap {
  private let parts: [String: String]

  init(_ parts: [String: String]) { self.parts = parts }

  /// The checkpoint's name of a network's parameter: each part of it renamed by itself.
  func callAsFunction(_ name: String) -> String {
    name.split(separator: ".").map { parts[String($0)] ?? String($0) }.joined(separator: ".")
  }

  private func with(_ others: [String: String]) -> NameMap { NameMap(parts.merging(others) { $1 }) }

  static let plain = NameMap([:])

  // MARK: Towers for pictures

  static let vit = NameMap([
    "patches": "embeddings.patch_embeddings.projection", "class_token": "embeddings.cls_token",
    "positions": "embeddings.position_embeddings", "layers": "encoder.layer", "last_norm": "layernorm",
    "pooler": "pooler.dense", "query": "attention.attention.query", "key": "attention.attention.key",
    "value": "attention.attention.value", "output": "attention.output.dense", "up": "intermediate.dense",
    "down": "output.dense", "attention_norm": "layernorm_before", "feed_forward_norm": "layernorm_after",
  ])
  /// As transformers names them in memory since version 5.
  static let renamedViT = vit.with([
    "layers": "layers", "query": "attention.q_proj", "key": "attention.k_proj", "value": "attention.v_proj",
    "output": "attention.o_proj", "up": "mlp.fc1", "down": "mlp.fc2",
  ])
  /// Layers of CLIP and SigLIP, in both towers.
  private static let clipLayers = NameMap([
    "layers": "encoder.layers", "query": "self_attn.q_proj", "key": "self_attn.k_proj", "value": "self_attn.v_proj",
    "output": "self_attn.out_proj", "up": "mlp.fc1", "down": "mlp.fc2", "attention_norm": "layer_norm1",
    "feed_forward_norm": "layer_norm2",
  ])
  static let clipVision = clipLayers.with([
    "patches": "embeddings.patch_embedding", "class_token": "embeddings.class_embedding",
    "positions": "embeddings.position_embedding.weight",
    // The misspelling is the checkpoints'.
    "first_norm": "pre_layrnorm", "last_norm": "post_layernorm",
  ])
  static let siglipVision = clipVision.with([
    "probe": "head.probe", "probe_weight": "head.attention.in_proj_weight", "probe_bias": "head.attention.in_proj_bias",
    "probe_output": "head.attention.out_proj", "probe_norm": "head.layernorm", "probe_up": "head.mlp.fc1",
    "probe_down": "head.mlp.fc2",
  ])
  static let blipVision = clipVision.with([
    "positions": "embeddings.position_embedding", "joint": "self_attn.qkv", "output": "self_attn.projection",
  ])

  // MARK: Convolutional networks

  static let torchvision = NameMap([
    "stem": "conv1", "stem_norm": "bn1", "shortcut": "downsample.0", "shortcut_norm": "downsample.1",
  ])
  /// - Parameter stages: how many there are.
  static func resNet(stages: Int) -> NameMap {
    var parts = [
      "stem": "embedder.embedder.convolution", "stem_norm": "embedder.embedder.normalization",
      "shortcut": "shortcut.convolution", "shortcut_norm": "shortcut.normalization",
    ]
    for number in 1...3 {
      parts["conv\(number)"] = "layer.\(number - 1).convolution"
      parts["bn\(number)"] = "layer.\(number - 1).normalization"
    }
    for stage in 1...max(1, stages) { parts["layer\(stage)"] = "encoder.stages.\(stage - 1).layers" }
    return NameMap(parts)
  }

  // MARK: Texts

  static let bert = NameMap([
    "words": "embeddings.word_embeddings", "positions": "embeddings.position_embeddings",
    "segments": "embeddings.token_type_embeddings", "norm": "embeddings.LayerNorm", "layers": "encoder.layer",
    "pooler": "pooler.dense", "query": "attention.self.query", "key": "attention.self.key",
    "value": "attention.self.value", "output": "attention.output.dense", "up": "intermediate.dense",
    "down": "output.dense", "attention_norm": "attention.output.LayerNorm", "feed_forward_norm": "output.LayerNorm",
  ])
  static let distilBERT = bert.with([
    "layers": "transformer.layer", "query": "attention.q_lin", "key": "attention.k_lin", "value": "attention.v_lin",
    "output": "attention.out_lin", "up": "ffn.lin1", "down": "ffn.lin2", "attention_norm": "sa_layer_norm",
    "feed_forward_norm": "output_layer_norm",
  ])
  static let clipText = clipLayers.with([
    "words": "embeddings.token_embedding", "positions": "embeddings.position_embedding", "norm": "final_layer_norm",
  ])
}
