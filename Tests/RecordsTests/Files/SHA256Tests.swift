import Foundation
import Records
import TestSupport
import Testing

struct SHA256Tests {
  /// The examples of FIPS 180-4, and what is longer than a block.
  static let known: [(String, String)] = [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
  ]

  @Test("digests are those of the standard", arguments: known)
  func standard(text: String, digest: String) throws {
    #expect(FileDigest.sha256(of: text) == digest)
    try withTemporaryFolder { root in
      let url = root.appending(path: "a.txt")
      try Data(text.utf8).write(to: url)
      #expect(try FileDigest.sha256(of: url) == digest)
    }
  }

  @Test("it does not matter in which portions bytes come, nor who else takes digests meanwhile")
  func portions() async {
    let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 2) }
    let whole = FileDigest.hex(SHA256.hash(data: bytes))
    let found = await withTaskGroup(of: String.self) { group in
      for size in [1, 7, 63, 64, 65, 4999] {
        group.addTask {
          var hash = SHA256()
          for start in stride(from: 0, to: bytes.count, by: size) {
            hash.update(data: bytes[start..<min(start + size, bytes.count)])
            hash.update(data: Data())
          }
          return FileDigest.hex(hash.finalize())
        }
      }
      return await group.reduce(into: [String]()) { $0.append($1) }
    }
    #expect(found == [String](repeating: whole, count: 6))
    #expect(whole.count == 64 && FileDigest.sha256(of: "abc") != whole)
  }
}
