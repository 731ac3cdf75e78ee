import Foundation
import Records
import TestSupport
import Testing

@Suite("seesaw with TorchScript modules")
struct TorchScriptTests {
  @Test("modules encode and predict, are named in the record, and are warned of each time, quiet or not")
  func whole() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      for name in ["pictures", "texts"] {
        try FileManager.default.copyItem(
          at: Conditions.golden("torchscript/\(name)"), to: folder.appending(path: name))
      }
      let warning = "  Warning  '"
      let encode = [
        "encode", "raw", "--out", "data", "--image-encoder", "torchscript:pictures/plain.pt", "--text-encoder",
        "torchscript:texts/words.pt", "--text-pooling", "mean",
      ]
      let answer = try Seesaw.run(encode + ["--json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(try answer.json()[path: "widths"] == ["image": 5, "text": 6])
      #expect(answer.error.components(separatedBy: warning).count == 3, "\(answer.error)")
      #expect(answer.error.contains("plain.pt' is a program and not only weights"), "\(answer.error)")
      let manifest = try Tree(
        json: String(contentsOf: folder.appending(path: "data/dataset.json"), encoding: .utf8))
      #expect(manifest[path: "about.encoders.image.file"] == "plain.pt")
      #expect(manifest[path: "about.encoders.text.pooling"] == "mean")
      #expect(manifest[path: "about.encoders.text.sha256"]?.stringValue?.count == 64)
      // Known rows are known by the file's digest, not by its name.
      let pictures = folder.appending(path: "pictures")
      try FileManager.default.moveItem(
        at: pictures.appending(path: "traced.pt"), to: pictures.appending(path: "other.pt"))
      let again = try Seesaw.run(encode + ["--again", "-q"], in: folder)
      #expect(again.status == 0 && again.error.components(separatedBy: warning).count == 3, "\(again.error)")
      var other = encode
      other[5] = "torchscript:pictures/other.pt"
      let changed = try Seesaw.run(other + ["--again", "--json"], in: folder)
      #expect(changed.status == 0, "\(changed.error)")
      #expect(
        try changed.json()[path: "rows.encoded"]?.intValue == 24 && changed.json()[path: "rows.known"]?.intValue == 24)

      let train = try Seesaw.run(
        ["train", "data", "--method", "joint", "--out", "run", "--set", "training.epochs=1"], in: folder)
      #expect(train.status == 0 && !train.error.contains("Warning"), "\(train.error)")
      let ask = ["predict", "run", "--image", "raw/test-0.png", "--text", "the red moon", "--json", "-q"]
      let predicted = try Seesaw.run(ask, in: folder)
      #expect(predicted.status == 0, "\(predicted.error)")
      #expect(try predicted.json()[path: "present"] == ["image", "text"])
      #expect(predicted.error.components(separatedBy: warning).count == 3, "\(predicted.error)")
      try Data("other".utf8).write(to: pictures.appending(path: "other.pt"))
      let refused = try Seesaw.run(ask, in: folder)
      #expect(refused.status == 66 && refused.error.contains("'other.pt' has changed"), "\(refused.error)")
    }
  }
}
