import Foundation
import Records
import TestSupport
import Testing

/// Folders as people have them, from raw samples to features.
@Suite("Tables of samples in every form")
struct DataFormsTests {
  /// Twenty-four samples of two classes with a picture each.
  private struct Sample {
    let number: Int
    var label: String { number % 2 == 0 ? "cat" : "dog" }
    var text: String { "a \(label) seen on day \(number) by \(["me", "you", "them"][number % 3])" }
  }

  private static let samples = (0..<24).map(Sample.init)

  private static func picture(_ sample: Sample) -> Data {
    let shade = UInt8(10 * sample.number)
    return TinyRaw.png(width: 8, height: 8) { x, y in
      [
        shade, UInt8((x * 31 + sample.number * 53) % 256),
        UInt8((y * (sample.label == "cat" ? 31 : 7) + sample.number * 17) % 256),
      ]
    }
  }

  /// A form: how it is made, and what option it wants.
  struct Form: Sendable, CustomTestStringConvertible {
    let name: String
    var options: [String] = []
    var modalities = ["image", "text"]
    var classes = ["cat", "dog"]
    /// Where it lies, of the folder.
    var path = ""
    let make: @Sendable (MadeUpFolder) throws -> Void
    var testDescription: String { name }
  }

  private static func pictures(_ made: MadeUpFolder, _ name: (Sample) -> String = { "img/\($0.number).png" }) throws {
    for sample in samples { try made.write(name(sample), picture(sample)) }
  }

  private static func table(_ header: String, _ separator: String = ",", _ fields: (Sample) -> [String]) -> String {
    header + "\n" + samples.map { fields($0).joined(separator: separator) + "\n" }.joined()
  }

  static let forms: [Form] = [
    Form(name: "the column 'img'") { made in
      try pictures(made)
      try made.write(
        "samples.csv", table("id,img,text,label") { ["\($0.number)x", "img/\($0.number).png", $0.text, $0.label] })
    },
    Form(name: "the column 'Name', without an ending", options: ["--columns", "image=Name"]) { made in
      try pictures(made)
      try made.write(
        "creatures.csv",
        table("Name,text,Type 1", ",") { ["\($0.number)", $0.text, $0.label] }
          .replacing("Type 1", with: "label"))
    },
    Form(name: "a shop's export", options: ["--columns", "text=Title+Body"]) { made in
      try pictures(made)
      try made.write(
        "products.csv",
        table("Title;Body (HTML);Product Category;Image Src", ";") {
          [$0.text, "<b>\($0.number)</b>", $0.label, "img/\($0.number).png"]
        })
    },
    Form(name: "ID.jpg beside ID.txt and a list of labels") { made in
      try pictures(made) { "data/\($0.number).png" }
      for sample in samples { try made.write("data/\(sample.number).txt", sample.text) }
      try made.write("labels.txt", table("ID\tlabel", "\t") { ["\($0.number)", $0.label] })
    },
    Form(name: "a JSON list") { made in
      try pictures(made)
      let rows = samples.map {
        #"{"image": "img/\#($0.number).png", "text": "\#($0.text)", "label": "\#($0.label)"}"#
      }
      try made.write("data.json", "[\n\(rows.joined(separator: ",\n"))\n]")
    },
    Form(name: "several labels with semicolons", classes: ["cat", "dog", "late", "soon"]) { made in
      try pictures(made)
      try made.write(
        "samples.csv",
        table("image,text,label") {
          ["img/\($0.number).png", $0.text, "\($0.label);\($0.number % 3 == 0 ? "soon" : "late")"]
        })
    },
    Form(name: "lists of Python", classes: ["cat", "dog", "late"]) { made in
      try pictures(made)
      try made.write(
        "samples.csv",
        table("image,text,label") {
          ["img/\($0.number).png", $0.text, $0.number % 3 == 0 ? "\"['\($0.label)', 'late']\"" : "['\($0.label)']"]
        })
    },
    Form(name: "several pictures of one id") { made in
      try pictures(made)
      try made.write(
        "samples.csv",
        table("id,image,text,label") { ["t\($0.number / 2)", "img/\($0.number).png", $0.text, $0.label] })
    },
    Form(name: "labels in a second file", options: ["--labels", "gold.csv"]) { made in
      try pictures(made)
      try made.write("posts.csv", table("id,image,text") { ["p\($0.number)", "img/\($0.number).png", $0.text] })
      try made.write("gold.csv", table("id,class") { ["p\($0.number)", $0.label] })
    },
    Form(name: "pictures under another ending") { made in
      try pictures(made)
      try made.write("samples.csv", table("image,text,label") { ["img/\($0.number).jpg", $0.text, $0.label] })
    },
    Form(name: "Windows-1252", options: ["--encoding", "windows-1252"]) { made in
      try pictures(made)
      let text = table("image,text,label") {
        ["img/\($0.number).png", "café, ".replacing(",", with: "") + $0.text, $0.label]
      }
      try made.write("samples.csv", text.data(using: .windowsCP1252) ?? Data())
    },
    Form(name: "tab-separated values") { made in
      try pictures(made)
      try made.write(
        "tweets.tsv", table("image\ttext\tlabel", "\t") { ["img/\($0.number).png", "\"\($0.text)", $0.label] })
    },
    Form(name: "JSON lines, one broken") { made in
      try pictures(made)
      var rows = samples.map {
        #"{"image": "img/\#($0.number).png", "text": "\#($0.text)", "label": "\#($0.label)"}"#
      }
      rows.insert("{\"image\": \"img/1.png\", \"text\": \"a broken", at: 5)
      try made.write("samples.jsonl", rows.joined(separator: "\n"))
    },
    Form(name: "pictures behind a link", options: ["--follow-links"], path: "data") { made in
      try pictures(made)
      try made.write("data/samples.csv", table("image,text,label") { ["photos/\($0.number).png", $0.text, $0.label] })
      try FileManager.default.createSymbolicLink(
        atPath: made.folder.appending(path: "data/photos").path, withDestinationPath: "../img")
    },
  ]

