import Foundation
import Records
import TestSupport
import Testing

@Suite("Data that cannot be used")
struct BadInputTests {
  /// A feature set with one thing wrong, and what must be said of it.
  struct Fault: Sendable, CustomTestStringConvertible {
    let name: String
    let words: [String]
    let change: @Sendable (inout TinyFeatures) -> Void
    var testDescription: String { name }
  }

  static let faults: [Fault] = [
    Fault(name: "a label out of range", words: ["labels must be 0 to 2", "found 3", "1 row: 5"]) {
      $0.splits["train"]?["labels"] = .labels((0..<48).map { $0 == 5 ? 3 : Int64($0 % 3) })
    },
    Fault(name: "features that are not numbers", words: ["'image' is not finite", "1 row: 2"]) {
      var values = [Float](repeating: 0.5, count: 48 * 6)
      values[2 * 6 + 1] = .nan
      $0.splits["train"]?["image"] = .floats(values, [48, 6])
    },
    Fault(name: "a width that differs between splits", words: ["'text' is 5 wide, in train.safetensors it is 4"]) {
      $0.splits["test"]?["text"] = .floats([Float](repeating: 0, count: 18 * 5), [18, 5])
    },
    Fault(name: "an empty split", words: ["validation.safetensors: the split is empty"]) {
      $0.splits["validation"] = [
        "image": .floats([], [0, 6]), "text": .floats([], [0, 4]), "labels": .labels([]),
      ]
    },
    Fault(name: "a class absent from training", words: ["class 'blue' has 6 samples in test and none in train"]) {
      $0.splits["train"]?["labels"] = .labels((0..<48).map { Int64($0 % 2) })
    },
    Fault(name: "rows that do not match", words: ["'image' has 47 rows, 'labels' has 48"]) {
      $0.splits["train"]?["image"] = .floats([Float](repeating: 0, count: 47 * 6), [47, 6])
    },
    Fault(name: "a modality that is not there", words: ["modality 'text' is not there"]) {
      $0.splits["train"]?["text"] = nil
    },
    Fault(name: "no training split", words: ["train.safetensors is not there"]) { $0.splits["train"] = nil },
  ]

  @Test("is refused with its file and row, status 66, and no run is begun", arguments: faults)
  func features(_ fault: Fault) throws {
    try withTemporaryFolder { folder in
      var features = TinyFeatures()
      fault.change(&features)
      try features.write(to: folder.appending(path: "data"))
      let answer = try Seesaw.run(["train", "data", "--out", "r"], in: folder)
      #expect(answer.status == 66)
      #expect(answer.out == "")
      for words in fault.words { #expect(answer.error.contains(words), "\(answer.error)") }
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "r").path))
    }
  }

  @Test("files that are cut off, empty or no safetensors at all are named", arguments: [0, 4, 300, -1])
  func truncated(_ length: Int) throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let file = folder.appending(path: "data/test.safetensors")
      let data = try Data(contentsOf: file)
      try (length < 0 ? Data("not tensors at all".utf8) : data.prefix(length)).write(to: file)
      let answer = try Seesaw.run(["compare", "data", "--seeds", "1"], in: folder)
      #expect(answer.status == 66)
      #expect(answer.error.contains("test.safetensors"), "\(answer.error)")
      #expect(!answer.error.contains("unforeseen") && !answer.error.contains("report this"))
    }
  }

  @Test("a folder that is not there, a folder with nothing in it, and raw samples are told apart")
  func places() throws {
    try withTemporaryFolder { folder in
      let none = try Seesaw.run(["train", "none"], in: folder)
      #expect(none.status == 66 && none.error.hasPrefix("error: there is no data set 'none'"))
      try FileManager.default.createDirectory(at: folder.appending(path: "empty"), withIntermediateDirectories: true)
      let empty = try Seesaw.run(["compare", "empty"], in: folder)
      #expect(empty.status == 66 && empty.error.contains("no dataset.json"), "\(empty.error)")
      try TinyRaw().write(to: folder.appending(path: "raw"))
      for command in ["train", "compare"] {
        let raw = try Seesaw.run([command, "raw"], in: folder)
        #expect(raw.status == 66)
        #expect(
          raw.error == """
            error: 'raw' holds raw samples, and features are needed
              encode them first:  seesaw encode raw --out raw-features

            """)
      }
    }
  }

  @Test("a damaged dataset.json is named with line and column")
  func manifest() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      try Data("{\"format\": ".utf8).write(to: folder.appending(path: "data/dataset.json"))
      let answer = try Seesaw.run(["train", "data"], in: folder)
      #expect(answer.status == 66)
      #expect(answer.error.contains("dataset.json:1:"), "\(answer.error)")
    }
  }

  @Test("an output folder that cannot be is refused before anything is trained")
  func output() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      try Data().write(to: folder.appending(path: "file"))
      for out in ["file", "file/run"] {
        for command in [["train", "data"], ["compare", "data", "--seeds", "1"]] {
          let answer = try Seesaw.run(command + ["--out", out] + quick, in: folder)
          #expect(answer.status == 66, "\(answer.error)")
          #expect(answer.error.contains("file"), "\(answer.error)")
          #expect(!answer.error.contains("report this"), "\(answer.error)")
          #expect(answer.out == "")
        }
      }
      #expect(try Data(contentsOf: folder.appending(path: "file")).isEmpty)
    }
  }

  @Test("an output folder without permission is refused", .disabled(if: getuid() == 0, "root may write everywhere"))
  func permission() throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let locked = folder.appending(path: "locked")
      try FileManager.default.createDirectory(
        at: locked, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o500])
      defer { try? FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: locked.path) }
      let answer = try Seesaw.run(["train", "data", "--out", "locked/run"] + quick, in: folder)
      #expect(answer.status == 66)
      #expect(answer.error.contains("no permission"))
    }
  }
}
