import Foundation
import Records
import TestSupport
import Testing

@Suite("The lock of a folder")
struct FolderLockTests {
  @Test("a second one is refused, and told who has it", arguments: [true, false])
  func second(isInside: Bool) throws {
    try withTemporaryFolder { root in
      let folder = root.appending(path: "run")
      func take() throws -> FolderLock { isInside ? try FolderLock(inside: folder) : try FolderLock(beside: folder) }
      let first = try take()
      let refusal = #expect(throws: Diagnosis.self) { try take() }
      #expect(refusal?.what == "somebody else is writing here")
      #expect(refusal?.exitStatus == .failed)
      #expect(refusal?.found.first?.hasPrefix("process \(getpid()) on ") == true)
      #expect(FileManager.default.fileExists(atPath: folder.path) == isInside)
      first.release()
      try take().release()
    }
  }

  @Test("it leaves nothing behind, and ends with whoever holds it")
  func release() throws {
    try withTemporaryFolder { root in
      do {
        let lock = try FolderLock(inside: root)
        #expect(FolderLock.holder(inside: root)?.pid == getpid())
        #expect(try FileManager.default.contentsOfDirectory(atPath: root.path) == [".lock"])
        withExtendedLifetime(lock) {}
      }
      #expect(FolderLock.holder(inside: root) == nil)
      #expect(try FileManager.default.contentsOfDirectory(atPath: root.path).isEmpty)
    }
  }

  @Test("a file that a dead process left is no lock")
  func leftover() throws {
    try withTemporaryFolder { root in
      try Data(#"{"pid":1,"host":"elsewhere","since":"2026-01-01T00:00:00Z"}"#.utf8)
        .write(to: root.appending(path: ".lock"))
      #expect(FolderLock.holder(inside: root) == nil)
      let lock = try FolderLock(inside: root)
      #expect(FolderLock.holder(inside: root)?.pid == getpid())
      lock.release()
    }
  }

  @Test("who waits gets it when it is free, and may give up")
  func waiting() throws {
    try withTemporaryFolder { root in
      let first = try FolderLock(inside: root)
      struct Enough: Error {}
      #expect(throws: Enough.self) { try FolderLock(inside: root) { _ in throw Enough() } }
      var held: [Int32?] = []
      let second = try FolderLock(inside: root) { holder in
        held.append(holder?.pid)
        first.release()
      }
      #expect(held == [getpid()])
      #expect(FolderLock.holder(inside: root)?.pid == getpid())
      second.release()
    }
  }

  @Test("a run that is recorded as running while nobody is at work was killed")
  func killed() throws {
    try withTemporaryFolder { root in
      let folder = RunFolder(root)
      var record = RunRecord(
        configuration: [:], versions: Versions(seesaw: "1", libtorch: "2", swift: "6", platform: "x"), threads: 1,
        device: "cpu", processor: "x",
        data: DataRecord(name: "d", path: "d", classes: ["a", "b"], modalities: ["image"], counts: ["train": 1]),
        started: "2026-01-01T00:00:00Z")
      #expect(folder.status(of: record) == .killed)
      let lock = try folder.lock()
      #expect(folder.status(of: record) == .running)
      lock.release()
      record.status = .finished
      #expect(folder.status(of: record) == .finished)
    }
  }
}
