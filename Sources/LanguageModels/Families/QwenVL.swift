import Encoders
import Foundation
import Multimodal
import Records
import Torch
import TorchNN

/// Qwen2-VL and Qwen2.5-VL: pictures in their own proportions, and positions of three rows.
///
/// Wang et al. 2024; Bai et al. 2025.
struct QwenVL: PictureTower {
  private let tower: QwenVLTower
  private let processor: PatchProcessor

  static func model(_ folder: LanguageModelFolder, _ weights: CheckpointWeights) throws -> DecoderLanguageModel {
    let configuration = folder.configuration
    // Older files say the text model's shape at the top.
    let isNested = configuration["text_config"] != nil
    let decoder = try folder.decoder(
      isNested ? configuration.nested("text_config") : configuration, type: "\(folder.family)_text", weights,
      prefixes: ["model.language_model.", "model."], heads: ["lm_head.weight"])
    let tower = try QwenVLTower(
      configuration.nested("vision_config"), weights, isNewer: folder.family == "qwen2_5_vl",
      width: decoder.configuration.width)
    guard let said = try ImageProcessor.configuration(in: folder.url) else {
      throw CheckpointError.noFile("preprocessor_config.json", in: folder.url.path)
    }
    return DecoderLanguageModel(
      folder, decoder, tower: QwenVL(tower: tower, processor: try PatchProcessor(said, tower)),
      imageToken: try configuration.token("image_token_id", default: 151_655))
  }

  var projector: [(name: String, map: FrozenLinear)] { tower.projector }

  func prepare(_ picture: RGBImage) throws -> PreparedPicture {
    let (values, rows, columns) = try processor(picture)
    return PreparedPicture(
      values: values, shape: [rows * columns, tower.patchWidth], layout: .patches(rows: rows, columns: columns),
      tokenCount: rows * columns / (tower.merge * tower.merge))
  }

  func text(for picture: PreparedPicture) -> [PictureText] {
    [.token("<|vision_start|>"), .image(picture.tokenCount), .token("<|vision_end|>")]
  }

  func features(of picture: PreparedPicture) throws -> Tensor {
    guard case .patches(let rows, let columns) = picture.layout else {
      throw LanguageModelError.picture("it was prepared for another family")
    }
    return try tower(tensor(picture, tower.type), rows: rows, columns: columns)
  }

  func rows(from features: Tensor, of picture: PreparedPicture) throws -> Tensor { try tower.projected(features) }

  func positions(_ roles: [TokenRole], _ pictures: [PreparedPicture]) -> TokenPositions {
    Self.positions(
      roles,
      grids: pictures.map { picture in
        guard case .patches(let rows, let columns) = picture.layout else { return (1, picture.tokenCount) }
        return (rows / tower.merge, columns / tower.merge)
      })
  }

  /// M-RoPE's positions: a text token stands at (p, p, p) and counts p up by 1; of a picture that begins at p the row at
  /// (r, c) of its merged grid h × w stands at (p, p + r, p + c), and p goes up by max(h, w).
  static func positions(_ roles: [TokenRole], grids: [(rows: Int, columns: Int)]) -> TokenPositions {
    var rows: [[Int]] = [[], [], []]
    var next = 0
    var grids = grids[...]
    var place = 0
    while place < roles.count {
      guard roles[place] == .image, let grid = grids.popFirst() else {
        for row in rows.indices { rows[row].append(next) }
        next += 1
        place += 1
        continue
      }
      for row in 0..<grid.rows {
        for column in 0..<grid.columns {
          rows[0].append(next)
          rows[1].append(next + row)
          rows[2].append(next + column)
        }
      }
      next += max(grid.rows, grid.columns)
      place += grid.rows * grid.columns
    }
    return TokenPositions(rows: rows, next: next)
  }
}

/// How Qwen2-VL cuts a picture: to a multiple of the merged patches' size within a number of pixels, then into patches.
struct PatchProcessor {
  /// The side of a patch, and how many patches along each side become one row.
  let patch: Int
  let merge: Int
  private let frames: Int
  let pixels: ClosedRange<Int>
  private let filter: ResamplingFilter
  private let numbers: ImageProcessor

