import Foundation
import Records
import TestSupport
import Testing

@Suite("seesaw predict and gradients")
struct PredictionTests {
  private func withRun(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let answer = try Seesaw.run(["train", "data", "--method", "uniform", "--out", "r", "-q"] + quick, in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      try body(folder)
    }
  }

  private let image = "[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]"
  private let text = "[1, 0, 0, 0]"

  @Test("lines are answered in order, with any modality absent, and with what the run scored then")
  func lines() throws {
    try withRun { folder in
      var input = "{\"id\": \"both\", \"features\": {\"image\": \(image), \"text\": \(text)}}\n\n"
      input += "{\"id\": \"text\", \"image\": null, \"features\": {\"text\": \(text)}}\n"
      input += (0..<600).map { "{\"id\": \($0), \"features\": {\"image\": \(image)}}\n" }.joined()
      let answer = try Seesaw.run(["predict", "r"], in: folder, input: input)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(answer.error == "     Done  603 predictions\n" || answer.error == "     Done  602 predictions\n")
      let rows = try answer.out.split(separator: "\n").map { try Tree(json: $0) }
      #expect(rows.map { $0[path: "id"]?.stringValue } == ["both", "text"] + (0..<600).map { "\($0)" })
      #expect(rows[0][path: "condition"] == "full" && rows[0][path: "present"] == ["image", "text"])
      #expect(rows[1][path: "condition"] == "image-absent" && rows[1][path: "present"] == ["text"])
      let evaluation = try Tree(json: String(contentsOf: folder.appending(path: "r/evaluation.json"), encoding: .utf8))
      #expect(rows[1][path: "score"] == evaluation[path: "scores.image-absent"])
      for row in rows.prefix(3) {
        let probabilities = try #require(row[path: "probabilities"]?.tableValue).compactMapValues(\.numberValue)
        #expect(Set(probabilities.keys) == ["red", "green", "blue"])
        #expect(abs(probabilities.values.reduce(0, +) - 1) < 1e-6)
        let best = probabilities.max { $0.value < $1.value }?.key
        #expect(row[path: "labels"] == .list(best.map { [.string($0)] } ?? []))
      }
    }
  }

