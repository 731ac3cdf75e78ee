import Encoders
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// Idefics3 and SmolVLM: SigLIP's tower on square tiles, pixel shuffle, and one linear map.
///
/// Laurençon et al. 2024; Marafioti et al. 2025.
struct Idefics3: PictureTower {
  private let network: VisionTransformer
  private let connector: FrozenLinear
  private let type: ElementType
  /// Patches along a tile's side.
  private let side: Int
  /// s: how many patches along each side become one row.
  private let scale: Int
  private let processor: TileProcessor

  static func model(_ folder: LanguageModelFolder, _ weights: CheckpointWeights) throws -> DecoderLanguageModel {
    let configuration = folder.configuration
    let text = configuration.nested("text_config")
    let decoder = try folder.decoder(
      text, type: text.text("model_type", default: "llama"), epsilon: text.table.isEmpty ? 1e-5 : nil, weights,
      prefixes: ["model.text_model."], heads: ["lm_head.weight"])
    return DecoderLanguageModel(
      folder, decoder, tower: try Idefics3(folder, weights, width: decoder.configuration.width),
      imageToken: try configuration.token("image_token_id", default: 128_257))
  }

  private init(_ folder: LanguageModelFolder, _ weights: CheckpointWeights, width: Int) throws {
    let configuration = folder.configuration
    let given = configuration.nested("vision_config")
    let standard: [String: Tree] = [
      "hidden_size": .int(1152), "intermediate_size": .int(3072), "num_hidden_layers": .int(12),
      "num_attention_heads": .int(16), "image_size": .int(224), "patch_size": .int(32), "layer_norm_eps": .number(1e-6),
      "hidden_act": .string("gelu_pytorch_tanh"),
    ]
    let table = standard.merging(given.table.filter { $0.value != .null }) { $1 }
      .merging(["vision_use_head": .bool(false)]) { $1 }
    let vision = CheckpointConfiguration(file: given.file, table: table, path: "vision_config.")
    network = try VisionTransformer(
      vision, weights.within(anyOf: ["model.vision_model."], holding: "embeddings.patch_embedding.weight"), .siglip)
    type = weights.type
    let size = try vision.count("image_size", default: 224)
    side = size / (try vision.count("patch_size", default: 32))
    scale = try configuration.count("scale_factor", default: 2)
    guard side % scale == 0 else {
      throw configuration.malformed("scale_factor", "a divisor of the \(side) patches along a tile")
    }
    let inputs = try vision.count("hidden_size", default: 1152) * scale * scale
    connector = FrozenLinear(
      weight: try weights.tensor("model.connector.modality_projection.proj.weight", [width, inputs]))
    guard let said = try ImageProcessor.configuration(in: folder.url) else {
      throw CheckpointError.noFile("preprocessor_config.json", in: folder.url.path)
    }
    processor = try TileProcessor(said, side: size)
  }

  var projector: [(name: String, map: FrozenLinear)] { [("model.connector.modality_projection.proj", connector)] }

  func prepare(_ picture: RGBImage) throws -> PreparedPicture {
    let (tiles, rows, columns) = try processor(picture)
    return PreparedPicture(
      values: tiles.flatMap { processor.numbers($0).values }, shape: [tiles.count, 3, processor.side, processor.side],
      layout: .tilesAndBase(rows: rows, columns: columns), tokenCount: tiles.count * tokensPerTile)
  }

  private var tokensPerTile: Int { (side / scale) * (side / scale) }

  func text(for picture: PreparedPicture) -> [PictureText] {
    guard case .tilesAndBase(let rows, let columns) = picture.layout else { return [] }
    let mark = PictureText.token("<fake_token_around_image>")
    var pieces: [PictureText] = []
    for row in 0..<rows {
      for column in 0..<columns {
        pieces += [mark, .token("<row_\(row + 1)_col_\(column + 1)>"), .image(tokensPerTile)]
      }
      // An empty line stands between the last row and the whole picture.
      pieces.append(.text(row == rows - 1 ? "\n\n" : "\n"))
    }
    return pieces + [mark, .token("<global-img>"), .image(tokensPerTile), mark]
  }

  func features(of picture: PreparedPicture) throws -> Tensor {
    try inPortions(tensor(picture, type)) { tiles in
      try Self.shuffled(network.rows(tiles) { _ in }, side: side, scale: scale)
    }
  }

  func rows(from features: Tensor, of picture: PreparedPicture) throws -> Tensor {
    try inPortions(features) { try connector($0.reshaped([-1, $0.shape[2]])) }
  }

