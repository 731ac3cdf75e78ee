import Records
package import Torch

/// A network over pictures.
protocol VisionNetwork {
  /// The width of a row under each pooling that there is.
  var widths: [Pooling: Int] { get }
  /// What is pooled by where nothing else is asked for.
  var standard: Pooling { get }
  /// The least height and width it can see.
  var smallest: (height: Int, width: Int) { get }
  /// Where it has dropout while it is trained; nil where it is no transformer.
  var dropout: DropoutPlaces? { get }

  /// What the last layer makes of pictures [B, 3, height, width]; `observe` is shown what each layer gives.
  func rows(_ pixels: Tensor, observe: (Tensor) throws -> Void) throws -> Tensor
  /// One row a picture, by a pooling that is among ``widths``.
  func pooled(_ rows: Tensor, by pooling: Pooling) throws -> Tensor
}

extension VisionNetwork {
  var dropout: DropoutPlaces? { nil }

  func features(_ pixels: Tensor, by pooling: Pooling) throws -> Tensor {
    try pooled(rows(pixels) { _ in }, by: pooling)
  }
}

/// ViT, and the image encoders of CLIP, SigLIP and BLIP: patches as tokens.
package struct VisionTransformer: VisionNetwork {
  package enum Family { case vit, clip, siglip, blip }

  let widths: [Pooling: Int]
  let standard: Pooling
  private let family: Family
  private let patches: Affine
  private let patch: (height: Int, width: Int)
  private let grid: (rows: Int, columns: Int)
  /// The row that stands for the whole, [1, 1, width].
  private let classToken: Tensor?
  /// [1, places, width], the class token's first.
  private let positions: Tensor
  private let firstNorm: Normalization?
  private let stack: TransformerStack
  private let lastNorm: Normalization
  private let pooler: Affine?
  private let poolerActivation: Activation
  private let head: AttentionPooling?
  private let projection: Affine?
  let dropout: DropoutPlaces?
  private let dropping: Dropping

  var smallest: (height: Int, width: Int) { patch }

  package init(_ configuration: CheckpointConfiguration, _ weights: CheckpointWeights, _ family: Family) throws {
    try configuration.requireOrdinary()
    try configuration.require("num_channels", .int(3))
    self.family = family
    var shape = try TransformerShape(
      clip: configuration, width: 768, inner: 3072, heads: 12, layers: 12,
      activation: family == .clip ? "quick_gelu" : family == .siglip ? "gelu_pytorch_tanh" : "gelu",
      epsilon: family == .vit ? 1e-12 : family == .siglip ? 1e-6 : 1e-5)
    if family == .vit {
      shape.biased = try configuration.flag("qkv_bias", default: true)
      shape.dropout = try DropoutPlaces(
        configuration, attention: "attention_probs_dropout_prob", hidden: "hidden_dropout_prob")
    }
    dropout = shape.dropout
    dropping = weights.dropping(shape.dropout.embedded)
    let width = shape.width
    patch = try configuration.size("patch_size", default: family == .clip ? 32 : 16)
    let image = try configuration.size("image_size", default: family == .blip ? 384 : 224)
    grid = (image.height / patch.height, image.width / patch.width)
    guard grid.rows > 0, grid.columns > 0 else {
      throw configuration.malformed("image_size", "at least as large as 'patch_size'")
    }
    let places = grid.rows * grid.columns

    let root = try weights.rooted(
      at: family == .vit ? "embeddings.patch_embeddings.projection.weight" : "embeddings.patch_embedding.weight")
    let name = family == .vit ? "embeddings.patch_embeddings.projection" : "embeddings.patch_embedding"
    patches = Affine(
      weight: try root.tensor("\(name).weight", [width, 3, patch.height, patch.width]),
      bias: family == .clip ? nil : try root.tensor("\(name).bias", [width]), of: root)
    switch family {
    case .vit:
      classToken = try root.tensor("embeddings.cls_token", [1, 1, width])
      positions = try root.tensor("embeddings.position_embeddings", [1, places + 1, width])
    case .blip:
      classToken = try root.tensor("embeddings.class_embedding", [1, 1, width])
      positions = try root.tensor("embeddings.position_embedding", [1, places + 1, width])
    case .clip:
      classToken = try root.tensor("embeddings.class_embedding", [width]).reshaped([1, 1, width])
      positions = try root.tensor("embeddings.position_embedding.weight", [places + 1, width]).unsqueezed(0)
    case .siglip:
      classToken = nil
      positions = try root.tensor("embeddings.position_embedding.weight", [places, width]).unsqueezed(0)
    }
    // The misspelling is the checkpoints'.
    firstNorm = family == .clip ? try Normalization(root, "pre_layrnorm", width: width, epsilon: shape.epsilon) : nil
    stack = try TransformerStack(root, shape) { Self.layer($0, family, root) }
    lastNorm = try Normalization(
      root, family == .vit ? "layernorm" : "post_layernorm", width: width, epsilon: shape.epsilon)

    var widths: [Pooling: Int] = [.mean: width, .max: width]
    if classToken != nil { widths[.cls] = width }
    if family == .vit, root.has("pooler.dense.weight") {
      let size = try configuration.count("pooler_output_size", default: width)
      pooler = try Affine(root, "pooler.dense", from: width, to: size)
      widths[.pooler] = size
    } else {
      pooler = nil
    }
    poolerActivation = try configuration.activation("pooler_act", default: "tanh")
    if family == .siglip, try configuration.flag("vision_use_head", default: true) {
      head = try AttentionPooling(root.within("head."), shape)
      widths[.pooler] = width
    } else {
      head = nil
    }
    if family == .clip || family == .blip { widths[.pooler] = width }
    let projected = weights.has("vision_proj.weight") ? "vision_proj" : "visual_projection"
    if family == .clip || family == .blip, let size = weights.shape(of: "\(projected).weight")?.first {
      projection = try Affine(weights, projected, from: width, to: size, bias: weights.has("\(projected).bias"))
      widths[.projected] = size
    } else {
      projection = nil
    }
    self.widths = widths
    standard = projection != nil ? .projected : family == .vit ? .cls : widths[.pooler] == nil ? .mean : .pooler
  }

  private static func layer(
    _ index: Int, _ family: Family, _ root: CheckpointWeights
  ) -> (path: String, names: LayerNames) {
    switch family {
    case .clip, .siglip: return ("encoder.layers.\(index).", .clip)
    case .blip: return ("encoder.layers.\(index).", Self.blip)
    case .vit:
      let renamed = "layers.\(index)."
      return root.has("\(renamed)attention.q_proj.weight")
        ? (renamed, Self.renamed) : ("encoder.layer.\(index).", Self.vit)
    }
  }

  private static let vit = LayerNames(
    projections: .apart(
      query: "attention.attention.query", key: "attention.attention.key", value: "attention.attention.value"),
    output: "attention.output.dense", up: "intermediate.dense", down: "output.dense",
    attentionNorm: "layernorm_before", feedForwardNorm: "layernorm_after")
  /// As transformers names them in memory since version 5.
  private static let renamed = LayerNames(
    projections: .apart(query: "attention.q_proj", key: "attention.k_proj", value: "attention.v_proj"),
    output: "attention.o_proj", up: "mlp.fc1", down: "mlp.fc2",
    attentionNorm: "layernorm_before", feedForwardNorm: "layernorm_after")
  private static let blip = LayerNames(
    projections: .together("self_attn.qkv"), output: "self_attn.projection", up: "mlp.fc1", down: "mlp.fc2",
    attentionNorm: "layer_norm1", feedForwardNorm: "layer_norm2")

  package func rows(_ pixels: Tensor, observe: (Tensor) throws -> Void) throws -> Tensor {
    let cut = try patches.patches(of: pixels, patch)
    let size = cut.shape
    var tokens = try cut.reshaped([size[0], size[1], size[2] * size[3]]).transposed(1, 2)
    if let classToken { tokens = try Tensor.cat([classToken.expanded([size[0], 1, size[1]]), tokens], 1) }
    tokens = try dropping(tokens + places(size[2], size[3]))
    if let firstNorm { tokens = try firstNorm(tokens) }
    let rows = try stack(tokens, observe: observe)
    return family == .clip ? rows : try lastNorm(rows)
  }

  /// The position of each patch, stretched where pictures are not as large as those it was trained on.
  private func places(_ rows: Int, _ columns: Int) throws -> Tensor {
    if rows == grid.rows, columns == grid.columns { return positions }
    let width = positions.shape[2]
    let own = classToken == nil ? 0 : 1
    let patches = try positions.narrowed(1, from: own, length: grid.rows * grid.columns)
      .reshaped([1, grid.rows, grid.columns, width]).permuted([0, 3, 1, 2])
    let stretched = try patches.bicubic(height: rows, width: columns).permuted([0, 2, 3, 1])
      .reshaped([1, rows * columns, width])
    return own == 0 ? stretched : try Tensor.cat([positions.narrowed(1, from: 0, length: 1), stretched], 1)
  }

  func pooled(_ rows: Tensor, by pooling: Pooling) throws -> Tensor {
    if let pooled = try pooling(rows) { return pooled }
    if let head { return try head(rows) }
    let first = try rows.selected(1, 0)
    if let pooler { return try poolerActivation(pooler(first)) }
    guard pooling == .projected, let projection else { return try lastNorm(first) }
    // BLIP for retrieval projects the first row itself, and has a bias there.
    return try projection(projection.bias == nil ? lastNorm(first) : first)
  }
}

