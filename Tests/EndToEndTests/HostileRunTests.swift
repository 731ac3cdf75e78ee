import Foundation
import Records
import TestSupport
import Testing

/// Run folders that an enemy made, and what names in them do to a terminal.
@Suite("Runs of others")
struct HostileRunTests {
  private func withRun(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try TinyFeatures().write(to: folder.appending(path: "data"))
      let answer = try Seesaw.run(["train", "data", "--out", "r", "-q"] + quick, in: folder)
      #expect(answer.status == 0, "\(answer.error)")
      try body(folder)
    }
  }

  private func predict(in folder: URL) throws -> Answer {
    try Seesaw.run(["predict", "r"], in: folder, input: "{\"features\": {\"text\": [1, 0, 0, 0]}}\n")
  }

  private func change(_ file: URL, _ body: (inout Tree) -> Void) throws {
    var tree = try Tree(json: String(contentsOf: file, encoding: .utf8))
    body(&tree)
    try Data(tree.json().utf8).write(to: file)
  }

  @Test(
    "a record whose names climb, repeat or hold control characters describes no model",
    arguments: [
      ["../../image", "text"], ["image", "image"], [], ["image", "te\u{1B}[31mxt"],
    ])
  func modalities(_ names: [String]) throws {
    try withRun { folder in
      try change(folder.appending(path: "r/run.json")) {
        $0[path: "data.modalities"] = .list(names.map(Tree.string))
      }
      let answer = try predict(in: folder)
      #expect(answer.status == 66, "\(answer.error)")
      #expect(answer.error.contains("the run's record does not describe a model"), "\(answer.error)")
      #expect(!answer.error.unicodeScalars.contains("\u{1B}"))
    }
  }

  @Test("a model larger than its weights is refused before it is made")
  func largeModel() throws {
    try withRun { folder in
      try change(folder.appending(path: "r/run.json")) {
        $0[path: "data.classes"] = .list((0..<50_000).map { .string("c\($0)") })
      }
      let answer = try predict(in: folder)
      #expect(answer.status == 66, "\(answer.error)")
      #expect(!answer.error.contains("report this"), "\(answer.error)")
    }
  }

  @Test("what stands for a missing modality must be as wide as the model")
  func missing() throws {
    try withRun { folder in
      let file = folder.appending(path: "r/missing.safetensors")
      try StoredFile.write(["image": .floats([0, 0, 0], [1, 3]), "text": .floats([0, 0, 0, 0], [1, 4])], to: file)
      let answer = try predict(in: folder)
      #expect(answer.status == 66, "\(answer.error)")
      #expect(answer.error.contains("'image' is 3 wide, the model was built for 6"), "\(answer.error)")
    }
  }

  @Test("no name reaches the terminal as it is: not from a manifest, a record, a file's name or a line")
  func names() throws {
    try withRun { folder in
      let evil = "\u{1B}]0;owned\u{7}\u{9B}31m"
      var answers = [
        try Seesaw.run(
          ["predict", "r"], in: folder, input: "{\"\(evil)\": 1}\n{\"id\": \"\\u001b[31m\", \"text\": \"\"}\n"),
        try Seesaw.run(["train", "data\(evil)"], in: folder),
      ]
      try change(folder.appending(path: "r/run.json")) {
        $0[path: "data.name"] = .string(evil)
        $0[path: "notes"] = [.string(evil)]
        $0[path: "processor"] = .string(evil)
      }
      try change(folder.appending(path: "r/evaluation.json")) { $0[path: "dataset"] = .string(evil) }
      answers.append(try Seesaw.run(["runs", "show", "r"], in: folder))
      answers.append(try Seesaw.run(["runs", "list", "."], in: folder))
      try change(folder.appending(path: "data/dataset.json")) {
        $0[path: "classes"] = [.string("red"), .string(evil), .string("blue")]
      }
      let train = try Seesaw.run(["train", "data", "--out", "s"] + quick, in: folder)
      #expect(train.status == 66 && train.error.contains("a control character in the class"), "\(train.error)")
      answers.append(train)
      for answer in answers {
        let said = answer.out + answer.error
        #expect(!said.isEmpty)
        for scalar in ["\u{1B}", "\u{7}", "\u{9B}"] as [Unicode.Scalar] {
          #expect(!said.unicodeScalars.contains(scalar), "\(said.debugDescription)")
        }
      }
    }
  }

  @Test("a picture that is a device, or has a zero byte in its name, is an answer and not a hang")
  func pictures() throws {
    try withTemporaryFolder { folder in
      try TinyRaw().write(to: folder.appending(path: "raw"))
      #expect(try Seesaw.run(["encode", "raw", "--out", "d", "-q"], in: folder).status == 0)
      #expect(try Seesaw.run(["train", "d", "--out", "r", "-q"] + quick, in: folder).status == 0)
      let input = "{\"image\": \"/dev/zero\"}\n{\"image\": \"a\\u0000b\"}\n{\"image\": \"none.png\"}\n"
      let answer = try Seesaw.run(["predict", "r"], in: folder, input: input)
      #expect(answer.status == 1, "\(answer.error)")
      let errors = try answer.out.split(separator: "\n").map { try Tree(json: $0)[path: "error"]?.stringValue ?? "" }
      #expect(errors.count == 3)
      for (error, words) in zip(errors, ["not a regular file", "a zero byte", "no such file"]) {
        #expect(error.contains(words), "\(error)")
      }
    }
  }
}
