import Encoders
import Foundation
import Multimodal
import Records
import TestSupport

/// Small random models with a tokenizer of letters, and a few pictures with texts.
enum SmallLanguageModel {
  /// Letters, as a tokenizer of forty tokens: 0 is unknown, 1 begins, 2 ends, 37 holds a picture's place.
  private static let tokenizer: Tree = {
    let letters = Array("abcdefghijklmnopqrstuvwxyz \n:?,.").map(String.init)
    let vocabulary = ["<unk>", "<s>", "</s>"] + letters
    let pairs = vocabulary.enumerated().map { ($1, Tree.int($0)) } + [("<image>", Tree.int(37))]
    let special = [("<unk>", 0), ("<s>", 1), ("</s>", 2), ("<image>", 37)].map { text, token -> Tree in
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
        "type": "BPE", "unk_token": "<unk>", "merges": [],
        "vocab": .table(Dictionary(uniqueKeysWithValues: pairs)),
      ],
    ]
  }()

  /// BLIP's: some letters at a word's start and within it, [SEP] at 35; [DEC], 36, is none of its own.
  private static let wordPieces: String = {
    let letters = Array("actdogsnef").map(String.init)
    let words = ["[PAD]", "[UNK]", "[CLS]", "[MASK]"] + letters + letters.map { "##\($0)" } + ["?", ",", ":"]
    return (words + (words.count..<35).map { "[unused\($0)]" } + ["[SEP]"]).joined(separator: "\n") + "\n"
  }()

  /// A model's folder with a tokenizer, data of pictures with texts (eight to test, three to validate), and a place for
  /// results.
  static func with(
    _ name: String, count: Int = 12, _ body: (_ model: URL, _ data: URL, _ out: URL) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let model = folder.appending(path: "model")
      try FileManager.default.copyItem(at: Conditions.golden("language-models/\(name)"), to: model)
      let (file, text) =
        name.hasPrefix("blip") ? ("vocab.txt", wordPieces) : ("tokenizer.json", tokenizer.json())
      try Data(text.utf8).write(to: model.appending(path: file))
      let made = MadeUpFolder(folder.appending(path: "data"))
      var lines = ["id,image,text,label,split"]
      for number in 0..<count {
        let shade = UInt8(20 * number % 256)
        let picture = RGBImage(
          width: 8, height: 8, pixels: (0..<64).flatMap { [shade, UInt8($0 * 3), number % 2 == 0 ? 250 : 5] })
        try made.write("\(number).png", picture.png())
        let split = number < 8 ? "test" : number < 11 ? "validation" : "train"
        lines.append(
          "s\(number),\(number).png,a \(["cat", "dog"][number % 3 % 2]) sat,\(["cat", "dog"][number % 2]),\(split)")
      }
      try made.write("samples.csv", lines.joined(separator: "\n") + "\n")
      try body(model, made.folder, folder.appending(path: "out"))
    }
  }
}
