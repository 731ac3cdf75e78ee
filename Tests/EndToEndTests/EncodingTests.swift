import Foundation
import Records
import TestSupport
import Testing

@Suite("seesaw encode and import")
struct EncodingTests {
  private func manifest(_ path: String, in folder: URL) throws -> Tree {
    try Tree(json: String(contentsOf: folder.appending(path: "\(path)/dataset.json"), encoding: .utf8))
  }

  @Test("a folder of pictures and texts becomes a feature set, once")
  func encode() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      let answer = try Seesaw.run(["encode", "raw", "--out", "data", "--json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let tree = try answer.json()
      #expect(tree[path: "folder"] == "data" && tree[path: "alreadyDone"] == false)
      #expect(tree[path: "counts"] == ["train": 6, "validation": 2, "test": 4])
      #expect(tree[path: "quarantined"] == 0)
      #expect(answer.lastWords.hasPrefix("     Done  data   "))
      let files = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "data").path)
      for name in ["image-missing", "image-noisy", "text-missing", "text-noisy"] {
        #expect(files.contains("test@\(name).safetensors"))
      }
      let manifest = try manifest("data", in: folder)
      #expect(manifest[path: "format"] == "seesaw-features/1" && manifest[path: "classes"] == ["cat", "dog"])
      let test = try StoredFile.read(folder.appending(path: "data/test.safetensors"))
      #expect(test["labels"] == .labels([0, 1, 0, 1]))

