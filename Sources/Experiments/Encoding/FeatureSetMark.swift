import Datasets
import Foundation
import Records

/// What tells features again whose raw files have got other times, as by a copy or a checkout: `.encoding.json` beside the
/// features, which do not depend on it.
struct FeatureSetMark: Codable {
  private static let file = ".encoding.json"

  /// The keys of raw data that these features are known to be of.
  var keys: [String]
  /// The key without the files' times.
  var timelessKey: String

  init(keys: [String], timelessKey: String) {
    self.keys = keys
    self.timelessKey = timelessKey
  }

  /// Nil where there is none, as in features of earlier versions.
  init?(in folder: URL) {
    guard let mark: FeatureSetMark = try? Tree.read(from: folder.appending(path: Self.file)) else { return nil }
    self = mark
  }

  /// Whether raw data of that key are known to make the features whose manifest has the other; a mark beside another manifest
  /// says nothing.
  func tells(_ key: String, of manifest: String) -> Bool { keys.contains(manifest) && keys.contains(key) }

  func adding(_ key: String) -> FeatureSetMark { FeatureSetMark(keys: keys + [key], timelessKey: timelessKey) }

  func write(to folder: URL) throws {
    let text = try Tree(encoding: self, keys: .asNamed).json(.pretty) + "\n"
    try AtomicFile.write(Data(text.utf8), to: folder.appending(path: Self.file))
  }

  /// Whether all features in one folder are in the other, bit for bit.
  static func agree(_ one: URL, _ other: URL) throws -> Bool {
    let files = FileManager.default
    let names = try files.subpathsOfDirectory(atPath: one.path).filter { $0.hasSuffix(".safetensors") }
    return try names.allSatisfy { name in
      let (a, b) = (one.appending(path: name), other.appending(path: name))
      if files.contentsEqual(atPath: a.path, andPath: b.path) { return true }
      // Of joined features the files hold places.
      return try files.fileExists(atPath: b.path) && FeatureFile.agree(a, b)
    }
  }
}
