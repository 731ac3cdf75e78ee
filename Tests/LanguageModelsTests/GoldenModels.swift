import Foundation
import Multimodal
import Testing
import Torch

@testable import LanguageModels

/// The small models that scripts/reference/mllm.py makes.
enum GoldenModels {
  static let names = [
    "llama", "llava-clip", "llava-siglip", "idefics3", "smolvlm", "qwen2_vl", "qwen2_5_vl", "llava_next",
  ]
  static let withPictures = names.filter { $0 != "llama" } + beside
  /// Those whose pictures stand beside the text.
  static let beside = ["blip-caption", "blip-vqa"]
  static let all = names + beside

  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Golden/language-models")

  static func folder(_ name: String) -> URL { folder.appending(path: name) }

  static func model(_ name: String) throws -> any LanguageModel { try LanguageModelFolder(folder(name)).load() }

  static func expected(_ name: String) throws -> SafeTensors {
    try SafeTensors(reading: folder(name).appending(path: "expected.safetensors"))
  }

  static func pictures(_ expected: SafeTensors) throws -> [RGBImage] {
    try (0...).lazy.map { "picture.\($0)" }.prefix { expected.entry($0) != nil }.map { name in
      let pixels = try expected.tensor(name)
      return RGBImage(width: pixels.shape[1], height: pixels.shape[0], pixels: try pixels.array())
    }
  }

  /// The prompt that the numbers were made of; as many of the pictures as its placeholders have room for.
  static func prompt(_ model: any LanguageModel, _ expected: SafeTensors) throws -> TokenSequence {
    let ids = try expected.tensor("ids").array(of: Int.self)
    guard let image = model.imageToken else {
      let pictures = try model.seesPictures ? pictures(expected).map(model.prepare) : []
      return try model.sequence(ids, roles: ids.map { _ in .instruction }, pictures: pictures)
    }
    var room = ids.count { $0 == image }
    var shown: [PreparedPicture] = []
    for picture in try pictures(expected).map(model.prepare) where room >= picture.tokenCount {
      shown.append(picture)
      room -= picture.tokenCount
    }
    return try model.sequence(ids, roles: ids.map { $0 == image ? .image : .instruction }, pictures: shown)
  }
}

/// The largest difference between two tensors of one shape.
func difference(_ a: Tensor, _ b: Tensor) throws -> Double {
  try #require(a.shape == b.shape)
  return try (a.to(.float64) - b.to(.float64)).abs().max().scalar()
}
