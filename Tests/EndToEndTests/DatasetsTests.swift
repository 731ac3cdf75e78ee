import Foundation
import Records
import TestSupport
import Testing

@Suite("seesaw datasets, and published data sets as they come")
struct PublishedDatasetsTests {
  /// Hateful Memes in small: twelve memes to train on, four to choose on, four to test.
  private func writeMemes(to folder: URL) throws -> MadeUpFolder {
    let made = MadeUpFolder(folder)
    var next = 0
    for (name, count) in [("train", 12), ("dev_seen", 4), ("test_seen", 4)] {
      var lines = ""
      for _ in 0..<count {
        let label = next % 2
        let text = label == 0 ? "a kind word \(next)" : "a bad word \(next)"
        lines += #"{"id":\#(next),"img":"img/\#(next).png","label":\#(label),"text":"\#(text)"}"# + "\n"
        let shade = UInt8(12 * next)
        try made.write(
          "img/\(next).png", TinyRaw.png(width: 8, height: 8) { x, y in [shade, UInt8(x * 30), UInt8(y * 10)] })
        next += 1
      }
      try made.write("\(name).jsonl", lines)
    }
    return made
  }

  @Test("a published folder is checked, encoded with its splits, task and metric, and trained on")
  func memes() throws {
    try withTemporaryFolder { folder in
      _ = try writeMemes(to: folder.appending(path: "hm"))
      let check = try Seesaw.run(["datasets", "check", "hateful-memes", "hm"], in: folder)
      #expect(check.status == 0, "\(check.error)")
      #expect(check.out.hasPrefix("hateful-memes (seen) · 12 train, 4 validation, 4 test · 2 classes"))
      #expect(check.out.contains("12 train samples, published were 8,500") && check.out.contains("nothing is amiss"))

      let answer = try Seesaw.run(["encode", "hm", "--out", "data", "--json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(try answer.json()[path: "counts"] == ["train": 12, "validation": 4, "test": 4])
      #expect(answer.error.contains("the files are those of hateful-memes"))
      let manifest = try Tree(
        json: String(contentsOf: folder.appending(path: "data/dataset.json"), encoding: .utf8))
      #expect(manifest[path: "name"] == "hateful-memes" && manifest[path: "metric"] == "auroc")
      #expect(manifest[path: "task"] == "binary" && manifest[path: "classes"] == ["not-hateful", "hateful"])
      #expect(manifest[path: "about.layout"] == "hateful-memes")
      let again = try Seesaw.run(["encode", "hm", "--out", "data", "--json"], in: folder)
      #expect(try again.json()[path: "alreadyDone"] == true)

      let train = try Seesaw.run(
        ["train", "data", "--method", "joint", "--out", "run", "--json", "--set", "training.epochs=1"], in: folder)
      #expect(train.status == 0, "\(train.error)")
    }
  }

  @Test("everything amiss is named at once, in groups with counts, and what is left is encoded")
  func damage() throws {
    try withTemporaryFolder { folder in
      let made = try writeMemes(to: folder.appending(path: "hm"))
      try made.remove("img/1.png")
      try made.remove("img/2.png")
      try made.write("img/3.png", "no picture")
      let train = try String(contentsOf: made.folder.appending(path: "train.jsonl"), encoding: .utf8)
      try made.write(
        "train.jsonl",
        train + #"{"id":0,"img":"img/0.png","label":0,"text":"twice"}"# + "\n"
          + #"{"id":90,"img":"img/0.png","label":1,"text":" "}"# + "\n")
      let check = try Seesaw.run(["datasets", "check", "hm", "--json"], in: folder)
      #expect(check.status == 1 && check.error.contains("4 samples cannot be used"), "\(check.error)")
      let tree = try check.json()
      #expect(tree[path: "isUsable"] == true && tree[path: "counts.train"] == 10)
      let problems = (tree[path: "problems"]?.listValue ?? []).map {
        [$0[path: "what"]?.stringValue ?? "", $0[path: "count"]?.description ?? ""]
      }
      #expect(problems.count == 3)
      #expect(problems.contains(["there is no picture …", "2"]) && problems.contains(["the id … is taken by …", "1"]))
      let remarks = tree[path: "remarks"]?.listValue ?? []
      #expect(
        remarks.contains { $0[path: "what"] == "no text: the empty text stands for it" && $0[path: "count"] == 1 })

      let refused = try Seesaw.run(["encode", "hm", "--out", "data"], in: folder)
      #expect(refused.status == 66 && refused.error.contains("too much of the data would be lost"), "\(refused.error)")
      let answer = try Seesaw.run(
        ["encode", "hm", "--layout", "hateful-memes", "--out", "data", "--allow-loss"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let quarantine = try String(contentsOf: folder.appending(path: "data/quarantine.jsonl"), encoding: .utf8)
      #expect(quarantine.split(separator: "\n").count == 4 && quarantine.contains(#""file":"train.jsonl""#))

      try made.remove("dev_seen.jsonl")
      let broken = try Seesaw.run(["datasets", "check", "hateful-memes", "hm"], in: folder)
      #expect(broken.status == 1 && broken.out.contains("nothing usable"), "\(broken.out)")
      #expect(broken.out.contains("'dev_seen.jsonl' is not here") && broken.error.contains("cannot be used as it is"))
    }
  }

  @Test("sounds and frames become features, impaired copies included, and are trained on")
  func clips() throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder.appending(path: "crema"))
      for (split, actors) in [("train", 1001...1004), ("test", 1005...1006)] {
        var lines = ""
        for actor in actors {
          for (number, emotion) in ["NEU", "ANG"].enumerated() {
            let clip = "\(actor)_IOM_\(emotion)_XX"
            lines += "\(clip),\(emotion)\n"
            try made.write("AudioWAV/\(clip).wav", TinyRaw.wave(period: 20 + 30 * number + actor % 5))
            for frame in 0..<2 {
              try made.write(
                "Image-01-FPS/\(clip)/\(frame).png",
                TinyRaw.png(width: 8, height: 8) { x, y in
                  [UInt8(100 * number), UInt8(x * 30), UInt8(y * 9 * (frame + 1))]
                })
            }
          }
        }
        try made.write("\(split).csv", lines)
      }
      let answer = try Seesaw.run(["encode", "crema", "--out", "data", "--json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let tree = try answer.json()
      #expect(tree[path: "counts"] == ["train": 8, "test": 4] && tree[path: "quarantined"] == 0)
      #expect(
        tree[path: "conditions"] == [
          "full", "image-missing", "audio-missing", "image-absent", "audio-absent", "image-noisy", "audio-noisy",
          "image-swapped", "audio-swapped",
        ])
      let origins = try String(contentsOf: folder.appending(path: "data/test.samples.jsonl"), encoding: .utf8)
      #expect(origins.contains("1005_IOM_NEU_XX.wav"))
      let train = try Seesaw.run(
        ["train", "data", "--method", "joint", "--out", "run", "--set", "training.epochs=1"], in: folder)
      #expect(train.status == 0, "\(train.error)")

      try made.write("AudioWAV/1001_IOM_NEU_XX.wav", "no sound")
      let check = try Seesaw.run(["datasets", "check", "crema"], in: folder)
      #expect(check.status == 1 && check.out.contains("a sound cannot be read: not a WAVE file"), "\(check.out)")
    }
  }

  @Test("cards are listed and shown; a name nobody has and a folder of no layout are told apart")
  func cards() throws {
    try withTemporaryFolder { folder in
      let list = try Seesaw.run(["datasets", "--json"], in: folder)
      let names = try list.json().listValue?.compactMap { $0[path: "name"]?.stringValue } ?? []
      #expect(names.contains("mm-imdb") && Set(names).count == names.count)
      for name in names {
        let page = try Seesaw.run(["datasets", "show", name], in: folder)
        #expect(page.status == 0 && page.out.contains("terms") && page.out.contains("seesaw encode"))
      }
      let unknown = try Seesaw.run(["datasets", "show", "hatefulmeme"], in: folder)
      #expect(unknown.status == 64 && unknown.error.contains("did you mean 'hateful-memes'?"))
      let other = try Seesaw.run(["datasets", "check", "."], in: folder)
      #expect(other.status == 66 && other.error.contains("in no published layout"))
      let variant = try Seesaw.run(
        ["encode", ".", "--layout", "memotion", "--variant", "joy", "--out", "x"], in: folder)
      #expect(variant.status == 64 && variant.error.contains("has no variant 'joy'"))
    }
  }
}
