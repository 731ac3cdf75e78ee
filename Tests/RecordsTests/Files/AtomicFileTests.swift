import Foundation
import Records
import TestSupport
import Testing

struct AtomicFileTests {
  @Test("what is written is there whole, and nothing else is left")
  func writing() throws {
    try withTemporaryFolder { root in
      let url = root.appending(path: "a.bin")
      let data = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0) })
      try AtomicFile.write(Data("old".utf8), to: url)
      try AtomicFile.write(data, to: url)
      #expect(try Data(contentsOf: url) == data)
      #expect(try FileManager.default.contentsOfDirectory(atPath: root.path) == ["a.bin"])
    }
  }

  @Test("a writer that fails leaves the old file and no other")
  func failing() throws {
    struct Stop: Diagnosable { let diagnosis = Diagnosis("stop") }
    try withTemporaryFolder { root in
      let url = root.appending(path: "a.txt")
      try AtomicFile.write(Data("old".utf8), to: url)
      #expect(throws: Stop.self) {
        try AtomicFile.replace(url) { temporary in
          try Data("half".utf8).write(to: temporary)
          throw Stop()
        }
      }
      #expect(try String(contentsOf: url, encoding: .utf8) == "old")
      #expect(try FileManager.default.contentsOfDirectory(atPath: root.path) == ["a.txt"])
    }
  }

  @Test("a missing folder, and a folder in the file's place, are told with the file's name")
  func refusals() throws {
    try withTemporaryFolder { root in
      let missing = #expect(throws: Diagnosis.self) {
        try AtomicFile.write(Data(), to: root.appending(path: "none/a.txt"))
      }
      #expect(missing?.what == "no such file or folder")
      #expect(missing?.place?.hasSuffix("none/a.txt") == true)
      let folder = root.appending(path: "folder")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      let taken = #expect(throws: Diagnosis.self) { try AtomicFile.write(Data(), to: folder) }
      #expect(taken?.what == "a folder where a file was expected")
      #expect(try FileManager.default.contentsOfDirectory(atPath: root.path) == ["folder"])
    }
  }

  @Test("a folder is replaced as a whole, and put back where that was broken off")
  func folders() throws {
    try withTemporaryFolder { root in
      let files = FileManager.default
      let url = root.appending(path: "data")
      func make(_ name: String, _ text: String) throws -> URL {
        let folder = root.appending(path: name)
        try files.createDirectory(at: folder, withIntermediateDirectories: false)
        try Data(text.utf8).write(to: folder.appending(path: "file"))
        return folder
      }
      func content() throws -> String { try String(contentsOf: url.appending(path: "file"), encoding: .utf8) }
      try AtomicFolder.replace(url, with: make("one", "1"))
      try AtomicFolder.replace(url, with: make("two", "2"))
      #expect(try content() == "2")
      #expect(try files.contentsOfDirectory(atPath: root.path) == ["data"])

      // As a process leaves it that is killed between the two renamings.
      try files.moveItem(at: url, to: root.appending(path: ".data.replaced"))
      let made = try make("three", "3")
      AtomicFolder.recover(url)
      #expect(try content() == "2")
      try AtomicFolder.replace(url, with: made)
      #expect(try content() == "3")
      // As one leaves it that is killed after them.
      _ = try make(".data.replaced", "2")
      AtomicFolder.recover(url)
      #expect(try content() == "3")
      #expect(try files.contentsOfDirectory(atPath: root.path) == ["data"])
    }
  }
}
