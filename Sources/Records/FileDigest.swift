package import Crypto
public import Foundation

/// SHA-256 of files and texts, in hexadecimal.
public enum FileDigest {
  /// Of a file, read in portions.
  public static func sha256(of url: URL) throws -> String {
    try Diagnosis.placing(url) {
      let file = try BoundedFile.open(url).handle
      var hash = SHA256()
      while let data = try file.read(upToCount: 4 << 20), !data.isEmpty { hash.update(data: data) }
      return hex(hash.finalize())
    }
  }

  public static func sha256(of text: String) -> String { hex(SHA256.hash(data: Data(text.utf8))) }

  package static func hex(_ digest: SHA256.Digest) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
