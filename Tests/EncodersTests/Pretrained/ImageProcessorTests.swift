import Foundation
import Multimodal
import Records
import TestSupport
import Testing
import Torch

@testable import Encoders

@Suite("Image processors")
struct ImageProcessorTests {
  static let names = [
    "vit", "vit-square", "vit-lanczos", "vit-nearest", "vit-box", "vit-hamming", "vit-plain", "clip", "clip-odd",
    "clip-margin", "convnext", "convnext-old", "deit", "siglip", "blip",
  ]

  @Test("a picture so narrow that it would outgrow memory when its shorter side is stretched is refused")
  func narrow() throws {
    var processor = ImageProcessor.torchvision
    let narrow = RGBImage(width: 1, height: 100_000, pixels: [UInt8](repeating: 0, count: 300_000))
    // Of what is cropped away nothing is computed.
    #expect(processor.objection(to: narrow) == nil)
    #expect(processor(narrow).height == 224)
    processor.crop = nil
    let said = "its processor would make 25600000 x 256 pixels of 100000 x 1"
    #expect(processor.objection(to: narrow) == said)
    #expect(processor.objection(to: RGBImage(width: 20, height: 40, pixels: [UInt8](repeating: 0, count: 2400))) == nil)
  }

  @Test("what is cropped out of a resized picture is the same, whether the rest was computed or not", arguments: 0..<6)
  func windows(number: Int) throws {
    let filter = try #require(ResamplingFilter(rawValue: number))
    var numbers = SeededNumbers(seed: 3, stream: "windows")
    for (from, to) in [((17, 40), (31, 9)), ((60, 5), (13, 30)), ((9, 9), (9, 30)), ((20, 30), (20, 30))] {
      let pixels = (0..<from.0 * from.1 * 3).map { _ in UInt8(numbers.uniform(below: 256)) }
      let image = RGBImage(width: from.1, height: from.0, pixels: pixels)
      let whole = image.resized(to: (to.0, to.1), by: filter)
      let (rows, columns) = (2..<to.0 - 3, 1..<to.1 - 2)
      let part = image.resized(to: (to.0, to.1), by: filter, keeping: (rows, columns))
      let expected = rows.flatMap { y in
        whole.pixels[(y * to.1 + columns.lowerBound) * 3..<(y * to.1 + columns.upperBound) * 3]
      }
      #expect(part.pixels == expected && part.height == rows.count && part.width == columns.count)
    }
  }

  @Test("pictures come out as the reference processor's, within one grey level", arguments: names)
  func values(name: String) throws {
    let folder = Checkpoints.folder("processors")
    let expected = try Checkpoints.expected("processors")
    let processor = try ImageProcessor(CheckpointConfiguration(reading: folder.appending(path: "\(name).json")))
    let level = processor.factor / (processor.deviation.min() ?? 1)
    for picture in ["wide", "tall", "tiny", "large", "alpha", "gray"] {
      let image = try RGBImage(contentsOf: folder.appending(path: "\(picture).png"))
      let found = processor(image)
      let right = try expected.tensor("\(name).\(picture)")
      #expect(right.shape == [3, found.height, found.width])
      let apart = zip(found.values, try right.array(of: Float.self)).map { abs($0 - $1) }.max() ?? 0
      // Only where transparency is laid on white may rounding differ.
      #expect(apart <= (picture == "alpha" ? level * 1.001 : 1e-5), "\(picture): \(apart)")
    }
  }

  private func processor(_ json: String) throws -> ImageProcessor {
    try withTemporaryFolder { place in
      let url = place.appending(path: "preprocessor_config.json")
      try Data(json.utf8).write(to: url)
      return try ImageProcessor(CheckpointConfiguration(reading: url))
    }
  }

  @Test("older spellings of a processor are read")
  func older() throws {
    let vit = try processor(#"{"feature_extractor_type": "ViTFeatureExtractor", "size": 224, "resample": 2}"#)
    #expect(vit.target == .exactly(height: 224, width: 224))
    #expect(vit.crop == nil && vit.mean == [0.5, 0.5, 0.5] && vit.filter == .bilinear)
    let clip = try processor(
      #"{"feature_extractor_type": "CLIPFeatureExtractor", "size": 224, "crop_size": 224, "resample": 3}"#)
    #expect(clip.target == .shortest(224))
    #expect(try #require(clip.crop) == (224, 224))
    #expect(clip.mean[0] == 0.48145466)
    let convnext = try processor(
      #"{"feature_extractor_type": "ConvNextFeatureExtractor", "size": 224, "crop_pct": 0.875}"#)
    #expect(convnext.target == .shortest(256))
    let large = try processor(
      #"{"image_processor_type": "ConvNextImageProcessorFast", "size": {"shortest_edge": 384}}"#)
    #expect(large.target == .exactly(height: 384, width: 384))
    #expect(large.crop == nil)
  }

  @Test(
    "what a processor asks for and is not done is refused by name",
    arguments: [
      ("image_processor_type", #"{"image_processor_type": "DonutImageProcessor"}"#),
      ("do_pad", #"{"image_processor_type": "ViTImageProcessor", "do_pad": true}"#),
      ("size", #"{"image_processor_type": "ViTImageProcessor", "size": {"longest_edge": 9}}"#),
      ("resample", #"{"image_processor_type": "ViTImageProcessor", "resample": 9}"#),
      ("image_std", #"{"image_processor_type": "ViTImageProcessor", "image_std": [1, 0, 1]}"#),
      ("crop_pct", #"{"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 9}, "crop_pct": 0}"#),
    ])
  func refusals(key: String, json: String) throws {
    let error = #expect(throws: CheckpointError.self) { try processor(json) }
    #expect(error?.diagnosis.what.contains("'\(key)'") == true)
  }
}
