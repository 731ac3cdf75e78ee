import Encoders
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// LLaVA-NeXT: the whole picture, and tiles of it in the shape of a grid that suits it.
///
/// Liu et al. 2024.
struct LLaVANext: PictureTower {
  private let tower: LLaVATower
  private let processor: GridProcessor
  /// Stands at the end of each row of the grid's patches, [1, 1, width].
  private let lineEnd: Tensor

  static func model(_ folder: LanguageModelFolder, _ weights: CheckpointWeights) throws -> DecoderLanguageModel {
    let configuration = folder.configuration
    let text = configuration.nested("text_config")
    let decoder = try folder.decoder(
      text, type: text.text("model_type", default: "llama"), weights, prefixes: LLaVATower.decoderPrefixes,
      heads: LLaVATower.headNames)
    let tower = try LLaVATower(configuration, weights, width: decoder.configuration.width)
    guard tower.tokenCount == tower.grid.rows * tower.grid.columns, tower.size.height == tower.size.width else {
      throw configuration.unsupported(
        "vision_feature_select_strategy", supported: "default with CLIP, full with SigLIP, on square pictures")
    }
    guard let said = try ImageProcessor.configuration(in: folder.url) else {
      throw CheckpointError.noFile("preprocessor_config.json", in: folder.url.path)
    }
    let width = decoder.configuration.width
    let lineEnd = try weights.within(anyOf: ["", "model."], holding: "image_newline").tensor("image_newline", [width])
    let cutting = try GridProcessor(said, configuration, side: tower.size.height)
    return DecoderLanguageModel(
      folder, decoder,
      tower: LLaVANext(tower: tower, processor: cutting, lineEnd: try lineEnd.reshaped([1, 1, width])),
      imageToken: try LLaVATower.imageToken(configuration))
  }

  var projector: [(name: String, map: FrozenLinear)] { tower.projector }

  func prepare(_ picture: RGBImage) throws -> PreparedPicture {
    let (views, rows, columns) = try processor(picture)
    let kept = Self.kept(
      height: picture.height, width: picture.width, rows: rows * tower.grid.rows,
      columns: columns * tower.grid.columns)
    return PreparedPicture(
      values: views.flatMap { processor.numbers($0).values },
      shape: [views.count, 3, tower.size.height, tower.size.width],
      layout: .baseAndTiles(rows: rows, columns: columns, height: picture.height, width: picture.width),
      tokenCount: tower.tokenCount + kept.rows.count * (kept.columns.count + 1))
  }

  func text(for picture: PreparedPicture) -> [PictureText] { [.image(picture.tokenCount)] }

  func features(of picture: PreparedPicture) throws -> Tensor {
    try inPortions(tensor(picture, tower.type)) { try tower($0) }
  }

  func rows(from features: Tensor, of picture: PreparedPicture) throws -> Tensor {
    guard case .baseAndTiles(let rows, let columns, let height, let width) = picture.layout else {
      throw LanguageModelError.picture("it was prepared for another family")
    }
    let views = try inPortions(features) { try tower.projected($0) }
    let (down, across) = (tower.grid.rows, tower.grid.columns)
    let map = try views.narrowed(0, from: 1, length: rows * columns)
      .reshaped([rows, columns, down, across, -1]).permuted([0, 2, 1, 3, 4])
      .reshaped([rows * down, columns * across, -1])
    let kept = Self.kept(height: height, width: width, rows: rows * down, columns: columns * across)
    let own = try map.narrowed(0, from: kept.rows.lowerBound, length: kept.rows.count)
      .narrowed(1, from: kept.columns.lowerBound, length: kept.columns.count)
    let ends = try lineEnd.expanded([kept.rows.count, 1, lineEnd.shape[2]])
    let lines = try Tensor.cat([own, ends], 1).reshaped([-1, lineEnd.shape[2]])
    return try Tensor.cat([views.selected(0, 0), lines], 0)
  }

  /// The patches of a grid that show something of a picture, not its margins.
  static func kept(height: Int, width: Int, rows: Int, columns: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    // As Python's round(x, 7), so that 23.9999999999 is 24.
    func whole(_ length: Double) -> Int { Int((length * 1e7).rounded(.toNearestOrEven) / 1e7) }
    if Double(width) / Double(height) > Double(columns) / Double(rows) {
      let margin = (rows - whole(Double(height) * (Double(columns) / Double(width)))) / 2
      return (margin..<rows - margin, 0..<columns)
    }
    let margin = (columns - whole(Double(width) * (Double(rows) / Double(height)))) / 2
    return (0..<rows, margin..<columns - margin)
  }
}

