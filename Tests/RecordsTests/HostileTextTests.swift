import Foundation
import Records
import TestSupport
import Testing

@Suite("Texts and files that others wrote")
struct HostileTextTests {
  @Test(
    "what would steer a terminal is written out, line breaks, tabs and all other signs stay",
    arguments: [
      ("\u{1B}[31mred", "\\u{1B}[31mred"), ("a\u{7}b\u{0}", "a\\u{7}b\\u{0}"), ("\u{9B}2J", "\\u{9B}2J"),
      ("abc\u{202E}gnp.exe", "abc\\u{202E}gnp.exe"), ("a\rb", "a\\u{D}b"), ("\u{7F}", "\\u{7F}"),
      ("a\tb\nc é 日本 👩‍👩‍👧 → £", "a\tb\nc é 日本 👩‍👩‍👧 → £"), ("", ""),
    ])
  func shown(_ text: String, _ expected: String) {
    #expect(text.escapedForTerminal == expected)
  }

  @Test("JSON writes them as escapes, and means the same")
  func json() throws {
    let text = "\u{1B}[0m \u{9B} \u{202E} \u{2028} \u{FEFF} é 👩‍👩‍👧"
    let json = Tree.string(text).json()
    #expect(!json.unicodeScalars.contains { $0.isHidden })
    #expect(json.contains("\\u009b") && json.contains("é 👩‍👩‍👧"))
    #expect(try Tree(json: json) == .string(text))
  }

  @Test("a sentence with a name of a million characters in it stays a sentence")
  func clipped() {
    let name = "a" + String(repeating: "x", count: 1_000_000) + "b"
    let diagnosis = Diagnosis("'\(name)' is unknown", place: name, found: [name], remedy: name)
    #expect(diagnosis.description.utf8.count < 20_000)
    #expect(diagnosis.what.hasPrefix("'ax") && diagnosis.what.hasSuffix("xb' is unknown"))
    #expect("short".clipped() == "short")
    #expect(nearest(to: name, in: [name, "ab"]) == nil)
  }

  @Test("a file is read whole, up to its limit")
  func limit() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "f")
      try Data("12345".utf8).write(to: url)
      #expect(try BoundedFile.read(url, limit: 5) == Data("12345".utf8))
      let error = try #require(throws: Diagnosis.self) { try BoundedFile.read(url, limit: 4) }
      #expect(error.what == "the file is too long: 5 bytes, where at most 4 are read")
      #expect(error.exitStatus == .input && error.place == url.relativePath)
    }
  }

  @Test("a device without end, a pipe without a writer, a folder and nothing at all are refused, not waited for")
  func kinds() throws {
    try withTemporaryFolder { folder in
      let pipe = folder.appending(path: "pipe")
      try #require(mkfifo(pipe.path, 0o600) == 0)
      for (url, what) in [
        (URL(filePath: "/dev/zero"), "not a regular file"), (pipe, "not a regular file"),
        (folder, "a folder where a file was expected"),
        (folder.appending(path: "none"), "no such file or folder"),
      ] {
        let error = try #require(throws: Diagnosis.self) { try BoundedFile.read(url, limit: 100) }
        #expect(error.what == what)
        #expect(error.exitStatus == .input)
        #expect(throws: Diagnosis.self) { try FileDigest.sha256(of: url) }
        #expect(throws: Diagnosis.self) { try Tree.read(RunRecord.self, from: url) }
        #expect(throws: Diagnosis.self) { try JSONLines.read(StepRow.self, from: url) }
      }
      #expect(throws: Diagnosis.self) { try ConfigurationFile(reading: URL(filePath: "/dev/zero")) }
    }
  }

  @Test("ten thousand wrong settings, one with a key of a thousand letters, are one short answer")
  func manyProblems() throws {
    let keys = (0..<9_000).map { "k\($0): 1\n" }.joined()
    let file = ConfigurationFile(name: "a.yaml", text: keys + String(repeating: "x", count: 1000) + ": 1\n")
    let error = try #require(throws: ConfigurationProblems.self) {
      try ConfigurationResolver(defaults: try Tree(encoding: RunConfiguration())).resolve(files: [file])
    }
    #expect(error.problems.count == 9_001)
    #expect(error.diagnosis.what == "9001 settings cannot be used")
    #expect(error.diagnosis.found.last?.hasSuffix("and 8981 more") == true)
    #expect(error.diagnosis.description.utf8.count < 20_000)
  }

  @Test(
    "aliases that explode as a key are refused at once; aliases as values and keys of a word are read",
    arguments: ["? *g\n: 1\n", "*g : 1\n", "[*g]: 1\n", "{*g : 1}\n", "x: {? *g : 1}\n"])
  func aliasKeys(_ key: String) throws {
    var text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for (one, two) in zip("abcdef", "bcdefg") {
      text += "\(two): &\(two) [\(Array(repeating: "*\(one)", count: 9).joined(separator: ", "))]\n"
    }
    let overlay = ConfigurationResolver(defaults: ["set": [:]])
    let error = try #require(throws: ConfigurationProblems.self) {
      try overlay.resolve(files: [ConfigurationFile(name: "a.yaml", text: text + key)])
    }
    #expect(error.problems.map(\.what) == ["a key that is no word cannot be read together with aliases"])
    let good = ConfigurationFile(name: "a.yaml", text: "set: {a: &a [1, 2], b: *a, c*: \"?\"}\n")
    #expect(try overlay.resolve(files: [good]).tree[path: "set.b"] == [1, 2])
  }

  @Test("a list of a million numbers takes about what it is long")
  func compactTree() {
    // One of these lies in each place of a list; twice as much and a line of `predict` takes a gigabyte.
    #expect(MemoryLayout<Tree>.stride <= 24)
  }
}
