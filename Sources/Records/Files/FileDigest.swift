public import Foundation

/// SHA-256 of files and texts, in hexadecimal.
public enum FileDigest {
  /// Of a file, read in portions.
  public static func sha256(of url: URL) throws -> String {
    try Diagnosis.placing(url) {
      let file = try BoundedFile.open(url).handle
      var hash = SHA256()
      let portion = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
      defer { portion.deallocate() }
      while true {
        let count = Foundation.read(file.fileDescriptor, portion.baseAddress, portion.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw PlainFile.lastError() }
        guard count > 0 else { return hex(hash.finalize()) }
        hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: portion[..<count]))
      }
    }
  }

  public static func sha256(of text: String) -> String { hex(SHA256.hash(data: Data(text.utf8))) }

  package static func hex(_ digest: SHA256.Digest) -> String {
    digest.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