/// How LLaVA-NeXT lays tiles over a picture: the grid that keeps most of it, its margins black.
struct GridProcessor {
  /// Of a tile.
  private let side: Int
  /// The sizes that there are.
  let pinpoints: [(height: Int, width: Int)]
  private let filter: ResamplingFilter
  let numbers: ImageProcessor

  private static let mostPixels = 1 << 26

  /// - Parameters:
  ///   - configuration: of the processor.
  ///   - model: of the model, which must speak of the same sizes.
  init(_ configuration: CheckpointConfiguration, _ model: CheckpointConfiguration, side: Int) throws {
    self.side = side
    pinpoints = try Self.pinpoints(model, side: side)
    if configuration["image_grid_pinpoints"] != nil {
      let own = try Self.pinpoints(configuration, side: side)
      guard own.elementsEqual(pinpoints, by: { $0 == $1 }) else {
        throw configuration.unsupported("image_grid_pinpoints", supported: "the sizes that config.json lists")
      }
    }
    for key in ["size", "crop_size"] {
      let sizes =
        configuration.nested(key).table.values.compactMap(\.intValue) + [configuration[key]?.intValue].compactMap { $0 }
      guard sizes.allSatisfy({ $0 == side }) else {
        throw configuration.unsupported(key, supported: "the tower's \(side) pixels")
      }
    }
    let number = try configuration.token("resample", default: ResamplingFilter.bicubic.rawValue) ?? 3
    guard let filter = ResamplingFilter(rawValue: number) else {
      throw configuration.unsupported("resample", supported: "0 to 5, as Pillow numbers filters")
    }
    self.filter = filter
    numbers = try ImageProcessor(numbersOf: configuration, usesClip: true)
  }

  private static func pinpoints(
    _ configuration: CheckpointConfiguration, side: Int
  ) throws -> [(height: Int, width: Int)] {
    let key = "image_grid_pinpoints"
    guard let given = configuration[key] else {
      return [(336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)]
    }
    let list = given.listValue ?? []
    let sizes = list.compactMap { $0.listValue?.compactMap(\.intValue) }
    guard !sizes.isEmpty, sizes.count == list.count,
      sizes.allSatisfy({ size in
        size.count == 2 && size.allSatisfy { $0 > 0 && $0 % side == 0 && $0 <= 1 << 16 }
          && size[0] <= mostPixels / size[1]
      })
    else { throw configuration.malformed(key, "a list of heights and widths that are multiples of \(side)") }
    return sizes.map { ($0[0], $0[1]) }
  }

  /// The size that keeps most of a picture's pixels, then that which wastes least, then the first.
  func best(height: Int, width: Int) -> (height: Int, width: Int) {
    var best = pinpoints[0]
    var (most, least) = (0, Int.max)
    for size in pinpoints {
      let scale = min(Double(size.width) / Double(width), Double(size.height) / Double(height))
      let kept = min(Int(Double(width) * scale) * Int(Double(height) * scale), width * height)
      let wasted = size.height * size.width - kept
      if kept > most || (kept == most && wasted < least) { (best, most, least) = (size, kept, wasted) }
    }
    return best
  }

  /// The whole picture pressed into a tile, then the tiles row by row.
  func callAsFunction(_ picture: RGBImage) throws -> (views: [RGBImage], rows: Int, columns: Int) {
    let (height, width) = (picture.height, picture.width)
    let target = best(height: height, width: width)
    let across = Double(target.width) / Double(width)
    let down = Double(target.height) / Double(height)
    let size: (height: Int, width: Int) =
      across < down
      ? (min(Int((Double(height) * across).rounded(.up)), target.height), target.width)
      : (target.height, min(Int((Double(width) * down).rounded(.up)), target.width))
    let padded = picture.resized(to: size, by: filter)
      .cropped(to: target, top: -((target.height - size.height) / 2), left: -((target.width - size.width) / 2))
    let (rows, columns) = (target.height / side, target.width / side)
    let tiles = (0..<rows * columns).map { place in
      padded.cropped(to: (side, side), top: place / columns * side, left: place % columns * side)
    }
    return ([picture.resized(to: (side, side), by: filter)] + tiles, rows, columns)
  }
}
