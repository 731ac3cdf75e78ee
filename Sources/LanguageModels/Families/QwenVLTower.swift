import Encoders
import Foundation
import Records
import Torch
import TorchNN

/// The tower of Qwen2-VL and Qwen2.5-VL: patches in, merged rows out.
struct QwenVLTower {
  /// A norm with or without a mean: LayerNorm in Qwen2-VL, RMSNorm in Qwen2.5-VL.
  private enum Norm {
    case layer(LayerNorm)
    case root(RMSNorm)

    private static let epsilon = 1e-6

    init(_ weights: CheckpointWeights, _ name: String, width: Int, isRoot: Bool) throws {
      let weight = try weights.tensor("\(name).weight", [width])
      self =
        isRoot
        ? .root(RMSNorm(weight: weight, epsilon: Self.epsilon))
        : .layer(
          LayerNorm(weight: weight, bias: try weights.tensor("\(name).bias", [width]), epsilon: Self.epsilon))
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor {
      switch self {
      case .layer(let norm): try norm(x)
      case .root(let norm): try norm(x)
      }
    }
  }

  private enum FeedForward {
    case plain(FrozenLinear, Activation, FrozenLinear)
    case gated(GatedFeedForward)

    func callAsFunction(_ x: Tensor) throws -> Tensor {
      switch self {
      case .plain(let up, let activation, let down): try down(activation(up(x)))
      case .gated(let part): try part(x)
      }
    }
  }

  private struct Block {
    let joint: FrozenLinear
    let output: FrozenLinear
    let attentionNorm: Norm
    let feedForwardNorm: Norm
    let feedForward: FeedForward
    /// Whether a patch sees its whole picture, not only its window.
    let seesAll: Bool
  }

  let type: ElementType
  /// The side of a patch.
  let patch: Int
  /// How many patches along each side become one row.
  let merge: Int
  let frames: Int
  /// The numbers of a patch.
  let patchWidth: Int
  private let width: Int
  private let heads: Int
  /// Merged rows along a window's side; nil where there are no windows.
  private let window: Int?
  private let patches: FrozenLinear
  private let blocks: [Block]
  private let rotary: RotaryEmbedding
  private let mergerNorm: Norm
  private let mergerUp: FrozenLinear
  private let mergerDown: FrozenLinear

  /// - Parameter out: the decoder's width.
  init(_ configuration: CheckpointConfiguration, _ weights: CheckpointWeights, isNewer: Bool, width out: Int) throws {
    try configuration.require("in_channels", .int(3))
    try configuration.require("in_chans", .int(3))
    type = weights.type
    patch = try configuration.count("patch_size", default: 14)
    merge = try configuration.count("spatial_merge_size", default: 2)
    frames = try configuration.count("temporal_patch_size", default: 2)
    // Numbers that are multiplied below are small in every model; larger ones are no shapes.
    for (key, value) in [("patch_size", patch), ("spatial_merge_size", merge), ("temporal_patch_size", frames)]
    where value > 1024 { throw configuration.malformed(key, "a number up to 1024") }
    width =
      try isNewer
      ? configuration.count("hidden_size", default: 3584) : configuration.count("embed_dim", default: 1280)
    heads = try configuration.heads("num_heads", default: 16, width: width)
    guard width / heads % 4 == 0 else {
      throw configuration.malformed("num_heads", "a number of heads of 4 n channels")
    }
    patchWidth = 3 * frames * patch * patch

    let own = try weights.within(anyOf: ["model.visual.", "visual."], holding: "patch_embed.proj.weight")
    func linear(_ name: String, _ inputs: Int, _ outputs: Int) throws -> FrozenLinear {
      FrozenLinear(
        weight: try own.tensor("\(name).weight", [outputs, inputs]), bias: try own.tensor("\(name).bias", [outputs]))
    }
    // Kernels that do not overlap are one matrix over a patch's numbers.
    patches = FrozenLinear(
      weight: try own.tensor("patch_embed.proj.weight", [width, 3, frames, patch, patch])
        .reshaped([width, patchWidth]))

    let ratio = try configuration.number("mlp_ratio", default: 4)
    guard (0...1024).contains(ratio) else { throw configuration.malformed("mlp_ratio", "a number up to 1024") }
    let inner =
      try isNewer ? configuration.count("intermediate_size", default: 3420) : Int(Double(width) * ratio)
    let activation = try configuration.activation("hidden_act", default: isNewer ? "silu" : "quick_gelu")
    guard !isNewer || activation == .silu else { throw configuration.unsupported("hidden_act", supported: "silu") }
    let full = try isNewer ? Self.fullLayers(configuration) : []
    let size = width
    blocks = try (0..<(configuration.count("depth", default: 32))).map { index in
      let path = "blocks.\(index)"
      func norm(_ name: String) throws -> Norm { try Norm(own, "\(path).\(name)", width: size, isRoot: isNewer) }
      let feedForward: FeedForward =
        isNewer
        ? .gated(
          GatedFeedForward(
            gate: try linear("\(path).mlp.gate_proj", size, inner), up: try linear("\(path).mlp.up_proj", size, inner),
            down: try linear("\(path).mlp.down_proj", inner, size)))
        : .plain(
          try linear("\(path).mlp.fc1", size, inner), activation, try linear("\(path).mlp.fc2", inner, size))
      return Block(
        joint: try linear("\(path).attn.qkv", size, 3 * size), output: try linear("\(path).attn.proj", size, size),
        attentionNorm: try norm("norm1"), feedForwardNorm: try norm("norm2"), feedForward: feedForward,
        seesAll: !isNewer || full.contains(index))
    }
    window = isNewer ? try Self.window(configuration, patch: patch, merge: merge) : nil

    // Half of the pairs of channels turn with the row, half with the column, at the same rates.
    let pairs = width / heads / 4
    let rates = RotaryEmbedding(width: 2 * pairs, theta: 1e4).frequencies
    rotary = RotaryEmbedding(frequencies: rates + rates, sections: [pairs, pairs])

    mergerNorm = try Norm(own, "merger.ln_q", width: width, isRoot: isNewer)
    let merged = width * merge * merge
    mergerUp = try linear("merger.mlp.0", merged, merged)
    mergerDown = try linear("merger.mlp.2", merged, out)
  }

