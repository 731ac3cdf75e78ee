import Datasets
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

/// Parquet and Arrow files; `scripts/reference/tables.py` made those that are read here.
@Suite("Parquet and Arrow files", .enabled(if: ReadableFiles.arrow != nil))
struct TableReaderTests {
  private func table(_ name: String) -> URL { Conditions.golden("tables/\(name)") }

  private func data(
    _ name: String, columns: String = "", for purpose: RawDataset.Purpose = .asking
  ) throws -> RawDataset {
    var settings = RawDatasetSettings()
    settings.columns = columns
    return try RawDataset(at: table(name), settings: settings, for: purpose)
  }

  /// The bytes of the picture of that number, which `paths` holds as a file.
  private func picture(_ number: Int) throws -> Data { try Data(contentsOf: table("paths/\(number).png")) }

  @Test("image classification as on the hub: splits and shards by name, row groups, class names of the schema")
  func imageClasses() throws {
    let data = try data("image-classes", for: .training)
    #expect(data.name == "image-classes" && data.classes == ["blue", "red"] && data.modalities == [.image])
    #expect(data.quarantined.isEmpty)
    let train = data.samples(in: .train)
    #expect(train.count == 12 && data.samples(in: .test).count == 4)
    for (number, sample) in train.enumerated() {
      #expect(sample.id == "train/\(number)" && sample.labels == [number % 2 == 0 ? "red" : "blue"])
      let name = try #require(sample.image)
      #expect(try sample.isStored(name) && sample.bytes(of: name) == picture(number))
    }
    // Row 1 of row group 1 of the second file.
    #expect(train[11].place == "data/train-00001-of-00002.parquet:1:1")
    #expect(train[11].image == "data/train-00001-of-00002.parquet:1:1:image")
  }

  @Test("cells are given in any order, and to several threads at once")
  func order() throws {
    let samples = try data("image-classes", for: .training).samples(in: .train)
    for number in [11, 0, 7, 3, 3, 10, 1] {
      #expect(try samples[number].bytes(of: samples[number].image ?? "") == picture(number))
    }
    let sizes = try parallelMap(600, threads: 8) { place in
      let number = place * 7 % 12
      return try samples[number].bytes(of: samples[number].image ?? "") == picture(number)
    }
    #expect(sizes.allSatisfy { $0 })
  }

  @Test("pictures and texts with ids; the column that is taken for the text is told, and the one that is not used")
  func imageText() throws {
    let data = try data("image-text", for: .training)
    #expect(data.modalities == [.image, .text] && data.samples.count == 14)
    #expect(data.samples(in: .validation).map(\.id) == ["s8", "s9"])
    #expect(data.samples[0].text == "a red square")
    #expect(data.notes.contains("the column 'caption' is taken for 'text'; --columns text=… names another"))
    #expect(data.notes.contains("columns not used: width"))
  }

  @Test("several pictures in a cell, none, and a cell that is null")
  func severalPictures() throws {
    let data = try data("several-pictures")
    let samples = data.samples
    #expect(samples.count == 12)
    #expect(samples[0].frames.count == 1 && samples[6].image == "train-00000-of-00001.parquet:1:1:images[0]")
    #expect(try samples[6].bytes(of: samples[6].frames[0]) == picture(8))
    #expect(samples[3].image == nil && samples[4].image == nil && samples[3].text == "blue again")
  }

  @Test("sounds; and plain bytes, large texts and labels in words without any metadata")
  func others() throws {
    let sounds = try data("sounds")
    #expect(sounds.modalities == [.audio] && sounds.samples.count == 12)
    let sound = try sounds.samples[3].bytes(of: sounds.samples[3].audio ?? "")
    #expect(sound.prefix(4) == Data("RIFF".utf8) && sound.count == 44 + 2 * 643)
    let plain = try data("plain-bytes.parquet")
    #expect(plain.name == "plain-bytes" && plain.classes == ["blue", "red"])
    #expect(plain.samples[5].id == "5" && plain.samples[5].text == "a blue square")
    #expect(try plain.samples[5].bytes(of: plain.samples[5].image ?? "") == picture(5))
  }

  @Test("lists of labels: several of a sample, and none")
  func labelLists() throws {
    let data = try data("label-lists")
    #expect(data.isMultiLabel && data.samples[0].labels == ["blue", "red"])
    #expect(data.samples[5].labels == [] && data.samples[4].labels == ["blue"])
  }

  @Test("null cells are missing: pictures, texts, labels; a label of -1 too")
  func nulls() throws {
    let data = try data("null-cells.parquet")
    #expect(data.samples[2].image == nil && data.samples[5].image == nil && data.samples[2].text == "red again")
    #expect(data.samples[7].text == nil && data.samples[8].text == nil && data.samples[8].image != nil)
    #expect(data.quarantined.map(\.place) == ["null-cells.parquet:1:3"])
    #expect(data.quarantined.map(\.reason) == ["has no label"])
    let texts = try self.data("texts.parquet")
    #expect(texts.modalities == [.text] && texts.quarantined.count == 2)
    #expect(try RawDataset(at: table("texts.parquet"), for: .askingUnlabelled).samples.count == 14)
  }

