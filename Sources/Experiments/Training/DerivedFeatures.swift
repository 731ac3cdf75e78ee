import Datasets
import Foundation
import Records

/// A folder of features that is made of another set's files, once.
enum DerivedFeatures {
  /// What names files by their contents, a line each.
  static func key(_ digests: [String: String]) -> String {
    digests.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }.joined()
  }

  /// Makes a folder anew, unless it was made of the same.
  ///
  /// - Parameters:
  ///   - key: what it is made of; written when all else is.
  ///   - write: fills the folder, which is there and empty.
  static func make(in folder: URL, of key: String, _ write: () throws -> Void) throws {
    let mark = folder.appending(path: "made-of")
    if (try? String(contentsOf: mark, encoding: .utf8)) == key { return }
    let files = FileManager.default
    try Diagnosis.placing(folder) {
      if files.fileExists(atPath: folder.path) { try files.removeItem(at: folder) }
      try files.createDirectory(at: folder, withIntermediateDirectories: true)
    }
    try write()
    try AtomicFile.write(Data(key.utf8), to: mark)
  }

  /// Lets files of a folder refer to the rows that those of a joined feature set refer to.
  static func linkRows(of set: URL, into folder: URL) throws {
    let rows = set.appending(path: JoinedRows.folder)
    guard FileManager.default.fileExists(atPath: rows.path) else { return }
    try Diagnosis.placing(folder) {
      try FileManager.default.createSymbolicLink(
        at: folder.appending(path: JoinedRows.folder), withDestinationURL: rows.standardizedFileURL)
    }
  }

  /// Puts files into a folder as they are, without a copy where the disk admits it.
  static func link(_ all: some Sequence<URL>, into folder: URL) throws {
    let files = FileManager.default
    try Diagnosis.placing(folder) {
      try files.createDirectory(at: folder, withIntermediateDirectories: true)
      for file in all {
        let target = folder.appending(path: file.lastPathComponent)
        do { try files.linkItem(at: file, to: target) } catch { try files.copyItem(at: file, to: target) }
      }
    }
  }
}