  private static let mostPixels = 1 << 26

  init(_ configuration: CheckpointConfiguration, _ tower: QwenVLTower) throws {
    try configuration.require("do_resize", .bool(true))
    (patch, merge, frames) = (tower.patch, tower.merge, tower.frames)
    for (key, value, standard) in [
      ("patch_size", patch, 14), ("merge_size", merge, 2), ("temporal_patch_size", frames, 2),
    ] where try configuration.count(key, default: standard) != value {
      throw configuration.unsupported(key, supported: "\(value), as config.json says")
    }
    let size = configuration.nested("size")
    let least = try configuration.count("min_pixels", default: size.count("shortest_edge", default: 3136))
    let most = try configuration.count("max_pixels", default: size.count("longest_edge", default: 1_003_520))
    guard least <= most, most <= Self.mostPixels else {
      throw configuration.malformed("max_pixels", "a number from min_pixels to \(Self.mostPixels)")
    }
    pixels = least...most
    let number = try configuration.token("resample", default: ResamplingFilter.bicubic.rawValue) ?? 3
    guard let filter = ResamplingFilter(rawValue: number) else {
      throw configuration.unsupported("resample", supported: "0 to 5, as Pillow numbers filters")
    }
    self.filter = filter
    numbers = try ImageProcessor(numbersOf: configuration, usesClip: true)
  }

  /// The size that a picture is resized to; nil where one side is more than 200 times the other.
  static func size(height: Int, width: Int, factor: Int, pixels: ClosedRange<Int>) -> (height: Int, width: Int)? {
    guard Double(max(height, width)) / Double(min(height, width)) <= 200 else { return nil }
    let unit = Double(factor)
    let (h, w) = (Double(height), Double(width))
    func even(_ length: Double) -> Int { Int((length / unit).rounded(.toNearestOrEven)) * factor }
    let size = (height: even(h), width: even(w))
    if size.height * size.width > pixels.upperBound {
      let share = (h * w / Double(pixels.upperBound)).squareRoot()
      return (max(factor, Int(h / share / unit) * factor), max(factor, Int(w / share / unit) * factor))
    }
    if size.height * size.width < pixels.lowerBound {
      let share = (Double(pixels.lowerBound) / (h * w)).squareRoot()
      return (Int((h * share / unit).rounded(.up)) * factor, Int((w * share / unit).rounded(.up)) * factor)
    }
    return size
  }

  /// The order of the patches of a grid: by blocks that are merged, blocks and the patches within row by row.
  static func order(rows: Int, columns: Int, merge: Int) -> [(row: Int, column: Int)] {
    (0..<rows / merge).flatMap { blockRow in
      (0..<columns / merge).flatMap { blockColumn in
        (0..<merge * merge).map { (blockRow * merge + $0 / merge, blockColumn * merge + $0 % merge) }
      }
    }
  }

  /// The patches' numbers, each channel by channel, frame by frame, row by row, and the grid.
  func callAsFunction(_ picture: RGBImage) throws -> (values: [Float], rows: Int, columns: Int) {
    guard
      let size = Self.size(
        height: picture.height, width: picture.width, factor: patch * merge, pixels: pixels)
    else { throw LanguageModelError.picture("one of its sides is more than 200 times the other") }
    guard size.height <= Self.mostPixels / max(size.width, 1) else {
      throw LanguageModelError.picture("its processor would make \(size.height) x \(size.width) pixels of it")
    }
    let (height, width, values) = numbers(picture.resized(to: size, by: filter))
    let (rows, columns) = (height / patch, width / patch)
    var patches: [Float] = []
    patches.reserveCapacity(values.count * frames)
    for (row, column) in Self.order(rows: rows, columns: columns, merge: merge) {
      for channel in 0..<3 {
        for _ in 0..<frames {
          for line in 0..<patch {
            let start = (channel * height + row * patch + line) * width + column * patch
            patches += values[start..<start + patch]
          }
        }
      }
    }
    return (patches, rows, columns)
  }
}