      let again = try Seesaw.run(["encode", "raw", "--out", "data"], in: folder)
      #expect(again.status == 0)
      #expect(again.lastWords == "     Done  already done: data, --again to repeat")
    }
  }

  @Test("noise levels are conditions of their own, and one out of range is refused")
  func noiseLevels() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      let wrong = try Seesaw.run(["encode", "raw", "--out", "data", "--set", "noise_levels=[1.5]"], in: folder)
      #expect(wrong.status == 64 && wrong.error.contains("the noise level 1.5 is not from 0 to 1"))

      let answer = try Seesaw.run(["encode", "raw", "--out", "data", "--set", "noise_levels=[0.1, 0.5]"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let train = try Seesaw.run(
        ["train", "data", "--method", "joint", "--out", "run", "--set", "training.epochs=1"], in: folder)
      #expect(train.status == 0, "\(train.error)")
      let table = try Seesaw.run(["evaluate", "run", "--json"], in: folder).json()
      #expect(table[path: "scores"]?.tableValue?["image-noisy-0.5"] != nil)
      #expect(table[path: "gap"]?.tableValue?["noisy-0.1"] != nil)
    }
  }

  @Test("what cannot be used is left out, counted and listed; with --strict it is refused")
  func quarantine() throws {
    try withTemporaryFolder { folder in
      var raw = TinyRaw()
      raw.rows.append(.init(id: "train-0", image: "train-0.png", text: "a cat, number 0", label: "cat", split: "train"))
      raw.rows.append(.init(id: "broken", image: "broken.png", text: "broken", label: "cat", split: "train"))
      raw.rows.append(.init(id: "gone", image: "gone.png", text: "gone", label: "dog", split: "train"))
      raw.rows.append(.init(id: "unnamed", image: "unnamed.png", text: "no label", label: "", split: "train"))
      try raw.write(to: folder.appending(path: "raw"))
      try Data("no picture".utf8).write(to: folder.appending(path: "raw/broken.png"))
      try FileManager.default.removeItem(at: folder.appending(path: "raw/gone.png"))

      let strict = try Seesaw.run(["encode", "raw", "--out", "data", "--strict"], in: folder)
      #expect(strict.status == 66)
      #expect(strict.error.contains("cannot be used") && strict.error.contains("gone.png"), "\(strict.error)")
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "data").path))

      let refused = try Seesaw.run(["encode", "raw", "--out", "data"], in: folder)
      #expect(refused.status == 66)
      #expect(refused.error.contains("too much of the data would be lost: 3 of 16 rows"), "\(refused.error)")
      let answer = try Seesaw.run(["encode", "raw", "--out", "data", "--json", "--allow-loss"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(try answer.json()[path: "quarantined"] == 4)
      #expect(try answer.json()[path: "counts.train"] == 6)
      #expect(answer.error.contains("4 samples are left out"))
      let lines = try String(contentsOf: folder.appending(path: "data/quarantine.jsonl"), encoding: .utf8)
      let rows = try lines.split(separator: "\n").map { try Tree(json: $0) }
      #expect(rows.map { $0[path: "id"]?.stringValue } == ["train-0", "broken", "gone", "unnamed"])
      #expect(rows.map { $0[path: "row"]?.intValue } == [14, 15, 16, 17])
      let reasons = rows.compactMap { $0[path: "reason"]?.stringValue }
      #expect(reasons[0] == "repeats line 2")
      #expect(reasons[3] == "has no label")
    }
  }

  /// The bytes of everything that trainings read.
  private func features(_ name: String, in folder: URL) throws -> [String: Data] {
    let data = folder.appending(path: name)
    let names = try FileManager.default.contentsOfDirectory(atPath: data.path)
    return try Dictionary(
      uniqueKeysWithValues: names.filter { $0.hasSuffix(".safetensors") }.map {
        ($0, try Data(contentsOf: data.appending(path: $0)))
      })
  }

  private func encode(_ words: [String], in folder: URL) throws -> Tree {
    let answer = try Seesaw.run(["encode", "raw", "--json"] + words, in: folder)
    #expect(answer.status == 0, "\(answer.error)")
    return try answer.json()
  }

  /// A checkpoint, since encoders that learn change with the training split.
  private func placeCheckpoint(in folder: URL) throws {
    let golden = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Golden/encoders/sentence")
    try FileManager.default.copyItem(at: golden, to: folder.appending(path: "sentence"))
  }

  @Test("only what is new is encoded: other labels and splits cost nothing, a new sample itself")
  func cached() throws {
    try withTemporaryFolder { folder in
      try placeCheckpoint(in: folder)
      var raw = TinyRaw()
      for index in raw.rows.indices { raw.rows[index].image = "" }
      try raw.write(to: folder.appending(path: "raw"))
      let words = ["--out", "data", "--text-encoder", "sentence"]
      let first = try encode(words, in: folder)
      // "a cat, number 0" is there three times; the noise of each sample is its own.
      #expect(first[path: "rows.encoded"] == 18 && first[path: "rows.known"] == 6)
      #expect(first[path: "cache"] == "data.cache")

      raw.rows[0].label = "dog"
      raw.rows[1].label = "cat"
      raw.rows[5].split = "validation"
      raw.rows.append(.init(id: "new", image: "", text: "a cat nobody saw", label: "cat", split: "train"))
      try raw.write(to: folder.appending(path: "raw"))
      let refused = try Seesaw.run(["encode", "raw"] + words, in: folder)
      #expect(refused.status == 64 && refused.error.contains("what is known is not encoded again"))
      let second = try encode(words + ["--again"], in: folder)
      // As it is, and noisy.
      #expect(second[path: "rows.encoded"] == 2 && second[path: "counts.validation"] == 3)

      let elsewhere = try encode(
        ["--out", "other", "--text-encoder", "sentence", "--cache", "data.cache"], in: folder)
      #expect(elsewhere[path: "rows.encoded"] == 0)
      let fresh = try encode(["--out", "fresh", "--text-encoder", "sentence"], in: folder)
      #expect(fresh[path: "rows.known"] == 6)
      #expect(try features("other", in: folder) == features("data", in: folder))
      let pooled = try encode(words + ["--again", "--text-pooling", "cls"], in: folder)
      #expect(pooled[path: "rows.encoded"]?.intValue ?? 0 > 1)
    }
  }

  @Test("a damaged cache costs time and changes nothing")
  func damagedCache() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      _ = try encode(["--out", "data"], in: folder)
      let whole = try features("data", in: folder)
      let cache = folder.appending(path: "data.cache")
      for path in try FileManager.default.subpathsOfDirectory(atPath: cache.path) {
        let url = cache.appending(path: path)
        guard var bytes = try? Data(contentsOf: url), bytes.count > 200 else { continue }
        bytes[bytes.count / 2] ^= 1
        bytes[bytes.count - 5] ^= 1
        try bytes.write(to: url)
      }
      let again = try encode(["--out", "data", "--again"], in: folder)
      #expect(again[path: "rows.encoded"]?.intValue ?? 0 > 0)
      #expect(try features("data", in: folder) == whole)
    }
  }

  @Test("shards put together are what one machine makes, bit for bit; missing and other ones are named")
  func shards() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      _ = try encode(["--out", "whole"], in: folder)
      for words in ["0/2", "3/2", "a/b", "1", "1/2/3", "-1/2"] {
        let answer = try Seesaw.run(["encode", "raw", "--out", "data", "--shard=\(words)"], in: folder)
        #expect(answer.status == 64 && answer.error.contains("'\(words)' is no shard"), "\(answer.error)")
      }
      let first = try encode(["--out", "data", "--shard", "1/3"], in: folder)
      #expect(first[path: "shard"] == "1/3" && first[path: "folder"] == "data.cache")
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "data").path))
      let early = try Seesaw.run(["encode", "raw", "--out", "data"], in: folder)
      #expect(early.status == 66)
      #expect(
        early.error.hasPrefix("     Data") && early.error.contains("2 shards are missing")
          && early.error.contains("2/3")
          && early.error.contains("3/3"), "\(early.error)")

      _ = try encode(["--out", "data", "--shard", "2/3", "--flip"], in: folder)
      // The third on another machine, whose cache is copied.
      _ = try encode(["--out", "data", "--shard", "3/3", "--cache", "there"], in: folder)
      for path in try FileManager.default.subpathsOfDirectory(atPath: folder.appending(path: "there").path) {
        let (from, to) = (folder.appending(path: "there/\(path)"), folder.appending(path: "data.cache/\(path)"))
        if !FileManager.default.fileExists(atPath: to.path) { try FileManager.default.copyItem(at: from, to: to) }
      }
      let odd = try Seesaw.run(["encode", "raw", "--out", "data"], in: folder)
      #expect(odd.status == 66 && odd.error.contains("a shard was made otherwise"), "\(odd.error)")
      #expect(odd.error.contains("2/3: flip"), "\(odd.error)")

      let second = try encode(["--out", "data", "--shard", "2/3"], in: folder)
      // Encoded when it was flipped, too.
      #expect(second[path: "rows.encoded"] == 0)
      let all = try encode(["--out", "data"], in: folder)
      #expect(all[path: "rows.encoded"] == 0 && all[path: "shard"] == nil)
      #expect(try features("data", in: folder) == features("whole", in: folder))
      // Done, so that nothing stands in the way of what comes next.
      #expect(try encode(["--out", "data", "--again", "--flip"], in: folder)[path: "folder"] == "data")
    }
  }

  @Test("shards that processes take by turns are what one machine makes, bit for bit; --status says how far they are")
  func shardsByTurns() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      _ = try encode(["--out", "whole"], in: folder)
      let bare = try Seesaw.run(["encode", "raw", "--out", "data", "--shard", "next"], in: folder)
      #expect(bare.status == 64 && bare.error.contains("--shard next --of 40"), "\(bare.error)")
      _ = try encode(["--out", "data", "--shard", "2/5"], in: folder)
      let before = try encode(["--out", "data", "--status"], in: folder)
      #expect(before[path: "done"] == [2] && before[path: "missing"] == [1, 3, 4, 5] && before[path: "of"] == 5)

      let workers = try (1...3).map { _ in
        try Running(["encode", "raw", "--out", "data", "--shard", "next", "--of", "5", "--json"], in: folder)
      }
      let answers = try workers.map { try $0.end() }
      #expect(answers.allSatisfy { $0.status == 0 }, "\(answers.map(\.error))")
      let last = try encode(["--out", "data", "--shard", "next", "--of", "5", "--wait"], in: folder)
      #expect(last[path: "shard"] == "none of 5")
      let status = try Seesaw.run(["encode", "raw", "--out", "data", "--status"], in: folder)
      #expect(status.status == 0 && status.error.contains("5 of 5 are done"), "\(status.error)")
      let all = try encode(["--out", "data"], in: folder)
      #expect(all[path: "rows.encoded"] == 0)
      #expect(try features("data", in: folder) == features("whole", in: folder))
    }
  }

  @Test("a cache of more files than the process may open is an error, and no row is made again")
  func manyFiles() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      _ = try encode(["--out", "data"], in: folder)
      let cache = folder.appending(path: "data.cache")
      let rows = try FileManager.default.subpathsOfDirectory(atPath: cache.path).filter { $0.hasSuffix(".rows") }
      let one = cache.appending(path: try #require(rows.first))
      for number in 0..<120 {
        try FileManager.default.copyItem(
          at: one, to: one.deletingLastPathComponent().appending(path: "copy-\(number).rows"))
      }
      let shell = Process()
      shell.executableURL = URL(filePath: "/bin/sh")
      shell.arguments = ["-c", "ulimit -n 100; exec \"$0\" encode raw --out data --again", Seesaw.binary.path]
      shell.currentDirectoryURL = folder
      shell.environment = ProcessInfo.processInfo.environment.merging(["SEESAW_WEIGHTS": ""]) { $1 }
      let talk = Pipe()
      shell.standardError = talk
      shell.standardOutput = FileHandle.nullDevice
      try shell.run()
      let said = String(decoding: try talk.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
      shell.waitUntilExit()
      #expect(shell.terminationStatus != 0 && said.lowercased().contains("too many"), "\(said)")
      #expect(try encode(["--out", "data", "--again"], in: folder)[path: "rows.encoded"] == 0)
    }
  }

  @Test("--flip adds the view of flipped pictures, and a run takes it")
  func flip() throws {
    try withTemporaryFolder { folder in
      let raw = TinyRaw()
      try raw.write(to: folder.appending(path: "raw"))
      _ = try encode(["--out", "plain"], in: folder)
      _ = try encode(["--out", "data", "--flip"], in: folder)
      let view = try StoredFile.read(folder.appending(path: "data/train@image-flipped.safetensors"))
      let train = try StoredFile.read(folder.appending(path: "data/train.safetensors"))
      #expect(view["image"]?.shape == train["image"]?.shape && view["image"] != train["image"])
      #expect(
        try Data(contentsOf: folder.appending(path: "data/train.safetensors"))
          == Data(contentsOf: folder.appending(path: "plain/train.safetensors")))
      let run = try Seesaw.run(["train", "data", "--out", "r"] + quick, in: folder)
      #expect(run.status == 0, "\(run.error)")
      let record = try Tree(json: String(contentsOf: folder.appending(path: "r/run.json"), encoding: .utf8))
      #expect(record[path: "configuration.training.flip"] == "on")

      var texts = raw
      for index in texts.rows.indices { texts.rows[index].image = "" }
      try FileManager.default.removeItem(at: folder.appending(path: "raw"))
      try texts.write(to: folder.appending(path: "raw"))
      let none = try Seesaw.run(["encode", "raw", "--out", "text", "--flip"], in: folder)
      #expect(none.status == 64 && none.error.contains("there are no pictures to flip"))
    }
  }

  @Test("quoted newlines, commas and quotes, CRLF and a byte order mark change nothing")
  func csv() throws {
    try withTemporaryFolder { folder in
      var raw = TinyRaw()
      for index in raw.rows.indices { raw.rows[index].image = "" }
      raw.rows[0].text = "a \"cat\",\nin two lines"
      raw.rows[1].text = "a dog, plain"
      try raw.write(to: folder.appending(path: "plain"))
      try raw.write(to: folder.appending(path: "windows")) { text in
        "\u{FEFF}"
          + text.replacing("in two lines", with: "\u{1}").replacing("\n\u{1}", with: "\u{2}")
          .replacing("\n", with: "\r\n").replacing("\u{2}", with: "\nin two lines")
      }
      for name in ["plain", "windows"] {
        let answer = try Seesaw.run(["encode", name, "--out", "\(name)-data", "--name", "x", "-q"], in: folder)
        #expect(answer.status == 0, "\(answer.error)")
      }
      for split in ["train", "test"] {
        let files = try ["plain", "windows"].map { name in
          try StoredFile.read(folder.appending(path: "\(name)-data/\(split).safetensors"))
        }
        #expect(files[0] == files[1] && files[0]["text"] != nil)
      }
    }
  }

  @Test(
    "raw data that is unusable as a whole says everything that is wrong",
    arguments: [
      ("image,text,lable\n,a,cat\n", ["no column 'label'", "--columns label=lable"]),
      (
        "image,text,class,genre\n,a,cat,x\n", ["2 columns could be 'label': 'class', 'genre'", "--columns label=class"]
      ),
      ("text,label\na,cat\nb,cat\n", ["every row has the label 'cat'"]),
      ("text,label,split\na,cat,train\nb,dog,test\n", ["a class occurs in no training row", "'dog' on line 3"]),
      ("text,label\n\"a,cat\n", ["a quote opened on line 2 is never closed"]), ("text,label\n", ["there are no rows"]),
    ])
  func unusable(_ text: String, _ words: [String]) throws {
    try withTemporaryFolder { folder in
      try Data(text.utf8).write(to: folder.appending(path: "samples.csv"))
      let answer = try Seesaw.run(["encode", "samples.csv", "--out", "data"], in: folder)
      #expect(answer.status == 66)
      for word in words { #expect(answer.error.contains(word), "\(answer.error)") }
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "data").path))
    }
  }

  @Test("encoders, settings and metrics nobody has are errors of usage")
  func usage() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      for words in [["--image", "resnet9000"], ["--set", "noize=1"], ["--metric", "acuracy"]] {
        let answer = try Seesaw.run(["encode", "raw", "--out", "data"] + words, in: folder)
        #expect(answer.status == 64, "\(words): \(answer.error)")
        #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "data").path))
      }
      let none = try Seesaw.run(["encode", "none", "--out", "data"], in: folder)
      #expect(none.status == 66 && none.error.contains("none"))
    }
  }

  @Test("features from one file become a feature set that can be trained on")
  func importing() throws {
    try withTemporaryFolder { folder in
      let features = TinyFeatures().splits["train"] ?? [:]
      try StoredFile.write(
        ["img": features["image"], "txt": features["text"], "y": features["labels"]].compactMapValues { $0 },
        to: folder.appending(path: "clip.safetensors"))
      let answer = try Seesaw.run(
        [
          "import", "clip.safetensors", "--modalities", "image=img,text=txt", "--labels", "y", "--out", "data",
          "--classes", "red,green,blue", "--name", "clip", "--json",
        ], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let summary = try answer.json()
      #expect(summary[path: "widths"] == ["image": 6, "text": 4])
      let manifest = try manifest("data", in: folder)
      #expect(manifest[path: "name"] == "clip" && manifest[path: "modalities"] == ["image", "text"])
      let trained = try Seesaw.run(["train", "data", "--out", "r"] + quick, in: folder)
      #expect(trained.status == 0, "\(trained.error)")
      #expect(trained.out.contains("zero") || trained.out.contains("zeros"), "a missing modality was made up")

      let wrong = try Seesaw.run(["import", "clip.safetensors", "--labels", "z", "--out", "other"], in: folder)
      #expect(wrong.status == 64 && wrong.error.contains("there is no array 'z'"), "\(wrong.error)")
      let nothing = try Seesaw.run(["import", "--out", "other"], in: folder)
      #expect(nothing.status == 64 && nothing.error.hasPrefix("error: there is nothing to import"))
    }
  }
}
