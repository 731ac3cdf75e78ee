import Crypto
import Foundation

/// Which files a checkpoint was read from, and what was in them.
struct CheckpointStamp: Codable, Equatable, Sendable {
  struct File: Codable, Equatable, Sendable {
    /// Relative to the folder.
    let name: String
    let size: Int
    let modified: Double
    let sha256: String
  }

  let folder: String
  let files: [File]

  /// Reads all of the files, in portions.
  init(folder: URL, names: [String]) throws {
    let folder = folder.standardizedFileURL.resolvingSymlinksInPath()
    self.folder = folder.path
    files = try Set(names).sorted().compactMap { name in
      let url = folder.appending(path: name)
      guard let facts = Self.facts(of: url) else { return nil }
      return File(name: name, size: facts.size, modified: facts.modified, sha256: try Self.digest(of: url))
    }
  }

  /// One digest for all of it.
  var digest: String {
    Self.hexadecimal(SHA256.hash(data: Data(files.map { "\($0.name) \($0.sha256)" }.joined(separator: "\n").utf8)))
  }

  /// - Throws: ``CheckpointError/noFolder(_:)``, ``CheckpointError/changed(file:in:)``.
  func check() throws {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
      throw CheckpointError.noFolder(folder)
    }
    for file in files {
      let url = URL(filePath: folder).appending(path: file.name)
      guard let facts = Self.facts(of: url) else { throw CheckpointError.noFile(file.name, in: folder) }
      // Untouched files need not be read again.
      if facts == (file.size, file.modified) { continue }
      guard facts.size == file.size, try Self.digest(of: url) == file.sha256 else {
        throw CheckpointError.changed(file: file.name, in: folder)
      }
    }
  }

  private static func facts(of url: URL) -> (size: Int, modified: Double)? {
    guard let found = try? FileManager.default.attributesOfItem(atPath: url.resolvingSymlinksInPath().path),
      let size = found[.size] as? Int, let date = found[.modificationDate] as? Date
    else { return nil }
    return (size, date.timeIntervalSinceReferenceDate)
  }

  private static func digest(of url: URL) throws -> String {
    let file = try FileHandle(forReadingFrom: url)
    defer { try? file.close() }
    var hash = SHA256()
    while let data = try file.read(upToCount: 4 << 20), !data.isEmpty { hash.update(data: data) }
    return hexadecimal(hash.finalize())
  }

  private static func hexadecimal(_ digest: SHA256.Digest) -> String {
    digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
