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
}