  @Test("what save_to_disk leaves, and an Arrow file whose pictures are files beside it")
  func arrow() throws {
    let saved = try data("saved", for: .training)
    #expect(saved.samples(in: .train).count == 10 && saved.samples(in: .test).count == 4)
    #expect(saved.classes == ["blue", "red"])
    for (number, sample) in saved.samples.prefix(12).enumerated() {
      #expect(try sample.bytes(of: sample.image ?? "") == picture(number))
    }
    let paths = try data("paths")
    #expect(paths.samples.count == 12 && paths.samples[7].image == "7.png")
    #expect(try paths.samples[7].bytes(of: "7.png") == picture(7))
    #expect(paths.samples[7].place == "all.arrow:1:2")
  }

  @Test("columns are chosen by name, and a name that is not there is refused")
  func chosen() throws {
    let texts = try data("image-text", columns: "text=caption+id,label=label")
    #expect(texts.samples[0].text == "a red square\ns0")
    #expect(throws: RawDatasetError.self) { try data("image-text", columns: "text=words") }
    #expect(throws: Diagnosis.self) { try data("image-text", columns: "words") }
  }

  @Test("a shard that is not there is named, and two data sets in a folder are a question")
  func folders() throws {
    try withTemporaryFolder { folder in
      let files = FileManager.default
      try files.createDirectory(at: folder.appending(path: "data"), withIntermediateDirectories: true)
      let name = "data/train-00000-of-00002.parquet"
      try files.copyItem(at: table("image-classes/\(name)"), to: folder.appending(path: name))
      let error = #expect(throws: RawDatasetError.self) { try RawDataset(at: folder) }
      #expect(error?.diagnosis.what == "1 of 2 files are not here: data/train-00001-of-00002.parquet")

      let two = folder.appending(path: "two")
      for name in ["a", "b"] {
        try files.createDirectory(at: two.appending(path: name), withIntermediateDirectories: true)
        try files.copyItem(at: table("sounds/train.parquet"), to: two.appending(path: "\(name)/train.parquet"))
      }
      let question = #expect(throws: RawDatasetError.self) { try RawDataset(at: two) }
      #expect(question?.diagnosis.what == "the folder holds 2 data sets: a, b")
    }
  }

  @Test("what is cut off or was never a table is refused with the file's name")
  func cut() throws {
    try withTemporaryFolder { folder in
      let whole = try Data(contentsOf: table("plain-bytes.parquet"))
      for (number, bytes) in [Data(), Data("PAR1".utf8), whole.dropLast(9), whole.prefix(900), Data("no".utf8)]
        .enumerated()
      {
        let url = folder.appending(path: "\(number).parquet")
        try bytes.write(to: url)
        let error = #expect(throws: Diagnosis.self) { try RawDataset(at: url) }
        #expect(error?.exitStatus == .input && error?.place?.hasSuffix("\(number).parquet") == true)
      }
    }
  }

  @Test("a picture whose bytes are damaged in the file is its sample's fault, told each time")
  func damagedCells() throws {
    try withTemporaryFolder { folder in
      // The first page of the pictures begins behind the first four bytes.
      var bytes = try Data(contentsOf: table("plain-bytes.parquet"))
      for place in 4..<40 { bytes[place] = 0xFF }
      let url = folder.appending(path: "a.parquet")
      try bytes.write(to: url)
      let data = try RawDataset(at: url, for: .asking)
      #expect(data.samples.count == 12)
      for sample in [data.samples[0], data.samples[11], data.samples[0]] {
        #expect(throws: Diagnosis.self) { try sample.bytes(of: sample.image ?? "") }
      }
    }
  }

  @Test("a picture is found again by the name that a feature set keeps of it, and nothing outside of the folder is")
  func kept() throws {
    let folder = table("")
    #expect(try StoredInput.bytes(of: "plain-bytes.parquet:0:5:img", in: folder) == picture(5))
    #expect(
      try StoredInput.bytes(of: "several-pictures/train-00000-of-00001.parquet:1:1:images[1]", in: folder) == picture(8)
    )
    let archive = try RawDataset(at: table("pairs.tar.gz"), for: .asking).samples[7]
    #expect(try StoredInput.bytes(of: archive.image ?? "", in: folder) == picture(7))
    #expect(try StoredInput.bytes(of: "paths/7.png", in: folder) == picture(7))
    for name in [
      "gone.png", "plain-bytes.parquet:0:99:img", "plain-bytes.parquet:0:5:nothing", "../tables/paths/7.png",
    ] {
      #expect(throws: Diagnosis.self, "\(name)") {
        try StoredInput.bytes(of: name, in: name.hasPrefix("..") ? table("saved") : folder)
      }
    }
  }

  @Test("a file that is written is read again, by another program too")
  func written() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.parquet")
      let writer = try ParquetWriter(
        url, columns: [("id", .text), ("text", .text), ("label", .texts), ("score", .number), ("n", .whole)], about: "x"
      )
      try writer.append([.text("é"), .text("one"), .texts(["a", "b"]), .number(0.5), .whole(3)])
      try writer.append([.text("two"), .null, .texts([]), .null, .null])
      try writer.append([.text("three"), .text("3"), .null, .number(.nan), .whole(-1)])
      try writer.close()
      let data = try RawDataset(at: url, for: .asking)
      #expect(data.samples.map(\.id) == ["é"] && data.samples[0].labels == ["a", "b"])
      #expect(data.quarantined.map(\.reason) == ["has neither a picture nor a text", "has no label"])
      #expect(throws: Diagnosis.self) {
        try ParquetWriter(folder.appending(path: "no/a.parquet"), columns: [("id", .text)], about: "")
      }
    }
  }
}