  var projector: [(name: String, map: FrozenLinear)] {
    [("visual.merger.mlp.0", mergerUp), ("visual.merger.mlp.2", mergerDown)]
  }

  private static func fullLayers(_ configuration: CheckpointConfiguration) throws -> Set<Int> {
    let key = "fullatt_block_indexes"
    guard let list = configuration[key] else { return [7, 15, 23, 31] }
    let numbers = list.listValue?.compactMap(\.intValue)
    guard let numbers, numbers.count == list.listValue?.count else {
      throw configuration.malformed(key, "a list of layers' numbers")
    }
    return Set(numbers)
  }

  private static func window(_ configuration: CheckpointConfiguration, patch: Int, merge: Int) throws -> Int {
    let side = try configuration.count("window_size", default: 112) / merge / patch
    guard side > 0 else { throw configuration.malformed("window_size", "at least the size of merged patches") }
    return side
  }

  /// What the merger's maps are given of one picture, [rows · columns / merge², merge² · width], from its patches in the order
  /// of blocks.
  func callAsFunction(_ pixels: Tensor, rows: Int, columns: Int) throws -> Tensor {
    let order = PatchProcessor.order(rows: rows, columns: columns, merge: merge)
    let rotation = try rotary.table([[order.map(\.row)], [order.map(\.column)]], type)
    let windows = try window.map { try mask(order, side: $0 * merge, columns: columns) }
    var x = try patches(pixels).unsqueezed(0)
    for block in blocks {
      x = try x + attended(block.attentionNorm(x), block, rotation, block.seesAll ? nil : windows)
      x = try x + block.feedForward(block.feedForwardNorm(x))
    }
    return try mergerNorm(x).reshaped([-1, width * merge * merge])
  }

  /// The rows of one picture, [rows · columns / merge², width of the decoder].
  func projected(_ merged: Tensor) throws -> Tensor { try mergerDown(mergerUp(merged).gelu()) }

  private func attended(_ x: Tensor, _ block: Block, _ rotation: RotaryTable, _ mask: Tensor?) throws -> Tensor {
    let count = x.shape[1]
    let all = try block.joint(x).reshaped([1, count, 3, heads, width / heads]).permuted([2, 0, 3, 1, 4])
    let query = try rotation(all.selected(0, 0))
    let key = try rotation(all.selected(0, 1))
    let seen = try query.attention(key: key, value: all.selected(0, 2), mask: mask)
    return try block.output(seen.transposed(1, 2).reshaped([1, count, width]))
  }

  /// Which patches are in one window, [1, 1, patches, patches]; windows are cut from the upper left, those at the other
  /// borders are smaller.
  private func mask(_ order: [(row: Int, column: Int)], side: Int, columns: Int) throws -> Tensor {
    let across = (columns + side - 1) / side
    let windows = try Tensor(order.map { $0.row / side * across + $0.column / side })
    return try windows.reshaped([1, 1, -1, 1]).equal(to: windows.reshaped([1, 1, 1, -1]))
  }
}