  @Test(
    "probabilities are calibrated by condition; without a validation split and in older runs they are not, and it says so"
  )
  func calibrated() throws {
    try withRun { folder in
      func ask(_ run: String, _ features: String, _ words: [String] = ["--json"]) throws -> Answer {
        try Data("{\(features)}".utf8).write(to: folder.appending(path: "f.json"))
        let answer = try Seesaw.run(["predict", run, "--features-file", "f.json"] + words, in: folder)
        #expect(answer.status == 0, "\(answer.error)")
        return answer
      }
      let record = try Tree(json: String(contentsOf: folder.appending(path: "r/run.json"), encoding: .utf8))
      for (condition, features) in [
        ("full", "\"image\": \(image), \"text\": \(text)"), ("image-absent", "\"text\": \(text)"),
        ("text-absent", "\"image\": \(image)"),
      ] {
        let answer = try ask("r", features).json()
        let kept = try #require(record[path: "calibration"]?.tableValue?[condition])
        #expect(answer[path: "calibration"] == kept && kept[path: "samples"] == 12)
        let temperature = try #require(kept[path: "temperature"]?.numberValue)
        func values(_ key: String) throws -> [Double] {
          try ["red", "green", "blue"].map { try #require(answer[path: key]?.tableValue?[$0]?.numberValue) }
        }
        let powers = try values("probabilities").map { pow($0, 1 / temperature) }
        let sum = powers.reduce(0, +)
        for (found, power) in zip(try values("calibrated"), powers) { #expect(abs(found - power / sum) < 1e-6) }
      }
      let words = try ask("r", "\"text\": \(text)", []).out
      #expect(words.contains("calibrated on 12 validation samples, temperature "), "\(words)")
      #expect(words.contains("on the test split they are off by "), "\(words)")

      // A run from before there was such a thing.
      let url = folder.appending(path: "r/run.json")
      var old = record
      old[path: "calibration"] = nil
      try Data(old.json(.pretty).utf8).write(to: url)
      let plain = try ask("r", "\"text\": \(text)").json()
      #expect(plain[path: "calibrated"] == nil && plain[path: "probabilities"] != nil)
      #expect(try ask("r", "\"text\": \(text)", []).out.contains("the run was not calibrated for this"))

      try FileManager.default.removeItem(at: folder.appending(path: "data/validation.safetensors"))
      #expect(try Seesaw.run(["train", "data", "--out", "none", "-q"] + quick, in: folder).status == 0)
      #expect(try ask("none", "\"text\": \(text)").json()[path: "calibrated"] == nil)
    }
  }

  @Test("a bad line is answered with its error in its place, and the status is 1 at the end")
  func badLines() throws {
    try withRun { folder in
      let input = """
        {"id": "a", "features": {"text": \(text)}}
        {"id": "b", "features": {"text": [1]}}
        {"id": "c", "txt": "x"}
        no json
        {"id": "e", "text": "words"}
        {"id": "f"}
        {"id": "g", "features": {"sound": [1]}}
        {"id": "h", "features": {"text": \(text)}}
        """
      let answer = try Seesaw.run(["predict", "r"], in: folder, input: input)
      #expect(answer.status == 1)
      #expect(answer.error.hasPrefix("error: 6 of 8 lines could not be answered\n"))
      let rows = try answer.out.split(separator: "\n").map { try Tree(json: $0) }
      #expect(rows.map { $0[path: "error"] != nil } == [false, true, true, true, true, true, true, false])
      #expect(rows[1][path: "error"]?.stringValue?.contains("features of 'text' are 1 wide") == true)
      #expect(rows[2][path: "error"]?.stringValue?.contains("did you mean 'text'?") == true)
      #expect(rows[3][path: "line"] == 4)
      #expect(rows[4][path: "error"]?.stringValue?.contains("no encoder for 'text'") == true)
      #expect(rows[7][path: "id"] == "h")
    }
  }

  @Test("one sample is answered in words; nothing to predict and no run are errors")
  func single() throws {
    try withRun { folder in
      try Data("{\"text\": \(text)}".utf8).write(to: folder.appending(path: "f.json"))
      let answer = try Seesaw.run(["predict", "r", "--features-file", "f.json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(answer.out.contains("→  ") && answer.out.contains("from text; in the condition 'image-absent'"))
      let json = try Seesaw.run(["predict", "r", "--features-file", "f.json", "--json"], in: folder)
      #expect(try json.json()[path: "present"] == ["text"])
      let none = try Seesaw.run(["predict", "none", "--text", "x"], in: folder)
      #expect(none.status == 66 && none.error.contains("there is no run here"))
      let empty = try Seesaw.run(["predict", "r"], in: folder, input: "")
      #expect(empty.status == 0 && empty.out == "" && empty.error.contains("standard input is empty"))
    }
  }

  @Test("a run over encoded data predicts from pictures and texts themselves")
  func encoded() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      #expect(try Seesaw.run(["encode", "raw", "--out", "data", "-q"], in: folder).status == 0)
      #expect(
        try Seesaw.run(["train", "data", "--method", "uniform", "--out", "r", "-q"] + quick, in: folder).status == 0)
      try FileManager.default.removeItem(at: folder.appending(path: "data"))
      let both = try Seesaw.run(
        ["predict", "r", "--image", "raw/test-0.png", "--text", "a cat", "--json"], in: folder)
      #expect(both.status == 0, "\(both.error)")
      #expect(try both.json()[path: "condition"] == "full")
      let input = """
        {"image": "raw/test-1.png"}
        {"image": "raw/none.png"}
        {"text": "a dog"}
        """
      let lines = try Seesaw.run(["predict", "r"], in: folder, input: input)
      #expect(lines.status == 1)
      let rows = try lines.out.split(separator: "\n").map { try Tree(json: $0) }
      #expect(rows.map { $0[path: "error"] == nil } == [true, false, true])
      #expect(rows[1][path: "error"]?.stringValue?.contains("none.png") == true)
    }
  }

  @Test("several pictures of a sample are averaged as encode averages them, at the prompt and in lines")
  func frames() throws {
    try withTemporaryFolder { folder in
      let raw = TinyRaw()
      try raw.write(to: folder.appending(path: "raw"))
      try FileManager.default.removeItem(at: folder.appending(path: "raw/samples.csv"))
      let lines = raw.rows.enumerated().map { place, row in
        let frames = [row.image, raw.rows[(place + 3) % raw.rows.count].image, row.image]
        let tree: Tree = [
          "id": .string(row.id), "image": .list(frames.map(Tree.string)), "text": .string(row.text),
          "label": .string(row.label), "split": .string(row.split),
        ]
        return tree.json()
      }
      let table = folder.appending(path: "raw/samples.jsonl")
      try Data(lines.joined(separator: "\n").utf8).write(to: table)
      let encoded = try Seesaw.run(["encode", "raw", "--out", "data", "-q"], in: folder)
      #expect(encoded.status == 0, "\(encoded.error)")
      #expect(
        try Seesaw.run(["train", "data", "--method", "uniform", "--out", "r", "-q"] + quick, in: folder).status == 0)
      let features = try #require(StoredFile.read(folder.appending(path: "data/test.safetensors"))["image"])
      let row = features.bytes.prefix(4 * features.shape[1]).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }

      // The first sample of the test split, and what was put beside it.
      let place = try #require(raw.rows.firstIndex { $0.split == "test" })
      let (own, other) = ("raw/\(raw.rows[place].image)", "raw/\(raw.rows[(place + 3) % raw.rows.count].image)")
      let single = try Seesaw.run(
        ["predict", "r", "--image", own, "--image", other, "--image", own, "--json"], in: folder)
      #expect(single.status == 0, "\(single.error)")
      let input = """
        {"features": {"image": \(row)}}
        {"image": ["\(own)", "\(other)", "\(own)"]}
        {"image": "\(own)"}
        {"image": ["\(own)", "raw/none.png"]}
        {"image": ["\(own)", 1]}
        {"image": []}
        """
      let answer = try Seesaw.run(["predict", "r"], in: folder, input: input)
      let rows = try answer.out.split(separator: "\n").map { try Tree(json: $0) }
      func probability(_ tree: Tree) throws -> Double { try #require(tree[path: "probabilities.cat"]?.numberValue) }
      let expected = try probability(rows[0])
      #expect(try abs(probability(single.json()) - expected) < 1e-5)
      #expect(try abs(probability(rows[1]) - expected) < 1e-5)
      #expect(try abs(probability(rows[2]) - expected) > 1e-4)
      #expect(rows[3][path: "error"]?.stringValue?.contains("none.png") == true)
      #expect(rows[4][path: "error"] == "'image' is not a text")
      #expect(rows[5][path: "error"]?.stringValue?.contains("there is no image") == true)
    }
  }

