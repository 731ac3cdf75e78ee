import Records
package import Torch
package import TorchNN

/// ViT, and the image encoders of CLIP, SigLIP and BLIP: patches as tokens.
package struct VisionTransformer: VisionNetwork {
  package enum Family { case vit, clip, siglip, blip }

  let widths: [Pooling: Int]
  let standard: Pooling
  private let family: Family
  private let patches: Convolution
  private let patch: (height: Int, width: Int)
  private let grid: (rows: Int, columns: Int)
  /// The row that stands for the whole, [1, 1, width] or [width].
  private let classToken: Parameter?
  /// [1, places, width] or [places, width], the class token's first.
  private let positions: Parameter
  private let firstNorm: LayerNorm?
  private let stack: TransformerEncoder
  private let lastNorm: LayerNorm
  private let pooler: Linear?
  private let poolerActivation: Activation
  private let head: AttentionPooling?
  private let projection: Linear?
  let dropout: DropoutPlaces?
  private let dropping: Dropout

  var smallest: (height: Int, width: Int) { patch }

  init(
    _ scope: Scope, _ configuration: CheckpointConfiguration, _ names: CheckpointNames, _ family: Family
  ) throws {
    try configuration.requireOrdinary()
    try configuration.require("num_channels", .int(3))
    self.family = family
    var shape = try TransformerShape(
      clip: configuration, width: 768, inner: 3072, heads: 12, layers: 12,
      activation: family == .clip ? "quick_gelu" : family == .siglip ? "gelu_pytorch_tanh" : "gelu",
      epsilon: family == .vit ? 1e-12 : family == .siglip ? 1e-6 : 1e-5)
    shape.isJoint = family == .blip
    if family == .vit {
      shape.biased = try configuration.flag("qkv_bias", default: true)
      shape.dropout = try DropoutPlaces(
        configuration, attention: "attention_probs_dropout_prob", hidden: "hidden_dropout_prob")
    }
    dropout = shape.dropout
    dropping = Dropout(shape.dropout.embedded)
    let width = shape.width
    patch = try configuration.size("patch_size", default: family == .clip ? 32 : 16)
    let image = try configuration.size("image_size", default: family == .blip ? 384 : 224)
    grid = (image.height / patch.height, image.width / patch.width)
    guard grid.rows > 0, grid.columns > 0 else {
      throw configuration.malformed("image_size", "at least as large as 'patch_size'")
    }

    let root = try names.rooted(at: "patches.weight", by: Self.map(family, names))
    let (outer, scope) = (scope.named(by: names), scope.named(by: root))
    let start = Initializer.normal(standardDeviation: 0.02)
    patches = try Convolution(
      scope / "patches", in: 3, out: width, kernel: patch, stride: patch, padding: .none, hasBias: family != .clip,
      weight: start)
    let places = grid.rows * grid.columns + (family == .siglip ? 0 : 1)
    classToken =
      family == .siglip
      ? nil : try scope.parameter("class_token", family == .clip ? [width] : [1, 1, width], start)
    positions = try scope.parameter(
      "positions", family == .vit || family == .blip ? [1, places, width] : [places, width], start)
    firstNorm = family == .clip ? try shape.norm(scope / "first_norm") : nil
    stack = try TransformerEncoder(scope / "layers", shape)
    lastNorm = try shape.norm(scope / "last_norm")

    var widths: [Pooling: Int] = [.mean: width, .max: width]
    if classToken != nil { widths[.cls] = width }
    if family == .vit, root.has("pooler.weight") {
      let size = try configuration.count("pooler_output_size", default: width)
      pooler = try shape.linear(scope / "pooler", in: width, out: size)
      widths[.pooler] = size
    } else {
      pooler = nil
    }
    poolerActivation = try configuration.activation("pooler_act", default: "tanh")
    if family == .siglip, try configuration.flag("vision_use_head", default: true) {
      head = try AttentionPooling(scope, shape)
      widths[.pooler] = width
    } else {
      head = nil
    }
    if family == .clip || family == .blip { widths[.pooler] = width }
    let projected = names.has("vision_proj.weight") ? "vision_proj" : "visual_projection"
    if family == .clip || family == .blip, let size = names.shape(of: "\(projected).weight")?.first {
      projection = try shape.linear(
        outer / projected, in: width, out: size, hasBias: names.has("\(projected).bias"))
      widths[.projected] = size
    } else {
      projection = nil
    }
    self.widths = widths
    standard = projection != nil ? .projected : family == .vit ? .cls : widths[.pooler] == nil ? .mean : .pooler
  }

  /// A tower whose weights are a checkpoint's.
  package init(_ configuration: CheckpointConfiguration, _ weights: CheckpointWeights, _ family: Family) throws {
    self = try weights.network { try VisionTransformer($0, configuration, $1, family) }
  }

  private static func map(_ family: Family, _ names: CheckpointNames) throws -> NameMap {
    switch family {
    case .clip: return .clipVision
    case .siglip: return .siglipVision
    case .blip: return .blipVision
    case .vit:
      let root = try names.rooted(at: "patches.weight", by: .vit)
      return root.mapped(by: .renamedViT).has("layers.0.query.weight") ? .renamedViT : .vit
    }
  }

  package func rows(
    _ pixels: Tensor, _ pass: ForwardPass = ForwardPass(), observe: (Tensor) throws -> Void
  ) throws -> Tensor {
    let cut = try patches(pixels, pass)
    let size = cut.shape
    var tokens = try cut.reshaped([size[0], size[1], size[2] * size[3]]).transposed(1, 2)
    if let classToken {
      let first = try pass[classToken].reshaped([1, 1, size[1]]).expanded([size[0], 1, size[1]])
      tokens = try Tensor.cat([first, tokens], 1)
    }
    tokens = try dropping(tokens + places(size[2], size[3], pass), pass)
    if let firstNorm { tokens = try firstNorm(tokens, pass) }
    let rows = try stack(tokens, pass, observe: observe)
    return family == .clip ? rows : try lastNorm(rows, pass)
  }

  /// The position of each patch, stretched where pictures are not as large as those it was trained on.
  private func places(_ rows: Int, _ columns: Int, _ pass: ForwardPass) throws -> Tensor {
    let width = patches.outputs
    let positions = try pass[positions].reshaped([1, -1, width])
    if rows == grid.rows, columns == grid.columns { return positions }
    let own = classToken == nil ? 0 : 1
    let patches = try positions.narrowed(1, from: own, length: grid.rows * grid.columns)
      .reshaped([1, grid.rows, grid.columns, width]).permuted([0, 3, 1, 2])
    let stretched = try patches.bicubic(height: rows, width: columns).permuted([0, 2, 3, 1])
      .reshaped([1, rows * columns, width])
    return own == 0 ? stretched : try Tensor.cat([positions.narrowed(1, from: 0, length: 1), stretched], 1)
  }

  func pooled(_ rows: Tensor, _ pass: ForwardPass, by pooling: Pooling) throws -> Tensor {
    if let pooled = try pooling(rows) { return pooled }
    if let head { return try head(rows, pass) }
    let first = try rows.selected(1, 0)
    if let pooler { return try poolerActivation(pooler(first, pass)) }
    guard pooling == .projected, let projection else { return try lastNorm(first, pass) }
    // BLIP for retrieval projects the first row itself, and has a bias there.
    return try projection(projection.hasBias ? first : lastNorm(first, pass), pass)
  }
}

