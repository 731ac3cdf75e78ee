package import Foundation
package import Multimodal
import Records

/// What a checkpoint wants done to a picture before its network sees it, from `preprocessor_config.json`.
package struct ImageProcessor {
  /// What the picture is resized to.
  enum Target: Equatable {
    case exactly(height: Int, width: Int)
    /// The shorter side, the other in proportion.
    case shortest(Int)
  }

  var target: Target?
  var filter = ResamplingFilter.bilinear
  var crop: (height: Int, width: Int)?
  /// What is multiplied, taken off and divided by, a channel.
  package var factor: Float = 1 / 255
  var mean: [Float] = [0, 0, 0]
  var deviation: [Float] = [1, 1, 1]
  /// Whether an odd margin around a picture that is smaller than the crop is wider at the end.
  private var padsEnd = false

  /// The size that all pictures come out in; nil where it depends on the picture.
  package var size: (height: Int, width: Int)? {
    if let crop { return crop }
    guard case .exactly(let height, let width) = target else { return nil }
    return (height, width)
  }

  /// The kinds of processor, by name without `Fast`, `Pil` and the older `FeatureExtractor`.
  private static let kinds = [
    "ViTImageProcessor", "CLIPImageProcessor", "ConvNextImageProcessor", "SiglipImageProcessor", "BlipImageProcessor",
    "DeiTImageProcessor", "BitImageProcessor",
  ]
  private static let half: [Float] = [0.5, 0.5, 0.5]
  private static let clip: (mean: [Float], deviation: [Float]) = (
    [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
  )
  static let imageNet: (mean: [Float], deviation: [Float]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])

  /// What torchvision's own networks were evaluated with: the shorter side to 256, the middle 224.
  static var torchvision: ImageProcessor {
    var processor = ImageProcessor()
    processor.target = .shortest(256)
    processor.crop = (224, 224)
    (processor.mean, processor.deviation) = imageNet
    return processor
  }

  private init() {}

  /// Of a processor that cuts pictures in a way of its own: only the numbers are made here, as the configuration says.
  ///
  /// - Parameter usesClip: whether CLIP's mean and deviation stand where it says none; else 0.5.
  package init(numbersOf configuration: CheckpointConfiguration, usesClip: Bool) throws {
    try readNumbers(configuration, usesClip: usesClip)
  }

  private mutating func readNumbers(_ configuration: CheckpointConfiguration, usesClip: Bool) throws {
    factor =
      try configuration.flag("do_rescale", default: true)
      ? Float(configuration.number("rescale_factor", default: 1.0 / 255)) : 1
    guard try configuration.flag("do_normalize", default: true) else { return }
    mean = try Self.channels(configuration, "image_mean", usesClip ? Self.clip.mean : Self.half)
    deviation = try Self.channels(configuration, "image_std", usesClip ? Self.clip.deviation : Self.half)
    guard deviation.allSatisfy({ $0 != 0 }) else { throw configuration.malformed("image_std", "three numbers above 0") }
  }

  /// The processor of a checkpoint folder; nil where it has none.
  package static func found(in folder: URL) throws -> ImageProcessor? {
    try configuration(in: folder).map { try ImageProcessor($0) }
  }

  /// What a checkpoint folder says of its processor; nil where it says nothing.
  package static func configuration(in folder: URL) throws -> CheckpointConfiguration? {
    let own = folder.appending(path: "preprocessor_config.json")
    if FileManager.default.fileExists(atPath: own.path) { return try CheckpointConfiguration(reading: own) }
    let shared = folder.appending(path: "processor_config.json")
    guard FileManager.default.fileExists(atPath: shared.path) else { return nil }
    let configuration = try CheckpointConfiguration(reading: shared)
    return configuration["image_processor"] == nil ? nil : configuration.nested("image_processor")
  }

  init(_ configuration: CheckpointConfiguration) throws {
    let key = configuration["image_processor_type"] == nil ? "feature_extractor_type" : "image_processor_type"
    let named = try configuration.text(key, default: "ViTImageProcessor")
    var kind = named.replacingOccurrences(of: "FeatureExtractor", with: "ImageProcessor")
    padsEnd = kind.hasSuffix("Fast")
    for suffix in ["Fast", "Pil"] where kind.hasSuffix(suffix) { kind.removeLast(suffix.count) }
    guard Self.kinds.contains(kind) else {
      throw configuration.unsupported(key, supported: Self.kinds.joined(separator: ", "))
    }
    try configuration.require("do_pad", .bool(false))

    let keepsShape = ["CLIPImageProcessor", "ConvNextImageProcessor", "BitImageProcessor"].contains(kind)
    let side = ["ConvNextImageProcessor": 384, "BlipImageProcessor": 384, "DeiTImageProcessor": 256][kind] ?? 224
    if try configuration.flag("do_resize", default: true) {
      target = try Self.target(configuration, keepsShape: keepsShape, side: side)
    }
    let standard: ResamplingFilter = kind == "ViTImageProcessor" ? .bilinear : .bicubic
    let number = try configuration.token("resample", default: standard.rawValue) ?? standard.rawValue
    guard let filter = ResamplingFilter(rawValue: number) else {
      throw configuration.unsupported("resample", supported: "0 to 5, as Pillow numbers filters")
    }
    self.filter = filter

    let crops = ["CLIPImageProcessor", "DeiTImageProcessor", "BitImageProcessor"].contains(kind)
    if try configuration.flag("do_center_crop", default: crops) { crop = try Self.crop(configuration) }
    if kind == "ConvNextImageProcessor", case .shortest(let side) = target {
      // Below 384 the middle is kept; from there on the picture is pressed into a square.
      let share = try configuration.number("crop_pct", default: 224.0 / 256)
      guard share > 0, share <= 1 else { throw configuration.malformed("crop_pct", "a share above 0 and up to 1") }
      if side < 384 {
        target = .shortest(try Self.side(side, sharing: share, configuration))
        crop = (side, side)
      } else {
        target = .exactly(height: side, width: side)
      }
    }
    try readNumbers(
      configuration, usesClip: ["CLIPImageProcessor", "BlipImageProcessor", "BitImageProcessor"].contains(kind))
  }

  /// What timm's checkpoints say of how their networks were evaluated.
  init(timm configuration: CheckpointConfiguration) throws {
    let sides = configuration["input_size"]?.listValue?.compactMap(\.intValue) ?? [3, 224, 224]
    guard sides.count == 3, sides[0] == 3, sides[1] == sides[2], (1...65536).contains(sides[1]) else {
      throw configuration.unsupported("input_size", supported: "three channels of a square")
    }
    try configuration.require("crop_mode", .string("center"))
    let share = try configuration.number("crop_pct", default: 0.875)
    guard share > 0, share <= 1 else { throw configuration.malformed("crop_pct", "a share above 0 and up to 1") }
    let filters: [String: ResamplingFilter] = ["bilinear": .bilinear, "bicubic": .bicubic, "lanczos": .lanczos]
    guard let filter = filters[try configuration.text("interpolation", default: "bilinear")] else {
      throw configuration.unsupported("interpolation", supported: filters.keys.sorted().joined(separator: ", "))
    }
    self.filter = filter
    target = .shortest(try Self.side(sides[1], sharing: share, configuration))
    crop = (sides[1], sides[2])
    mean = try Self.channels(configuration, "mean", Self.imageNet.mean)
    deviation = try Self.channels(configuration, "std", Self.imageNet.deviation)
  }

  /// The side of which a part is so large.
  private static func side(_ part: Int, sharing share: Double, _ configuration: CheckpointConfiguration) throws -> Int {
    let side = Double(part) / share
    guard side <= 65536 else {
      throw configuration.malformed("crop_pct", "a share that leaves a side of at most 65536")
    }
    return Int(side)
  }

  /// More than these no network looks at.
  private static let mostPixels = 1 << 24

  /// Why a picture cannot be cut; nil where it can.
  package func objection(to image: RGBImage) -> String? {
    let size = resizing(image) ?? (image.height, image.width)
    // A picture of one pixel by a hundred thousand, its shorter side stretched, would be larger than any memory; of what is
    // cropped away nothing is computed.
    let kept = crop.map { (min(size.height, $0.height), min(size.width, $0.width)) } ?? size
    for (height, width) in [kept, crop ?? kept] where height > Self.mostPixels / max(width, 1) {
      return "its processor would make \(height) x \(width) pixels of \(image.height) x \(image.width)"
    }
    return nil
  }

  /// The size that a picture is resized to.
  private func resizing(_ image: RGBImage) -> (height: Int, width: Int)? {
    switch target {
    case nil: return nil
    case .exactly(let height, let width): return (height, width)
    case .shortest(let side):
      let (short, long) = (min(image.height, image.width), max(image.height, image.width))
      let other = max(1, Int(Double(side * long) / Double(short)))
      return image.width <= image.height ? (other, side) : (side, other)
    }
  }

  private static func target(
    _ configuration: CheckpointConfiguration, keepsShape: Bool, side: Int
  ) throws -> Target {
    guard let size = configuration["size"] else {
      return keepsShape ? .shortest(side) : .exactly(height: side, width: side)
    }
    if let side = size.intValue, (1...65536).contains(side) {
      return keepsShape ? .shortest(side) : .exactly(height: side, width: side)
    }
    let table = configuration.nested("size")
    let keys = Set(table.table.filter { $0.value != .null }.keys)
    switch keys {
    case ["height", "width"]:
      return .exactly(height: try table.count("height", default: 1), width: try table.count("width", default: 1))
    case ["shortest_edge"]: return .shortest(try table.count("shortest_edge", default: 1))
    default: throw configuration.unsupported("size", supported: "a number, height and width, or shortest_edge")
    }
  }

  private static func crop(_ configuration: CheckpointConfiguration) throws -> (height: Int, width: Int) {
    guard configuration["crop_size"]?.tableValue != nil else {
      return try configuration.size("crop_size", default: 224)
    }
    let table = configuration.nested("crop_size")
    guard table["height"] != nil, table["width"] != nil else {
      throw configuration.unsupported("crop_size", supported: "a number, or height and width")
    }
    return (try table.count("height", default: 1), try table.count("width", default: 1))
  }

  private static func channels(
    _ configuration: CheckpointConfiguration, _ key: String, _ standard: [Float]
  ) throws -> [Float] {
    guard let value = configuration[key] else { return standard }
    if let one = value.numberValue { return [Float](repeating: Float(one), count: 3) }
    let numbers = value.listValue?.compactMap(\.numberValue).map { Float($0) } ?? []
    guard numbers.count == 3, value.listValue?.count == 3 else { throw configuration.malformed(key, "three numbers") }
    return numbers
  }

  /// The picture as the processor cuts it, before its numbers are scaled.
  func cut(_ image: RGBImage) -> RGBImage {
    let image = resizing(image).map { image.resized(to: $0, by: filter, keeping: kept(of: $0)) } ?? image
    guard let crop, crop != (image.height, image.width) else { return image }
    return image.cropped(to: crop, top: margin(image.height, crop.height), left: margin(image.width, crop.width))
  }

  /// What the crop leaves of a picture of that size.
  private func kept(of size: (height: Int, width: Int)) -> (rows: Range<Int>, columns: Range<Int>) {
    func range(_ size: Int, _ crop: Int?) -> Range<Int> {
      guard let crop, crop < size else { return 0..<size }
      let start = margin(size, crop)
      return start..<start + crop
    }
    return (range(size.height, crop?.height), range(size.width, crop?.width))
  }

  /// Where the crop begins in the picture; below 0 where the picture is smaller.
  private func margin(_ size: Int, _ crop: Int) -> Int {
    let room = size - crop
    return room >= 0 || padsEnd ? room / 2 : -((1 - room) / 2)
  }

  /// The picture's numbers, channel by channel.
  package func callAsFunction(_ image: RGBImage) -> (height: Int, width: Int, values: [Float]) {
    let image = cut(image)
    let count = image.width * image.height
    let values = image.pixels.withUnsafeBufferPointer { pixels in
      [Float](unsafeUninitializedCapacity: count * 3) { out, filled in
        for channel in 0..<3 {
          let (mean, deviation) = (mean[channel], deviation[channel])
          for place in 0..<count {
            out[channel * count + place] = (Float(pixels[3 * place + channel]) * factor - mean) / deviation
          }
        }
        filled = count * 3
      }
    }
    return (image.height, image.width, values)
  }
}

extension RGBImage {
  /// A part of the picture; what lies outside of it is black.
  package func cropped(to size: (height: Int, width: Int), top: Int, left: Int) -> RGBImage {
    var part = [UInt8](repeating: 0, count: size.height * size.width * 3)
    let columns = max(0, -left)..<max(max(0, -left), min(size.width, width - left))
    for y in 0..<size.height where (0..<height).contains(y + top) && !columns.isEmpty {
      let source = ((y + top) * width + columns.lowerBound + left) * 3
      let target = (y * size.width + columns.lowerBound) * 3
      part.replaceSubrange(
        target..<target + columns.count * 3, with: pixels[source..<source + columns.count * 3])
    }
    return RGBImage(width: size.width, height: size.height, pixels: part)
  }
}
