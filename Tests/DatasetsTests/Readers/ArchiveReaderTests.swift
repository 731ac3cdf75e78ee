import Datasets
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@Suite("Tar archives in the manner of WebDataset")
struct ArchiveReaderTests {
  /// A plain tar archive.
  private func tar(_ members: [(String, Data)], end: Bool = true) -> Data {
    var bytes = Data()
    for (name, content) in members {
      var header = [UInt8](repeating: 0, count: 512)
      func put(_ text: String, at place: Int) {
        for (number, byte) in text.utf8.enumerated() { header[place + number] = byte }
      }
      put(name, at: 0)
      put("0000644\0", at: 100)
      put(String(format: "%011o", content.count), at: 124)
      put(String(format: "%011o", 0), at: 136)
      put("        ", at: 148)
      put("0", at: 156)
      put("ustar\u{0}00", at: 257)
      put(String(format: "%06o\0 ", header.reduce(0) { $0 + Int($1) }), at: 148)
      bytes += Data(header) + content + Data(count: (512 - content.count % 512) % 512)
    }
    return bytes + (end ? Data(count: 1024) : Data())
  }

  private func text(_ text: String) -> Data { Data(text.utf8) }

  private func read(
    _ archives: [String: Data], map: String = "", incomplete: Bool = false,
    _ body: (RawDataset) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      for (name, bytes) in archives { try bytes.write(to: folder.appending(path: name)) }
      var settings = RawDatasetSettings()
      settings.map = map
      settings.takeIncomplete = incomplete
      try body(RawDataset(at: folder, settings: settings, for: .asking))
    }
  }

  @Test("members with a key in common are a sample; the key ends at the first dot of the last name")
  func samples() throws {
    let train = tar([
      ("v1.0/a.b.jpg", text("one")), ("v1.0/a.cls", text("1\n")), ("v1.0/a.txt", text("red square")),
      ("./c.jpg", text("two")), ("./c.txt", text("blue")), ("./c.cls", text("0")),
    ])
    try read(
      [
        "train-000.tar": train,
        "test.tar": tar([("x.jpg", text("three")), ("x.txt", text("t")), ("x.json", text(#"{"label": "1"}"#))]),
      ], map: "b.jpg=image"
    ) {
      data in
      #expect(data.samples.map(\.id) == ["v1.0/a", "c", "x"] && data.samples.map(\.labels) == [["1"], ["0"], ["1"]])
      #expect(data.samples.map(\.split) == [.train, .train, .test] && data.modalities == [.image, .text])
      #expect(data.samples[0].text == "red square" && data.samples[0].place == "train-000.tar:1")
      let bytes = try data.samples.map { try $0.bytes(of: $0.image ?? "") }
      #expect(bytes == [text("one"), text("two"), text("three")])
      #expect(data.quarantined.isEmpty)
    }
  }

  @Test(
    "a key that comes back, and a sample that lacks a member, are refused by name; --set data.take_incomplete takes it")
  func refused() throws {
    let archive = tar([
      ("a.jpg", text("1")), ("a.txt", text("a")), ("a.cls", text("0")), ("b.jpg", text("2")), ("b.cls", text("1")),
      ("c.jpg", text("3")), ("c.cls", text("1")), ("d.txt", text("d")), ("d.jpg", text("4")), ("d.cls", text("0")),
      ("c.txt", text("late")),
    ])
    try read(["all.tar": archive]) { data in
      #expect(data.samples.map(\.id) == ["a", "d"])
      #expect(
        data.quarantined.map(\.reason) == [
          "'b' is incomplete: it has no text member",
          "the members of 'c' do not stand together: its key comes back later",
          "the members of 'c' do not stand together: its key was there before",
        ])
      #expect(data.quarantined.map(\.place) == ["all.tar:2", "all.tar:3", "all.tar:5"])
    }
    try read(["all.tar": archive], incomplete: true) { data in
      #expect(data.samples.map(\.id) == ["a", "b", "d"] && data.samples[1].text == nil)
    }
  }

  @Test("endings nobody knows are told, --map gives them a meaning, and two pictures of a sample are a question")
  func endings() throws {
    let archive = tar([
      ("a.left.jpg", text("1")), ("a.cls", text("0")), ("a.seg.png", text("s")), ("b.left.jpg", text("2")),
      ("b.cls", text("1")), ("b.seg.png", text("s")), ("README", text("x")), (".hidden", text("x")),
    ])
    try read(["all.tar": archive], map: "left.jpg=image,seg.png=none") { data in
      #expect(data.samples.count == 2)
      #expect(data.notes.contains("2 members without an ending, hidden or links: not used"))
    }
    let unknown = #expect(throws: RawDatasetError.self) {
      try read(["all.tar": tar([("a.q", text("1"))])]) { _ in }
    }
    #expect(unknown?.diagnosis.what.contains("no member of the archives is known") == true)
    let two = tar([("a.jpg", text("1")), ("a.png", text("2")), ("a.cls", text("0"))])
    let question = #expect(throws: RawDatasetError.self) { try read(["all.tar": two]) { _ in } }
    #expect(question?.diagnosis.what == "samples have two members that could be the same: .jpg and .png")
    #expect(throws: Diagnosis.self) { try read(["all.tar": two], map: "jpg") { _ in } }
  }

  @Test(
    "a json member gives text and label; one that is no JSON, and a text that is not UTF-8, are their samples' faults")
  func contents() throws {
    let archive = tar([
      ("a.json", text(#"{"caption": "red", "label": "x", "size": 3}"#)), ("a.png", text("1")),
      ("b.json", text("{")), ("b.png", text("2")), ("c.txt", Data([0xFF, 0xFE, 0x20])), ("c.cls", text("x")),
      ("c.png", text("3")),
    ])
    try read(["all.tar": archive], incomplete: true) { data in
      #expect(data.samples.map(\.id) == ["a"] && data.samples[0].text == "red" && data.samples[0].labels == ["x"])
      #expect(data.quarantined.map(\.reason) == ["'b.json' is not a JSON object", "'c.txt' is not UTF-8"])
    }
  }

  @Test("a compressed archive gives the same samples, in any order and to several threads")
  func compressed() throws {
    let data = try RawDataset(at: Conditions.golden("tables/pairs.tar.gz"), for: .asking)
    #expect(data.samples.count == 12 && data.samples[3].text == "blue again" && data.samples[3].id == "some/003")
    let samples = data.samples
    let right = try parallelMap(60, threads: 4) { place in
      let number = place * 7 % 12
      let expected = try Data(contentsOf: Conditions.golden("tables/paths/\(number).png"))
      return try samples[number].bytes(of: samples[number].image ?? "") == expected
    }
    #expect(right.allSatisfy { $0 })
  }

  @Test("an archive that breaks off is named with what to do, and others beside it do not hide it")
  func brokenOff() throws {
    let whole = tar([("a.png", Data(count: 3000)), ("a.cls", text("0")), ("b.png", text("2")), ("b.cls", text("1"))])
    for count in [700, 1600, 3900] {
      let error = #expect(throws: RawDatasetError.self, "\(count)") {
        try read(["good.tar": whole, "train-1.tar": whole.prefix(count)]) { _ in }
      }
      #expect(error?.diagnosis.what.hasPrefix("'train-1.tar' is damaged or breaks off") == true)
    }
    #expect(throws: RawDatasetError.self) { try read(["a.tar": text("no archive at all")]) { _ in } }
  }
}