/// SigLIP's pooler: a learnt question that attends to all patches, and two linear layers.
private struct AttentionPooling {
  private let probe: Parameter
  /// Of queries, keys and values, under each other.
  private let weight: Parameter
  private let bias: Parameter
  private let output: Linear
  private let norm: LayerNorm
  private let up: Linear
  private let down: Linear
  private let shape: TransformerShape

  init(_ scope: Scope, _ shape: TransformerShape) throws(TorchError) {
    let width = shape.width
    let start = Initializer.normal(standardDeviation: 0.02)
    self.shape = shape
    probe = try scope.parameter("probe", [1, 1, width], start)
    weight = try scope.parameter("probe_weight", [3 * width, width], start)
    bias = try scope.parameter("probe_bias", [3 * width], .zeros)
    output = try shape.linear(scope / "probe_output", in: width, out: width)
    norm = try shape.norm(scope / "probe_norm")
    up = try shape.linear(scope / "probe_up", in: width, out: shape.inner)
    down = try shape.linear(scope / "probe_down", in: shape.inner, out: width)
  }

  func callAsFunction(_ rows: Tensor, _ pass: ForwardPass) throws -> Tensor {
    let (count, width) = (rows.shape[0], shape.width)
    func heads(_ index: Int, of x: Tensor) throws -> Tensor {
      try x.linear(
        pass[weight].narrowed(0, from: index * width, length: width),
        pass[bias].narrowed(0, from: index * width, length: width)
      ).reshaped([count, -1, shape.heads, width / shape.heads]).transposed(1, 2)
    }
    let asked = try heads(0, of: pass[probe].expanded([count, 1, width]))
    let seen = try asked.attention(key: heads(1, of: rows), value: heads(2, of: rows))
    let attended = try output(seen.transposed(1, 2).reshaped([count, width]), pass)
    return try attended + down(up(norm(attended, pass), then: shape.activation, pass), pass)
  }
}
