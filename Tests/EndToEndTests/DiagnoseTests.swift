import Foundation
import Records
import TestSupport
import Testing

@Suite("seesaw diagnose")
struct DiagnoseTests {
  private let settings = [
    "--set", "training.epochs=3", "--set", "training.batch_size=16", "--set", "training.threads=1",
  ]

  @Test("of a data set: words, tables, a file with every number, and the same as JSON")
  func data() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let answer = try Seesaw.run(["diagnose", "data", "--quick", "--out", "d"] + settings, in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(answer.out.hasPrefix("tiny · accuracy in % · Joint training, seed 0 · 18 test samples\n\n"))
      for heading in ["Leans on", "Try"] { #expect(answer.out.contains("\n\(heading)")) }
      #expect(answer.out.split(separator: "\n", omittingEmptySubsequences: false).count <= 26)
      #expect(answer.lastWords.hasPrefix("     Next  seesaw "))
      let tables = try Seesaw.run(["diagnose", "data", "--quick", "--out", "d", "--tables"] + settings, in: folder)
      for heading in ["Since", "Costs", "Why", "Harm", "Trust", "Try"] { #expect(tables.out.contains("\n\(heading)")) }
      #expect(answer.error.contains("     Done  d/diagnosis.json"))
      let file = try String(contentsOf: folder.appending(path: "d/diagnosis.json"), encoding: .utf8)
      let again = try Seesaw.run(["diagnose", "data", "--quick", "--out", "d", "--json"] + settings, in: folder)
      #expect(again.out == file)
      let tree = try again.json()
      #expect(tree[path: "format"] == "seesaw-diagnosis/1")
      #expect(tree[path: "leaning.modality"] == "text" || tree[path: "leaning.modality"] == "image")
      #expect(tree[path: "words"]?.listValue?.count == 7)
      #expect(tree[path: "worth.text.alone.interval95"]?.listValue?.count == 2)
    }
  }

  @Test("of a raw data set's features and a run on them: samples are named, with picture and text")
  func run() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      let encoded = try Seesaw.run(["encode", "raw", "--out", "data"], in: folder)
      #expect(encoded.status == 0, "\(encoded.error)")
      let lines = try String(contentsOf: folder.appending(path: "data/test.samples.jsonl"), encoding: .utf8)
      #expect(
        lines.split(separator: "\n").first
          == #"{"id":"test-0","image":"test-0.png","label":["cat"],"line":10,"text":"a cat, number 0"}"#)
      #expect(lines.split(separator: "\n").count == 4)
      let trained = try Seesaw.run(["train", "data", "--out", "run"] + settings, in: folder)
      #expect(trained.status == 0, "\(trained.error)")
      let answer = try Seesaw.run(["diagnose", "run", "--quick", "--samples", "3", "--json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let tree = try answer.json()
      #expect(tree[path: "subject"] == "run")
      let raw = try #require(tree[path: "evidence.raw"]?.stringValue)
      for sample in tree[path: "evidence.telling"]?.listValue ?? [] {
        let id = try #require(sample[path: "id"]?.stringValue)
        #expect(sample[path: "image"]?.stringValue == "\(id).png")
        #expect(FileManager.default.fileExists(atPath: raw + "/\(id).png"))
        #expect(sample[path: "text"]?.stringValue?.hasPrefix("a ") == true)
      }
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: "runs/diagnose-run/diagnosis.json").path))
    }
  }

  @Test("Ctrl-C ends it with 130 and what to do, and the same command goes on from there")
  func interrupted() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let line = ["diagnose", "data", "--quick", "--out", "d", "--set", "training.batch_size=16", "--set"]
      let running = try Running(line + ["training.epochs=100000"], in: folder, listening: true)
      try running.wait(for: "Training  joint training")
      running.process.interrupt()
      let answer = try running.end()
      #expect(answer.status == 130, "\(answer.error)")
      #expect(answer.error.contains("the same command goes on from there"))
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "d/diagnosis.json").path))
    }
  }

  @Test("what cannot be diagnosed is said, with what to do")
  func refused() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      let raw = try Seesaw.run(["compare", "raw"], in: folder)
      #expect(raw.status == 66)
      #expect(raw.error.contains("seesaw encode raw"))
      #expect(try Seesaw.run(["diagnose", "nowhere"], in: folder).status == 66)
      #expect(try Seesaw.run(["diagnose", "raw", "--seeds", "0"], in: folder).status == 64)
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let wrong = try Seesaw.run(["diagnose", "data", "--methods", "balgard"], in: folder)
      #expect(wrong.status == 64 && wrong.error.contains("did you mean 'balgrad'?"))
    }
  }
}
