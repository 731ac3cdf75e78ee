import Encoders
import Foundation
import Multimodal
import Records
import TestSupport
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

  /// Letters as tokens, as the small models' forty tokens have room for.
  static func tokenizer() throws -> Tokenizer {
    try withTemporaryFolder { folder in
      try Data(tokenizerFile.json().utf8).write(to: folder.appending(path: "tokenizer.json"))
      return try Tokenizer(folder: folder)
    }
  }

  /// A small model's folder with that tokenizer in it.
  static func withFolder(_ name: String, _ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { place in
      let folder = place.appending(path: name)
      try FileManager.default.copyItem(at: self.folder(name), to: folder)
      try Data(tokenizerFile.json().utf8).write(to: folder.appending(path: "tokenizer.json"))
      try body(folder)
    }
  }

  private static let tokenizerFile: Tree = {
    let letters = Array("abcdefghijklmnopqrstuvwxyz \n:?,.").map(String.init)
    let words = ["<unk>", "<s>", "</s>"] + letters
    var vocabulary = Dictionary(uniqueKeysWithValues: words.enumerated().map { ($1, Tree.int($0)) })
    vocabulary["<image>"] = 37
    // What stands around pictures: the small models tell such tokens apart by nothing.
    let marks = ["<|vision_start|>", "<|vision_end|>", "<fake_token_around_image>", "<global-img>"]
    let tiles = (1...2).flatMap { row in (1...2).map { "<row_\(row)_col_\($0)>" } }
    let special = ([("<unk>", 0), ("<s>", 1), ("</s>", 2), ("<image>", 37)] + (marks + tiles).map { ($0, 36) }).map {
      text, token -> Tree in
      ["content": .string(text), "id": .int(token), "special": true, "normalized": false]
    }
    return [
      "added_tokens": .list(special), "normalizer": ["type": "Lowercase"], "decoder": ["type": "Fuse"],
      "post_processor": [
        "type": "TemplateProcessing",
        "single": [["SpecialToken": ["id": "<s>", "type_id": 0]], ["Sequence": ["id": "A", "type_id": 0]]],
        "special_tokens": ["<s>": ["id": "<s>", "ids": [1], "tokens": ["<s>"]]],
      ],
      "model": [
        "type": "BPE", "unk_token": "<unk>", "merges": [], "vocab": .table(vocabulary),
      ],
    ]
  }()

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