  /// Pixel shuffle: of patches [B, n², d] each block of s × s becomes one row [B, (n/s)², s² d], row by row of the block.
  static func shuffled(_ rows: Tensor, side n: Int, scale s: Int) throws -> Tensor {
    let (batch, width) = (rows.shape[0], rows.shape[2])
    return try rows.reshaped([batch, n / s, s, n / s, s, width]).permuted([0, 1, 3, 2, 4, 5])
      .reshaped([batch, n / s * (n / s), s * s * width])
  }
}

/// How Idefics3 and SmolVLM cut a picture into square tiles.
struct TileProcessor {
  /// Of a tile.
  let side: Int
  /// What the longest side of a picture becomes before it is cut; nil where it stays.
  private let longest: Int?
  private let splits: Bool
  private let filter: ResamplingFilter
  let numbers: ImageProcessor

  /// Longer sides are shortened before a picture is cut.
  private static let longestSide = 4096
  private static let mostPixels = 1 << 26

  /// - Parameter side: the tower's.
  init(_ configuration: CheckpointConfiguration, side: Int) throws {
    self.side = side
    let tile = try configuration.nested("max_image_size").count("longest_edge", default: 364)
    guard tile == side else {
      throw configuration.unsupported("max_image_size", supported: "tiles of the tower's \(side) pixels")
    }
    let size = configuration.nested("size")
    guard configuration["size"] == nil || size["longest_edge"] != nil else {
      throw configuration.unsupported("size", supported: "longest_edge")
    }
    longest =
      try configuration.flag("do_resize", default: true) ? size.count("longest_edge", default: 4 * 364) : nil
    splits = try configuration.flag("do_image_splitting", default: true)
    let number = try configuration.token("resample", default: ResamplingFilter.lanczos.rawValue) ?? 1
    guard let filter = ResamplingFilter(rawValue: number) else {
      throw configuration.unsupported("resample", supported: "0 to 5, as Pillow numbers filters")
    }
    self.filter = filter
    numbers = try ImageProcessor(numbersOf: configuration, usesClip: false)
  }

  /// The sizes that a picture is resized to one after the other, and the rows and columns of tiles of the last; none where it
  /// is not cut.
  func plan(height: Int, width: Int) -> (sizes: [(height: Int, width: Int)], rows: Int, columns: Int) {
    var (height, width) = (height, width)
    var sizes: [(height: Int, width: Int)] = []
    if let longest {
      let aspect = Double(width) / Double(height)
      if width >= height {
        (width, height) = (longest, Int(Double(longest) / aspect))
        height += height % 2
      } else {
        (height, width) = (longest, Int(Double(longest) * aspect))
        width += width % 2
      }
      (height, width) = (max(height, 1), max(width, 1))
      let shape = Double(width) / Double(height)
      if width >= height, width > Self.longestSide {
        (width, height) = (Self.longestSide, max(1, Int(Double(Self.longestSide) / shape)))
      } else if height > width, height > Self.longestSide {
        (height, width) = (Self.longestSide, max(1, Int(Double(Self.longestSide) * shape)))
      }
      sizes.append((height, width))
    }
    guard splits else { return (sizes, 0, 0) }
    func whole(_ length: Int) -> Int { (length + side - 1) / side * side }
    let aspect = Double(width) / Double(height)
    if width >= height {
      width = whole(width)
      height = whole(Int(Double(width) / aspect))
    } else {
      height = whole(height)
      width = whole(Int(Double(height) * aspect))
    }
    sizes.append((height, width))
    return height > side || width > side ? (sizes, height / side, width / side) : (sizes, 0, 0)
  }

  /// The tiles row by row, and last the whole picture.
  func callAsFunction(_ picture: RGBImage) throws -> (tiles: [RGBImage], rows: Int, columns: Int) {
    let plan = plan(height: picture.height, width: picture.width)
    if let size = plan.sizes.first(where: { $0.height <= 0 || $0.width <= 0 || $0.height > Self.mostPixels / $0.width })
    {
      throw LanguageModelError.picture(
        "its processor would make \(size.height) x \(size.width) pixels of \(picture.height) x \(picture.width)")
    }
    let resized = plan.sizes.reduce(picture) { $0.resized(to: $1, by: filter) }
    let size = (height: resized.height, width: resized.width)
    let tiles = (0..<plan.rows * plan.columns).map { place in
      let (top, left) = (place / plan.columns * side, place % plan.columns * side)
      return resized.resized(to: size, by: filter, keeping: (top..<top + side, left..<left + side))
    }
    return (tiles + [resized.resized(to: (side, side), by: filter)], plan.rows, plan.columns)
  }
}