/// SigLIP's pooler: a learnt question that attends to all patches, and two linear layers.
struct AttentionPooling {
  private let probe: Tensor
  private let projections: Affine
  private let output: Affine
  private let norm: Normalization
  private let up: Affine
  private let down: Affine
  private let shape: TransformerShape

  init(_ weights: CheckpointWeights, _ shape: TransformerShape) throws {
    let width = shape.width
    self.shape = shape
    probe = try weights.tensor("probe", [1, 1, width])
    projections = Affine(
      weight: try weights.tensor("attention.in_proj_weight", [3 * width, width]),
      bias: try weights.tensor("attention.in_proj_bias", [3 * width]), of: weights)
    output = try Affine(weights, "attention.out_proj", from: width, to: width)
    norm = try Normalization(weights, "layernorm", width: width, epsilon: shape.epsilon)
    up = try Affine(weights, "mlp.fc1", from: width, to: shape.inner)
    down = try Affine(weights, "mlp.fc2", from: shape.inner, to: width)
  }

  func callAsFunction(_ rows: Tensor) throws -> Tensor {
    let (count, width) = (rows.shape[0], shape.width)
    func heads(_ index: Int, of x: Tensor) throws -> Tensor {
      try x.linear(
        projections.weight.narrowed(0, from: index * width, length: width),
        projections.bias?.narrowed(0, from: index * width, length: width)
      ).reshaped([count, -1, shape.heads, width / shape.heads]).transposed(1, 2)
    }
    let asked = try heads(0, of: probe.expanded([count, 1, width]))
    let attended = try output(
      asked.attention(key: heads(1, of: rows), value: heads(2, of: rows)).transposed(1, 2).reshaped([count, width]))
    return try attended + down(up(norm(attended), then: shape.activation))
  }
}
