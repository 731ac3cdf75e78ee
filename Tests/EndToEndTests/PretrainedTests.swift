import Foundation
import Records
import TestSupport
import Testing

@Suite("seesaw with checkpoints")
struct PretrainedTests {
  private static let golden = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Golden/encoders")

  private func place(_ name: String, in folder: URL) throws {
    try FileManager.default.copyItem(at: Self.golden.appending(path: name), to: folder.appending(path: name))
  }

  @Test("a run predicts with the checkpoints that its features were made with, and says so when one has changed")
  func whole() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      try place("sentence", in: folder)
      try place("vit", in: folder)
      try Data(#"{"image_processor_type": "ViTImageProcessor", "size": {"height": 10, "width": 10}}"#.utf8)
        .write(to: folder.appending(path: "vit/preprocessor_config.json"))
      let encode = ["encode", "raw", "--out", "data", "--text-encoder", "sentence", "--image-encoder", "vit"]
      let answer = try Seesaw.run(encode + ["--json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(try answer.json()[path: "widths"] == ["text": 10, "image": 16])
      #expect(answer.error.contains("text: bert, 10 wide, pooled by cls+mean"), "\(answer.error)")
      let manifest = try Tree(
        json: String(contentsOf: folder.appending(path: "data/dataset.json"), encoding: .utf8))
      #expect(manifest[path: "about.encoders.image.pooling"] == "cls")
      #expect(manifest[path: "about.encoders.text.sha256"]?.stringValue?.count == 64)
      let again = try Seesaw.run(encode, in: folder)
      #expect(again.lastWords == "     Done  already done: data, --again to repeat")
      let other = try Seesaw.run(encode + ["--text-pooling", "cls"], in: folder)
      #expect(other.status == 64 && other.error.contains("features that were made otherwise"))

      let train = try Seesaw.run(
        ["train", "data", "--method", "joint", "--out", "run", "--set", "training.epochs=1"], in: folder)
      #expect(train.status == 0, "\(train.error)")
      let ask = ["predict", "run", "--text", "the red moon", "--json"]
      let predicted = try Seesaw.run(ask, in: folder)
      #expect(predicted.status == 0, "\(predicted.error)")
      #expect(try predicted.json()[path: "present"] == ["text"])

      try FileManager.default.removeItem(at: folder.appending(path: "sentence"))
      let gone = try Seesaw.run(ask, in: folder)
      #expect(gone.status == 66 && gone.error.contains("there is no checkpoint folder here"), "\(gone.error)")
    }
  }

  @Test("what is no checkpoint is refused before anything is written")
  func refusals() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      try place("bert", in: folder)
      let cases: [([String], String)] = [
        (["--text-encoder", "bert"], "there is no tokenizer"),
        (["--text-encoder", "raw"], "the checkpoint has no config.json"),
        (["--image-encoder", "bert"], "the architecture 'bert' is not read"),
        (["--text-encoder", "nowhere/bert"], "there is no checkpoint folder here"),
        (["--text-encoder", "brt"], "no text encoder is called 'brt'"),
        (["--text-pooling", "mean"], "the encoder 'hashed-ngrams' has no pooling to choose"),
      ]
      for (options, sentence) in cases {
        let answer = try Seesaw.run(["encode", "raw", "--out", "data"] + options, in: folder)
        #expect(answer.status == 64 || answer.status == 66)
        #expect(answer.error.contains(sentence), "\(options): \(answer.error)")
      }
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "data").path))
    }
  }

  @Test("encoders lists what comes along, what is read and what is trained")
  func list() throws {
    try withTemporaryFolder { folder in
      let text = try Seesaw.run(["encoders"], in: folder)
      #expect(text.status == 0 && text.out.contains("hashed-ngrams") && text.out.contains("distilbert"))
      let list = try Seesaw.run(["encoders", "--json"], in: folder).json().listValue ?? []
      #expect(list.contains { $0[path: "architectures"]?.listValue?.contains("resnet") == true })
      for name in ["torchscript:FILE", "tokens:FOLDER", "small-cnn"] { #expect(text.out.contains(name), "\(name)") }
      let trained = list.filter { $0[path: "trained"] == true }.compactMap { $0[path: "name"]?.stringValue }
      #expect(trained == ["small-cnn", "resnet-18", "vit-tiny", "vit-small"])
    }
  }
}
