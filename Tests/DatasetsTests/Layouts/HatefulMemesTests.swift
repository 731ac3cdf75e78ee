import Datasets
import Foundation
import Records
import TestSupport
import Testing

@Suite("The layout hateful-memes")
struct HatefulMemesTests {
  /// Memes of every split; those of the same number have the same label in all.
  private func write(to folder: URL, in root: String = "") throws -> MadeUpFolder {
    let made = MadeUpFolder(folder)
    var next = 0
    for (name, count) in [("train", 4), ("dev_seen", 2), ("test_seen", 2), ("dev_unseen", 2), ("test_unseen", 2)] {
      var lines = ""
      for number in 0..<count {
        next += 1
        lines += #"{"id":\#(next),"img":"img/\#(next).png","label":\#(number % 2),"text":"meme \#(next)"}"# + "\n"
        try made.touch("\(root)img/\(next).png")
      }
      try made.write("\(root)\(name).jsonl", lines)
    }
    return made
  }

  @Test("rows, splits and classes are those of the files, and the folder is known by itself")
  func reads() throws {
    try withTemporaryFolder { folder in
      _ = try write(to: folder)
      let data = try RawDataset(at: folder)
      #expect(data.name == "hateful-memes" && data.card?.metric == "auroc")
      #expect(data.classes == ["not-hateful", "hateful"], "the positive class comes second")
      #expect(data.samples.map(\.id) == ["1", "2", "3", "4", "5", "6", "7", "8"])
      #expect(data.samples.map(\.split.rawValue).suffix(4) == ["validation", "validation", "test", "test"])
      #expect(data.samples[1].labels == ["hateful"] && data.samples[1].text == "meme 2")
      #expect(data.samples[4].imagePath?.lastPathComponent == "5.png" && data.samples[4].place == "dev_seen.jsonl:1")
      #expect(data.notes == ["the files are those of hateful-memes; --layout names another"])
      #expect(data.quarantined.isEmpty)
    }
  }

  @Test("the variant 'unseen' takes the other two splits; the files may lie in 'data'")
  func unseen() throws {
    try withTemporaryFolder { folder in
      _ = try write(to: folder, in: "data/")
      var settings = RawDatasetSettings()
      settings.layout = "Hateful_Memes"
      settings.variant = "unseen"
      let data = try RawDataset(at: folder, settings: settings)
      #expect(data.samples(in: .validation).map(\.id) == ["9", "10"])
      #expect(data.samples(in: .test).map(\.id) == ["11", "12"])
      #expect(data.notes.isEmpty)
    }
  }

  @Test("each kind of damage is named, with its place")
  func damage() throws {
    try withTemporaryFolder { folder in
      let made = try write(to: folder)
      try made.remove("img/3.png")
      let train = try String(contentsOf: folder.appending(path: "train.jsonl"), encoding: .utf8)
      try made.write(
        "train.jsonl",
        train + """
          {"id":1,"img":"img/1.png","label":0,"text":"again"}
          {"id":20,"img":"img/1.png","label":2,"text":"another label"}
          {"id":21,"img":"img/1.png","text":"no label"}
          {"id":22,"img":"img/1.png","label":0,"te
          {"img":"img/1.png","label":0,"text":"no id"}
          {"id":23,"label":0,"text":"no picture named"}
          {"id":24,"img":"img/1.png","label":0,"text":""}

          """)
      let dev = try String(contentsOf: folder.appending(path: "dev_seen.jsonl"), encoding: .utf8)
      try made.write("dev_seen.jsonl", dev + #"{"id":2,"img":"img/2.png","label":1,"text":"leaked"}"#)
      let data = try RawDataset(at: folder)
      #expect(
        data.quarantined.map { "\($0.place): \($0.reason)" } == [
          "train.jsonl:3: there is no picture 'img/3.png'", "train.jsonl:5: the id '1' is taken by train.jsonl:1",
          "train.jsonl:6: the label '2' is not 0 or 1", "train.jsonl:7: has no label",
          "train.jsonl:8: \(data.quarantined[4].reason)", "train.jsonl:9: has no 'id'",
          "train.jsonl:10: has no 'img'", "dev_seen.jsonl:3: the id '2' is in two splits, first at train.jsonl:2",
        ])
      #expect(data.notes.contains("1 row without a text"))
      #expect(data.samples.first { $0.id == "24" }?.text == nil)
    }
  }

  @Test("the first release's test rows have no labels, which leaves no test split")
  func unlabelled() throws {
    try withTemporaryFolder { folder in
      let made = try write(to: folder)
      for (old, new) in [("dev_seen", "dev"), ("test_seen", "test")] {
        let text = try String(contentsOf: folder.appending(path: "\(old).jsonl"), encoding: .utf8)
        try made.write("\(new).jsonl", new == "test" ? text.replacing(/"label":\d,/, with: "") : text)
        try made.remove("\(old).jsonl")
      }
      let error = #expect(throws: RawDatasetError.self) { try RawDataset(at: folder) }
      #expect(error?.faults == [.emptySplit(.test, hasColumn: true)])
      #expect(error?.quarantined.map(\.reason) == ["has no label", "has no label"])
    }
  }

  @Test("a file of the layout that is not there is named")
  func missing() throws {
    try withTemporaryFolder { folder in
      let made = try write(to: folder)
      try made.remove("dev_seen.jsonl")
      try made.remove("test_seen.jsonl")
      let error = #expect(throws: RawDatasetError.self) { try RawDataset(at: folder) }
      #expect(error?.faults == [.missingFiles(["dev_seen.jsonl", "test_seen.jsonl"])])
    }
  }
}
