import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@testable import Datasets

/// Tables as they lie in people's folders.
@Suite struct RawFormsTests {
  /// Twelve samples of two classes with a picture each, six to train on, two to choose on, four to test.
  private struct Sample {
    let id: Int
    var label: String { id % 2 == 0 ? "cat" : "dog" }
    var split: String { id < 6 ? "train" : id < 8 ? "val" : "test" }
    var text: String { "a \(label) seen on day \(id)" }
  }

  private let samples = (0..<12).map(Sample.init)

  private func csv(
    _ header: String, separator: String = ",", _ fields: (Sample) -> [String]
  ) -> String {
    header + "\n" + samples.map { fields($0).joined(separator: separator) }.joined(separator: "\n") + "\n"
  }

  private func read(
    _ change: (inout RawDatasetSettings) -> Void = { _ in }, at path: String = "", _ make: (MadeUpFolder) throws -> Void
  ) throws -> RawDataset {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder)
      for sample in samples { try made.touch("img/\(sample.id).png") }
      try make(made)
      var settings = RawDatasetSettings()
      change(&settings)
      return try RawDataset(at: path.isEmpty ? folder : folder.appending(path: path), settings: settings)
    }
  }

  /// What is wrong with a folder.
  private func fault(
    _ change: (inout RawDatasetSettings) -> Void = { _ in }, _ make: (MadeUpFolder) throws -> Void
  ) throws -> RawDatasetFault {
    let error = try #require(throws: RawDatasetError.self) { try read(change, make) }
    #expect(error.faults.count == 1, "\(error.diagnosis)")
    return try #require(error.faults.first)
  }

  private func expectAll(_ data: RawDataset, kinds: [RawInput.Kind] = [.image, .text]) {
    #expect(data.samples.count == 12 && data.quarantined.isEmpty, "\(data.quarantined)")
    #expect(data.modalities == kinds && data.classes == ["cat", "dog"] && !data.isMultiLabel)
    #expect(RawSplit.allCases.map { data.samples(in: $0).count } == [6, 2, 4], "\(data.notes)")
    #expect(data.loss == nil)
  }

  // MARK: Columns

  @Test(
    "columns of other usual names are taken, and which is told",
    arguments: [
      ("file_name", "caption", "class"), ("img", "title", "category"), ("image_path", "sentence", "target"),
      ("filepath", "tweet", "genre"), ("filename", "Description", "labels"), ("Picture", "headline", "Sentiment"),
    ])
  func otherNames(image: String, text: String, label: String) throws {
    let data = try read { made in
      try made.write(
        "samples.csv", csv("\(image),\(text),\(label),split") { ["img/\($0.id).png", $0.text, $0.label, $0.split] })
    }
    expectAll(data)
    for (name, role) in [(image, "image"), (text, "text"), (label, "label")] {
      #expect(data.notes.contains { $0.hasPrefix("the column '\(name)' is taken for '\(role)'") }, "\(data.notes)")
    }
  }

  @Test("JSON lines with other usual keys are taken alike")
  func otherKeys() throws {
    let data = try read { made in
      let lines = samples.map {
        #"{"img": "img/\#($0.id).png", "caption": "\#($0.text)", "category": "\#($0.label)", "split": "\#($0.split)"}"#
      }
      try made.write("samples.jsonl", lines.joined(separator: "\n"))
    }
    expectAll(data)
  }

  @Test("several columns that could be meant are a question, and --columns answers it")
  func ambiguous() throws {
    let make: (MadeUpFolder) throws -> Void = { made in
      try made.write(
        "samples.csv",
        csv("img,title,body,label,split") { ["img/\($0.id).png", $0.text, "more of \($0.id)", $0.label, $0.split] })
    }
    #expect(try fault({ _ in }, make) == .severalColumns("text", ["title", "body"]))
    let joined = try read({ $0.columns = "text=Title+Body" }, make)
    expectAll(joined)
    #expect(joined.samples[0].text == "a cat seen on day 0\nmore of 0")
    let none = try read({ $0.columns = "text=" }, make)
    expectAll(none, kinds: [.image])
    #expect(
      try fault({ $0.columns = "text=titel" }, make)
        == .noSuchColumn(
          "titel", found: ["img", "title", "body", "label", "split"], meant: "title"))
    #expect(throws: Diagnosis.self) { try read({ $0.columns = "words=title" }, make) }
  }

  @Test("of a column of addresses and one of files, the files are taken")
  func addresses() throws {
    let data = try read { made in
      try made.write(
        "samples.csv",
        csv("image_path,photo,text,label,split") {
          ["https://e.org/\($0.id)", "img/\($0.id).png", $0.text, $0.label, $0.split]
        })
    }
    expectAll(data)
  }

  @Test("a column of another name whose cells name pictures that are here is a question")
  func unread() throws {
    let make: (MadeUpFolder) throws -> Void = { made in
      try made.write("samples.csv", csv("Name,text,label,split") { ["\($0.id)", $0.text, $0.label, $0.split] })
    }
    #expect(try fault({ _ in }, make) == .picturesUnread(column: "Name", root: "img", text: "text"))
    expectAll(try read({ $0.columns = "image=Name,image-root=img" }, make))
    expectAll(try read({ $0.columns = "image=" }, make), kinds: [.text])
    // Numbers that happen to be called like files are none.
    let stars = try read { made in
      try made.write("samples.csv", csv("stars,text,label,split") { ["\($0.id % 3)", $0.text, $0.label, $0.split] })
    }
    expectAll(stars, kinds: [.text])
  }

  @Test("a shop's table with semicolons is read without an option")
  func shop() throws {
    let data = try read { made in
      try made.write(
        "export.csv",
        csv("Handle;Title;Body (HTML);Product Category;Image Src;split", separator: ";") {
          ["h\($0.id)", $0.text, "<p>\($0.id)</p>", $0.label, "img/\($0.id).png", $0.split]
        })
    }
    expectAll(data)
    #expect(data.notes.contains("the samples are in 'export.csv', the only table in the folder"))
  }

  @Test("one column for each class says by 0 and 1 which a sample has")
  func columnsOfClasses() throws {
    let data = try read({ $0.columns = "label=cat+dog" }) { made in
      try made.write(
        "samples.csv",
        csv("image,text,cat,dog,split") {
          ["img/\($0.id).png", $0.text, $0.label == "cat" ? "1" : "0", $0.label == "dog" ? "1" : "", $0.split]
        })
    }
    expectAll(data)
  }

  // MARK: Files

  @Test("tab-separated values, a JSON list, and JSON tables are read", arguments: ["tsv", "list", "columns", "ids"])
  func kinds(form: String) throws {
    let data = try read { made in
      switch form {
      case "tsv":
        try made.write(
          "samples.tsv",
          csv("image\ttext\tlabel\tsplit", separator: "\t") {
            ["img/\($0.id).png", "\"\($0.text)", $0.label, $0.split]
          })
      case "list":
        let objects = samples.map {
          "  {\n    \"image\": \"img/\($0.id).png\",\n    \"text\": \"\($0.text) [}\", \"label\": \"\($0.label)\", \"split\": \"\($0.split)\"}"
        }
        try made.write("data.json", "[\n" + objects.joined(separator: ",\n") + "\n]\n")
      case "columns":
        func column(_ value: (Sample) -> String) -> String {
          "{" + samples.map { "\"\($0.id)\": \"\(value($0))\"" }.joined(separator: ", ") + "}"
        }
        try made.write(
          "data.json",
          "{\"image\": \(column { "img/\($0.id).png" }), \"text\": \(column(\.text)), \"label\": \(column(\.label)), \"split\": \(column(\.split))}"
        )
      default:
        let rows = samples.map {
          "\"s\($0.id)\": {\"image\": \"img/\($0.id).png\", \"text\": \"\($0.text)\", \"label\": \"\($0.label)\", \"split\": \"\($0.split)\"}"
        }
        try made.write("data.json", "{" + rows.joined(separator: ",") + "}")
      }
    }
    expectAll(data)
    if form == "ids" { #expect(data.samples.map(\.id).contains("s3")) }
  }

  @Test("a broken line, and a broken element of a list, cost only themselves", arguments: [true, false])
  func broken(isList: Bool) throws {
    var objects = samples.map {
      #"{"image": "img/\#($0.id).png", "text": "\#($0.text)", "label": "\#($0.label)", "split": "\#($0.split)"}"#
    }
    objects.insert(#"{"image": "img/0.png", "text": oops, "label": "cat", "split": "train"}"#, at: 3)
    let data = try read { made in
      let text = isList ? "[\(objects.joined(separator: ",\n"))]" : objects.joined(separator: "\n")
      try made.write(isList ? "samples.json" : "samples.jsonl", text)
    }
    #expect(data.samples.count == 12)
    #expect(data.quarantined.map(\.row) == [4])
    #expect(data.quarantined[0].reason == "this is not JSON (column 32)")
  }

  @Test("Windows-1252 is known by its bytes, told, and read where it is named; UTF-16 is read by its mark")
  func encodings() throws {
    let text = csv("image,text,label,split") { ["img/\($0.id).png", "café \($0.id) – €", $0.label, $0.split] }
    let bytes = try #require(text.data(using: .windowsCP1252))
    let error = try #require(throws: RawDatasetError.self) { try read { try $0.write("samples.csv", bytes) } }
    #expect(error.faults == [.nothingUsable(rows: 12)])
    let data = try read({ $0.encoding = "cp1252" }) { try $0.write("samples.csv", bytes) }
    expectAll(data)
    #expect(data.samples[3].text == "café 3 – €")
    let wide = try #require(text.data(using: .utf16))
    expectAll(try read { try $0.write("samples.csv", wide) })
    #expect(throws: Diagnosis.self) { try read({ $0.encoding = "utf-9" }) { try $0.write("samples.csv", bytes) } }
    // A class that only such rows have is told as lost, with what helps.
    var some = Data("image,text,label,split\n".utf8)
    for sample in samples {
      let words = sample.label == "cat" ? Data([0x63, 0xE9]) : Data("x".utf8)
      some +=
        Data("img/\(sample.id).png,".utf8) + words
        + Data(",\(sample.id < 3 ? "new" : sample.label),\(sample.split)\n".utf8)
    }
    let lost = try #require(try read { try $0.write("samples.csv", some) }.loss)
    #expect(lost.what.contains("6 of 12 rows") && lost.what.contains("all of the class 'cat'"))
    #expect(lost.found.contains { $0.contains("Windows-1252; --encoding windows-1252 reads it") })
  }

  @Test(
    "pictures under another ending, case, form of accents or folder than the table says are found, and that is told")
  func otherEndings() throws {
    let data = try read { made in
      try made.write(
        "samples.csv",
        csv("image,text,label,split") { sample in
          let path =
            switch sample.id {
            case 0: "img/0.jpg"
            case 1: "img/1"
            case 2: "IMG_2.JPG"
            case 3: "img\\3.png"
            case 4: "./img/4.png"
            case 5: "cafe\u{301}.png"
            default: "img/\(sample.id).png"
            }
          return [path, sample.text, sample.label, sample.split]
        })
      try made.touch("img_2.jpg", "caf\u{e9}.png")
    }
    expectAll(data)
    #expect(
      data.notes.contains(
        "2 files have another ending than the table says, or it says none: 'img/0.jpg' is 'img/0.png'"))
    #expect(data.notes.contains { $0.hasPrefix("1 file is written with \\ in the table") })
    let inside = try read { made in
      try made.write("samples.csv", csv("image,text,label,split") { ["\($0.id).png", $0.text, $0.label, $0.split] })
    }
    expectAll(inside)
    #expect(inside.notes.contains("the pictures that 'image' names lie in 'img'"))
    // Of two files with that name nobody knows which is meant.
    let two = try read { made in
      try made.write("samples.csv", csv("image,text,label,split") { ["img/\($0.id)", $0.text, $0.label, $0.split] })
      try made.touch("img/7.jpg")
    }
    #expect(two.quarantined.map(\.reason) == ["'img/7' could be '7.jpg' or '7.png'"])
  }

  @Test("an absolute path is taken where it lies in the folder")
  func absolute() throws {
    let data = try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder)
      for sample in samples { try made.touch("img/\(sample.id).png") }
      try made.write(
        "samples.csv",
        csv("image,text,label,split") {
          [folder.appending(path: "img/\($0.id).png").path, $0.text, $0.label, $0.split]
        })
      return try RawDataset(at: folder)
    }
    expectAll(data)
    #expect(data.samples[0].image == "img/0.png")
  }

  @Test("pictures and texts are found by id, and labels lie in a table of their own", arguments: [true, false])
  func byID(hasTable: Bool) throws {
    let data = try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder)
      for sample in samples {
        try made.touch("data/\(sample.id).jpg")
        try made.write("data/\(sample.id).txt", sample.text + "\n")
      }
      let text = csv("id\tlabel\tsplit", separator: "\t") { ["\($0.id)", $0.label, $0.split] }
      try made.write(hasTable ? "labels.tsv" : "labels.txt", text)
      return try RawDataset(at: folder)
    }
    expectAll(data)
    #expect(data.samples[2].image == "data/2.jpg" && data.samples[2].text == "a cat seen on day 2")
  }

  @Test("a list without header of files and classes is read")
  func noHeader() throws {
    let data = try read { made in
      try made.write("list.txt", samples.map { "img/\($0.id).png \($0.label)" }.joined(separator: "\n"))
    }
    #expect(data.samples.count == 12 && data.modalities == [.image] && data.classes == ["cat", "dog"])
  }

  @Test("labels in a second file are matched by id, and what has no partner is told")
  func secondFile() throws {
    let make: (MadeUpFolder) throws -> Void = { made in
      try made.write("posts.csv", csv("id,image,text,split") { ["p\($0.id)", "img/\($0.id).png", $0.text, $0.split] })
      try made.write(
        "gold.csv", "id,class\n" + samples.map { "p\($0.id),\($0.label)\n" }.joined() + "p99,cat\n")
    }
    #expect(try fault({ _ in }, make) == .severalTables(["gold.csv", "posts.csv"]))
    let data = try read({ $0.labels = "gold.csv" }, make)
    expectAll(data)
    #expect(data.notes.contains("labels are those of 'gold.csv': 'class' by 'id'"))
    #expect(data.notes.contains("1 id of 'gold.csv' has no row"))
  }

  @Test("tables that are called as splits are all read", arguments: [true, false])
  func bySplit(inFolders: Bool) throws {
    let data = try read { made in
      for split in ["train", "val", "test"] {
        let rows = samples.filter { $0.split == split }
        let lines = rows.map { "\(inFolders ? "" : "img/")\($0.id).png,\($0.text),\($0.label)\n" }.joined()
        try made.write(inFolders ? "\(split)/metadata.csv" : "my_\(split).csv", "file_name,text,label\n" + lines)
        if inFolders { for row in rows { try made.touch("\(split)/\(row.id).png") } }
      }
    }
    expectAll(data)
    #expect(Set(data.samples.map(\.id)).count == 12)
  }

  // MARK: Rows

  @Test("rows of one id are numbered samples of one group")
  func repeatedIDs() throws {
    let data = try read { made in
      try made.write(
        "samples.csv",
        csv("id,image,text,label,split") { ["t\($0.id / 2 * 2)", "img/\($0.id).png", $0.text, $0.label, $0.split] })
    }
    expectAll(data)
    #expect(data.samples.prefix(3).map(\.id) == ["t0", "t0/2", "t2"])
    #expect(data.samples.prefix(3).map(\.group) == ["t0", "t0", "t2"])
    #expect(data.notes.contains("6 rows with an id that was there before: they are numbered, and the id is the group"))
  }

  @Test("the splits 0, 1 and 2 are training, validation and testing; of other numbers it is asked")
  func numberedSplits() throws {
    func make(_ number: @escaping (Sample) -> Int) -> (MadeUpFolder) throws -> Void {
      { made in
        try made.write(
          "samples.csv", csv("image,text,label,split") { ["img/\($0.id).png", $0.text, $0.label, "\(number($0))"] })
      }
    }
    expectAll(try read({ _ in }, make { $0.split == "train" ? 0 : $0.split == "val" ? 1 : 2 }))
    let folds = make { $0.id / 2 }
    #expect(try fault({ _ in }, folds) == .numberedSplits(["0", "1", "2", "3", "4", "5"]))
    expectAll(try read({ $0.splitNames = "train=0+1+2,validation=3,test=4+5" }, folds))
    #expect(try fault({ _ in }, make { $0.id < 6 ? 1 : 0 }) == .numberedSplits(["0", "1"]))
  }

  @Test("spelt-out missing values are missing in every column")
  func missing() throws {
    let data = try read { made in
      try made.write(
        "samples.csv",
        csv("image,text,label,split") { sample in
          [
            sample.id == 0 ? "nan" : "img/\(sample.id).png", sample.id == 1 ? "None" : sample.text,
            sample.id == 2 ? "NaN" : sample.label, sample.split,
          ]
        })
    }
    #expect(data.quarantined.map(\.reason) == ["has no label"])
    #expect(data.samples[0].image == nil && data.samples[1].text == nil && data.classes == ["cat", "dog"])
    #expect(data.notes.contains("1 row has 'nan' in 'image': read as missing"))
  }

  @Test("whole numbers of 64 bits and more are ids digit by digit")
  func largeIDs() throws {
    let data = try read { made in
      let lines = samples.map {
        "{\"id\": \(UInt64.max - UInt64($0.id)), \"image\": \"img/\($0.id).png\", \"text\": \"\($0.text)\", \"label\": \"\($0.label)\", \"split\": \"\($0.split)\"}"
      }
      try made.write("samples.jsonl", lines.joined(separator: "\n"))
    }
    expectAll(data)
    #expect(data.samples[0].id == "18446744073709551615" && data.samples[1].id == "18446744073709551614")
  }

  @Test("a folder that a link leads out to is a loss that names the option")
  func links() throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder)
      for sample in samples { try made.touch("far/\(sample.id).png") }
      try made.write(
        "data/samples.csv", csv("image,text,label,split") { ["photos/\($0.id).png", $0.text, $0.label, $0.split] })
      try FileManager.default.createSymbolicLink(
        atPath: folder.appending(path: "data/photos").path, withDestinationPath: "../far")
      let error = try #require(throws: RawDatasetError.self) { try RawDataset(at: folder.appending(path: "data")) }
      #expect(error.diagnosis.found.contains { $0.contains("--follow-links allows it") })
      var settings = RawDatasetSettings()
      settings.followLinks = true
      expectAll(try RawDataset(at: folder.appending(path: "data"), settings: settings))
    }
  }
}
