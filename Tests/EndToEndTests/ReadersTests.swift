import Datasets
import Encoders
import Foundation
import Records
import TestSupport
import Testing

@Suite("Data in Parquet files and archives, from the command")
struct ReadersTests {
  private static let words = ["a red square", "a blue square", "red again", "blue again"]

  /// The samples of `pairs.tar.gz` as files of their own.
  private func folder(_ place: URL, ids: (Int) -> String) throws {
    let files = FileManager.default
    try files.createDirectory(at: place, withIntermediateDirectories: true)
    var rows = "id,image,text,label\n"
    for number in 0..<12 {
      try files.copyItem(
        at: Conditions.golden("tables/paths/\(number).png"), to: place.appending(path: "\(number).png"))
      rows += "\(ids(number)),\(number).png,\(Self.words[number % 4]),\(1 - number % 2)\n"
    }
    try Data(rows.utf8).write(to: place.appending(path: "samples.csv"))
  }

  @Test(
    "the same pictures in a folder and in an archive are the same rows of the cache, and the same features to the bit")
  func archive() throws {
    try withTemporaryFolder { place in
      try folder(place.appending(path: "raw")) { String(format: "some/%03d", $0) }
      let chosen = ["--image-encoder", "hog-colour", "--text-encoder", "hashed-ngrams", "--cache", "kept", "--json"]
      let first = try Seesaw.run(["encode", "raw", "--out", "a"] + chosen, in: place)
      #expect(first.status == 0, "\(first.error)")
      let archive = Conditions.golden("tables/pairs.tar.gz").path
      let second = try Seesaw.run(["encode", archive, "--out", "b"] + chosen, in: place)
      #expect(second.status == 0, "\(second.error)")
      #expect(try second.json()[path: "rows.encoded"] == 0)
      let names = try FileManager.default.contentsOfDirectory(atPath: place.appending(path: "a").path)
        .filter { $0.hasSuffix(".safetensors") }
      #expect(names.count > 5)
      for name in names {
        let bytes = try ["a", "b"].map { try Data(contentsOf: place.appending(path: "\($0)/\(name)")) }
        #expect(bytes[0] == bytes[1], "\(name)")
      }
    }
  }

  @Test(
    "the same holds of a Parquet file; shards of it make the same; a run of it predicts into Parquet and lines alike",
    .enabled(if: ReadableFiles.arrow != nil))
  func parquet() throws {
    try withTemporaryFolder { place in
      let table = Conditions.golden("tables/plain-bytes.parquet").path
      let chosen = ["--image-encoder", "hog-colour", "--text-encoder", "hashed-ngrams"]
      for shard in ["1/2", "2/2"] {
        let part = try Seesaw.run(["encode", table, "--out", "a", "--shard", shard] + chosen, in: place)
        #expect(part.status == 0, "\(part.error)")
      }
      let joined = try Seesaw.run(["encode", table, "--out", "a"] + chosen, in: place)
      #expect(joined.status == 0, "\(joined.error)")
      let whole = try Seesaw.run(["encode", table, "--out", "b"] + chosen, in: place)
      #expect(whole.status == 0, "\(whole.error)")
      for name in ["train", "test", "test@image-noisy"] {
        let bytes = try ["a", "b"].map { try Data(contentsOf: place.appending(path: "\($0)/\(name).safetensors")) }
        #expect(bytes[0] == bytes[1], "\(name)")
      }
      let train = try Seesaw.run(["train", "b", "--out", "run", "--set", "training.epochs=1", "-q"], in: place)
      #expect(train.status == 0, "\(train.error)")
      for ending in ["parquet", "jsonl"] {
        let answer = try Seesaw.run(["predict", "run", table, "--out", "p.\(ending)"], in: place)
        #expect(answer.status == 0, "\(answer.error)")
      }
      let lines = try String(contentsOf: place.appending(path: "p.jsonl"), encoding: .utf8).split(separator: "\n")
      let told = try lines.map { try Tree(json: String($0)) }
      // Read again as data: the text is what was predicted.
      let again = try Seesaw.run(
        ["check", "p.parquet", "--columns", "text=label,label=metric", "--json"], in: place)
      #expect(told.count == 12 && told[5][path: "id"] == "5", "\(again.error)")
      let wrong = try Seesaw.run(["predict", "run", table, "--out", "p.csv"], in: place)
      #expect(wrong.status == 64 && wrong.error.contains("ends in .jsonl or .parquet"), "\(wrong.error)")
    }
  }

  @Test(
    "clips become pictures and sounds, the same bits each time; a table of other clips is predicted",
    .enabled(if: VideoLibrary.version != nil))
  func clips() throws {
    try withTemporaryFolder { place in
      let raw = place.appending(path: "raw")
      try FileManager.default.createDirectory(at: raw, withIntermediateDirectories: true)
      let names = ["colours.mp4", "lying.mp4"]
      var rows = "id,video,label,split\n"
      for number in 0..<12 {
        let name = "\(number)-\(names[number % 2])"
        try FileManager.default.copyItem(
          at: Conditions.golden("clips/\(names[number % 2])"), to: raw.appending(path: name))
        rows +=
          "\(number),\(name),\(number % 2 == 0 ? "a" : "b"),\(number < 8 ? "train" : number < 10 ? "validation" : "test")\n"
      }
      try Data(rows.utf8).write(to: raw.appending(path: "samples.csv"))
      let own = ["--frames", "2", "--image-encoder", "hog-colour"]
      for out in ["a", "b"] {
        let made = try Seesaw.run(["encode", "raw", "--out", out, "--cache", "\(out)-kept"] + own, in: place)
        #expect(made.status == 0, "\(made.error)")
      }
      let bytes = try ["a", "b"].map { try Data(contentsOf: place.appending(path: "\($0)/train.safetensors")) }
      #expect(bytes[0] == bytes[1])
      let manifest = try Tree(json: String(contentsOf: place.appending(path: "a/dataset.json"), encoding: .utf8))
      #expect(manifest[path: "modalities"] == ["image", "audio"])
      let notes = manifest[path: "about.notes"]?.listValue?.compactMap(\.stringValue) ?? []
      #expect(notes.contains { $0.hasPrefix("12 clips, 6 of them without sound, decoded by FFmpeg ") }, "\(notes)")
      let trained = try Seesaw.run(["train", "a", "--out", "run", "--method", "joint"] + quick, in: place)
      #expect(trained.status == 0, "\(trained.error)")
      let asked = try Seesaw.run(["predict", "run", "raw/samples.csv"], in: place)
      #expect(asked.status == 0 && asked.out.split(separator: "\n").count == 12, "\(asked.error)")
      // As many frames are asked about as were trained on.
      let record = try Tree(json: String(contentsOf: place.appending(path: "run/run.json"), encoding: .utf8))
      #expect(manifest[path: "about.frames"] == 2 && record[path: "data.frames"] == 2)
      var settings = RawDatasetSettings()
      settings.frames = 2
      let table = try TableRows(at: raw.appending(path: "samples.csv"), settings: settings)
      #expect(table.count == 12 && (0..<12).allSatisfy { table[$0].images.count == 2 })
    }
  }
}
