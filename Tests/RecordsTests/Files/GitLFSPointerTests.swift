import Foundation
import Records
import TestSupport
import Testing

/// What stands where a file belongs that Git LFS has not fetched.
@Suite struct GitLFSPointerTests {
  static let pointer = """
    version https://git-lfs.github.com/spec/v1
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
    size 12345

    """

  @Test("a pointer is told as such by whatever reads or digests it, with what fetches the file")
  func told() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "model.bin")
      try Data(Self.pointer.utf8).write(to: file)
      let words = "the file is a Git LFS pointer; git lfs pull fetches the file itself"
      for read in [
        { _ = try BoundedFile.read(file, limit: 1 << 20) }, { _ = try FileDigest.sha256(of: file) },
        { try GitLFSPointer.refuse(file) },
      ] as [() throws -> Void] {
        let error = try #require(throws: Diagnosis.self) { try read() }
        #expect(error.what == words)
        #expect(error.place == file.relativePath && error.exitStatus == .input)
      }
      #expect(GitLFSPointer.stands(at: file))
    }
  }

  @Test("a longer file that begins so, another text and nothing are no pointers")
  func others() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "notes.txt")
      for text in [Self.pointer + String(repeating: "more of it\n", count: 100), "version 2", ""] {
        try Data(text.utf8).write(to: file)
        #expect(try BoundedFile.read(file, limit: 1 << 20) == Data(text.utf8))
        #expect(!GitLFSPointer.stands(at: file))
      }
      #expect(!GitLFSPointer.stands(at: folder.appending(path: "none")))
    }
  }
}
