import Foundation
import Records
import TestSupport
import Testing

@Suite("seesaw with encoders that are trained")
struct TrainedEncoderTests {
  private static let golden = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Golden/encoders")

  @Test("pixels and tokens become a data set, both encoders are trained with the model, and the run predicts")
  func whole() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      for name in ["sentence", "resnet-torchvision"] {
        try FileManager.default.copyItem(at: Self.golden.appending(path: name), to: folder.appending(path: name))
      }
      let encode = [
        "encode", "raw", "--out", "data", "--image-encoder", "pixels:32", "--text-encoder", "tokens:sentence",
      ]
      let answer = try Seesaw.run(encode, in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(answer.error.contains("image 32 × 32 pixels, text 8 tokens · "), "\(answer.error)")
      let train = try StoredFile.read(folder.appending(path: "data/train.safetensors"))
      #expect(train["image"]?.shape == [6, 3, 32, 32] && train["image"]?.type == "U8")
      #expect(train["text"]?.shape.count == 2 && train["text"]?.type == "I32")
      // Twelve pictures, six noisy ones of test and validation and what is missing, a byte for each number.
      let cache = folder.appending(path: "data.cache")
      let rows = try FileManager.default.subpathsOfDirectory(atPath: cache.path)
        .filter { $0.hasPrefix("image-") && $0.hasSuffix(".rows") }
        .reduce(0) { try $0 + Data(contentsOf: cache.appending(path: $1)).count }
      let picture = 3 * 32 * 32
      #expect(rows > 19 * picture && rows < 20 * picture, "\(rows)")
      let missing = try StoredFile.read(folder.appending(path: "data/test@text-missing.safetensors"))
      #expect(missing["text"]?.bytes.allSatisfy { $0 == 0 } == true)

      let plain = try Seesaw.run(["train", "data", "--method", "joint", "--out", "run"], in: folder)
      #expect(plain.status == 64 && plain.error.contains("--set model.encoders.image=small-cnn"), "\(plain.error)")
      let settings = [
        "--set", "model.encoders.image=resnet-torchvision", "--set", "model.encoders.text=sentence", "--set",
        "training.frozen=encoder.text.embeddings", "--set", "optimizer.learning_rates=[encoder=1e-5]", "--set",
        "training.epochs=1",
      ]
      let run = try Seesaw.run(["train", "data", "--method", "ogm-ge", "--out", "run"] + settings, in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(!run.error.contains("was made for encoders that are trained"))
      let record = try Tree(json: String(contentsOf: folder.appending(path: "run/run.json"), encoding: .utf8))
      #expect(record[path: "data.digests"]?.tableValue?["encoder.text"]?.stringValue?.count == 64)

      // Weights and networks are in the run; of the checkpoint only the tokenizer is needed.
      try FileManager.default.removeItem(at: folder.appending(path: "resnet-torchvision"))
      let table = try Seesaw.run(["evaluate", "run", "--json"], in: folder)
      #expect(table.status == 0, "\(table.error)")
      let predicted = try Seesaw.run(
        ["predict", "run", "--image", "raw/test-0.png", "--text", "a cat", "--json"], in: folder)
      #expect(predicted.status == 0, "\(predicted.error)")
      #expect(try predicted.json()[path: "present"] == ["image", "text"])
    }
  }
}