  @Test("goes from the folder to features with at most one option", arguments: forms)
  func features(_ form: Form) throws {
    try withTemporaryFolder { folder in
      try form.make(MadeUpFolder(folder.appending(path: "raw")))
      let raw = form.path.isEmpty ? "raw" : "raw/\(form.path)"
      let answer = try Seesaw.run(
        ["encode", raw, "--out", "data", "--json", "--views", "none"] + form.options, in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      let counts = try answer.json()[path: "counts"]?.tableValue?.values.compactMap(\.intValue) ?? []
      #expect(counts.reduce(0, +) == 24 && counts.count == 3, "\(answer.error)")
      let manifest = try Tree(
        json: String(contentsOf: folder.appending(path: "data/dataset.json"), encoding: .utf8))
      #expect(manifest[path: "modalities"] == .list(form.modalities.map(Tree.string)))
      #expect(manifest[path: "classes"] == .list(form.classes.map(Tree.string)))
    }
  }

  @Test("a link out of the folder loses a modality: that is a failure which names the option")
  func links() throws {
    try withTemporaryFolder { folder in
      let form = try #require(Self.forms.first { $0.options == ["--follow-links"] })
      try form.make(MadeUpFolder(folder.appending(path: "raw")))
      let made = MadeUpFolder(folder.appending(path: "raw"))
      // Some rows have a text only, and stay.
      try made.write(
        "data/samples.csv",
        Self.table("image,text,label") { [$0.number < 12 ? "" : "photos/\($0.number).png", $0.text, $0.label] })
      let answer = try Seesaw.run(["encode", "raw/data", "--out", "data"], in: folder)
      #expect(answer.status == 66, "\(answer.error)")
      #expect(answer.error.contains("12 of 24 rows (50 %) and all of the modality 'image'"), "\(answer.error)")
      #expect(answer.error.contains("--follow-links allows it"))
      let check = try Seesaw.run(["check", "raw/data", "--json"], in: folder)
      #expect(check.status == 1)
      let kinds = try check.json()[path: "findings"]?.listValue?.compactMap { $0[path: "kind"]?.stringValue }
      #expect(kinds?.first == "lost-data")
      #expect(try Seesaw.run(["encode", "raw/data", "--out", "data", "--allow-loss"], in: folder).status == 0)
    }
  }

  @Test("check says in ten lines what lies there and which command takes it, whatever it is")
  func look() throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder)
      try Self.pictures(MadeUpFolder(folder.appending(path: "raw")))
      try made.write(
        "raw/shop.csv", Self.table("Name,title,category") { ["\($0.number)", $0.text, $0.label] })
      func seen(_ words: [String]) throws -> (lines: [Substring], answer: Answer) {
        let answer = try Seesaw.run(["check"] + words, in: folder)
        let lines = answer.out.split(separator: "\n").drop { $0 != "What is here" }.dropFirst().prefix {
          $0.hasPrefix("  ")
        }
        #expect(lines.count <= 20 && !lines.isEmpty, "\(answer.out)")
        return (Array(lines), answer)
      }
      let asked = try seen(["raw"])
      #expect(asked.answer.status == 66)
      #expect(asked.answer.out.contains("--columns image=Name,image-root=img"), "\(asked.answer.out)")
      let taken = try seen(["raw", "--columns", "image=Name"])
      let words = taken.lines.joined(separator: " ").replacing("    ", with: "")
      #expect(words.contains("columns: image: Name; text: title; label: category"), "\(words)")
      #expect(words.contains("classes: 2 (cat, dog), one to a sample"))
      #expect(words.contains("next: seesaw encode raw --out raw-features --columns image=Name"), "\(words)")
      // What is no data at all.
      try made.write("empty/readme.md", "nothing")
      let none = try seen(["empty"])
      #expect(none.answer.status == 66 && none.answer.out.contains("in the folder: files: 1 .md"), "\(none.answer.out)")
    }
  }

  @Test("a drawn split keeps copies and near-copies of pictures in one split, and the check finds none across")
  func copies() throws {
    try withTemporaryFolder { folder in
      let made = MadeUpFolder(folder.appending(path: "raw"))
      var lines = "image,text,label\n"
      for number in 0..<60 {
        let (shape, own) = (number % 20, number / 20)
        let picture = TinyRaw.png(width: 32, height: 32) { x, y in
          let wave = (x * (3 + shape % 5) + y * (2 + shape % 7) + shape * 11) % 32
          return [UInt8(wave * 7), UInt8(wave * 6 + own), UInt8(wave * 5)]
        }
        try made.write("\(number).png", picture)
        lines += "\(number).png,words that stand with picture \(number) of all,\(number % 2 == 0 ? "cat" : "dog")\n"
      }
      try made.write("samples.csv", lines)
      let answer = try Seesaw.run(["encode", "raw", "--out", "data", "--views", "none"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(answer.error.contains("each set is kept in one split"), "\(answer.error)")
      let check = try Seesaw.run(["check", "raw", "--json"], in: folder)
      let kinds = try check.json()[path: "findings"]?.listValue?.compactMap { $0[path: "kind"]?.stringValue } ?? []
      #expect(check.status == 0 && !kinds.contains("near-modality") && !kinds.contains("shared-modality"), "\(kinds)")
    }
  }

  @Test("a test split of one class is refused for AUROC by encode, by train and by check, before anything is trained")
  func oneClass() throws {
    try withTemporaryFolder { folder in
      var raw = TinyRaw()
      for index in raw.rows.indices where raw.rows[index].split == "test" { raw.rows[index].label = "cat" }
      try raw.write(to: folder.appending(path: "raw"))
      let refused = try Seesaw.run(["encode", "raw", "--out", "data", "--metric", "auroc"], in: folder)
      #expect(refused.status == 66)
      #expect(
        refused.error.contains("the AUROC needs both classes, and all 4 test samples are 'cat'"), "\(refused.error)")
      #expect(try Seesaw.run(["encode", "raw", "--out", "data"], in: folder).status == 0)
      let file = folder.appending(path: "data/dataset.json")
      let manifest = try String(contentsOf: file, encoding: .utf8).replacing("\"accuracy\"", with: "\"auroc\"")
      try Data(manifest.utf8).write(to: file)
      let train = try Seesaw.run(["train", "data", "--method", "joint", "--out", "run"] + quick, in: folder)
      #expect(train.status == 66 && train.error.contains("all 4 test samples are 'cat'"), "\(train.error)")
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "run").path))
      let check = try Seesaw.run(["check", "data"], in: folder)
      #expect(check.status == 1 && check.out.contains("the AUROC needs both classes"), "\(check.out)")
    }
  }

  @Test("predict reads the tables that encode reads, as a file and on standard input, and answers every row")
  func predict() throws {
    try withTemporaryFolder { folder in
      let raw = MadeUpFolder(folder.appending(path: "raw"))
      try Self.pictures(raw)
      let table = Self.table("id,file_name,caption,label,price") {
        [
          "n\($0.number)", $0.number == 3 ? "nan" : "img/\($0.number).png", $0.number == 4 ? "None" : $0.text, $0.label,
          "1",
        ]
      }
      try raw.write("samples.csv", table)
      let encoded = try Seesaw.run(["encode", "raw", "--out", "data", "--views", "none", "-q"], in: folder)
      #expect(encoded.status == 0, "\(encoded.error)")
      #expect(
        try Seesaw.run(["train", "data", "--method", "uniform", "--out", "r", "-q"] + quick, in: folder).status == 0)
      func rows(_ answer: Answer) throws -> [Tree] { try answer.out.split(separator: "\n").map { try Tree(json: $0) } }
      let file = try Seesaw.run(["predict", "r", "raw/samples.csv"], in: folder)
      #expect(file.status == 0, "\(file.error)")
      let answers = try rows(file)
      #expect(answers.map { $0[path: "id"]?.stringValue } == (0..<24).map { "n\($0)" })
      #expect(answers[3][path: "present"] == ["text"] && answers[4][path: "present"] == ["image"])
      #expect(try Seesaw.run(["predict", "r", "raw"], in: folder).out == file.out)
      // On standard input paths are meant from here.
      let here = table.replacing("img/", with: "raw/img/")
      let piped = try Seesaw.run(["predict", "r"], in: folder, input: here)
      #expect(piped.status == 0 && piped.out == file.out, "\(piped.error)")
      let lines = Self.samples.map {
        #"{"id": "n\#($0.number)", "img": "raw/img/\#($0.number).png", "caption": "\#($0.text)", "label": "\#($0.label)"}"#
      }
      let asLines = try Seesaw.run(["predict", "r"], in: folder, input: lines.map { $0 + "\n" }.joined())
      let asList = try Seesaw.run(["predict", "r"], in: folder, input: "[\(lines.joined(separator: ",\n"))]")
      #expect(asLines.status == 0, "\(asLines.error)")
      #expect(asList.out == asLines.out, "\(asList.error)")
      #expect(try rows(asLines)[0] == answers[0])
      // A row that cannot be answered has its place.
      try raw.write("bad.csv", "id,image,text\na,img/none.png,x\nb,,\nc,img/1.png\nd,img/1.png,y\n")
      let bad = try Seesaw.run(["predict", "r", "raw/bad.csv"], in: folder)
      #expect(bad.status == 1 && bad.error.contains("3 of 4 lines could not be answered"), "\(bad.error)")
      #expect(try rows(bad).map { $0[path: "error"] == nil } == [false, false, false, true])
    }
  }

  @Test("diagnose encodes raw samples by itself, into a folder beside them, and says so")
  func diagnose() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      let answer = try Seesaw.run(
        ["diagnose", "raw", "--quick", "--set", "training.epochs=2", "--out", "out", "--json"], in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      #expect(answer.error.contains("'raw' holds raw samples: they are encoded to 'raw-features'"), "\(answer.error)")
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: "raw-features/dataset.json").path))
    }
  }
}
