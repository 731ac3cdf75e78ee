import Datasets
import Foundation
import Records
import TestSupport
import Testing

@Suite("Pictures that are written as base64 in JSON lines, and several in a cell")
struct LineInputsTests {
  private func picture(_ number: Int) throws -> Data {
    try Data(contentsOf: Conditions.golden("tables/paths/\(number).png"))
  }

  @Test("a data: address and base64 alone give the bytes of the file, in a list too, on whatever line")
  func values() throws {
    try withTemporaryFolder { folder in
      let coded = try (0..<4).map { try picture($0).base64EncodedString() }
      let lines = [
        #"{"image": "data:image/png;base64,\#(coded[0])", "label": "x"}"#, "",
        #"{"image": "\#(coded[1])", "label": "y"}"#,
        #"{"image": ["\#(coded[2])", "a.png", "data:image/png;base64,\#(coded[3])"], "label": "x"}"#,
        #"{"image": "a.png", "label": "y"}"#,
      ]
      let file = folder.appending(path: "samples.jsonl")
      try Data(("\u{FEFF}" + lines.joined(separator: "\r\n")).utf8).write(to: file)
      try Data("a file".utf8).write(to: folder.appending(path: "a.png"))
      let samples = try RawDataset(at: folder, for: .asking).samples
      #expect(
        samples.map(\.image) == ["samples.jsonl:1:image", "samples.jsonl:3:image", "samples.jsonl:4:image[0]", "a.png"])
      #expect(try samples[0].bytes(of: "samples.jsonl:1:image") == picture(0))
      #expect(try samples[1].bytes(of: "samples.jsonl:3:image") == picture(1))
      #expect(samples[2].frames == ["a.png", "samples.jsonl:4:image[2]"])
      #expect(try samples[2].bytes(of: "samples.jsonl:4:image[0]") == picture(2))
      #expect(try samples[2].bytes(of: "samples.jsonl:4:image[2]") == picture(3))
      #expect(try samples[3].bytes(of: "a.png") == Data("a file".utf8))
    }
  }

  @Test("what is no base64 is told when its bytes are asked for, and base64 in other tables puts the row aside")
  func refused() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "samples.jsonl")
      try Data(#"{"image": "data:image/png;base64,*", "label": "x"}"#.utf8).write(to: file)
      let sample = try RawDataset(at: folder, for: .asking).samples[0]
      let error = #expect(throws: Diagnosis.self) { try sample.bytes(of: sample.image ?? "") }
      #expect(error?.what == "base64 that cannot be read" && error?.place == "samples.jsonl:1:image")

      let table = folder.appending(path: "other.csv")
      let rows = "image,text,label\n\(try picture(0).base64EncodedString()),words,x\n,words,x\n"
      try Data(rows.utf8).write(to: table)
      let data = try RawDataset(at: table, for: .asking)
      #expect(
        data.quarantined.map(\.reason) == [
          "'image' is written as base64, which is read from JSON lines in UTF-8 alone"
        ])
    }
  }

  @Test("several pictures in a cell are taken apart where a sign is named, and one path otherwise")
  func severalInACell() throws {
    try withTemporaryFolder { folder in
      for name in ["a.jpg", "b.jpg"] { try Data().write(to: folder.appending(path: name)) }
      try Data("image,text,label\na.jpg; b.jpg,one,x\na.jpg,two,y\n".utf8)
        .write(to: folder.appending(path: "samples.csv"))
      var settings = RawDatasetSettings()
      settings.pictureSeparator = ";"
      let samples = try RawDataset(at: folder, settings: settings, for: .asking).samples
      #expect(samples.map(\.image) == ["a.jpg", "a.jpg"] && samples.map(\.frames) == [["b.jpg"], []])
      #expect(try RawDataset(at: folder, for: .asking).quarantined.map(\.row) == [2])
    }
  }

  @Test(
    "odd cells of several pictures: empty parts, signs alone, one that is not there, signs of several letters or a quote"
  )
  func oddCells() throws {
    try withTemporaryFolder { folder in
      for name in ["a.jpg", "b.jpg", "it's.jpg"] { try Data().write(to: folder.appending(path: name)) }
      func pictures(_ cells: [String], _ sign: String) throws -> (found: [String: [String]], refused: [String: String])
      {
        let rows = cells.enumerated().map {
          "{\"id\":\"\($0)\",\"image\":\"\($1)\",\"text\":\"t\($0)\",\"label\":\"x\"}"
        }
        try Data(rows.joined(separator: "\n").utf8).write(to: folder.appending(path: "samples.jsonl"))
        var settings = RawDatasetSettings()
        settings.pictureSeparator = sign
        let data = try RawDataset(at: folder, settings: settings, for: .asking)
        return (
          Dictionary(uniqueKeysWithValues: data.samples.map { ($0.id, ($0.image.map { [$0] } ?? []) + $0.frames) }),
          Dictionary(uniqueKeysWithValues: data.quarantined.map { ($0.id ?? "", $0.reason) })
        )
      }
      let odd = try pictures(
        [
          ";a.jpg;;b.jpg; ", " ; ;", "a.jpg;none.jpg", "a.jpg;a.jpg", "nan;b.jpg", "data:image/png;base64,iVBORw0KGgo=",
        ], ";")
      #expect(odd.found["0"] == ["a.jpg", "b.jpg"] && odd.found["1"] == [] && odd.found["3"] == ["a.jpg", "a.jpg"])
      #expect(odd.found["4"] == ["b.jpg"] && odd.refused == ["2": "there is no picture 'none.jpg'"])
      // What is written as base64 is not taken apart.
      #expect(odd.found["5"] == ["samples.jsonl:6:image"])
      #expect(try pictures(["a.jpg || b.jpg"], "||").found["0"] == ["a.jpg", "b.jpg"])
      #expect(try pictures(["a.jpg'b.jpg"], "'").found["0"] == ["a.jpg", "b.jpg"])
      #expect(try pictures(["it's.jpg|b.jpg"], "|").found["0"] == ["it's.jpg", "b.jpg"])
    }
  }
}
