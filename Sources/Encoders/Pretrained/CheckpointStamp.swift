package import Foundation
import Records

/// Which files a checkpoint was read from, and what was in them.
package struct CheckpointStamp: Codable, Equatable, Sendable {
  package struct File: Codable, Equatable, Sendable {
    /// Relative to the folder.
    let name: String
    let size: Int
    let modified: Double
    let sha256: String
  }

  package let folder: String
  let files: [File]

  /// Reads all of the files, in portions.
  package init(folder: URL, names: [String]) throws {
    let folder = folder.standardizedFileURL.resolvingSymlinksInPath()
    self.folder = folder.path
    files = try Set(names).sorted().compactMap { name in
      let url = folder.appending(path: name)
      guard let facts = Self.facts(of: url) else { return nil }
      return File(name: name, size: facts.size, modified: facts.modified, sha256: try FileDigest.sha256(of: url))
    }
  }

  /// One digest for all of it.
  package var digest: String {
    FileDigest.sha256(of: files.map { "\($0.name) \($0.sha256)" }.joined(separator: "\n"))
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
      guard facts.size == file.size, try FileDigest.sha256(of: url) == file.sha256 else {
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
}
