import Foundation
import Records
import TestSupport
import Testing

struct RunRecordTests {
  @Test("a record survives its file, its configuration exactly")
  func roundTrip() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root.appending(path: "run"))
      try folder.create()
      var record = try exampleRecord()
      try folder.write(record)
      #expect(try folder.readRecord() == record)
      record.status = .finished
      record.ended = RunRecord.timestamp(Date(timeIntervalSince1970: 0))
      record.seconds = 12
      record.selectedEpoch = 3
      record.notes = ["no validation split"]
      try folder.write(record)
      #expect(try folder.readRecord() == record)
      #expect(record.ended == "1970-01-01T00:00:00Z")
    }
  }

  @Test("the file says what it is first, and keeps configuration in snake case, itself in camel case")
  func text() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      var record = try exampleRecord()
      record.selectedEpoch = 1
      try folder.write(record)
      let text = try String(contentsOf: folder.record, encoding: .utf8)
      #expect(text.hasPrefix("{\n  \"format\": \"seesaw-run/1\",\n  \"status\": \"running\","))
      #expect(text.contains("\"batch_size\": 128"))
      #expect(text.contains("\"selectedEpoch\": 1"))
      #expect(!text.contains("\"ended\""))
      #expect(text.hasSuffix("}\n"))
    }
  }

  @Test("a record is a configuration that gives the same configuration")
  func repetition() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      var record = try exampleRecord()
      record.configuration[path: "training.epochs"] = 7
      try folder.write(record)
      let overlay = ConfigurationResolver(
        defaults: try Tree(encoding: RunConfiguration()), rules: RunConfiguration.rules)
      let resolved = try overlay.resolve(files: [ConfigurationFile(reading: folder.record)])
      #expect(resolved.tree == record.configuration)
    }
  }

  @Test("a record of another form is refused with its file")
  func otherFormat() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      try Data(#"{"format": "seesaw-run/9"}"#.utf8).write(to: folder.record)
      let error = #expect(throws: Diagnosis.self) { try folder.readRecord() }
      #expect(error?.what == "'seesaw-run/9' was met where 'seesaw-run/1' is read")
      #expect(error?.place?.contains("run.json") == true)
      #expect(error?.exitStatus == .input)
    }
  }

  @Test("the time of day is asked for in two places, and durations are not made of it")
  func clocks() throws {
    let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")
    var found: [String] = []
    for path in try FileManager.default.subpathsOfDirectory(atPath: sources.path) where path.hasSuffix(".swift") {
      let text = try String(contentsOf: sources.appending(path: path), encoding: .utf8)
      let words = ["Date()", "Date.now", "timeIntervalSinceNow", "CFAbsoluteTimeGetCurrent", "gettimeofday"]
      if words.contains(where: text.contains) { found.append(path) }
    }
    // An event file carries the time of its events, as TensorBoard shows it.
    #expect(found.sorted() == ["Records/Files/EventFile.swift", "Records/Results/RunRecord.swift"])
  }
}
