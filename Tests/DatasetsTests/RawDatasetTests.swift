import Datasets
import Foundation
import Multimodal
import Records
import TestSupport
import Testing

@Suite struct RawDatasetTests {
  /// Reads a data set from the text of its file, in a folder with some pictures (of no content).
  private func read(
    _ text: String, as name: String = "samples.csv", settings: RawDatasetSettings = .init(),
    pictures: [String] = ["a.png", "b.png"]
  ) throws -> RawDataset {
    try read(Data(text.utf8), as: name, settings: settings, pictures: pictures)
  }

  private func read(
    _ data: Data, as name: String = "samples.csv", settings: RawDatasetSettings = .init(),
    pictures: [String] = ["a.png", "b.png"]
  ) throws -> RawDataset {
    try withTemporaryFolder { folder in
      try data.write(to: folder.appending(path: name))
      for picture in pictures {
        let file = folder.appending(path: picture)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data().write(to: file)
      }
      return try RawDataset(at: folder, settings: settings)
    }
  }

  @Test("a symbolic link within the folder is followed, one that leads out of it only where that is allowed")
  func links() throws {
    try withTemporaryFolder { folder in
      let files = FileManager.default
      let data = folder.appending(path: "data")
      try files.createDirectory(at: data.appending(path: "in"), withIntermediateDirectories: true)
      for name in ["data/in/a.png", "secret.png"] { try Data().write(to: folder.appending(path: name)) }
      try files.createSymbolicLink(atPath: data.appending(path: "near.png").path, withDestinationPath: "in/a.png")
      try files.createSymbolicLink(atPath: data.appending(path: "far.png").path, withDestinationPath: "../secret.png")
      try files.createSymbolicLink(atPath: data.appending(path: "up").path, withDestinationPath: "..")
      try files.createSymbolicLink(atPath: folder.appending(path: "alias").path, withDestinationPath: "data")
      var rows = "image,label,split\n"
      for (number, path) in ["in/a.png", "near.png", "far.png", "up/secret.png"].enumerated() {
        rows += "\(path),\(number % 2 == 0 ? "x" : "y"),\(number < 2 ? "train" : "test")\n"
      }
      rows += "in/a.png,x,test\n"
      try Data(rows.utf8).write(to: data.appending(path: "samples.csv"))
      // The folder itself may be reached by a link.
      for place in ["data", "alias"] {
        let found = try RawDataset(at: folder.appending(path: place))
        #expect(found.samples.map(\.row) == [2, 3, 6])
        #expect(found.quarantined.map(\.row) == [4, 5])
        #expect(
          found.quarantined.first?.reason
            == "'far.png' leads out of the folder by a symbolic link; --follow-links allows it")
      }
      var settings = RawDatasetSettings()
      settings.followLinks = true
      #expect(try RawDataset(at: data, settings: settings).samples.count == 5)
    }
  }

  @Test(
    "read for a model that is asked, rows without a split are all tested, one class is enough, and labels may be lacking"
  )
  func asking() throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder)
      try made.touch("a.png")
      try made.write("samples.csv", "image,text,label\na.png,one,x\na.png,two,x\n,three,x\n")
      let data = try RawDataset(at: folder, for: .asking)
      #expect(data.samples(in: .test).count == 3 && data.samples(in: .train).isEmpty)
      #expect(data.notes.contains("no column says which split a row belongs to: all are taken"))
      #expect(data.notes.contains("1 row without a picture: a model is told that it is absent"))
      // What closer looks leave over is read for the same.
      #expect(try data.quarantining { if $0.text == "two" { throw Diagnosis("odd") } }.samples.count == 2)
      #expect(throws: RawDatasetError.self) { try RawDataset(at: folder) }
      try made.write("samples.csv", "image,text\na.png,one\na.png,two\n")
      #expect(throws: RawDatasetError.self) { try RawDataset(at: folder, for: .asking) }
      let bare = try RawDataset(at: folder, for: .askingUnlabelled)
      #expect(bare.samples(in: .test).count == 2 && bare.classes.isEmpty)
    }
  }

  @Test("a row of many megabytes and a label with a control character are put aside, the others read")
  func strangeRows() throws {
    let long = String(repeating: "x", count: LineReader.limit + 1)
    let lines = ["a", "b", "a", "b", "a", "b"].map { "{\"text\":\"t\",\"label\":\"\($0)\"}\n" }.joined()
    let strange = "{\"text\":\"t\",\"label\":\"\\u001b[31m\"}\n{\"text\":\"\(long)\",\"label\":\"a\"}\n"
    let data = try read(lines + strange, as: "samples.jsonl")
    #expect(data.samples.count == 6)
    #expect(
      data.quarantined.map(\.reason) == ["has a control character in its label", "is longer than 16 MiB"])
    let csv = try read("text,label\nt,a\nt,b\nt,a\nt,b\n\"\(long)\",a\n")
    #expect(csv.quarantined.map(\.reason) == ["is longer than 16 MiB"])
  }

  @Test("a hundred thousand columns, and a hundred thousand classes, are a short answer")
  func tooMuch() throws {
    let columns = (0..<100_000).map { "c\($0)" }.joined(separator: ",")
    let error = try #require(throws: RawDatasetError.self) { try read(columns + "\n") }
    #expect(error.diagnosis.description.utf8.count < 5_000)
    let rows = (0...100_000).map { "t,\($0),train\n" }.joined()
    #expect(faults("text,label,split\n" + rows) == [.tooManyClasses(100_001)])
  }

  private func faults(
    _ text: String, as name: String = "samples.csv", settings: RawDatasetSettings = .init()
  ) -> [RawDatasetFault] {
    do {
      _ = try read(text, as: name, settings: settings)
      return []
    } catch {
      return (error as? RawDatasetError)?.faults ?? []
    }
  }

  /// Two classes in all splits, so that further rows can be tried.
  private let base = """
    id,image,text,label,split
    1,a.png,one,x,train
    2,b.png,two,y,train
    3,a.png,three,x,validation
    4,b.png,four,y,test

    """

  @Test(
    "the column 'group' says whom a sample belongs to, and a drawn split keeps groups whole", arguments: [true, false])
  func group(isCSV: Bool) throws {
    let rows = (0..<40).map { (id: $0, label: $0 % 2 == 0 ? "x" : "y", group: $0 / 4) }
    let text =
      isCSV
      ? "id,text,label,group\n" + rows.map { "\($0.id),words,\($0.label),film \($0.group)\n" }.joined()
      : rows.map {
        #"{"id": \#($0.id), "text": "words", "label": "\#($0.label)", "group": "film \#($0.group)"}"# + "\n"
      }
      .joined()
    let data = try read(text, as: isCSV ? "samples.csv" : "samples.jsonl")
    #expect(data.samples.map(\.group) == rows.map { "film \($0.group)" })
    for members in Dictionary(grouping: data.samples, by: \.group).values {
      #expect(Set(members.map(\.split)).count == 1)
    }
    #expect(data.notes.contains { $0.contains("drawn by class, each group whole") })
  }

  @Test("a plain CSV is read, row by row")
  func plain() throws {
    let data = try read(base)
    #expect(data.samples.count == 4)
    #expect(data.classes == ["x", "y"])
    #expect(data.modalities == [.image, .text])
    #expect(!data.isMultiLabel)
    #expect(data.quarantined.isEmpty)
    #expect(data.notes.isEmpty)
    let second = data.samples[1]
    #expect(second.id == "2")
    #expect(second.row == 3)
    #expect(second.imagePath?.lastPathComponent == "b.png")
    #expect(second.text == "two")
    #expect(second.labels == ["y"])
    #expect(second.split == .train)
    #expect(data.labelNumbers(of: second) == [1])
    #expect(data.samples(in: .validation).map(\.id) == ["3"])
  }

  @Test("the same rows as JSON lines make the same samples")
  func jsonLines() throws {
    let lines = """
      {"id": 1, "image": "a.png", "text": "one", "label": "x", "split": "train"}
      {"id": "2", "image": "b.png", "text": "two", "label": ["y"], "split": "training"}

      {"id": "3", "image": "./a.png", "text": "three", "label": "x", "split": "val"}
      {"id": "4", "image": "b.png", "text": "four", "label": "y", "split": "test", "extra": {"a": 1}}
      """
    let data = try read(lines, as: "samples.jsonl")
    #expect(data.samples.map(\.id) == ["1", "2", "3", "4"])
    #expect(data.samples.map(\.row) == [1, 2, 4, 5])
    #expect(data.samples.map(\.split) == [.train, .train, .validation, .test])
    #expect(data.classes == ["x", "y"])
    #expect(data.notes == ["keys not used: extra"])
  }

  @Test("a byte-order mark, semicolons, capitals and foreign columns do no harm")
  func excel() throws {
    let data = try read("\u{FEFF}ID;Label;Text;Split;Price\r\n1;x;\"a;b\";train;3\r\n2;y;c;train;4\r\n3;x;d;test;5\r\n")
    #expect(data.samples.map(\.text) == ["a;b", "c", "d"])
    #expect(data.modalities == [.text])
    #expect(data.notes.contains("columns not used: Price"))
  }

  @Test("the file itself may be named instead of its folder")
  func file() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "mine.csv")
      try Data("text,label,split\na,x,train\nb,y,train\nc,x,test\n".utf8).write(to: file)
      #expect(try RawDataset(at: file).samples.count == 3)
      #expect(throws: (any Error).self) { try RawDataset(at: folder.appending(path: "absent")) }
    }
  }

  @Test(
    "a bad row is put aside with its line and its reason, and the others are used",
    arguments: [
      ("1,a.png,one,x,train", "repeats line 2"),
      ("5,c.png,text,x,train", "there is no picture 'c.png'"),
      ("5,../a.png,text,x,train", "'../a.png' leads out of the folder"),
      ("5,q/../../a.png,text,x,train", "'q/../../a.png' leads out of the folder"),
      ("5,/etc/passwd,text,x,train", "'/etc/passwd' is not relative to the file"),
      ("5,https://e.org/a.png,text,x,train", "'https://e.org/a.png' is an address; pictures are read from files"),
      ("5,.,text,x,train", "'.' is a folder"),
      ("5,a.png,text,,train", "has no label"),
      ("5,a.png,text, x| ,train", "has an empty label"),
      ("5,a.png,text,nan,train", "has no label"), ("5,None,NaN,x,train", "has neither a picture nor a text"),
      ("5,a.png,text,x,trian", "the split 'trian' is not one of train, validation, test"),
      ("5,a.png,text,x,", "has no split"),
      ("5,, ,x,train", "has neither a picture nor a text"),
      ("5,a.png,text,x", "has 4 fields where the header has 5"),
      ("5,a.png,text,x,train,more", "has 6 fields where the header has 5"),
      ("5,a.png,\"te\"xt,x,train", "text after the quote that closes a field"),
    ])
  func quarantine(row: String, reason: String) throws {
    let data = try read(base + row + "\n6,b.png,\"last\n\",y,train\n")
    #expect(data.quarantined.map(\.row) == [6])
    #expect(data.quarantined.map(\.reason) == [reason])
    #expect(data.samples.count == 5)
    #expect(data.notes.contains("1 row left out"))
    #expect(data.loss == nil)
    var strict = RawDatasetSettings()
    strict.strict = true
    #expect(faults(base + row + "\n", settings: strict) == [.strict(data.quarantined)])
  }

  @Test("empty fields after the last column are no fault, and .. within the folder is none")
  func lenient() throws {
    let data = try read(base + "5,q/../a.png,text,x,train,,\n", pictures: ["a.png", "b.png", "q/c.png"])
    #expect(data.quarantined.isEmpty)
  }

  @Test("bytes that are not UTF-8 cost their own row only", arguments: ["samples.csv", "samples.jsonl"])
  func encodings(name: String) throws {
    let isCSV = name.hasSuffix("csv")
    var bytes = Data((isCSV ? base : "{\"text\": \"a\", \"label\": \"x\", \"split\": \"train\"}\n").utf8)
    bytes += Data((isCSV ? "5,a.png,caf" : "{\"text\": \"caf").utf8) + [0xE9]
    bytes += Data((isCSV ? ",x,train\n" : "\", \"label\": \"x\", \"split\": \"train\"}\n").utf8)
    if !isCSV {
      bytes += Data("{\"text\": \"b\", \"label\": \"y\", \"split\": \"train\"}\n".utf8)
      bytes += Data("{\"text\": \"c\", \"label\": \"y\", \"split\": \"test\"}\n".utf8)
    }
    let data = try read(bytes, as: name)
    #expect(data.quarantined.map(\.row) == [isCSV ? 6 : 2])
    #expect(data.quarantined.map(\.reason) == [isCSV ? "'text' is not UTF-8" : "is not UTF-8"])
  }

  @Test("a line that is not a JSON object is put aside")
  func badJSON() throws {
    let data = try read(
      """
      {"text": "a", "label": "x", "split": "train"}
      {"text": "a", "label": "x", "split": "train"
      "text"
      {"text": 5, "label": "x", "split": "train"}
      {"text": "b", "label": {"x": 5}, "split": "train"}
      {"text": "b", "label": null, "split": "train"}
      {"text": "b", "label": "y", "split": "train"}
      {"text": "c", "label": "y", "split": "test"}
      """, as: "samples.jsonl")
    #expect(data.quarantined.map(\.row) == [2, 3, 4, 5, 6])
    #expect(data.quarantined[1].reason == "is not a JSON object")
    #expect(data.quarantined[2].reason == "'text' is 5 where a text belongs")
    #expect(data.quarantined[4].reason == "has no label")
  }

  @Test("several labels are separated by bars or are a JSON list; an empty list is no label at all")
  func multiLabel() throws {
    let csv = try read(
      "text,label,split\na,x|y,train\nb,\"[\"\"y\"\", \"\"z\"\", \"\"y\"\"]\",train\nc,[],train\nd, x | z ,test\n")
    #expect(csv.samples.map(\.labels) == [["x", "y"], ["y", "z"], [], ["x", "z"]])
    #expect(csv.isMultiLabel)
    #expect(csv.classes == ["x", "y", "z"])
    #expect(csv.labelNumbers(of: csv.samples[3]) == [0, 2])
    let json = try read(
      "{\"text\": \"a\", \"label\": [1, 2], \"split\": \"train\"}\n{\"text\": \"b\", \"label\": 1, \"split\": \"test\"}\n",
      as: "samples.jsonl")
    #expect(json.samples.map(\.labels) == [["1", "2"], ["1"]])
    #expect(json.isMultiLabel)
  }

  @Test("classes that are whole numbers are in numerical order")
  func numericalClasses() throws {
    let rows = ["10", "9", "2"].map { "a,\($0),train\nb,\($0),test\n" }.joined()
    #expect(try read("text,label,split\n" + rows).classes == ["2", "9", "10"])
  }

  @Test("without ids, rows are known by their line")
  func noIDs() throws {
    #expect(try read("text,label,split\na,x,train\nb,y,train\nc,y,test\n").samples.map(\.id) == ["2", "3", "4"])
  }

  @Test("without a split column a split is drawn by class, and said")
  func drawnSplit() throws {
    let rows = (0..<100).map { "n\($0),t\($0),\($0 % 2)\n" }.joined()
    let data = try read("id,text,label\n" + rows)
    #expect(RawSplit.allCases.map { data.samples(in: $0).count } == [70, 10, 20])
    #expect(
      data.notes == ["no column says which split a row belongs to: 70/10/20 % were drawn by class, with seed 0"])
    let again = try read("id,text,label\n" + rows)
    #expect(again.samples.map(\.id) == data.samples.map(\.id))
    #expect(again.samples.map(\.split) == data.samples.map(\.split))
    let empty = (0..<100).map { "n\($0),t\($0),\($0 % 2),\n" }.joined()
    #expect(try read("id,text,label,split\n" + empty).samples.map(\.split) == data.samples.map(\.split))
  }

  @Test("what a person should know is noted")
  func notes() throws {
    let data = try read(
      """
      id,image,text,label,split
      1,a.png,one,x,train
      2,,two,Y,train
      3,b.png,,y,train
      4,a.png,one,x,test

      """)
    #expect(
      data.notes == [
        "no validation rows: nothing is selected, the last epoch counts",
        "1 row without a picture: a black one stands for it", "1 row without a text",
        "1 row of the test split also in training, with the same picture and text",
        "classes that differ only in case: 'Y', 'y'",
      ])
    #expect(data.samples[1].imagePath == nil)
    #expect(data.samples[2].text == nil)
  }

  @Test("what makes the whole set unusable is an error")
  func wholeSet() {
    #expect(faults("") == [.noRows])
    #expect(faults("", as: "samples.jsonl") == [.noRows])
    #expect(faults("text,label\n") == [.noRows])
    #expect(faults("text,kind\na,x\n") == [.noLabelColumn(found: ["text", "kind"], meant: nil)])
    #expect(
      faults("words,lable\na,x\n") == [
        .noLabelColumn(found: ["words", "lable"], meant: "lable"), .noInputColumn(found: ["words", "lable"]),
      ])
    #expect(faults("text,text,label\na,b,x\n") == [.repeatedColumn("text")])
    #expect(faults(base + "5,a.png,\"open,x,train\n6,a.png,b,x,train\n") == [.unclosedQuote(line: 6)])
    #expect(
      faults("[\n{\"text\": \"a\", \"label\": \"x\"}\n]", as: "samples.jsonl") == [
        .onlyOneClass("x"), .emptySplit(.test, hasColumn: false),
      ])
    #expect(faults("text,label,split\n,x,train\n,y,test\n") == [.nothingUsable(rows: 2)])
    #expect(faults("text,label,split\na,x,train\nb,x,test\n") == [.onlyOneClass("x")])
    #expect(
      faults("text,label,split\na,x,test\nb,y,test\n") == [.emptySplit(.train, hasColumn: true)])
    #expect(faults("text,label,split\na,x,train\nb,y,train\n") == [.emptySplit(.test, hasColumn: true)])
    #expect(
      faults("text,label,split\na,x,train\nb,y,test\nc,y,val\n") == [.classesNotInTraining(["y": [3, 4]])])
    var shares = RawDatasetSettings()
    shares.testShare = 0.9
    #expect(faults(base, settings: shares) == [.shares(validation: 0.1, test: 0.9)])
  }

  @Test("UTF-16 is recognised")
  func utf16() throws {
    let data = try #require("text,label\na,x\n".data(using: .utf16))
    #expect(throws: RawDatasetError.self) { try read(data) }
  }

  @Test("a folder without a sample file, with two, or with features says so")
  func folders() throws {
    func faults(_ names: [String]) throws -> [RawDatasetFault] {
      try withTemporaryFolder { folder in
        for name in names { try Data().write(to: folder.appending(path: name)) }
        do {
          _ = try RawDataset(at: folder)
          return []
        } catch let error as RawDatasetError {
          return error.faults
        }
      }
    }
    #expect(try faults([]) == [.noSampleFile(isFeatureSet: false, "")])
    #expect(try faults(["dataset.json"]) == [.noSampleFile(isFeatureSet: true, "")])
    #expect(try faults(["samples.csv", "samples.jsonl"]) == [.twoSampleFiles(["samples.csv", "samples.jsonl"])])
    #expect(throws: RawDatasetError.self) {
      try withTemporaryFolder { folder in
        let file = folder.appending(path: "samples.xlsx")
        try Data().write(to: file)
        _ = try RawDataset(at: file)
      }
    }
  }

  @Test("a closer look puts aside the samples it refuses, in order of their lines")
  func closerLook() throws {
    struct Broken: Diagnosable {
      var diagnosis: Diagnosis { Diagnosis("a picture cannot be read", found: ["an empty file"]) }
    }
    let data = try read(base + "5,c.png,five,x,train\n6,a.png,six,x,train\n")
    let closer = try data.quarantining { if $0.id == "6" || $0.id == "3" { throw Broken() } }
    #expect(closer.samples.map(\.id) == ["1", "2", "4"])
    #expect(closer.quarantined.map(\.row) == [4, 6, 7])
    #expect(closer.quarantined[0].reason == "a picture cannot be read: an empty file")
    #expect(closer.notes.contains("3 rows left out"))
    #expect(!closer.notes.contains("1 row left out"))
    #expect(throws: RawDatasetError.self) { try data.quarantining { if $0.split == .test { throw Broken() } } }
  }

  @Test("an error reads as a sentence with rows and a remedy")
  func sentences() {
    do {
      _ = try read("text,label,split\na,x,train\nb,y,test\n,x,train\n")
      Issue.record("an error was expected")
    } catch {
      let diagnosis = Diagnosis(describing: error)
      #expect(diagnosis.what == "a class occurs in no training row")
      #expect(diagnosis.found == ["'y' on line 3", "line 4: has neither a picture nor a text"])
      #expect(diagnosis.remedy == "move some of their rows to training, or remove them")
      #expect(diagnosis.exitStatus == .input)
      #expect(diagnosis.place?.hasSuffix("samples.csv") == true)
    }
    let several = RawDatasetError(place: "p", faults: [.onlyOneClass("x"), .emptySplit(.test, hasColumn: false)])
    #expect(several.diagnosis.what == "2 things are wrong with the data set")
    #expect(several.diagnosis.found.first == "every row has the label 'x'")
  }
}