  @Test("a run over sounds predicts from a sound, from anything absent, and as the features of that sound say")
  func sounds() throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder.appending(path: "raw"))
      var lines = "id,audio,text,label,split\n"
      for (split, count) in [("train", 8), ("validation", 4), ("test", 6)] {
        for number in 0..<count {
          let (id, label) = ("\(split)-\(number)", number % 2 == 0 ? "low" : "high")
          lines += "\(id),\(id).wav,a sound of \(number),\(label),\(split)\n"
          try made.write("\(id).wav", TinyRaw.wave(period: (label == "low" ? 160 : 20) + 2 * number))
        }
      }
      try made.write("samples.csv", lines)
      let unknown = try Seesaw.run(["encode", "raw", "--out", "data", "--audio-encoder", "log-spectogram"], in: folder)
      #expect(
        unknown.status == 64 && unknown.error.contains("did you mean 'log-spectrogram'?")
          && !unknown.error.contains("checkpoint"), "\(unknown.error)")
      let encode = ["encode", "raw", "--out", "data", "--audio-encoder", "log-spectrogram", "-q"]
      #expect(try Seesaw.run(encode, in: folder).status == 0)
      #expect(
        try Seesaw.run(["train", "data", "--method", "uniform", "--out", "r", "-q"] + quick, in: folder).status == 0)
      let features = try #require(StoredFile.read(folder.appending(path: "data/test.safetensors"))["audio"])
      try FileManager.default.removeItem(at: folder.appending(path: "data"))

      let single = try Seesaw.run(["predict", "r", "--audio", "raw/test-0.wav", "--json"], in: folder)
      #expect(single.status == 0, "\(single.error)")
      let answer = try single.json()
      #expect(answer[path: "present"] == ["audio"] && answer[path: "condition"] == "text-absent")
      #expect(answer[path: "calibrated"] != nil && answer[path: "score"] != nil)
      let row = features.bytes.prefix(4 * features.shape[1]).withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
      let input = """
        {"id": "features", "features": {"audio": \(row)}}
        {"id": "both", "audio": "raw/test-1.wav", "text": "a sound of 1"}
        {"id": "text", "audio": null, "text": "a sound of 1"}
        {"id": "gone", "audio": "raw/none.wav"}
        {"id": "broken", "audio": "raw/samples.csv"}
        {"id": "picture", "image": "raw/test-1.wav"}
        """
      let lined = try Seesaw.run(["predict", "r"], in: folder, input: input)
      #expect(lined.status == 1)
      let rows = try lined.out.split(separator: "\n").map { try Tree(json: $0) }
      for name in ["low", "high"] {
        let alone = try #require(answer[path: "probabilities.\(name)"]?.numberValue)
        #expect(abs(alone - (rows[0][path: "probabilities.\(name)"]?.numberValue ?? -1)) < 1e-5)
      }
      #expect(rows[1][path: "condition"] == "full" && rows[1][path: "present"] == ["text", "audio"])
      #expect(rows[2][path: "condition"] == "audio-absent" && rows[2][path: "present"] == ["text"])
      #expect(rows[3][path: "error"]?.stringValue?.contains("none.wav") == true)
      #expect(rows[4][path: "error"]?.stringValue?.contains("not a WAVE file") == true)
      #expect(rows[5][path: "error"]?.stringValue?.contains("no modality 'image'") == true)
    }
  }

  @Test("a step is taken apart: the JSON has its scalars, the file its direction and parts; the weights stay")
  func gradients() throws {
    try withRun { folder in
      let weights = folder.appending(path: "r/weights.safetensors")
      let before = try Data(contentsOf: weights)
      let batch = TinyFeatures().splits["test"] ?? [:]
      try StoredFile.write(batch, to: folder.appending(path: "b.safetensors"))
      let words = [
        "gradients", "--weights", "r/weights.safetensors", "--batch", "b.safetensors", "--method", "balgrad",
      ]
      let answer = try Seesaw.run(
        words + ["--progress", "0.25", "--out", "g.safetensors", "--json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let tree = try answer.json()
      #expect(tree[path: "method"] == "balgrad" && tree[path: "progress"]?.numberValue == 0.25)
      #expect(tree[path: "losses"]?.tableValue?.isEmpty == false && tree[path: "scalars"]?.tableValue?.isEmpty == false)
      #expect(answer.lastWords == "     Done  g.safetensors")
      let parts = try StoredFile.read(folder.appending(path: "g.safetensors"))
      let parameters = try StoredFile.read(weights)
      for (name, tensor) in parameters { #expect(parts[name]?.shape == tensor.shape, "\(name)") }
      for part in ["target", "balance", "unimodal", "projected"] {
        #expect(parts.keys.contains { $0.hasPrefix("\(part)/") }, "\(part)")
      }
      #expect(try Data(contentsOf: weights) == before)
      let far = try Seesaw.run(words + ["--progress", "2"], in: folder)
      #expect(far.status == 64 && far.error.hasPrefix("error: the progress is 2"))
      let table = try Seesaw.run(words, in: folder)
      #expect(table.status == 0 && table.out.hasPrefix("balgrad at progress 0 over image and text\n\nloss\n"))
    }
  }
}
